"""What the stand-in asks of a git history, whether it lies on disk or is made up."""

import heapq
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple, Protocol, TypeVar

from sandbox.github.gitlog import Change, Commit, Signature, Statistics

_BINARY_LOOK = 8000
Name = TypeVar("Name", str, int)


class TreeEntry(NamedTuple):
    mode: int
    type: str
    oid: str
    size: int
    path: str


class Branch(NamedTuple):
    """A ref; `name` is the full one."""

    name: str
    oid: str


class GitTag(NamedTuple):
    """A tag that leads to a commit, with who made it: the tagger, of a light one the commit's author."""

    name: str
    commit_oid: str
    tagger: Signature
    message: str


class History(Protocol):
    """Commits by oid, and the objects around them. `order` and `select` are in the order of `git log`."""

    name: str
    branch: str
    is_gone: bool
    revision: int
    """Another number whenever a branch or tag moved."""

    @property
    def head(self) -> str | None:
        """The oid of the default branch; None when there is no commit."""

    @property
    def place(self) -> str:
        """Where it comes from, for a person to read."""

    def refresh(self) -> None:
        """See whether it changed."""

    def order(self, oid: str) -> Sequence[str]:
        """All ancestors of a commit, itself first."""

    def select(
        self,
        oid: str,
        *,
        emails: frozenset[str] | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> Sequence[str]:
        """Of that order: by the author's addresses, spelled exactly so, and by committer date, inclusive.

        Git does not look behind a commit that is older than `since`.
        """

    def author_days(self, oid: str, emails: frozenset[str]) -> Sequence[tuple[str, int]]:
        """Oid and day (`date.toordinal`) in the author's own zone, of all commits by these addresses."""

    def touching(self, oid: str, path: str) -> set[str]: ...

    def statistics(self, oid: str, nearby: Iterable[str] = ()) -> Statistics:
        """Of one commit; those `nearby`, which will be asked for next, may be read along."""

    def changes(self, oid: str) -> list[Change]: ...

    def commit(self, oid: str) -> Commit | None: ...

    def object_type(self, oid: str) -> str | None:
        """`commit`, `tree`, `blob`, `tag`, or None for what is not there."""

    def resolve(self, expression: str) -> str | None: ...

    def branches(self, prefix: str = "refs/heads/") -> list[Branch]: ...

    def tags(self) -> list[GitTag]: ...

    def peel(self, oid: str) -> str | None: ...

    def tree(self, oid: str, *, recursive: bool = False) -> list[TreeEntry]: ...

    def blob(self, oid: str) -> bytes: ...

    def tag(self, oid: str) -> str: ...

    def languages(self) -> dict[str, int]:
        """Bytes by language at the head, the largest first."""

    def disk_usage(self) -> int:
        """KiB."""


def is_binary(content: bytes) -> bool:
    return b"\0" in content[:_BINARY_LOOK]


def walk(
    start: Name, parents_of: Callable[[Name], Sequence[Name]], seconds_of: Callable[[Name], int]
) -> list[Name]:
    """The order of `git log`: always the newest committer date in sight; of equal ones the one seen first."""
    order: list[Name] = []
    seen = {start}
    queue = [(-seconds_of(start), 0, start)]
    while queue:
        _, _, name = heapq.heappop(queue)
        order.append(name)
        for parent in parents_of(name):
            if parent not in seen:
                seen.add(parent)
                heapq.heappush(queue, (-seconds_of(parent), len(seen), parent))
    return order


def between(
    order: Iterable[Name],
    parents_of: Callable[[Name], Sequence[Name]],
    seconds_of: Callable[[Name], int],
    since: float | None,
    until: float | None,
) -> set[Name]:
    """Of that order those committed then. What is only reached through a too old one stays hidden."""
    found: set[Name] = set()
    hidden: set[Name] = set()
    for name in order:
        seconds = seconds_of(name)
        if name in hidden or (since is not None and seconds < since):
            hidden.update(parents_of(name))
        elif until is None or seconds <= until:
            found.add(name)
    return found
