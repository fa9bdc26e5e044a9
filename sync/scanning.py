"""The safety net: what is due or overdue in Postgres gets a message, whatever happened to the last one."""

import logging
import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import redis
from django.conf import settings
from django.core.cache import cache
from django.db import transaction
from django.db.models import BooleanField, Count, ExpressionWrapper, Q

from sync import queues, runs, switch
from sync.models import MAY_BE_QUEUED, Subscription, SyncRun
from sync.queues import send_step

logger = logging.getLogger(__name__)
# Names the advisory lock of the scan; any constant that nobody else uses.
LOCK = 0x6F68_6768
LATE_ONES_LAST = ExpressionWrapper(MAY_BE_QUEUED, output_field=BooleanField()).asc()
# How long a message may be on its way through an empty queue.
LOST_AFTER = timedelta(seconds=30)
# Of what a scan may queue, for members who are due, however many runs wait for an outage to end.
SHARE_OF_DUE = 0.1
# Whoever was started by that share and waits as well is held against it for so long.
SHARED_FOR = timedelta(hours=1)
# Where a cron scans once a day, it queues a day's work. A million members, each of them looked at every four
# days, are 250,000 a day: so many times the default SYNC_SCAN_LIMIT.
PARTS_OF_A_DAY = 250
# Where the moment of the last scan stands in the cache.
MOMENT_KEY = "scan:moment"


@dataclass(frozen=True, slots=True)
class Scanned:
    """What one scan did: runs it queued and runs it nudged."""

    queued: int
    nudged: int


def scan(now: datetime, limit: int, parts: int = 1) -> Scanned:
    """Costs what there is to do, however many members there are: nothing else is looked at or counted.

    `parts`: so many times `limit` may wait for a worker; `limit` of them are queued by one transaction.
    """
    set_right(now)
    nudged = nudge(now, limit, parts)
    return Scanned(_queue_parts(now, limit, parts), nudged)


def _queue_parts(now: datetime, limit: int, parts: int) -> int:
    room, queued = _room(now, limit * parts), 0
    for _ in range(parts):
        started = queue_due(now, min(limit, room - queued))
        queued += started
        if not started:
            break
    return queued


def waiting() -> int:
    """Runs that wait, for whatever reason."""
    return SyncRun.objects.filter(state=SyncRun.State.WAITING).count()


def left_alone() -> int:
    """Members that no scan starts anything for."""
    return Subscription.objects.exclude(status=Subscription.Status.ACTIVE).count()


def _room(now: datetime, limit: int) -> int:
    """How many may be queued beside what is in the queue and what comes back when an outage ends.

    Some always, or nobody would ever learn that only those who wait are in trouble: tokens that died by the
    dozen are believed to be dead when other members are brought up to date, see breaker.py.
    """
    waits = Q(state=SyncRun.State.WAITING) & ~Q(wait_reason=SyncRun.WaitReason.GITHUB_LIMIT)
    to_come: dict[str, int] = SyncRun.objects.filter(Q(state=SyncRun.State.QUEUED) | waits).aggregate(
        all=Count("pk"),
        shared=Count("pk", filter=Q(state=SyncRun.State.QUEUED) | Q(created_at__gt=now - SHARED_FOR)),
    )
    return max(limit - to_come["all"], math.ceil(limit * SHARE_OF_DUE) - to_come["shared"])


def set_right(now: datetime) -> None:
    """Make due at once what is put off further than anything ever is: the server's clock was ahead."""
    longest = timedelta(days=settings.SYNC_DUE_DAYS) * (1 + runs.DUE_JITTER) + runs.LONGEST_WAIT
    subscriptions = Subscription.objects.filter(
        status=Subscription.Status.ACTIVE, next_due_at__gt=now + longest
    )
    # Subscriptions before runs, as everybody else.
    put_off = subscriptions.update(next_due_at=now)
    too_long = now + 2 * timedelta(seconds=settings.SYNC_LEASE_SECONDS)
    is_lease_too_long = Q(nudge_at__gt=too_long, lease_until__gt=too_long)
    far = SyncRun.objects.active().filter(Q(nudge_at__gt=now + runs.LONGEST_WAIT) | is_lease_too_long)
    put_off += far.update(nudge_at=now, resume_at=None, lease_until=None)
    if put_off:
        logger.error("A clock of this site was ahead; %d runs and members that it put off are due.", put_off)


def nudge(now: datetime, limit: int, parts: int = 1) -> int:
    """Send the step again of runs whose message, worker or wait is overdue.

    In an empty queue no message waits for its turn: what was sent and nobody has begun is lost. In a full one
    it may only be late, and sending it again would make all others later.
    """
    ready = _ready()
    lost_after = LOST_AFTER if ready == 0 else None
    room, nudged = limit * parts - (ready or 0), 0
    for _ in range(parts):
        sent = _nudge_part(now, limit, lost_after, room - nudged)
        nudged += sent
        if sent < limit:
            break
    return nudged


@transaction.atomic
def _nudge_part(now: datetime, limit: int, lost_after: timedelta | None, room: int) -> int:
    runs_to_nudge = SyncRun.objects.to_nudge(now, lost_after)
    if switch.current() is not None:
        # Deleting is never held up.
        runs_to_nudge = runs_to_nudge.filter(trigger__in=SyncRun.DELETING)
    in_turn = runs_to_nudge.select_for_update(skip_locked=True).order_by(LATE_ONES_LAST, "nudge_at")
    overdue = _without_late_ones(list(in_turn[:limit]), room)
    again_at = now + timedelta(seconds=settings.SYNC_NUDGE_SECONDS)
    SyncRun.objects.filter(pk__in=[run.pk for run in overdue]).update(nudge_at=again_at)
    for run in overdue:
        send_step(run)
    return len(overdue)


def _ready() -> int | None:
    try:
        return queues.ready()
    except redis.RedisError:
        logger.warning("Redis is away; nobody knows what waits there.")
        return None


def _without_late_ones(overdue: list[SyncRun], room: int) -> list[SyncRun]:
    """All whose worker or wait is overdue, and of those that may still be in the queue as many as fit."""
    queued = [run for run in overdue if run.may_be_queued]
    return [run for run in overdue if not run.may_be_queued] + queued[: max(room, 0)]


@transaction.atomic
def queue_due(now: datetime, limit: int) -> int:
    """Start runs for subscriptions whose time has come, the longest overdue first."""
    if switch.current() is not None:
        return 0
    due = (
        Subscription.objects.due(now)
        .select_for_update(skip_locked=True, of=("self",))
        .order_by("next_due_at")
        .values_list("pk", flat=True)[: max(limit, 0)]
    )
    return runs.start_all(list(due), SyncRun.Trigger.STALE)


def note_scan(now: datetime) -> None:
    """Remember when the last scan was, for those who watch."""
    try:
        cache.set(MOMENT_KEY, now.timestamp(), timeout=None)
    except redis.RedisError:
        logger.warning("Redis is away; nobody will know of this scan.")


def last_scan() -> datetime | None:
    """None when none is known: there was none yet, or Redis was emptied or is away."""
    try:
        moment: float | None = cache.get(MOMENT_KEY)
    except redis.RedisError:
        return None
    return None if moment is None else datetime.fromtimestamp(moment, UTC)
