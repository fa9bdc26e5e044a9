import math
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.tracks.collecting import Collector, longest_ascent
from sync.tracks.errors import NotReadable
from sync.tracks.types import NAN, Limits, Track, is_known

START = 1_777_622_400.0


def collected(*points: tuple[float, ...]) -> Track:
    collector = Collector(Limits())
    for point in points:
        collector.add(*point)
    collector.end_track()
    [track] = collector.finish()
    return track


def timed(*seconds: float) -> list[float]:
    track = collected(*((8.0, 47.0, NAN, START + second) for second in seconds))
    return [time - START for time in track.segments[0].times]


@pytest.mark.parametrize(
    "place",
    [(NAN, 47.0), (8.0, NAN), (181.0, 0.0), (0.0, 90.1), (-180.1, 0.0), (math.inf, 0.0), (0.0, -math.inf)],
)
def test_points_that_are_nowhere_are_skipped(place: tuple[float, float]) -> None:
    collector = Collector(Limits())
    for each in ((8.0, 47.0), place, (8.1, 47.0)):
        collector.add(*each)
    collector.end_track()
    [track] = collector.finish()
    assert (len(track), collector.skipped) == (2, 1)


def test_a_file_of_points_that_are_nowhere_is_refused() -> None:
    collector = Collector(Limits())
    for place in ((8.0, 47.0), (8.1, 47.0), (NAN, NAN), (NAN, NAN), (999.0, 0.0)):
        collector.add(*place)
    collector.end_track()
    with pytest.raises(NotReadable, match="on the earth"):
        collector.finish()


def test_the_ends_of_the_earth_are_on_it() -> None:
    assert len(collected((180.0, 90.0), (-180.0, -90.0))) == 2


def test_a_time_that_steps_back_becomes_unknown() -> None:
    times = timed(0, 1, 2, 0.5, 3, 4)
    assert math.isnan(times[3])
    assert times[:3] + times[4:] == [0, 1, 2, 3, 4]


def test_one_time_far_ahead_does_not_spoil_those_after_it() -> None:
    times = timed(0, 1, 900_000, 2, 3, 4)
    assert [index for index, time in enumerate(times) if math.isnan(time)] == [2]


def test_equal_times_are_in_order() -> None:
    assert timed(0, 0, 1, 1) == [0, 0, 1, 1]


def test_times_that_run_backwards_are_refused() -> None:
    with pytest.raises(NotReadable, match="backwards"):
        timed(*range(10, 0, -1))


def test_times_outside_of_the_age_of_gps_are_unknown() -> None:
    track = collected((8.0, 47.0, NAN, 0.0), (8.0, 47.0, NAN, 1e18), (8.0, 47.0, NAN, -math.inf))
    assert track.started_at is None


def test_segments_of_one_point_are_left_out() -> None:
    collector = Collector(Limits())
    for size in (1, 2, 0, 3):
        collector.start_segment()
        for index in range(size):
            collector.add(8.0 + index, 47.0)
    collector.end_track()
    [track] = collector.finish()
    assert [len(segment) for segment in track.segments] == [2, 3]


def test_a_track_of_single_points_is_none() -> None:
    with pytest.raises(NotReadable, match="no track"):
        collected((8.0, 47.0))


@given(st.lists(st.integers(0, 30)))
def test_the_longest_ascent_ascends_and_none_is_longer(values: list[int]) -> None:
    found = longest_ascent([float(value) for value in values])
    chosen = [values[index] for index in found]
    assert found == sorted(set(found))
    assert chosen == sorted(chosen)
    longest: list[int] = []
    for index, value in enumerate(values):
        longest.append(1 + max((longest[i] for i in range(index) if values[i] <= value), default=0))
    assert len(found) == max(longest, default=0)


def test_half_a_million_times_in_disorder_take_a_moment() -> None:
    """Would take hours if every pair of times were compared."""
    chance = random.Random(1)
    values = [chance.random() for _ in range(200_000)]
    assert all(map(is_known, values))
    assert 500 < len(longest_ascent(values)) < 2000
