import io
import struct
import zipfile
from pathlib import Path

import pytest

from sync.tracks import kmz
from sync.tracks.errors import NotReadable
from sync.tracks.types import Limits
from tests.sync.tracks.samples import gzipped, kml_timed, read, ride, zipped

KML = kml_timed(ride())


def archive(*entries: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as file:
        for name, content in entries:
            file.writestr(name, content)
    return out.getvalue()


def test_all_documents_are_read_the_main_one_first() -> None:
    other = kml_timed(ride(5), name="Second")
    reading = read("a.kmz", archive(("more/b.kml", other), ("doc.kml", KML), ("icon.png", b"png")))
    assert [track.name for track in reading.tracks] == ["Walk", "Second"]


@pytest.mark.parametrize(
    "name", ["../doc.kml", "/etc/doc.kml", "a/../../doc.kml", "..\\doc.kml", "C:\\doc.kml"]
)
def test_names_that_climb_out_of_the_archive_are_no_documents(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(NotReadable, match="without a KML document"):
        read("a.kmz", archive((name, KML)))
    assert not list(tmp_path.rglob("*"))
    assert not (tmp_path.parent / "doc.kml").exists()


@pytest.mark.parametrize("name", ["inner.kmz", "inner.zip", "inner.kml.gz"])
def test_an_archive_in_an_archive_is_refused(name: str) -> None:
    with pytest.raises(NotReadable, match="archive inside an archive"):
        read("a.kmz", archive((name, zipped(doc__kml=KML))))


def test_a_zip_bomb_is_refused() -> None:
    bomb = archive(("doc.kml", b"<kml>" + b" " * 5_000_000))
    assert len(bomb) < 10_000
    with pytest.raises(NotReadable, match="larger than 1 MB"):
        read("a.kmz", bomb, Limits(content_bytes=1024 * 1024))


def test_documents_share_one_allowance() -> None:
    padded = KML + b" " * 600_000
    limits = Limits(content_bytes=1024 * 1024)
    assert read("a.kmz", archive(("a.kml", padded)), limits).tracks
    with pytest.raises(NotReadable, match="larger than"):
        read("a.kmz", archive(("a.kml", padded), ("b.kml", padded)), limits)


def test_a_size_that_the_archive_lies_about_does_not_matter() -> None:
    content = bytearray(archive(("doc.kml", b"<kml>" + b" " * 3_000_000)))
    directory = content.rindex(b"PK\x01\x02")
    struct.pack_into("<L", content, directory + 24, 10)
    with pytest.raises(NotReadable):
        read("a.kmz", bytes(content), Limits(content_bytes=1024 * 1024))


def test_too_many_entries_are_refused_before_they_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kmz, "MAX_ENTRIES", 20)
    content = archive(*((f"{number}.png", b"") for number in range(21)), ("doc.kml", KML))
    with pytest.raises(NotReadable, match="more than 20 files"):
        read("a.kmz", content)


def test_a_list_of_entries_that_says_its_length_elsewhere_is_refused() -> None:
    """ZIP64: the record at the end tells nothing, and another one would be believed."""
    content = archive(("doc.kml", KML))
    end = content.rindex(b"PK\x05\x06")
    locator = struct.pack("<4sLQL", b"PK\x06\x07", 0, end, 1)
    with pytest.raises(NotReadable, match="ZIP64"):
        read("a.kmz", content[:end] + locator + content[end:])


def test_too_many_documents_are_refused() -> None:
    content = archive(*((f"{number}.kml", KML) for number in range(kmz.MAX_DOCUMENTS + 1)))
    with pytest.raises(NotReadable, match="KML documents"):
        read("a.kmz", content)


def test_methods_that_kmz_does_not_know_are_refused() -> None:
    with pytest.raises(NotReadable, match="method"):
        read("a.kmz", archive(("doc.kml", KML), method=zipfile.ZIP_LZMA))


def test_an_archive_with_a_password_is_refused() -> None:
    content = bytearray(zipped(doc__kml=KML))
    directory = content.rindex(b"PK\x01\x02")
    content[directory + 8] |= 1
    with pytest.raises(NotReadable, match="password"):
        read("a.kmz", bytes(content))


def test_what_is_no_archive_is_refused() -> None:
    with pytest.raises(NotReadable, match="whole zip archive"):
        read("a.kmz", KML)
    with pytest.raises(NotReadable, match="zip archive, not what"):
        read("a.kml", zipped(doc__kml=KML))
    with pytest.raises(NotReadable, match="archive inside an archive"):
        read("a.kml", gzipped(KML))
