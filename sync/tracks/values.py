"""Text of track files -> numbers, moments and names. What cannot be understood is unknown, never an error."""

import re
from datetime import UTC, datetime

from sync.tracks.types import NAN, time_of

NAME_LENGTH = 200
# Before the first GPS week and after 2100 a clock was not set.
EARLIEST = datetime(1980, 1, 6, tzinfo=UTC)
LATEST = datetime(2100, 1, 1, tzinfo=UTC)
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff\ufffe\uffff]+")


def parse_number(text: str) -> float:
    """NaN unless the text is one plain decimal number (`float` alone would take `nan`, `inf` and `1_0`)."""
    text = text.strip()
    return float(text) if len(text) <= 64 and _NUMBER.fullmatch(text) else NAN


def parse_time(text: str) -> float:
    """Seconds since the epoch of ISO 8601 text; without an offset it is UTC, as GPX, TCX and KML define.

    NaN for anything else, and for moments at which nobody carried a GPS receiver.
    """
    try:
        return known_moment(datetime.fromisoformat(text.strip()))
    except ValueError:
        return NAN


def known_moment(moment: datetime) -> float:
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return time_of(moment) if EARLIEST <= moment < LATEST else NAN


def parse_name(text: object) -> str | None:
    """One line of printable text of at most 200 characters, or None."""
    if not isinstance(text, str):
        return None
    return " ".join(_UNPRINTABLE.sub(" ", text[: 4 * NAME_LENGTH]).split())[:NAME_LENGTH].rstrip() or None


def parse_sport(text: object) -> str | None:
    """As the source names it, in lower case."""
    name = parse_name(text)
    return name.lower() if name else None
