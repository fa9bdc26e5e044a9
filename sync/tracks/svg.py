"""Tracks as drawings: numbers and path data for templates, which give them classes and words. Pure.

No map, no tiles, no third party: the shape of the way alone. Drawings hold no colour and no style.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sync.tracks.geometry import cumulative_m, speeds_m_s
from sync.tracks.types import Segment, Series, Track, is_known

SHAPE_SIZE = 100
SHAPE_MARGIN = 5
SHAPE_POINTS = 200
PROFILE_WIDTH = 600
PROFILE_HEIGHT = 120
PROFILE_POINTS = 300
Place = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Shape:
    """A small multiple: `d` is the data of an SVG path in a square of `size` units."""

    size: int
    d: str
    start: Place
    end: Place


@dataclass(frozen=True, slots=True)
class Profile:
    """A curve over distance: `low` and `high` are the values at the bottom and the top of the drawing."""

    width: int
    height: int
    d: str
    low: float
    high: float
    distance_m: float


def draw_shape(track: Track) -> Shape:
    """North is up; both directions have the same scale. Nothing of where on earth it lies is left."""
    lines = [_projected(segment, _middle(track)) for segment in track.segments]
    lines = [thinned(line, max(2, SHAPE_POINTS * len(line) // max(len(track), 1))) for line in lines]
    xs = [x for line in lines for x, _ in line]
    ys = [y for line in lines for _, y in line]
    inner = SHAPE_SIZE - 2 * SHAPE_MARGIN
    scale = inner / (max(max(xs) - min(xs), max(ys) - min(ys)) or 1.0)
    left, top = (min(xs) + max(xs)) / 2, (min(ys) + max(ys)) / 2
    middle = SHAPE_SIZE / 2
    placed = [
        [(round(middle + (x - left) * scale, 1), round(middle + (y - top) * scale, 1)) for x, y in line]
        for line in lines
    ]
    return Shape(SHAPE_SIZE, path_data(placed), placed[0][0], placed[-1][-1])


def elevation_profile(track: Track) -> Profile | None:
    """Elevation in metres over the distance; None where the track has none."""
    return _profile(track, [segment.elevations for segment in track.segments])


def speed_profile(track: Track) -> Profile | None:
    """Speed in metres a second over the distance, from 0; None without times."""
    return _profile(track, [speeds_m_s(segment) for segment in track.segments], low=0.0)


def path_data(lines: Iterable[Sequence[Place]]) -> str:
    """`M` and `L` commands; a line of one point is left out."""
    return " ".join("M" + " L".join(f"{x:g} {y:g}" for x, y in line) for line in lines if len(line) > 1)


def thinned(line: Sequence[Place], count: int) -> list[Place]:
    """At most `count` points, evenly taken, with the first and the last."""
    if len(line) <= count:
        return list(line)
    step = (len(line) - 1) / (count - 1)
    return [line[round(index * step)] for index in range(count)]


def _middle(track: Track) -> Place:
    latitudes = [latitude for segment in track.segments for latitude in segment.latitudes]
    return track.segments[0].longitudes[0], (min(latitudes) + max(latitudes)) / 2


def _projected(segment: Segment, middle: Place) -> list[Place]:
    """Degrees as long as they are in the middle; the antimeridian is no edge."""
    shrink = math.cos(math.radians(middle[1]))
    return [
        (((longitude - middle[0] + 180) % 360 - 180) * shrink, -latitude)
        for longitude, latitude in segment.positions()
    ]


def _profile(track: Track, columns: Sequence["Series[float]"], low: float | None = None) -> Profile | None:
    lines, covered = [], 0.0
    for segment, values in zip(track.segments, columns, strict=True):
        distances = cumulative_m(segment)
        lines.append([(covered + d, v) for d, v in zip(distances, values, strict=True) if is_known(v)])
        covered += distances[-1]
    total = sum(map(len, lines))
    lines = [_averaged(line, max(1, math.ceil(total / PROFILE_POINTS))) for line in lines]
    known = [value for line in lines for _, value in line]
    if len(known) < 2 or not covered:
        return None
    low, high = (min(known) if low is None else low), max(known)
    height = (high - low) or 1.0
    placed = [
        [
            (round(d / covered * PROFILE_WIDTH, 1), round((1 - (v - low) / height) * PROFILE_HEIGHT, 1))
            for d, v in line
        ]
        for line in lines
    ]
    return Profile(PROFILE_WIDTH, PROFILE_HEIGHT, path_data(placed), round(low, 1), round(high, 1), covered)


def _averaged(line: Sequence[Place], count: int) -> list[Place]:
    """The means of each `count` points in a row."""
    return [
        (sum(d for d, _ in part) / len(part), sum(v for _, v in part) / len(part))
        for part in (line[start : start + count] for start in range(0, len(line), count))
    ]
