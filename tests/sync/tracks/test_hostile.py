"""Files made to hurt: bounded time and memory, and always a reason, never another error."""

import gzip
import io
import random
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.tracks.collecting import Collector
from sync.tracks.errors import NotReadable
from sync.tracks.gpx import GpxReader
from sync.tracks.reading import read_tracks
from sync.tracks.types import Limits
from sync.tracks.xml_stream import parse_xml
from tests.sync.tracks import samples
from tests.sync.tracks.samples import gzipped, read, ride

MEGABYTE = 1024 * 1024
GPX_POINT = b'<trkpt lat="47" lon="8"><ele>1</ele></trkpt>'
BOMB = """<?xml version="1.0"?><!DOCTYPE gpx [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;">]>
<gpx><trk><name>&d;</name></trk></gpx>"""


class Repeated(io.RawIOBase):
    """A file of `count` times the same bytes, which never lies in memory as a whole."""

    def __init__(self, start: bytes, part: bytes, count: int) -> None:
        self._size = len(start) + len(part) * count
        self._start, self._part, self._position = start, part, 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self._position = offset if whence == 0 else self._size + offset
        return self._position

    def read(self, size: int = -1) -> bytes:
        size = min(size if size >= 0 else self._size, self._size - self._position)
        begin = self._position - len(self._start)
        self._position += size
        if begin < 0:
            return (self._start + self._part * (size // len(self._part) + 1))[begin + len(self._start) :][
                :size
            ]
        skip = begin % len(self._part)
        return (self._part * (size // len(self._part) + 2))[skip : skip + size]


@pytest.fixture
def memory() -> Iterator[Callable[[], float]]:
    """The peak of what was allocated since the test began, in megabytes."""
    tracemalloc.start()
    yield lambda: tracemalloc.get_traced_memory()[1] / MEGABYTE
    tracemalloc.stop()


@pytest.mark.parametrize("path", ["a.gpx", "a.tcx", "a.kml"])
def test_entities_are_never_expanded(path: str) -> None:
    root = {"a.gpx": "gpx", "a.tcx": "TrainingCenterDatabase", "a.kml": "kml"}[path]
    with pytest.raises(NotReadable, match="document type or entities"):
        read(path, BOMB.replace("gpx", root).encode())
    with pytest.raises(NotReadable, match="document type or entities"):
        read(f"{path}.gz", gzipped(BOMB.replace("gpx", root).encode("utf-16")))


def test_external_entities_are_never_fetched() -> None:
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}/x"
    try:
        for declared in (f'<!DOCTYPE gpx SYSTEM "{url}">', f'<!DOCTYPE gpx [<!ENTITY x SYSTEM "{url}">]>'):
            with pytest.raises(NotReadable):
                read("a.gpx", f"{declared}<gpx><trk><name>&x;</name></trk></gpx>".encode())
        passwords = '<!DOCTYPE gpx [<!ENTITY x SYSTEM "file:///etc/passwd">]>'
        with pytest.raises(NotReadable):
            read("a.gpx", f"{passwords}<gpx><trk><name>&x;</name></trk></gpx>".encode())
    finally:
        server.shutdown()
        server.server_close()
    assert asked == []


@pytest.mark.parametrize("path", ["a.gpx.gz", "a.geojson.gz", "a.fit.gz", "a.kmz.gz", "a.tcx.gz", "a.kml.gz"])
def test_a_gzip_bomb_is_refused_in_little_memory(path: str, memory: Callable[[], float]) -> None:
    packed = io.BytesIO()
    with gzip.GzipFile(fileobj=packed, mode="wb", compresslevel=1) as file:
        file.write(b'{"a":"' if "json" in path else b"<gpx>")
        for _ in range(64):
            file.write(b" " * MEGABYTE)
    assert len(packed.getvalue()) < MEGABYTE
    with pytest.raises(NotReadable):
        read(path, packed.getvalue(), Limits(content_bytes=4 * MEGABYTE))
    assert memory() < 40


def test_an_archive_inside_an_archive_is_refused() -> None:
    inner = gzipped(samples.gpx([ride()]))
    with pytest.raises(NotReadable, match="archive inside"):
        read("a.gpx.gz", gzipped(inner))
    with pytest.raises(NotReadable):
        read("a.kmz.gz", gzipped(gzipped(samples.zipped(doc__kml=samples.kml_timed(ride())))))


def test_a_file_of_200_megabytes_is_refused_unread(memory: Callable[[], float]) -> None:
    file = Repeated(b"<gpx><trk><trkseg>", GPX_POINT, 200 * MEGABYTE // len(GPX_POINT))
    with pytest.raises(NotReadable, match="larger than 64 MB"):
        read_tracks("a.gpx", file)  # type: ignore[arg-type]
    assert memory() < 1


def test_five_million_points_are_refused_at_the_cap(memory: Callable[[], float]) -> None:
    file = Repeated(b"<gpx><trk><trkseg>", GPX_POINT, 5_000_000)
    limits = Limits(packed_bytes=1024 * MEGABYTE, content_bytes=1024 * MEGABYTE, points=20_000)
    with pytest.raises(NotReadable, match="more than 20,000 points"):
        read_tracks("a.gpx", file, limits)  # type: ignore[arg-type]
    assert memory() < 20


def test_five_million_positions_of_geojson_are_refused_at_the_cap(memory: Callable[[], float]) -> None:
    file = Repeated(b'{"type":"LineString","coordinates":[', b"[8,47],", 5_000_000)
    with pytest.raises(NotReadable, match="more than 20,000 points"):
        read_tracks("a.geojson", file, Limits(points=20_000))  # type: ignore[arg-type]
    assert memory() < 20


@pytest.mark.parametrize(
    "content",
    [
        b"<gpx>" + b"<a>" * 300_000,
        b'<gpx a="' + b"x" * 20_000_000,
        b"<gpx>" + b"<!-- x -->" * 200_000,
        b"<gpx " + b" ".join(b'a%d="1"' % number for number in range(100_000)) + b">",
        b"<gpx><trk><name>" + b"x" * 20_000_000,
        b"<" * 1_000_000,
    ],
    ids=["deep", "long attribute", "comments", "many attributes", "long text", "no elements"],
)
def test_xml_without_end_is_refused_in_little_memory(content: bytes, memory: Callable[[], float]) -> None:
    with pytest.raises(NotReadable):
        read("a.gpx", content)
    assert memory() < 150


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("elements", "Its elements have more than 1,000 different names."),
        ("names of attributes", "Its elements have more than 1,000 different names."),
        ("attributes", "It has a tag of more than 64 KB."),
    ],
)
def test_names_without_end_are_refused_in_little_memory(kind: str, reason: str) -> None:
    """Seen from outside, because what the parser itself keeps is not Python's to count."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.sync.tracks.reader", kind], capture_output=True, text=True, check=True
    )
    megabytes, why = done.stdout.splitlines()
    assert why == reason
    assert int(megabytes) < 25


def test_facts_that_nobody_asks_for_are_not_kept() -> None:
    collector = Collector(Limits())
    reader = GpxReader(collector)
    facts = "".join(f"<a{number}>{number}</a{number}>" for number in range(900))
    parse_xml(io.BytesIO(f"<gpx><trk><name>A</name>{facts}".encode() + b"</trk></gpx>"), reader)
    assert reader.facts == {"name": "A"}


@pytest.mark.parametrize("gap", [0, 1, MEGABYTE - 40_000, MEGABYTE - 70_000])
def test_a_tag_with_too_many_attributes_is_refused_wherever_it_is_cut(gap: int) -> None:
    tag = "<trk " + " ".join(f'a="{number:0500}>"' for number in range(140)) + ">"
    with pytest.raises(NotReadable, match="tag of more than 64 KB"):
        read("a.gpx", f"<gpx>{' ' * gap}{tag}</trk></gpx>".encode())
    with pytest.raises(NotReadable, match="more than 100 attributes"):
        read("a.gpx", ("<gpx><trk " + " ".join(f'a{n}="1"' for n in range(101)) + "></trk></gpx>").encode())


def test_long_texts_and_pictures_in_them_are_none_of_that() -> None:
    picture = f'<![CDATA[<img src="data:image/png;base64,{"A" * 300_000}=="> a < b <!-- {"=" * 90_000}]]>'
    content = samples.kml_line(ride(20)).replace(
        b"<ns0:Placemark>", f"<ns0:Placemark><description>{picture}</description>".encode(), 1
    )
    assert picture.encode() in content
    assert len(read("a.kml", content).tracks[0]) == 20


MANY = samples.gpx([ride(400)])


@pytest.mark.parametrize(
    ("path", "content"),
    [
        ("a.gpx", MANY),
        ("a.tcx", samples.tcx([ride(400)])),
        ("a.kml", samples.kml_timed(ride(400))),
        ("a.geojson", samples.geojson(ride(400))),
        ("a.fit", samples.fit(ride(400))),
        ("a.gpx", b"<gpx>" + b"<wpt/>" * 2_000 + b"</gpx>"),
        ("a.geojson", b'{"other": [' + b"1," * 2_000 + b"1]}"),
    ],
    ids=["gpx", "tcx", "kml", "geojson", "fit", "elements", "values"],
)
def test_reading_has_a_deadline(path: str, content: bytes) -> None:
    with pytest.raises(NotReadable, match="It takes too long to read"):
        read(path, content, Limits(seconds=0))


def test_a_gigantic_name_is_cut() -> None:
    content = samples.gpx([ride()], name="n" * 3_000_000)
    assert len(read("a.gpx", content).tracks[0].name or "") == 200


def test_reasons_tell_nothing_of_the_content() -> None:
    for path, content in (
        ("a.gpx", b"<secret>47.123</secret>"),
        ("a.geojson", b'{"type": "secret47.123'),
        ("a.fit", b"secret"),
    ):
        with pytest.raises(NotReadable) as caught:
            read(path, content)
        assert "secret" not in caught.value.reason
        assert "47.1" not in caught.value.reason


WHOLE = {
    "a.gpx": samples.gpx([ride(6)]),
    "a.tcx": samples.tcx([ride(6)]),
    "a.kml": samples.kml_timed(ride(6)),
    "b.kml": samples.kml_line(ride(6)),
    "a.kmz": samples.zipped(doc__kml=samples.kml_line(ride(6))),
    "a.geojson": samples.geojson(ride(6), ride(3)),
    "a.fit": samples.fit(ride(6)),
    "a.gpx.gz": gzipped(samples.gpx([ride(6)])),
}


@pytest.mark.parametrize("path", WHOLE)
def test_any_damage_gives_tracks_or_a_reason(path: str) -> None:
    chance = random.Random(path)
    whole, reasons = WHOLE[path], set()
    for _ in range(400):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 5)):
            place = chance.randrange(len(content))
            kind = chance.randrange(4)
            if kind == 0:
                content[place] = chance.randrange(256)
            elif kind == 1:
                del content[place : place + chance.randint(1, 40)]
            elif kind == 2:
                content[place:place] = content[chance.randrange(len(content)) :][: chance.randint(1, 200)]
            else:
                content[place:place] = chance.choice(
                    [b"NaN", b"-1e999", b"]", b"[", b"<", b"\xff", b'"', b"9" * 50]
                )
            if not content:
                content = bytearray(b"x")
        try:
            for track in read(path, bytes(content)).tracks:
                assert len(track) > 1
        except NotReadable as error:
            reasons.add(error.reason)
    assert all(reason.endswith(".") for reason in reasons)


@given(st.sampled_from([path for path in WHOLE if path != "b.kml"]), st.binary(max_size=300))
def test_any_bytes_give_tracks_or_a_reason(path: str, content: bytes) -> None:
    with pytest.raises(NotReadable):
        read(path, content)
