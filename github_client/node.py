"""Reading JSON of an expected shape: every surprise is an UnexpectedResponse that names the field."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import NoReturn

from github_client.errors import UnexpectedResponse


class Node:
    """A JSON object. `call` (method and path) and the field's name go into messages, values never do."""

    __slots__ = ("_call", "_fields")

    def __init__(self, call: str, value: object) -> None:
        if not isinstance(value, Mapping):
            raise UnexpectedResponse(f"{call}: something is no object")
        self._call = call
        self._fields = value

    def text(self, name: str) -> str:
        value = self._fields.get(name)
        return value if isinstance(value, str) else self._surprise(name, "text")

    def optional_text(self, name: str) -> str | None:
        return None if self.is_null(name) else self.text(name)

    def count(self, name: str) -> int:
        """A whole number, not negative (JSON's true and 1.0 are none)."""
        value = self._fields.get(name)
        return value if type(value) is int and value >= 0 else self._surprise(name, "a count")

    def optional_count(self, name: str) -> int | None:
        return None if self.is_null(name) else self.count(name)

    def flag(self, name: str) -> bool:
        value = self._fields.get(name)
        return value if isinstance(value, bool) else self._surprise(name, "true or false")

    def moment(self, name: str) -> datetime:
        """ISO 8601 with an offset, as aware UTC."""
        try:
            moment = datetime.fromisoformat(self.text(name))
            return self._surprise(name, "a moment") if moment.tzinfo is None else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            return self._surprise(name, "a moment")

    def optional_moment(self, name: str) -> datetime | None:
        return None if self.is_null(name) else self.moment(name)

    def day(self, name: str) -> date:
        try:
            return date.fromisoformat(self.text(name))
        except ValueError:
            return self._surprise(name, "a date")

    def node(self, name: str) -> Node:
        value = self._fields.get(name)
        return Node(self._call, value) if isinstance(value, Mapping) else self._surprise(name, "an object")

    def optional_node(self, name: str) -> Node | None:
        return None if self.is_null(name) else self.node(name)

    def answered_node(self, name: str) -> Node | None:
        """As `optional_node` for what was asked by this name: null is an answer, silence is a broken one."""
        return self.optional_node(name) if name in self._fields else self._surprise(name, "in the answer")

    def items(self, name: str) -> list[object]:
        value = self._fields.get(name)
        return value if isinstance(value, list) else self._surprise(name, "a list")

    def optional_nodes(self, name: str) -> list[Node | None]:
        return [None if item is None else Node(self._call, item) for item in self.items(name)]

    def nodes(self, name: str) -> list[Node]:
        return [Node(self._call, item) for item in self.items(name)]

    def is_null(self, name: str) -> bool:
        """Whether the field is null or absent."""
        return self._fields.get(name) is None

    def _surprise(self, name: str, expected: str) -> NoReturn:
        raise UnexpectedResponse(f"{self._call}: {name} is not {expected}")
