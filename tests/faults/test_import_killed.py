"""`manage.py import_users` as a process of its own, killed between two members and in the middle of one."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings as ours
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Credential, User
from config.run.folders import CHECKOUT
from openhumans_client import OpenHumansClient, Unauthorized
from sandbox.github.service import Service
from sync.legacy.members import COLUMNS
from sync.models import Subscription
from tests.faults.crowd import crowded_repository, email_of
from tests.faults.gate import Gate
from tests.faults.searched import beside_the_test
from tests.secrets.planted import MESSAGE, NAME
from tests.sync.world import World, living

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
TOKEN = "POST /oauth2/token/"
PATIENCE_SECONDS = 120
TOKENS_OF_A_ROW = ("access_token", "refresh_token", "github_token")
OLD_SCOPES = ("repo", "user")
MEMBERS = ["50000001", "50000002", "50000003", "50000004"]
Row = dict[str, str]


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    """Both services, with a GitHub account for each member of the old app, and nobody of them here."""
    moment = timezone.now() - timedelta(days=20)
    repository = crowded_repository(tmp_path, len(MEMBERS), moment, name=NAME, message=MESSAGE)
    with living(tmp_path, settings, {NAME: repository}, private=(NAME,)) as world:
        world.member.delete()
        yield world


@pytest.fixture
def gate(world: World) -> Iterator[Gate]:
    """Between the process and Open Humans."""
    gate = Gate(world.openhumans.url)
    yield gate
    gate.close()


def of_the_old_app(world: World) -> list[Row]:
    """Rows of its members, whose tokens work."""
    service: Service = world.github.app.extensions["github_stand_in"]
    grants, rows = world.state.grants, []
    for number, member in enumerate(MEMBERS):
        account = service.world.catalogue.account_by_email(email_of(number))
        assert account is not None
        issued = service.tokens.issue(account.id, ours.GITHUB_CLIENT_ID, OLD_SCOPES)
        grants.join(member)
        code = grants.issue_code(ours.OPENHUMANS_CLIENT_ID, member, "", "read write", "", "")
        pair = grants.spend_code(code)
        assert pair is not None
        row = dict.fromkeys(COLUMNS, "") | {
            "oh_id": member,
            "access_token": str(pair.access),
            "refresh_token": str(pair.refresh),
            "oh_deauth": "f",
            "github_id": str(account.id),
            "github_token": issued.access_token,
            "last_updated": f"2026-04-0{number + 1} 09:00:00+00",
        }
        rows.append(row | {"token_expires": "2026-05-01 10:00:00+00"})
    return rows


def write(rows: list[Row], path: Path) -> Path:
    path.touch(mode=0o600)
    path.write_text("\n".join([",".join(COLUMNS), *(",".join(row.values()) for row in rows)]))
    return path


@contextmanager
def importing(csv: Path, log: Path, env: dict[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    """The command, which says what it does into the log."""
    command = [sys.executable, "manage.py", "import_users", "--csv", str(csv), "--old-app-stopped"]
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=CHECKOUT, env=env, stdout=output, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def killed(process: "subprocess.Popen[bytes]") -> None:
    process.kill()
    process.wait(PATIENCE_SECONDS)
    assert process.returncode == -signal.SIGKILL


def here() -> list[str]:
    members = User.objects.exclude(open_humans_id=None).order_by("open_humans_id")
    return [str(member.open_humans_id) for member in members]


def is_good(world: World, member: str) -> bool:
    """Whether Open Humans takes the token that is stored here."""
    credential = Credential.objects.get(
        identity__user__open_humans_id=member, identity__provider="openhumans"
    )
    try:
        OpenHumansClient(world.openhumans.url, credential.access_token).fetch_project()
    except Unauthorized:
        return False
    return True


def test_killed_between_members_and_within_one_it_goes_on_and_loses_at_most_the_pair_in_flight(
    world: World, gate: Gate, tmp_path: Path, place: Path
) -> None:
    """Promise 5, for members: each is here whole or not at all, and nobody who is here is refreshed again.

    Open Humans kills a pair as it answers, so the one kill that costs something comes between that answer
    and the commit: that one member signs in again. All others never notice.
    """
    rows = of_the_old_app(world)
    csv = write(rows, tmp_path / "members.csv")
    first, second, third, fourth = MEMBERS
    tokens = {row[name]: name for row in rows for name in TOKENS_OF_A_ROW}
    logs = [place / f"import-{number}.log" for number in range(3)]
    beside = beside_the_test(place, world, tmp_path / "openhumans", tokens, OPENHUMANS_URL=gate.url)
    with beside as env:
        # The first is stored; the second's refresh has not arrived when the process dies.
        asking = gate.hold(TOKEN, "request", rows[1]["refresh_token"].encode())
        with asking as asked, importing(csv, logs[0], env) as process:
            asked.wait(PATIENCE_SECONDS)
            assert here() == [first], "one transaction for each, committed before the next begins"
            killed(process)
            asked.drop()
        assert here() == [first]

        # Open Humans has answered the third's refresh, and the answer is lost with the process.
        asking = gate.hold(TOKEN, "request", rows[2]["refresh_token"].encode())
        with asking as asked, importing(csv, logs[1], env) as process:
            asked.wait(PATIENCE_SECONDS)
            with gate.hold(TOKEN, "answer") as answered:
                asked.release()
                answered.wait(PATIENCE_SECONDS)
                killed(process)
                answered.drop()
        assert here() == [first, second]

        with importing(csv, logs[2], env) as process:
            process.wait(PATIENCE_SECONDS)
    printed = logs[2].read_text(encoding="utf-8")
    assert process.returncode == 0, printed
    assert printed.splitlines() == [
        f"{first} here already",
        f"{second} here already",
        f"{third} must sign in (Open Humans no longer accepts the old app's token)",
        f"{fourth} brought over",
        "4 members: brought over 1, must sign in 1, here already 2",
    ]
    assert here() == MEMBERS
    assert [is_good(world, member) for member in MEMBERS] == [True, True, False, True]
    statuses = dict(Subscription.objects.values_list("user__open_humans_id", "status"))
    active = Subscription.Status.ACTIVE
    waits = Subscription.Status.RECONNECT_OPENHUMANS
    assert statuses == {first: active, second: active, third: waits, fourth: active}
    # Once for each member, and once more for the one whose answer was lost.
    assert world.openhumans.accounting()["by_endpoint"][TOKEN] == len(MEMBERS) + 1
