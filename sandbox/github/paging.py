"""Connections: a window of a list, its cursors and page information, by the rules of GitHub's pagination."""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from graphql import (
    FieldNode,
    FragmentSpreadNode,
    GraphQLResolveInfo,
    InlineFragmentNode,
    SelectionSetNode,
)

from sandbox.github.errors import QueryError

LARGEST_PAGE = 100
Item = TypeVar("Item")
Info: TypeAlias = GraphQLResolveInfo[Any]


class Cursors(Protocol):
    """How places in a list are written down for the client."""

    def write(self, index: int) -> str: ...

    def count_through(self, cursor: str) -> int:
        """How many items stand up to and with this cursor's."""

    def count_before(self, cursor: str) -> int:
        """How many items stand before this cursor's."""


@dataclass(frozen=True)
class HistoryCursors:
    """`<head oid> <index>`: bound to the commit whose history it is, whatever is pushed meanwhile."""

    head: str

    def write(self, index: int) -> str:
        return f"{self.head} {index}"

    def count_through(self, cursor: str) -> int:
        return self.count_before(cursor) + 1

    def count_before(self, cursor: str) -> int:
        head, _, index = cursor.partition(" ")
        if head != self.head or not index.isdecimal():
            raise invalid_cursor(cursor)
        return int(index)


@dataclass(frozen=True)
class KeyCursors:
    """The sort key of an item, so that a place stays valid when other items come, go or move."""

    keys: Sequence[tuple[Any, Any]]
    """Value ordered by and id, in the list's order."""
    is_descending: bool = False

    def write(self, index: int) -> str:
        return base64.b64encode(b"cursor:v2:" + json.dumps(self.keys[index]).encode()).decode()

    def count_through(self, cursor: str) -> int:
        key = self._read(cursor)
        return self._first_place(lambda each: each != key and not self._is_before(each, key))

    def count_before(self, cursor: str) -> int:
        key = self._read(cursor)
        return self._first_place(lambda each: not self._is_before(each, key))

    def _first_place(self, is_behind: Callable[[tuple[Any, Any]], bool]) -> int:
        low, high = 0, len(self.keys)
        while low < high:
            middle = (low + high) // 2
            if is_behind(self.keys[middle]):
                high = middle
            else:
                low = middle + 1
        return low

    def _is_before(self, one: tuple[Any, Any], other: tuple[Any, Any]) -> bool:
        try:
            return bool(one > other if self.is_descending else one < other)
        except TypeError as error:
            raise QueryError("INVALID_CURSOR_ARGUMENTS", "The cursor belongs to another ordering.") from error

    def _read(self, cursor: str) -> tuple[Any, Any]:
        try:
            text = base64.b64decode(cursor, validate=True)
            value, node_id = json.loads(text.removeprefix(b"cursor:v2:"))
        except (binascii.Error, ValueError, TypeError) as error:
            raise invalid_cursor(cursor) from error
        return (value, node_id)


@dataclass(frozen=True)
class Edge:
    cursor: str
    node: Any
    item: Any = field(repr=False)

    @property
    def starred_at(self) -> str:
        return iso(self.item.starred)

    @property
    def size(self) -> int:
        """Of a language, in bytes."""
        size: int = self.item[1]
        return size


@dataclass(frozen=True)
class Connection(Generic[Item]):
    items: Sequence[Item]
    start: int
    end: int
    cursors: Cursors
    make_node: Callable[[Item], Any]
    total: int | None = None

    @property
    def total_count(self) -> int:
        return len(self.items) if self.total is None else self.total

    @cached_property
    def page(self) -> Sequence[Item]:
        return self.items[self.start : self.end]

    @cached_property
    def nodes(self) -> list[Any]:
        return [self.make_node(item) for item in self.page]

    @property
    def edges(self) -> list[Edge]:
        return [
            Edge(self.cursors.write(self.start + offset), node, item)
            for offset, (item, node) in enumerate(zip(self.page, self.nodes, strict=True))
        ]

    @property
    def page_info(self) -> dict[str, Any]:
        return {
            "start_cursor": self.cursors.write(self.start) if self.page else None,
            "end_cursor": self.cursors.write(self.end - 1) if self.page else None,
            "has_next_page": self.end < len(self.items),
            "has_previous_page": self.start > 0 and bool(self.items),
        }


def connect(
    info: Info,
    items: Sequence[Item],
    make_node: Callable[[Item], Any],
    cursors: Cursors,
    window: dict[str, Any],
    *,
    total: int | None = None,
) -> Connection[Item]:
    """The window that `first`, `last`, `after` and `before` ask for. Raises QueryError for forbidden ones."""
    first, last = window.get("first"), window.get("last")
    _check_bounds(info, first, last)
    if _is_cut_short(info):
        items = items[: len(items) // 2]
        total = None if total is None else total // 2
    start = min(cursors.count_through(window["after"]), len(items)) if window.get("after") else 0
    end = min(cursors.count_before(window["before"]), len(items)) if window.get("before") else len(items)
    end = max(start, end)
    if first is not None:
        end = min(end, start + first)
    elif last is not None:
        start = max(start, end - last)
    return Connection(items, start, end, cursors, make_node, total)


def order_by_key(
    items: Sequence[Item], key: Callable[[Item], tuple[Any, Any]], *, is_descending: bool
) -> tuple[list[Item], KeyCursors]:
    ordered = sorted(items, key=key, reverse=is_descending)
    return ordered, KeyCursors([key(item) for item in ordered], is_descending)


def iso(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def invalid_cursor(cursor: str) -> QueryError:
    return QueryError("INVALID_CURSOR_ARGUMENTS", f"`{cursor}` does not appear to be a valid cursor.")


def selected_names(info: Info) -> set[str]:
    """The fields asked of this field's value, also through fragments."""
    names: set[str] = set()
    sets = [node.selection_set for node in info.field_nodes if node.selection_set]
    while sets:
        names |= _names_of(sets.pop(), info, sets)
    return names


def _names_of(selection: SelectionSetNode, info: Info, sets: list[SelectionSetNode]) -> set[str]:
    names = set()
    for each in selection.selections:
        if isinstance(each, FieldNode):
            names.add(each.name.value)
        elif isinstance(each, FragmentSpreadNode):
            sets.append(info.fragments[each.name.value].selection_set)
        elif isinstance(each, InlineFragmentNode):
            sets.append(each.selection_set)
    return names


def _is_cut_short(info: Info) -> bool:
    """Whether this is below an alias, or a place of `nodes`, that is one too many; see Obstacles."""
    most = info.context.obstacles.holders_at_most
    path = info.path.as_list()
    if most is None or path[0] == "viewer":
        return False
    holders = info.context.holders
    return bool(holders.setdefault(tuple(path[: 2 if path[0] == "nodes" else 1]), len(holders)) >= most)


def _check_bounds(info: Info, first: int | None, last: int | None) -> None:
    name = info.field_name
    if first is not None and last is not None:
        message = f"Passing both `first` and `last` to paginate the `{name}` connection is not supported."
        raise QueryError("EXCESSIVE_PAGINATION", message)
    for argument, size in (("first", first), ("last", last)):
        if size is not None and size < 0:
            message = f"`{argument}` on the `{name}` connection cannot be less than zero."
            raise QueryError("INVALID_CURSOR_ARGUMENTS", message)
        if size is not None and size > LARGEST_PAGE:
            message = (
                f"Requesting {size} records on the `{name}` connection exceeds the "
                f"`{argument}` limit of {LARGEST_PAGE} records."
            )
            raise QueryError("EXCESSIVE_PAGINATION", message)
    if first is None and last is None and selected_names(info) & {"nodes", "edges"}:
        message = f"You must provide a `first` or `last` value to properly paginate the `{name}` connection."
        raise QueryError("MISSING_PAGINATION_BOUNDARIES", message)
