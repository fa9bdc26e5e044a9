"""What pages show of a tracks file without fetching it: facts and drawings of its tracks, kept encrypted.

A drawing is a shape without a place on earth, and curves over distance; it is made of what zones left.
"""

import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from accounts.encryption import decrypt, encrypt
from sync.models import TrackSheet, YearFile
from sync.tracks.geojson_file import Key
from sync.tracks.svg import draw_shape, elevation_profile, speed_profile
from sync.tracks.types import Track

FACTS = (
    "week",
    "started_at",
    "ended_at",
    "distance_m",
    "duration_s",
    "moving_s",
    "ascent_m",
    "kind",
    "sport",
    "name",
    "device",
    "points",
    "repository",
    "path",
    "blob_oid",
    "track",
    "replaces",
    "source_format",
)


@dataclass(frozen=True, slots=True)
class SheetTrack:
    """One track: its facts as in the file, the data of its shape, and its profiles where it has them."""

    facts: dict[str, Any]
    shape: dict[str, Any]
    elevation: dict[str, Any] | None
    speed: dict[str, Any] | None

    @property
    def key(self) -> Key:
        return self.facts["blob_oid"], self.facts["track"]


def draw(track: Track) -> bytes:
    elevation, speed = elevation_profile(track), speed_profile(track)
    drawing = {
        "shape": asdict(draw_shape(track)),
        "elevation": asdict(elevation) if elevation else None,
        "speed": asdict(speed) if speed else None,
    }
    return json.dumps(drawing, separators=(",", ":")).encode()


def pack(tracks: Iterable[Mapping[str, Any]], drawings: Mapping[Key, bytes]) -> bytes:
    """`tracks` are facts in the order of the file; each has its drawing."""
    packer = zlib.compressobj(level=6)
    pieces = []
    for facts in tracks:
        told = json.dumps({name: facts[name] for name in FACTS}, ensure_ascii=False, separators=(",", ":"))
        drawing = drawings[facts["blob_oid"], facts["track"]]
        pieces.append(packer.compress(told.encode() + b"\n" + drawing + b"\n"))
    return b"".join([*pieces, packer.flush()])


def unpack(content: bytes) -> Iterator[tuple[dict[str, Any], bytes]]:
    """Facts, and the drawing still encoded."""
    lines = zlib.decompress(content).split(b"\n")
    for told, drawing in zip(lines[::2], lines[1::2], strict=False):
        yield json.loads(told), drawing


# --- In the database --------------------------------------------------------------------------------


def load(year_file: YearFile) -> list[SheetTrack]:
    """The tracks of the current file, in its order."""
    return [SheetTrack(facts, **json.loads(drawing)) for facts, drawing in _content(year_file)]


def drawings(year_file: YearFile) -> dict[Key, bytes]:
    """By track, still encoded."""
    return {(facts["blob_oid"], facts["track"]): drawing for facts, drawing in _content(year_file)}


def _content(year_file: YearFile) -> Iterator[tuple[dict[str, Any], bytes]]:
    sheet = TrackSheet.objects.filter(year_file=year_file).first()
    if sheet is None or sheet.encrypted_content is None:
        return iter(())
    return unpack(decrypt(sheet.encrypted_content, TrackSheet.place(year_file.pk)))


def keep_pending(year_file: YearFile, content: bytes) -> None:
    """The sheet of a file that is about to be uploaded."""
    pending = encrypt(content, TrackSheet.place(year_file.pk))
    TrackSheet.objects.update_or_create(year_file=year_file, defaults={"encrypted_pending": pending})


def confirm(year_file: YearFile) -> None:
    """The file is confirmed: its sheet is the one to show. In the transaction that confirms the file."""
    sheet = TrackSheet.objects.filter(year_file=year_file).first()
    if sheet is not None and sheet.encrypted_pending is not None:
        sheet.encrypted_content, sheet.encrypted_pending = sheet.encrypted_pending, None
        sheet.save()


def forget(year_file: YearFile) -> None:
    TrackSheet.objects.filter(year_file=year_file).delete()
