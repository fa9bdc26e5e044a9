from typing import Any

import pytest

from sync.tracks.finder import Candidate, find_candidates, is_unlikely


def entry(path: str, sha: str = "a" * 40, **other: Any) -> dict[str, Any]:
    return {"path": path, "type": "blob", "mode": "100644", "sha": sha, "size": 10, **other}


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
