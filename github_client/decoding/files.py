"""Trees and files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import cast

from github_client.decoding.parts import first_error
from github_client.errors import UnexpectedResponse
from github_client.git_objects import EntryType, FileAnswer, FileRequest, Tree, TreeEntry
from github_client.node import Node
from github_client.protocol import FieldError
from github_client.types import Unreadable

TYPES = ("blob", "tree", "commit")


def shrink_entry(value: dict[str, object]) -> object:
    """While the answer is being parsed: entries lose what nobody reads; there may be 100,000 of them."""
    if "mode" not in value or "sha" not in value:
        return value
    return TreeEntry(
        path=_text(value, "path"),
        type=cast(EntryType, _type(value)),
        mode=_text(value, "mode"),
        oid=_text(value, "sha"),
        size=_size(value),
    )


def tree(call: str, document: object) -> Tree:
    root = Node(call, document)
    entries = root.items("tree")
    if not all(isinstance(entry, TreeEntry) for entry in entries):
        raise UnexpectedResponse(f"{call}: tree holds something that is no entry")
    return Tree(tuple(cast(list[TreeEntry], entries)), root.flag("truncated"))


def files(
    root: Node, requests: Sequence[FileRequest], errors: Sequence[FieldError]
) -> tuple[FileAnswer | Unreadable, ...]:
    return tuple(
        _file(root.optional_node(f"f{n}"), request, first_error(errors, f"f{n}"))
        for n, request in enumerate(requests)
    )


def _file(node: Node | None, request: FileRequest, error: FieldError | None) -> FileAnswer | Unreadable:
    is_forbidden = error is not None and error.kind == "forbidden"
    found = None
    if node is not None and node.text("__typename") == "Repository":
        found = node.optional_node("file")
    if node is None or found is None or found.text("__typename") != "Blob":
        return Unreadable(request.repository_id, "forbidden" if is_forbidden else "not_found")
    commit_oid, committed_at = _last_commit(node.optional_node("head"))
    return FileAnswer(
        request=request,
        text=found.optional_text("text") if request.with_text else None,
        size=found.count("byteSize"),
        is_truncated=found.flag("isTruncated"),
        commit_oid=commit_oid,
        committed_at=committed_at,
    )


def _last_commit(head: Node | None) -> tuple[str | None, datetime | None]:
    if head is None or head.text("__typename") != "Commit" or head.is_null("history"):
        return None, None
    commits = head.node("history").optional_nodes("nodes")
    if not commits or commits[0] is None:
        return None, None
    return commits[0].text("oid"), commits[0].moment("committedDate")


def _text(value: Mapping[str, object], name: str) -> str:
    text = value.get(name)
    if not isinstance(text, str):
        raise UnexpectedResponse(f"GET a tree: {name} of an entry is not text")
    return text


def _type(value: Mapping[str, object]) -> str:
    found = _text(value, "type")
    if found not in TYPES:
        raise UnexpectedResponse("GET a tree: type of an entry is not one of git's")
    return TYPES[TYPES.index(found)]


def _size(value: Mapping[str, object]) -> int:
    size = value.get("size") or 0
    if type(size) is not int or size < 0:
        raise UnexpectedResponse("GET a tree: size of an entry is not a count")
    return size
