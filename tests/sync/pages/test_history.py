from datetime import UTC, datetime, timedelta

import pytest

from sync.models import EraseScope, OperatorAction, SyncRun
from sync.pages.history import ERASURES, OCCASIONS, history_of, in_words

STARTED = datetime(2026, 5, 6, 12, 0, tzinfo=UTC)


def outcome_of(**fields: object) -> str:
    [line] = history_of([SyncRun(trigger=SyncRun.Trigger.STALE, created_at=STARTED, **fields)])
    return line.outcome


@pytest.mark.parametrize(
    ("duration", "words"),
    [
        (timedelta(milliseconds=300), "under a second"),
        (timedelta(seconds=1), "1 second"),
        (timedelta(seconds=59), "59 seconds"),
        (timedelta(seconds=60), "1 minute"),
        (timedelta(minutes=59, seconds=59), "59 minutes"),
        (timedelta(hours=1), "1 hour"),
        (timedelta(hours=2, minutes=5), "2 hours 5 minutes"),
        (timedelta(hours=49), "2 days"),
    ],
)
def test_durations_are_told_in_words(duration: timedelta, words: str) -> None:
    assert in_words(duration) == words


@pytest.mark.parametrize(
    ("state", "weeks", "words"),
    [
        (SyncRun.State.SUCCEEDED, [], "nothing new"),
        (SyncRun.State.SUCCEEDED, ["2026-W18"], "1 week collected"),
        (SyncRun.State.SUCCEEDED, ["2026-W18", "2026-W17"], "2 weeks collected"),
        (SyncRun.State.FAILED, ["2026-W18"], "did not finish"),
        (SyncRun.State.CANCELLED, [], "stopped"),
        (SyncRun.State.QUEUED, [], "under way"),
        (SyncRun.State.RUNNING, [], "under way"),
        (SyncRun.State.WAITING, [], "under way"),
    ],
)
def test_each_state_has_its_words(state: SyncRun.State, weeks: list[str], words: str) -> None:
    assert outcome_of(state=state, weeks_fetched=weeks) == words


def test_only_a_failure_is_marked() -> None:
    runs = [SyncRun(trigger=SyncRun.Trigger.MEMBER, state=state) for state in SyncRun.State]

    assert [line.is_failure for line in history_of(runs)].count(True) == 1


def test_each_trigger_has_its_words() -> None:
    assert set(OCCASIONS) == set(SyncRun.Trigger) - {SyncRun.Trigger.ERASE}
    assert set(ERASURES) == set(EraseScope)


def test_an_erasing_is_told_without_requests() -> None:
    run = SyncRun(trigger=SyncRun.Trigger.ERASE, erase_scope=EraseScope.FILES, state=SyncRun.State.SUCCEEDED)
    [line] = history_of([run])

    assert (line.occasion, line.outcome, line.details) == ("You asked to delete your files", "done", "")

    run.erase_scope, run.erase_file = EraseScope.FILE, "github-2026.json"
    assert [line.occasion for line in history_of([run])] == ["You asked to delete the file github-2026.json"]


def test_what_a_run_cost_is_told_without_what_was_not_there() -> None:
    run = SyncRun(trigger=SyncRun.Trigger.MEMBER, requests=1, started_at=STARTED, finished_at=STARTED)
    long = SyncRun(trigger=SyncRun.Trigger.MEMBER, requests=1234, uploads=2, waits=3, created_at=STARTED)

    assert [line.details for line in history_of([run, long])] == [
        "1 request, under a second",
        "1,234 requests, 2 files saved, waited 3 times for a limit",
    ]


def test_what_operators_did_stands_among_the_runs_with_who_and_why() -> None:
    later = STARTED + timedelta(hours=1)
    run = SyncRun(trigger=SyncRun.Trigger.OPERATOR, created_at=STARTED)
    act = OperatorAction(kind="pause", operator="ada", reason="asked by mail", created_at=later)

    first, second = history_of([run], [act])

    assert (first.occasion, first.outcome) == ("The operator ada", "paused your updates")
    assert first.details == "asked by mail"
    assert second.occasion == "Started by an operator"


@pytest.mark.parametrize("kind", OperatorAction.Kind)
def test_every_act_has_words_for_the_member(kind: OperatorAction.Kind) -> None:
    [line] = history_of([], [OperatorAction(kind=kind, operator="ada", reason="x", created_at=STARTED)])
    assert line.outcome
