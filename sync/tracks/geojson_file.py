"""Tracks files: `github-tracks-2026.geojson`, a GeoJSON FeatureCollection with one track a line. Pure.

    {"type": "FeatureCollection", "format": "github-tracks/1", "year": 2026, "github_id": 1, "features": [
    {"type": "Feature", ...},
    {"type": "Feature", ...}
    ]}

Lines stand in the order of week, start, key. A track's key is the content of its file and its number in it,
so a moved file is the same track. Files are merged by facts: the points of lines that stay are never decoded.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from sync.tracks.errors import BrokenTracksFile, UnreadableTracksFile
from sync.tracks.feature import Facts, head_of, split_line
from sync.weeks import Week

FORMAT = "github-tracks/1"
FOOTER = b"\n]}\n"
Key = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Header:
    year: int
    github_id: int


@dataclass(frozen=True, slots=True)
class Place:
    """Where a file lies now."""

    repository: str
    path: str


@dataclass(frozen=True, slots=True)
class Line:
    """A track that could be written: its facts now, its bytes when they are needed."""

    facts: Facts
    digest: bytes
    read: Callable[[], bytes]

    @classmethod
    def of(cls, line: bytes, read: Callable[[], bytes] | None = None) -> "Line":
        """Of an encoded track. With `read`, the bytes are let go and asked for again."""
        return cls(split_line(line)[0], _digest(line), read or (lambda: line))

    @property
    def key(self) -> Key:
        return self.facts["blob_oid"], self.facts["track"]

    @property
    def order(self) -> tuple[str, str, Key]:
        return self.facts["week"], self.facts["started_at"] or "", self.key


@dataclass(slots=True)
class Written:
    """What `write_year` wrote: size in bytes, hex MD5, the facts of each track in order, and for each week
    how many tracks it has, their distance and their time.

    `is_changed` tells whether the bytes differ from the one source there was.
    """

    size: int = 0
    md5: str = ""
    is_changed: bool = False
    new: int = 0
    changed: int = 0
    removed: int = 0
    tracks: list[Facts] = field(default_factory=list)
    weeks: dict[str, dict[str, Any]] = field(default_factory=dict)


def header_line(header: Header) -> bytes:
    facts = {
        "type": "FeatureCollection",
        "format": FORMAT,
        "year": header.year,
        "github_id": header.github_id,
    }
    return json.dumps(facts)[:-1].encode() + b', "features": [\n'


def read_header(stream: BinaryIO) -> Header:
    """Raise `UnreadableTracksFile` unless the stream begins like a tracks file of ours."""
    line = stream.readline()
    try:
        facts = json.loads(line.rstrip() + b"]}")
        if facts["format"] != FORMAT:
            raise BrokenTracksFile(f"The file has the format {facts['format']!r}, not {FORMAT!r}.")
        return Header(int(facts["year"]), int(facts["github_id"]))
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableTracksFile("The file does not begin like a tracks file.") from error


def iter_lines(stream: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """After the header: where each track's line begins, and the line without its end."""
    position = stream.tell()
    for line in iter(stream.readline, b""):
        text = line.rstrip(b"\n")
        if text == b"]}":
            return
        if text:
            yield position, text.removesuffix(b",")
        position += len(line)
    raise UnreadableTracksFile("The file ends before its last line.")


def write_year(
    out: BinaryIO,
    header: Header,
    sources: Sequence[BinaryIO],
    staged: Iterable[Line] = (),
    *,
    dropped: Collection[str] = (),
    moved: Mapping[str, Place] | None = None,
) -> Written:
    """Write the union of `sources` (whole, seekable files, oldest first) and `staged` tracks to `out`.

    A file that is staged stands for all tracks that sources hold of the same content, and of the content that
    it `replaces`. `dropped` names further blobs whose tracks go: hidden in a zone, or moved to another year.
    `moved` tells by blob where a file lies now. Raise `BrokenTracksFile` for a source that is no tracks file,
    and for a track that does not lie in the year.
    """
    held, is_same_header = _held(sources, header)
    new = {line.key: line for line in staged}
    gone = {blob for line in new.values() for blob in (line.facts["blob_oid"], line.facts["replaces"])}
    gone.update(dropped)
    kept = {key: _relocated(line, moved or {}) for key, line in held.items() if key[0] not in gone}
    written = _write(out, header, sorted([*kept.values(), *new.values()], key=lambda line: line.order))
    changed = {
        key for key, line in {**kept, **new}.items() if key in held and held[key].digest != line.digest
    }
    written.changed = len(changed)
    written.new = len(new.keys() - held.keys())
    written.removed = len(held.keys() - kept.keys() - new.keys())
    written.is_changed = (
        len(sources) != 1 or not is_same_header or bool(changed or written.new or written.removed)
    )
    return written


def _held(sources: Sequence[BinaryIO], header: Header) -> tuple[dict[Key, Line], bool]:
    """The newest line of each track, and whether every source has this header."""
    held: dict[Key, Line] = {}
    is_same_header = True
    for source in sources:
        source.seek(0)
        is_same_header &= read_header(source) == header
        for position, text in iter_lines(source):
            line = Line.of(text, _reader(source, position, len(text)))
            held[line.key] = line
    return held, is_same_header


def _reader(source: BinaryIO, position: int, size: int) -> Callable[[], bytes]:
    def read() -> bytes:
        source.seek(position)
        return source.read(size)

    return read


def _relocated(line: Line, moved: Mapping[str, Place]) -> Line:
    place = moved.get(line.facts["blob_oid"])
    if place is None:
        return line
    facts = {**line.facts, "repository": place.repository, "path": place.path}
    if facts == line.facts:
        return line

    def read() -> bytes:
        return head_of(facts) + split_line(line.read())[1]

    return Line(facts, _digest(head_of(facts)), read)


def _write(out: BinaryIO, header: Header, lines: Iterable[Line]) -> Written:
    written, digest = Written(), hashlib.md5(usedforsecurity=False)

    def put(data: bytes) -> None:
        out.write(data)
        digest.update(data)
        written.size += len(data)

    put(header_line(header))
    for position, line in enumerate(lines):
        if Week.parse(line.facts["week"]).year != header.year:
            raise BrokenTracksFile(f"A track does not lie in {header.year}.")
        put((b",\n" if position else b"") + line.read())
        written.tracks.append(line.facts)
        _count(written.weeks.setdefault(line.facts["week"], {}), line.facts)
    put(FOOTER)
    written.md5 = digest.hexdigest()
    return written


def _count(week: dict[str, Any], facts: Facts) -> None:
    """Routes were planned, not done: they have no part in distance and time."""
    is_done = facts["kind"] == "track"
    week["tracks"] = week.get("tracks", 0) + 1
    week["distance_m"] = round(week.get("distance_m", 0) + is_done * facts["distance_m"], 1)
    week["duration_s"] = round(week.get("duration_s", 0) + is_done * (facts["duration_s"] or 0), 3)


def _digest(line: bytes) -> bytes:
    return hashlib.sha256(line).digest()
