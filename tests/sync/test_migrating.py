"""docs/migrating.md, rehearsed: members in a CSV, both services as stand-ins, and one of them synced."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from io import StringIO
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Credential, User
from openhumans_client import OpenHumansClient, Unauthorized
from sandbox.github import repository as git_repository
from sandbox.github.app import create_app as create_github
from sandbox.github.service import Service
from sandbox.openhumans.app import create_app as create_openhumans
from sandbox.openhumans.options import Options
from sandbox.openhumans.state import State
from sandbox.server import running
from sync.legacy.members import COLUMNS
from sync.legacy.moving import awaits_consent
from sync.models import Subscription, SyncRun
from sync.scanning import scan
from tests.repositories import Repository
from tests.sync.world import StandIn, World, forget_budget

pytestmark = pytest.mark.django_db(transaction=True)
OLD_SCOPES = ("repo", "user")


@dataclass
class Rehearsal:
    """The old app's last day: its members' tokens work, and one of them has a `github.json`."""

    github: StandIn
    openhumans: StandIn
    repository: Repository
    csv: Path
    ready: dict[str, str]

    @property
    def service(self) -> Service:
        service: Service = self.github.app.extensions["github_stand_in"]
        return service

    @property
    def state(self) -> State:
        state: State = self.openhumans.app.extensions["state"]
        return state

    def joined(self) -> dict[str, str]:
        """A row of a member of the old app's project, without GitHub."""
        member_id = str(uuid4().int)[:8]
        self.state.grants.join(member_id)
        client = django_settings.OPENHUMANS_CLIENT_ID
        pair = self.state.grants.spend_code(
            self.state.grants.issue_code(client, member_id, "", "read write", "", "")
        )
        assert pair is not None
        row = dict.fromkeys(COLUMNS, "")
        access, refresh = str(pair.access), str(pair.refresh)
        row |= {"oh_id": member_id, "access_token": access, "refresh_token": refresh, "oh_deauth": "f"}
        return row | {"token_expires": "2026-05-01 10:00:00+00", "last_updated": "2026-04-30 09:00:00+00"}

    def connected(self) -> dict[str, str]:
        """A row with a GitHub token as wide as the old app asked for."""
        account = self.service.world.catalogue.member
        issued = self.service.tokens.issue(account.id, django_settings.GITHUB_CLIENT_ID, OLD_SCOPES)
        github = {"github_id": str(account.id), "github_token": issued.access_token}
        # The longest without an update, so the first one that is due.
        return self.joined() | github | {"last_updated": "2026-04-01 09:00:00+00"}

    def write(self, *rows: dict[str, str]) -> None:
        self.csv.touch(mode=0o600)
        self.csv.write_text("\n".join([",".join(COLUMNS), *(",".join(row.values()) for row in rows)]))

    def keep_old_file(self, row: dict[str, str]) -> None:
        client = OpenHumansClient(self.openhumans.url, row["access_token"])
        content = json.dumps({"metadata": {"user_info": {"id": 1}}, "repo_data": {}}).encode()
        metadata = {"description": "Github data.", "tags": ["Github", "github", "commits", "code", "repos"]}
        started = client.start_upload("github.json", metadata)
        client.put_upload(started, io.BytesIO(content), len(content))
        client.complete_upload(started.file_id)


@contextmanager
def last_day_of_the_old_app(folder: Path, overrides: Settings) -> Iterator[Rehearsal]:
    repository = Repository.create(folder / "trails", f"{uuid4().hex[:12]}@example.org")
    now = timezone.now().replace(microsecond=0)
    repository.add((now - timedelta(days=400 - 10 * n)).isoformat() for n in range(30))
    git_repository._LOOK_AGAIN_SECONDS = 0
    github = create_github([repository.path], emails=[repository.email], private=())
    openhumans = create_openhumans(Options(folder=folder / "openhumans"))
    with running(github) as github_url, running(openhumans) as openhumans_url:
        overrides.GITHUB_URL, overrides.GITHUB_API_URL = github_url, f"{github_url}/api"
        overrides.OPENHUMANS_URL = openhumans_url
        overrides.LEGACY_CALLBACKS = True
        rehearsal = Rehearsal(
            StandIn(github_url, github),
            StandIn(openhumans_url, openhumans),
            repository,
            folder / "members.csv",
            {},
        )
        rehearsal.ready = rehearsal.connected()
        rehearsal.keep_old_file(rehearsal.ready)
        yield rehearsal


@pytest.fixture
def rehearsal(tmp_path: Path, settings: Settings) -> Iterator[Rehearsal]:
    with last_day_of_the_old_app(tmp_path, settings) as rehearsal:
        yield rehearsal


def manage(command: str, *arguments: str) -> str:
    out = StringIO()
    call_command(command, *arguments, stdout=out, stderr=out)
    return out.getvalue()


def import_users(rehearsal: Rehearsal, *arguments: str) -> list[str]:
    return manage("import_users", "--csv", str(rehearsal.csv), *arguments).splitlines()


def is_good(rehearsal: Rehearsal, token: str) -> bool:
    try:
        OpenHumansClient(rehearsal.openhumans.url, token).fetch_project()
    except Unauthorized:
        return False
    return True


def test_the_whole_move_ends_with_a_member_synced(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready, unconnected = rehearsal.ready, rehearsal.joined()
    left = rehearsal.joined() | {"oh_deauth": "t"}
    rehearsal.write(ready, unconnected, left)

    # 2. Compare the project, before anybody is here, with the token of a member of the old app.
    with pytest.raises(CommandError, match="OPENHUMANS_TOKEN"):
        manage("check_project")
    monkeypatch.setenv("OPENHUMANS_TOKEN", ready["access_token"])
    assert "/openhumans/complete" in manage("check_project")
    monkeypatch.delenv("OPENHUMANS_TOKEN")

    # 3. and 6. Look: nothing changes, the old app's tokens go on working.
    looked = import_users(rehearsal, "--dry-run")
    assert looked[-1] == "3 members: ready 1, must connect 1, left before 1"
    assert is_good(rehearsal, ready["access_token"])
    assert User.objects.count() == 0

    # 7. Import: from now on the old app's tokens are dead.
    with pytest.raises(CommandError, match="--old-app-stopped"):
        import_users(rehearsal)
    assert import_users(rehearsal, "--old-app-stopped")[-1] == (
        "3 members: brought over 1, must connect 1, left before 1"
    )
    assert not is_good(rehearsal, ready["access_token"])
    assert not is_good(rehearsal, unconnected["access_token"])
    assert is_good(rehearsal, left["access_token"])

    # 8. Switch: the project is asked with a member's new token, and the scan starts what is due.
    assert "Nothing is wrong" in manage("check_project")
    subscription = Subscription.objects.get(user__open_humans_id=ready["oh_id"])
    assert scan(timezone.now(), limit=10).queued == 1
    world = World(rehearsal.github, rehearsal.openhumans, subscription, {"trails": rehearsal.repository})
    run = subscription.active_run
    assert run is not None
    try:
        world.finish(run)
        assert run.state == SyncRun.State.SUCCEEDED
        years = {name: content for name, content in world.years().items() if name.startswith("github-20")}
        held = {
            c["oid"] for year in years.values() for week in year["weeks"].values() for c in week["commits"]
        }
        assert held == rehearsal.repository.oids()
        assert "github.json" in world.stored()
        assert not any("private" in name for name in world.stored())
        assert awaits_consent(world.subscription)
    finally:
        forget_budget(subscription)


def test_a_move_killed_on_the_way_goes_on(rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch) -> None:
    """The worst moment that loses nothing: before Open Humans is asked for the second member's tokens."""
    from sync.legacy import moving

    rows = [rehearsal.ready, rehearsal.joined(), rehearsal.joined()]
    rehearsal.write(*rows)
    ask, asked = moving._new_pair, []

    def die_at_the_second(token: str) -> object:
        asked.append(token)
        if len(asked) == 2:
            raise SystemExit
        return ask(token)

    monkeypatch.setattr(moving, "_new_pair", die_at_the_second)
    with pytest.raises(SystemExit):
        import_users(rehearsal, "--old-app-stopped")
    assert User.objects.count() == 1
    monkeypatch.setattr(moving, "_new_pair", ask)

    assert "here already 1" in import_users(rehearsal, "--old-app-stopped")[-1]

    assert User.objects.count() == 3
    stored = Credential.objects.filter(identity__provider="openhumans")
    assert all(is_good(rehearsal, credential.access_token) for credential in stored)


def test_the_select_in_the_documentation_gives_the_columns_that_are_read() -> None:
    page = (django_settings.BASE_DIR / "docs" / "migrating.md").read_text()
    select = page.partition("(select ")[2].partition(" from ")[0]
    names = [column.split(" as ")[-1].split(".")[-1] for column in select.split(", ")]
    assert tuple(names) == COLUMNS
