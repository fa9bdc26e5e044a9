"""What the member agreed to: whether to look for tracks at all, where, and which folders may be read."""

from collections.abc import Mapping
from typing import Any

from django.db.models import Q, QuerySet

from sync.models import RepositoryState, Subscription, TrackSettings
from sync.tracks.finder import is_unlikely

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
    answered = _nearest(folder, answers)
    return None if answered is None else answers[answered]


def answer_for_new(path: str, answers: Mapping[str, bool]) -> bool | None:
    """The answer for a file that was not there before.

    A tick counts for the folders below it as well, but not for tests, samples and the like that come later:
    they are asked about.
    """
    folder = folder_of(path)
    answered = _nearest(folder, answers)
    if answered is None:
        return None
    is_inherited = answers[answered] and answered != folder
    return None if is_inherited and is_unlikely(path[len(answered) :]) else answers[answered]


def _nearest(folder: str, answers: Mapping[str, bool]) -> str | None:
    while folder not in answers:
        if not folder:
            return None
        folder = folder_of(folder)
    return folder
