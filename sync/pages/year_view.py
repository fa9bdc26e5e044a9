"""One ISO year as the dashboard shows it: the heat map and its weeks, from the ledgers of that year. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from sync.ledger import HELD_STATES, WeekEntry, add_up
from sync.models import YearFile
from sync.pages.heatmap import Heatmap, days_of, draw_year
from sync.pages.kind_names import NAMES, count_of
from sync.weeks import Week, WeekState

# A week that stands in two files is as far as the one that is behind.
BEHIND_FIRST = (
    WeekState.MISSING,
    WeekState.UNREADABLE,
    WeekState.OPEN,
    WeekState.SETTLING,
    WeekState.COMPLETE,
)


@dataclass(frozen=True, slots=True)
class WeekLine:
    week: Week
    state: WeekState
    counts: Mapping[str, int]
    contributions: int | None

    @property
    def records(self) -> int:
        return sum(self.counts.values())

    @property
    def in_words(self) -> str:
        return in_words(self.counts)


@dataclass(frozen=True, slots=True)
class YearView:
    year: int
    heatmap: Heatmap
    weeks: list[WeekLine]
    private_contributions: int | None
    has_calendar: bool = True

    @property
    def totals(self) -> str:
        counts: Counter[str] = Counter()
        for line in self.weeks:
            counts.update(line.counts)
        return in_words(counts)

    @property
    def state_counts(self) -> list[tuple[WeekState, int]]:
        counts = Counter(line.state for line in self.weeks)
        return [(state, counts[state]) for state in reversed(BEHIND_FIRST) if counts[state]]


def view_year(
    year: int, files: Iterable[YearFile], known: Iterable[Week], today: date, *, has_calendar: bool = True
) -> YearView:
    """`known` are the weeks of the ledger; weeks of a file outside of it are shown too, newest first.

    Without GitHub's calendar the heat map is drawn from the records.
    """
    of_year = sorted((file for file in files if file.year == year), key=lambda file: file.kind, reverse=True)
    ledgers: list[Mapping[str, WeekEntry]] = [file.weeks for file in of_year]
    weeks = {week for week in known if week.year == year}
    weeks |= {Week.parse(text) for ledger in ledgers for text in ledger}
    calendar: dict[date, int] = {}
    lines = []
    for week in sorted(weeks, reverse=True):
        name = str(week)
        entries = [ledger[name] for ledger in ledgers if name in ledger]
        days = calendar_of(week, entries, has_calendar=has_calendar)
        calendar |= days
        lines.append(
            WeekLine(
                week=week,
                state=state_of(entries),
                counts=add_up(entries),
                contributions=sum(days.values()) if days else None,
            )
        )
    return YearView(
        year=year,
        heatmap=draw_year(year, calendar, today),
        weeks=lines,
        private_contributions=private_contributions_of(of_year),
        has_calendar=has_calendar,
    )


@dataclass(frozen=True, slots=True)
class YearTotal:
    """One year in a line; `contributions` is None where GitHub's calendar is not kept."""

    year: int
    counts: Mapping[str, int]
    contributions: int | None

    @property
    def in_words(self) -> str:
        return in_words(self.counts)


def total_years(files: Iterable[YearFile], *, has_calendar: bool) -> list[YearTotal]:
    """All years that hold anything, newest first."""
    counts: dict[int, Counter[str]] = {}
    contributions: Counter[int] = Counter()
    for file in files:
        if file.is_document:
            continue
        counts.setdefault(file.year, Counter()).update(add_up(file.weeks.values()))
        if file.kind == YearFile.Kind.PUBLIC:
            days = (entry.get("calendar", {}).values() for entry in file.weeks.values())
            contributions[file.year] += sum(map(sum, days))
    return [
        YearTotal(year, counts[year], contributions[year] if has_calendar else None)
        for year in sorted(counts, reverse=True)
        if counts[year].total() or contributions[year]
    ]


def in_words(counts: Mapping[str, int]) -> str:
    """`12 commits, 1 review`, in the order of the kinds; what there is none of is left out."""
    order = list(NAMES)
    kinds = sorted(counts, key=lambda kind: order.index(kind) if kind in order else len(order))
    return ", ".join(count_of(kind, counts[kind]) for kind in kinds if counts[kind])


def state_of(entries: Sequence[WeekEntry]) -> WeekState:
    states = [WeekState(entry.get("state", WeekState.MISSING)) for entry in entries]
    return min(states, key=BEHIND_FIRST.index, default=WeekState.MISSING)


def calendar_of(week: Week, entries: Sequence[WeekEntry], *, has_calendar: bool = True) -> dict[date, int]:
    """Each day of a held week; ledgers leave out days on which nothing happened.

    GitHub's calendar is one for all of a member's activity: it is read from one file, never added up.
    """
    held = [entry for entry in entries if entry.get("state") in HELD_STATES]
    if not held:
        return {}
    counts: Mapping[str, int] = next((entry["calendar"] for entry in held if entry.get("calendar")), {})
    if not has_calendar:
        counts = records_by_day(held)
    return {day: counts.get(day.isoformat(), 0) for day in days_of(week)}


def records_by_day(entries: Iterable[WeekEntry]) -> Counter[str]:
    days: Counter[str] = Counter()
    for entry in entries:
        for day, counts in entry.get("days", {}).items():
            days[day] += sum(counts.values())
    return days


def private_contributions_of(files: Iterable[YearFile]) -> int | None:
    counts = [file.private_contributions for file in files if file.private_contributions is not None]
    return max(counts, default=None)
