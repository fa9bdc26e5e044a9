"""The calendar of contributions: days with levels, in weeks that start on Sunday."""

from collections import Counter
from collections.abc import Iterable
from datetime import date, timedelta
from typing import Any

_COLORS = ("#ebedf0", "#9be9a8", "#40c463", "#30a14e", "#216e39")
_LEVELS = ("NONE", "FIRST_QUARTILE", "SECOND_QUARTILE", "THIRD_QUARTILE", "FOURTH_QUARTILE")


def calendar(first: date, last: date, counts: Counter[date]) -> dict[str, Any]:
    """The first week begins with the first day asked for, so it may be short."""
    weeks: list[dict[str, Any]] = []
    for offset in range((last - first).days + 1):
        day = _calendar_day(first + timedelta(days=offset), counts)
        if not weeks or day["weekday"] == 0:
            weeks.append({"first_day": day["date"], "contribution_days": []})
        weeks[-1]["contribution_days"].append(day)
    return {
        "colors": list(_COLORS[1:]),
        "is_halloween": False,
        "months": _months(week["first_day"] for week in weeks),
        "total_contributions": sum(counts.values()),
        "weeks": weeks,
    }


def _calendar_day(day: date, counts: Counter[date]) -> dict[str, Any]:
    most = max(counts.values(), default=0)
    level = -(-4 * counts[day] // most) if most else 0
    return {
        "color": _COLORS[level],
        "contribution_count": counts[day],
        "contribution_level": _LEVELS[level],
        "date": day.isoformat(),
        "weekday": day.isoweekday() % 7,
    }


def _months(first_days: Iterable[str]) -> list[dict[str, Any]]:
    months: dict[tuple[int, int], dict[str, Any]] = {}
    for text in first_days:
        day = date.fromisoformat(text)
        month = months.setdefault(
            (day.year, day.month),
            {"first_day": text, "name": day.strftime("%b"), "total_weeks": 0, "year": day.year},
        )
        month["total_weeks"] += 1
    return list(months.values())
