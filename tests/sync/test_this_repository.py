"""A real history, that of this very project: every commit by its oid, week by week, against `git log`."""

import os
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from pytest_django import Settings

from config.run.history import most_active, of_author, read_history
from config.run.verify import check_commits, published_commits
from sync.models import SyncRun
from tests.repositories import Repository
from tests.sync.world import living

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy of what is checked out: nobody commits to it meanwhile."""
    if not (ROOT / ".git").exists():
        missing = f"{ROOT} is no git checkout, so no real history was compared."
        if os.environ.get("CI") == "true":
            pytest.fail(missing)
        pytest.skip(missing)
    copy = tmp_path / "this-project"
    git("clone", "--quiet", str(ROOT), str(copy))
    git("-C", str(copy), "checkout", "--quiet", "-B", "main")
    return copy


def git(*arguments: str) -> str:
    done = subprocess.run(
        ["git", *arguments], capture_output=True, check=True, env={**os.environ, "TZ": "UTC"}, text=True
    )
    return done.stdout


def commits_by_week(checkout: Path, email: str) -> Counter[str]:
    """In git's own words: ISO weeks of the author dates, in UTC."""
    rows = git("-C", str(checkout), "log", "--date=format-local:%G-W%V", "--format=%ae%x09%ad").splitlines()
    return Counter(week for author, week in (row.split("\t") for row in rows) if author.lower() == email)


def test_every_commit_of_this_project_arrives_in_its_week(
    checkout: Path, tmp_path: Path, settings: Settings
) -> None:
    history = read_history(checkout)
    email = most_active(history)
    assert email is not None
    with living(tmp_path, settings, {"this-project": Repository(checkout, email)}) as world:
        assert world.sync().state == SyncRun.State.SUCCEEDED
        documents = world.years().values()

        assert check_commits(of_author(history, email), documents, world.github.url) == []
        by_week = Counter(week for week, _ in published_commits(documents))
        assert by_week == commits_by_week(checkout, email)
        assert sum(by_week.values()) > 0
        assert set(by_week) <= set(world.weeks())
        assert "missing" not in world.weeks().values()
