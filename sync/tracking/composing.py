"""The next state of one tracks file: what it held, what is staged, and the zones of this moment."""

import hashlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from sync.models import StagedBatch, TrackBlob, YearFile
from sync.tracking import sheets, staging
from sync.tracking.staging import Batch, DrawnTrack
from sync.tracking.zones import Zones
from sync.tracks.errors import BrokenTracksFile
from sync.tracks.feature import decode_track, encode_track, split_line
from sync.tracks.geojson_file import (
    FOOTER,
    Header,
    Key,
    Line,
    Place,
    Written,
    iter_lines,
    read_header,
    write_year,
)
from sync.tracks.zones import Zone, cut_track


@dataclass(slots=True)
class Composed:
    """`is_changed` tells whether the bytes differ from the one source there was."""

    written: Written
    is_changed: bool
    is_empty: bool


class Sieve:
    """Takes a tracks file as it is downloaded, and lets through to `out` only what the zones leave.

    A file written with other zones holds points that must not touch a disk any more. Lines that lose no point
    pass as they are.
    """

    def __init__(self, out: BinaryIO, zones: Sequence[Zone]) -> None:
        self.is_changed = False
        self.drawings: dict[Key, bytes] = {}
        # Contents that lost points, or all of them.
        self.cut: set[str] = set()
        self._out = out
        self._zones = zones
        self._rest = bytearray()
        self._digest = hashlib.md5(usedforsecurity=False)
        self._is_header = True
        self._lines = 0

    @property
    def md5(self) -> str:
        """Of what came in, not of what was let through."""
        return self._digest.hexdigest()

    def write(self, data: bytes, /) -> int:
        self._digest.update(data)
        self._rest += data
        while (end := self._rest.find(b"\n")) >= 0:
            line = bytes(self._rest[:end])
            del self._rest[: end + 1]
            self._take(line)
        return len(data)

    def _take(self, line: bytes) -> None:
        if self._is_header:
            self._out.write(line + b"\n")
            self._is_header = False
        elif line == FOOTER.strip(b"\n"):
            self._out.write(FOOTER)
        elif line:
            self._pass_on(line.removesuffix(b","))

    def _pass_on(self, line: bytes) -> None:
        left = recut(line, self._zones)
        if left is None or left.line is not line:
            self.is_changed = True
            self.cut.add(split_line(line)[0]["blob_oid"])
        if left is None:
            return
        if left.drawing:
            facts, _ = split_line(left.line)
            self.drawings[facts["blob_oid"], facts["track"]] = left.drawing
        self._out.write((b",\n" if self._lines else b"") + left.line)
        self._lines += 1


def recut(line: bytes, zones: Sequence[Zone]) -> DrawnTrack | None:
    """What the zones leave of a track that was written before; the same line where it loses nothing.

    Only a track that changed is drawn again. None when nothing is left.
    """
    track, origin = decode_track(line)
    left = cut_track(track, zones)
    if left is None:
        return None
    if len(left) == len(track) and len(left.segments) == len(track.segments):
        return DrawnTrack(b"", line)
    source_format = split_line(line)[0]["source_format"]
    return DrawnTrack(sheets.draw(left), encode_track(left, origin, source_format))


@dataclass(slots=True)
class _Staged:
    """The batches of one file in the order they were staged; a later word wins."""

    lines: dict[Key, Line] = field(default_factory=dict)
    drawings: dict[Key, bytes] = field(default_factory=dict)
    dropped: set[str] = field(default_factory=set)
    moved: dict[str, Place] = field(default_factory=dict)

    def drop(self, blob_oid: str) -> None:
        self.dropped.add(blob_oid)
        for key in [key for key in self.lines if key[0] == blob_oid]:
            del self.lines[key]


class _Batches:
    """Batches by number, one in memory at a time: their lines are large."""

    def __init__(self, zones: Zones) -> None:
        self._zones = zones
        self.cut: set[str] = set()
        self._pk = 0
        self._batch = Batch(0)

    def load(self, pk: int) -> Batch:
        if pk != self._pk:
            batch = staging.unpack(StagedBatch.objects.get(pk=pk).content)
            self._pk, self._batch = pk, self._cut(batch)
        return self._batch

    def _cut(self, batch: Batch) -> Batch:
        """With the zones of this moment, where the tracks were cut with others."""
        if batch.zones == self._zones.version or not batch.tracks:
            return batch
        places = self._zones.places
        tracks = []
        for track in batch.tracks:
            left = recut(track.line, places)
            if left is None or left.line is not track.line:
                self.cut.add(split_line(track.line)[0]["blob_oid"])
            if left is not None:
                tracks.append(DrawnTrack(left.drawing or track.drawing, left.line))
        return Batch(batch.zones, batch.dropped, batch.moved, tracks)

    def reader(self, pk: int, index: int) -> Callable[[], bytes]:
        return lambda: self.load(pk).tracks[index].line


def _gather(pks: Iterable[int], batches: _Batches) -> _Staged:
    staged = _Staged()
    for pk in sorted(pks):
        batch = batches.load(pk)
        for blob_oid in batch.dropped:
            staged.drop(blob_oid)
        staged.moved |= {oid: Place(*place) for oid, place in batch.moved.items()}
        for index, track in enumerate(batch.tracks):
            line = Line.of(track.line, batches.reader(pk, index))
            staged.lines[line.key] = line
            staged.drawings[line.key] = track.drawing
    return staged


def compose(
    year_file: YearFile,
    pks: Iterable[int],
    zones: Zones,
    sources: Sequence[BinaryIO],
    sieves: Sequence[Sieve],
    out: BinaryIO,
) -> Composed:
    """Write the file to `out` and keep its sheet as pending. `pks` are the staged batches to take in."""
    batches = _Batches(zones)
    staged = _gather(pks, batches)
    header = Header(year_file.year, year_file.subscription.github_id)
    written = write_year(
        out, header, sources, staged.lines.values(), dropped=staged.dropped, moved=staged.moved
    )
    drawings = sheets.drawings(year_file)
    cut = set(batches.cut)
    for sieve in sieves:
        drawings |= sieve.drawings
        cut |= sieve.cut
    # Without the zone they have more to give.
    TrackBlob.objects.filter(subscription=year_file.subscription, oid__in=cut).update(is_cut=True)
    drawings |= staged.drawings
    sheet = sheets.pack(written.tracks, _complete(written, drawings, out))
    sheets.keep_pending(year_file, sheet)
    is_changed = written.is_changed or any(sieve.is_changed for sieve in sieves)
    return Composed(written, is_changed, is_empty=not written.tracks)


@dataclass(frozen=True, slots=True)
class Held:
    """What a tracks file holds: its ledger, and its sheet, packed."""

    weeks: dict[str, dict[str, Any]]
    sheet: bytes


def read(year_file: YearFile, stream: BinaryIO) -> Held:
    """Of a whole file, found on Open Humans. Raise `BrokenTracksFile` where it is not one of this year."""
    header = Header(year_file.year, year_file.subscription.github_id)
    with tempfile.TemporaryFile() as out:
        written = write_year(out, header, [stream])
        stream.seek(0)
        if read_header(stream) != header:
            raise BrokenTracksFile("The file is of another year or account.")
        sheet = sheets.pack(written.tracks, _complete(written, {}, out))
    return Held(ledger_of(written), sheet)


def _complete(written: Written, drawings: dict[Key, bytes], out: BinaryIO) -> dict[Key, bytes]:
    """Tracks whose drawing is not known, of a file found on Open Humans, are drawn from their line."""
    missing = {_key(facts) for facts in written.tracks} - set(drawings)
    if not missing:
        return drawings
    out.seek(0)
    out.readline()
    for _, line in iter_lines(out):
        facts, _ = split_line(line)
        if _key(facts) in missing:
            drawings[_key(facts)] = sheets.draw(decode_track(line)[0])
    return drawings


def _key(facts: dict[str, Any]) -> Key:
    return facts["blob_oid"], facts["track"]


def ledger_of(written: Written) -> dict[str, dict[str, Any]]:
    """By week: how many tracks, metres and seconds. Without a state: only records have one."""
    return {
        week: {"counts": {"tracks": told["tracks"]}, **{k: v for k, v in told.items() if k != "tracks"}}
        for week, told in written.weeks.items()
    }


def md5_of(stream: BinaryIO) -> tuple[int, str]:
    """Size and hex MD5 of a stream that may be larger than memory."""
    digest, size = hashlib.md5(usedforsecurity=False), 0
    stream.seek(0)
    for piece in _pieces(stream):
        digest.update(piece)
        size += len(piece)
    return size, digest.hexdigest()


def _pieces(stream: BinaryIO) -> Iterator[bytes]:
    return iter(lambda: stream.read(1024 * 1024), b"")
