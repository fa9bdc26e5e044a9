"""Whether the time of what recurs has come, also where a clock that was ahead noted the last one. Pure."""

from datetime import datetime, timedelta

# A note from further ahead than this was made by a clock that was wrong, and tells nothing.
CLOCKS = timedelta(days=1)


def is_due(noted: datetime | str | None, every: timedelta, now: datetime) -> bool:
    """`noted`: when it was done last, as a moment or in ISO 8601; None (or "") where it never was."""
    moment = datetime.fromisoformat(noted) if isinstance(noted, str) and noted else noted
    return not isinstance(moment, datetime) or moment <= now - every or moment > now + CLOCKS
