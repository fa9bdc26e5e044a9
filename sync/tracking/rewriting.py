"""Zones changed: every tracks file is written again, and the older ones are confirmed to be gone.

`TrackSettings.zones_version` rises with each change, `YearFile.zones_version` says with which one a file was
written, and `confirmed_version` which one a listing of Open Humans has confirmed for all of them.
"""

from typing import TYPE_CHECKING

from django.db.models import F, QuerySet
from django.utils import timezone

from openhumans_client import File
from sync.errors import UploadRefused
from sync.models import Subscription, TrackSettings, YearFile

if TYPE_CHECKING:
    from sync.publish import Publisher

ROUNDS = 3


def outdated(subscription: Subscription) -> QuerySet[YearFile]:
    """Tracks files on Open Humans that were written with other zones than those of this moment."""
    version = TrackSettings.objects.filter(subscription=subscription).values("zones_version")[:1]
    files = subscription.year_files.filter(kind__in=YearFile.TRACK_KINDS, removed_by_member_at=None)
    return files.exclude(current_id=None).filter(zones_version__lt=version)


def unconfirmed(subscription: Subscription) -> QuerySet[TrackSettings]:
    settings = TrackSettings.objects.filter(subscription=subscription)
    return settings.exclude(confirmed_version=F("zones_version"))


def confirm(publisher: "Publisher") -> None:
    """See in a fresh listing that no tracks file is left but the current ones, and note the moment.

    Raise `UploadRefused` where Open Humans goes on listing one that was deleted.
    """
    version = unconfirmed(publisher.subscription).values_list("zones_version", flat=True).first()
    if version is None or outdated(publisher.subscription).exists():
        return
    for _round in range(ROUNDS):
        left = _left_over(publisher)
        if not left:
            _note(publisher, version)
            return
        for file in left:
            publisher.openhumans.delete_file(file.id)
    raise UploadRefused("Open Humans still lists a tracks file from before the privacy zones changed.")


def _left_over(publisher: "Publisher") -> list[File]:
    files = publisher.subscription.year_files.filter(kind__in=YearFile.TRACK_KINDS)
    current = set(files.exclude(current_id=None).values_list("current_id", flat=True))
    if not files.exists():
        return []
    return [
        file
        for file in publisher.openhumans.list_files()
        if file.source == publisher.label
        and file.metadata.get("kind") in YearFile.TRACK_KINDS
        and str(file.metadata.get("github_id")) == str(publisher.subscription.github_id)
        and file.id not in current
    ]


def _note(publisher: "Publisher", version: int) -> None:
    TrackSettings.objects.filter(subscription=publisher.subscription).update(
        confirmed_version=version, confirmed_at=timezone.now()
    )
