"""Starting, nudging and cancelling runs: the database first, a message after the commit."""

from datetime import timedelta

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone

from sync.models import Subscription, SyncRun
from sync.operators.counters import count
from sync.queues import send_step


def start(subscription: Subscription, trigger: SyncRun.Trigger, *, is_interactive: bool = False) -> SyncRun:
    """Queue a run, or return the one that is already active: a member has at most one."""
    now = timezone.now()
    try:
        with transaction.atomic():
            run = SyncRun.objects.create(
                subscription=subscription,
                trigger=trigger,
                is_interactive=is_interactive,
                nudge_at=now + timedelta(seconds=settings.SYNC_NUDGE_SECONDS),
            )
    except IntegrityError:
        return subscription.runs.active().get()
    send_step(run)
    return run


def cancel(run: SyncRun) -> bool:
    """Stop an active run; an erasing is the member's own and runs to its end."""
    return run.trigger != SyncRun.Trigger.ERASE and stop(run)


def stop(run: SyncRun) -> bool:
    """A worker in the middle of the run notices before its next request; its lease stands until then."""
    stopped = (
        SyncRun.objects.active()
        .filter(pk=run.pk)
        .update(
            state=SyncRun.State.CANCELLED,
            finished_at=timezone.now(),
            nudge_at=None,
            resume_at=None,
        )
    )
    if stopped:
        count("runs_ended", SyncRun.State.CANCELLED.value, run.trigger)
    return bool(stopped)


def let_go(run: SyncRun) -> None:
    """The worker of a cancelled run has stopped: nobody need wait for its lease to run out.

    Only where nobody else can have claimed the run since, which is while this worker's own lease lasts.
    """
    if run.lease_until is not None and run.lease_until > timezone.now():
        SyncRun.objects.filter(pk=run.pk, state=SyncRun.State.CANCELLED).update(lease_until=None)
