"""What waits for its tracks file: tracks with their drawings, and what is to leave the file or move in it.

A batch is lines, compressed: the first says what it is, then each track has two, its drawing and its Feature.

    {"zones": 3, "dropped": ["<blob oid>", ...], "moved": {"<blob oid>": ["owner/name", "path"]}}

`zones` is the state of the member's privacy zones that the tracks were cut with.
"""

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from sync.models import RepositoryState, StagedBatch, Subscription, TrackBlob, TrackPlace, YearFile
from sync.records import clean_text


@dataclass(frozen=True, slots=True)
class DrawnTrack:
    """One track's line of the file, and its drawing (see sheets.py), both encoded."""

    drawing: bytes
    line: bytes


@dataclass(frozen=True, slots=True)
class Batch:
    zones: int
    dropped: list[str] = field(default_factory=list)
    moved: dict[str, list[str]] = field(default_factory=dict)
    tracks: list[DrawnTrack] = field(default_factory=list)


def kind_of(repository: RepositoryState) -> str:
    kinds = YearFile.Kind
    return kinds.TRACKS if repository.visibility == "public" else kinds.PRIVATE_TRACKS


def pack(
    zones: int,
    tracks: Iterable[DrawnTrack] = (),
    dropped: Iterable[str] = (),
    moved: dict[str, list[str]] | None = None,
) -> bytes:
    head = {"zones": zones, "dropped": sorted(dropped), "moved": moved or {}}
    packer = zlib.compressobj(level=6)
    pieces = [packer.compress(json.dumps(head).encode())]
    for track in tracks:
        pieces += [packer.compress(b"\n"), packer.compress(track.drawing)]
        pieces += [packer.compress(b"\n"), packer.compress(track.line)]
    return b"".join([*pieces, packer.flush()])


def unpack(content: bytes) -> Batch:
    head, *lines = zlib.decompress(content).split(b"\n")
    facts: dict[str, Any] = json.loads(head)
    pairs = zip(lines[::2], lines[1::2], strict=True)
    return Batch(facts["zones"], facts["dropped"], facts["moved"], [DrawnTrack(*pair) for pair in pairs])


def stage(subscription: Subscription, kind: str, year: int, weeks: Iterable[str], content: bytes) -> None:
    StagedBatch.objects.stage(subscription, kind, year, weeks, content)


def stage_move(blob: TrackBlob, place: TrackPlace) -> None:
    moved = {blob.oid: [clean_text(place.repository.name), place.path]}
    for year in blob.years:
        stage(blob.subscription, blob.kind, year, (), pack(0, moved=moved))


def stage_drop(blob: TrackBlob) -> None:
    """The tracks of this content leave the files that hold them."""
    for year in blob.years:
        stage(blob.subscription, blob.kind, year, (), pack(0, dropped=[blob.oid]))
