"""What a member decides about tracks: whether to look, which folders, which zones. In one transaction each.

Each starts a run, or has the active one see it before it ends: the settings row is locked by both.
"""

from collections.abc import Collection

from django.db import transaction
from django.utils import timezone

from sync import runs
from sync.errors import SyncError
from sync.models import RepositoryState, Subscription, SyncRun, TrackBlob, TrackFolder, TrackPlace
from sync.tracking import finding, scope, zones
from sync.tracking.zones import NamedZone

# Of one member; more than anybody needs, and little to compare each point with.
MOST_ZONES = 20
FolderKey = tuple[int, str]


class TooManyZones(SyncError):
    """A member has at most `MOST_ZONES`."""


def look(subscription: Subscription, *, forks: bool, others: bool) -> None:
    """From now on trees of repositories are listed, by names only. Nothing is read before the next answer."""
    _agree(subscription, {"look": True, "forks": forks, "others": others})
    _start(subscription)


def stop_looking(subscription: Subscription) -> None:
    """What files hold stays; nothing is looked for or read any more."""
    _agree(subscription, {**scope.agreed(subscription), "look": False})


def _agree(subscription: Subscription, wishes: dict[str, bool]) -> None:
    with transaction.atomic():
        # The subscription first, as a step of a run does.
        known = Subscription.objects.select_for_update(of=("self",), no_key=True).get(pk=subscription.pk)
        scope.lock_settings(subscription)
        agreed = {**wishes, "agreed_at": timezone.now().isoformat()}
        known.agreement = {**known.agreement, scope.AGREED: agreed}
        known.next_due_at = timezone.now()
        known.save(update_fields=["agreement", "next_due_at"])


def answer(subscription: Subscription, shown: Collection[FolderKey], ticked: Collection[FolderKey]) -> None:
    """Which of the folders shown may be read; a folder is a repository's row and a path in it."""
    with transaction.atomic():
        settings = scope.lock_settings(subscription)
        for state in subscription.repositories.filter(pk__in={pk for pk, _ in shown}):
            _answer_folders(state, {path: (pk, path) in ticked for pk, path in shown if pk == state.pk})
        settings.answered_at = timezone.now()
        settings.save(update_fields=["answered_at"])
        finding.refuse_large(subscription)
        finding.relocate(subscription)
    _start(subscription)


def _answer_folders(state: RepositoryState, folders: dict[str, bool]) -> None:
    state.track_folders.filter(path__in=folders).delete()
    TrackFolder.objects.bulk_create(
        [TrackFolder(repository=state, path=path, is_ticked=is_ticked) for path, is_ticked in folders.items()]
    )
    answers = dict(state.track_folders.values_list("path", "is_ticked"))
    places = list(state.track_places.all())
    for place in places:
        place.is_wanted = scope.answer_for(scope.folder_of(place.path), answers)
    TrackPlace.objects.bulk_update(places, ["is_wanted"], batch_size=500)


# --- Zones ----------------------------------------------------------------------------------------


def add_zone(subscription: Subscription, zone: NamedZone) -> None:
    """Points in it leave every file; nothing has to be fetched for that. Raise `TooManyZones`."""
    with transaction.atomic():
        settings = scope.lock_settings(subscription)
        known = zones.load(subscription).named
        if len(known) >= MOST_ZONES:
            raise TooManyZones(f"There are {MOST_ZONES} zones already.")
        zones.store(settings, [*known, zone])
    _start(subscription)


def remove_zone(subscription: Subscription, key: str) -> None:
    """What it hid may be shown again: files that lost points to a zone are fetched once more."""
    with transaction.atomic():
        settings = scope.lock_settings(subscription)
        left = [zone for zone in zones.load(subscription).named if zone.key != key]
        cut = TrackBlob.objects.filter(subscription=subscription, is_cut=True)
        cut.filter(state=TrackBlob.State.READ).update(state=TrackBlob.State.REPLACED)
        zones.store(settings, left)
    _start(subscription)


def _start(subscription: Subscription) -> None:
    """After the decision is committed; should this process die between the two, the scan does it."""
    if subscription.status == Subscription.Status.ACTIVE:
        runs.start(subscription, SyncRun.Trigger.MEMBER, is_interactive=True)
