"""Histories at GitHub for drills: long enough that something can happen in the middle."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.repositories import Repository
from tests.secrets.planted import MARKER

EMAIL = "someone.with.a.history@example.org"
OFFSETS = ("+00:00", "+02:00", "-07:00", "+13:45")


def histories(folder: Path, repositories: int, commits: int, years: float) -> list[Repository]:
    """Repositories whose commits are spread over the years until a few days ago, in several offsets."""
    newest = datetime.now(UTC).replace(microsecond=0, tzinfo=None) - timedelta(days=3)
    pause = timedelta(days=365.25 * years) / commits
    made = []
    for number in range(repositories):
        repository = Repository.create(folder / f"repository-{number}", EMAIL)
        first = newest - timedelta(hours=7 * number)
        moments = (
            (first - pause * (commits - n)).isoformat(timespec="seconds") + OFFSETS[n % 4]
            for n in range(commits)
        )
        repository.add(moments, message=f"{MARKER} {{n}}")
        made.append(repository)
    return made
