"""Points as a reader finds them -> tracks that can be used: the rules all formats share. Pure.

Points without a usable position are skipped. Where times run backwards, the longest run of times in order
stands and the others become unknown. A file where more is lost than kept is not readable. Segments of fewer
than two points are no line and are left out; routes count only in a file without tracks.
"""

import itertools
import math
import time as clock
from array import array
from bisect import bisect_right

from sync.tracks.errors import NotReadable
from sync.tracks.types import NAN, Kind, Limits, Segment, Series, Track, is_known, time_of
from sync.tracks.values import EARLIEST, LATEST, parse_name, parse_sport

# A tenth of a millimetre, and more than any receiver knows.
DEGREE_DECIMALS = 9
METRE_DECIMALS = 3
ELEVATIONS_M = (-15_000.0, 100_000.0)
SENSOR_MAX = 100_000.0
# Between two looks at the clock.
STEPS = 1_000
FIRST_TIME, LAST_TIME = time_of(EARLIEST), time_of(LATEST)


class Collector:
    """What a reader hands points to. Raises `NotReadable` as soon as a limit is passed."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self._deadline = clock.monotonic() + limits.seconds
        self._steps = 0
        self.points = 0
        self.skipped = 0
        self.without_position = 0
        self.waypoints = 0
        self._tracks: list[Track] = []
        self._segments: list[Segment] = []
        self._segment = Segment()

    def start_segment(self) -> None:
        self._segment = Segment()
        self._segments.append(self._segment)

    def add(
        self,
        longitude: float,
        latitude: float,
        elevation: float = NAN,
        time: float = NAN,
        heart_rate: float = NAN,
        cadence: float = NAN,
        power: float = NAN,
    ) -> None:
        self.count_point()
        # Written so that NaN fails.
        if not (-180.0 <= longitude <= 180.0 and -90.0 <= latitude <= 90.0):
            self.skipped += 1
            return
        if not self._segments:
            self.start_segment()
        lowest, highest = ELEVATIONS_M
        self._segment.append(
            round(longitude, DEGREE_DECIMALS),
            round(latitude, DEGREE_DECIMALS),
            round(elevation, METRE_DECIMALS) if lowest <= elevation <= highest else NAN,
            time if FIRST_TIME <= time < LAST_TIME else NAN,
            *(round(value, 3) if 0 <= value <= SENSOR_MAX else NAN for value in (heart_rate, cadence, power)),
        )

    def step(self, count: int = 1) -> None:
        """A reader calls it for the smallest things it reads, of which a file may hold millions."""
        self._steps += count
        if self._steps < STEPS:
            return
        self._steps = 0
        if clock.monotonic() > self._deadline:
            raise NotReadable("It takes too long to read.")

    def count_point(self) -> None:
        self.step()
        self.points += 1
        if self.points > self.limits.points:
            raise NotReadable(f"It holds more than {self.limits.points:,} points.")

    def miss_position(self) -> None:
        """A point without coordinates, as recorded indoors or under a roof."""
        self.count_point()
        self.without_position += 1

    def end_track(
        self,
        kind: Kind = Kind.TRACK,
        name: object = None,
        sport: object = None,
        device: object = None,
        span: tuple[float, float] = (NAN, NAN),
    ) -> None:
        """Make one track of the segments since the last one; `span` dates its ends where no point does."""
        segments, self._segments, self._segment = self._segments, [], Segment()
        _date_ends(segments, *span)
        for segment in segments:
            _order_times(segment)
        segments = [segment for segment in segments if len(segment) > 1]
        if not segments:
            return
        if len(self._tracks) >= self.limits.tracks:
            raise NotReadable(f"It holds more than {self.limits.tracks:,} tracks.")
        self._tracks.append(
            Track(
                segments,
                kind=kind,
                name=parse_name(name),
                sport=parse_sport(sport),
                device=parse_name(device),
            )
        )

    def finish(self) -> list[Track]:
        """The tracks of the file, numbered. Raise `NotReadable` when there is none to use."""
        located = self.points - self.without_position
        if self.skipped * 2 > located:
            raise NotReadable("Most of its coordinates do not lie on the earth.")
        tracks = [track for track in self._tracks if track.kind is Kind.TRACK] or self._tracks
        if not tracks:
            raise NotReadable(self._why_nothing())
        for number, track in enumerate(tracks):
            track.number = number
        return tracks

    def _why_nothing(self) -> str:
        if self.without_position:
            return "It holds no positions: it was recorded without GPS."
        if self.waypoints:
            return "It holds single places only, no track."
        return "It holds no track."


def _date_ends(segments: list[Segment], begin: float, end: float) -> None:
    filled = [segment for segment in segments if len(segment) > 1]
    if not filled or any(is_known(time) for segment in filled for time in segment.times):
        return
    filled[0].times[0], filled[-1].times[-1] = begin, end


def _order_times(segment: Segment) -> None:
    """Make known times ascend. Raise `NotReadable` when fewer than half of them can stay."""
    known = [index for index, time in enumerate(segment.times) if is_known(time)]
    times = segment.times
    if all(times[a] <= times[b] for a, b in itertools.pairwise(known)):
        return
    kept = set(longest_ascent([times[index] for index in known]))
    if len(kept) * 2 < len(known) or len(kept) < 2:
        raise NotReadable("Its times run backwards.")
    for position, index in enumerate(known):
        if position not in kept:
            times[index] = math.nan


def longest_ascent(values: "list[float] | Series[float]") -> list[int]:
    """Indices of the longest subsequence that never descends (patience sorting, n log n)."""
    tails: Series[float] = array("d")
    tail_indices: list[int] = []
    before: list[int] = []
    for index, value in enumerate(values):
        place = bisect_right(tails, value)
        before.append(tail_indices[place - 1] if place else -1)
        if place == len(tails):
            tails.append(value)
            tail_indices.append(index)
        else:
            tails[place], tail_indices[place] = value, index
    found = []
    index = tail_indices[-1] if tail_indices else -1
    while index >= 0:
        found.append(index)
        index = before[index]
    return found[::-1]
