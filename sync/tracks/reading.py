"""One file from a repository -> its tracks. Pure: bytes in, tracks or a reason out."""

import io
from collections.abc import Callable, Mapping
from typing import BinaryIO

from sync.tracks import detect
from sync.tracks.collecting import Collector
from sync.tracks.content import CappedStream, PrefixedStream, unpacked
from sync.tracks.errors import NotReadable
from sync.tracks.fit import read_fit
from sync.tracks.geojson import read_geojson
from sync.tracks.gpx import read_gpx
from sync.tracks.kml import read_kml
from sync.tracks.kmz import read_kmz
from sync.tracks.tcx import read_tcx
from sync.tracks.types import Limits, Reading
from sync.tracks.xml_stream import Readable

READERS: Mapping[str, Callable[[Readable, Collector], None]] = {
    "gpx": read_gpx,
    "tcx": read_tcx,
    "kml": read_kml,
    "geojson": read_geojson,
    "fit": read_fit,
}
COPY_BYTES = 256 * 1024


def read_tracks(path: str, stream: BinaryIO, limits: Limits | None = None) -> Reading:
    """Read the tracks of the file that lies at `path`; only its name counts. `stream` must be seekable.

    Raise `NotReadable` with a reason for the member for anything that gives no track. Time and memory are
    bounded by `limits`, whatever the content.
    """
    limits = limits or Limits()
    named = detect.named_format(path)
    if named is None:
        raise NotReadable("Its name does not end like that of a track file.")
    size = stream.seek(0, 2)
    stream.seek(0)
    detect.check_stored(stream.read(detect.PROBE_BYTES), size)
    if size > limits.packed_bytes:
        raise NotReadable(f"It is larger than {limits.packed_bytes / 1024 / 1024:,.0f} MB.")
    stream.seek(0)
    content = unpacked(stream, is_gzipped=named.is_gzipped, limit=limits.content_bytes)
    beginning, whole = content.peek(detect.PROBE_BYTES)
    detect.check_beginning(named.source_format, beginning)
    collector = Collector(limits)
    if named.source_format == "kmz":
        _read_archive(stream, whole, collector, is_gzipped=named.is_gzipped)
    else:
        READERS[named.source_format](whole, collector)
    return Reading(named.source_format, collector.finish(), collector.skipped)


def _read_archive(
    stream: BinaryIO, whole: PrefixedStream | CappedStream, collector: Collector, *, is_gzipped: bool
) -> None:
    """A zip archive is read from its end, so one that is gzipped as well is unpacked first, to memory."""
    if not is_gzipped:
        read_kmz(stream, collector)
        return
    plain = io.BytesIO()
    while piece := whole.read(COPY_BYTES):
        plain.write(piece)
    read_kmz(plain, collector)
