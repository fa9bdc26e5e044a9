"""Privacy zones: points near places that the member chose are dropped before anything else is done. Pure.

The hole that a zone leaves could tell its centre: all cuts lie on one circle, and its middle is the door. So
the circle that is cut is larger than the zone and its middle lies elsewhere, at a place drawn evenly from the
disc around the centre that the growth allows, keyed with the zone's own secret. The drawn place is always the
same: rides on many days tell no more than one. Whoever reconstructs the circle knows only that the centre is
somewhere within half a radius of its middle.
"""

import hashlib
import hmac
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace

from sync.tracks.geometry import MEAN_RADIUS_M, destination, vector_of
from sync.tracks.types import Segment, Track

# Shares of the zone's radius. What the shift leaves of the growth covers every error of the arithmetic.
MAX_SHIFT = 0.5
GROWTH = 0.52
METRES_A_DEGREE = 111_320.0
# Degrees of latitude differ by 1 % over the earth, and those of longitude across a circle by a little more.
LINE_MARGIN = 1.05
SECRET_BYTES = 16
RADIUS_M = (50.0, 20_000.0)


@dataclass(frozen=True, slots=True, repr=False)
class Zone:
    """A place that no point may be near. Degrees, metres, and a random secret made with the zone.

    Nothing of it is ever printed. Raise `ValueError` for a place that is not on the earth, a radius that is
    not between 50 m and 20 km, or a secret too short to be one.
    """

    longitude: float
    latitude: float
    radius_m: float
    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if not (-180 <= self.longitude <= 180 and -90 <= self.latitude <= 90):
            raise ValueError("A zone's place does not lie on the earth.")
        if not RADIUS_M[0] <= self.radius_m <= RADIUS_M[1]:
            raise ValueError("A zone's radius is between 50 m and 20 km.")
        if len(self.secret) < SECRET_BYTES:
            raise ValueError("A zone needs a secret of its own.")

    def __repr__(self) -> str:
        return "<Zone>"


@dataclass(frozen=True, slots=True, repr=False)
class Cut:
    """The circle that is cut out for a zone; it holds the zone whole."""

    longitude: float
    latitude: float
    radius_m: float

    def __repr__(self) -> str:
        return "<Cut>"

    @property
    def chord_m(self) -> float:
        """The radius as a straight line through the earth, which is what points are compared by."""
        return 2 * MEAN_RADIUS_M * math.sin(self.radius_m / 2 / MEAN_RADIUS_M)

    def is_crossed(self, here: tuple[float, float], there: tuple[float, float]) -> bool:
        """Whether the line that a map draws between two points outside leads through the circle.

        GeoJSON draws straight in degrees (RFC 7946, 3.1.1). Seen from the circle's middle, where its degrees
        are as long as they are there, that line stays straight.
        """
        shrink = math.cos(math.radians(self.latitude))
        x1 = _wrapped(here[0] - self.longitude)
        x2 = x1 + _wrapped(there[0] - here[0])
        y1, y2 = here[1] - self.latitude, there[1] - self.latitude
        reach = self.radius_m / METRES_A_DEGREE * LINE_MARGIN
        return _distance_to_origin(x1 * shrink, y1, x2 * shrink, y2) <= reach


def cut_of(zone: Zone) -> Cut:
    digest = hmac.digest(zone.secret, b"privacy zone: where the cut lies", hashlib.sha256)
    share, turn = (int.from_bytes(part, "big") / 2**64 for part in (digest[:8], digest[8:16]))
    # The root spreads the places evenly over the disc.
    shift = zone.radius_m * MAX_SHIFT * math.sqrt(share)
    longitude, latitude = destination(zone.longitude, zone.latitude, 360 * turn, shift)
    return Cut(longitude, latitude, zone.radius_m * (1 + GROWTH))


def cut_track(track: Track, zones: Iterable[Zone]) -> Track | None:
    """The track without all points in any zone, split where something was cut; None if nothing is left.

    Everything told of a track (start, end, distance, pictures) must be computed from what this returns.
    """
    cuts = [cut_of(zone) for zone in zones]
    if not cuts:
        return track
    segments = [part for segment in track.segments for part in cut_segment(segment, cuts)]
    return replace(track, segments=segments) if segments else None


def cut_segment(segment: Segment, cuts: Sequence[Cut]) -> list[Segment]:
    """The pieces outside of all circles, each of two points or more."""
    circles = [(cut, vector_of(cut.longitude, cut.latitude), cut.chord_m) for cut in cuts]
    bounds: list[tuple[int, int]] = []
    start: int | None = None
    before, before_vector = (0.0, 0.0), (0.0, 0.0, 0.0)
    for index, place in enumerate(segment.positions()):
        vector = vector_of(*place)
        step = math.dist(vector, before_vector)
        clearances = [math.dist(vector, middle) - chord for _, middle, chord in circles]
        is_inside = min(clearances) <= 0
        is_apart = is_inside or any(
            # No point of a line is twice as far from its end as its beginning, not even round a pole.
            clearance <= 2 * step and circle[0].is_crossed(before, place)
            for clearance, circle in zip(clearances, circles, strict=True)
        )
        if start is not None and is_apart:
            bounds.append((start, index))
            start = None
        if start is None and not is_inside:
            start = index
        before, before_vector = place, vector
    if start is not None:
        bounds.append((start, len(segment)))
    return [segment.part(start, stop) for start, stop in bounds if stop - start > 1]


def _wrapped(degrees: float) -> float:
    """The same turn, the short way round: from -180 up to 180."""
    return (degrees + 180) % 360 - 180


def _distance_to_origin(x1: float, y1: float, x2: float, y2: float) -> float:
    """From the nearest point of a line between two points."""
    dx, dy = x2 - x1, y2 - y1
    length_2 = dx * dx + dy * dy
    along = min(max(-(x1 * dx + y1 * dy) / length_2, 0.0), 1.0) if length_2 else 0.0
    return math.hypot(x1 + along * dx, y1 + along * dy)
