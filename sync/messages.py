"""Messages through Open Humans: few, fixed, and only when something is the member's to know or to do.

One for each cause, at most one a week, none where the member said no, and none for what befalls many members
at once: that is ours to mend. What keeps a member from being told at once, a message of the same week, Open
Humans not answering or syncing that is stopped, puts it off only: it is owed, and sent later if it is still
true. The texts hold no names, no numbers and nothing that went wrong in detail.
"""

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from django.conf import settings
from django.urls import reverse
from django.utils import timezone

from sync import credentials, recurring, switch
from sync.choices import wants_messages
from sync.models import Subscription, SyncRun

logger = logging.getLogger(__name__)
QUIET = timedelta(days=7)
# What could not be told for so long is no news any more, and stands on the dashboard.
OWED_FOR = timedelta(days=28)
# So many other members stopped for the same reason within an hour: it is not the member's.
MANY_MEMBERS = 10
MANY_WITHIN = timedelta(hours=1)


class Cause(StrEnum):
    ARCHIVE_COMPLETE = "archive_complete"
    NOTHING_FOUND = "nothing_found"
    CONNECT_GITHUB = "connect_github"
    PAUSED = "paused"


@dataclass(frozen=True, slots=True)
class Text:
    """`page` is the name of the one page the message leads to."""

    subject: str
    text: str
    page: str = "dashboard"


FIRST = (Cause.ARCHIVE_COMPLETE, Cause.NOTHING_FOUND)
TEXTS = {
    Cause.ARCHIVE_COMPLETE: Text(
        "Your GitHub archive is complete",
        "Everything that GitHub tells us of your activity is now in your Open Humans account, from the first"
        " week to this one. It is kept up to date from here on; there is nothing for you to do.",
    ),
    Cause.NOTHING_FOUND: Text(
        "GitHub told us of no activity yet",
        "We have looked through everything that GitHub tells us of your account and found no activity. We"
        " keep looking. What cannot be seen, and why, stands on your dashboard.",
    ),
    Cause.CONNECT_GITHUB: Text(
        "Please connect GitHub again",
        "GitHub no longer accepts our access, so nothing new is collected. Your files stay as they are. If"
        " you took the access back on purpose, there is nothing for you to do.",
        page="connect",
    ),
    Cause.PAUSED: Text(
        "Collecting your GitHub activity is paused",
        "Several attempts in a row failed, so we have stopped trying. Your files stay as they are. Why, and"
        " what you can do, stands on your dashboard.",
    ),
}
STOPPED = {
    Subscription.Status.RECONNECT_GITHUB: Cause.CONNECT_GITHUB,
    Subscription.Status.PAUSED: Cause.PAUSED,
}


def synced(subscription: Subscription) -> None:
    """After a run that succeeded: the first one is news, and what stood in the way is over."""
    causes = subscription.told.get("causes", [])
    over = [cause for cause in causes if cause in STOPPED.values()]
    if over or "owed" in subscription.told:
        told = {name: value for name, value in subscription.told.items() if name != "owed"}
        subscription.told = {**told, "causes": [cause for cause in causes if cause not in over]}
        subscription.save(update_fields=["told"])
    if any(cause in causes for cause in FIRST) or not wants_messages(subscription):
        return
    if subscription.year_files.hold_activity():
        notify(subscription, Cause.ARCHIVE_COMPLETE)
    elif not subscription.year_files.exclude(removed_by_member_at=None).exists():
        notify(subscription, Cause.NOTHING_FOUND)


def stopped(run: SyncRun) -> None:
    """After a run that failed: told only where nothing goes on without the member, and it is theirs alone."""
    subscription = run.subscription
    cause = _present_cause(subscription)
    if cause is None or run.trigger == SyncRun.Trigger.ERASE or _befalls_many(run):
        return
    if not notify(subscription, cause):
        _owe(subscription, cause, timezone.now())


def to_send(now: datetime) -> Iterator[int]:
    """The subscriptions whose member is owed a message that can be sent now."""
    owing = Subscription.objects.filter(status__in=STOPPED, told__has_key="owed").order_by("pk")
    for pk, told in owing.values_list("pk", "told").iterator():
        is_news = datetime.fromisoformat(told["owed"]["since"]) > now - OWED_FOR
        if is_news and not _was_lately(told, now):
            yield pk


def send_owed(subscription: Subscription) -> None:
    """Unless it is no longer true, or turned out to be nobody's own."""
    owed = subscription.told.get("owed", {}).get("cause")
    cause = _present_cause(subscription)
    run = subscription.runs.filter(state=SyncRun.State.FAILED).first()
    if cause is not None and cause == owed and not (run is not None and _befalls_many(run)):
        notify(subscription, cause)


def _present_cause(subscription: Subscription) -> Cause | None:
    """Why nothing goes on without the member; None where somebody wished it so."""
    if subscription.is_paused_on_purpose:
        return None
    return STOPPED.get(Subscription.Status(subscription.status))


def _befalls_many(run: SyncRun) -> bool:
    ended_at = run.finished_at or timezone.now()
    alike = SyncRun.objects.filter(
        state=SyncRun.State.FAILED,
        error_code=run.error_code,
        finished_at__range=(ended_at - MANY_WITHIN, ended_at + MANY_WITHIN),
    ).exclude(subscription=run.subscription)
    return alike.values("subscription").distinct().count() >= MANY_MEMBERS


def _owe(subscription: Subscription, cause: Cause, now: datetime) -> None:
    """Remember what was not sent, unless it was told before or may have been."""
    subscription.refresh_from_db(fields=["told"])
    told = subscription.told
    owed = {"cause": cause, "since": now.isoformat()}
    is_owed = told.get("owed", {}).get("cause") == cause
    if wants_messages(subscription) and cause not in told.get("causes", []) and not is_owed:
        Subscription.objects.filter(pk=subscription.pk, told=told).update(told={**told, "owed": owed})


def notify(subscription: Subscription, cause: Cause) -> bool:
    """Send the cause's message unless it was sent, or another one lately, or all syncing is stopped.

    Never raises: a run goes before.
    """
    try:
        return _notify(subscription, cause, timezone.now())
    except Exception as error:  # whatever it was, the run that called is over and done
        logger.warning("A message could not be sent: %s", error, extra={"subscription": subscription.pk})
        return False


def _notify(subscription: Subscription, cause: Cause, now: datetime) -> bool:
    told = subscription.told
    if switch.current() is not None:
        return False
    if not wants_messages(subscription) or cause in told.get("causes", []) or _was_lately(told, now):
        return False
    owed = {name: value for name, value in told.items() if name == "owed" and value["cause"] != cause}
    told_now = {**owed, "causes": [*told.get("causes", []), cause], "sent_at": now.isoformat()}
    # Noted first: rather no message than the same one twice.
    if not Subscription.objects.filter(pk=subscription.pk, told=told).update(told=told_now):
        return False
    try:
        client = credentials.openhumans_client(subscription.user)
        words = TEXTS[cause]
        client.send_message(words.subject, f"{words.text}\n\n{settings.SITE_URL}{reverse(words.page)}")
    except Exception as error:
        if not getattr(error, "is_timeout", False):
            Subscription.objects.filter(pk=subscription.pk, told=told_now).update(told=told)
        raise
    subscription.told = told_now
    return True


def _was_lately(told: dict[str, Any], now: datetime) -> bool:
    return not recurring.is_due(told.get("sent_at"), QUIET, now)
