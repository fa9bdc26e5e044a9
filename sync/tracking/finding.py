"""Which files of the member's repositories may be tracks: by the names in git trees, no content is read.

A tree is asked for only when its oid changed, and an oid is the address of its content, so no tree is ever
asked for twice. One that GitHub cuts off is walked in parts; of those, too, only changed ones are asked for.
"""

from collections.abc import Iterable, Mapping

from django.conf import settings
from django.db.models import Case, Exists, F, OuterRef, When

from github_client import Forbidden, NotFound, Tree, TreeEntry
from sync import planner
from sync.collect.collector import Collector
from sync.models import RepositoryState, Subscription, TrackBlob, TrackPlace
from sync.records import clean_text
from sync.tracking import scope, staging
from sync.tracks import finder
from sync.tracks.detect import named_format
from sync.tracks.finder import Candidate

MEGABYTE = 1024 * 1024


def next_tree(subscription: Subscription) -> planner.ReadTree | None:
    """The next tree, or part of one, whose files are not known; a walk that was begun goes on first."""
    newest = Case(When(tree_oid="", then=F("head_oid")), default=F("tree_oid"))
    outdated = scope.repositories(subscription).annotate(newest=newest).exclude(newest=F("listed_tree_oid"))
    state = outdated.order_by("pk").first()
    if state is None:
        return None
    walk, database_id = state.tree_walk, state.database_id or 0
    if walk.get("parts"):
        return planner.ReadTree(state.pk, database_id, walk["root"], *walk["parts"][0])
    # One that was cut off the last time will be cut off again.
    root, is_recursive = state.newest, not walk.get("folders")
    return planner.ReadTree(state.pk, database_id, root, "", root, is_recursive)


def read_tree(collector: Collector, request: planner.ReadTree) -> None:
    try:
        tree = collector.github.fetch_tree(request.database_id, request.oid, recursive=request.is_recursive)
    except (NotFound, Forbidden):
        tree = None
    _keep(collector, request, tree)


def go_without(collector: Collector, request: planner.ReadTree) -> None:
    """GitHub gives up on it, in parts as well."""
    _keep(collector, request, None)


def _keep(collector: Collector, request: planner.ReadTree, tree: Tree | None) -> None:
    with collector.recorded():
        scope.lock_settings(collector.subscription)
        state = RepositoryState.objects.get(pk=request.repository_pk)
        if tree is None:
            # What was found in it stays known; it is asked again when it has changed.
            state.listed_tree_oid, state.tree_walk = request.root, {}
        elif tree.is_truncated and request.is_recursive:
            _walk_in_parts(state, request)
        else:
            _take(collector.subscription, state, request, tree)
        state.save(update_fields=["listed_tree_oid", "tree_walk", "tracks_left_out"])
        if state.listed_tree_oid:
            relocate(collector.subscription)
            refuse_large(collector.subscription)


def split(collector: Collector, request: planner.ReadTree) -> None:
    """GitHub gave up on the whole tree: it is walked folder by folder."""
    with collector.recorded():
        state = RepositoryState.objects.get(pk=request.repository_pk)
        _walk_in_parts(state, request)
        state.save(update_fields=["listed_tree_oid", "tree_walk"])


def _walk_in_parts(state: RepositoryState, request: planner.ReadTree) -> None:
    rest = state.tree_walk.get("parts", [])[1:]
    state.tree_walk = {
        "root": request.root,
        "parts": [[request.folder, request.oid, False], *rest],
        "folders": state.tree_walk.get("folders", {}),
    }
    state.listed_tree_oid = ""


def _take(subscription: Subscription, state: RepositoryState, request: planner.ReadTree, tree: Tree) -> None:
    """Note the files of one part; when it was the last one, the tree is known."""
    _note_places(subscription, state, request, tree.entries)
    walk = state.tree_walk
    if request.is_recursive and not walk.get("parts"):
        state.listed_tree_oid, state.tree_walk = request.root, {}
        return
    folders, parts = dict(walk.get("folders", {})), walk.get("parts", [])[1:]
    if request.is_recursive:
        folders[request.folder] = request.oid
    else:
        below = _subtrees(request.folder, tree.entries)
        parts = [[path, oid, True] for path, oid in below.items() if folders.get(path) != oid] + parts
        _forget_folders(state, request.folder, below, folders)
    state.tree_walk = {"root": request.root, "parts": parts, "folders": folders}
    state.listed_tree_oid = "" if parts else request.root


def _subtrees(folder: str, entries: Iterable[TreeEntry]) -> dict[str, str]:
    return {_join(folder, entry.path): entry.oid for entry in entries if entry.type == "tree"}


def _forget_folders(
    state: RepositoryState, folder: str, below: dict[str, str], folders: dict[str, str]
) -> None:
    """Folders that are not there any more, with all that lay in them."""
    known = {path for path in folders if scope.folder_of(path) == folder}
    for path in known - set(below):
        del folders[path]
        _forget_left_out(state, path)
        state.track_places.filter(path__startswith=f"{path}/").delete()


def _forget_left_out(state: RepositoryState, gone: str) -> None:
    state.tracks_left_out = {
        folder: number
        for folder, number in state.tracks_left_out.items()
        if folder != gone and not folder.startswith(f"{gone}/")
    }


def _join(folder: str, path: str) -> str:
    return f"{folder}/{path}" if folder else path


# --- Places ---------------------------------------------------------------------------------------


def _note_places(
    subscription: Subscription,
    state: RepositoryState,
    request: planner.ReadTree,
    entries: Iterable[TreeEntry],
) -> None:
    """The files of one tree in the place of those known before; what lay at a path before is remembered."""
    held = _held(state, request)
    answers = dict(state.track_folders.values_list("path", "is_ticked"))
    moved_on = _older_versions(subscription, held.values())
    new, changed = [], []
    for candidate in _within_cap(state, request, _candidates(request.folder, entries), held):
        place = held.pop(candidate.path, None)
        if place is None:
            wanted = scope.answer_for_new(candidate.path, answers)
            new.append(
                TrackPlace(
                    repository=state,
                    path=candidate.path,
                    oid=candidate.oid,
                    size=candidate.size,
                    is_wanted=wanted,
                )
            )
        elif place.oid != candidate.oid:
            place.replaces = moved_on.get(place.oid) or place.replaces
            place.oid, place.size = candidate.oid, candidate.size
            changed.append(place)
    TrackPlace.objects.filter(pk__in=[place.pk for place in held.values()]).delete()
    TrackPlace.objects.bulk_create(new, batch_size=500)
    TrackPlace.objects.bulk_update(changed, ["oid", "size", "replaces"], batch_size=500)


def _held(state: RepositoryState, request: planner.ReadTree) -> dict[str, TrackPlace]:
    places = state.track_places.all()
    if request.folder:
        places = places.filter(path__startswith=f"{request.folder}/")
    return {
        place.path: place
        for place in places
        if request.is_recursive or scope.folder_of(place.path) == request.folder
    }


def _candidates(folder: str, entries: Iterable[TreeEntry]) -> list[Candidate]:
    tree = [
        {
            "path": clean_text(_join(folder, entry.path)).replace("\0", "?"),
            "type": entry.type,
            "mode": entry.mode,
            "sha": entry.oid,
            "size": entry.size,
        }
        for entry in entries
        if named_format(entry.path)
    ]
    return finder.find_candidates(tree)


def _within_cap(
    state: RepositoryState,
    request: planner.ReadTree,
    candidates: list[Candidate],
    held: Mapping[str, TrackPlace],
) -> list[Candidate]:
    """As many as the repository may still have, those we know first; how many are left out is noted."""
    elsewhere = state.track_places.count() - len(held)
    room = max(settings.TRACKS_FILES_PER_REPOSITORY - elsewhere, 0)
    kept = sorted(candidates, key=lambda candidate: candidate.path not in held)[:room]
    _note_left_out(state, request, len(candidates) - len(kept))
    return kept


def _note_left_out(state: RepositoryState, request: planner.ReadTree, number: int) -> None:
    """Of this part of the tree; what was noted of parts inside it is over."""
    below = f"{request.folder}/" if request.folder else ""
    told = {
        folder: count
        for folder, count in state.tracks_left_out.items()
        if folder != request.folder and not (request.is_recursive and folder.startswith(below))
    }
    state.tracks_left_out = {**told, request.folder: number} if number else told


def _older_versions(subscription: Subscription, places: Iterable[TrackPlace]) -> dict[str, str]:
    """By oid of what lies there: which content our files hold of it, itself or the version before.

    Its years tell, not its state: what is to be fetched once more still stands in them.
    """
    blobs = TrackBlob.objects.filter(subscription=subscription, oid__in={place.oid for place in places})
    return {blob.oid: blob.oid if blob.years else blob.replaces for blob in blobs}


def relocate(subscription: Subscription) -> None:
    """A file that moved is the same track: only what is said of its place changes, nothing is fetched."""
    here = TrackPlace.objects.filter(oid=OuterRef("oid"), repository__subscription=subscription)
    blobs = TrackBlob.objects.filter(subscription=subscription).exclude(years=[])
    moved = blobs.exclude(Exists(here.filter(repository=OuterRef("repository"), path=OuterRef("path"))))
    for blob in moved.filter(Exists(here.filter(is_wanted=True))):
        places = TrackPlace.objects.filter(
            repository__subscription=subscription, oid=blob.oid, is_wanted=True
        ).select_related("repository")
        for place in places.order_by("pk"):
            if staging.kind_of(place.repository) == blob.kind:
                staging.stage_move(blob, place)
                blob.repository, blob.path = place.repository, place.path
                blob.save(update_fields=["repository", "path"])
                break


def refuse_large(subscription: Subscription) -> None:
    """Files beyond the cap are not fetched at all: their size stands in the tree."""
    most = settings.TRACKS_FILE_MB * MEGABYTE
    known = TrackBlob.objects.filter(subscription=subscription, oid=OuterRef("oid"))
    places = TrackPlace.objects.filter(
        repository__subscription=subscription, is_wanted=True, size__gt=most
    ).exclude(Exists(known))
    reason = f"It is larger than {settings.TRACKS_FILE_MB:,} MB."
    blobs = {
        place.oid: TrackBlob(
            subscription=subscription,
            oid=place.oid,
            state=TrackBlob.State.UNREADABLE,
            reason=reason,
            repository_id=place.repository_id,
            path=place.path,
            replaces=place.replaces,
        )
        for place in places
    }
    TrackBlob.objects.bulk_create(blobs.values())
