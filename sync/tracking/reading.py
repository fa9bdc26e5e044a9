"""The files that the member ticked -> their tracks, cut by the privacy zones, staged. Each content once.

Texts come in packed queries, together with the commit that last changed each file; what is binary, large or
cut comes as raw bytes afterwards. Whatever a file holds, it costs bounded time and memory and ends as tracks
or as a reason for the member. Nothing of it is ever written to disk.
"""

import io
import logging
from collections.abc import Iterable
from dataclasses import dataclass, field

from django.conf import settings
from django.db.models import Case, Exists, OuterRef, QuerySet, Value, When

from github_client import FileAnswer, FileRequest, Forbidden, NotFound, Unreadable, is_content_of
from sync import planner
from sync.collect.collector import Collector
from sync.models import Subscription, TrackBlob, TrackPlace
from sync.tracking import scope, sheets, staging
from sync.tracking.finding import MEGABYTE
from sync.tracking.staging import DrawnTrack
from sync.tracking.zones import Zones, load
from sync.tracks.detect import XML_FORMATS, named_format
from sync.tracks.errors import NotReadable, TrackError
from sync.tracks.feature import Origin, encode_track, week_of
from sync.tracks.reading import read_tracks
from sync.tracks.types import Limits, Track
from sync.tracks.zones import cut_track

logger = logging.getLogger(__name__)
TEXT_FORMATS = (*XML_FORMATS, "geojson")
# GitHub cuts longer texts somewhere; their bytes are asked for at once.
LONGEST_TEXT = 1_000_000
PACKED_BYTES = 2_000_000
WITHHELD = "GitHub would not give it to us."
NO_DATE = "It has no times, and GitHub names no commit that would date it."
# Seen so seldom that it is told apart from nothing else.
NOT_WRITABLE = "It cannot be written as GeoJSON."
FAILED = "We could not read it."
# Whoever read it was gone before the end, twice: by this file's doing, as far as can be known.
MOST_BEGUN = 2
STOPPED = "Reading it did not come to an end, twice."


@dataclass(slots=True)
class Outcome:
    """What became of one content: tracks by year with their weeks, or a reason."""

    reason: str = ""
    is_cut: bool = False
    tracks: dict[int, list[DrawnTrack]] = field(default_factory=dict)
    weeks: dict[int, set[str]] = field(default_factory=dict)


def limits() -> Limits:
    most = settings.TRACKS_FILE_MB * MEGABYTE
    return Limits(
        packed_bytes=most, content_bytes=most, points=settings.TRACKS_POINTS, seconds=settings.TRACKS_SECONDS
    )


# --- What to ask ----------------------------------------------------------------------------------


def next_files(subscription: Subscription) -> planner.ReadFiles | planner.ReadBlob | None:
    """Texts and dates of many files first, then the bytes of one after the other."""
    if not scope.has_answered(subscription):
        return None
    blobs = TrackBlob.objects.filter(subscription=subscription, oid=OuterRef("oid"))
    is_raw = Exists(blobs.filter(state=TrackBlob.State.RAW))
    unread = _unread(subscription)
    fresh = unread.exclude(is_raw)
    size = planner.batch(subscription.batch_sizes, "files")
    packed = _pack(fresh[: 3 * size], size)
    if packed:
        return planner.ReadFiles(packed)
    raw = unread.filter(is_raw).first()
    return None if raw is None else planner.ReadBlob(raw.pk)


def _unread(subscription: Subscription) -> QuerySet[TrackPlace]:
    """Ticked files whose content is not settled; of a content that is also public, the public place first."""
    settled = TrackBlob.objects.filter(
        subscription=subscription, oid=OuterRef("oid"), state__in=TrackBlob.SETTLED
    )
    is_public = Case(When(repository__visibility="public", then=Value(0)), default=Value(1))
    return (
        TrackPlace.objects.filter(is_wanted=True, repository__in=scope.repositories(subscription))
        .exclude(Exists(settled))
        .annotate(order=is_public)
        .order_by("order", "pk")
        .select_related("repository")
    )


def _pack(places: Iterable[TrackPlace], most: int) -> tuple[planner.FileWanted, ...]:
    """Different contents for one request, as many as it may hold."""
    packed: dict[str, planner.FileWanted] = {}
    total = 0
    for place in places:
        if place.oid in packed:
            continue
        with_text = _is_text(place)
        total += place.size if with_text else 0
        if packed and (len(packed) == most or total > PACKED_BYTES):
            break
        packed[place.oid] = planner.FileWanted(place.pk, with_text)
    return tuple(packed.values())


def _is_text(place: TrackPlace) -> bool:
    named = named_format(place.path)
    is_text = named is not None and not named.is_gzipped and named.source_format in TEXT_FORMATS
    return is_text and place.size <= LONGEST_TEXT


# --- What the answers say -------------------------------------------------------------------------


def read_files(collector: Collector, request: planner.ReadFiles) -> None:
    wanted = {file.place_pk: file.with_text for file in request.files}
    places = list(TrackPlace.objects.select_related("repository").filter(pk__in=wanted))
    answers = collector.github.fetch_files(
        [
            FileRequest(
                place.repository.node_id, place.repository.head_oid, place.path, place.oid, wanted[place.pk]
            )
            for place in places
        ]
    )
    subscription, zones = collector.subscription, load(collector.subscription)
    for place, answer in zip(places, answers, strict=True):
        blob, outcome = _settled_by(collector, place, answer, zones)
        # Each for itself: who dies of the next file takes none of those before with them.
        with collector.recorded():
            _keep(place, blob, outcome, zones, scope.lock_settings(subscription).zones_version)


def _settled_by(
    collector: Collector, place: TrackPlace, answer: FileAnswer | Unreadable, zones: Zones
) -> tuple[TrackBlob, Outcome | None]:
    """Without an outcome the bytes are still to be fetched."""
    blob = _blob_of(collector.subscription, place)
    if blob.begun >= MOST_BEGUN:
        return blob, Outcome(STOPPED)
    if isinstance(answer, Unreadable):
        return blob, Outcome(WITHHELD)
    blob.commit_oid, blob.committed_at = answer.commit_oid or "", answer.committed_at
    content = None if answer.text is None or answer.is_truncated else answer.text.encode()
    # GitHub reads every text as UTF-8: one in another encoding comes back as something else.
    if content is None or not is_content_of(place.oid, content):
        return blob, None
    _begin(collector, blob)
    return blob, read_content(place, blob, content, zones)


def read_blob(collector: Collector, request: planner.ReadBlob) -> None:
    place = TrackPlace.objects.select_related("repository").get(pk=request.place_pk)
    subscription, zones = collector.subscription, load(collector.subscription)
    blob = _blob_of(subscription, place)
    outcome = Outcome(STOPPED) if blob.begun >= MOST_BEGUN else _fetched(collector, place, blob, zones)
    with collector.recorded():
        _keep(place, blob, outcome, zones, scope.lock_settings(subscription).zones_version)


def _fetched(collector: Collector, place: TrackPlace, blob: TrackBlob, zones: Zones) -> Outcome:
    try:
        content = collector.github.fetch_blob(place.repository.database_id or 0, place.oid)
    except (NotFound, Forbidden):
        return Outcome(WITHHELD)
    _begin(collector, blob)
    return read_content(place, blob, content, zones)


def _begin(collector: Collector, blob: TrackBlob) -> None:
    """Committed before the first byte is read. Where its reader dies, it is fetched by itself afterwards."""
    with collector.recorded():
        blob.begun += 1
        blob.state = blob.state or TrackBlob.State.RAW
        blob.save()


def go_without(collector: Collector, request: planner.ReadBlob) -> None:
    """GitHub gives up on the bytes of a file."""
    place = TrackPlace.objects.select_related("repository").get(pk=request.place_pk)
    subscription, zones = collector.subscription, load(collector.subscription)
    with collector.recorded():
        current = scope.lock_settings(subscription).zones_version
        _keep(place, _blob_of(subscription, place), Outcome(WITHHELD), zones, current)


def fetch_raw(collector: Collector, request: planner.ReadFiles) -> None:
    """GitHub gives up on the query even for one file: its bytes are fetched, and no commit is known."""
    with collector.recorded():
        for file in request.files:
            place = TrackPlace.objects.get(pk=file.place_pk)
            blob = _blob_of(collector.subscription, place)
            blob.state = TrackBlob.State.RAW
            blob.save()


def _blob_of(subscription: Subscription, place: TrackPlace) -> TrackBlob:
    found = TrackBlob.objects.filter(subscription=subscription, oid=place.oid).first()
    blob = found or TrackBlob(subscription=subscription, oid=place.oid)
    blob.repository, blob.path = place.repository, place.path
    return blob


def read_content(place: TrackPlace, blob: TrackBlob, content: bytes, zones: Zones) -> Outcome:
    """The tracks of one file as they go into ours. Whatever it holds, this ends in an outcome."""
    origin = Origin(
        place.repository.name,
        place.path,
        place.oid,
        blob.commit_oid or None,
        blob.committed_at,
        _replaced_by(blob.subscription, place) or None,
    )
    try:
        reading = read_tracks(place.path, io.BytesIO(content), limits())
        return encode(reading.tracks, origin, reading.source_format, zones)
    except NotReadable as error:
        return Outcome(error.reason)
    except TrackError:
        return Outcome(NOT_WRITABLE)
    except Exception as error:
        # Nobody foresaw it, memory that ran out included. Its text and traceback may quote the file.
        logger.error("A reader of track files failed: %s.", type(error).__name__)
        return Outcome(FAILED)


def encode(tracks: Iterable[Track], origin: Origin, source_format: str, zones: Zones) -> Outcome:
    """Cut first: everything else is computed from what the zones left."""
    outcome = Outcome()
    for track in tracks:
        left = cut_track(track, zones.places)
        outcome.is_cut |= left is None or len(left) != len(track)
        if left is None:
            continue
        try:
            week = week_of(left, origin.committed_at)
        except ValueError:
            raise NotReadable(NO_DATE) from None
        drawn = DrawnTrack(sheets.draw(left), encode_track(left, origin, source_format))
        outcome.tracks.setdefault(week.year, []).append(drawn)
        outcome.weeks.setdefault(week.year, set()).add(str(week))
    return outcome


def _replaced_by(subscription: Subscription, place: TrackPlace) -> str:
    """The content that this one took the place of, unless it still lies somewhere else."""
    older = place.replaces
    lies = TrackPlace.objects.filter(repository__subscription=subscription, oid=older)
    return "" if not older or older == place.oid or lies.exists() else older


def _keep(
    place: TrackPlace, blob: TrackBlob, outcome: Outcome | None, zones: Zones, current_version: int
) -> None:
    blob.replaces, blob.begun = place.replaces, 0
    if outcome is None:
        blob.state = TrackBlob.State.RAW
    elif outcome.reason and not blob.years:
        blob.state, blob.reason = TrackBlob.State.UNREADABLE, outcome.reason
    elif outcome.reason:
        blob.state = TrackBlob.State.READ  # what was read of it before stays
    else:
        _stage(place, blob, outcome, zones)
        is_outdated = outcome.is_cut and zones.version != current_version
        blob.state = TrackBlob.State.REPLACED if is_outdated else TrackBlob.State.READ
        blob.reason = ""
    blob.save()


def _stage(place: TrackPlace, blob: TrackBlob, outcome: Outcome, zones: Zones) -> None:
    """The new tracks; those of the version before leave, from whatever files hold them."""
    subscription, kind = blob.subscription, staging.kind_of(place.repository)
    olders = TrackBlob.objects.filter(subscription=subscription, oid=_replaced_by(subscription, place))
    older = olders.exclude(years=[]).first()
    if older is not None:
        staging.stage_drop(older)
        older.state, older.years = TrackBlob.State.REPLACED, []
        older.save(update_fields=["state", "years"])
    if blob.kind != kind or set(blob.years) - set(outcome.tracks):
        staging.stage_drop(blob)
    for year, tracks in outcome.tracks.items():
        content = staging.pack(zones.version, tracks)
        staging.stage(subscription, kind, year, outcome.weeks[year], content)
    blob.kind, blob.years, blob.is_cut = kind, sorted(outcome.tracks), outcome.is_cut
