"""Stopping all syncing, as workers and members meet it."""

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Credential, User
from sync import actors, messages, scanning, switch
from sync.errors import SyncingStopped
from sync.leaving import departures, erasing
from sync.messages import STOPPED, Cause
from sync.models import EraseScope, OperatorAction, Subscription, SyncRun, SyncStop
from tests.cast import make_member
from tests.providers import EXCHANGE_MEMBER, OPENHUMANS_URL, Providers
from tests.repositories import Repository
from tests.sync.broker import Sent
from tests.sync.factories import make_run, make_subscription
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)
SEND_MESSAGE = f"{OPENHUMANS_URL}/api/direct-sharing/project/message/"


@pytest.fixture(autouse=True)
def nobody_has_looked_yet() -> Iterator[None]:
    switch.look_again()
    yield
    switch.look_again()


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    repository = Repository.create(tmp_path / "trails", f"{uuid4().hex[:12]}@example.org")
    repository.add(f"2026-0{month}-03T10:00:00+02:00" for month in range(1, 9))
    with living(tmp_path, settings, {"trails": repository}) as world:
        yield world


def stop() -> str:
    output = io.StringIO()
    call_command("stop_syncing", "--reason", "Something looks wrong.", stdout=output)
    return output.getvalue()


# --- For workers -------------------------------------------------------------------------------------------


def test_a_run_waits_without_a_single_request_and_goes_on_afterwards(world: World) -> None:
    run = world.start()
    stop()
    before = world.github.total, world.openhumans.total

    wait = world.step(run)

    assert wait is not None
    assert (run.state, run.wait_reason) == (SyncRun.State.WAITING, SyncRun.WaitReason.SITE)
    assert (world.github.total, world.openhumans.total) == before
    assert (run.error_code, world.subscription.failures) == ("", 0)

    call_command("start_syncing", stdout=io.StringIO())
    run.refresh_from_db()
    assert run.resume_at is not None
    assert run.resume_at <= timezone.now()
    assert world.finish(run).state == SyncRun.State.SUCCEEDED
    assert world.oids() == world.repository.oids()


def test_it_is_asked_before_each_request_and_not_only_when_a_step_begins(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = world.start()
    before = world.github.total

    def stopped_in_the_middle() -> None:
        if world.github.total > before:
            raise SyncingStopped("now")

    monkeypatch.setattr(switch, "check", stopped_in_the_middle)

    world.step(run)

    assert run.wait_reason == SyncRun.WaitReason.SITE
    assert world.github.total == before + 1


def test_it_is_asked_before_each_call_that_publishes(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.sync()
    to_read = world.github.total
    world.start_over()
    run = world.start()

    def stopped_when_all_is_read() -> None:
        if world.github.total == to_read:
            raise SyncingStopped("now")

    before = world.openhumans.total
    monkeypatch.setattr(switch, "check", stopped_when_all_is_read)
    world.step(run)

    assert run.wait_reason == SyncRun.WaitReason.SITE
    assert world.github.total == to_read
    assert world.subscription.staged_batches.exists()
    assert world.openhumans.total == before
    assert world.stored() == {}


COMPARING = [("--all",), ("--all", "--dry-run"), ("--member", "octocat", "--reason", "asked by mail")]


@pytest.mark.parametrize("arguments", COMPARING)
def test_an_operator_who_compares_files_is_refused_before_each_request(
    world: World, monkeypatch: pytest.MonkeyPatch, arguments: tuple[str, ...]
) -> None:
    """First in the middle of it, then from the start; neither stays in the member's history."""
    world.sync()
    Subscription.objects.update(github_login="octocat")
    known = SyncRun.objects.count()
    before = world.openhumans.total

    def stopped_in_the_middle() -> None:
        if world.openhumans.total > before:
            raise SyncingStopped("now")

    with monkeypatch.context() as patched:
        patched.setattr(switch, "check", stopped_in_the_middle)
        with pytest.raises(CommandError, match=r"^All syncing is stopped; .*: now$") as in_the_middle:
            call_command("reconcile", *arguments)
    assert world.openhumans.total == before + 1
    OperatorAction.objects.all().delete()
    stop()

    with pytest.raises(
        CommandError, match=r"^All syncing is stopped; .*: Something looks wrong\.$"
    ) as refused:
        call_command("reconcile", *arguments)

    assert world.openhumans.total == before + 1
    assert (in_the_middle.value.returncode, refused.value.returncode) == (1, 1)
    assert OperatorAction.objects.get().kind == OperatorAction.Kind.STOP
    assert SyncRun.objects.count() == known


def test_another_process_learns_of_it_within_ten_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr("sync.switch.time.monotonic", lambda: now)
    assert switch.current() is None
    SyncStop.objects.create(reason="elsewhere")
    assert switch.current() is None

    now += 5.1

    with pytest.raises(SyncingStopped, match="elsewhere"):
        switch.check()


def test_asking_often_costs_one_query(django_assert_num_queries: object) -> None:
    with django_assert_num_queries(1):  # type: ignore[operator]
        for _ in range(20):
            switch.check()


def test_the_scan_starts_nobody_but_goes_on_deleting(sent: Sent) -> None:
    make_subscription()
    overdue = timezone.now() - timedelta(minutes=1)
    make_run(make_subscription(), state=SyncRun.State.QUEUED, nudge_at=overdue)
    deleting = erasing.start(make_subscription(), EraseScope.FILES)
    SyncRun.objects.filter(pk=deleting.pk).update(nudge_at=overdue)
    stop()
    sent.messages.clear()

    found = scanning.scan(timezone.now(), 100)

    assert (found.queued, found.nudged) == (0, 1)
    assert sent.steps() == [(deleting.pk, 0)]


def test_wrong_keys_make_runs_wait_and_pause_nobody(world: World, settings: Settings) -> None:
    run, keys = world.start(), settings.TOKEN_KEYS
    settings.TOKEN_KEYS = (b"another key of thirty-two bytes!",)
    for _ in range(6):
        world.step(run)
        SyncRun.objects.update(resume_at=timezone.now())

    assert (run.state, run.wait_reason) == (SyncRun.State.WAITING, SyncRun.WaitReason.SITE)
    assert (world.subscription.status, world.subscription.failures) == (Subscription.Status.ACTIVE, 0)
    settings.TOKEN_KEYS = keys
    assert world.finish(run).state == SyncRun.State.SUCCEEDED


# --- Once an hour ------------------------------------------------------------------------------------------


def due_once_an_hour(sent: Sent) -> list[tuple[str, int]]:
    before = len(sent.messages)
    actors.tidy.fn()
    return [(message.actor_name, message.args[0]) for message, _ in sent.messages[before:]]


def test_nobody_is_proved_told_or_believed_to_have_left_and_deleting_goes_on(
    subscription: Subscription, member: User, stranger: User, providers: Providers, sent: Sent
) -> None:
    """Neither by the next tidying, nor by a message of the one before; afterwards all of it is done."""
    told = providers.http.post(SEND_MESSAGE, json="success")
    Subscription.objects.filter(user=member).update(status=Subscription.Status.RECONNECT_GITHUB)
    owed = {"owed": {"cause": "connect_github", "since": timezone.now().isoformat()}}
    Subscription.objects.filter(user=member).update(told=owed)
    long_dead = make_member("11111111")
    gone = make_member("22222222")
    departures.leave("22222222", timezone.now(), erase=False)
    Credential.objects.filter(identity__user=long_dead).update(state=Credential.State.REFUSED)
    Credential.objects.update(updated_at=timezone.now() - timedelta(days=30))
    stop()

    assert due_once_an_hour(sent) == [("end_access", gone.pk)]
    actors.prove_alive.fn(stranger.pk)
    actors.tell_member.fn(subscription.pk)
    actors.end_access.fn(gone.pk)

    assert len(providers.http.calls) == 0
    assert not Credential.objects.filter(identity__user=gone).exists()
    assert User.objects.get(pk=long_dead.pk).left_at is None
    assert Subscription.objects.get(pk=subscription.pk).told == owed

    call_command("start_syncing", "--reason", "All is well.", stdout=io.StringIO())

    due = due_once_an_hour(sent)
    assert set(due) == {
        ("end_access", long_dead.pk),
        ("prove_alive", member.pk),
        ("prove_alive", stranger.pk),
        ("tell_member", subscription.pk),
    }
    # Whose token nobody could prove meanwhile is asked about, and not taken for gone.
    assert not User.objects.filter(pk__in=[member.pk, stranger.pk], left_at__isnull=False).exists()
    actors.tell_member.fn(subscription.pk)
    assert told.call_count == 1


@pytest.mark.parametrize("requests", [0, 1])
def test_it_is_asked_before_each_request_that_proves_a_token(
    subscription: Subscription, providers: Providers, monkeypatch: pytest.MonkeyPatch, requests: int
) -> None:
    """A refused token is not even refreshed any more, and its owner not asked for another one."""
    providers.http.get(EXCHANGE_MEMBER, status=401, json={"detail": "Invalid token."})

    def stopped_in_the_middle() -> None:
        if len(providers.http.calls) == requests:
            raise SyncingStopped("now")

    monkeypatch.setattr(switch, "check", stopped_in_the_middle)

    actors.prove_alive.fn(subscription.user_id)

    assert len(providers.http.calls) == requests
    assert Subscription.objects.get(pk=subscription.pk).status == Subscription.Status.ACTIVE


@pytest.mark.parametrize("cause", STOPPED.values())
def test_what_a_run_has_to_tell_while_it_is_stopped_is_owed(
    subscription: Subscription, providers: Providers, cause: Cause
) -> None:
    status = next(status for status, caused in STOPPED.items() if caused == cause)
    run = make_run(subscription, state=SyncRun.State.FAILED, error_code="archive_error")
    run.subscription.status = status
    stop()

    messages.stopped(run)

    assert len(providers.http.calls) == 0
    assert Subscription.objects.get(pk=subscription.pk).told["owed"]["cause"] == cause


# --- For people --------------------------------------------------------------------------------------------


def test_members_read_why_and_visitors_see_nothing(client: Client, subscription: Subscription) -> None:
    stop()
    assert b"Something looks wrong." not in client.get("/").content
    client.force_login(subscription.user)
    for path in ("/dashboard/", "/connect/"):
        assert (
            b"Updates of all members are stopped for now: Something looks wrong." in client.get(path).content
        )

    call_command("start_syncing", stdout=io.StringIO())

    assert b"stopped for now" not in client.get("/dashboard/").content


def test_who_stopped_and_started_it_is_written_down() -> None:
    assert "within 10 seconds" in stop()
    call_command("start_syncing", "--reason", "It was the clock.", stdout=io.StringIO())

    actions = list(OperatorAction.objects.order_by("pk").values_list("kind", "reason"))
    assert actions == [("stop", "Something looks wrong."), ("start", "It was the clock.")]
    assert all("command line" in name for name in OperatorAction.objects.values_list("operator", flat=True))


def test_a_rehearsal_stops_nothing() -> None:
    call_command("stop_syncing", "--reason", "x", "--dry-run", stdout=io.StringIO())
    switch.check()
    stop()
    call_command("start_syncing", "--dry-run", stdout=io.StringIO())
    assert SyncStop.objects.exists()


def test_stopping_twice_changes_the_reason() -> None:
    stop()
    call_command("stop_syncing", "--reason", "Worse.", stdout=io.StringIO())
    assert SyncStop.objects.get().reason == "Worse."


def test_an_actor_gives_the_message_back(subscription: Subscription, sent: Sent) -> None:
    run = make_run(subscription, state=SyncRun.State.QUEUED)
    stop()
    with pytest.raises(Exception, match="waits"):
        actors.sync_step.fn(run.pk, 0)
