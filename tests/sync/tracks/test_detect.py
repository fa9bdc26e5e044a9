import pytest

from sync.tracks.detect import Named, named_format


@pytest.mark.parametrize(
    ("path", "named"),
    [
        ("a.gpx", Named("gpx", is_gzipped=False)),
        ("deep/in/Folder/RIDE.FIT", Named("fit", is_gzipped=False)),
        ("a.tar/b.Tcx.Gz", Named("tcx", is_gzipped=True)),
        ("x.y.kmz", Named("kmz", is_gzipped=False)),
        ("Zürich.geojson.gz", Named("geojson", is_gzipped=True)),
        ("a.kml", Named("kml", is_gzipped=False)),
    ],
)
def test_names_are_known_by_their_ending(path: str, named: Named) -> None:
    assert named_format(path) == named


@pytest.mark.parametrize(
    "path",
    [
        "a.txt",
        "gpx",
        ".gpx",
        ".gpx.gz",
        "a.gpx/readme",
        "a.gpx.zip",
        "a.gz",
        "a.gpx.gz.gz",
        "a.json",
        "outfit",
        "",
    ],
)
def test_other_names_promise_no_tracks(path: str) -> None:
    assert named_format(path) is None
