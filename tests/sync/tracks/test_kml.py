import math
from datetime import timedelta

import pytest

from sync.tracks import xml_stream
from sync.tracks.errors import NotReadable
from sync.tracks.types import Limits
from tests.sync.tracks.samples import START, kml_line, kml_timed, read, ride, track_of


def kml(body: str) -> bytes:
    return f'<kml xmlns="http://www.opengis.net/kml/2.2"><Document>{body}</Document></kml>'.encode()


def test_a_multi_track_is_one_track_of_segments() -> None:
    [track] = read("a.kml", kml_timed(ride(5), ride(4, START + timedelta(hours=1)))).tracks
    assert [len(segment) for segment in track.segments] == [5, 4]
    assert track.name == "Walk"


def test_a_line_has_points_without_times() -> None:
    [track] = read("a.kml", kml_line(ride())).tracks
    assert track.segments[0].latitudes == track_of(ride()).segments[0].latitudes
    assert track.segments[0].elevations[3] == 403.0
    assert track.started_at is None


def test_a_time_span_dates_the_ends_of_a_line() -> None:
    span = START, START + timedelta(hours=2)
    [track] = read("a.kml", kml_line(ride(), span)).tracks
    assert (track.started_at, track.ended_at) == span
    assert all(map(math.isnan, track.segments[0].times[1:-1]))


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 1000])
def test_coordinates_are_whole_wherever_the_pieces_end(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_stream, "PIECE_BYTES", size)
    [track] = read("a.kml", kml_line(ride(40))).tracks
    expected = track_of(ride(40)).segments[0]
    assert track.segments[0].longitudes == expected.longitudes
    assert track.segments[0].elevations == expected.elevations


def test_places_and_areas_are_no_tracks() -> None:
    place = "<Placemark><Point><coordinates>8,47</coordinates></Point></Placemark>"
    ring = "<LinearRing><coordinates>8,47 9,47 9,48 8,47</coordinates></LinearRing>"
    area = f"<Placemark><Polygon><outerBoundaryIs>{ring}</outerBoundaryIs></Polygon></Placemark>"
    with pytest.raises(NotReadable, match="single places only"):
        read("a.kml", kml(place))
    with pytest.raises(NotReadable, match="no track"):
        read("a.kml", kml(area))


def test_an_empty_coordinate_is_a_point_without_position() -> None:
    content = kml_timed(ride(5)).replace(b"8.0002 47.0002 402.0", b"")
    [track] = read("a.kml", content).tracks
    assert len(track) == 4
    assert track.segments[0].times[2] == START.timestamp() + 30


def test_coordinates_that_are_no_numbers_are_refused() -> None:
    line = "<Placemark><LineString><coordinates>{}</coordinates></LineString></Placemark>"
    with pytest.raises(NotReadable, match="on the earth"):
        read("a.kml", kml(line.format("a,b c,d e,f")))
    with pytest.raises(NotReadable, match="not numbers"):
        read("a.kml", kml(line.format("1" * 5000)))


def test_more_times_than_allowed_are_refused_before_the_track_ends() -> None:
    many = "<when>2026-05-01T08:00:00Z</when>" * 11
    with pytest.raises(NotReadable, match="more than 10 points"):
        read("a.kml", kml(f"<Placemark><Track>{many}</Track></Placemark>"), Limits(points=10))
