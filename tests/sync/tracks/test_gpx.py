import math
from datetime import timedelta

import gpxpy
import gpxpy.gpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.tracks.errors import NotReadable
from sync.tracks.types import Kind
from tests.sync.tracks.samples import START, gpx, read, ride


def document(body: str, root: str = 'gpx creator="Test"', encoding: str = "utf-8") -> bytes:
    text = f'<?xml version="1.0" encoding="{encoding}"?><{root}>{body}</{root.split()[0]}>'
    return text.encode(encoding)


def points(*places: str, tag: str = "trkpt") -> str:
    return "".join(f'<{tag} lat="{p.split()[0]}" lon="{p.split()[1]}"/>' for p in places)


def test_each_track_and_each_segment_stands_for_itself() -> None:
    later = START + timedelta(hours=3)
    reading = read("a.gpx", gpx([ride(4), ride(5, START + timedelta(hours=1))], [ride(3, later)]))
    assert [[len(segment) for segment in track.segments] for track in reading.tracks] == [[4, 5], [3]]
    assert [track.number for track in reading.tracks] == [0, 1]
    assert reading.tracks[1].started_at == later


def test_a_route_counts_only_in_a_file_without_tracks() -> None:
    route = f"<rte><name>Plan</name>{points('47 8', '47.1 8', tag='rtept')}</rte>"
    track = f"<trk><trkseg>{points('47 8', '47.1 8')}</trkseg></trk>"
    [planned] = read("a.gpx", document(route)).tracks
    assert (planned.kind, planned.name, planned.started_at) == (Kind.ROUTE, "Plan", None)
    [recorded] = read("a.gpx", document(route + track)).tracks
    assert (recorded.kind, recorded.name) == (Kind.TRACK, None)


def test_waypoints_alone_are_no_track() -> None:
    with pytest.raises(NotReadable, match="single places only"):
        read("a.gpx", document(points("47 8", tag="wpt")))


def test_a_document_of_another_kind_is_refused() -> None:
    with pytest.raises(NotReadable, match="begin with <gpx>"):
        read("a.gpx", document("", root="kml"))


def test_prefixes_that_are_not_declared_do_no_harm() -> None:
    point = '<trkpt lat="47" lon="8"><extensions><x:TPE><x:hr>99</x:hr></x:TPE></extensions></trkpt>'
    [track] = read("a.gpx", document(f"<trk><trkseg>{point}{point}</trkseg></trk>")).tracks
    assert list(track.segments[0].heart_rates) == [99.0, 99.0]


def test_sensors_that_say_nothing_are_not_known() -> None:
    bad = "".join(f"<{n}>{v}</{n}>" for n, v in (("hr", "nan"), ("cad", "-1"), ("power", ""), ("ele", "1e9")))
    point = f'<trkpt lat="47" lon="8">{bad}<time>yesterday</time></trkpt>'
    [track] = read("a.gpx", document(f"<trk><trkseg>{point}{point}</trkseg></trk>")).tracks
    [segment] = track.segments
    for name in ("heart_rates", "cadences", "powers", "elevations", "times"):
        assert all(map(math.isnan, segment.series(name))), name


def test_the_time_of_the_file_and_of_waypoints_is_no_time_of_the_track() -> None:
    other = "<metadata><time>2020-01-01T00:00:00Z</time></metadata>"
    other += '<wpt lat="1" lon="1"><time>2020-01-01T00:00:00Z</time><name>Inn</name></wpt>'
    [track] = read("a.gpx", document(f"{other}<trk><trkseg>{points('47 8', '47 9')}</trkseg></trk>")).tracks
    assert (track.started_at, track.name) == (None, None)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "iso-8859-1", "windows-1252"])
def test_names_are_read_in_any_encoding(encoding: str) -> None:
    content = document(
        f"<trk><name>Zürich</name><trkseg>{points('47 8', '47 9')}</trkseg></trk>", encoding=encoding
    )
    [track] = read("a.gpx", content).tracks
    assert track.name == "Zürich"


def test_bytes_of_another_encoding_spoil_only_themselves() -> None:
    content = document(f"<trk><name>Z#rich</name><trkseg>{points('47 8', '47 9')}</trkseg></trk>")
    [track] = read("a.gpx", content.replace(b"#", b"\xfc")).tracks
    assert track.name == "Z\ufffdrich"


@pytest.mark.parametrize(
    "encoding", ["zip", "rot13", "no-such-code", "utf-7", "undefined", "idna", "unicode_escape"]
)
def test_encodings_that_are_none_are_taken_as_utf_8(encoding: str) -> None:
    content = document(f"<trk><trkseg>{points('47 8', '47 9')}</trkseg></trk>")
    assert read("a.gpx", content.replace(b"utf-8", encoding.encode())).tracks


def test_zero_bytes_of_a_lost_battery_are_passed_over() -> None:
    content = gpx([ride()]) + b"\x00" * 4096
    assert len(read("a.gpx", content).tracks[0]) == 10


def test_a_namespace_prefix_on_everything_does_no_harm() -> None:
    body = '<g:trk><g:trkseg><g:trkpt lat="1" lon="2"/><g:trkpt lat="1" lon="3"/></g:trkseg></g:trk>'
    assert len(read("a.gpx", document(body, root="g:gpx")).tracks[0]) == 2


longitudes = st.floats(-180, 180).map(lambda v: round(v, 7))
latitudes = st.floats(-90, 90).map(lambda v: round(v, 7))
elevations = st.none() | st.floats(-400, 9000).map(lambda v: round(v, 2))


@given(st.lists(st.tuples(longitudes, latitudes, elevations), min_size=2, max_size=30))
def test_we_read_what_gpxpy_reads(places: list[tuple[float, float, float | None]]) -> None:
    written = gpxpy.gpx.GPX()
    written.tracks.append(gpxpy.gpx.GPXTrack())
    written.tracks[0].segments.append(
        gpxpy.gpx.GPXTrackSegment(
            [
                gpxpy.gpx.GPXTrackPoint(lat, lon, elevation=ele, time=START + timedelta(seconds=index))
                for index, (lon, lat, ele) in enumerate(places)
            ]
        )
    )
    content = written.to_xml()
    theirs = gpxpy.parse(content).tracks[0].segments[0].points
    [track] = read("a.gpx", content.encode()).tracks
    [ours] = track.segments
    assert list(ours.positions()) == [(point.longitude, point.latitude) for point in theirs]
    assert [None if math.isnan(e) else e for e in ours.elevations] == [point.elevation for point in theirs]
    assert list(ours.times) == [point.time.timestamp() for point in theirs if point.time]
