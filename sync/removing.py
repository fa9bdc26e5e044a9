"""A single record or a whole repository, taken out of the archive: by the member, for good, from every file.

Here the marks are made and the files named that have to be written again; a run of its own writes them, in
the order of all publishing, and whatever is collected later is held against the marks (see left_out).
"""

from collections.abc import Collection, Iterable

from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from sync import left_out, runs
from sync.choices import SyncUnderWay, read_everything_again
from sync.leaving import erasures
from sync.models import LeftOut, RepositoryState, Subscription, SyncRun, TrackBlob, YearFile
from sync.records import Record
from sync.tracking import staging

YEARS = (YearFile.Kind.PUBLIC, YearFile.Kind.PRIVATE)


def remove_record(subscription: Subscription, kind: str, record: Record, year: int) -> SyncRun:
    """From the files of its year, the public and the private one. Raise `SyncUnderWay` during an erasing."""
    with transaction.atomic():
        subscription = locked(subscription)
        left_out.remember_record(subscription, kind, record)
        _forget_unfinished_reviews(subscription)
        return write_again(subscription, subscription.year_files.filter(year=year))


def remove_repository(subscription: Subscription, ids: Collection[str], names: Iterable[str]) -> SyncRun:
    """From all files, the profile and the list of repositories included. `ids` are not none."""
    with transaction.atomic():
        subscription = locked(subscription)
        states = subscription.repositories.filter(node_id__in=ids)
        left_out.remember_repository(subscription, ids, {*names, *states.values_list("name", flat=True)})
        take_tracks_out(subscription, states)
        states.delete()
        _forget_unfinished_reviews(subscription)
        _forget_releases(subscription, ids)
        return write_again(subscription, subscription.year_files.all())


def take_tracks_out(subscription: Subscription, states: QuerySet[RepositoryState]) -> None:
    """A file that also lies in another repository is fetched again from there."""
    blobs = TrackBlob.objects.filter(subscription=subscription, repository__in=states)
    for blob in blobs.select_related("subscription"):
        staging.stage_drop(blob)
    blobs.delete()


def write_again(subscription: Subscription, files: QuerySet[YearFile]) -> SyncRun:
    erasures.note_done(subscription.user, erasures.REMOVED)
    files.filter(kind__in=YEARS, removed_by_member_at=None).update(to_clean=F("to_clean") + 1)
    active = subscription.active_run
    if active is not None and active.trigger == SyncRun.Trigger.REMOVE:
        return active
    if active is not None:
        # It has in hand what is to go. The scan starts another one afterwards.
        runs.cancel(active)
        subscription.next_due_at = timezone.now()
        subscription.save(update_fields=["next_due_at"])
    return runs.start(subscription, SyncRun.Trigger.REMOVE, is_interactive=True)


def go_on(subscription: Subscription) -> None:
    """Where something is still to be taken out and no run is there to do it, as after access was lost.

    Any other run does it as well, and an erasing sees to it at its end.
    """
    with transaction.atomic():
        subscription = Subscription.objects.select_for_update(of=("self",)).get(pk=subscription.pk)
        if subscription.active_run is None and subscription.year_files.filter(to_clean__gt=0).exists():
            runs.start(subscription, SyncRun.Trigger.REMOVE, is_interactive=True)


def _forget_unfinished_reviews(subscription: Subscription) -> None:
    """What is still to be read of a review does not say whose it is: all of them are read again."""
    if subscription.lists.get("reviews", {}).get("rests"):
        subscription.lists = {name: state for name, state in subscription.lists.items() if name != "reviews"}
        subscription.save(update_fields=["lists"])


def _forget_releases(subscription: Subscription, ids: Collection[str]) -> None:
    """That they are to be read, and what was known of them."""
    releases = subscription.lists.get("releases")
    if releases is None:
        return
    if releases["queue"]:
        releases["queue"] = [entry for entry in releases["queue"] if entry[0] not in ids]
    for name in ("held", "reading"):
        known = releases.get(name, {})
        releases[name] = {node_id: place for node_id, place in known.items() if node_id not in ids}
    subscription.save(update_fields=["lists"])


def counts(subscription: Subscription) -> dict[str, int]:
    """How many records and repositories are left out."""
    whats = list(subscription.left_out.values_list("what", flat=True))
    return {"records": whats.count(LeftOut.What.RECORD), "repositories": whats.count(LeftOut.What.REPOSITORY)}


def let_come_back(subscription: Subscription) -> None:
    """Forget all marks, and have everything read again. Raise `SyncUnderWay` while a run is active."""
    with transaction.atomic():
        subscription = locked(subscription)
        if subscription.active_run is not None:
            raise SyncUnderWay("A sync is under way.")
        subscription.left_out.all().delete()
        subscription.encrypted_left_out_key = None
        read_everything_again(subscription)
        subscription.next_due_at = timezone.now()
        subscription.save(update_fields=["encrypted_left_out_key", "lists", "probe", "next_due_at"])
        if subscription.status == Subscription.Status.ACTIVE:
            runs.start(subscription, SyncRun.Trigger.MEMBER, is_interactive=True)


def locked(subscription: Subscription) -> Subscription:
    """Raise `SyncUnderWay` where everything of it goes already."""
    locked = Subscription.objects.select_for_update(of=("self",)).get(pk=subscription.pk)
    active = locked.active_run
    if active is not None and active.trigger == SyncRun.Trigger.ERASE:
        raise SyncUnderWay("What is being deleted comes first.")
    return locked
