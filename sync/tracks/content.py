"""The bytes of one file, unpacked as they are read and never more of them than allowed."""

import gzip
import zipfile
import zlib
from typing import BinaryIO

from sync.tracks.errors import NotReadable

GZIP_MAGIC = b"\x1f\x8b"
ZIP_MAGIC = b"PK\x03\x04"


class CappedStream:
    """Reads at most `limit` bytes of a stream in all; the first byte beyond raises `NotReadable`."""

    def __init__(self, stream: BinaryIO, limit: int) -> None:
        self._stream = stream
        self._limit = limit
        self.left = limit

    def read(self, size: int = -1, /) -> bytes:
        wanted = self.left + 1 if size < 0 else min(size, self.left + 1)
        try:
            content = self._stream.read(wanted)
        except (gzip.BadGzipFile, zipfile.BadZipFile, EOFError, zlib.error) as error:
            raise NotReadable("Its compression is damaged, or it ends too early.") from error
        self.left -= len(content)
        if self.left < 0:
            raise NotReadable(f"It is larger than {self._limit / 1024 / 1024:,.0f} MB.")
        return content

    def peek(self, size: int) -> "tuple[bytes, PrefixedStream]":
        """The first bytes, and a stream that begins with them again."""
        prefix = b""
        while len(prefix) < size and (piece := self.read(size - len(prefix))):
            prefix += piece
        return prefix, PrefixedStream(prefix, self)


class PrefixedStream:
    def __init__(self, prefix: bytes, rest: CappedStream) -> None:
        self._prefix = prefix
        self._rest = rest

    def read(self, size: int = -1, /) -> bytes:
        if self._prefix:
            piece, self._prefix = (
                (self._prefix, b"") if size < 0 else (self._prefix[:size], self._prefix[size:])
            )
            return piece
        return self._rest.read(size)


def unpacked(stream: BinaryIO, *, is_gzipped: bool, limit: int) -> CappedStream:
    source: BinaryIO = gzip.GzipFile(fileobj=stream, mode="rb") if is_gzipped else stream  # type: ignore[assignment]
    return CappedStream(source, limit)
