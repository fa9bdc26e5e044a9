"""Completeness shown, not hoped: what is held against what GitHub says, and why they differ.

GitHub counts per list and per repository. A difference that reading can close is closed by reading, because a
total that moved makes the next probe read on; what is left is explained here.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from sync.collect.lists import KIND_OF
from sync.ledger import WeekEntry
from sync.models import RepositoryState, Subscription

LABELS = {
    "issues": "issues opened",
    "pull_requests": "pull requests opened",
    "comments": "comments",
    "stars": "stars",
    "gists": "gists",
    "discussions": "discussions started",
}


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


def held_counts(ledgers: Iterable[Mapping[str, WeekEntry]]) -> Counter[str]:
    """How many records of each kind all files hold."""
    counts: Counter[str] = Counter()
    for ledger in ledgers:
        for entry in ledger.values():
            counts.update(entry.get("counts", {}))
    return counts


def of_lists(
    subscription: Subscription, ledgers: Iterable[Mapping[str, WeekEntry]] | None = None
) -> list[Comparison]:
    """One comparison for each kind that GitHub keeps lists of, comments of all sorts together.

    `ledgers` of all files may be given by who has them at hand.
    """
    if ledgers is None:
        ledgers = subscription.year_files.values_list("weeks", flat=True)
    held = held_counts(ledgers)
    said: Counter[str] = Counter()
    for name, kind in KIND_OF.items():
        if kind in subscription.kinds and name in subscription.lists:
            said[kind] += subscription.lists[name]["said"]
    return [
        Comparison(LABELS[kind], held[kind], count, _explain(subscription, held[kind], count))
        for kind, count in said.items()
    ]


def _explain(subscription: Subscription, held: int, said: int) -> str:
    if held > said:
        return f"{held - said} were deleted on GitHub, or undone, since they were saved; they stay here"
    if held < said and not subscription.includes_private:
        return f"{said - held} are in places that are not public, which are not part of your choice"
    if held < said:
        return f"GitHub counts {said - held} that it does not give to us"
    return ""


def of_repositories(subscription: Subscription) -> list[Comparison]:
    """Repositories whose commits do not number what GitHub says, or that cannot be read."""
    compared = [
        _of_repository(state) for state in subscription.repositories.exclude(said=None, not_readable="")
    ]
    return [comparison for comparison in compared if comparison.explanation]


def _of_repository(state: RepositoryState) -> Comparison:
    said = state.said or 0
    if state.not_readable:
        return Comparison(state.name, state.held, said, state.not_readable)
    if state.held != said and state.is_read:
        return Comparison(state.name, state.held, said, "GitHub's count and its list of commits differ")
    return Comparison(state.name, state.held, said)
