from datetime import timedelta
from threading import Thread
from typing import Any

import pytest
import redis
from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from accounts.models import User
from sync import runs
from sync.errors import LeaseLost
from sync.models import Subscription, SyncRun, SyncRunQuerySet, TrackSettings
from sync.operators import gauges
from sync.queues import BACKGROUND, INTERACTIVE, INTERACTIVE_STEPS, step_message
from tests.sync.broker import Sent
from tests.sync.locks import waits_for

pytestmark = pytest.mark.django_db(transaction=True)
STALE = SyncRun.Trigger.STALE


def test_starting_queues_a_run_and_sends_its_first_step(subscription: Subscription, sent: Sent) -> None:
    run = runs.start(subscription, STALE)
    assert run.state == SyncRun.State.QUEUED
    assert sent.steps() == [(run.pk, 0)]


def test_a_member_has_at_most_one_active_run(subscription: Subscription, sent: Sent) -> None:
    """Promise 2: the database itself allows no second one."""
    first = runs.start(subscription, STALE)
    assert runs.start(subscription, SyncRun.Trigger.MEMBER) == first
    assert sent.steps() == [(first.pk, 0)]
    with pytest.raises(IntegrityError), transaction.atomic():
        SyncRun.objects.create(subscription=subscription, trigger=STALE)


def test_many_are_started_at_once_and_who_has_one_already_keeps_it(
    subscription: Subscription, stranger: User, sent: Sent
) -> None:
    active = runs.start(subscription, SyncRun.Trigger.MEMBER)
    assert runs.start_all([subscription.pk, stranger.subscription.pk], SyncRun.Trigger.STALE) == 1
    assert subscription.runs.get() == active
    started = stranger.subscription.runs.get()
    assert (started.trigger, started.state, started.step) == (STALE, SyncRun.State.QUEUED, 0)
    assert sent.steps() == [(active.pk, 0), (started.pk, 0)]


def test_a_run_started_with_many_is_like_any_other(
    subscription: Subscription, stranger: User, sent: Sent
) -> None:
    alone = runs.start(subscription, STALE)
    runs.start_all([stranger.subscription.pk], STALE)
    among_many = stranger.subscription.runs.get()
    own = {"id", "subscription_id", "created_at", "nudge_at"}
    for field in SyncRun._meta.concrete_fields:
        if field.attname not in own:
            assert getattr(among_many, field.attname) == getattr(alone, field.attname), field.name
    assert among_many.nudge_at is not None
    assert alone.nudge_at is not None
    assert abs(among_many.nudge_at - alone.nudge_at) < timedelta(minutes=1)
    assert abs(among_many.created_at - alone.created_at) < timedelta(minutes=1)


def test_a_finished_run_makes_room_for_the_next(subscription: Subscription, sent: Sent) -> None:
    first = runs.start(subscription, STALE)
    assert runs.cancel(first)
    assert runs.start(subscription, STALE) != first


def test_a_run_that_ends_while_another_is_asked_for_makes_room_as_well(
    subscription: Subscription, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between the insert that the constraint refused and the question for the active one."""
    first = runs.start(subscription, STALE)
    active = SyncRunQuerySet.active

    def end_and_look(self: SyncRunQuerySet) -> SyncRunQuerySet:
        active(SyncRun.objects.filter(pk=first.pk)).update(state=SyncRun.State.SUCCEEDED)
        return active(self)

    monkeypatch.setattr(SyncRunQuerySet, "active", end_and_look)
    second = runs.start(subscription, SyncRun.Trigger.MEMBER)
    assert second != first
    assert second.trigger == SyncRun.Trigger.MEMBER
    assert sent.steps() == [(first.pk, 0), (second.pk, 0)]


def test_nothing_is_sent_when_the_transaction_fails(subscription: Subscription, sent: Sent) -> None:
    with transaction.atomic():
        runs.start(subscription, STALE)
        transaction.set_rollback(True)
    assert sent.steps() == []
    assert not SyncRun.objects.exists()


def test_without_redis_the_run_is_kept_for_the_next_scan(subscription: Subscription, sent: Sent) -> None:
    """Promise 1: what could not be sent is due at once."""
    sent.error = redis.ConnectionError("away")
    run = runs.start(subscription, STALE)
    assert run in SyncRun.objects.to_nudge(timezone.now())


def test_people_at_a_screen_are_served_first_but_not_for_ever(subscription: Subscription, sent: Sent) -> None:
    watched = runs.start(subscription, SyncRun.Trigger.MEMBER, is_interactive=True)
    assert step_message(watched).queue_name == INTERACTIVE
    watched.step = INTERACTIVE_STEPS
    assert step_message(watched).queue_name == BACKGROUND


def test_a_queued_run_that_somebody_begins_to_watch_is_moved_up_once(
    subscription: Subscription, sent: Sent
) -> None:
    run = runs.start(subscription, STALE)
    for _ in range(2):
        assert runs.start(subscription, SyncRun.Trigger.MEMBER, is_interactive=True) == run
    assert [(message.queue_name, *message.args) for message, _ in sent.messages] == [
        (BACKGROUND, run.pk, 0),
        (INTERACTIVE, run.pk, 0),
    ]


@pytest.mark.parametrize(
    "place",
    [
        {"state": SyncRun.State.RUNNING, "lease_until": timezone.now() + timedelta(hours=1)},
        {"state": SyncRun.State.WAITING, "resume_at": timezone.now() + timedelta(hours=1)},
        {"state": SyncRun.State.RUNNING, "step": INTERACTIVE_STEPS},
    ],
)
def test_a_run_that_is_at_work_waits_or_is_long_is_left_where_it_is(
    subscription: Subscription, sent: Sent, place: dict[str, Any]
) -> None:
    run = runs.start(subscription, STALE)
    SyncRun.objects.filter(pk=run.pk).update(**place)
    runs.start(subscription, SyncRun.Trigger.MEMBER, is_interactive=True)
    assert len(sent.messages) == 1


def test_a_run_taken_by_somebody_who_died_at_once_is_found_by_a_scan(
    subscription: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_arguments: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SyncRunQuerySet, "claim", die)
    with pytest.raises(KeyboardInterrupt):
        runs.take(subscription, STALE)
    later = timezone.now() + timedelta(seconds=settings.SYNC_NUDGE_SECONDS + 1)
    assert SyncRun.objects.get() in SyncRun.objects.to_nudge(later)


def test_messages_carry_ids_only(subscription: Subscription, sent: Sent) -> None:
    run = runs.start(subscription, STALE)
    assert step_message(run).args == (run.pk, 0)
    assert step_message(run).kwargs == {}


# --- Claims ---


def claim(run: SyncRun, step: int = 0) -> SyncRun | None:
    return SyncRun.objects.claim(run.pk, step, timezone.now())


def test_one_of_two_messages_claims_the_step(subscription: Subscription, sent: Sent) -> None:
    run = runs.start(subscription, STALE)
    assert claim(run) is not None
    assert claim(run) is None


def test_a_claim_reads_what_was_decided_while_it_waited_for_its_turn(
    subscription: Subscription, sent: Sent
) -> None:
    """Whoever holds the subscription's row at that moment may be changing what the step goes by."""
    run, claimed = runs.start(subscription, STALE), []

    def claim_and_close() -> None:
        claimed.append(claim(run))
        connection.close()

    claiming = Thread(target=claim_and_close)
    with transaction.atomic():
        Subscription.objects.select_for_update().get(pk=subscription.pk)
        claiming.start()
        while not waits_for(connection):
            assert claiming.is_alive()
        User.objects.filter(pk=subscription.user_id).update(left_at=timezone.now())
        TrackSettings.objects.create(subscription=subscription)
    claiming.join()
    (found,) = claimed
    assert found is not None
    assert found.subscription.user.left_at is not None
    assert found.subscription.has_track_settings


def test_a_message_of_another_step_claims_nothing(subscription: Subscription, sent: Sent) -> None:
    run = runs.start(subscription, STALE)
    assert claim(run, step=1) is None
    assert claim(run, step=0) is not None


def test_a_lease_that_ran_out_can_be_claimed_and_the_first_holder_stops(
    subscription: Subscription, sent: Sent
) -> None:
    """Promise 2: whoever finds another fence has lost its place."""
    run = runs.start(subscription, STALE)
    first = claim(run)
    assert first is not None
    SyncRun.objects.update(lease_until=timezone.now())
    second = claim(run)
    assert second is not None
    assert second.subscription.fence == first.subscription.fence + 1
    second.hold()
    with pytest.raises(LeaseLost):
        first.hold()


def test_a_cancelled_run_cannot_go_on(subscription: Subscription, sent: Sent) -> None:
    run = claim(runs.start(subscription, STALE))
    assert run is not None
    assert runs.cancel(run)
    assert not runs.cancel(run)
    with pytest.raises(LeaseLost):
        run.hold()
    assert claim(run) is None


def test_holding_renews_the_lease_and_moves_the_nudge_with_it(subscription: Subscription, sent: Sent) -> None:
    run = claim(runs.start(subscription, STALE))
    assert run is not None
    SyncRun.objects.update(lease_until=timezone.now(), nudge_at=timezone.now())
    run.hold()
    run.refresh_from_db()
    assert run.lease_until is not None
    assert run.lease_until > timezone.now()
    assert run.nudge_at == run.lease_until


def test_a_waiting_run_is_claimed_only_when_its_time_has_come(subscription: Subscription, sent: Sent) -> None:
    run = runs.start(subscription, STALE)
    later = timezone.now() + timedelta(minutes=1)
    SyncRun.objects.update(state=SyncRun.State.WAITING, resume_at=later)
    assert claim(run) is None
    assert SyncRun.objects.claim(run.pk, 0, later) is not None


def test_released_runs_can_be_claimed_at_once(subscription: Subscription, sent: Sent) -> None:
    run = claim(runs.start(subscription, STALE))
    assert run is not None
    run.release()
    assert gauges.queue_age(timezone.now() + timedelta(hours=1)) == pytest.approx(3600, abs=30)
    assert claim(run) is not None
