"""After an account was deleted nothing says who that was, also where operators had acted on them."""

import io
import logging
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from uuid import uuid4

import dramatiq
import pytest
from django.conf import settings as the_settings
from django.contrib.admin.models import LogEntry
from django.core.cache import cache
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Credential, User
from sandbox.github.ids import numeric_id
from sync import runs
from sync.actors import end_access, sync_step
from sync.consent import Choice
from sync.errors import WaitForLimit
from sync.leaving import departures, erasing, erasures
from sync.models import EraseScope, OperatorAction, Receipt, Subscription, SyncRun
from tests.cast import make_member
from tests.repositories import Repository
from tests.secrets.logs import unscrubbed
from tests.secrets.search import SHORTEST, Finding, Search
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)
BACKEND = "django.contrib.auth.backends.ModelBackend"
REDIS = ("BROKER_URL", "BUDGET_URL", "METRICS_URL")


@pytest.fixture
def world(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """A member with public and private files; temporary files have a folder of their own."""
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    cache.clear()
    email = address_of_a_long_id()
    moments = [(datetime.now(UTC) - timedelta(days=30 * n)).isoformat("T", "seconds") for n in range(6)]
    repositories = {}
    for name in (f"walrus-{uuid4().hex[:8]}", f"penguin-{uuid4().hex[:8]}"):
        repositories[name] = Repository.create(tmp_path / "git" / name, email)
        repositories[name].add(reversed(moments))
    private = (list(repositories)[1],)
    with living(tmp_path, settings, repositories, choice=Choice.PRIVATE, private=private) as world:
        yield world


def address_of_a_long_id() -> str:
    """One whose account at GitHub has an id that nothing else has in it by chance."""
    drawn = (f"{uuid4().hex[:12]}@example.org" for _ in count())
    return next(email for email in drawn if numeric_id("account", email) >= 10**SHORTEST)


def act_on(member: Subscription, operator: User) -> None:
    """All that operators can do to one member, in the admin and on the command line."""
    desk = Client()
    desk.force_login(operator, backend=BACKEND)
    for action in ("sync", "pause", "resume", "shut_out", "let_in", "resume"):
        wish = {"action": action, "_selected_action": [member.pk], "reason": f"about {member.github_login}"}
        assert desk.post("/admin/sync/subscription/", wish).status_code == 302
    for page in (
        f"/admin/sync/subscription/{member.pk}/change/",
        f"/admin/accounts/user/{member.user_id}/change/",
    ):
        assert desk.get(page).status_code == 200
    desk.post(f"/admin/accounts/user/{member.user_id}/change/", {"username": "x"})
    call_command("sync_member", member.github_login, "--reason", f"{member.github_login} asked by mail")


def finish(run: SyncRun) -> None:
    for _ in range(60):
        current = SyncRun.objects.filter(pk=run.pk).first()
        if current is None or not current.is_active:
            return
        try:
            sync_step.fn(current.pk, current.step)
        except WaitForLimit:
            SyncRun.objects.filter(pk=run.pk).update(resume_at=timezone.now())
    raise AssertionError("The run does not end.")


def who_it_was(world: World) -> dict[str, str]:
    """{what it is: its value}; one too short to be searched for is an error there."""
    member, subscription = world.member, world.subscription
    words = {
        "id at Open Humans": str(member.open_humans_id),
        "id at GitHub": str(subscription.github_id),
        "node id": subscription.github_node_id,
        "login": subscription.github_login,
        **{f"repository {number}": name for number, name in enumerate(world.repositories)},
    }
    for credential in Credential.objects.select_related("identity"):
        words[f"token of {credential.identity.provider}"] = credential.access_token
    return words


def look(words: dict[str, str], temporary: Path, log: str) -> set[Finding]:
    search = Search(words)
    search.tables()
    for name in REDIS:
        search.redis(getattr(the_settings, name))
    search.files(temporary)
    search.content("logs", log)
    return search.findings


def test_nothing_is_left_of_whoever_was_erased(
    world: World, operator: User, tmp_path: Path, client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    for name in ("urllib3", "redis", "werkzeug", "sandbox"):
        caplog.set_level(logging.WARNING, logger=name)
    with unscrubbed() as log:
        assert world.sync().state == SyncRun.State.SUCCEEDED
        client.force_login(world.member, backend=BACKEND)
        client.get("/dashboard/")
        act_on(world.subscription, operator)
        run = SyncRun.objects.active().first()
        if run is not None:
            runs.stop(run)
        world.subscription.refresh_from_db()
        words = who_it_was(world)
        tokens = {what for what in words if what.startswith("token of ")}
        assert tokens == {"token of openhumans", "token of github"}
        # All else is in clear text as long as the member is here, and would be found later as well.
        found = {finding.secret for finding in look(words, tmp_path / "temporary", "")}
        assert found == words.keys() - tokens
        assert OperatorAction.objects.filter(subscription=world.subscription).count() >= 7

        erasure = erasing.start(world.subscription, EraseScope.ACCOUNT)
        finish(erasure)

    assert world.stored() == {}
    assert list(User.objects.all()) == [operator]
    receipt = Receipt.objects.get()
    assert (receipt.is_finished, receipt.files_left, receipt.found) == (True, 0, [])
    # Messages of runs that are gone stay in the queue until a worker takes them; they hold numbers only.
    assert dramatiq.get_broker().get_declared_actors()
    assert look(words, tmp_path / "temporary", log.getvalue()) == set()


# --- A member who never connected GitHub ---


def delete_the_account(member: User) -> None:
    erasing.end_unconnected(member)


def hear_it_from_open_humans(member: User) -> None:
    departures.leave(str(member.open_humans_id), timezone.now(), erase=True)
    end_access.fn(member.pk)


def repeat_it_after_a_restore(member: User) -> None:
    erasures.note_done(member, erasures.GONE)
    call_command("after_restore", stdout=io.StringIO())


@pytest.mark.parametrize("leave", [delete_the_account, hear_it_from_open_humans, repeat_it_after_a_restore])
def test_nothing_is_left_of_whoever_connected_nothing(
    operator: User, tmp_path: Path, settings: Settings, leave: Callable[[User], None]
) -> None:
    settings.ERASURE_LIST = str(tmp_path / "erasures")
    (tmp_path / "temporary").mkdir()
    member = make_member("80706050")
    Credential.objects.all().delete()
    desk = Client()
    desk.force_login(operator, backend=BACKEND)
    desk.post(f"/admin/accounts/user/{member.pk}/change/", {})
    entry = LogEntry.objects.get()
    assert entry.object_repr == "oh-80706050"

    leave(member)

    assert list(User.objects.all()) == [operator]
    entry.refresh_from_db()
    assert (entry.object_repr, entry.object_id) == ("deleted by the member", None)
    assert look({"id at Open Humans": "80706050"}, tmp_path / "temporary", "") == set()
