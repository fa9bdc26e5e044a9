import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import jsonschema_rs
import pytest
from geographiclib.geodesic import Geodesic
from hypothesis import given
from hypothesis import strategies as st

from sync.tracks import feature
from sync.tracks.errors import BrokenTracksFile
from sync.tracks.feature import Origin, decode_track, encode_track, split_at_antimeridian, split_line, week_of
from sync.tracks.types import SERIES, Kind, Segment, Track, is_known, moment_of
from sync.weeks import Week
from tests.sync.tracks import samples
from tests.sync.tracks.samples import START, Fix, read, ride, segment_of, track_of
from tests.sync.tracks.strategies import tracks

SCHEMA = json.loads(feature.SCHEMA_FILE.read_text(encoding="utf-8"))
FEATURE = jsonschema_rs.validator_for(
    {"$schema": SCHEMA["$schema"], "$ref": "#/$defs/feature", "$defs": SCHEMA["$defs"]}
)
ORIGIN = Origin("octocat/rides", "2026/a.gpx", "a" * 40, "c" * 40, datetime(2026, 6, 1, tzinfo=UTC))


def encoded(track: Track, origin: Origin = ORIGIN) -> dict[str, Any]:
    written: dict[str, Any] = json.loads(encode_track(track, origin, "gpx"))
    FEATURE.validate(written)
    return written


def test_a_track_is_a_feature_with_all_its_facts() -> None:
    written = encoded(track_of(ride(3)))
    properties = written["properties"]
    assert written["id"] == f"{'a' * 40}:0"
    assert properties.pop("coordinateProperties") == {
        "times": ["2026-05-01T08:00:00Z", "2026-05-01T08:00:10Z", "2026-05-01T08:00:20Z"],
        "heart_rates": [120, 121, 122],
        "cadences": [80, 80, 80],
        "powers": [200, 200, 200],
    }
    assert properties == {
        "week": "2026-W18",
        "started_at": "2026-05-01T08:00:00Z",
        "ended_at": "2026-05-01T08:00:20Z",
        "distance_m": 26.9,
        "duration_s": 20.0,
        "moving_s": 20.0,
        "ascent_m": 0.0,
        "kind": "track",
        "sport": None,
        "name": None,
        "device": None,
        "points": 3,
        "repository": "octocat/rides",
        "path": "2026/a.gpx",
        "blob_oid": "a" * 40,
        "track": 0,
        "replaces": None,
        "commit_oid": "c" * 40,
        "committed_at": "2026-06-01T00:00:00Z",
        "source_format": "gpx",
        "antimeridian_cuts": [],
    }
    assert written["geometry"] == {
        "type": "LineString",
        "coordinates": [[8, 47, 400], [8.0001, 47.0001, 401], [8.0002, 47.0002, 402]],
    }


def test_several_segments_are_a_multi_line_with_lists_of_the_same_shape() -> None:
    track = Track([segment_of(ride(3)), segment_of(ride(2, START + timedelta(hours=1)))])
    written = encoded(track)
    assert written["geometry"]["type"] == "MultiLineString"
    lists = [written["geometry"]["coordinates"], *written["properties"]["coordinateProperties"].values()]
    assert {tuple(map(len, lines)) for lines in lists} == {(3, 2)}


def test_what_no_point_says_is_left_out_and_what_some_say_is_null() -> None:
    fixes = [Fix(8.0, 47.0), Fix(8.1, 47.0, heart_rate=90)]
    written = encoded(track_of(fixes))
    assert written["properties"]["coordinateProperties"] == {"heart_rates": [None, 90]}
    assert written["geometry"]["coordinates"] == [[8, 47], [8.1, 47]]


def test_the_week_is_that_of_the_start_in_utc() -> None:
    fixes = ride(3, datetime(2026, 5, 3, 23, 59, 50, tzinfo=UTC))
    assert week_of(track_of(fixes), None) == Week(2026, 18)
    assert week_of(track_of(ride(3, datetime(2025, 12, 29, tzinfo=UTC))), None) == Week(2026, 1)


def test_without_times_the_week_is_that_of_the_commit_in_utc() -> None:
    track = track_of([Fix(8.0, 47.0), Fix(8.1, 47.0)])
    monday_morning_in_tokyo = datetime.fromisoformat("2026-05-04T08:00:00+09:00")
    assert week_of(track, monday_morning_in_tokyo) == Week(2026, 18)
    with pytest.raises(ValueError, match="date of the commit"):
        week_of(track, None)


@given(tracks())
def test_a_written_track_reads_back_and_is_written_the_same(track: Track) -> None:
    line = encode_track(track, ORIGIN, "gpx")
    FEATURE.validate(json.loads(line))
    assert b"\n" not in line
    found, origin = decode_track(line)
    assert origin == ORIGIN
    assert encode_track(found, origin, "gpx") == line
    assert repr(found) == repr(track)


@given(tracks())
def test_gpx_becomes_geojson_with_the_same_points_times_and_distance(track: Track) -> None:
    fixes = [
        [
            Fix(lon, lat, ele if is_known(ele) else None, moment_of(time) if is_known(time) else None)
            for lon, lat, ele, time in zip(s.longitudes, s.latitudes, s.elevations, s.times, strict=True)
        ]
        for s in track.segments
    ]
    [found] = read("a.gpx", samples.gpx(fixes)).tracks
    written = encoded(found)
    lines = written["geometry"]["coordinates"]
    lines = lines if written["geometry"]["type"] == "MultiLineString" else [lines]
    if all(abs(fix.longitude) < 179 for part in fixes for fix in part):
        places = [[tuple(place) for place in line] for line in lines]
        expected = [
            [(f.longitude, f.latitude) + (() if f.elevation is None else (f.elevation,)) for f in part]
            for part in fixes
        ]
        assert places == expected
        times = written["properties"]["coordinateProperties"]["times"]
        times = [time for part in (times if len(lines) > 1 else [times]) for time in part]
        moments = [None if time is None else datetime.fromisoformat(time) for time in times]
        assert moments == [fix.time for part in fixes for fix in part]
    distance = sum(
        Geodesic.WGS84.Inverse(a.latitude, a.longitude, b.latitude, b.longitude)["s12"]
        for part in fixes
        for a, b in pairwise(part)
    )
    assert written["properties"]["distance_m"] == pytest.approx(distance, rel=1e-3, abs=0.06)


def test_a_line_over_the_antimeridian_is_cut_there() -> None:
    fixes = [Fix(179.0, 10.0, 0.0, START), Fix(-179.0, 12.0, 100.0, START + timedelta(seconds=60))]
    fixes.append(Fix(179.0, 12.0, 100.0, START + timedelta(seconds=120)))
    written = encoded(track_of(fixes))
    assert written["geometry"]["coordinates"] == [
        [[179, 10, 0], [180, 11, 50]],
        [[-180, 11, 50], [-179, 12, 100], [-180, 12, 100]],
        [[180, 12, 100], [179, 12, 100]],
    ]
    times = written["properties"]["coordinateProperties"]["times"]
    assert times[0][1] == times[1][0] == "2026-05-01T08:00:30Z"
    assert written["properties"]["antimeridian_cuts"] == [0, 1]
    assert written["properties"]["points"] == 3


def test_points_on_the_antimeridian_itself_are_no_trouble() -> None:
    segment = segment_of([Fix(180.0, 0.0), Fix(-180.0, 0.0), Fix(-179.0, 0.0)])
    for piece in split_at_antimeridian(segment):
        assert len(piece) >= 2
        assert {len(piece.series(name)) for name in SERIES} == {len(piece)}


def test_facts_are_read_without_the_points() -> None:
    tricky = replace(ORIGIN, path='a", "coordinateProperties": {}, "x": "\\', repository="o/é")
    track = replace(track_of(ride(3)), name='"}}, "geometry": ', kind=Kind.ROUTE)
    line = encode_track(track, tricky, "gpx")
    facts, rest = split_line(line.replace(b"[8, 47, 400]", b"[not json"))
    assert (facts["path"], facts["repository"], facts["name"]) == (tricky.path, "o/é", track.name)
    assert feature.head_of(facts) + split_line(line)[1] == line
    assert rest.startswith(b', "coordinateProperties": {"times": ')


def test_fractions_of_a_second_stand_only_where_there_are_any() -> None:
    fixes = [Fix(8.0, 47.0, time=START), Fix(8.1, 47.0, time=START + timedelta(milliseconds=250))]
    assert encoded(track_of(fixes))["properties"]["coordinateProperties"]["times"] == [
        "2026-05-01T08:00:00Z",
        "2026-05-01T08:00:00.25Z",
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 7])
def test_bytes_do_not_depend_on_the_size_of_the_pieces(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    track = Track([segment_of(ride(7)), segment_of(ride(2))])
    whole = encode_track(track, ORIGIN, "gpx")
    monkeypatch.setattr(feature, "PIECE_POINTS", size)
    assert encode_track(track, ORIGIN, "gpx") == whole


def test_paths_that_are_no_text_are_written_all_the_same() -> None:
    written = encoded(track_of(ride(2)), replace(ORIGIN, path="a\udcff.gpx"))
    assert written["properties"]["path"] == "a?.gpx"


@pytest.mark.parametrize("origin", [replace(ORIGIN, blob_oid="short"), replace(ORIGIN, path="")])
def test_what_would_not_be_valid_is_not_written(origin: Origin) -> None:
    with pytest.raises(BrokenTracksFile, match="not be valid at"):
        encode_track(track_of(ride(2)), origin, "gpx")


@pytest.mark.parametrize(
    "line",
    [b"", b"{}", b"[]", b'{"type": "Feature", "properties": {"week": 1}}', b'"x", "coordinateProperties": 1'],
)
def test_lines_that_are_no_tracks_are_named(line: bytes) -> None:
    with pytest.raises(BrokenTracksFile):
        split_line(line)


@given(st.integers(0, 10_000))
def test_a_line_cut_short_is_named(place: int) -> None:
    line = encode_track(track_of(ride(3)), ORIGIN, "gpx")
    with pytest.raises(BrokenTracksFile):
        decode_track(line[: place % len(line)])


def test_segments_of_any_size_read_back() -> None:
    segment = Segment()
    segment.append(8, 47)
    segment.append(8, 47, 1.0, power=3.5)
    found, _ = decode_track(encode_track(Track([segment]), ORIGIN, "gpx"))
    assert repr(found.segments) == repr([segment])
