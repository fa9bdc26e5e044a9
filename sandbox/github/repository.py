"""One git repository on disk: its commits in memory, its order of history from any commit, its objects."""

import threading
import time
from collections import OrderedDict
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from sandbox.github.gitlog import (
    Change,
    Commit,
    GitError,
    Statistics,
    find_git_dir,
    iter_commits,
    read_changes,
    read_statistics,
    read_tags,
    run_git,
)
from sandbox.github.history import Branch, GitTag, TreeEntry, between, walk
from sandbox.github.languages import languages_in

_LOOK_AGAIN_SECONDS = 0.2
_KEPT_ORDERS = 8
_KEPT_SELECTIONS = 256


class GitRepository:
    """Reads `path` (a work tree, a linked work tree or a bare repository) and follows its HEAD as it moves.

    Histories start at any commit that was ever seen, so paging from an older head stays possible.
    Raises GitError when there is no repository at the path.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.resolve()
        self.name = self.path.name.removesuffix(".git") or self.path.parent.name
        self._git_dir = find_git_dir(self.path, "--absolute-git-dir")
        self._common_dir = find_git_dir(self.path, "--git-common-dir")
        self.commits: dict[str, Commit] = {}
        self.head: str | None = None
        self.branch = "HEAD"
        self.is_gone = False
        self.revision = 0
        self._statistics: dict[str, Statistics] = {}
        self._orders: OrderedDict[str, list[str]] = OrderedDict()
        self._selections: OrderedDict[tuple[str, frozenset[str]], list[str]] = OrderedDict()
        self._languages: tuple[str, dict[str, int]] | None = None
        self._lock = threading.RLock()
        self._fingerprint: object = None
        self._looked_at = 0.0
        self.refresh()

    def refresh(self) -> None:
        """See whether HEAD moved: a few file dates, at most every 200 ms."""
        with self._lock:
            now = time.monotonic()
            if self._looked_at and now - self._looked_at < _LOOK_AGAIN_SECONDS:
                return
            self._looked_at = now
            fingerprint = self._look()
            self.is_gone = fingerprint is None
            if fingerprint is not None and fingerprint != self._fingerprint:
                self._read_head()
                self._fingerprint = self._look()
                self.revision += 1

    @property
    def place(self) -> str:
        return str(self.path)

    def order(self, oid: str) -> Sequence[str]:
        with self._lock:
            known = self._orders.get(oid)
            if known is None:
                known = self._orders[oid] = walk(oid, self._known_parents, self._committed_seconds)
                _shrink(self._orders, _KEPT_ORDERS)
            self._orders.move_to_end(oid)
            return known

    def select(
        self,
        oid: str,
        *,
        emails: frozenset[str] | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> Sequence[str]:
        chosen = self.order(oid) if emails is None else self._authored(oid, emails)
        if since is None and until is None:
            return chosen
        inside = between(self.order(oid), self._known_parents, self._committed_seconds, since, until)
        return [each for each in chosen if each in inside]

    def author_days(self, oid: str, emails: frozenset[str]) -> Sequence[tuple[str, int]]:
        return [(each, self.commits[each].author.day.toordinal()) for each in self._authored(oid, emails)]

    def touching(self, oid: str, path: str) -> set[str]:
        """The commits `git log` shows for a path."""
        if not path.strip("/"):
            return set(self.order(oid))
        output = run_git(self._git_dir, "log", "--format=%H", oid, "--", f":(literal,top){path.strip('/')}")
        return set(output.decode().split())

    def statistics(self, oid: str, nearby: Iterable[str] = ()) -> Statistics:
        """Of one commit; those `nearby`, which will be asked for next, are read in the same call of git."""
        if oid not in self._statistics:
            wanted = {oid, *nearby} - self._statistics.keys()
            self._statistics.update(read_statistics(self._git_dir, sorted(wanted)))
        return self._statistics[oid]

    def changes(self, oid: str) -> list[Change]:
        """The files of one commit, against its first parent."""
        return read_changes(self._git_dir, oid)

    def commit(self, oid: str) -> Commit | None:
        """Also one that no branch reaches any more, if git still has it."""
        if oid not in self.commits and self.object_type(oid) == "commit":
            with self._lock:
                self._read_commits(oid)
        return self.commits.get(oid)

    def object_type(self, oid: str) -> str | None:
        """`commit`, `tree`, `blob`, `tag`, or None for what git does not have."""
        if oid in self.commits:
            return "commit"
        if not _is_oid(oid):
            return None
        try:
            return run_git(self._git_dir, "cat-file", "-t", oid).decode().strip()
        except GitError:
            return None

    def resolve(self, expression: str) -> str | None:
        """The oid of `HEAD`, `branch:path`, an abbreviated oid, ...; None if there is none."""
        try:
            output = run_git(self._git_dir, "rev-parse", "--verify", "-q", "--end-of-options", expression)
            return output.decode().split()[-1]
        except (GitError, IndexError):
            return None

    def branches(self, prefix: str = "refs/heads/") -> list[Branch]:
        output = run_git(self._git_dir, "for-each-ref", "--format=%(objectname) %(refname)", prefix)
        lines = [line.partition(" ") for line in output.decode("utf-8", "replace").splitlines()]
        return [Branch(name, oid) for oid, _, name in lines]

    def tags(self) -> list[GitTag]:
        return [GitTag(*fields) for fields in read_tags(self._git_dir)]

    def peel(self, oid: str) -> str | None:
        """The object that a tag points to in the end."""
        return self.resolve(f"{oid}^{{}}")

    def tree(self, oid: str, *, recursive: bool = False) -> list[TreeEntry]:
        flags = ["-r", "-t"] if recursive else []
        lines = run_git(self._git_dir, "ls-tree", "-z", "-l", "--full-tree", *flags, oid).split(b"\0")
        return [_tree_entry(line) for line in lines if line]

    def blob(self, oid: str) -> bytes:
        return run_git(self._git_dir, "cat-file", "blob", oid)

    def tag(self, oid: str) -> str:
        return run_git(self._git_dir, "cat-file", "tag", oid).decode("utf-8", "replace")

    def languages(self) -> dict[str, int]:
        if self.head is None:
            return {}
        with self._lock:
            if self._languages is None or self._languages[0] != self.head:
                self._languages = self.head, languages_in(self.tree(self.head, recursive=True))
            return self._languages[1]

    def disk_usage(self) -> int:
        """KiB of packed and loose objects."""
        files = (self._common_dir / "objects").glob("*/*")
        return sum(file.stat().st_size for file in files if file.is_file()) // 1024

    def _authored(self, oid: str, emails: frozenset[str]) -> list[str]:
        key = (oid, emails)
        with self._lock:
            known = self._selections.get(key)
            if known is None:
                commits = self.commits
                known = [each for each in self.order(oid) if commits[each].author.email in emails]
                self._selections[key] = known
                _shrink(self._selections, _KEPT_SELECTIONS)
            self._selections.move_to_end(key)
            return known

    def _known_parents(self, oid: str) -> Sequence[str]:
        """A shallow clone ends before its parents."""
        return [parent for parent in self.commits[oid].parents if parent in self.commits]

    def _committed_seconds(self, oid: str) -> int:
        return self.commits[oid].committer.seconds

    def _look(self) -> object:
        """Dates and numbers of the files that say where HEAD is; None when the repository is gone."""
        try:
            head = (self._git_dir / "HEAD").read_bytes()
        except OSError:
            return None
        named = head.removeprefix(b"ref: ").strip().decode("utf-8", "replace")
        paths = [self._common_dir / "packed-refs", self._common_dir / "reftable" / "tables.list"]
        paths.append(self._common_dir / "refs" / "tags")
        if head.startswith(b"ref: "):
            paths.append(self._common_dir / named)
        return named, [_file_state(path) for path in paths]

    def _read_head(self) -> None:
        head = self.resolve("HEAD^{commit}")
        if head and head not in self.commits:
            self._read_commits(head)
        try:
            symbolic = run_git(self._git_dir, "symbolic-ref", "-q", "--short", "HEAD")
            self.branch = symbolic.decode("utf-8", "replace").strip()
        except GitError:
            self.branch = "HEAD"  # detached
        self.head = head

    def _read_commits(self, oid: str) -> None:
        known = [f"^{self.head}"] if self.head and self.object_type(self.head) else []
        try:
            found = {commit.oid: commit for commit in iter_commits(self._git_dir, oid, *known)}
        except GitError:  # the old head was pruned
            found = {commit.oid: commit for commit in iter_commits(self._git_dir, oid)}
        self.commits = self.commits | found


def _file_state(path: Path) -> tuple[int, int, int] | None:
    try:
        state = path.stat()
    except OSError:
        return None
    return state.st_mtime_ns, state.st_size, state.st_ino


def _tree_entry(line: bytes) -> TreeEntry:
    details, _, path = line.partition(b"\t")
    mode, kind, oid, size = details.decode().split()
    return TreeEntry(
        int(mode, 8), kind, oid, 0 if size == "-" else int(size), path.decode("utf-8", "replace")
    )


def _is_oid(text: str) -> bool:
    return len(text) in (40, 64) and all(character in "0123456789abcdef" for character in text)


def _shrink(kept: OrderedDict[Any, list[str]], size: int) -> None:
    while len(kept) > size:
        kept.popitem(last=False)
