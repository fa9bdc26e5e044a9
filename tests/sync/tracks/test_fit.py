import random
from datetime import timedelta

import pytest
from fit_tool.profile.profile_type import Sport
from fit_tool.utils.crc import crc16

from sync.tracks.errors import NotReadable
from sync.tracks.types import Limits
from tests.sync.tracks.samples import START, Fix, fit, read, ride


def lengths(content: bytes) -> list[list[int]]:
    return [[len(segment) for segment in track.segments] for track in read("a.fit", content).tracks]


def with_checksum(content: bytes) -> bytes:
    """The content with a true checksum, whatever was changed in it."""
    checksum: int = crc16(content[:-2])
    return content[:-2] + checksum.to_bytes(2, "little")


def test_a_stopped_timer_begins_a_segment() -> None:
    assert lengths(fit(ride(5), ride(4, START + timedelta(minutes=5)))) == [[5, 4]]


def test_each_session_is_a_track_with_its_sport() -> None:
    later = START + timedelta(minutes=10)
    sports = [(START, Sport.SWIMMING), (later, Sport.CYCLING)]
    content = fit([*ride(5), *ride(6, later)], sports=sports)
    tracks = read("a.fit", content).tracks
    assert [(track.sport, len(track), track.number) for track in tracks] == [
        ("swimming", 5, 0),
        ("cycling", 6, 1),
    ]
    assert tracks[1].started_at == later


def test_several_files_in_a_row_are_several_tracks() -> None:
    assert lengths(fit(ride(5)) + fit(ride(6, START + timedelta(days=1)))) == [[5], [6]]


def test_without_a_session_the_records_still_make_a_track() -> None:
    [track] = read("a.fit", fit(ride(5), sports=())).tracks
    assert (len(track), track.sport) == (5, None)


def test_semicircles_become_degrees() -> None:
    places = [(-179.999999, -89.999999), (179.999999, 89.999999), (0.0, 0.0)]
    content = fit([Fix(lon, lat, 1.0, START, 1, 1, 1) for lon, lat in places])
    [track] = read("a.fit", content).tracks
    for found, place in zip(track.segments[0].positions(), places, strict=True):
        assert found == pytest.approx(place, abs=1e-7)


def test_a_ride_indoors_has_no_positions() -> None:
    with pytest.raises(NotReadable, match="without GPS"):
        read("a.fit", fit(ride(5), has_positions=False))


def test_a_broken_checksum_is_named() -> None:
    content = bytearray(fit(ride(50)))
    content[len(content) // 2] ^= 0xFF
    with pytest.raises(NotReadable, match=r"checksum|damaged"):
        read("a.fit", bytes(content))
    content = bytearray(fit(ride(50)))
    content[-1] ^= 0xFF
    with pytest.raises(NotReadable, match="checksum"):
        read("a.fit", bytes(content))


@pytest.mark.parametrize(
    "content", [b"FIT", b"\x0e\x20" + b"x" * 100, b"\xff" * 500, b"GIF89a" + b"\x00" * 50]
)
def test_what_is_no_fit_file_is_refused(content: bytes) -> None:
    with pytest.raises(NotReadable):
        read("a.fit", content)


def test_a_damaged_file_with_a_true_checksum_gives_a_reason_or_tracks() -> None:
    whole, chance = fit(ride(20)), random.Random(6)
    reasons = set()
    for _ in range(1500):
        content = bytearray(whole)
        for _ in range(chance.randint(1, 6)):
            content[chance.randrange(14, len(content))] = chance.randrange(256)
        try:
            read("a.fit", with_checksum(bytes(content)))
        except NotReadable as error:
            reasons.add(error.reason)
    assert reasons


def test_messages_without_end_are_refused() -> None:
    """A definition without fields makes each byte after it a message."""
    body = bytes([0x40, 0, 0, 20, 0, 0]) + b"\x00" * 1000
    header = bytes([12, 0x10]) + (100).to_bytes(2, "little") + len(body).to_bytes(4, "little") + b".FIT"
    with pytest.raises(NotReadable, match=r"more (messages|than)"):
        read("a.fit", with_checksum(header + body + b"\x00\x00"), Limits(points=100))


@pytest.mark.parametrize("is_data", [True, False])
def test_fields_without_end_are_refused(*, is_data: bool) -> None:
    """Messages of 255 fields each, or nothing but definitions of them: few messages, and much to do."""
    definition = bytes([0x40, 0, 0, 20, 0, 255]) + bytes([200, 1, 2]) * 255
    body = definition + (b"\x00" + b"\x01" * 255) * 9 if is_data else definition * 9
    header = bytes([12, 0x10]) + (100).to_bytes(2, "little") + len(body).to_bytes(4, "little") + b".FIT"
    with pytest.raises(NotReadable, match="far more values than points"):
        read("a.fit", with_checksum(header + body + b"\x00\x00"), Limits(points=100))
