from datetime import UTC, datetime, timedelta

import pytest

from sync.models import OperatorAction, Subscription, SyncRun
from sync.operators.timeline import timeline_of
from tests.sync.factories import make_run, make_year_file

pytestmark = pytest.mark.django_db
BEGAN = datetime(2026, 5, 6, 12, 0, tzinfo=UTC)


def after(seconds: float) -> datetime:
    return BEGAN + timedelta(seconds=seconds)


def told(run: SyncRun) -> list[tuple[str, str]]:
    return [(event.after, event.text) for event in timeline_of(run)]


def test_a_run_is_told_from_its_first_moment_to_its_last(subscription: Subscription) -> None:
    run = make_run(
        subscription, created_at=BEGAN, started_at=after(5), probed_at=after(6), finished_at=after(90)
    )
    make_year_file(subscription, 2026, published_at=after(40))
    make_year_file(subscription, 2025, published_at=after(-40))
    OperatorAction.objects.create(
        kind="pause", reason="x", operator="ada", subscription=subscription, created_at=after(50)
    )

    assert told(run) == [
        ("+under a second", "queued: the member asked"),
        ("+5 seconds", "begun by a worker"),
        ("+6 seconds", "asked GitHub what is new"),
        ("+40 seconds", "wrote github-2026.json"),
        ("+50 seconds", "an operator paused updates"),
        ("+1 minute", "succeeded"),
    ]


def test_a_wait_says_for_what_and_until_when(subscription: Subscription) -> None:
    reason = SyncRun.WaitReason.GITHUB_LIMIT
    run = make_run(subscription, created_at=BEGAN, state="waiting", wait_reason=reason, resume_at=after(7200))
    assert told(run)[-1] == ("+2 hours", "goes on: it waits for GitHub's limit")


def test_a_worker_that_fell_silent_shows(subscription: Subscription) -> None:
    run = make_run(subscription, created_at=BEGAN, started_at=BEGAN, state="running", lease_until=after(180))
    assert told(run)[-1] == ("+3 minutes", "its worker's lease ran out")


def test_a_failure_names_its_cause(subscription: Subscription) -> None:
    run = make_run(
        subscription, created_at=BEGAN, state="failed", error_code="internal_error", finished_at=after(1)
    )
    assert told(run)[-1] == ("+1 second", "failed: internal_error")
