"""What the member agreed to: whether to look for tracks at all, where, and which folders may be read."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet

from sync.models import RepositoryState, Subscription, TrackSettings

AGREED = "tracks"


def agreed(subscription: Subscription) -> dict[str, Any]:
    """`{"look", "forks", "others", "agreed_at"}`; empty for those who were never asked: off."""
    found: dict[str, Any] = subscription.agreement.get(AGREED, {})
    return found


def is_looking(subscription: Subscription) -> bool:
    return bool(agreed(subscription).get("look"))


def has_answered(subscription: Subscription) -> bool:
    """Before the answer to which folders nothing is read."""
    return TrackSettings.objects.filter(subscription=subscription).exclude(answered_at=None).exists()


def lock_settings(subscription: Subscription) -> TrackSettings:
    """In a transaction: whoever decides, and whoever acts on what was decided, comes one after the other."""
    TrackSettings.objects.get_or_create(subscription=subscription)
    return TrackSettings.objects.select_for_update().get(subscription=subscription)


def repositories(subscription: Subscription) -> QuerySet[RepositoryState]:
    """Where tracks are looked for: own repositories; forks and others' repositories only where agreed."""
    choice = agreed(subscription)
    own = Q(details__owner_id=subscription.github_node_id)
    wanted = own & Q(is_fork=False)
    if choice.get("forks"):
        wanted |= own
    if choice.get("others"):
        wanted |= Q(held__gt=0, is_fork=False)
    found = subscription.repositories.filter(wanted, not_readable="", database_id__isnull=False)
    if not subscription.includes_private:
        found = found.filter(visibility="public")
    return found.exclude(head_oid="")


def folder_of(path: str) -> str:
    """Empty for the repository's top."""
    return path.rpartition("/")[0]


def answer_for(folder: str, answers: Mapping[str, bool]) -> bool | None:
    """The answer for the folder or the nearest one above it; None where the member was not asked."""
    while folder not in answers:
        if not folder:
            return None
        folder = folder_of(folder)
    return answers[folder]
