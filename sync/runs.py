"""Starting, nudging and cancelling runs: the database first, a message after the commit."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.conf import settings
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from sync.models import MAY_BE_QUEUED, Subscription, SyncRun, next_nudge
from sync.operators.counters import count
from sync.queues import INTERACTIVE_STEPS, send_step

# The members of one day do not stay together for ever.
DUE_JITTER = 0.1
# No limit lasts longer than a day: what waits longer was told to by a clock that was wrong.
LONGEST_WAIT = timedelta(hours=25)
# No wait doubles any further.
MOST_OUTAGES = 10


def start(subscription: Subscription, trigger: SyncRun.Trigger, *, is_interactive: bool = False) -> SyncRun:
    """Queue a run, or return the one that is already active: a member has at most one."""
    run = SyncRun(
        subscription=subscription, trigger=trigger, is_interactive=is_interactive, nudge_at=next_nudge()
    )
    if not _queue(run):
        active = subscription.runs.active().first()
        if active is not None:
            if is_interactive:
                move_up(active)
            return active
        # It ended between the two questions: now there is room.
        if not _queue(run):
            return subscription.runs.active().get()
    send_step(run)
    return run


def _queue(run: SyncRun) -> bool:
    """False where the member has an active run."""
    try:
        with transaction.atomic():
            run.save(force_insert=True)
    except IntegrityError:
        return False
    return True


def move_up(run: SyncRun) -> None:
    """Somebody watches a run that waits in the long queue: it goes into the other one as well.

    Whichever message comes first takes the step; the other one finds it done.
    """
    if not run.is_active or not run.may_be_queued or run.is_interactive or run.step >= INTERACTIVE_STEPS:
        return
    waiting = SyncRun.objects.active().filter(MAY_BE_QUEUED, pk=run.pk, step=run.step, is_interactive=False)
    if waiting.update(is_interactive=True):
        run.is_interactive = True
        send_step(run)


def take(subscription: Subscription, trigger: SyncRun.Trigger) -> SyncRun | None:
    """A run for whoever asks to do it here and now, claimed already; None where one is under way.

    Should its process die, a scan gives it to the workers, who make an ordinary update of it.
    """
    try:
        with transaction.atomic():
            run = SyncRun.objects.create(subscription=subscription, trigger=trigger, nudge_at=next_nudge())
    except IntegrityError:
        return None
    return SyncRun.objects.claim(run.pk, run.step, timezone.now())


def start_all(subscription_ids: Sequence[int], trigger: SyncRun.Trigger) -> int:
    """Queue a run for each that has none under way, by one statement; return how many.

    Postgres would spend more time on reading a thousand rows of values than on storing them, so that only
    what differs is sent: the numbers of the subscriptions.
    """
    if not subscription_ids:
        return 0
    row = SyncRun(trigger=trigger, nudge_at=next_nudge())
    given = [field for field in SyncRun._meta.concrete_fields if field.name not in ("id", "subscription")]
    values = [field.get_db_prep_save(getattr(row, field.attname), connection) for field in given]
    columns = ", ".join(str(field.column) for field in given)
    insert = (
        f"insert into sync_syncrun (subscription_id, {columns})"  # noqa: S608 - names of our own columns
        f" select id, {', '.join(['%s'] * len(given))} from unnest(%s::bigint[]) as id"
        " on conflict do nothing returning id, subscription_id"
    )
    with connection.cursor() as cursor:
        cursor.execute(insert, [*values, list(subscription_ids)])
        started = [SyncRun(pk=pk, subscription_id=of) for pk, of in cursor.fetchall()]
    for run in started:
        send_step(run)
    return len(started)


def cancel(run: SyncRun) -> bool:
    """Stop an active run; what deletes is the member's own and runs to its end."""
    return not run.is_deleting and stop(run)


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


def finish(run: SyncRun, state: SyncRun.State, now: datetime, code: str = "", error: str = "") -> None:
    """The end of a run that is ours."""
    count("runs_ended", state.value, code or run.trigger)
    run.state, run.finished_at = state, now
    run.error_code, run.error = code, error
    run.lease_until = run.nudge_at = run.resume_at = None
    run.wait_reason = ""
    run.save(
        update_fields=[
            "state",
            "finished_at",
            "error_code",
            "error",
            "lease_until",
            "nudge_at",
            "resume_at",
            "wait_reason",
            "weeks_fetched",
        ]
    )


def back_off(run: SyncRun, longest_seconds: int) -> datetime:
    """When to try again what failed, later each time in a row; the caller saves `outages`."""
    seconds = min(settings.SYNC_WAIT_FLOOR_SECONDS * 2**run.outages, longest_seconds)
    run.outages = min(run.outages + 1, MOST_OUTAGES)
    return timezone.now() + timedelta(seconds=seconds)


def let_go(run: SyncRun) -> None:
    """The worker of a cancelled run has stopped: nobody need wait for its lease to run out.

    Only where nobody else can have claimed the run since, which is while this worker's own lease lasts.
    """
    if run.lease_until is not None and run.lease_until > timezone.now():
        SyncRun.objects.filter(pk=run.pk, state=SyncRun.State.CANCELLED).update(lease_until=None)
