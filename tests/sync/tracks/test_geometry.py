import math
from itertools import pairwise

import pytest
from geographiclib.geodesic import Geodesic
from hypothesis import assume, example, given
from hypothesis import strategies as st

from sync.tracks import geometry
from sync.tracks.geometry import (
    ascent_m,
    climb_m,
    cumulative_m,
    destination,
    distance_m,
    speeds_m_s,
    summarise,
)
from sync.tracks.types import NAN, Segment, Track, is_known
from tests.sync.tracks.samples import ride, segment_of
from tests.sync.tracks.strategies import latitudes, longitudes, walks


def geodesic(longitude: float, latitude: float, longitude_2: float, latitude_2: float) -> float:
    return float(Geodesic.WGS84.Inverse(latitude, longitude, latitude_2, longitude_2)["s12"])


def heights(*elevations: float) -> Track:
    segment = Segment()
    for elevation in elevations:
        segment.append(8, 47, elevation)
    return Track([segment])


@given(longitudes, latitudes, st.floats(0, 360), st.floats(0.01, 49_000))
@example(0.0, 90.0, 10.0, 5000.0)
@example(179.999, 0.0, 90.0, 1000.0)
@example(12.0, -89.9999, 180.0, 40_000.0)
def test_short_distances_are_geodesics(
    longitude: float, latitude: float, azimuth: float, distance: float
) -> None:
    there = destination(longitude, latitude, azimuth, distance)
    assert distance_m(longitude, latitude, *there) == pytest.approx(distance, rel=1e-5, abs=1e-6)


@given(longitudes, latitudes, longitudes, latitudes)
@example(0.0, 0.0, 180.0, 0.0)
@example(0.0, 30.0, 179.9, -30.1)
def test_any_distance_is_within_a_thousandth(a: float, b: float, c: float, d: float) -> None:
    expected = geodesic(a, b, c, d)
    assume(expected > 0.001)
    assert distance_m(a, b, c, d) == pytest.approx(expected, rel=1e-5)


@given(walks(spread=0.5))
def test_a_track_is_as_long_as_its_geodesics(segment: Segment) -> None:
    expected = sum(geodesic(*a, *b) for a, b in pairwise(segment.positions()))
    assert summarise(Track([segment])).distance_m == pytest.approx(expected, rel=1e-5, abs=0.06)
    assert cumulative_m(segment)[-1] == pytest.approx(expected, rel=1e-5, abs=0.01)


def test_gaps_between_segments_are_not_distance() -> None:
    near, far = segment_of(ride(5)), segment_of(ride(5, longitude=9.0))
    one = summarise(Track([near])).distance_m
    assert summarise(Track([near, far])).distance_m == pytest.approx(2 * one, abs=0.2)


def test_pauses_are_in_the_duration_but_not_in_motion() -> None:
    segment = segment_of(ride(10))
    for index in range(5, 10):
        segment.times[index] += 600
    standing = Segment()
    for index in range(5):
        standing.append(8, 47, time=segment.times[-1] + 60 * (index + 1))
    summary = summarise(Track([segment, standing]))
    assert summary.duration_s == 90 + 600 + 300
    assert summary.moving_s == 80


def test_points_without_times_do_not_stop_the_clock() -> None:
    segment = segment_of(ride(5))
    segment.times[1] = segment.times[2] = NAN
    assert summarise(Track([segment])).moving_s == 40


def test_without_times_and_elevations_nothing_is_said_of_them() -> None:
    segment = Segment()
    segment.append(8, 47)
    segment.append(8.1, 47)
    summary = summarise(Track([segment]))
    assert (summary.duration_s, summary.moving_s, summary.ascent_m) == (None, None, None)
    assert (summary.started_at, summary.ended_at) == (None, None)
    assert summary.distance_m > 7000


def test_one_time_makes_a_start_without_motion() -> None:
    segment = segment_of(ride(3))
    segment.times[1] = segment.times[2] = NAN
    summary = summarise(Track([segment]))
    assert (summary.duration_s, summary.moving_s) == (0.0, None)


@pytest.mark.parametrize(
    ("elevations", "ascent"),
    [
        ((100, 200), 100),
        ((200, 100), 0),
        ((100, 102.9, 100, 102.9, 100), 0),  # wavering
        ((100, 103), 3),
        ((100, 110, 108, 120), 20),  # a dip lower than the threshold is part of the climb
        ((100, 110, 105, 120), 25),  # two climbs
        ((100, 99, 98, 101), 3),
        ((NAN, 100, NAN, 110, NAN), 10),
        ((100,), 0),
    ],
)
def test_climbs_of_three_metres_count_whole(elevations: tuple[float, ...], ascent: float) -> None:
    assert ascent_m(heights(*elevations)) == ascent


@given(st.lists(st.floats(0, 4000), min_size=1, max_size=60))
def test_ascent_lies_between_the_highest_climb_and_the_sum_of_all_rises(elevations: list[float]) -> None:
    rises = sum(max(after - before, 0) for before, after in pairwise(elevations))
    highest = max((b - a for i, a in enumerate(elevations) for b in elevations[i:]), default=0)
    found = climb_m(elevations)
    assert found <= rises + 1e-6
    if highest >= geometry.CLIMB_M:
        assert found >= highest - 1e-6
    else:
        assert found == 0


@given(st.lists(st.floats(0, 4000), min_size=1, max_size=60))
def test_what_goes_up_must_have_come_down(elevations: list[float]) -> None:
    """Ascent less descent is the difference of the ends, up to the threshold at either."""
    ascent, descent = climb_m(elevations), climb_m(reversed(elevations))
    assert abs(ascent - descent - (elevations[-1] - elevations[0])) <= 2 * geometry.CLIMB_M


def test_speed_is_told_at_the_end_of_each_step() -> None:
    segment = segment_of(ride(4))
    segment.times[2] = NAN
    speeds = speeds_m_s(segment)
    step = distance_m(8.0, 47.0, 8.0001, 47.0001)
    assert len(speeds) == 4
    assert speeds[1] == pytest.approx(step / 10, rel=1e-3)
    assert not any(map(is_known, (speeds[0], speeds[2], speeds[3])))


def test_times_that_stand_still_give_no_speed() -> None:
    segment = segment_of(ride(2))
    segment.times[1] = segment.times[0]
    assert math.isnan(speeds_m_s(segment)[1])
