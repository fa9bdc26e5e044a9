"""What holds for every format: points, times, sensors, caps, and a reason for whatever is no track."""

import math
from collections.abc import Callable

import pytest

from sync.tracks.errors import NotReadable
from sync.tracks.types import Limits
from tests.sync.tracks import samples
from tests.sync.tracks.samples import read, ride

WRITERS: dict[str, Callable[[list[samples.Fix]], bytes]] = {
    "gpx": lambda fixes: samples.gpx([fixes]),
    "tcx": lambda fixes: samples.tcx([fixes]),
    "kml": lambda fixes: samples.kml_timed(fixes),
    "kmz": lambda fixes: samples.zipped(doc__kml=samples.kml_timed(fixes)),
    "geojson": lambda fixes: samples.geojson(fixes),
    "fit": lambda fixes: samples.fit(fixes),
}


@pytest.mark.parametrize("source_format", WRITERS)
def test_points_times_elevation_and_heart_rate_are_read(source_format: str) -> None:
    fixes = ride()
    reading = read(f"rides/a.{source_format}", WRITERS[source_format](fixes))
    assert reading.source_format == source_format
    assert reading.skipped_points == 0
    [track] = reading.tracks
    [segment] = track.segments
    expected = samples.segment_of(fixes)
    assert segment.times == expected.times
    assert segment.heart_rates == expected.heart_rates
    for name in ("longitudes", "latitudes", "elevations"):
        assert segment.series(name) == pytest.approx(expected.series(name), abs=2e-7)
    assert track.started_at == samples.START


@pytest.mark.parametrize("source_format", ["gpx", "tcx", "fit"])
def test_cadence_and_power_are_read(source_format: str) -> None:
    [track] = read(f"a.{source_format}", WRITERS[source_format](ride())).tracks
    assert set(track.segments[0].cadences) == {80.0}
    assert set(track.segments[0].powers) == {200.0}


@pytest.mark.parametrize("source_format", WRITERS)
def test_names_count_in_any_case_and_gzipped(source_format: str) -> None:
    content = WRITERS[source_format](ride())
    plain = read(f"a.{source_format.upper()}", content)
    packed = read(f"A.{source_format}.GZ", samples.gzipped(content))
    assert repr(packed) == repr(plain)  # values that are not known are NaN, which equals nothing


@pytest.mark.parametrize(
    ("source_format", "facts"),
    [
        ("gpx", ("Ride", "cycling", "Edge 1030")),
        ("tcx", (None, "running", "Forerunner 945")),
        ("kml", ("Walk", None, None)),
        ("geojson", ("Hike", "hiking", None)),
        ("fit", (None, "cycling", "garmin edge 1030")),
    ],
)
def test_name_sport_and_device_are_read(source_format: str, facts: tuple[str | None, ...]) -> None:
    [track] = read(f"a.{source_format}", WRITERS[source_format](ride())).tracks
    assert (track.name, track.sport, track.device) == facts


@pytest.mark.parametrize("source_format", WRITERS)
def test_more_points_than_allowed_are_refused(source_format: str) -> None:
    content = WRITERS[source_format](ride(20))
    assert read(f"a.{source_format}", content, Limits(points=20)).tracks
    with pytest.raises(NotReadable, match=r"more (than 19 points|messages than points)"):
        read(f"a.{source_format}", content, Limits(points=19))


@pytest.mark.parametrize("source_format", WRITERS)
def test_more_bytes_than_allowed_are_refused(source_format: str) -> None:
    content = WRITERS[source_format](ride(50))
    with pytest.raises(NotReadable, match="larger than"):
        read(f"a.{source_format}", content, Limits(packed_bytes=len(content) - 1))
    with pytest.raises(NotReadable, match="larger than"):
        read(f"a.{source_format}.gz", samples.gzipped(content), Limits(content_bytes=len(content) - 1))


@pytest.mark.parametrize("source_format", WRITERS)
def test_files_cut_short_are_refused(source_format: str) -> None:
    content = WRITERS[source_format](ride(50))
    for share in (0.3, 0.6, 0.9):
        with pytest.raises(NotReadable):
            read(f"a.{source_format}", content[: int(len(content) * share)])


@pytest.mark.parametrize("source_format", WRITERS)
def test_web_pages_empty_files_and_lfs_pointers_are_named(source_format: str) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n"
    page = b"\n<!DOCTYPE html>\n<html><body>Not found</body></html>"
    path = f"a.{source_format}"
    with pytest.raises(NotReadable, match="Git LFS"):
        read(path, pointer)
    with pytest.raises(NotReadable, match="Git LFS"):
        read(f"{path}.gz", pointer)
    with pytest.raises(NotReadable, match="web page"):
        read(path, page)
    with pytest.raises(NotReadable, match="empty"):
        read(path, b"")
    with pytest.raises(NotReadable, match="empty"):
        read(path, b" \n\x00")


def test_a_name_that_promises_no_track_is_refused() -> None:
    with pytest.raises(NotReadable, match="name"):
        read("notes.txt", samples.gpx([ride()]))


@pytest.mark.parametrize("source_format", ["gpx", "tcx", "fit"])
def test_tracks_without_times_have_no_start(source_format: str) -> None:
    fixes = [samples.Fix(fix.longitude, fix.latitude, heart_rate=1, cadence=1, power=1) for fix in ride()]
    [track] = read(f"a.{source_format}", WRITERS[source_format](fixes)).tracks
    assert track.started_at is None
    assert all(map(math.isnan, track.segments[0].elevations))
