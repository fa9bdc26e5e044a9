"""The year's tracks as the dashboard and their own pages show them, from the sheets of the files."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.urls import reverse

from sync.models import Subscription, TrackPlace, YearFile
from sync.pages.track_weeks import (
    HalfYearBars,
    WeekSum,
    distance_in_words,
    draw_weeks,
    duration_in_words,
    in_words,
    sums_of,
)
from sync.tracking import scope, sheets, zones
from sync.tracking.sheets import SheetTrack

SHOWN = 12


@dataclass(frozen=True, slots=True)
class TrackLine:
    """One track in words, with its drawing. `file` is the row of the file that holds it."""

    track: SheetTrack
    file: YearFile

    @property
    def facts(self) -> dict[str, Any]:
        return self.track.facts

    @property
    def title(self) -> str:
        """Its name, or that of its file."""
        return self.facts["name"] or str(self.facts["path"]).rpartition("/")[2]

    @property
    def started_at(self) -> datetime | None:
        text = self.facts["started_at"]
        return datetime.fromisoformat(text) if text else None

    @property
    def distance(self) -> str:
        return distance_in_words(self.facts["distance_m"])

    @property
    def duration(self) -> str:
        seconds = self.facts["duration_s"]
        return duration_in_words(seconds) if seconds else ""

    @property
    def moving(self) -> str:
        seconds = self.facts["moving_s"]
        return duration_in_words(seconds) if seconds else ""

    @property
    def ascent(self) -> str:
        metres = self.facts["ascent_m"]
        return "" if metres is None else f"{metres:,.0f} m"

    @property
    def average_speed(self) -> str:
        moving = self.facts["moving_s"]
        return f"{self.facts['distance_m'] / moving * 3.6:.1f} km/h" if moving else ""

    @property
    def elevation_low(self) -> str:
        return f"{self.track.elevation['low']:,.0f} m" if self.track.elevation else ""

    @property
    def elevation_high(self) -> str:
        return f"{self.track.elevation['high']:,.0f} m" if self.track.elevation else ""

    @property
    def speed_low(self) -> str:
        return f"{self.track.speed['low'] * 3.6:.1f} km/h" if self.track.speed else ""

    @property
    def speed_high(self) -> str:
        return f"{self.track.speed['high'] * 3.6:.1f} km/h" if self.track.speed else ""

    @property
    def is_private(self) -> bool:
        return self.file.kind == YearFile.Kind.PRIVATE_TRACKS

    @property
    def url(self) -> str:
        return reverse("track", args=[self.file.pk, self.facts["blob_oid"], self.facts["track"]])


@dataclass(frozen=True)
class TrackPanel:
    """What the dashboard shows of one year. While files are rewritten for new zones it shows none of them."""

    year: int
    is_looking: bool
    unanswered: int
    is_rewriting: bool
    lines: list[TrackLine] = field(default_factory=list)
    halves: list[HalfYearBars] = field(default_factory=list)
    total: WeekSum = field(default_factory=WeekSum)

    @property
    def is_shown(self) -> bool:
        return bool(self.lines or self.is_looking or self.is_rewriting)

    @property
    def newest(self) -> list[TrackLine]:
        return self.lines[:SHOWN]

    @property
    def in_words(self) -> str:
        return in_words(self.total)


def panel_of(subscription: Subscription, files: Iterable[YearFile], year: int) -> TrackPanel:
    """`files` are all of the member's. The database is asked for nothing more where there are no tracks."""
    of_year = [file for file in files if file.holds_tracks and file.year == year and file.current_id]
    is_looking = scope.is_looking(subscription)
    is_rewriting = bool(of_year) and is_being_rewritten(subscription)
    unanswered = unanswered_files(subscription) if is_looking else 0
    if is_rewriting or not of_year:
        return TrackPanel(year, is_looking, unanswered, is_rewriting)
    sums = sums_of([file.weeks for file in of_year])
    total = WeekSum(
        sum(week.tracks for week in sums.values()),
        sum(week.distance_m for week in sums.values()),
        sum(week.duration_s for week in sums.values()),
    )
    return TrackPanel(
        year, is_looking, unanswered, is_rewriting, lines_of(of_year), draw_weeks(year, sums), total
    )


def lines_of(files: Iterable[YearFile]) -> list[TrackLine]:
    """The tracks of some files, newest first."""
    lines = [TrackLine(track, file) for file in files for track in sheets.load(file)]
    return sorted(lines, key=lambda line: (line.facts["week"], line.facts["started_at"] or ""), reverse=True)


def is_being_rewritten(subscription: Subscription) -> bool:
    """Until every file follows the zones, none is shown: they may tell of places that are hidden now."""
    return zones.unconfirmed(subscription).exists()


def unanswered_files(subscription: Subscription) -> int:
    """How many files were found in folders that the member was not asked about."""
    found = TrackPlace.objects.filter(repository__in=scope.repositories(subscription), is_wanted=None)
    return found.values("oid").distinct().count()
