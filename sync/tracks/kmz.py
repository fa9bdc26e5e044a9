"""KMZ: KML in a zip archive. Nothing is ever unpacked to disk; names inside the archive lead nowhere."""

import struct
import zipfile
import zlib
from pathlib import PurePosixPath
from typing import BinaryIO

from sync.tracks.collecting import Collector
from sync.tracks.content import CappedStream
from sync.tracks.errors import NotReadable
from sync.tracks.kml import read_kml

MAX_DOCUMENTS = 50
MAX_ENTRIES = 10_000
# PKWARE APPNOTE 4.3.16: the record at the archive's end, and a comment of at most 65,535 bytes after it.
_END = struct.Struct("<4s4H2LH")
_END_MAGIC = b"PK\x05\x06"
# 4.3.15: before that record, where the numbers in it are too small for the archive.
_LOCATOR_MAGIC, _LOCATOR_BYTES = b"PK\x06\x07", 20
_ARCHIVES = (".kmz", ".zip", ".gz", ".7z", ".rar", ".tar", ".tgz", ".bz2", ".xz")
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_kmz(stream: BinaryIO, collector: Collector) -> None:
    """Read every KML document of the archive; together they may not be larger than one file."""
    _check_directory(stream)
    try:
        with zipfile.ZipFile(stream) as archive:
            left = collector.limits.content_bytes
            for entry in _documents(archive):
                with archive.open(entry) as document:
                    content = CappedStream(document, left)  # type: ignore[arg-type]
                    read_kml(content, collector)
                    left = content.left
    except (zipfile.BadZipFile, EOFError, zlib.error, ValueError, NotImplementedError, struct.error) as error:
        raise NotReadable("It is not a whole zip archive.") from error


def _check_directory(stream: BinaryIO) -> None:
    """The list of entries is read whole when an archive is opened: refuse a huge one before."""
    size = stream.seek(0, 2)
    tail_size = min(size, _LOCATOR_BYTES + _END.size + 0xFFFF)
    stream.seek(size - tail_size)
    tail = stream.read(tail_size)
    start = tail.rfind(_END_MAGIC)
    if start < 0 or start + _END.size > len(tail):
        raise NotReadable("It is not a whole zip archive.")
    if tail[max(0, start - _LOCATOR_BYTES) : start].startswith(_LOCATOR_MAGIC):
        # Its list of entries could be of any length. No track needs more than four gigabytes.
        raise NotReadable("It is an archive of a kind (ZIP64) that is not read.")
    entries, directory_bytes = _END.unpack_from(tail, start)[4:6]
    if entries > MAX_ENTRIES or directory_bytes > MAX_ENTRIES * 200:
        raise NotReadable(f"It is an archive of more than {MAX_ENTRIES:,} files.")
    stream.seek(0)


def _documents(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    entries = [entry for entry in archive.infolist() if not entry.is_dir()]
    documents = [entry for entry in entries if _suffix(entry) == ".kml" and _is_inside(entry)]
    if not documents:
        if any(_suffix(entry) in _ARCHIVES for entry in entries):
            raise NotReadable("It is an archive inside an archive.")
        raise NotReadable("It is an archive without a KML document.")
    if len(documents) > MAX_DOCUMENTS:
        raise NotReadable(f"It is an archive of more than {MAX_DOCUMENTS} KML documents.")
    for entry in documents:
        if entry.flag_bits & 0x1:
            raise NotReadable("It is an archive protected by a password.")
        if entry.compress_type not in _METHODS:
            raise NotReadable("It is compressed by a method that KMZ does not allow.")
    return sorted(documents, key=lambda entry: (entry.filename.lower() != "doc.kml", entry.filename))


def _suffix(entry: zipfile.ZipInfo) -> str:
    return PurePosixPath(entry.filename).suffix.lower()


def _is_inside(entry: zipfile.ZipInfo) -> bool:
    """A name that climbs out of the archive is no document of it."""
    path = PurePosixPath(entry.filename.replace("\\", "/"))
    return not path.is_absolute() and ".." not in path.parts and ":" not in entry.filename
