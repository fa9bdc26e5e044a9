"""What every kind of answer has: its one error, pages, repositories by name, texts that may be empty."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from github_client.activity import RepositoryRef, Visibility
from github_client.errors import NotFound, UnexpectedResponse
from github_client.node import Node
from github_client.protocol import FieldError, GraphQLResult

Decoded = TypeVar("Decoded")

VISIBILITIES: Mapping[str, Visibility] = {"PUBLIC": "public", "PRIVATE": "private", "INTERNAL": "internal"}


def decode(call: str, result: GraphQLResult, root_field: str, build: Callable[[Node], Decoded]) -> Decoded:
    """Build a value; if that fails and GitHub said why something below `root_field` is missing, raise that.

    Errors of single entries of a list do not count: they come as null, which every list here allows for.
    """
    try:
        return build(Node(call, result.data))
    except (UnexpectedResponse, NotFound):
        reason = next((error for error in result.errors if _explains(error, root_field)), None)
        if reason is None:
            raise
        raise reason.as_error(call) from None


def first_error(errors: Sequence[FieldError], *path: str | int) -> FieldError | None:
    """The first error at this place or below it."""
    return next((error for error in errors if error.path[: len(path)] == path), None)


def page_info(connection: Node, *, is_backward: bool = False) -> tuple[bool, str | None]:
    """Whether there is more and the cursor for it; `is_backward` for connections read from their end."""
    info = connection.node("pageInfo")
    flag, name = ("hasPreviousPage", "startCursor") if is_backward else ("hasNextPage", "endCursor")
    has_next, end_cursor = info.flag(flag), info.optional_text(name)
    if has_next and not end_cursor:
        raise UnexpectedResponse("a next page without a cursor")
    return has_next, end_cursor


def repository_ref(node: Node) -> RepositoryRef:
    return RepositoryRef(node.text("id"), node.text("nameWithOwner"), visibility(node))


def visibility(node: Node) -> Visibility:
    """One we do not know stays "unknown", so that nobody takes it for public."""
    return VISIBILITIES.get(node.optional_text("visibility") or "", "unknown")


def filled_text(node: Node, name: str) -> str | None:
    """None where the text is missing or empty."""
    return node.optional_text(name) or None


def _explains(error: FieldError, root_field: str) -> bool:
    return error.path[:1] == (root_field,) and not any(isinstance(step, int) for step in error.path)
