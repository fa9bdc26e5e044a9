"""Zones changed: every tracks file is written again, and the older ones are confirmed to be gone.

`TrackSettings.zones_version` rises with each change, `YearFile.zones_version` says with which one a file was
written, and `confirmed_version` which one a listing of Open Humans has confirmed for all of them.
"""

from django.utils import timezone

from openhumans_client import File
from sync.errors import UploadRefused
from sync.models import TrackSettings, YearFile
from sync.publish import Publisher
from sync.tracking.zones import outdated, unconfirmed

ROUNDS = 3


def confirm(publisher: Publisher) -> None:
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


def _left_over(publisher: Publisher) -> list[File]:
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


def _note(publisher: Publisher, version: int) -> None:
    TrackSettings.objects.filter(subscription=publisher.subscription).update(
        confirmed_version=version, confirmed_at=timezone.now()
    )
