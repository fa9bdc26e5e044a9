"""Rows that have done their service, taken away once an hour."""

from datetime import datetime, timedelta

from django.contrib.sessions.models import Session
from django.db.models import OuterRef, Q

from sync.models import Subscription, SyncRun

KEEP_RUNS = timedelta(days=90)
KEEP_IDLE_RUNS = timedelta(days=7)
# Of each member, whatever their age: the history is never empty.
KEEP_NEWEST_RUNS = 20
MOST_ROWS = 5000
# Of a million members all are looked at within a day, and of fewer in an hour: to find what is old among
# twenty million runs takes minutes.
MEMBERS_AN_HOUR = 50_000


def prune(now: datetime, hours: int = 1) -> int:
    """Delete old runs of the members whose hour it is, and sessions that have ended; return how many runs.

    `hours`: how long it is until this is done again, so that everybody's hour comes.
    """
    Session.objects.filter(expire_date__lt=now).delete()
    return sum(_prune_share(now, share) for share in _whose_hours_these_are(now, hours))


def _whose_hours_these_are(now: datetime, hours: int) -> set[int]:
    newest = Subscription.objects.order_by("pk").values_list("pk", flat=True).last() or 0
    shares = 1 + newest // MEMBERS_AN_HOUR
    hour = int(now.timestamp()) // 3600
    return {(hour + later) % shares for later in range(min(hours, shares))}


def _prune_share(now: datetime, share: int) -> int:
    first = share * MEMBERS_AN_HOUR
    ended = SyncRun.objects.exclude(state__in=SyncRun.ACTIVE_STATES).filter(
        subscription__gte=first, subscription__lt=first + MEMBERS_AN_HOUR
    )
    is_idle = Q(state=SyncRun.State.SUCCEEDED, uploads=0, records_new=0, records_changed=0)
    is_old = Q(finished_at__lte=now - KEEP_RUNS) | (is_idle & Q(finished_at__lte=now - KEEP_IDLE_RUNS))
    newest = SyncRun.objects.filter(subscription=OuterRef("subscription")).order_by("-created_at", "-pk")
    old = ended.filter(is_old).exclude(pk__in=newest.values("pk")[:KEEP_NEWEST_RUNS])
    keys = list(old.values_list("pk", flat=True))
    for begin in range(0, len(keys), MOST_ROWS):
        SyncRun.objects.filter(pk__in=keys[begin : begin + MOST_ROWS]).delete()
    return len(keys)
