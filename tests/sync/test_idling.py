"""The short way of a run that finds nothing new, and all that leads past it."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from github_client import ProbeAnswer
from sync import actors, switch
from sync.collect import probing
from sync.models import StagedBatch, Subscription, SyncRun, TrackSettings, YearFile
from sync.weeks import Week
from tests.repositories import Repository
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)
# The claim with the run, what all services are like, the token, the lease, the end; none in a transaction.
STATEMENTS = 5
WEEK = timedelta(days=7, minutes=1)
Change = Callable[[World], object]


@pytest.fixture(scope="module")
def email() -> str:
    return f"{uuid4().hex[:12]}@example.org"


@pytest.fixture
def world(tmp_path: Path, settings: Settings, email: str) -> Iterator[World]:
    """A member of whom the last run had nothing to do."""
    repository = Repository.create(tmp_path / "trails", email)
    first = datetime.now(UTC) - timedelta(days=40)
    repository.add((first + timedelta(days=13 * n)).isoformat(timespec="seconds") for n in range(3))
    with living(tmp_path, settings, {"trails": repository}) as world:
        world.sync()
        world.sync()
        yield world


@pytest.fixture
def noted(monkeypatch: pytest.MonkeyPatch) -> list[ProbeAnswer]:
    """Answers that were noted: the long way was gone."""
    found: list[ProbeAnswer] = []
    note = probing.note

    def note_and_tell(collector: Any, answer: ProbeAnswer, now: datetime) -> None:
        found.append(answer)
        note(collector, answer, now)

    monkeypatch.setattr(probing, "note", note_and_tell)
    return found


def row(world: World) -> Any:
    return Subscription.objects.filter(pk=world.subscription.pk)


def test_an_idle_sync_takes_one_request_and_few_statements_and_changes_nothing(
    world: World, noted: list[ProbeAnswer]
) -> None:
    files, before = world.checksums(), row(world).values("lists", "probe", "agreement").get()
    github, openhumans = world.github.total, world.openhumans.total
    row(world).update(failures=2, next_due_at=timezone.now() - timedelta(days=1))
    run = world.start()
    switch.current()  # asked at most once in a few seconds
    with CaptureQueriesContext(connection) as asked:
        actors.sync_step.fn(run.pk, run.step)
    statements = [each["sql"] for each in asked]
    assert len(statements) == STATEMENTS, "\n".join(statements)
    assert noted == []
    assert (world.github.total - github, world.openhumans.total - openhumans) == (1, 0)
    run.refresh_from_db()
    assert (run.state, run.requests, run.uploads, run.lease_until, run.nudge_at) == (
        SyncRun.State.SUCCEEDED,
        1,
        0,
        None,
        None,
    )
    assert run.points > 0
    assert run.finished_at
    assert run.probed_at
    world.subscription.refresh_from_db()
    assert world.subscription.failures == 0
    assert world.subscription.synced_at == run.finished_at
    assert world.subscription.next_due_at > timezone.now()
    assert row(world).values("lists", "probe", "agreement").get() == before
    assert world.checksums() == files


def test_a_run_that_was_taken_over_is_not_ended_by_the_short_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise 2, at the moment at which the answer has just come."""
    ask = probing.ask

    def ask_and_lose(collector: Any, now: datetime) -> ProbeAnswer:
        answer = ask(collector, now)
        row(world).update(fence=collector.subscription.fence + 1)
        return answer

    monkeypatch.setattr(probing, "ask", ask_and_lose)
    run, synced_at = world.start(), world.subscription.synced_at
    world.step(run)
    assert run.state == SyncRun.State.RUNNING
    assert world.subscription.synced_at == synced_at


def commit(world: World) -> None:
    world.repository.add([(datetime.now(UTC) - timedelta(days=1)).isoformat(timespec="seconds")])


def stage(world: World) -> None:
    StagedBatch.objects.create(
        subscription=world.subscription, kind="public", year=2020, weeks=[], encrypted_content=b""
    )


def agree(world: World, **choice: Any) -> None:
    row(world).update(agreement={**world.subscription.agreement, **choice})


def age(world: World, column: str, *path: str, by: timedelta = WEEK) -> None:
    """As if what stands there had been so much longer ago."""
    document = getattr(world.subscription, column)
    place = document
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = (timezone.now() - by).isoformat()
    row(world).update(**{column: document})


def files(world: World) -> Any:
    return YearFile.objects.filter(subscription=world.subscription, kind="public")


def test_a_run_that_is_wished_for_during_an_idle_one_stays_due(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = probing.ask

    def ask_and_wish(collector: Any, now: datetime) -> ProbeAnswer:
        row(world).update(next_due_at=now)
        return ask(collector, now)

    monkeypatch.setattr(probing, "ask", ask_and_wish)
    run = world.sync()
    assert run.started_at
    assert run.finished_at
    assert run.started_at < world.subscription.next_due_at <= run.finished_at


LEADING_PAST: dict[str, Change] = {
    "a head that moved": commit,
    "a count that changed": lambda world: world.act("star", repository="trails"),
    "another kind": lambda world: agree(world, kinds=world.subscription.kinds[:-1]),
    "a choice made anew": lambda world: agree(world, agreed_at="2020-01-01T00:00:00+00:00"),
    "something left out": lambda world: agree(world, private_counts=False),
    "looking for tracks": lambda world: agree(world, tracks={"look": True}),
    "track settings": lambda world: TrackSettings.objects.create(subscription=world.subscription),
    "lists to be read again": lambda world: row(world).update(lists={}),
    "a history that is not read": lambda world: world.subscription.repositories.update(is_read=False),
    "something staged": stage,
    "an upload under way": lambda world: files(world).update(pending={"id": 1}),
    "a file that was replaced": lambda world: files(world).update(superseded=[1]),
    "something to be taken out": lambda world: files(world).update(to_clean=1),
    "a document that is wanted back": lambda world: YearFile.objects.filter(kind="daily").update(
        current_id=None
    ),
    "files to be compared": lambda world: row(world).update(reconciled_at=timezone.now() - WEEK),
    "files of the old app": lambda world: row(world).update(
        probe={name: value for name, value in world.subscription.probe.items() if name != "legacy"}
    ),
    "documents to be compared": lambda world: age(world, "probe", "documents_at"),
    "a month": lambda world: age(world, "probe", "compared_at", by=timedelta(days=31)),
    "releases": lambda world: age(world, "lists", "releases", "checked_at"),
    "reviews": lambda world: age(world, "lists", "reviews", "watermark"),
}


@pytest.mark.parametrize("change", LEADING_PAST)
def test_whatever_is_to_be_done_leads_the_long_way(
    world: World, noted: list[ProbeAnswer], monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    if change in ("releases", "reviews"):  # the same moment is believed, as far as the lists go
        monkeypatch.setattr(probing, "standing", lambda *_: world.subscription.probe["idle"])
    LEADING_PAST[change](world)
    world.step(world.start())
    assert len(noted) == 1


def test_a_weeks_end_closes_it_in_the_ledger_the_long_way(
    world: World, noted: list[ProbeAnswer], settings: Settings
) -> None:
    # As if the week before this one were to settle in a minute, whatever day of the week it is.
    since_it_ended = timezone.now() - Week.of(timezone.now()).previous().ended_at
    settings.SYNC_SETTLING_HOURS = (since_it_ended + timedelta(minutes=1)) / timedelta(hours=1)
    world.sync()
    assert len(noted) == 1


def test_a_choice_that_is_changed_while_github_answers_leads_the_long_way(
    world: World, noted: list[ProbeAnswer], monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = probing.ask

    def ask_and_choose(collector: Any, now: datetime) -> ProbeAnswer:
        answer = ask(collector, now)
        agree(world, agreed_at="2020-01-01T00:00:00+00:00")
        return answer

    monkeypatch.setattr(probing, "ask", ask_and_choose)
    world.sync()
    assert len(noted) == 1


def test_the_token_of_another_account_is_noticed_by_the_short_way_too(world: World) -> None:
    row(world).update(github_id=world.subscription.github_id + 1)
    run = world.sync()
    assert (run.state, run.error_code) == (SyncRun.State.FAILED, "github_access_lost")


def test_a_run_that_read_something_is_no_word_for_the_next_one(
    world: World, noted: list[ProbeAnswer]
) -> None:
    commit(world)
    world.sync()
    assert "idle" not in world.subscription.probe
    world.sync()
    world.sync()
    assert len(noted) == 2
