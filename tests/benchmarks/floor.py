"""The floor, a yardstick: full pages of each list, read alone, and one question where nothing changed. Pure.

It is no limit: one request of ours goes on in several lists at once, and can so need fewer of them.
"""

import math
from collections.abc import Iterable

from sandbox.github.generated_size import Size

PAGE = 100
# Of commits one request brings more: several histories share it.
COMMITS = 200


def of_backfill(size: Size) -> int:
    """`ceil(items / 100)` for each list, commits `ceil(items / 200)` in all, and a request for each year."""
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
    return sum(math.ceil(items / PAGE) for items in lists) + of_commits(size) + years


def of_commits(size: Size) -> int:
    return math.ceil(size.commits / COMMITS)


def of_idle_day() -> int:
    return 1


def of_active_day() -> int:
    """One question that tells what is new, and one that fetches it."""
    return 2


def of_a_year(active_days: int) -> int:
    return (365 - active_days) * of_idle_day() + active_days * of_active_day()


def bytes_of_backfill(file_bytes: int) -> tuple[int, int]:
    """The finished files once down, as the records they hold, and once up; questions weigh nothing."""
    return file_bytes, file_bytes
