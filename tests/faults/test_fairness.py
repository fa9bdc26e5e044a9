"""Promise 8: one member cannot starve another, and people who wait at a screen are served first."""

import queue
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from uuid import uuid4

import dramatiq
import pytest
from django.conf import settings
from django.utils import timezone
from django_dramatiq.middleware import DbConnectionsMiddleware
from dramatiq.brokers.redis import RedisBroker
from dramatiq.brokers.stub import StubBroker

from config.worker import NoMoreThanThreads
from sync import actors, messages, queues, runs, scanning, steps
from sync.models import Subscription, SyncRun
from tests.faults.crowd import bare_crowd, crowd
from tests.faults.simulation import Clockwork, clockwork
from tests.faults.summary import IS_LONG

pytestmark = pytest.mark.django_db(transaction=True)
# After an outage.
DUE = 1_000_000 if IS_LONG else 2500
PATIENCE_SECONDS = 30


@pytest.fixture
def begun() -> list[int]:
    """Runs in the order in which their steps were done, by whatever message."""
    return []


@pytest.fixture
def works(monkeypatch: pytest.MonkeyPatch, begun: list[int]) -> Iterator[Clockwork]:
    """Steps whose reading costs nothing: how many a member needs is told by their login."""

    def read(run: SyncRun, _allowance: steps.Allowance) -> bool:
        begun.append(run.pk)
        return not run.subscription.github_login.startswith("heavy") or run.step >= 5

    monkeypatch.setattr(steps, "_read", read)
    monkeypatch.setattr(steps, "_with_openhumans", lambda *_arguments: None)
    monkeypatch.setattr(messages, "notify", lambda *_arguments: False)
    with clockwork(monkeypatch) as works:
        yield works


def make_heavy(subscription: Subscription) -> Subscription:
    Subscription.objects.filter(pk=subscription.pk).update(github_login=f"heavy-{subscription.pk}")
    return subscription


def test_a_heavy_member_gets_no_second_step_while_a_due_one_has_had_none(
    works: Clockwork, begun: list[int]
) -> None:
    """Promise 8: the next step goes to the back. The heavy one is the longest overdue, and so begins."""
    heavy, *others = crowd(30, timezone.now())
    make_heavy(heavy)
    works.tick(timedelta(seconds=1))
    run_of = {run.subscription_id: run.pk for run in SyncRun.objects.all()}
    first, second = [place for place, run in enumerate(begun) if run == run_of[heavy.pk]][:2]
    assert first == 0
    assert {run_of[other.pk] for other in others} <= set(begun[first:second])


def test_several_heavy_members_take_turns(works: Clockwork, begun: list[int]) -> None:
    for subscription in crowd(4, timezone.now()):
        make_heavy(subscription)
    works.tick(timedelta(seconds=1))
    rounds = [begun[place : place + 4] for place in range(0, len(begun), 4)]
    assert len(rounds) == 6
    assert all(len(set(turn)) == 4 for turn in rounds)


def test_a_run_that_somebody_watches_comes_before_everything_that_waits(
    works: Clockwork, begun: list[int]
) -> None:
    """Promise 8: It begins when the step that is under way has ended."""
    *_, watched = crowd(20, timezone.now())
    scanning.queue_due(timezone.now() - timedelta(minutes=1, seconds=30), 1000)
    works.work(steps=1)
    run = runs.start(watched, SyncRun.Trigger.MEMBER, is_interactive=True)
    works.work(steps=1)
    assert begun[-1] == run.pk
    assert len(begun) == 2


def test_a_run_that_is_queued_already_comes_next_when_its_member_wants_it(
    works: Clockwork, begun: list[int]
) -> None:
    """Promise 8: whether they press "Update now", connect again, or look. Nothing is done twice."""
    *_, watched = crowd(20, timezone.now())
    scanning.queue_due(timezone.now() + timedelta(minutes=1), 1000)
    works.work(steps=1)
    run = runs.start(watched, SyncRun.Trigger.MEMBER, is_interactive=True)
    assert run.trigger == SyncRun.Trigger.STALE
    works.work(steps=1)
    assert begun[-1] == run.pk
    works.work()
    assert Counter(begun) == Counter(SyncRun.objects.values_list("pk", flat=True))


def test_who_watches_a_heavy_run_does_not_keep_the_others_waiting_for_ever(
    works: Clockwork, begun: list[int]
) -> None:
    heavy, *others = crowd(10, timezone.now() - timedelta(days=1))
    make_heavy(heavy)
    runs.start(heavy, SyncRun.Trigger.CONNECTED, is_interactive=True)
    works.tick(timedelta(seconds=1))
    own = [place for place, run in enumerate(begun) if run == heavy.runs.get().pk]
    assert own[:3] == [0, 1, 2]
    assert own[3] >= 3 + len(others)


@pytest.fixture
def real_queue(monkeypatch: pytest.MonkeyPatch) -> Iterator[RedisBroker]:
    """On the real Valkey, with names of its own; what the engine sends goes there."""
    broker = RedisBroker(  # type: ignore[no-untyped-call]
        url=settings.BROKER_URL,
        namespace=f"fairness-{uuid4().hex}",
        middleware=[DbConnectionsMiddleware(), NoMoreThanThreads()],
    )
    for name in (queues.INTERACTIVE, queues.BACKGROUND):
        broker.declare_queue(name)
    broker.declare_actor(actors.sync_step)
    monkeypatch.setattr(dramatiq.get_broker(), "enqueue", broker.enqueue)
    yield broker
    broker.flush_all()
    broker.close()


def has_taken_what_is_watched(worker: dramatiq.Worker, broker: RedisBroker) -> bool:
    """The message is in the worker's hands, and waits there for a thread."""
    left = broker.client.llen(f"{broker.namespace}:{queues.INTERACTIVE}")
    return not left and worker.work_queue.qsize() > 0


def until(is_so: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.01)


def test_a_real_worker_whose_threads_are_all_busy_begins_what_is_watched_with_the_next_step(
    real_queue: RedisBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise 8: Two threads, each in a step that takes as long as it likes; more of them are queued."""
    begun, may_end = queue.SimpleQueue[int](), threading.Semaphore(0)

    def read(run: SyncRun, _allowance: steps.Allowance) -> bool:
        begun.put(run.pk)
        return may_end.acquire(timeout=PATIENCE_SECONDS)

    monkeypatch.setattr(steps, "_read", read)
    monkeypatch.setattr(steps, "_with_openhumans", lambda *_arguments: None)
    monkeypatch.setattr(messages, "notify", lambda *_arguments: False)
    *others, watched = crowd(9, timezone.now())
    for subscription in others:
        runs.start(subscription, SyncRun.Trigger.STALE)
    worker = dramatiq.Worker(real_queue, worker_threads=2, worker_timeout=100)
    worker.start()
    try:
        for _ in range(2):
            begun.get(timeout=PATIENCE_SECONDS)
        run = runs.start(watched, SyncRun.Trigger.MEMBER, is_interactive=True)
        until(lambda: has_taken_what_is_watched(worker, real_queue), "the worker takes the message")
        may_end.release()
        assert begun.get(timeout=PATIENCE_SECONDS) == run.pk
        may_end.release(len(others) + 1)
        until(lambda: not SyncRun.objects.active().exists(), "all of them get their turn")
    finally:
        may_end.release(len(others) + 1)
        worker.stop()


def test_each_process_holds_no_message_that_no_thread_is_free_for() -> None:
    """What waits in one process cannot be taken by another, and stands before people who watch."""
    broker = StubBroker(middleware=[NoMoreThanThreads()])
    worker = dramatiq.Worker(broker, worker_threads=8)
    worker.start()
    try:
        assert worker.queue_prefetch == 8
    finally:
        worker.stop()


def test_a_crowd_that_is_due_after_an_outage_does_not_flood_the_queue(works: Clockwork) -> None:
    """However many are due, what is queued is bounded, and only what is taken out is filled up again."""
    bare_crowd(DUE, timezone.now() - timedelta(days=2))
    for _ in range(3):
        scanning.scan(timezone.now(), 1000)
        assert works.queued == 1000
    assert SyncRun.objects.count() == 1000
    works.work(steps=10)
    done = 1000 - works.queued
    assert scanning.scan(timezone.now(), 1000).queued == done
    assert works.queued == 1000


def test_a_queue_that_is_slow_is_not_filled_with_the_same_messages(works: Clockwork) -> None:
    bare_crowd(1100, timezone.now() - timedelta(days=2))
    for _ in range(25):
        scanning.scan(timezone.now(), 1000)
        assert works.queued == 1000
        works.clock.tick(timedelta(minutes=1))


def test_after_redis_was_emptied_the_next_scan_sends_everything_again(
    works: Clockwork, begun: list[int]
) -> None:
    """Promise 1, with the times of production: nobody waits for the ten minutes of a message that is late."""
    crowd(12, timezone.now())
    assert scanning.scan(timezone.now(), 1000).queued == 12
    works.queues.clear()
    works.tick(timedelta(minutes=1))
    assert len(set(begun)) == 12
    assert not SyncRun.objects.active().exists()


def test_runs_that_wait_for_an_outage_to_end_count_as_queued(works: Clockwork) -> None:
    """Or else an outage would gather everybody, and send all of them at once when it is over."""
    bare_crowd(150, timezone.now() - timedelta(days=2))
    scanning.scan(timezone.now(), 100)
    SyncRun.objects.update(
        state=SyncRun.State.WAITING, wait_reason=SyncRun.WaitReason.OPENHUMANS_UNAVAILABLE, nudge_at=None
    )
    assert scanning.scan(timezone.now(), 100).queued == 0
    SyncRun.objects.update(wait_reason=SyncRun.WaitReason.GITHUB_LIMIT)
    assert scanning.scan(timezone.now(), 100).queued == 50


def test_a_poison_member_fails_alone_and_never_blocks_the_scan(
    works: Clockwork, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise 10: five failures of the member's own pause with a reason; then nothing is spent on them."""
    poison, *others = crowd(12, timezone.now())
    attempts: Counter[int] = Counter()
    harmless = steps._read

    def read(run: SyncRun, allowance: steps.Allowance) -> bool:
        attempts[run.subscription_id] += 1
        if run.subscription_id == poison.pk:
            raise ZeroDivisionError("no member should be like this")
        return harmless(run, allowance)

    monkeypatch.setattr(steps, "_read", read)
    works.run_for(timedelta(days=10), timedelta(hours=2))
    poison.refresh_from_db()
    assert poison.status == Subscription.Status.PAUSED
    assert "Five attempts in a row failed" in poison.reason
    assert attempts[poison.pk] == 5
    for other in others:
        other.refresh_from_db()
        assert other.status == Subscription.Status.ACTIVE
        assert other.synced_at is not None
        assert attempts[other.pk] >= 3
