from typing import Any

import pytest

from sync.tracks.finder import Candidate, Folder, compare, find_candidates, group_by_folder, is_unlikely


def entry(path: str, sha: str = "a" * 40, **other: Any) -> dict[str, Any]:
    return {"path": path, "type": "blob", "mode": "100644", "sha": sha, "size": 10, **other}


def candidates(*paths: str) -> list[Candidate]:
    return [Candidate(path, path.rpartition("/")[2]) for path in paths]


def test_only_files_with_the_names_of_tracks_are_candidates() -> None:
    tree = [
        entry("b/ride.GPX", "b" * 40),
        entry("a.fit.gz"),
        entry("README.md"),
        entry("rides.gpx", type="tree", mode="040000"),
        entry("lib.gpx", type="commit", mode="160000"),
        entry("link.gpx", mode="120000"),
    ]
    assert find_candidates(tree) == [
        Candidate("a.fit.gz", "a" * 40, 10),
        Candidate("b/ride.GPX", "b" * 40, 10),
    ]


def test_folders_are_shown_with_the_number_of_different_files() -> None:
    found = [*candidates("rides/1.gpx", "rides/2.gpx", "top.gpx"), Candidate("rides/copy.gpx", "1.gpx")]
    assert group_by_folder("o/r", found, is_fork=False) == [
        Folder("o/r", "", 1, is_ticked=True),
        Folder("o/r", "rides", 2, is_ticked=True),
    ]


def test_forks_and_unlikely_folders_are_not_ticked() -> None:
    found = candidates("rides/1.gpx", "tests/data/2.gpx")
    assert [f.is_ticked for f in group_by_folder("o/r", found, is_fork=False)] == [True, False]
    assert [f.is_ticked for f in group_by_folder("o/r", found, is_fork=True)] == [False, False]


def test_a_folder_of_nothing_but_samples_is_not_ticked() -> None:
    [mixed] = group_by_folder("o/r", candidates("gps/sample.gpx", "gps/2026.gpx"), is_fork=False)
    [only] = group_by_folder("o/r", candidates("gps/sample.gpx"), is_fork=False)
    assert (mixed.is_ticked, only.is_ticked) == (True, False)


@pytest.mark.parametrize(
    "path",
    [
        "test/a.gpx",
        "src/Tests/a.gpx",
        "testdata/a.gpx",
        "gpx-samples/a.gpx",
        "my_examples/a.gpx",
        "GpxParserTests/a.gpx",
        "fixtures/a.gpx",
        "vendor/x/a.gpx",
        "unittests/a.gpx",
    ],
)
def test_paths_of_other_peoples_tracks_are_unlikely(path: str) -> None:
    assert is_unlikely(path)


@pytest.mark.parametrize("path", ["rides/a.gpx", "latest/a.gpx", "contest/a.gpx", "Amstetten/a.gpx", "a.gpx"])
def test_other_paths_are_not(path: str) -> None:
    assert not is_unlikely(path)


def test_a_new_file_is_new_once_however_often_it_lies_there() -> None:
    changes = compare({}, [Candidate("b.gpx", "X"), Candidate("a.gpx", "X")])
    assert changes.new == [Candidate("a.gpx", "X")]


def test_nothing_changed_is_nothing_to_do() -> None:
    changes = compare({"a.gpx": "X"}, [Candidate("a.gpx", "X")])
    assert (changes.new, changes.moved, changes.replaced) == ([], {}, {})


def test_a_moved_file_is_not_new() -> None:
    changes = compare({"a.gpx": "X"}, [Candidate("2026/a.gpx", "X")])
    assert (changes.new, changes.moved, changes.replaced) == ([], {"X": "2026/a.gpx"}, {})


def test_a_copy_leaves_the_file_where_it_was() -> None:
    changes = compare({"b.gpx": "X"}, [Candidate("a.gpx", "X"), Candidate("b.gpx", "X")])
    assert (changes.new, changes.moved) == ([], {})


def test_a_changed_file_replaces_its_older_version() -> None:
    changes = compare({"a.gpx": "X"}, [Candidate("a.gpx", "Y")])
    assert (changes.new, changes.replaced) == ([Candidate("a.gpx", "Y")], {"X": "Y"})


def test_a_file_that_made_room_for_another_is_moved_not_replaced() -> None:
    changes = compare({"a.gpx": "X"}, [Candidate("a.gpx", "Y"), Candidate("old.gpx", "X")])
    assert (changes.moved, changes.replaced) == ({"X": "old.gpx"}, {})


def test_what_is_gone_is_not_forgotten() -> None:
    changes = compare({"a.gpx": "X"}, [])
    assert (changes.new, changes.moved, changes.replaced) == ([], {}, {})


def test_a_hundred_thousand_copies_are_compared_in_a_moment() -> None:
    many = [Candidate(f"{number}.gpx", "X") for number in range(100_000)]
    assert compare({"0.gpx": "X"}, many).new == []
