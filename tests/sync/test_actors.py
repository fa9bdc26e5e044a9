import logging
from datetime import timedelta

import pytest
import redis
from django.utils import timezone

from sync import actors, runs, steps
from sync.errors import LeaseLost, WaitForLimit
from sync.models import Subscription, SyncRun
from tests.sync.broker import Sent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def run(subscription: Subscription, sent: Sent) -> SyncRun:
    return runs.start(subscription, SyncRun.Trigger.STALE)


def perform(monkeypatch: pytest.MonkeyPatch, result: timedelta | Exception | None) -> list[SyncRun]:
    """Replace the work of a step by its result; give the runs it was asked for."""
    seen: list[SyncRun] = []

    def step(run: SyncRun) -> timedelta | None:
        seen.append(run)
        if isinstance(result, Exception):
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
