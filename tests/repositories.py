"""Small git repositories with a history of our choosing, written in one go by `git fast-import`."""

import os
import subprocess
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path

ENVIRONMENT = {
    "PATH": os.environ["PATH"],
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_TERMINAL_PROMPT": "0",
}


def days_ago(days: float, offset: str = "+00:00") -> str:
    """As dates of commits are written; with another offset it is that hour there."""
    moment = datetime.now(UTC) - timedelta(days=days)
    return moment.replace(microsecond=0, tzinfo=None).isoformat() + offset


def git(path: Path, *arguments: str, stdin: bytes | None = None) -> str:
    done = subprocess.run(
        ["git", "-C", str(path), *arguments], input=stdin, capture_output=True, check=True, env=ENVIRONMENT
    )
    return done.stdout.decode("utf-8", "replace")


@dataclass
class Repository:
    """One repository on disk. Commits go on top of its branch unless another parent is named."""

    path: Path
    email: str
    commits: int = field(default=0)

    @classmethod
    def create(cls, path: Path, email: str) -> "Repository":
        path.mkdir(parents=True)
        git(path, "init", "-q", "-b", "main")
        return cls(path, email)

    def add(
        self,
        moments: Iterable[str],
        *,
        message: str = "Commit {n}",
        email: str | None = None,
        committed: str | None = None,
        branch: str = "main",
        onto: str | None = None,
    ) -> None:
        """One commit per moment (ISO 8601 with an offset), oldest first.

        `committed` is the committer date of all of them where it is not their author date; `onto` names the
        parent of the first one, "" for none.
        """
        parent = self._head(branch) if onto is None else onto
        stream = b""
        for moment in moments:
            self.commits += 1
            stream += self._commit(moment, committed or moment, message, email or self.email, branch, parent)
            parent = None
        git(self.path, "fast-import", "--quiet", "--force", stdin=stream)

    def add_of_all(self, emails: Sequence[str], moments: Iterable[str], message: str = "Commit {n}") -> None:
        """On top of main, one commit of each of these authors per moment, oldest first."""
        parent, stream = self._head("main"), b""
        for moment, email in product(moments, emails):
            self.commits += 1
            stream += self._commit(moment, moment, message, email, "main", parent)
            parent = None
        git(self.path, "fast-import", "--quiet", "--force", stdin=stream)

    def _commit(
        self, moment: str, committed: str, message: str, email: str, branch: str, parent: str | None
    ) -> bytes:
        text = message.format(n=self.commits).encode()
        content = f"line {self.commits}\n".encode()
        lines = [
            f"commit refs/heads/{branch}".encode(),
            b"author Somebody <%s> %s" % (email.encode(), _git_date(moment)),
            b"committer Somebody <%s> %s" % (email.encode(), _git_date(committed)),
            b"data %d" % len(text),
            text,
        ]
        if parent:
            lines.append(f"from {parent}".encode())
        lines += [f"M 100644 inline file-{self.commits % 7}.txt".encode(), b"data %d" % len(content), content]
        return b"\n".join(lines) + b"\n"

    def write(self, files: "dict[str, bytes | None]", moment: str, *, email: str | None = None) -> None:
        """One commit that writes these files, or takes those away that are None."""
        self.commits += 1
        text = f"Commit {self.commits}".encode()
        parent = self._head("main")
        lines = [
            b"commit refs/heads/main",
            b"author Somebody <%s> %s" % ((email or self.email).encode(), _git_date(moment)),
            b"committer Somebody <%s> %s" % ((email or self.email).encode(), _git_date(moment)),
            b"data %d" % len(text),
            text,
            *([f"from {parent}".encode()] if parent else []),
        ]
        for path, content in files.items():
            if content is None:
                lines.append(f"D {path}".encode())
            else:
                lines += [f"M 100644 inline {path}".encode(), b"data %d" % len(content), content]
        git(self.path, "fast-import", "--quiet", "--force", stdin=b"\n".join(lines) + b"\n")

    def merge(self, other: str, moment: str) -> None:
        """Merge a branch into main, as a merge button does."""
        tree = git(self.path, "rev-parse", f"{other}^{{tree}}").strip()
        date = _git_date(moment).decode()
        oid = subprocess.run(
            [
                "git",
                "-C",
                str(self.path),
                "commit-tree",
                tree,
                "-p",
                "main",
                "-p",
                other,
                "-m",
                f"Merge {other}",
            ],
            capture_output=True,
            check=True,
            env={
                **ENVIRONMENT,
                "GIT_AUTHOR_NAME": "Somebody",
                "GIT_AUTHOR_EMAIL": self.email,
                "GIT_AUTHOR_DATE": date,
                "GIT_COMMITTER_NAME": "Somebody",
                "GIT_COMMITTER_EMAIL": self.email,
                "GIT_COMMITTER_DATE": date,
            },
        ).stdout.decode()
        git(self.path, "update-ref", "refs/heads/main", oid.strip())

    def drop(self, count: int) -> None:
        """A force push that takes the newest commits away."""
        git(self.path, "update-ref", "refs/heads/before", "main")
        git(self.path, "update-ref", "refs/heads/main", f"main~{count}")

    def restore(self) -> None:
        """Another one that brings them back."""
        git(self.path, "update-ref", "refs/heads/main", "before")

    def oids(self) -> set[str]:
        """The oids of the member's commits on the default branch."""
        listed = git(self.path, "log", "--format=%H %ae", "main").splitlines()
        return {line.split()[0] for line in listed if line.split()[1] == self.email}

    @property
    def head(self) -> str:
        return self._head("main") or ""

    def _head(self, branch: str) -> str | None:
        found = subprocess.run(
            ["git", "-C", str(self.path), "rev-parse", "-q", "--verify", f"refs/heads/{branch}"],
            capture_output=True,
            check=False,
            env=ENVIRONMENT,
        )
        return found.stdout.decode().strip() or None


def _git_date(moment: str) -> bytes:
    parsed = datetime.fromisoformat(moment)
    return f"{int(parsed.timestamp())} {parsed.strftime('%z') or '+0000'}".encode()
