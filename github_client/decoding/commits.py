"""Pages of commits, from GraphQL and from REST."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from github_client.decoding.parts import page_info
from github_client.node import Node
from github_client.protocol import FieldError, FieldErrorKind
from github_client.queries.query import utc_text
from github_client.types import Commit, CommitPage, CommitPageRequest, PageOutcome

OUTCOMES: Mapping[FieldErrorKind, PageOutcome] = {
    "not_found": "not_found",
    "forbidden": "forbidden",
    # A cursor belongs to its head; where it means nothing any more, only a new start helps.
    "invalid_cursor": "head_gone",
}


def commit_pages(
    root: Node, requests: Sequence[CommitPageRequest], errors: Sequence[FieldError]
) -> tuple[CommitPage, ...]:
    return tuple(_commit_page(root, index, request, errors) for index, request in enumerate(requests))


def rest_commits(call: str, document: object) -> tuple[Commit, ...]:
    return tuple(_rest_commit(node) for node in Node(call, {"commits": document}).nodes("commits"))


def _commit_page(
    root: Node, index: int, request: CommitPageRequest, errors: Sequence[FieldError]
) -> CommitPage:
    """Page `index` of several in one answer. What is wrong with it does not concern the others."""
    alias = f"p{index}"
    node = root.answered_node(alias)
    name = (node.optional_text("nameWithOwner") or "") if node else ""
    error = next((error for error in errors if _ends_page(error, alias)), None)
    if error:
        return _no_page(request, name, OUTCOMES[error.kind])
    if node is None or node.text("__typename") != "Repository":
        return _no_page(request, name, "not_found")
    head = node.answered_node("object")
    if head is None or head.text("__typename") != "Commit":
        return _no_page(request, name, "empty" if node.flag("isEmpty") else "head_gone")
    return _history_page(request, node.text("nameWithOwner"), head.node("history"))


def _commit(node: Node) -> Commit:
    return Commit(
        oid=node.text("oid"),
        node_id=node.text("id"),
        message=node.text("message"),
        authored_at=_authored_at(node),
        committed_at=node.moment("committedDate"),
        additions=node.optional_count("additions"),
        deletions=node.optional_count("deletions"),
        changed_files=node.optional_count("changedFilesIfAvailable"),
        url=node.text("url"),
    )


def _rest_commit(node: Node) -> Commit:
    """From REST's list, https://docs.github.com/rest/commits/commits#list-commits

    REST gives dates in UTC only, so the author's offset is lost here, and no statistics.
    """
    inner = node.node("commit")
    committed_at = inner.node("committer").moment("date")
    author = inner.optional_node("author")
    authored_at = author.optional_moment("date") if author else None
    return Commit(
        oid=node.text("sha"),
        node_id=node.text("node_id"),
        message=inner.text("message"),
        authored_at=(authored_at or committed_at).isoformat().replace("+00:00", "Z"),
        committed_at=committed_at,
        additions=None,
        deletions=None,
        changed_files=None,
        url=node.text("html_url"),
    )


def _history_page(request: CommitPageRequest, name: str, history: Node) -> CommitPage:
    nodes = history.optional_nodes("nodes")
    has_next, end_cursor = page_info(history)
    missing = nodes.count(None)
    return CommitPage(
        request=request,
        repository=name,
        total=history.count("totalCount"),
        commits=tuple(_commit(node) for node in nodes if node),
        missing=missing,
        end_cursor=end_cursor,
        has_next=has_next,
        # Without statistics there is nothing left to leave out: what is missing then stays missing.
        outcome="statistics_unavailable" if missing and request.with_statistics else "read",
    )


def _ends_page(error: FieldError, alias: str) -> bool:
    """Whether the error is of the repository, its head or its history, and not of one commit in it."""
    return (
        error.path[:1] == (alias,)
        and len(error.path) <= len((alias, "object", "history"))
        and error.kind in OUTCOMES
    )


def _no_page(request: CommitPageRequest, name: str, outcome: PageOutcome) -> CommitPage:
    return CommitPage(request, name, 0, (), 0, None, has_next=False, outcome=outcome)


def _authored_at(node: Node) -> str:
    """The author's date as git has it, offset included; in UTC where git's is missing or impossible."""
    author = node.optional_node("author")
    text = author.optional_text("date") if author else None
    if text and _is_moment(text):
        return text
    return utc_text(node.moment("authoredDate"))


def _is_moment(text: str) -> bool:
    try:
        return datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False
