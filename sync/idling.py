"""The short way of a run that finds nothing new: most are such, and none of their work has to be done again.

A run that went the long way, sent one request and had nothing to read or to write leaves word of what its
probe met (`probing.standing`). Where a later probe meets the same, and time has made nothing due, nothing is
to be noted, and one statement ends the run, unless anything is left over from elsewhere. Whatever time makes
due leads the long way, so that it is gone at least once a week.
"""

import json
import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection

from github_client import ProbeAnswer
from sync import reconciling, recurring, runs
from sync.collect import probing, releases, reviews
from sync.collect.collector import Collector
from sync.ledger import settled_until
from sync.models import OLD_FILES, Subscription, SyncRun
from sync.operators.counters import count
from sync.records import COMMITS
from sync.tracking import scope

# What the profile says of others' doing (followers, stars) follows so often.
DOCUMENTS_EVERY = timedelta(days=7)
# Of `Subscription.probe`, beside OLD_FILES: what was met when nothing was left to do; when the documents were
# compared; with what the ledger was settled.
IDLE, DOCUMENTS, SETTLED = "idle", "documents_at", "settled"

# One statement for everything: as with HOLD the run must be ours, and the subscription's row comes first. The
# choice is compared because a member may have changed it since the run was claimed. A document (their year is
# 0) without a file is one that the member wants back. Who decided something during the run has made the next
# one due at once.
END = """
with subscription as (
    select id from sync_subscription
    where id = %(subscription)s and fence = %(fence)s and agreement = %(agreement)s::jsonb
    for no key update
), ended as (
    update sync_syncrun run
    set state = 'succeeded', finished_at = %(now)s, probed_at = %(now)s, lease_until = null, nudge_at = null,
        requests = requests + %(requests)s, points = points + %(points)s
    from subscription
    where run.id = %(run)s and run.state = 'running' and run.step = %(step)s
        and run.subscription_id = subscription.id
        and not exists (select from sync_stagedbatch where subscription_id = %(subscription)s)
        and not exists (select from sync_tracksettings where subscription_id = %(subscription)s)
        and not exists (
            select from sync_yearfile where subscription_id = %(subscription)s
                and (
                    jsonb_typeof(pending) <> 'null' or superseded <> '{}' or to_clean <> 0
                    or (year = 0 and current_id is null and removed_by_member_at is null)
                )
        )
        and not (%(reads_histories)s and exists (
            select from sync_repositorystate where subscription_id = %(subscription)s and not is_read
        ))
    returning run.subscription_id, run.started_at
)
update sync_subscription
set failures = 0, secondary_limits = 0, synced_at = %(now)s, blocked_until = null,
    next_due_at = case
        when next_due_at > ended.started_at and next_due_at <= %(now)s then next_due_at
        else %(next_due_at)s
    end
from ended where id = ended.subscription_id
"""


def end(collector: Collector, answer: ProbeAnswer, now: datetime) -> bool:
    """End the run if its probe brought nothing new and nothing is left to do; tell whether it is ended."""
    run, subscription = collector.run, collector.subscription
    if not _is_idle(subscription, answer, now) or not _end(collector, now):
        return False
    run.state, run.finished_at, run.probed_at = SyncRun.State.SUCCEEDED, now, now
    subscription.failures, subscription.synced_at, subscription.blocked_until = 0, now, None
    collector.note(*collector.not_counted)
    count("runs_ended", run.state.value, run.trigger)
    return True


def _is_idle(subscription: Subscription, answer: ProbeAnswer, now: datetime) -> bool:
    known = subscription.probe.get(IDLE)
    return (
        known is not None
        and not subscription.has_track_settings
        and not scope.is_looking(subscription)
        and not _is_anything_due(subscription, now)
        and known == probing.standing(subscription, answer)
    )


def _end(collector: Collector, now: datetime) -> bool:
    run, subscription = collector.run, collector.subscription
    requests, points = collector.not_counted
    values: dict[str, Any] = {
        "run": run.pk,
        "step": run.step,
        "subscription": subscription.pk,
        "fence": subscription.fence,
        "agreement": json.dumps(subscription.agreement),
        "reads_histories": COMMITS in subscription.kinds,
        "requests": requests,
        "points": points,
        "now": now,
        "next_due_at": next_due(subscription, now),
    }
    with connection.cursor() as cursor:
        cursor.execute(END, values)
        return bool(cursor.rowcount)


# --- What time makes due ----------------------------------------------------------------------------------


def _is_anything_due(subscription: Subscription, now: datetime) -> bool:
    return (
        reconciling.is_due(subscription, now)
        or not has_looked_for_old_files(subscription)
        or not is_settled(subscription, now)
        or any(recurring.is_due(noted, every, now) for noted, every in _recurring(subscription))
    )


def _recurring(subscription: Subscription) -> Iterator[tuple[str | None, timedelta]]:
    """When that was asked which no probe can see, None where it never was; and how often it is."""
    seen, lists = subscription.probe, subscription.lists
    yield seen.get(DOCUMENTS), DOCUMENTS_EVERY
    yield seen.get("compared_at"), probing.EVERYTHING_EVERY
    if releases.LIST in subscription.kinds:
        yield lists.get(releases.LIST, {}).get("checked_at"), releases.EVERY
    if reviews.LIST in subscription.kinds:
        yield lists.get(reviews.LIST, {}).get("watermark"), reviews.EVERY


def is_settled(subscription: Subscription, now: datetime) -> bool:
    """Whether there is nothing to settle, where nothing was published since."""
    return bool(subscription.probe.get(SETTLED) == standing_of_ledger(subscription, now))


def standing_of_ledger(subscription: Subscription, now: datetime) -> dict[str, str]:
    """While this is as at the last settling, and nothing was published, there is nothing to settle."""
    return {
        "from": str(subscription.ledger_starts_on),
        "until": settled_until(now, timedelta(hours=settings.SYNC_SETTLING_HOURS)).isoformat(),
        "reconciled_at": str(subscription.reconciled_at),
    }


def next_due(subscription: Subscription, now: datetime) -> datetime:
    jitter = random.uniform(1 - runs.DUE_JITTER, 1 + runs.DUE_JITTER)
    return reconciling.next_due(subscription, now + timedelta(days=settings.SYNC_DUE_DAYS) * jitter)


# --- What the long way leaves word of ---------------------------------------------------------------------


def note_end(run: SyncRun) -> None:
    """At the end of a run that went the long way; the caller saves.

    Where its probe was its only request, nothing had to be read: not even what GitHub withheld before.
    """
    subscription = run.subscription
    seen = {name: value for name, value in subscription.probe.items() if name != IDLE}
    if run.requests == 1 and not run.uploads and probing.MET in seen:
        seen[IDLE] = seen[probing.MET]
    subscription.probe = seen


def note_documents(subscription: Subscription, now: datetime) -> None:
    """The caller saves."""
    subscription.probe = {**subscription.probe, DOCUMENTS: now.isoformat()}


def has_looked_for_old_files(subscription: Subscription) -> bool:
    return bool(subscription.probe.get(OLD_FILES) == _choice_of_old_files(subscription))


def with_old_files_noted(subscription: Subscription) -> dict[str, object]:
    return {**subscription.probe, OLD_FILES: _choice_of_old_files(subscription)}


def _choice_of_old_files(subscription: Subscription) -> dict[str, bool]:
    return {"private": subscription.includes_private, "commits": COMMITS in subscription.kinds}
