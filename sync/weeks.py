"""ISO weeks (ISO 8601: Monday to Sunday, week 1 holds the year's first Thursday), always in UTC. Pure.

A week is written `2026-W18`. Its year is the ISO year, which differs from the calendar year around
New Year: 2024-12-30 lies in `2025-W01`. Years have 52 or 53 weeks.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

WEEK_PATTERN = re.compile(r"(\d{4})-W(\d{2})")


class WeekState(StrEnum):
    """How far a week is held. `MISSING` weeks have no entry in the ledger."""

    MISSING = "missing"
    OPEN = "open"
    SETTLING = "settling"
    COMPLETE = "complete"
    UNREADABLE = "unreadable"


@dataclass(frozen=True, order=True, slots=True)
class Week:
    year: int
    number: int

    @classmethod
    def of(cls, moment: datetime | date) -> "Week":
        """The week a moment falls in, seen in UTC; a plain date is taken as it stands."""
        if isinstance(moment, datetime):
            if moment.tzinfo is None:
                raise ValueError("A week of a moment without a time zone is not defined.")
            moment = moment.astimezone(UTC).date()
        year, number, _ = moment.isocalendar()
        return cls(year, number)

    @classmethod
    def parse(cls, text: str) -> "Week":
        """Raise `ValueError` unless `text` names a week that exists."""
        match = WEEK_PATTERN.fullmatch(text)
        if match is None:
            raise ValueError(f"{text!r} is not a week such as 2026-W18.")
        week = cls(int(match[1]), int(match[2]))
        if str(Week.of(week.starts_on)) != text:
            raise ValueError(f"{text!r} does not exist.")
        return week

    def __str__(self) -> str:
        return f"{self.year:04}-W{self.number:02}"

    @property
    def starts_on(self) -> date:
        return date.fromisocalendar(self.year, self.number, 1)

    @property
    def ends_on(self) -> date:
        return date.fromisocalendar(self.year, self.number, 7)

    @property
    def starts_at(self) -> datetime:
        return datetime.combine(self.starts_on, time(), tzinfo=UTC)

    @property
    def ended_at(self) -> datetime:
        """The first moment after the week."""
        return datetime.combine(self.ends_on, time(), tzinfo=UTC) + timedelta(days=1)

    def next(self) -> "Week":
        return Week.of(self.ends_on + timedelta(days=1))

    def previous(self) -> "Week":
        return Week.of(self.starts_on - timedelta(days=1))


def iter_weeks(first: Week, last: Week) -> Iterator[Week]:
    """From `first` to `last`, both included, oldest first."""
    for year in range(first.year, last.year + 1):
        begin = first.number - 1 if year == first.year else 0
        end = last.number if year == last.year else None
        yield from weeks_of_year(year)[begin:end]


def weeks_of_year(year: int) -> list[Week]:
    """The 52 or 53 weeks of an ISO year. 28 December always lies in the last one."""
    last = Week.of(date(year, 12, 28))
    return [Week(year, number) for number in range(1, last.number + 1)]


def held_state(week: Week, now: datetime, settling: timedelta) -> WeekState:
    """The state of a week that has been read as far as GitHub had it at `now`."""
    if now < week.ended_at:
        return WeekState.OPEN
    if now < week.ended_at + settling:
        return WeekState.SETTLING
    return WeekState.COMPLETE
