"""A whole account at GitHub: records of every kind, made up, beside true histories and rides.

The rides lie in a private repository, there is a secret gist, and the member chooses all of it: what is
disturbed are all files that anybody can have, and all requests that fetch them.
"""

from datetime import UTC, datetime, timedelta

from sync.records import KINDS
from tests.faults import secret_rides
from tests.faults.comparing import TRACKS, kinds_of
from tests.faults.killing import Meanwhile, Truth, live_through, slow_down
from tests.faults.stack import Stack
from tests.faults.summary import SEED
from tests.repositories import days_ago
from tests.secrets.planted import MARKER

FILES = {"github-profile.json", "github-daily.csv"}
# What somebody keeps to themselves and a few others.
SECRET_GIST, BELOW_IT = f"{MARKER} in a secret gist", f"{MARKER} in a comment on it"


def made_up(size: str) -> list[str]:
    """Arguments of the stand-in: an account of this size that ends a few days ago.

    Of two years at least: a single one has too few gists and releases for all kinds to be there.
    """
    until = datetime.now(UTC).date() - timedelta(days=3)
    return ["--account", size, "--seed", str(SEED), "--until", until.isoformat()]


def make_secret_gist(stack: Stack) -> None:
    gist = stack.act("create_gist", description=SECRET_GIST, public=False, at=days_ago(5))
    stack.act("create_comment", on=gist["id"], body=BELOW_IT, at=days_ago(4))


def backfill_everything(stack: Stack, meanwhile: Meanwhile) -> None:
    """The first run, and those that find and read the tracks, each with something happening meanwhile."""
    slow_down(stack)
    visitor = stack.connect("private", secret_gists=True)
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
    assert any(name.endswith(".geojson") for name in files)
    of_the_secret_gist = {
        name.startswith("github-private-")
        for text in (SECRET_GIST, BELOW_IT)
        for name, content in files.items()
        if text.encode() in content
    }
    assert of_the_secret_gist == {True}, "what is secret stands in private files, and only there"
    assert any(question.startswith("GET ") for question in truth.asked), "the REST API is asked as well"
