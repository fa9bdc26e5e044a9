"""The history of a git repository as `git log` tells it, to compare with what the service collected."""

import os
import subprocess
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from config.run.errors import RunError, UsageError

# The person's own configuration must not change what is read, and naming the folder was their choice.
_CONFIGURATION = (
    "safe.directory=*",
    "log.showSignature=false",
    "diff.ignoreSubmodules=none",
    "diff.relative=false",
)
_NUMSTAT = ("--numstat", "--diff-merges=first-parent", "-M", "-l1000", "--diff-algorithm=myers")
_PLAIN = ("--no-ext-diff", "--no-textconv", "--no-mailmap", "--encoding=UTF-8")


@dataclass(frozen=True)
class Commit:
    """`authored_at` keeps the author's own offset; merges count their lines against the first parent."""

    oid: str
    email: str
    authored_at: datetime
    message: str
    additions: int
    deletions: int


def require_repository(folder: Path) -> None:
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder. Name git checkouts with REPO.")
    if _git(folder, "rev-parse", "--git-dir").returncode != 0:
        raise UsageError(
            f"{folder} is no git repository. Name one with REPO, such as make run REPO=/a/checkout"
        )


def read_history(folder: Path) -> list[Commit]:
    """All commits reachable from the checked-out branch. An empty repository has none."""
    if _git(folder, "rev-parse", "--verify", "--quiet", "HEAD").returncode != 0:
        return []
    lines = parse_numstat(_log(folder, *_NUMSTAT, "--format=%x00%H"))
    fields = _log(folder, "-z", "--format=%H%x00%ae%x00%at%x00%aI%x00%B").split("\0")
    return [_commit(fields[start : start + 5], lines) for start in range(0, len(fields) - 4, 5)]


def parse_numstat(text: str) -> dict[str, tuple[int, int]]:
    """Added and deleted lines by commit; `-` stands for a binary file, which has none."""
    lines: dict[str, tuple[int, int]] = {}
    for record in text.split("\0")[1:]:
        oid, *rows = record.splitlines()
        counts = [row.split("\t")[:2] for row in rows if "\t" in row]
        lines[oid] = (
            sum(int(added) for added, _ in counts if added != "-"),
            sum(int(deleted) for _, deleted in counts if deleted != "-"),
        )
    return lines


def _commit(fields: list[str], lines: dict[str, tuple[int, int]]) -> Commit:
    oid, email, seconds, authored_at, message = fields
    try:
        moment = datetime.fromisoformat(authored_at)
    except ValueError:  # an offset that no calendar has; the moment itself is still known
        moment = datetime.fromtimestamp(int(seconds), UTC)
    additions, deletions = lines.get(oid, (0, 0))
    return Commit(oid, email, moment, message.rstrip("\n"), additions, deletions)


def most_active(commits: Iterable[Commit]) -> str | None:
    """The address with most commits, in small letters; of equals the first in the alphabet."""
    counts = Counter(commit.email.lower() for commit in commits)
    return min(counts, key=lambda email: (-counts[email], email), default=None)


def of_author(commits: Iterable[Commit], email: str) -> list[Commit]:
    return [commit for commit in commits if commit.email.lower() == email.lower()]


def _log(folder: Path, *arguments: str) -> str:
    finished = _git(folder, "log", *_PLAIN, *arguments, "HEAD")
    if finished.returncode != 0:
        raise RunError(f"git log failed in {folder}: {finished.stderr.decode(errors='replace').strip()}")
    return finished.stdout.decode("utf-8", errors="replace")


def _git(folder: Path, *arguments: str) -> "subprocess.CompletedProcess[bytes]":
    settings = [part for setting in _CONFIGURATION for part in ("-c", setting)]
    command = ["git", "--no-replace-objects", "-C", str(folder), *settings, *arguments]
    try:
        return subprocess.run(
            command, capture_output=True, env={**os.environ, "LC_ALL": "C.UTF-8"}, check=False
        )
    except FileNotFoundError:
        raise RunError("git is not installed.") from None
