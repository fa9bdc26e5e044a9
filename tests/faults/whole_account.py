"""A whole account at GitHub: records of every kind, made up, beside true histories and rides.

The rides lie in a private repository, and the member chooses private ones as well: what is disturbed are all
files that anybody can have, and all requests that fetch them.
"""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from sync.records import KINDS
from tests.faults import secret_rides
from tests.faults.comparing import TRACKS, kinds_of
from tests.faults.killing import Meanwhile, Truth, live_through, slow_down
from tests.faults.stack import Stack
from tests.faults.summary import SEED
from tests.repositories import Repository

FILES = {"github-profile.json", "github-daily.csv"}


def made_up(size: str) -> list[str]:
    """Arguments of the stand-in: an account of this size that ends a few days ago.

    Of two years at least: a single one has too few gists and releases for all kinds to be there.
    """
    until = datetime.now(UTC).date() - timedelta(days=3)
    return ["--account", size, "--seed", str(SEED), "--until", until.isoformat()]


def rides(folder: Path) -> Repository:
    return secret_rides.secret_rides(folder)


def make_private(stack: Stack) -> None:
    """The rides at GitHub; and the member of each backfill chooses what is private too."""
    secret_rides.hide(stack)
    stack.choice = "private"


def backfill_everything(stack: Stack, meanwhile: Meanwhile) -> None:
    """The first run, and those that find and read the tracks, each with something happening meanwhile."""
    slow_down(stack)
    visitor = stack.connect()
    live_through(stack, meanwhile)
    stack.wait_for_site()

    def read(stack: Stack, _what: str) -> None:
        live_through(stack, meanwhile)
        stack.wait_for_site()

    secret_rides.collect_tracks(stack, visitor, read)


def require_everything(truth: Truth) -> None:
    """A drill on less than that would prove less than it says."""
    files = truth.files
    missing = {*KINDS, TRACKS} - kinds_of(files)
    assert missing == set(), missing
    assert set(files) >= FILES
    assert any(name.startswith("github-private-") for name in files)
    assert any(name.endswith(".geojson") for name in files)
    assert any(question.startswith("GET ") for question in truth.asked), "the REST API is asked as well"
