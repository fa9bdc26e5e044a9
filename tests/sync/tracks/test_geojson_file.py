import io
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import jsonschema_rs
import pytest

from sync.tracks.errors import BrokenTracksFile
from sync.tracks.feature import SCHEMA_FILE, Origin, encode_track
from sync.tracks.geojson_file import Header, Line, Place, Written, read_header, write_year
from sync.tracks.types import Kind, Track
from tests.sync.tracks.samples import START, Fix, ride, segment_of

HEADER = Header(2026, 583231)
SCHEMA = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
A, B, C = "a" * 40, "b" * 40, "c" * 40


def line(
    blob: str = A,
    number: int = 0,
    start: datetime = START,
    path: str = "a.gpx",
    replaces: str | None = None,
    name: str | None = None,
) -> bytes:
    origin = Origin("octocat/rides", path, blob, None, datetime(2026, 6, 1, tzinfo=UTC), replaces)
    return encode_track(Track([segment_of(ride(3, start))], number, name=name), origin, "gpx")


def write(*staged: bytes, sources: tuple[bytes, ...] = (), **options: Any) -> tuple[bytes, Written]:
    out = io.BytesIO()
    streams = [io.BytesIO(source) for source in sources]
    written = write_year(out, HEADER, streams, [Line.of(each) for each in staged], **options)
    return out.getvalue(), written


def keys(content: bytes) -> list[str]:
    return [feature["id"].replace(feature["id"][:40], feature["id"][0]) for feature in parsed(content)]


def parsed(content: bytes) -> list[dict[str, Any]]:
    collection = json.loads(content)
    jsonschema_rs.validate(SCHEMA, collection)
    features: list[dict[str, Any]] = collection["features"]
    return features


def test_a_file_is_a_feature_collection_with_one_track_a_line() -> None:
    content, written = write(line(A), line(B, start=START + timedelta(days=7)))
    lines = content.decode().splitlines()
    assert lines[0] == (
        '{"type": "FeatureCollection", "format": "github-tracks/1", "year": 2026, "github_id": 583231, '
        '"features": ['
    )
    assert [each[:30] for each in lines[1:3]] == [
        '{"type": "Feature", "id": "aaa',
        '{"type": "Feature", "id": "bbb',
    ]
    assert (lines[1][-1], lines[2][-1], lines[3]) == (",", "}", "]}")
    assert len(parsed(content)) == 2
    assert written.size == len(content)
    assert read_header(io.BytesIO(content)) == HEADER


def test_tracks_stand_by_week_and_start_whatever_the_order_they_came_in() -> None:
    staged = [
        line(blob, number, START + timedelta(hours=hours))
        for blob, number, hours in ((C, 0, 0), (A, 1, 5), (A, 0, 5), (B, 0, 200))
    ]
    expected, _ = write(*staged)
    assert keys(expected) == ["c:0", "a:0", "a:1", "b:0"]
    for seed in range(5):
        random.Random(seed).shuffle(staged)
        assert write(*staged)[0] == expected


def test_writing_the_same_again_changes_no_byte() -> None:
    content, first = write(line(A), line(B))
    again, second = write(line(A), sources=(content,))
    assert again == content
    assert (first.is_changed, first.new) == (True, 2)
    assert (second.is_changed, second.new, second.changed, second.removed) == (False, 0, 0, 0)
    assert write(sources=(content,))[1].md5 == first.md5


def test_files_are_united_and_the_newer_one_wins() -> None:
    older, _ = write(line(A, name="Old"), line(B))
    newer, _ = write(line(A, name="New"), line(C))
    content, written = write(sources=(older, newer))
    assert keys(content) == ["a:0", "b:0", "c:0"]
    assert parsed(content)[0]["properties"]["name"] == "New"
    assert written.is_changed


def test_a_changed_file_replaces_its_older_version_and_says_so() -> None:
    held, _ = write(line(A, 0), line(A, 1), line(B, path="b.gpx"))
    content, written = write(line(C, replaces=A), sources=(held,))
    assert keys(content) == ["b:0", "c:0"]
    assert parsed(content)[1]["properties"]["replaces"] == A
    assert (written.new, written.removed, written.is_changed) == (1, 2, True)


def test_a_moved_file_is_the_same_track() -> None:
    held, _ = write(line(A), line(B))
    content, written = write(sources=(held,), moved={A: Place("octocat/archive", 'new/"a".gpx')})
    moved, other = parsed(content)
    assert (moved["properties"]["repository"], moved["properties"]["path"]) == (
        "octocat/archive",
        'new/"a".gpx',
    )
    assert moved["geometry"] == parsed(held)[0]["geometry"]
    assert other == parsed(held)[1]
    assert (written.new, written.changed, written.removed) == (0, 1, 0)
    again, second = write(sources=(content,), moved={A: Place("octocat/archive", 'new/"a".gpx')})
    assert (again, second.is_changed) == (content, False)


def test_a_file_read_again_stands_for_all_its_tracks() -> None:
    """After a new privacy zone a file may give fewer tracks than before."""
    held, _ = write(line(A, 0), line(A, 1), line(B))
    content, written = write(line(A, 1), sources=(held,))
    assert keys(content) == ["a:1", "b:0"]
    assert written.removed == 1


def test_dropped_files_leave_nothing_behind() -> None:
    held, _ = write(line(A), line(B))
    content, written = write(sources=(held,), dropped={A, B})
    assert keys(content) == []
    assert A.encode() not in content
    assert (written.removed, written.weeks) == (2, {})


def test_what_is_not_named_stays() -> None:
    held, _ = write(line(A), line(B))
    assert keys(write(line(C), sources=(held,))[0]) == ["a:0", "b:0", "c:0"]


def test_weeks_tell_tracks_distance_and_time_but_not_of_routes() -> None:
    origin = Origin("o/r", "a.gpx", C, None, START)
    route = Track([segment_of([Fix(8.0, 47.0), Fix(9.0, 47.0)])], kind=Kind.ROUTE)
    later = START + timedelta(days=7)
    _, written = write(line(A), line(B), line(A, 1, later), encode_track(route, origin, "gpx"))
    assert written.weeks == {
        "2026-W18": {"tracks": 3, "distance_m": 53.8, "duration_s": 40.0},
        "2026-W19": {"tracks": 1, "distance_m": 26.9, "duration_s": 20.0},
    }
    assert [facts["track"] for facts in written.tracks] == [0, 0, 0, 1]


def test_the_bytes_of_a_staged_track_are_asked_for_when_it_is_written() -> None:
    content = line(A)
    asked = []

    def load() -> bytes:
        asked.append(1)
        return content

    staged = Line.of(content, load)
    assert not asked
    out = io.BytesIO()
    write_year(out, HEADER, [], [staged])
    assert asked == [1]
    assert content in out.getvalue()


def test_a_track_of_another_year_is_not_written() -> None:
    with pytest.raises(BrokenTracksFile, match="2026"):
        write(line(A, start=datetime(2025, 6, 1, tzinfo=UTC)))
    content, _ = write(line(A, start=datetime(2025, 12, 29, tzinfo=UTC)))
    assert parsed(content)[0]["properties"]["week"] == "2026-W01"


@pytest.mark.parametrize(
    "source",
    [
        b"",
        b"{}\n]}\n",
        b'{"type": "FeatureCollection", "features": []}',
        b'{"format": "github-tracks/2", "year": 2026, "github_id": 1, "features": [\n]}\n',
        b"<html></html>",
    ],
)
def test_a_source_that_is_no_tracks_file_is_refused(source: bytes) -> None:
    with pytest.raises(BrokenTracksFile):
        write(sources=(source,))


def test_a_source_cut_short_is_refused() -> None:
    content, _ = write(line(A), line(B))
    for end in range(len(content) - 4, 0, -97):
        with pytest.raises(BrokenTracksFile):
            write(sources=(content[:end],))


def test_a_file_of_another_account_counts_as_changed() -> None:
    content, _ = write(line(A))
    out = io.BytesIO()
    assert write_year(out, Header(2026, 1), [io.BytesIO(content)]).is_changed


def test_an_empty_year_is_a_valid_file() -> None:
    assert parsed(write()[0]) == []
