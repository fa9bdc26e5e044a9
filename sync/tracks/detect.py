"""Which files may hold tracks, by name, and what else their first bytes may turn out to be. Pure."""

from dataclasses import dataclass

from sync.tracks.errors import NotReadable

FORMATS = ("gpx", "tcx", "kml", "kmz", "geojson", "fit")
XML_FORMATS = ("gpx", "tcx", "kml")
# git-lfs docs/spec.md: a pointer file is smaller than 1,024 bytes and begins with this line.
LFS_POINTER = b"version https://git-lfs.github.com/spec/"
LFS_POINTER_BYTES = 1024
PROBE_BYTES = 1024


@dataclass(frozen=True, slots=True)
class Named:
    """What a file's name promises."""

    source_format: str
    is_gzipped: bool


def named_format(path: str) -> Named | None:
    """By the ending, in any case; None where it promises no tracks."""
    name = path.rpartition("/")[2].lower()
    is_gzipped = name.endswith(".gz")
    stem, _, ending = name.removesuffix(".gz").rpartition(".")
    return Named(ending, is_gzipped) if stem and ending in FORMATS else None


def check_stored(beginning: bytes, size: int) -> None:
    """Raise `NotReadable` for what is known not to be the file itself, as it lies in the repository."""
    if not size:
        raise NotReadable("It is empty.")
    if size < LFS_POINTER_BYTES and beginning.startswith(LFS_POINTER):
        raise NotReadable("Its content is kept in Git LFS, and the repository holds only a pointer to it.")


def check_beginning(source_format: str, beginning: bytes) -> None:
    """Raise `NotReadable` when the unpacked content is plainly something else than its name says."""
    text = beginning.lstrip(b"\xef\xbb\xbf\xff\xfe\x00 \t\r\n")
    if not text:
        raise NotReadable("It is empty.")
    if beginning.startswith((b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf")):
        raise NotReadable("It is an archive inside an archive, or named as what it is not.")
    if source_format != "kmz" and beginning.startswith(b"PK\x03\x04"):
        raise NotReadable("It is a zip archive, not what its name says.")
    if _is_html(text):
        raise NotReadable("It is a web page (HTML), not what its name says.")
    if source_format in XML_FORMATS and text[:1] in (b"{", b"["):
        raise NotReadable("It is JSON, not what its name says.")
    if source_format == "geojson" and text[:1] == b"<":
        raise NotReadable("It is XML, not what its name says.")


def _is_html(text: bytes) -> bool:
    lowered = text[:PROBE_BYTES].replace(b"\x00", b"").lower()
    if lowered.startswith(b"<?xml"):
        lowered = lowered.partition(b"?>")[2].lstrip()
    return lowered.startswith((b"<!doctype html", b"<html", b"<head", b"<body"))
