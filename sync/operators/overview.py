"""How things stand, for the operators' front page: numbers and causes, nobody's name."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Max

from sync import switch
from sync.models import ProviderState, Subscription, SyncRun, SyncStop
from sync.operators import gauges
from sync.scanning import last_scan

RECENT = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Cause:
    """Why runs failed in the last day, how many, and the newest of them."""

    code: str
    runs: int
    last_at: datetime


@dataclass(frozen=True, slots=True)
class Operation:
    stop: SyncStop | None
    last_scan: datetime | None
    queue_age: timedelta
    overdue: timedelta
    under_way: list[tuple[str, str, int]]
    causes: list[Cause]
    waiting_longest: SyncRun | None
    stuck: int
    needing_action: list[tuple[str, int]]
    resting: list[ProviderState]


def operation(now: datetime) -> Operation:
    return Operation(
        stop=switch.current(),
        last_scan=last_scan(),
        queue_age=timedelta(seconds=round(gauges.queue_age(now))),
        overdue=timedelta(seconds=round(gauges.overdue(now))),
        under_way=under_way(),
        causes=causes(now),
        waiting_longest=SyncRun.objects.filter(state=SyncRun.State.WAITING).order_by("created_at").first(),
        stuck=gauges.stuck_runs(now).count(),
        needing_action=needing_action(),
        resting=list(ProviderState.objects.filter(opened_at__isnull=False).order_by("opened_at")),
    )


def under_way() -> list[tuple[str, str, int]]:
    """(state, what is waited for, how many runs)."""
    reasons = dict(SyncRun.WaitReason.choices)
    values = sorted(gauges.runs_under_way().values.items())
    return [(state, reasons.get(reason, ""), int(number)) for (state, reason), number in values]


def causes(now: datetime) -> list[Cause]:
    failed = SyncRun.objects.filter(state=SyncRun.State.FAILED, finished_at__gte=now - RECENT)
    rows = failed.order_by().values_list("error_code").annotate(number=Count("pk"), last=Max("finished_at"))
    return [Cause(code or "unknown", number, last) for code, number, last in rows.order_by("-number")]


def needing_action() -> list[tuple[str, int]]:
    """Members who have to do something themselves, by what."""
    waiting_for_them = (
        Subscription.Status.RECONNECT_GITHUB,
        Subscription.Status.RECONNECT_OPENHUMANS,
        Subscription.Status.PAUSED,
    )
    rows = Subscription.objects.filter(status__in=waiting_for_them).order_by("status")
    counted = rows.values_list("status").annotate(Count("pk"))
    return [(Subscription.Status(status).label, number) for status, number in counted]
