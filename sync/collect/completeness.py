"""Completeness shown, not hoped: what is held against what GitHub says, and why they differ.

GitHub counts per list, per repository and, by its own rules, per year. A difference that reading can close is
closed by reading, because a total that moved makes the next probe read on; what is left is explained here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sync.collect.lists import KIND_OF
from sync.ledger import WeekEntry
from sync.models import RepositoryState, Subscription, YearFile
from sync.omissions import Omissions
from sync.records import CALENDAR

LABELS = {
    "issues": "issues opened",
    "pull_requests": "pull requests opened",
    "comments": "comments",
    "stars": "stars",
    "gists": "gists",
    "discussions": "discussions started",
}
# What GitHub's calendar counts as contributions, as far as these are records.
CONTRIBUTIONS = ("commits", "issues", "pull_requests", "reviews", "discussions", "repositories_created")
STILL_READ = "still being read"


@dataclass(frozen=True, slots=True)
class Comparison:
    """One thing that GitHub counts; `explanation` is empty where both agree."""

    name: str
    held: int
    said: int
    explanation: str = ""

    @property
    def agrees(self) -> bool:
        return self.held == self.said


@dataclass(frozen=True, slots=True)
class Repositories:
    """Those whose commits do not number what GitHub says, or that cannot be read; and how many agree."""

    differing: list[Comparison]
    agreeing: int

    @property
    def total(self) -> int:
        return len(self.differing) + self.agreeing


def held_counts(ledgers: Iterable[Mapping[str, WeekEntry]], name: str = "counts") -> Counter[str]:
    """How many records of each kind all files hold; by the name "missed", how many GitHub no longer has."""
    counts: Counter[str] = Counter()
    for ledger in ledgers:
        for entry in ledger.values():
            counts.update(entry.get(name, {}))
    return counts


# --- Lists ---


def of_lists(
    subscription: Subscription, ledgers: Iterable[Mapping[str, WeekEntry]] | None = None
) -> list[Comparison]:
    """One comparison for each kind that GitHub keeps lists of, comments of all sorts together.

    `ledgers` of all files may be given by who has them at hand.
    """
    if ledgers is None:
        ledgers = subscription.year_files.values_list("weeks", flat=True)
    ledgers = list(ledgers)
    held, missed = held_counts(ledgers), held_counts(ledgers, "missed")
    said: Counter[str] = Counter()
    unread: set[str] = set()
    for name, kind in KIND_OF.items():
        state = subscription.lists.get(name)
        if kind in subscription.kinds and state is not None:
            said[kind] += state["said"]
            unread |= {kind} if state.get("reading") is not None else set()
    return [
        Comparison(
            LABELS[kind],
            held[kind],
            count,
            STILL_READ
            if kind in unread and held[kind] != count
            else _explain_list(subscription, held[kind], missed[kind], count),
        )
        for kind, count in said.items()
    ]


def _explain_list(subscription: Subscription, held: int, missed: int, said: int) -> str:
    if held == said:
        return ""
    present = held - missed
    reasons = []
    if missed:
        reasons.append(f"{missed} were deleted on GitHub, or undone, since they were saved; they stay here")
    if present < said and not subscription.includes_private:
        reasons.append(
            f"{said - present} are in places that are not public, which are not part of your choice"
        )
    elif present < said and subscription.omissions != Omissions():
        reasons.append(
            f"{said - present} are in places that you left out, or GitHub does not give them to us"
        )
    elif present < said:
        reasons.append(f"GitHub counts {said - present} that it does not give to us")
    elif present > said:
        reasons.append(f"{present - said} are no longer counted by GitHub; they stay here")
    return "; ".join(reasons)


# --- Repositories ---


def of_repositories(subscription: Subscription) -> Repositories:
    """One query, whatever the number of repositories."""
    states = subscription.repositories.exclude(said=None, not_readable="").order_by("name")
    states = states.defer("held_by_week", "seen_by_week", "reading", "details")
    compared = [_of_repository(state) for state in states]
    differing = [comparison for comparison in compared if comparison.explanation]
    return Repositories(differing, len(compared) - len(differing))


def _of_repository(state: RepositoryState) -> Comparison:
    said = state.said or 0
    if state.not_readable:
        return Comparison(state.name, state.held, said, state.not_readable)
    if state.held == said:
        return Comparison(state.name, state.held, said)
    explanation = "GitHub's count and its list of commits differ" if state.is_read else STILL_READ
    return Comparison(state.name, state.held, said, explanation)


# --- Years ---


def of_years(files: Iterable[YearFile]) -> list[Comparison]:
    """GitHub's calendar against the records that could count there, by calendar year, newest first.

    They are never the same by rule: the difference is a hint, and says so.
    """
    files = [file for file in files if not file.is_document]
    held: Counter[str] = Counter()
    said: Counter[str] = Counter()
    for file in files:
        for entry in file.weeks.values():
            for day, counts in entry.get("days", {}).items():
                held[day[:4]] += sum(counts.get(kind, 0) for kind in CONTRIBUTIONS)
            for day, count in entry.get(CALENDAR, {}).items():
                said[day[:4]] += count
    unnamed = {str(file.year): file.private_contributions or 0 for file in files if file.kind == "public"}
    years = sorted({*held, *said}, reverse=True)
    return [
        Comparison(year, held[year], said[year], _explain_year(held[year], said[year], unnamed.get(year, 0)))
        for year in years
    ]


def _explain_year(held: int, said: int, unnamed: int) -> str:
    if held == said:
        return ""
    if unnamed and held < said:
        return f"{unnamed} of them private and only counted"
    return "forks are not counted there" if held > said else "others have no record of their own"
