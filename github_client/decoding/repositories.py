"""Repositories, how many commits of the member they hold, and their releases."""

from __future__ import annotations

from collections.abc import Sequence

from github_client.activity import Release, ReleasePage, ReleaseRequest, RepositoryRef
from github_client.decoding.parts import (
    filled_text,
    first_error,
    page_info,
    repository_ref,
    visibility,
)
from github_client.errors import UnexpectedResponse
from github_client.node import Node
from github_client.protocol import FieldError
from github_client.types import CommitTotal, Repository, RepositoryPage, Unreadable


def repository(node: Node) -> Repository:
    branch = node.optional_node("defaultBranchRef")
    head = branch.optional_node("target") if branch else None
    tree = head.optional_node("tree") if head else None
    language = node.optional_node("primaryLanguage")
    return Repository(
        node_id=node.text("id"),
        database_id=node.optional_count("databaseId"),
        name=node.text("nameWithOwner"),
        visibility=visibility(node),
        is_fork=node.flag("isFork"),
        is_empty=node.flag("isEmpty"),
        head_oid=head.text("oid") if head else None,
        tree_oid=tree.text("oid") if tree else None,
        head_committed_at=head.optional_moment("committedDate") if head else None,
        pushed_at=node.optional_moment("pushedAt"),
        created_at=node.moment("createdAt"),
        owner_id=node.node("owner").text("id"),
        is_archived=node.flag("isArchived"),
        primary_language=language.text("name") if language else None,
        stars=node.count("stargazerCount"),
        forks=node.count("forkCount"),
        permission=node.optional_text("viewerPermission"),
    )


def repository_page(connection: Node) -> RepositoryPage:
    nodes = connection.optional_nodes("nodes")
    has_next, end_cursor = page_info(connection)
    return RepositoryPage(
        repositories=tuple(repository(node) for node in nodes if node),
        total=connection.count("totalCount"),
        end_cursor=end_cursor,
        has_next=has_next,
        unreadable=nodes.count(None),
    )


def viewer_repositories(root: Node) -> RepositoryPage:
    return repository_page(root.node("viewer").node("repositories"))


def commit_totals(
    root: Node, repository_ids: Sequence[str], errors: Sequence[FieldError]
) -> tuple[CommitTotal | Unreadable, ...]:
    nodes = root.optional_nodes("nodes")
    if len(nodes) != len(repository_ids):
        raise UnexpectedResponse("as many nodes were asked for as did not come back")
    return tuple(
        _commit_total(node, repository_id, first_error(errors, "nodes", index))
        for index, (node, repository_id) in enumerate(zip(nodes, repository_ids, strict=True))
    )


def releases(
    root: Node, requests: Sequence[ReleaseRequest], errors: Sequence[FieldError]
) -> tuple[ReleasePage | Unreadable, ...]:
    return tuple(_release_page(root, n, request, errors) for n, request in enumerate(requests))


def _commit_total(
    node: Node | None, repository_id: str, error: FieldError | None
) -> CommitTotal | Unreadable:
    if error or node is None or node.text("__typename") != "Repository":
        return _unreadable(repository_id, error)
    branch = node.optional_node("defaultBranchRef")
    head = branch.optional_node("target") if branch else None
    if head is None:
        return CommitTotal(repository_id, node.text("nameWithOwner"), None, 0, None)
    history = head.node("history")
    newest = next((commit.text("oid") for commit in history.optional_nodes("nodes") if commit), None)
    return CommitTotal(
        repository_id, node.text("nameWithOwner"), head.text("oid"), history.count("totalCount"), newest
    )


def _release_page(
    root: Node, index: int, request: ReleaseRequest, errors: Sequence[FieldError]
) -> ReleasePage | Unreadable:
    """An error deeper down concerns one release, which then comes as null, as a draft does that is gone."""
    node = root.answered_node(f"r{index}")
    if node is None or node.text("__typename") != "Repository" or node.is_null("releases"):
        return _unreadable(request.repository_id, first_error(errors, f"r{index}"))
    connection, ref = node.node("releases"), repository_ref(node)
    listed = connection.optional_nodes("nodes")
    asked_for = root.optional_nodes(f"d{index}") if request.drafts else []
    entries = {entry.text("id"): entry for entry in [*listed, *asked_for] if entry}
    found = {node_id: _release(entry, ref) for node_id, entry in entries.items()}
    has_next, end_cursor = page_info(connection)
    return ReleasePage(
        repository_id=request.repository_id,
        releases=tuple(release for release in found.values() if release),
        ids=tuple(entry.text("id") if entry else None for entry in listed),
        drafts=tuple(node_id for node_id, release in found.items() if release is None),
        total=connection.count("totalCount"),
        end_cursor=end_cursor,
        has_next=has_next,
    )


def _release(node: Node, ref: RepositoryRef) -> Release | None:
    """None for a draft: it has not been published."""
    published_at = node.optional_moment("publishedAt")
    if published_at is None:
        return None
    author = node.optional_node("author")
    return Release(
        node_id=node.text("id"),
        tag=node.text("tagName"),
        name=filled_text(node, "name"),
        body=filled_text(node, "description"),
        published_at=published_at,
        is_prerelease=node.flag("isPrerelease"),
        url=node.text("url"),
        repository=ref,
        author_id=author.text("id") if author else None,
    )


def _unreadable(repository_id: str, error: FieldError | None) -> Unreadable:
    is_forbidden = error is not None and error.kind == "forbidden"
    return Unreadable(repository_id, "forbidden" if is_forbidden else "not_found")
