"""What is staged of one year, by week, in a file beside the process: one week of it is in memory at a time.

A first backfill stages years of tens of thousands of records before the first of them may be published. As
objects of Python they take several times the room of their JSON.
"""

from collections.abc import Container, Iterator, Mapping
from typing import BinaryIO

from sync import archive
from sync.records import Entry


class Spool(Mapping[str, list[Entry]]):
    """`{week: its entries, in the order they were added}`. `stream` is an empty file, for this alone."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._end = 0
        # Week -> where its lines begin, and how long they are.
        self._places: dict[str, list[tuple[int, int]]] = {}

    def add(self, packed: bytes, weeks: Container[str]) -> None:
        """The entries of `archive.pack` that fall in these weeks."""
        self._stream.seek(self._end)
        for line in archive.packed_lines(packed):
            week = archive.week_of_line(line)
            if week in weeks:
                self._stream.write(line)
                self._places.setdefault(week, []).append((self._end, len(line)))
                self._end += len(line)

    def __getitem__(self, week: str) -> list[Entry]:
        return [self._read(*place) for place in self._places[week]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)

    def _read(self, begin: int, length: int) -> Entry:
        self._stream.seek(begin)
        return archive.unpack_line(self._stream.read(length))
