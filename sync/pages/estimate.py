"""What a first sync will ask for, by what the probe told: years, repositories, requests, minutes. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any

from sync import planner

# Before anything was asked nobody knows how fast GitHub answers this account.
USUAL_PACE = timedelta(seconds=1.5)
# Of repositories whose total GitHub has not said yet; most hold few commits of one person.
USUAL_COMMITS = 20


@dataclass(frozen=True, slots=True)
class Commits:
    """How many commits GitHub has said, and of how many repositories it has said nothing yet."""

    said: int
    unknown: int


@dataclass(frozen=True, slots=True)
class Estimate:
    years: int
    repositories: int
    requests: int
    minutes: int


def estimate(lists: Mapping[str, Any], commits: Commits, pace: timedelta) -> Estimate | None:
    """None before the probe has answered. `lists` are those of the subscription."""
    years = len(lists.get("calendar", {}).get("years", []))
    repositories = lists.get("repositories", {}).get("total", 0)
    if not years:
        return None
    said = [state["said"] for state in lists.values() if isinstance(state, dict) and "said" in state]
    known = commits.said + USUAL_COMMITS * commits.unknown
    requests = (
        1
        + ceil(years / planner.LARGEST_BATCH["windows"])
        + ceil(repositories / planner.LARGEST_BATCH["repositories"])
        + ceil(max(said, default=0) / planner.LARGEST_BATCH["lists"])
        + max(ceil(known / planner.LARGEST_BATCH["commits"]), ceil(repositories / planner.COMMIT_ALIASES))
    )
    return Estimate(years, repositories, requests, ceil(requests * pace / timedelta(minutes=1)))


def pace_of(elapsed: timedelta, requests: int) -> timedelta:
    """How long one request has taken so far, saving included."""
    return elapsed / requests if requests >= 5 else USUAL_PACE
