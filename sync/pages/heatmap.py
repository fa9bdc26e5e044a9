"""A year of contribution days as two drawn half-years: columns are ISO weeks, rows Monday to Sunday. Pure.

Two halves, so that a phone shows them below each other with squares large enough to tell apart.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from sync.weeks import Week, weeks_of_year

PITCH = 14
LEFT = 30
TOP = 18
LEVELS = 4
WEEKS_IN_FIRST_HALF = 26
OFFSETS = [timedelta(days=days) for days in range(7)]
MONTHS = [f"{date(2000, month, 1):%b}" for month in range(1, 13)]
WEEKDAYS = ((0, "Mon"), (2, "Wed"), (4, "Fri"))


@dataclass(frozen=True, slots=True)
class Label:
    x: int
    y: int
    text: str


@dataclass(frozen=True, slots=True)
class Square:
    """One day; `level` is 0 for none, 1 to 4 by quarters of the year's active days, None if not known."""

    x: int
    y: int
    day: date
    count: int | None
    level: int | None


@dataclass(frozen=True, slots=True)
class HalfYear:
    starts_on: date
    ends_on: date
    width: int
    height: int
    months: list[Label]
    weekdays: list[Label]
    squares: list[Square]
    contributions: int
    active_days: int


@dataclass(frozen=True, slots=True)
class Heatmap:
    year: int
    halves: list[HalfYear]

    @property
    def contributions(self) -> int:
        return sum(half.contributions for half in self.halves)

    @property
    def active_days(self) -> int:
        return sum(half.active_days for half in self.halves)


def draw_year(year: int, calendar: Mapping[date, int], today: date) -> Heatmap:
    """The ISO year `year`; days after `today` are left out, days the calendar lacks are not known."""
    weeks = weeks_of_year(year)
    bounds = level_bounds([calendar[day] for week in weeks for day in days_of(week) if day in calendar])
    parts = weeks[:WEEKS_IN_FIRST_HALF], weeks[WEEKS_IN_FIRST_HALF:]
    return Heatmap(year, [_draw_half(part, calendar, today, bounds) for part in parts])


def days_of(week: Week) -> list[date]:
    monday = week.starts_on
    return [monday + offset for offset in OFFSETS]


def day_and_month(day: date) -> str:
    """`3 May`; `strftime` would cost more than all the rest of a square, of which there are hundreds."""
    return f"{day.day} {MONTHS[day.month - 1]}"


def level_bounds(counts: Sequence[int]) -> tuple[int, ...]:
    """The largest count of level 1, 2 and 3: quarters of the days on which anything happened.

    Quarters instead of shares of the maximum, so that one day with 300 contributions does not make
    every other day look idle.
    """
    active = sorted(count for count in counts if count > 0)
    if not active:
        return ()
    return tuple(active[(len(active) - 1) * quarter // LEVELS] for quarter in range(1, LEVELS))


def level_of(count: int | None, bounds: tuple[int, ...]) -> int | None:
    if count is None:
        return None
    if count <= 0:
        return 0
    return 1 + bisect_left(bounds, count)


def _draw_half(
    weeks: list[Week], calendar: Mapping[date, int], today: date, bounds: tuple[int, ...]
) -> HalfYear:
    squares = [
        _square(column, row, day, calendar.get(day), bounds)
        for column, week in enumerate(weeks)
        for row, day in enumerate(days_of(week))
        if day <= today
    ]
    counts = [square.count for square in squares if square.count]
    return HalfYear(
        starts_on=weeks[0].starts_on,
        ends_on=weeks[-1].ends_on,
        width=LEFT + (WEEKS_IN_FIRST_HALF + 1) * PITCH,
        height=TOP + 7 * PITCH,
        months=_month_labels(weeks),
        weekdays=[Label(0, TOP + row * PITCH + PITCH - 4, text) for row, text in WEEKDAYS],
        squares=squares,
        contributions=sum(counts),
        active_days=len(counts),
    )


def _square(column: int, row: int, day: date, count: int | None, bounds: tuple[int, ...]) -> Square:
    return Square(LEFT + column * PITCH, TOP + row * PITCH, day, count, level_of(count, bounds))


def _month_labels(weeks: list[Week]) -> list[Label]:
    """A month's name stands over the first week whose Thursday lies in it, as ISO assigns weeks to years."""
    labels: list[Label] = []
    for column, week in enumerate(weeks):
        text = MONTHS[(week.starts_on + OFFSETS[3]).month - 1]
        if not labels or labels[-1].text != text:
            labels.append(Label(LEFT + column * PITCH, TOP - 6, text))
    # Two names need three columns between them.
    if len(labels) > 1 and labels[1].x - labels[0].x < 3 * PITCH:
        del labels[0]
    return labels
