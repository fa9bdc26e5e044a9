"""A member with GPS tracks, at each point of the way, for the pages that show it."""

import math
from datetime import UTC, datetime, timedelta
from itertools import count

from django.utils import timezone

from sync.models import (
    RepositoryState,
    Subscription,
    TrackBlob,
    TrackFolder,
    TrackPlace,
    TrackSettings,
    TrackSheet,
    YearFile,
)
from sync.tracking import sheets, zones
from sync.tracks.feature import Origin, facts_of
from sync.tracks.types import Segment, Track, time_of
from tests.secrets import planted
from tests.sync.factories import make_year_file

YEAR = datetime.now(UTC).year
# So that an address can be written down before there is a row.
FILE = 900_001
BLOB = f"{1:040x}"
TRACKS = 30


def loop(number: int) -> Track:
    """A way round something, hilly, never the same shape twice."""
    segment = Segment()
    starts_at = time_of(datetime(YEAR, 1, 3, 7, tzinfo=UTC) + timedelta(days=7 * number))
    for step in range(240):
        turn = 2 * math.pi * step / 240
        reach = 0.02 * (1 + 0.35 * math.sin((2 + number % 5) * turn + number))
        segment.append(
            1.5 + reach * math.cos(turn) * (1 + number % 3 / 4),
            2.5 + reach * math.sin(turn),
            200 + 80 * math.sin(3 * turn) + 20 * math.cos(11 * turn),
            starts_at + 20 * step + 3 * math.sin(5 * turn),
        )
    return Track([segment], name=f"Round the lake {number}" if number % 4 else None, sport="cycling")


def looking(subscription: Subscription) -> None:
    subscription.agreement = {**subscription.agreement, "tracks": {"look": True}}
    subscription.github_node_id = subscription.github_node_id or "U_1"
    subscription.save(update_fields=["agreement", "github_node_id"])


def found(subscription: Subscription) -> None:
    """Files in several folders, nothing answered yet."""
    looking(subscription)
    folders = {
        "octo/rides": [("2025", 41), ("2026", 17), ("2026/alps and a rather long name of a folder", 3)],
        "octo/notes-with-a-long-name-of-its-own": [("tests/fixtures", 2)],
        f"octo/{planted.NAME}": [(f"2025/{planted.FOLDER}", 1)],
    }
    oids = count()
    for name, counts in folders.items():
        state = repository(subscription, name)
        for folder, files in counts:
            for number in range(files):
                oid = f"f{next(oids):039x}"
                TrackPlace.objects.create(
                    repository=state, path=f"{folder}/{planted.FILE}-{number}.gpx", oid=oid, size=1000
                )


def repository(subscription: Subscription, name: str) -> RepositoryState:
    return RepositoryState.objects.create(
        subscription=subscription,
        node_id=f"R_{subscription.repositories.count()}",
        database_id=1,
        name=name,
        visibility="public",
        head_oid="a" * 40,
        tree_oid="b" * 40,
        listed_tree_oid="b" * 40,
        is_read=True,
        details={"owner_id": subscription.github_node_id},
    )


def answered(subscription: Subscription) -> None:
    """Folders ticked, a place hidden, one file not readable, a year of tracks."""
    found(subscription)
    now = timezone.now()
    settings = TrackSettings.objects.create(subscription=subscription, answered_at=now)
    zones.store(settings, [zones.make("Home", 1.5, 2.5, 500)])
    TrackSettings.objects.update(confirmed_version=1, confirmed_at=now)
    for state in subscription.repositories.filter(track_places__isnull=False).distinct():
        TrackFolder.objects.create(repository=state, path="2025", is_ticked=True)
    TrackPlace.objects.filter(path__startswith="2025/").update(is_wanted=True)
    broken = TrackPlace.objects.filter(is_wanted=True).first()
    assert broken is not None
    TrackBlob.objects.create(
        subscription=subscription,
        oid=broken.oid,
        state=TrackBlob.State.UNREADABLE,
        reason="Its content is kept in Git LFS, and the repository holds only a pointer to it.",
    )
    tracks_file(subscription)


def tracks_file(subscription: Subscription) -> None:
    facts, drawings, weeks = [], {}, {}
    for number in range(TRACKS):
        track, blob = loop(number), f"{number + 1:040x}"
        home = "octo/rides" if number else f"octo/{planted.NAME}"
        path = f"{planted.FOLDER}/{planted.FILE}-{number}.gpx"
        told = facts_of(track, Origin(home, path, blob), "gpx")
        facts.append(told)
        drawings[blob, 0] = sheets.draw(track)
        weeks[told["week"]] = {
            "counts": {"tracks": 1},
            "distance_m": told["distance_m"],
            "duration_s": told["duration_s"],
        }
    file = make_year_file(
        subscription, YEAR, pk=FILE, kind=YearFile.Kind.TRACKS, weeks=weeks, zones_version=1, size=2_400_000
    )
    TrackSheet.objects.create(year_file=file)
    sheets.keep_pending(file, sheets.pack(facts, drawings))
    sheets.confirm(file)


def rewriting(subscription: Subscription) -> None:
    """A place was hidden a moment ago."""
    answered(subscription)
    settings = TrackSettings.objects.get(subscription=subscription)
    zones.store(settings, [*zones.load(subscription).named, zones.make("Work", 2.5, 3.5, 300)])
