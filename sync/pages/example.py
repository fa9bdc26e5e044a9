"""The picture on the landing page: an invented year, marked as one there. Pure."""

from datetime import date
from zlib import crc32

from sync.pages.heatmap import Heatmap, days_of, draw_year
from sync.weeks import weeks_of_year

YEAR = 2024
BUSY_SEASONS = ((3, 9), (14, 22), (34, 47))


def example_year() -> Heatmap:
    calendar = {day: _invented_count(day) for week in weeks_of_year(YEAR) for day in days_of(week)}
    return draw_year(YEAR, calendar, today=date.max)


def _invented_count(day: date) -> int:
    """Busy and quiet seasons, quiet weekends, and no two weeks alike; the same on every visit."""
    _, week, weekday = day.isocalendar()
    is_busy = any(first <= week <= last for first, last in BUSY_SEASONS)
    noise = crc32(day.isoformat().encode()) % 11
    most = (9 if is_busy else 4) if weekday <= 5 else 2
    return max(0, noise * most // 10 - (0 if is_busy else 1))
