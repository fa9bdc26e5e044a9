"""The fewest requests anybody could do with: full pages, and one question a day. Pure."""

import math
from collections.abc import Iterable

from sandbox.github.generated_size import Size

PAGE = 100
ALIASES = 10


def of_backfill(size: Size) -> int:
    """`ceil(items / 100)` for each kind; up to ten histories share one request of at most 200 commits."""
    years = size.years
    lists: Iterable[int] = (
        size.issues * years,
        size.pull_requests * years,
        size.comments * years,
        size.reviewed * years,
        size.stars * years,
        size.gists * years,
        size.discussions * years,
        size.repositories,
    )
    return sum(math.ceil(items / PAGE) for items in lists) + math.ceil(size.commits / (2 * PAGE)) + years


def of_idle_day() -> int:
    return 1


def of_active_day() -> int:
    """One question that tells what is new, and one that fetches it."""
    return 2


def of_a_year(active_days: int) -> int:
    return (365 - active_days) * of_idle_day() + active_days * of_active_day()
