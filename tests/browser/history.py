"""A small git repository whose history the stand-in serves: sixty commits over a year."""

import os
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.secrets.planted import MARKER

COMMITS = 60
DAYS_BETWEEN = 6
EMAIL = "mona@example.org"
AUTHOR = {"GIT_AUTHOR_NAME": "Mona Lisa", "GIT_AUTHOR_EMAIL": EMAIL}
COMMITTER = {"GIT_COMMITTER_NAME": "Mona Lisa", "GIT_COMMITTER_EMAIL": EMAIL}


def make_repository(folder: Path, now: datetime | None = None) -> Path:
    """One commit each six days, the newest of them yesterday."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    newest = (now or datetime.now(UTC)) - timedelta(days=1)
    for number in range(COMMITS):
        at = newest - timedelta(days=DAYS_BETWEEN * (COMMITS - 1 - number))
        (folder / "diary.txt").write_text(f"{number} days of work\n", encoding="utf-8")
        git(folder, "add", "diary.txt")
        git(folder, "commit", "--quiet", "--message", f"{MARKER} on day {number}", at=at)
    return folder


def git(folder: Path, *arguments: str, at: datetime | None = None) -> None:
    clock = {} if at is None else {"GIT_AUTHOR_DATE": at.isoformat(), "GIT_COMMITTER_DATE": at.isoformat()}
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    alone = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    subprocess.run(["git", *arguments], cwd=folder, env=kept | alone | AUTHOR | COMMITTER | clock, check=True)
