import json
import math
from datetime import timedelta
from typing import Any

import pytest

from sync.tracks.errors import NotReadable
from sync.tracks.types import Limits
from tests.sync.tracks.samples import START, geojson, read, ride

LINE: dict[str, Any] = {"type": "LineString", "coordinates": [[8, 47], [8.1, 47], [8.2, 47]]}


def reading(value: object, limits: Limits | None = None) -> list[list[int]]:
    tracks = read("a.geojson", json.dumps(value).encode(), limits).tracks
    return [[len(segment) for segment in track.segments] for track in tracks]


def test_several_lines_of_one_feature_are_segments_with_their_own_times() -> None:
    later = START + timedelta(hours=1)
    [track] = read("a.geojson", geojson(ride(5), ride(4, later))).tracks
    assert [len(segment) for segment in track.segments] == [5, 4]
    assert track.segments[1].times[0] == later.timestamp()
    assert track.segments[1].heart_rates[0] == 120


def test_a_line_without_times_is_taken_as_it_stands() -> None:
    [track] = read("a.geojson", geojson(ride(), with_times=False)).tracks
    assert track.started_at is None


@pytest.mark.parametrize(
    "value",
    [
        LINE,
        {"type": "Feature", "properties": None, "geometry": LINE},
        {"geometry": {"coordinates": LINE["coordinates"], "type": "LineString"}, "type": "Feature"},
        {"type": "GeometryCollection", "geometries": [LINE]},
        {"bbox": [1, [2], {"a": []}], "type": "Feature", "geometry": LINE, "properties": {"a": {"b": [1]}}},
    ],
)
def test_every_shape_and_order_of_a_line_is_read(value: object) -> None:
    assert reading(value) == [[3]]


@pytest.mark.parametrize(
    "value",
    [
        [],
        "text",
        {},
        {"type": "FeatureCollection", "features": []},
        {"type": "Feature", "geometry": None, "properties": {}},
        {"type": "Point", "coordinates": [8, 47]},
        {"type": "Polygon", "coordinates": [LINE["coordinates"]]},
        {"type": "MultiPoint", "coordinates": LINE["coordinates"]},
        {"type": "Topology", "arcs": [LINE["coordinates"]]},
        {"type": "LineString", "coordinates": "here"},
        {"type": "LineString", "coordinates": [[8, 47]]},
        {"type": "FeatureCollection", "features": [1, [2], "x", None]},
        {"coordinates": LINE["coordinates"]},
    ],
)
def test_geojson_that_is_no_track_is_refused(value: object) -> None:
    with pytest.raises(NotReadable):
        reading(value)


def test_our_own_files_are_not_taken_for_new_tracks() -> None:
    own = {"type": "FeatureCollection", "format": "github-tracks/1", "features": [LINE]}
    with pytest.raises(NotReadable, match="this service wrote"):
        reading(own)


def test_numbers_are_times_in_seconds_or_milliseconds() -> None:
    seconds = [START.timestamp() + index for index in range(3)]
    for times in (seconds, [1000 * time for time in seconds]):
        feature = {"type": "Feature", "properties": {"coordTimes": times}, "geometry": LINE}
        [track] = read("a.geojson", json.dumps(feature).encode()).tracks
        assert list(track.segments[0].times) == seconds


def test_lists_of_another_length_belong_to_no_points() -> None:
    feature = {"type": "Feature", "properties": {"times": ["2026-05-01T08:00:00Z"]}, "geometry": LINE}
    [track] = read("a.geojson", json.dumps(feature).encode()).tracks
    assert track.started_at is None


def test_null_stands_for_a_time_or_elevation_that_is_not_known() -> None:
    times = ["2026-05-01T08:00:00Z", None, "2026-05-01T08:00:20Z"]
    feature = {"type": "Feature", "properties": {"times": times}, "geometry": LINE}
    [track] = read("a.geojson", json.dumps(feature).encode()).tracks
    assert math.isnan(track.segments[0].times[1])
    assert math.isnan(track.segments[0].elevations[0])


def test_a_feature_without_point_times_is_dated_by_its_own() -> None:
    feature = {"type": "Feature", "properties": {"time": "2026-05-01T08:00:00Z"}, "geometry": LINE}
    [track] = read("a.geojson", json.dumps(feature).encode()).tracks
    assert track.started_at == START


@pytest.mark.parametrize(
    "content",
    [
        b'{"type": "LineString", "coordinates": [[NaN, 47], [8, 47]]}',
        b'{"type": "LineString", "coordinates": [[1e999, 47], [8, 47]]}',
        b'{"type": "LineString", "coordinates": [[' + b"9" * 5000 + b", 47], [8, 47]]}",
        b'{"type": "LineString", "coordinates": [[8, 47], [9',
        b'{"type": "\xff\xfe"}',
        b'{"type": "LineString" "coordinates": []}',
        "{}".encode("utf-16"),
    ],
)
def test_what_is_no_json_is_refused(content: bytes) -> None:
    with pytest.raises(NotReadable):
        read("a.geojson", content)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_byte_order_mark_says_how_a_file_is_read(encoding: str) -> None:
    feature = {"type": "Feature", "properties": {"name": "Über die Höhe"}, "geometry": LINE}
    content = json.dumps(feature, ensure_ascii=False).encode(encoding)
    [track] = read("a.geojson", content).tracks
    assert track.name == "Über die Höhe"
    with pytest.raises(NotReadable, match="not valid JSON"):
        read("a.geojson", content[:-3])


@pytest.mark.parametrize("key", ["coordinates", "features", "geometry", "x"])
@pytest.mark.parametrize("opening", ["[", '{"geometry":', '{"features":['])
def test_deep_nesting_is_refused_at_once(key: str, opening: str) -> None:
    with pytest.raises(NotReadable):
        read("a.geojson", f'{{"type": "Feature", "{key}": {opening * 200_000}'.encode())


def test_points_of_what_is_no_line_count_as_well() -> None:
    area = {"type": "Polygon", "coordinates": [[[0, 0]] * 11]}
    with pytest.raises(NotReadable, match="more than 10 points"):
        reading({"type": "Feature", "geometry": area}, Limits(points=10))


def test_more_tracks_than_allowed_are_refused() -> None:
    features = [{"type": "Feature", "geometry": LINE, "properties": {}}] * 6
    collection = {"type": "FeatureCollection", "features": features}
    assert len(reading(collection, Limits(tracks=6))) == 6
    with pytest.raises(NotReadable, match="more than 5 tracks"):
        reading(collection, Limits(tracks=5))
