"""The few files of a made-up repository: a README, one source, and tracks of walks in a folder."""

import hashlib
import math
import struct
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cached_property

from sandbox.github.languages import language_of

_README, _SOURCE, _FIRST_TRACK = 0, 1, 2
_POINTS = 12
_DAY = 86_400


class Files:
    """`tracks` of them, each of another day since `first_seconds`; the last `binary` ones are FIT files."""

    def __init__(self, source: str, *, tracks: int = 0, binary: int = 0, first_seconds: int = 0) -> None:
        self.source = source
        self._tracks = tracks
        self._binary = binary
        self._first_seconds = first_seconds

    @property
    def folder(self) -> str:
        """Empty when there is none."""
        return "tracks" if self._tracks else ""

    def is_source(self, path: str) -> bool:
        return path.strip("/") in {"", self.source}

    def place_of(self, path: str) -> int | None:
        """The number of the file at a path."""
        names = {name: number for number, name, _ in self.at_top()}
        names |= {f"{self.folder}/{name}": number for number, name, _ in self.in_folder()}
        return names.get(path.strip("/"))

    def at_top(self) -> Iterable[tuple[int, str, int]]:
        """Number, name and size."""
        for number, name in ((_README, "README.md"), (_SOURCE, self.source)):
            yield number, name, len(self.content(number))

    def in_folder(self) -> Iterable[tuple[int, str, int]]:
        for number in range(_FIRST_TRACK, _FIRST_TRACK + self._tracks):
            ending = "fit" if self._is_binary(number) else "gpx"
            yield number, f"{self._day(number):%Y-%m-%d}.{ending}", len(self.content(number))

    def content(self, number: int) -> bytes:
        if number == _README:
            return b"# Generated\n\nNothing in here is real.\n"
        if number == _SOURCE:
            return b"pass\n" * 40
        return _fit_file(number) if self._is_binary(number) else _gpx_file(self._day(number), number)

    def oid(self, number: int) -> str:
        """The address of its content, as git works it out."""
        return self._oids[number]

    def number_of(self, oid: str) -> int | None:
        """Of the file with this content."""
        return self._numbers.get(oid)

    @cached_property
    def _oids(self) -> list[str]:
        contents = map(self.content, range(_FIRST_TRACK + self._tracks))
        return [hashlib.sha1(b"blob %d\0%s" % (len(each), each)).hexdigest() for each in contents]

    @cached_property
    def _numbers(self) -> dict[str, int]:
        return {oid: number for number, oid in enumerate(self._oids)}

    def languages(self, commits: int) -> dict[str, int]:
        name = language_of(self.source)
        return {name: 40 * commits} if name and commits else {}

    def _is_binary(self, number: int) -> bool:
        return number >= _FIRST_TRACK + self._tracks - self._binary

    def _day(self, number: int) -> datetime:
        return datetime.fromtimestamp(self._first_seconds + (number - _FIRST_TRACK) * _DAY, UTC)


def _gpx_file(start: datetime, number: int) -> bytes:
    """A circle around a point that depends on the number."""
    points = "".join(
        f'<trkpt lat="{46 + number % 7 + math.sin(step) / 100:.6f}" lon="{7 + math.cos(step) / 100:.6f}">'
        f"<ele>{400 + step}</ele><time>{start:%Y-%m-%dT%H}:{step:02}:00Z</time></trkpt>"
        for step in range(_POINTS)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<gpx version="1.1" creator="stand-in" xmlns="http://www.topografix.com/GPX/1/1">'
        f"<trk><trkseg>{points}</trkseg></trk></gpx>\n"
    ).encode()


def _fit_file(number: int) -> bytes:
    """One message, the serial number of the device: each such file is another, and none has a place in it.

    https://developer.garmin.com/fit/protocol/
    """
    definition = struct.pack("<BBBHBBBB", 0x40, 0, 0, 0, 1, 3, 4, 0x8C)
    message = definition + struct.pack("<BI", 0, number)
    head = struct.pack("<BBHI4s", 14, 0x20, 2150, len(message), b".FIT")
    content = head + struct.pack("<H", _checksum(head)) + message
    return content + struct.pack("<H", _checksum(content))


def _checksum(content: bytes) -> int:
    """CRC-16/ARC."""
    checksum = 0
    for byte in content:
        checksum ^= byte
        for _ in range(8):
            checksum = checksum >> 1 ^ (0xA001 if checksum & 1 else 0)
    return checksum
