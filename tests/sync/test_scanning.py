from datetime import datetime, timedelta
from io import StringIO

import pytest
import redis
from django.core.management import call_command
from django.db import connection
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from sync import actors, queues, runs, scanning, switch
from sync.models import Subscription, SyncRun
from tests.cast import make_member, subscribe
from tests.sync.broker import Sent

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def now() -> datetime:
    return timezone.now()


def make_due(subscription: Subscription, now: datetime, ago: timedelta = timedelta(hours=1)) -> None:
    Subscription.objects.filter(pk=subscription.pk).update(next_due_at=now - ago)


def test_who_is_due_gets_a_run(subscription: Subscription, now: datetime, sent: Sent) -> None:
    make_due(subscription, now)
    found = scanning.scan(now, limit=1000)
    run = subscription.runs.get()
    assert (found.queued, found.nudged) == (1, 0)
    assert run.trigger == SyncRun.Trigger.STALE
    assert sent.steps() == [(run.pk, 0)]


def test_who_is_not_due_is_left_alone(subscription: Subscription, now: datetime, sent: Sent) -> None:
    make_due(subscription, now, ago=-timedelta(seconds=1))
    assert scanning.scan(now, limit=1000).queued == 0


@pytest.mark.parametrize("status", [s for s in Subscription.Status if s != Subscription.Status.ACTIVE])
def test_who_is_not_active_is_skipped(
    subscription: Subscription, now: datetime, sent: Sent, status: Subscription.Status
) -> None:
    make_due(subscription, now)
    Subscription.objects.update(status=status)
    found = scanning.scan(now, limit=1000)
    assert (found.queued, scanning.left_alone()) == (0, 1)
    assert sent.messages == []


def test_a_second_scan_queues_nobody_twice(subscription: Subscription, now: datetime, sent: Sent) -> None:
    make_due(subscription, now)
    scanning.scan(now, limit=1000)
    assert scanning.scan(now, limit=1000).queued == 0
    assert len(sent.steps()) == 1


def test_the_longest_overdue_come_first_and_the_queue_is_never_flooded(
    db: None, now: datetime, sent: Sent
) -> None:
    members = [subscribe(make_member(f"1000000{n}"), 100 + n, f"person-{n}") for n in range(5)]
    for n, subscription in enumerate(members):
        make_due(subscription, now, ago=timedelta(hours=n + 1))
    assert scanning.scan(now, limit=2).queued == 2
    assert set(SyncRun.objects.values_list("subscription", flat=True)) == {members[4].pk, members[3].pk}
    assert scanning.scan(now, limit=2).queued == 0


def test_however_many_wait_for_an_outage_some_who_are_due_are_started(
    db: None, now: datetime, sent: Sent
) -> None:
    """Whoever is started then and waits as well takes the place of others for an hour, and no longer."""
    members = [subscribe(make_member(f"100000{n:02}"), 100 + n, f"person-{n}") for n in range(24)]
    for subscription in members:
        make_due(subscription, now)
    assert scanning.scan(now, limit=20).queued == 20
    waits = {"state": SyncRun.State.WAITING, "nudge_at": now + timedelta(hours=4)}
    SyncRun.objects.update(wait_reason=SyncRun.WaitReason.SITE, **waits)

    assert scanning.scan(now + timedelta(minutes=59), limit=20).queued == 0
    SyncRun.objects.update(created_at=now - timedelta(hours=1))
    assert scanning.scan(now, limit=20).queued == 2
    assert scanning.scan(now, limit=20).queued == 0, "they are queued"
    SyncRun.objects.update(wait_reason=SyncRun.WaitReason.SITE, **waits)
    assert scanning.scan(now, limit=20).queued == 0, "they wait"
    SyncRun.objects.update(created_at=now - timedelta(hours=1))
    assert scanning.scan(now, limit=20).queued == 2


def test_a_run_whose_message_was_lost_gets_another(
    subscription: Subscription, now: datetime, sent: Sent
) -> None:
    """Promise 1: Postgres remembers, the queue nudges. The first message is dropped here."""
    run = runs.start(subscription, SyncRun.Trigger.STALE)
    sent.messages.clear()
    assert scanning.nudge(now + timedelta(minutes=9), limit=1000) == 0
    assert scanning.nudge(now + timedelta(minutes=11), limit=1000) == 1
    assert sent.steps() == [(run.pk, 0)]


def test_in_an_empty_queue_a_message_is_lost_after_half_a_minute(
    subscription: Subscription, now: datetime, sent: Sent
) -> None:
    """Promise 1: and so an emptied Redis delays nothing by more than a scan."""
    run = runs.start(subscription, SyncRun.Trigger.STALE)
    sent.messages.clear()
    sent.ready = 0
    assert scanning.nudge(now + timedelta(seconds=29), limit=1000) == 0
    assert scanning.nudge(now + timedelta(seconds=32), limit=1000) == 1
    assert sent.steps() == [(run.pk, 0)]
    SyncRun.objects.update(state=SyncRun.State.WAITING, resume_at=now + timedelta(hours=1))
    assert scanning.nudge(now + timedelta(minutes=9), limit=1000) == 0


@pytest.mark.parametrize("is_waiting", [False, True])
def test_a_message_that_was_sent_again_and_lost_again_delays_nothing_either(
    subscription: Subscription, now: datetime, sent: Sent, is_waiting: bool
) -> None:
    """A worker dies, the scan sends its step again, and Redis is emptied before anybody takes it."""
    run = runs.start(subscription, SyncRun.Trigger.STALE)
    sent.ready = 0
    free_at = now + timedelta(seconds=180)
    if is_waiting:
        due = {"resume_at": free_at, "nudge_at": free_at + timedelta(seconds=30)}
        SyncRun.objects.update(state=SyncRun.State.WAITING, **due)
    else:
        assert SyncRun.objects.claim(run.pk, 0, now) is not None
    sent.messages.clear()

    def nudged(seconds: float) -> int:
        return scanning.nudge(free_at + timedelta(seconds=seconds), limit=1000)

    assert [nudged(seconds) for seconds in (-1, 29 if is_waiting else -1, 31)] == [0, 0, 1]
    assert [nudged(seconds) for seconds in (32, 60, 62, 63)] == [0, 0, 1, 0]
    assert sent.steps() == [(run.pk, 0), (run.pk, 0)]


def test_what_may_wait_in_a_full_queue_is_not_sent_twice(
    subscription: Subscription, now: datetime, sent: Sent
) -> None:
    """Only what a worker has let go of, and waits that are over, cannot be in it."""
    run = runs.start(subscription, SyncRun.Trigger.STALE)
    sent.ready = 1000
    overdue = now + timedelta(hours=1)
    assert scanning.nudge(overdue, limit=1000) == 0
    sent.ready = 999
    assert scanning.nudge(overdue, limit=1000) == 1

    sent.ready = 1000
    assert SyncRun.objects.claim(run.pk, 0, now) is not None
    assert scanning.nudge(overdue, limit=1000) == 1
    SyncRun.objects.update(state=SyncRun.State.WAITING, lease_until=None, resume_at=now, nudge_at=now)
    assert scanning.nudge(overdue, limit=1000) == 1


def test_while_redis_cannot_tell_what_is_overdue_is_sent(
    subscription: Subscription, now: datetime, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away() -> int:
        raise redis.ConnectionError("away")

    monkeypatch.setattr(queues, "ready", away)
    runs.start(subscription, SyncRun.Trigger.STALE)
    assert scanning.nudge(now + timedelta(minutes=9), limit=1000) == 0
    assert scanning.nudge(now + timedelta(minutes=11), limit=1000) == 1


def test_what_waits_in_redis_is_counted(subscription: Subscription) -> None:
    before = queues.ready()
    run = runs.start(subscription, SyncRun.Trigger.STALE)
    assert queues.ready() > before, "other tests may send as well"
    runs.cancel(run)


def test_a_run_whose_worker_died_is_sent_again_when_its_lease_has_run_out(
    subscription: Subscription, now: datetime, sent: Sent
) -> None:
    run = runs.start(subscription, SyncRun.Trigger.STALE)
    claimed = SyncRun.objects.claim(run.pk, 0, now)
    assert claimed is not None
    sent.messages.clear()
    assert scanning.nudge(now + timedelta(seconds=179), limit=1000) == 0
    assert scanning.nudge(now + timedelta(seconds=181), limit=1000) == 1
    assert SyncRun.objects.claim(run.pk, 0, now + timedelta(seconds=181)) is not None


def test_a_wait_that_is_over_and_whose_message_was_lost_is_sent_again(
    subscription: Subscription, now: datetime, sent: Sent
) -> None:
    run = runs.start(subscription, SyncRun.Trigger.STALE)
    SyncRun.objects.update(state=SyncRun.State.WAITING, resume_at=now, nudge_at=now + timedelta(seconds=30))
    sent.messages.clear()
    assert scanning.nudge(now + timedelta(seconds=31), limit=1000) == 1
    assert sent.steps() == [(run.pk, 0)]


def test_a_nudged_run_is_not_nudged_again_at_the_next_minute(
    subscription: Subscription, now: datetime, sent: Sent
) -> None:
    runs.start(subscription, SyncRun.Trigger.STALE)
    later = now + timedelta(minutes=11)
    scanning.nudge(later, limit=1000)
    assert scanning.nudge(later + timedelta(minutes=1), limit=1000) == 0


def test_the_scan_costs_the_same_however_many_are_not_due(
    subscription: Subscription, now: datetime, sent: Sent, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for members in range(20):
        subscribe(make_member(f"100000{members:02}"), 100 + members, f"person-{members}")
    switch.look_again()
    with django_assert_num_queries(10):
        scanning.scan(now - timedelta(days=1), limit=1000)


@pytest.mark.parametrize("due", [1, 20])
def test_all_who_are_due_are_queued_by_as_many_questions_as_one(
    db: None, now: datetime, sent: Sent, django_assert_num_queries: DjangoAssertNumQueries, due: int
) -> None:
    for number in range(due):
        make_due(subscribe(make_member(f"100000{number:02}"), 100 + number, f"person-{number}"), now)
    switch.look_again()
    with django_assert_num_queries(11):
        assert scanning.scan(now, limit=1000).queued == due
    assert len(sent.steps()) == due


def test_all_that_is_overdue_is_sent_again_by_as_many_questions_as_one(
    db: None, now: datetime, sent: Sent, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(20):
        member = subscribe(make_member(f"100000{number:02}"), 100 + number, f"person-{number}")
        runs.start(member, SyncRun.Trigger.STALE)
    sent.messages.clear()
    switch.look_again()
    with django_assert_num_queries(5):
        assert scanning.nudge(now + timedelta(minutes=11), limit=1000) == 20
    assert len(sent.steps()) == 20


def test_a_scan_that_finds_another_at_work_does_nothing(
    subscription: Subscription, now: datetime, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_due(subscription, now)
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("select pg_advisory_lock(%s)", [scanning.LOCK])
        actors.scan.fn()
        assert sent.messages == []
        with other.cursor() as cursor:
            cursor.execute("select pg_advisory_unlock(%s)", [scanning.LOCK])
    finally:
        other.close()
    actors.scan.fn()
    assert len(sent.steps()) == 1


def test_cron_does_one_scan_and_prints_what_it_found(
    subscription: Subscription, now: datetime, sent: Sent
) -> None:
    make_due(subscription, now)
    out = StringIO()
    call_command("update_data", stdout=out)
    assert out.getvalue().startswith("queued 1, sent again 0, waiting 0, skipped 0\n")


def test_a_daily_cron_leaves_nobody_who_is_due_behind(
    db: None, now: datetime, sent: Sent, settings: Settings
) -> None:
    """And a scan part by part queues no more than its parts, also of what a lost Redis had."""
    settings.SYNC_SCAN_LIMIT = 2
    for n in range(7):
        make_due(subscribe(make_member(f"1000000{n}"), 100 + n, f"person-{n}"), now)
    assert scanning.scan(now, limit=2, parts=2).queued == 4
    assert scanning.scan(now, limit=2, parts=2).queued == 0
    out = StringIO()
    call_command("update_data", stdout=out)
    assert out.getvalue().startswith("queued 3, sent again 0,")

    sent.messages.clear()
    sent.ready = 0
    assert scanning.nudge(now + timedelta(minutes=1), limit=2, parts=3) == 6
    sent.ready = 6
    assert scanning.nudge(now + timedelta(minutes=20), limit=2, parts=3) == 0
    assert len({run for run, _ in sent.steps()}) == 6


def test_what_a_clock_that_was_ahead_put_off_is_due_at_once(
    subscription: Subscription, now: datetime, sent: Sent
) -> None:
    Subscription.objects.update(next_due_at=now + timedelta(days=300))
    assert scanning.scan(now, limit=1000).queued == 1
    SyncRun.objects.update(
        state=SyncRun.State.WAITING,
        resume_at=now + timedelta(days=300),
        nudge_at=now + timedelta(days=300),
        lease_until=now + timedelta(days=300),
    )
    assert scanning.scan(now, limit=1000).nudged == 1
    assert SyncRun.objects.claim(SyncRun.objects.get().pk, 0, now) is not None


def test_a_lease_of_a_clock_that_was_minutes_ahead_is_not_waited_for(
    subscription: Subscription, now: datetime, sent: Sent
) -> None:
    run = runs.start(subscription, SyncRun.Trigger.STALE)
    assert SyncRun.objects.claim(run.pk, 0, now + timedelta(seconds=170)) is not None
    assert scanning.scan(now, limit=1000).nudged == 0
    SyncRun.objects.update(lease_until=None)
    assert SyncRun.objects.claim(run.pk, 0, now + timedelta(minutes=10)) is not None
    assert scanning.scan(now, limit=1000).nudged == 1
    assert SyncRun.objects.claim(run.pk, 0, now) is not None


def test_the_longest_wait_there_is_is_waited_for(
    subscription: Subscription, now: datetime, sent: Sent
) -> None:
    Subscription.objects.update(next_due_at=now + timedelta(days=4.4))
    assert scanning.scan(now, limit=1000).queued == 0
    run = runs.start(subscription, SyncRun.Trigger.STALE)
    a_day = {"resume_at": now + timedelta(days=1), "nudge_at": now + timedelta(days=1, seconds=30)}
    SyncRun.objects.filter(pk=run.pk).update(state=SyncRun.State.WAITING, **a_day)
    assert scanning.scan(now, limit=1000).nudged == 0
