"""One repository in which everybody has worked for years."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.repositories import Repository

YEARS = 12


def email_of(number: int) -> str:
    return f"author-{number}@load.example.org"


def long_history(folder: Path, authors: int) -> Repository:
    """A commit of everybody in each fortnight of twelve years."""
    repository = Repository.create(folder / "crowded", email_of(0))
    now = datetime.now(UTC).replace(microsecond=0)
    moments = [now - timedelta(days=14 * n + 1) for n in reversed(range(YEARS * 26))]
    for number in range(authors):
        own = [(moment + timedelta(minutes=number)).isoformat() for moment in moments]
        repository.add(own, email=email_of(number))
    return repository
