import math
from datetime import UTC, datetime

import pytest

from sync.tracks.types import time_of
from sync.tracks.values import parse_name, parse_number, parse_sport, parse_time


@pytest.mark.parametrize(
    ("text", "number"), [("1", 1), (" -7.25 ", -7.25), ("+.5", 0.5), ("1e-3", 0.001), ("5.", 5), ("0", 0)]
)
def test_plain_numbers_are_read(text: str, number: float) -> None:
    assert parse_number(text) == number


@pytest.mark.parametrize(
    "text", ["", "nan", "inf", "-Infinity", "1_0", "47,5", "0x10", "1e9999", "٣", "9" * 65]
)
def test_anything_else_is_not_known(text: str) -> None:
    assert math.isnan(parse_number(text))


@pytest.mark.parametrize(
    "text",
    [
        "2026-05-01T08:00:00Z",
        "2026-05-01T08:00:00",
        "2026-05-01T10:00:00+02:00",
        " 2026-05-01T08:00:00.000Z\n",
        "20260501T080000Z",
    ],
)
def test_times_are_utc_unless_they_say_otherwise(text: str) -> None:
    assert parse_time(text) == time_of(datetime(2026, 5, 1, 8, tzinfo=UTC))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "yesterday",
        "1970-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59-12:00",
        "2026-13-01",
    ],
)
def test_times_at_which_nobody_was_out_are_not_known(text: str) -> None:
    assert math.isnan(parse_time(text))


def test_names_are_one_printable_line() -> None:
    assert parse_name(" A\n\tride\x00 \u2028home ") == "A ride home"
    assert parse_name("x" * 5000) == "x" * 200
    assert parse_name("\ud800") is None
    assert parse_name(None) is None
    assert parse_sport("Trail Running") == "trail running"
    assert parse_sport("") is None
