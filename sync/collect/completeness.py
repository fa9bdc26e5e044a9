"""Completeness shown, not hoped: what is held against what GitHub says, and why they differ.

GitHub counts per list, per repository and, by its own rules, per year. A difference that reading can close is
closed by reading, because a total that moved makes the next probe read on; what is left is explained here.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from sync.collect import reviews
from sync.collect.lists import KIND_OF
from sync.ledger import WeekEntry, add_up
from sync.models import RepositoryState, Subscription, YearFile
from sync.omissions import Omissions
from sync.records import CALENDAR, COMMITS

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
# Why entries of a list become no record, as counted while it was read (lists.py).
REASONS = {
    "unreadable": "GitHub withholds {} from us",
    "uncovered": "{} are in places that are not public, which are not part of your choice",
    "left_out": "{} are in places that you left out or did not tick",
}


@dataclass(frozen=True, slots=True)
class Comparison:
    """Held against said; `said` is None where GitHub does not count. No explanation where both agree."""

    name: str
    held: int
    said: int | None
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


# --- Lists ---


def of_lists(
    subscription: Subscription, ledgers: Iterable[Mapping[str, WeekEntry]] | None = None
) -> list[Comparison]:
    """One comparison for each kind that GitHub keeps lists of, comments of all sorts together.

    Of reviews GitHub has no list and no count: they are named where some are known to be withheld.
    `ledgers` of all files may be given by who has them at hand.
    """
    if ledgers is None:
        ledgers = subscription.year_files.values_list("weeks", flat=True)
    entries = [entry for ledger in ledgers for entry in ledger.values()]
    held, missed = add_up(entries), add_up(entries, "missed")
    found: dict[str, _Listed] = {}
    for name, kind in KIND_OF.items():
        state = subscription.lists.get(name)
        if kind in subscription.kinds and state is not None:
            found.setdefault(kind, _Listed()).add(state)
    lines = [
        Comparison(
            LABELS[kind],
            held[kind],
            listed.said,
            STILL_READ
            if listed.is_unread and held[kind] != listed.said
            else _explain_list(subscription, kind, held[kind], missed[kind], listed),
        )
        for kind, listed in found.items()
    ]
    return lines + _of_reviews(subscription, held["reviews"]) + _of_cut_windows(subscription)


@dataclass(slots=True)
class _Listed:
    """What the lists of one kind tell: GitHub's total, and why entries became no record."""

    said: int = 0
    is_unread: bool = False
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, state: Mapping[str, Any]) -> None:
        self.said += state["said"]
        self.is_unread |= state.get("reading") is not None
        self.reasons.update({reason: state.get(reason, 0) for reason in REASONS})


def _of_reviews(subscription: Subscription, held: int) -> list[Comparison]:
    state = subscription.lists.get(reviews.LIST, {})
    withheld, beyond = state.get("unreadable", 0), state.get("beyond", 0)
    if reviews.LIST not in subscription.kinds or not (withheld or beyond):
        return []
    explanation = f"GitHub withholds at least {withheld} pull requests with reviews of yours"
    if beyond:
        explanation += f", and its search does not reach {beyond} more"
    return [Comparison("reviews", held, None, explanation)]


def _of_cut_windows(subscription: Subscription) -> list[Comparison]:
    """Days in which somebody worked in more repositories than GitHub names of any window."""
    return [
        Comparison(
            f"repositories worked in from {cut['since']} to {cut['until']}",
            cut["named"],
            cut["total"],
            "GitHub names no more of so few days; those in none of its lists are missing here",
        )
        for cut in subscription.lists.get(CALENDAR, {}).get("cut", ())
        if COMMITS in subscription.kinds
    ]


def _explain_list(subscription: Subscription, kind: str, held: int, missed: int, listed: _Listed) -> str:
    if held == listed.said:
        return ""
    present = held - missed
    reasons = []
    if missed:
        reasons.append(f"{missed} were deleted on GitHub, or undone, since they were saved; they stay here")
    if present < listed.said:
        reasons += _explain_lack(subscription, kind, listed.said - present, listed.reasons)
    elif present > listed.said:
        reasons.append(f"{present - listed.said} are no longer counted by GitHub; they stay here")
    return "; ".join(reasons)


def _explain_lack(
    subscription: Subscription, kind: str, lack: int, counted: Mapping[str, int]
) -> Iterator[str]:
    """What was counted while reading comes first; of what is left only so much is said as is known."""
    for reason, words in REASONS.items():
        count = min(counted[reason], lack)
        lack -= count
        if count:
            yield words.format(count)
    if lack and _is_all_chosen(subscription, kind):
        yield f"GitHub counts {lack} that it does not give to us"
    elif lack:
        yield f"{lack} are in places that are not part of your choice, or GitHub does not give them to us"


def _is_all_chosen(subscription: Subscription, kind: str) -> bool:
    has_secret = kind in {KIND_OF["gists"], KIND_OF["gist_comments"]}
    return (
        subscription.includes_private
        and (not has_secret or bool(subscription.agreement.get("secret_gists")))
        and subscription.omissions == Omissions()
        and not subscription.left_out.exists()
    )


# --- Repositories ---


def of_repositories(states: Iterable[RepositoryState]) -> Repositories:
    """Those of which GitHub has said how many commits they hold, or that cannot be read."""
    compared = [_of_repository(state) for state in states if state.said is not None or state.not_readable]
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
