"""Distance, ascent, time and speed of a track. Pure.

Distances are geodesics on the WGS 84 ellipsoid, at height 0. Between points up to 50 km apart they are found
from the straight line through the earth, which is exact to a millionth and has no special cases at the poles
or the antimeridian; beyond, by Karney's algorithm (C. F. F. Karney, Algorithms for geodesics, 2013).
"""

import math
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import pairwise

from geographiclib.geodesic import Geodesic

from sync.tracks.types import NAN, Segment, Series, Track, is_known, moment_of

EQUATOR_M = 6_378_137.0
FLATTENING = 1 / 298.257223563
_ECCENTRICITY_2 = FLATTENING * (2 - FLATTENING)
MEAN_RADIUS_M = 6_371_008.8
LONG_M = 50_000.0
# A climb counts once it is higher than what barometers and receivers waver while standing still.
CLIMB_M = 3.0
# Slower than this is standing: receivers drift by some decimetres a second.
MOVING_M_S = 0.3
Vector = tuple[float, float, float]


def vector_of(longitude: float, latitude: float) -> Vector:
    """Metres from the earth's centre (ECEF) of a point on the ellipsoid."""
    lam, phi = math.radians(longitude), math.radians(latitude)
    sine = math.sin(phi)
    normal = EQUATOR_M / math.sqrt(1 - _ECCENTRICITY_2 * sine * sine)
    across = normal * math.cos(phi)
    return across * math.cos(lam), across * math.sin(lam), normal * (1 - _ECCENTRICITY_2) * sine


def distance_m(longitude: float, latitude: float, longitude_2: float, latitude_2: float) -> float:
    """Between two points given in degrees."""
    chord = math.dist(vector_of(longitude, latitude), vector_of(longitude_2, latitude_2))
    if chord > LONG_M:
        return _geodesic_m(longitude, latitude, longitude_2, latitude_2)
    return _arc_m(chord)


def destination(longitude: float, latitude: float, azimuth: float, distance: float) -> tuple[float, float]:
    """Longitude and latitude that many metres away; the azimuth is in degrees from north, clockwise."""
    found = Geodesic.WGS84.Direct(latitude, longitude, azimuth, distance)
    return found["lon2"], found["lat2"]


def _arc_m(chord: float) -> float:
    return chord * (1 + (chord / MEAN_RADIUS_M) ** 2 / 24)


def _geodesic_m(longitude: float, latitude: float, longitude_2: float, latitude_2: float) -> float:
    found = Geodesic.WGS84.Inverse(latitude, longitude, latitude_2, longitude_2, Geodesic.DISTANCE)
    return float(found["s12"])


def steps_m(segment: Segment) -> Iterator[float]:
    """The distance from each point to the next: one value fewer than there are points."""
    for here, there in pairwise((vector_of(*place), place) for place in segment.positions()):
        chord = math.dist(here[0], there[0])
        yield _geodesic_m(*here[1], *there[1]) if chord > LONG_M else _arc_m(chord)


@dataclass(frozen=True, slots=True)
class Summary:
    """What a track comes to. None where the source does not say.

    `distance_m` and `ascent_m` leave out the gaps between segments. `duration_s` is from the first to the
    last moment, pauses included; `moving_s` counts the steps inside segments that were faster than standing.
    """

    distance_m: float
    duration_s: float | None
    moving_s: float | None
    ascent_m: float | None
    started_at: datetime | None
    ended_at: datetime | None


def summarise(track: Track) -> Summary:
    first, last = min(track.known_times(), default=NAN), max(track.known_times(), default=NAN)
    distance = moving = 0.0
    for segment in track.segments:
        since, waiting = NAN, 0.0
        for step, time in zip((0.0, *steps_m(segment)), segment.times, strict=True):
            distance += step
            waiting += step
            if is_known(time):
                if time > since and waiting >= MOVING_M_S * (time - since):
                    moving += time - since
                since, waiting = time, 0.0
    has_times = is_known(first)
    has_span = has_times and last > first
    return Summary(
        distance_m=round(distance, 1),
        duration_s=round(last - first, 3) if has_times else None,
        moving_s=round(moving, 3) if has_span else None,
        ascent_m=ascent_m(track),
        started_at=moment_of(first) if has_times else None,
        ended_at=moment_of(last) if has_times else None,
    )


def ascent_m(track: Track) -> float | None:
    """The sum of all climbs, rounded to decimetres; None without elevations.

    Raw elevations waver, and summing every rise would count the wavering: a flat day at sea makes a thousand
    metres. So a climb begins when the elevation has risen 3 m above the lowest point since the last one, and
    ends when it has fallen 3 m below its highest; it counts whole, from its lowest to its highest point.
    """
    climbs = [
        climb_m(value for value in segment.elevations if is_known(value))
        for segment in track.segments
        if any(map(is_known, segment.elevations))
    ]
    return round(sum(climbs), 1) if climbs else None


def climb_m(elevations: Iterable[float], threshold: float = CLIMB_M) -> float:
    """See `ascent_m`; of one segment, all elevations known."""
    total, low, high = 0.0, math.inf, -math.inf
    for elevation in elevations:
        if high - low >= threshold:  # climbing
            if elevation > high:
                high = elevation
            elif high - elevation >= threshold:
                total += high - low
                low = high = elevation
        elif elevation < low:
            low = high = elevation
        else:
            high = max(high, elevation)
    return total + high - low if high - low >= threshold else total


def speeds_m_s(segment: Segment) -> "Series[float]":
    """The speed of each step, told at its end, NaN at the first point and where times do not say."""
    speeds: Series[float] = array("d", [NAN])
    for step, (before, after) in zip(steps_m(segment), pairwise(segment.times), strict=True):
        # NaN compares false.
        speeds.append(step / (after - before) if after > before else NAN)
    return speeds


def cumulative_m(segment: Segment) -> "Series[float]":
    """The distance covered at each point, from 0."""
    distances: Series[float] = array("d", [0.0])
    for step in steps_m(segment):
        distances.append(distances[-1] + step)
    return distances
