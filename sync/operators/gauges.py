"""How things stand at this moment, for those who watch. Numbers only: of nobody in particular."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import redis
from django.conf import settings
from django.db.models import Case, Count, Min, When

from sync.models import ProviderState, Subscription, SyncRun, SyncRunQuerySet
from sync.queues import BACKGROUND, INTERACTIVE

# A lease that ran out this long ago should have been taken up by a scan.
STUCK_AFTER = timedelta(minutes=5)
# Of an active run; in the future while it waits for a moment or a worker has it.
WAITS_FOR_A_WORKER_SINCE = Case(
    When(state=SyncRun.State.QUEUED, then="created_at"),
    When(state=SyncRun.State.WAITING, then="resume_at"),
    When(lease_until=None, then="sent_at"),
    default="lease_until",
)

Values = dict[tuple[str, ...], float]


@dataclass(frozen=True, slots=True)
class Gauge:
    """`values` are {(label, ...): value}, as many labels as `labels` names."""

    name: str
    help: str
    labels: tuple[str, ...] = ()
    values: Values = field(default_factory=dict)


def from_postgres(now: datetime) -> Iterator[Gauge]:
    yield runs_under_way()
    yield subscriptions()
    yield Gauge("queue_age_seconds", "Of the run that waits longest for a worker.", (), {(): queue_age(now)})
    yield Gauge("oldest_due_seconds", "How late the longest overdue member is.", (), {(): overdue(now)})
    yield open_breakers()
    yield Gauge("stuck_leases", "Runs whose worker fell silent.", (), {(): stuck_runs(now).count()})


def runs_under_way() -> Gauge:
    rows = SyncRun.objects.active().order_by().values_list("state", "wait_reason").annotate(Count("pk"))
    values: Values = {(state, reason): float(number) for state, reason, number in rows}
    return Gauge("runs", "Runs under way.", ("state", "reason"), values)


def subscriptions() -> Gauge:
    rows = Subscription.objects.order_by().values_list("status").annotate(Count("pk"))
    return Gauge(
        "subscriptions", "Members by status.", ("status",), {(status,): float(n) for status, n in rows}
    )


def open_breakers() -> Gauge:
    """1 for each service that is not asked, but for one probe a minute, because it fails for everybody."""
    opened = set(ProviderState.objects.filter(opened_at__isnull=False).values_list("service", flat=True))
    values: Values = {(service,): float(service in opened) for service in ProviderState.Service.values}
    return Gauge("breaker_open", "Services that are given a rest.", ("service",), values)


def queue_age(now: datetime) -> float:
    """Whatever state the run is in: queued, between two steps, after its wait, or after a lost lease."""
    return _age(SyncRun.objects.active().aggregate(oldest=Min(WAITS_FOR_A_WORKER_SINCE))["oldest"], now)


def overdue(now: datetime) -> float:
    longest = Subscription.objects.due(now).order_by("next_due_at").values_list("next_due_at", flat=True)
    return _age(longest.first(), now)


def stuck_runs(now: datetime) -> SyncRunQuerySet:
    return SyncRun.objects.filter(state=SyncRun.State.RUNNING, lease_until__lte=now - STUCK_AFTER)


def _age(moment: datetime | None, now: datetime) -> float:
    return max((now - moment).total_seconds(), 0.0) if moment else 0.0


def queues() -> Gauge:
    """Messages in Redis: ready ones and delayed ones. Raise `redis.RedisError` when it is away."""
    with redis.Redis.from_url(settings.BROKER_URL, socket_timeout=2, socket_connect_timeout=2) as server:
        values: Values = {
            (queue, word): float(server.llen(f"dramatiq:{queue}{suffix}"))
            for queue in (INTERACTIVE, BACKGROUND)
            for word, suffix in (("ready", ""), ("delayed", ".DQ"))
        }
    return Gauge("queue_messages", "Messages for workers.", ("queue", "state"), values)
