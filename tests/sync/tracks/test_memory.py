"""A member with many tracks needs no more memory than one with few: nothing keeps points but the file."""

import tempfile
import tracemalloc
from datetime import timedelta

from sync.tracks.feature import Origin, encode_track
from sync.tracks.geojson_file import Header, Line, Written, write_year
from sync.tracks.reading import read_tracks
from sync.tracks.zones import Zone, cut_track
from tests.sync.tracks.samples import START, geojson, ride

MEGABYTE = 1024 * 1024
POINTS = 2_000
ZONE = Zone(8.0, 47.0, 500.0, bytes(16))


def collect(count: int) -> tuple[Written, float]:
    """Read, cut, encode and publish so many tracks; return what was written and the peak in megabytes."""
    with tempfile.TemporaryFile() as sample:
        sample.write(geojson(ride(POINTS, START + timedelta(hours=1))))
        tracemalloc.start()
        with tempfile.TemporaryFile() as spool, tempfile.TemporaryFile() as out:
            lines = []
            for number in range(count):
                [track] = read_tracks("a.geojson", sample).tracks
                cut = cut_track(track, [ZONE])
                assert cut is not None
                line = encode_track(cut, Origin("o/r", f"{number}.geojson", f"{number:040x}"), "geojson")
                place = spool.tell()
                spool.write(line)

                def load(place: int = place, size: int = len(line)) -> bytes:
                    spool.seek(place)
                    return spool.read(size)

                lines.append(Line.of(line, load))
                del track, cut, line
            written = write_year(out, Header(2026, 1), [], lines)
        peak = tracemalloc.get_traced_memory()[1] / MEGABYTE
        tracemalloc.stop()
    return written, peak


def test_memory_does_not_grow_with_the_number_of_tracks() -> None:
    few, peak_of_few = collect(2)
    many, peak_of_many = collect(10)
    assert many.new == 10
    assert many.size > 4 * few.size
    assert peak_of_many < 1.2 * peak_of_few + 1
    assert peak_of_many < 30
