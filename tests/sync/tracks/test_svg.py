import re

import pytest
from defusedxml import ElementTree
from hypothesis import given

from sync.tracks.svg import draw_shape, elevation_profile, path_data, speed_profile, thinned
from sync.tracks.types import Segment, Track
from tests.sync.tracks.samples import Fix, ride, segment_of, track_of
from tests.sync.tracks.strategies import tracks

PATH = re.compile(r"M-?[\d.]+ -?[\d.]+( L-?[\d.]+ -?[\d.]+)+( M-?[\d.]+ -?[\d.]+( L-?[\d.]+ -?[\d.]+)+)*")


def numbers(d: str) -> list[float]:
    return [float(number) for number in re.findall(r"-?[\d.]+", d)]


@given(tracks())
def test_every_track_fits_its_square(track: Track) -> None:
    shape = draw_shape(track)
    assert PATH.fullmatch(shape.d)
    assert all(0 <= number <= shape.size for number in numbers(shape.d))
    assert shape.d.count("M") == len(track.segments)


def test_north_is_up_and_east_is_right() -> None:
    shape = draw_shape(track_of([Fix(8.0, 47.0), Fix(8.1, 47.1)]))
    assert shape.start[0] < shape.end[0]
    assert shape.start[1] > shape.end[1]


def test_both_directions_have_one_scale() -> None:
    """A degree of longitude at 60° is half as long as one of latitude."""
    shape = draw_shape(track_of([Fix(8.0, 59.95), Fix(8.2, 59.95), Fix(8.2, 60.05)]))
    x1, y1, x2, _, _, y3 = numbers(shape.d)
    assert x2 - x1 == pytest.approx(y1 - y3, rel=0.01)


def test_a_track_over_the_antimeridian_is_drawn_whole() -> None:
    over = draw_shape(track_of([Fix(179.9, 0.0), Fix(-179.9, 0.1)]))
    elsewhere = draw_shape(track_of([Fix(9.9, 0.0), Fix(10.1, 0.1)]))
    assert over == elsewhere


def test_a_track_that_stands_still_is_a_point_in_the_middle() -> None:
    shape = draw_shape(track_of([Fix(8.0, 47.0), Fix(8.0, 47.0)]))
    assert shape.start == shape.end == (50, 50)


def test_a_drawing_does_not_grow_with_the_track() -> None:
    track = Track([segment_of(ride(30_000)), segment_of(ride(2))])
    assert len(draw_shape(track).d) < 4000
    profile = elevation_profile(track)
    assert profile is not None
    assert len(profile.d) < 6000


def test_the_elevation_profile_spans_lowest_to_highest() -> None:
    profile = elevation_profile(track_of(ride(100)))
    assert profile is not None
    assert (profile.low, profile.high) == (400, 499)
    values = numbers(profile.d)
    assert (values[0], values[1], values[-2], values[-1]) == (0, profile.height, profile.width, 0)


def test_speed_begins_at_nothing() -> None:
    profile = speed_profile(track_of(ride(100)))
    assert profile is not None
    assert profile.low == 0
    assert profile.high == pytest.approx(1.3, abs=0.1)


def test_what_a_track_does_not_say_has_no_profile() -> None:
    track = track_of([Fix(8.0, 47.0), Fix(8.1, 47.0)])
    assert elevation_profile(track) is None
    assert speed_profile(track) is None
    still = Segment()
    for _ in range(3):
        still.append(8, 47, 400)
    assert elevation_profile(Track([still])) is None


def test_drawings_are_data_for_an_svg_without_styles() -> None:
    shape = draw_shape(track_of(ride(10)))
    svg = f'<svg viewBox="0 0 {shape.size} {shape.size}"><path class="track" d="{shape.d}"/></svg>'
    assert ElementTree.fromstring(svg)[0].attrib == {"class": "track", "d": shape.d}


def test_thinning_keeps_the_ends() -> None:
    line = [(float(index), 0.0) for index in range(1000)]
    found = thinned(line, 10)
    assert (len(found), found[0], found[-1]) == (10, line[0], line[-1])
    assert thinned(line[:3], 10) == line[:3]


def test_a_line_of_one_point_is_left_out() -> None:
    assert path_data([[(1, 2)], [(1, 2), (3.5, 4)]]) == "M1 2 L3.5 4"
