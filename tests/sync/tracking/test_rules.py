"""The small rules: which answer counts for a folder, what batches and sheets hold, how weeks are drawn."""

import pytest

from sync.pages.track_weeks import WeekSum, distance_in_words, draw_weeks, duration_in_words, sums_of
from sync.tracking import sheets, staging
from sync.tracking.scope import answer_for, answer_for_new, folder_of
from sync.tracking.staging import DrawnTrack
from sync.tracks.feature import Origin, facts_of
from tests.sync.tracks.samples import ride, track_of

ANSWERS = {"": False, "rides": True, "rides/secret": False}


@pytest.mark.parametrize(
    ("folder", "answer"),
    [
        ("", False),
        ("rides", True),
        ("rides/2026/may", True),
        ("rides/secret", False),
        ("rides/secret/2026", False),
        ("ridesharing", False),
    ],
)
def test_the_nearest_answer_above_a_folder_counts(folder: str, *, answer: bool) -> None:
    assert answer_for(folder, ANSWERS) is answer


def test_a_folder_that_nobody_was_asked_about_has_no_answer() -> None:
    assert answer_for("runs/2026", {"rides": True}) is None
    assert answer_for("", {}) is None


@pytest.mark.parametrize(
    ("path", "answer"),
    [
        ("rides/2026/may.gpx", True),
        ("rides/test of the gears.gpx", True),  # in the very folder that was ticked
        ("rides/src/tests/a.gpx", None),
        ("rides/2026/sample.gpx", None),
        ("tests/rides/a.gpx", True),
        ("tests/rides/2026/a.gpx", True),  # the member knows that these are no tests
        ("tests/rides/vendor/a.gpx", None),
        ("rides/secret/tests/a.gpx", False),
        ("tests/a.gpx", False),
    ],
)
def test_a_tick_is_no_answer_for_tests_and_samples_that_come_later(path: str, *, answer: bool | None) -> None:
    assert answer_for_new(path, {**ANSWERS, "tests/rides": True}) is answer


def test_the_folder_of_a_path() -> None:
    assert (folder_of("a/b/c.gpx"), folder_of("c.gpx")) == ("a/b", "")


def test_a_batch_comes_back_as_it_was_packed() -> None:
    tracks = [DrawnTrack(b'{"a": 1}', b'{"b": 2}'), DrawnTrack(b"{}", b"[]")]
    batch = staging.unpack(staging.pack(3, tracks, ["b", "a"], {"c": ["o/r", "x.gpx"]}))
    assert (batch.zones, batch.dropped, batch.moved, batch.tracks) == (
        3,
        ["a", "b"],
        {"c": ["o/r", "x.gpx"]},
        tracks,
    )
    assert staging.unpack(staging.pack(0)).tracks == []


def test_a_sheet_holds_facts_and_drawings_and_no_place_on_earth() -> None:
    track = track_of(ride(20))
    facts = facts_of(track, Origin("o/r", "a.gpx", "1" * 40), "gpx")
    content = sheets.pack([facts], {("1" * 40, 0): sheets.draw(track)})
    ((told, drawing),) = sheets.unpack(content)
    assert told["distance_m"] == facts["distance_m"]
    for longitude, latitude in track.segments[0].positions():
        assert str(longitude).encode() not in drawing
        assert str(latitude).encode() not in drawing


def test_weeks_add_up_over_public_and_private_files() -> None:
    entry = {"counts": {"tracks": 2}, "distance_m": 1500.0, "duration_s": 600.0}
    sums = sums_of([{"2026-W19": entry}, {"2026-W19": entry, "2026-W20": entry}])
    assert sums == {"2026-W19": WeekSum(4, 3000.0, 1200.0), "2026-W20": WeekSum(2, 1500.0, 600.0)}


def test_bars_stand_in_the_columns_of_the_heat_map_and_share_one_scale() -> None:
    first, second = draw_weeks(2026, {"2026-W01": WeekSum(1, 5000, 60), "2026-W40": WeekSum(2, 10_000, 120)})
    assert [bar.x for bar in first.kilometres] == [30]
    assert [bar.x for bar in second.kilometres] == [30 + 13 * 14]
    assert second.kilometres[0].height == 2 * first.kilometres[0].height
    assert second.hours[0].title == "Week 40: 2 tracks, 10.0 km, 2 min"
    assert first.in_words == "1 track, 5.0 km, 1 min"


def test_a_year_without_times_has_no_hours() -> None:
    first, _ = draw_weeks(2026, {"2026-W01": WeekSum(1, 5000, 0)})
    assert first.hours[0].height == 0


@pytest.mark.parametrize(
    ("metres", "words"), [(0, "0 m"), (999.4, "999 m"), (1000, "1.0 km"), (1234567, "1,234.6 km")]
)
def test_distances_in_words(metres: float, words: str) -> None:
    assert distance_in_words(metres) == words


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 min"), (59, "1 min"), (3600, "1 h 00 min"), (7540, "2 h 06 min")]
)
def test_durations_in_words(seconds: float, words: str) -> None:
    assert duration_in_words(seconds) == words
