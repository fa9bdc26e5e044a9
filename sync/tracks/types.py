"""What a track is, whichever format it came in. Pure.

Series are arrays of C doubles, one value a point, NaN where the source says nothing: 56 bytes a point, so
that a day at one point a second takes five megabytes.

    longitudes, latitudes   degrees, WGS 84
    elevations              metres, as the source gives them
    times                   seconds since 1970-01-01T00:00Z, leap seconds not counted
    heart_rates             beats a minute
    cadences                revolutions (or strides) a minute
    powers                  watts
"""

import math
from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum

NAN = math.nan
SENSORS = ("heart_rates", "cadences", "powers")
SERIES = ("longitudes", "latitudes", "elevations", "times", *SENSORS)
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Series = array  # of doubles


class Kind(StrEnum):
    TRACK = "track"  # where somebody was
    ROUTE = "route"  # where somebody planned to go


@dataclass(frozen=True, slots=True)
class Limits:
    """How much one file may cost. What lies beyond is refused, never cut.

    `packed_bytes` counts the file as it lies in the repository, `content_bytes` what it unpacks to; `seconds`
    are those of the clock on the wall.
    """

    packed_bytes: int = 64 * 1024 * 1024
    content_bytes: int = 64 * 1024 * 1024
    points: int = 500_000
    tracks: int = 1_000
    seconds: float = 30


@dataclass(slots=True)
class Segment:
    """Points recorded without a pause, in the order of the file. All series are of equal length."""

    longitudes: "Series[float]" = field(default_factory=lambda: array("d"))
    latitudes: "Series[float]" = field(default_factory=lambda: array("d"))
    elevations: "Series[float]" = field(default_factory=lambda: array("d"))
    times: "Series[float]" = field(default_factory=lambda: array("d"))
    heart_rates: "Series[float]" = field(default_factory=lambda: array("d"))
    cadences: "Series[float]" = field(default_factory=lambda: array("d"))
    powers: "Series[float]" = field(default_factory=lambda: array("d"))

    def __len__(self) -> int:
        return len(self.longitudes)

    def append(
        self,
        longitude: float,
        latitude: float,
        elevation: float = NAN,
        time: float = NAN,
        heart_rate: float = NAN,
        cadence: float = NAN,
        power: float = NAN,
    ) -> None:
        self.longitudes.append(longitude)
        self.latitudes.append(latitude)
        self.elevations.append(elevation)
        self.times.append(time)
        self.heart_rates.append(heart_rate)
        self.cadences.append(cadence)
        self.powers.append(power)

    def series(self, name: str) -> "Series[float]":
        found: Series[float] = getattr(self, name)
        return found

    def part(self, start: int, stop: int) -> "Segment":
        return Segment(*(self.series(name)[start:stop] for name in SERIES))

    def extend(self, other: "Segment") -> None:
        for name in SERIES:
            self.series(name).extend(other.series(name))

    def positions(self) -> Iterator[tuple[float, float]]:
        """Longitude and latitude of each point."""
        return zip(self.longitudes, self.latitudes, strict=True)


@dataclass(slots=True)
class Track:
    """`number` counts the tracks of one file from 0; with the file's content it names the track."""

    segments: list[Segment]
    number: int = 0
    kind: Kind = Kind.TRACK
    name: str | None = None
    sport: str | None = None
    device: str | None = None

    def __len__(self) -> int:
        return sum(len(segment) for segment in self.segments)

    def has(self, name: str) -> bool:
        """Whether any point has a value in this series."""
        return any(is_known(value) for segment in self.segments for value in segment.series(name))

    def known_times(self) -> Iterator[float]:
        return (time for segment in self.segments for time in segment.times if is_known(time))

    @property
    def started_at(self) -> datetime | None:
        first = min(self.known_times(), default=None)
        return None if first is None else moment_of(first)

    @property
    def ended_at(self) -> datetime | None:
        last = max(self.known_times(), default=None)
        return None if last is None else moment_of(last)


@dataclass(frozen=True, slots=True)
class Reading:
    """What one file held. `skipped_points` had no usable position and were left out."""

    source_format: str
    tracks: list[Track]
    skipped_points: int = 0


def is_known(value: float) -> bool:
    return not math.isnan(value)


def moment_of(time: float) -> datetime:
    """UTC, to the microsecond."""
    return EPOCH + timedelta(microseconds=round(time * 1e6))


def time_of(moment: datetime) -> float:
    """Seconds since the epoch of an aware moment, to the microsecond."""
    return (moment - EPOCH) / timedelta(microseconds=1) / 1e6
