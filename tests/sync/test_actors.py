import logging
from datetime import timedelta

import pytest
import redis
from django.utils import timezone

from sync import actors, runs, steps
from sync.collect.collector import Collector
from sync.errors import LeaseLost, WaitForLimit
from sync.models import Subscription, SyncRun
from tests.sync.broker import Sent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(subscription: Subscription, sent: Sent) -> SyncRun:
    return runs.start(subscription, SyncRun.Trigger.STALE)


class Answering:
    """In the place of a client of GitHub, which has spent nothing."""

    requests_sent = points_spent = 0


class Killed(BaseException):
    """What no handler of the app catches: a kill, no memory left, the time limit of a message."""


def perform(monkeypatch: pytest.MonkeyPatch, result: timedelta | BaseException | None) -> list[SyncRun]:
    """Replace the work of a step by its result; give the runs it was asked for."""
    seen: list[SyncRun] = []

    def step(run: SyncRun) -> timedelta | None:
        seen.append(run)
        if isinstance(result, BaseException):
            raise result
        return result

    monkeypatch.setattr(steps, "perform", step)
    return seen


def test_an_old_message_is_acknowledged_silently(run: SyncRun, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = perform(monkeypatch, None)
    actors.sync_step.fn(run.pk, 7)
    actors.sync_step.fn(run.pk + 1000, 0)
    assert seen == []


def test_a_wait_raises_a_retry_with_the_computed_delay(run: SyncRun, monkeypatch: pytest.MonkeyPatch) -> None:
    perform(monkeypatch, timedelta(seconds=90))
    with pytest.raises(WaitForLimit) as caught:
        actors.sync_step.fn(run.pk, 0)
    assert caught.value.delay is not None
    assert 90_000 <= caught.value.delay <= 90_001


def test_a_message_that_comes_a_moment_early_waits_for_the_rest(
    run: SyncRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    perform(monkeypatch, None)
    soon = timezone.now() + timedelta(seconds=20)
    SyncRun.objects.update(state=SyncRun.State.WAITING, resume_at=soon)
    with pytest.raises(WaitForLimit) as caught:
        actors.sync_step.fn(run.pk, 0)
    assert caught.value.delay is not None
    assert 15_000 < caught.value.delay <= 20_001


def test_a_message_that_comes_much_too_early_is_dropped(
    run: SyncRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = perform(monkeypatch, None)
    SyncRun.objects.update(state=SyncRun.State.WAITING, resume_at=timezone.now() + timedelta(hours=1))
    actors.sync_step.fn(run.pk, 0)
    assert seen == []


def test_a_worker_that_lost_its_lease_stops_without_a_trace(
    run: SyncRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    perform(monkeypatch, LeaseLost("another worker has it"))
    actors.sync_step.fn(run.pk, 0)
    run.refresh_from_db()
    assert run.state == SyncRun.State.RUNNING
    assert run.error_code == ""


def test_without_redis_the_lease_is_given_back_and_the_message_kept(
    run: SyncRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    perform(monkeypatch, redis.ConnectionError("away"))
    with pytest.raises(redis.ConnectionError):
        actors.sync_step.fn(run.pk, 0)
    run.refresh_from_db()
    assert run.lease_until is None
    assert run.is_active


def test_a_bug_fails_the_run_and_is_logged_with_its_traceback(
    run: SyncRun, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    perform(monkeypatch, KeyError("surprise"))
    with caplog.at_level(logging.ERROR):
        actors.sync_step.fn(run.pk, 0)
    run.refresh_from_db()
    assert (run.state, run.error_code) == (SyncRun.State.FAILED, "internal_error")
    assert any(record.exc_info for record in caplog.records)


def test_five_failures_in_a_row_pause_the_subscription_with_a_reason(
    run: SyncRun, subscription: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    perform(monkeypatch, KeyError("surprise"))
    for _ in range(5):
        subscription.refresh_from_db()
        assert subscription.status == Subscription.Status.ACTIVE
        current = runs.start(subscription, SyncRun.Trigger.STALE)
        actors.sync_step.fn(current.pk, 0)
    subscription.refresh_from_db()
    assert subscription.status == Subscription.Status.PAUSED
    assert "Five attempts" in subscription.reason


def lose_worker(run: SyncRun) -> None:
    with pytest.raises(Killed):
        actors.sync_step.fn(run.pk, run.step)
    SyncRun.objects.filter(pk=run.pk).update(lease_until=timezone.now())


def test_a_step_that_kills_one_worker_after_the_other_is_given_up(
    run: SyncRun, subscription: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise 10: what is the member's own pauses them in the end, also where nothing could be caught."""
    seen = perform(monkeypatch, Killed())
    Subscription.objects.update(failures=4)
    for _ in range(5):
        lose_worker(run)
    actors.sync_step.fn(run.pk, 0)
    run.refresh_from_db()
    subscription.refresh_from_db()
    assert len(seen) == 5
    assert (run.state, run.error_code) == (SyncRun.State.FAILED, "worker_lost")
    assert (subscription.status, subscription.failures) == (Subscription.Status.PAUSED, 5)


def test_workers_lost_before_something_was_done_are_forgotten(
    run: SyncRun, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = perform(monkeypatch, Killed())
    for _ in range(12):
        lose_worker(run)
        claimed = SyncRun.objects.claim(run.pk, 0, timezone.now())
        assert claimed is not None
        assert claimed.lost_leases == 1
        with Collector(claimed, Answering()).recorded():  # type: ignore[arg-type]
            pass
        claimed.release()
    assert len(seen) == 12
    run.refresh_from_db()
    assert run.is_active


def test_an_erasing_is_begun_again_however_many_workers_it_cost(
    run: SyncRun, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Promise 12: leaving is real, and somebody is told when it does not come to its end."""
    perform(monkeypatch, Killed())
    SyncRun.objects.update(trigger=SyncRun.Trigger.ERASE)
    with caplog.at_level(logging.ERROR):
        for _ in range(6):
            lose_worker(run)
    run.refresh_from_db()
    assert run.is_active
    assert "lost 5 workers" in caplog.text


@pytest.mark.parametrize("trigger", [SyncRun.Trigger.REMOVE, SyncRun.Trigger.ERASE])
def test_what_deletes_is_tried_again_after_a_bug(
    run: SyncRun, subscription: Subscription, monkeypatch: pytest.MonkeyPatch, trigger: SyncRun.Trigger
) -> None:
    SyncRun.objects.update(trigger=trigger)
    perform(monkeypatch, KeyError("surprise"))
    with pytest.raises(WaitForLimit):
        actors.sync_step.fn(run.pk, 0)
    run.refresh_from_db()
    subscription.refresh_from_db()
    assert (run.state, run.wait_reason) == (SyncRun.State.WAITING, SyncRun.WaitReason.SITE)
    assert subscription.failures == 0
