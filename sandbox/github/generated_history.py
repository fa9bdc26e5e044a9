"""A git history that is made up and lies in memory: about fourteen bytes a commit.

Whatever is asked of a commit follows from its number, so nothing but dates, author and parent is kept. Oids,
and those of trees, hold the number they stand for in their last eight digits, and digits of a hash before
them, so that they are looked up without an index. Those of files are git's own, which say what is in them.
"""

import hashlib
import threading
from array import array
from bisect import bisect_right
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple, overload

from sandbox.github.generated_files import Files
from sandbox.github.generated_words import message
from sandbox.github.gitlog import Change, Commit, Signature, Statistics
from sandbox.github.history import Branch, GitTag, TreeEntry, between, walk

_EPOCH = 719_163
_DAY = 86_400
_KEPT = 32
_BRANCH = "refs/heads/main"
_QUARTER = 15


class Person(NamedTuple):
    """An author; `email` as it stands in commits."""

    name: str
    email: str


class GeneratedHistory:
    """Starts empty; `append` adds commits. Commits are numbers inside, in the order they were made."""

    branch = "main"

    def __init__(self, name: str, seed: str, people: Sequence[Person], files: Files) -> None:
        self.name = name
        self.people = list(people)
        self.is_gone = False
        self.revision = 0
        self.releases: list[GitTag] = []
        self.files = files
        self._prefix = hashlib.sha1(f"{seed}\0{name}".encode()).digest()
        self._mask = int.from_bytes(self._prefix[:4], "big")
        self._authored = array("q")
        self._committed = array("q")
        self._author = array("H")
        self._offset = array("b")
        self._parent = array("i")
        self._second: dict[int, int] = {}
        self._head = -1
        self._sorted_until = 0
        self._lock = threading.RLock()
        self._orders: OrderedDict[int, array[int]] = OrderedDict()
        self._selections: OrderedDict[tuple[int, frozenset[str]], array[int]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._authored)

    @property
    def place(self) -> str:
        return "generated"

    @property
    def head(self) -> str | None:
        return None if self._head < 0 else self.oid(self._head)

    @property
    def head_number(self) -> int:
        """-1 when there is none."""
        return self._head

    def append(
        self,
        authored: int,
        *,
        author: int = 0,
        offset_minutes: int = 0,
        committed: int | None = None,
        parent: int | None = None,
        second_parent: int | None = None,
    ) -> int:
        """One more commit, by the number of its author; on top of the head, unless another parent is given.

        The head moves with `move_head` only.
        """
        number = len(self._authored)
        self._authored.append(authored)
        self._committed.append(authored if committed is None else committed)
        self._author.append(author)
        self._offset.append(offset_minutes // _QUARTER)
        self._parent.append(number - 1 if parent is None else parent)
        if second_parent is not None:
            self._second[number] = second_parent
        return number

    def move_head(self, number: int) -> None:
        with self._lock:
            self._head = number
            self._sorted_until = self._sorted_until or number + 1
            self.revision += 1

    def numbers(self) -> Sequence[int]:
        """From the head back."""
        return self._order(self._head) if self._head >= 0 else []

    def newest_before(self, seconds: int) -> int:
        """The last commit authored by then, of those from before the first act; or the first there is."""
        return max(0, bisect_right(self._authored, seconds, hi=self._sorted_until) - 1)

    def parent(self, number: int) -> int:
        """-1 before the first."""
        return self._parent[number]

    def authored_seconds(self, number: int) -> int:
        return self._authored[number]

    def committed_seconds(self, number: int) -> int:
        return self._committed[number]

    def oid(self, number: int) -> str:
        return self._name(b"commit", number)

    def refresh(self) -> None:
        """Nothing changes but through this object."""

    def order(self, oid: str) -> Sequence[str]:
        return _Oids(self, self._order(self._known_number(oid)))

    def select(
        self,
        oid: str,
        *,
        emails: frozenset[str] | None = None,
        since: float | None = None,
        until: float | None = None,
    ) -> Sequence[str]:
        start = self._known_number(oid)
        chosen = self._order(start) if emails is None else self._by(start, emails)
        if since is not None or until is not None:
            inside = between(self._order(start), self._parents, self._committed.__getitem__, since, until)
            chosen = array("i", [number for number in chosen if number in inside])
        return _Oids(self, chosen)

    def author_days(self, oid: str, emails: frozenset[str]) -> Sequence[tuple[str, int]]:
        authored, offset = self._authored, self._offset
        return [
            (self.oid(number), (authored[number] + offset[number] * _QUARTER * 60) // _DAY + _EPOCH)
            for number in self._by(self._known_number(oid), emails)
        ]

    def touching(self, oid: str, path: str) -> set[str]:
        """A file came with one commit; the sources came with all of them."""
        numbers = self._order(self._known_number(oid))
        if self.files.is_source(path):
            return {self.oid(number) for number in numbers}
        place = self.files.place_of(path)
        return set() if place is None else {self.oid(numbers[-1 - place % len(numbers)])}

    def statistics(self, oid: str, nearby: Iterable[str] = ()) -> Statistics:  # noqa: ARG002 - nothing is read
        digest = int(oid[:8], 16)
        additions = 1 + digest % 40 if digest % 9 else 40 + digest % 700
        return Statistics(additions, (digest >> 8) % 25, 1 + (digest >> 16) % 6, self.files.source)

    def changes(self, oid: str) -> list[Change]:
        total = self.statistics(oid)
        first = Change(self.files.source, None, "modified", oid, total.additions, total.deletions)
        others = [Change(f"part-{n}.txt", None, "added", oid, 0, 0) for n in range(1, total.changed_files)]
        return [first, *others]

    def commit(self, oid: str) -> Commit | None:
        number = self._number(b"commit", oid)
        if number is None or number >= len(self._authored):
            return None
        person = self.people[self._author[number]]
        offset = self._offset[number] * _QUARTER
        return Commit(
            oid,
            tuple(self.oid(parent) for parent in self._parents(number)),
            self._name(b"tree", number),
            Signature(person.name, person.email, self._authored[number], offset),
            Signature(person.name, person.email, self._committed[number], offset),
            self._message(number),
        )

    def object_type(self, oid: str) -> str | None:
        number = self._number(b"commit", oid)
        if number is not None and number < len(self._authored):
            return "commit"
        if self._number(b"tree", oid) is not None or self._number(b"folder", oid) is not None:
            return "tree"
        return "blob" if self.files.number_of(oid) is not None else None

    def resolve(self, expression: str) -> str | None:
        revision, _, path = expression.partition(":")
        revision, _, kind = revision.partition("^")
        names = {branch.name: branch.oid for branch in self.branches()}
        names |= {tag.name: tag.commit_oid for tag in self.releases}
        oid = names.get(revision) or names.get(f"refs/heads/{revision}") or revision
        if revision == "HEAD":
            oid = self.head or ""
        if self.object_type(oid) is None:
            return None
        if kind == "{tree}" or ":" in expression:
            commit = self.commit(oid)
            oid = commit.tree if commit else oid
        return self._below(oid, path)

    def branches(self, prefix: str = "refs/heads/") -> list[Branch]:
        refs = [Branch(_BRANCH, self.head)] if self.head else []
        refs += [Branch(f"refs/tags/{tag.name}", tag.commit_oid) for tag in self.releases]
        return [ref for ref in refs if ref.name.startswith(prefix)]

    def tags(self) -> list[GitTag]:
        return self.releases

    def peel(self, oid: str) -> str | None:
        return oid if self.object_type(oid) else None

    def tree(self, oid: str, *, recursive: bool = False) -> list[TreeEntry]:
        if self._number(b"folder", oid) is not None:
            return self._entries(self.files.in_folder())
        entries = self._entries(self.files.at_top())
        folder = self.files.folder
        if folder:
            entries.append(TreeEntry(0o040000, "tree", self._name(b"folder", 0), 0, folder))
        if folder and recursive:
            inner = self._entries(self.files.in_folder())
            entries += [entry._replace(path=f"{folder}/{entry.path}") for entry in inner]
        return entries

    def blob(self, oid: str) -> bytes:
        number = self.files.number_of(oid)
        return b"" if number is None else self.files.content(number)

    def tag(self, oid: str) -> str:
        return f"object {oid}\ntype commit\ntag generated\n\n"

    def languages(self) -> dict[str, int]:
        return self.files.languages(len(self))

    def disk_usage(self) -> int:
        return 64 + len(self) // 4

    def _message(self, number: int) -> str:
        if number in self._second:
            return f"Merge branch 'work-{number}'"
        return message(number * 2_654_435_761 ^ self._mask)

    def _below(self, oid: str, path: str) -> str | None:
        if not path:
            return oid
        entries = self.tree(oid, recursive=True)
        return next((entry.oid for entry in entries if entry.path == path), None)

    def _entries(self, names: Iterable[tuple[int, str, int]]) -> list[TreeEntry]:
        return [TreeEntry(0o100644, "blob", self.files.oid(n), size, name) for n, name, size in names]

    def _order(self, start: int) -> "array[int]":
        with self._lock:
            known = self._orders.get(start)
            if known is None:
                is_straight = all(number > start for number in self._second)
                known = self._straight(start) if is_straight else self._walked(start)
                self._orders[start] = known
                _shrink(self._orders)
            self._orders.move_to_end(start)
            return known

    def _straight(self, start: int) -> "array[int]":
        order = array("i")
        while start >= 0:
            order.append(start)
            start = self._parent[start]
        return order

    def _walked(self, start: int) -> "array[int]":
        return array("i", walk(start, self._parents, self._committed.__getitem__))

    def _by(self, start: int, emails: frozenset[str]) -> "array[int]":
        with self._lock:
            known = self._selections.get((start, emails))
            if known is None:
                chosen = {number for number, person in enumerate(self.people) if person.email in emails}
                author = self._author
                known = array("i", [each for each in self._order(start) if author[each] in chosen])
                self._selections[start, emails] = known
                _shrink(self._selections)
            self._selections.move_to_end((start, emails))
            return known

    def _parents(self, number: int) -> tuple[int, ...]:
        parent = self._parent[number]
        if parent < 0:
            return ()
        second = self._second.get(number)
        return (parent,) if second is None else (parent, second)

    def _known_number(self, oid: str) -> int:
        number = self._number(b"commit", oid)
        if number is None or number >= len(self._authored):
            raise KeyError(oid)
        return number

    def _name(self, kind: bytes, number: int) -> str:
        digest = hashlib.sha1(b"%s%s%d" % (self._prefix, kind, number)).hexdigest()
        return f"{digest[:32]}{number ^ self._mask:08x}"

    def _number(self, kind: bytes, oid: str) -> int | None:
        try:
            number = int(oid[32:], 16) ^ self._mask
        except ValueError:
            return None
        return number if oid == self._name(kind, number) else None


class _Oids(Sequence[str]):
    """Oids that are worked out when they are looked at."""

    def __init__(self, history: GeneratedHistory, numbers: "array[int]") -> None:
        self._history = history
        self._numbers = numbers

    def __len__(self) -> int:
        return len(self._numbers)

    @overload
    def __getitem__(self, place: int) -> str: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[str]: ...

    def __getitem__(self, place: int | slice) -> str | Sequence[str]:
        if isinstance(place, slice):
            return [self._history.oid(number) for number in self._numbers[place]]
        return self._history.oid(self._numbers[place])

    def __iter__(self) -> Iterator[str]:
        return map(self._history.oid, self._numbers)


def _shrink(kept: "OrderedDict[Any, array[int]]") -> None:
    while len(kept) > _KEPT:
        kept.popitem(last=False)
