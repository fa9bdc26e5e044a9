"""The few files of a made-up repository: a README, one source, and tracks of walks in a folder."""

import math
import struct
from collections.abc import Iterable
from datetime import UTC, datetime

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
        return _fit_file() if self._is_binary(number) else _gpx_file(self._day(number), number)

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


def _fit_file() -> bytes:
    """A header without records: enough to be a FIT file, and to be binary. https://developer.garmin.com/fit/"""
    return struct.pack("<BBHI4sHH", 14, 0x20, 2150, 0, b".FIT", 0, 0)
