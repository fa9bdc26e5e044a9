from datetime import timedelta

import pytest

from sync.tracks.errors import NotReadable
from sync.tracks.types import Kind
from tests.sync.tracks.samples import START, read, ride, tcx


def lengths(content: bytes) -> list[list[int]]:
    return [[len(segment) for segment in track.segments] for track in read("a.tcx", content).tracks]


def test_a_lap_goes_on_in_the_segment_before_it() -> None:
    first, second = [ride(5)], [ride(5, START + timedelta(seconds=50))]
    assert lengths(tcx(first, second)) == [[10]]


def test_a_pause_in_a_lap_begins_a_segment() -> None:
    assert lengths(tcx([ride(5), ride(4, START + timedelta(seconds=60))])) == [[5, 4]]


def test_a_gap_between_two_laps_is_a_pause() -> None:
    assert lengths(tcx([ride(5)], [ride(4, START + timedelta(seconds=40 + 31))])) == [[5, 4]]
    assert lengths(tcx([ride(5)], [ride(4, START + timedelta(seconds=40 + 30))])) == [[9]]


def test_several_activities_are_several_tracks() -> None:
    content = tcx([ride(5)])
    body = content[content.index(b"<ns0:Activity ") : content.index(b"</ns0:Activities>")]
    assert lengths(content.replace(body, body + body)) == [[5], [5]]


def test_a_course_is_a_route() -> None:
    [track] = read("a.tcx", tcx([ride(5)], is_course=True)).tracks
    assert (track.kind, track.name) == (Kind.ROUTE, "Planned")


def test_a_ride_indoors_has_no_positions() -> None:
    content = tcx([ride(5)]).replace(b"Position", b"Elsewhere")
    content = content.replace(b"LatitudeDegrees", b"A").replace(b"LongitudeDegrees", b"B")
    with pytest.raises(NotReadable, match="without GPS"):
        read("a.tcx", content)


def test_points_without_a_position_are_passed_over() -> None:
    content = tcx([ride(5)]).replace(b"<ns0:LatitudeDegrees>47.0</ns0:LatitudeDegrees>", b"")
    assert lengths(content) == [[4]]
