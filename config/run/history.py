"""The history of a git repository as `git log` tells it, to compare with what the service collected."""

import os
import re
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
    """`authored_at` keeps the author's own offset; merges count lines and files against the first parent."""

    repository: str
    oid: str
    email: str
    authored_at: datetime
    message: str
    additions: int
    deletions: int
    changed_files: int


def require_repository(folder: Path) -> None:
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder. Name git checkouts with REPO.")
    if _git(folder, "rev-parse", "--git-dir").returncode != 0:
        raise UsageError(
            f"{folder} is no git repository. Name one with REPO, such as make run REPO=/a/checkout"
        )


def read_history(folder: Path, name: str | None = None) -> list[Commit]:
    """All commits reachable from the checked-out branch. An empty repository has none."""
    if _git(folder, "rev-parse", "--verify", "--quiet", "HEAD").returncode != 0:
        return []
    name = name or served_names([folder])[0]
    sizes = parse_numstat(_log(folder, *_NUMSTAT, "--format=%x00%H"))
    fields = _log(folder, "-z", "--format=%H%x00%ae%x00%at%x00%aI%x00%B").split("\0")
    return [_commit(name, fields[start : start + 5], sizes) for start in range(0, len(fields) - 4, 5)]


def served_names(folders: Iterable[Path]) -> list[str]:
    """What the stand-in for GitHub calls them: of several with one name the second is `name-2`."""
    names: list[str] = []
    for folder in folders:
        folder = folder.resolve()
        called = folder.name.removesuffix(".git") or folder.parent.name
        base = name = re.sub(r"[^A-Za-z0-9._-]+", "-", called)
        number = 1
        while name.lower() in map(str.lower, names):
            number += 1
            name = f"{base}-{number}"
        names.append(name)
    return names


def parse_numstat(text: str) -> dict[str, tuple[int, int, int]]:
    """Added lines, deleted lines and files by commit; `-` stands for a binary file, which has no lines."""
    sizes: dict[str, tuple[int, int, int]] = {}
    for record in text.split("\0")[1:]:
        oid, *rows = record.splitlines()
        counts = [row.split("\t")[:2] for row in rows if "\t" in row]
        sizes[oid] = (
            sum(int(added) for added, _ in counts if added != "-"),
            sum(int(deleted) for _, deleted in counts if deleted != "-"),
            len(counts),
        )
    return sizes


def _commit(name: str, fields: list[str], sizes: dict[str, tuple[int, int, int]]) -> Commit:
    oid, email, seconds, authored_at, message = fields
    try:
        moment = datetime.fromisoformat(authored_at)
    except ValueError:  # an offset that no calendar has; the moment itself is still known
        moment = datetime.fromtimestamp(int(seconds), UTC)
    return Commit(name, oid, email, moment, message.rstrip("\n"), *sizes.get(oid, (0, 0, 0)))


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
