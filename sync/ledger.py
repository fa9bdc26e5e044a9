"""Which weeks are held, and in what state. Pure.

The ledger of a member runs from the first week of their first contribution year to the current week.
Its entries stand on the year files: {"2026-W18": {"state", "counts", "calendar", "fetched_at"}}.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from sync.weeks import Week, WeekState, held_state, iter_weeks

WeekEntry = dict[str, Any]
HELD_STATES = (WeekState.OPEN, WeekState.SETTLING, WeekState.COMPLETE)


@dataclass(frozen=True, slots=True)
class Progress:
    """How many of the known weeks are held."""

    held: int
    known: int

    @property
    def percent(self) -> int:
        return 100 * self.held // self.known if self.known else 0


def known_weeks(starts_on: date | None, now: datetime) -> list[Week]:
    """The weeks of the ledger, oldest first; none before GitHub said where it starts."""
    if starts_on is None:
        return []
    return list(iter_weeks(Week.of(starts_on), Week.of(now)))


def progress(known_weeks: Iterable[Week], ledgers: Iterable[Mapping[str, WeekEntry]]) -> Progress:
    known = {str(week) for week in known_weeks}
    held = {week for ledger in ledgers for week, entry in ledger.items() if entry.get("state") in HELD_STATES}
    return Progress(held=len(known & held), known=len(known))


def add_up(entries: Iterable[WeekEntry], name: str = "counts") -> Counter[str]:
    """The numbers of many weeks by kind: `counts` of records, or `missed`, those that GitHub no longer has.

    `Counter.update` would ask each time what it was given, which costs several times as much.
    """
    total: Counter[str] = Counter()
    for entry in entries:
        for kind, number in entry.get(name, {}).items():
            total[kind] += number
    return total


def settled_until(now: datetime, settling: timedelta) -> datetime:
    """The next moment at which time alone changes a ledger that is settled: a week ends, or has settled."""
    week = Week.of(now)
    moments = [week.ended_at]
    while week.ended_at + settling > now:
        moments.append(week.ended_at + settling)
        week = week.previous()
    return min(moments)


def is_settled(
    states: Mapping[str, str], known_weeks: Iterable[Week], now: datetime, settling: timedelta
) -> bool:
    """Whether each of these weeks is held, and `settle` would leave the ledger as it is."""
    ledger: dict[str, WeekEntry] = {week: {"state": state} for week, state in states.items()}
    return all(str(week) in ledger for week in known_weeks) and settle(ledger, now, settling) == ledger


def settle(ledger: Mapping[str, WeekEntry], now: datetime, settling: timedelta) -> dict[str, WeekEntry]:
    """The ledger after time has passed and GitHub has confirmed that nothing changed."""
    settled = {}
    for text, entry in ledger.items():
        if entry.get("state") in (WeekState.OPEN, WeekState.SETTLING):
            settled[text] = {**entry, "state": str(held_state(Week.parse(text), now, settling))}
        else:
            settled[text] = entry
    return settled
