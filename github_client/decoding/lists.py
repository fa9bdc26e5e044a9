"""The entries of the member's lists. One that cannot be read does not lose its siblings."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from github_client.activity import (
    Comment,
    Discussion,
    Gist,
    Issue,
    ListItem,
    ListName,
    ListPage,
    ListRequest,
    RepositoryRef,
    Star,
    Subject,
)
from github_client.decoding.parts import filled_text, page_info, repository_ref
from github_client.decoding.reviews import pull_request
from github_client.node import Node
from github_client.queries.lists import UNORDERED


def list_pages(viewer: Node, requests: Sequence[ListRequest]) -> tuple[ListPage, ...]:
    return tuple(_list_page(viewer.node(f"l{n}"), request.name) for n, request in enumerate(requests))


def _list_page(connection: Node, name: ListName) -> ListPage:
    entries = connection.optional_nodes("edges" if name == "stars" else "nodes")
    items = [_ITEMS[name](entry) if entry else None for entry in entries]
    found = [item for item in items if item]
    is_backward = name in UNORDERED
    has_next, end_cursor = page_info(connection, is_backward=is_backward)
    return ListPage(
        name=name,
        items=tuple(reversed(found) if is_backward else found),
        total=connection.count("totalCount"),
        end_cursor=end_cursor,
        has_next=has_next,
        unreadable=len(items) - len(found),
        is_over_limit=name == "stars" and connection.flag("isOverLimit"),
    )


def _issue(node: Node) -> Issue:
    return Issue(
        node_id=node.text("id"),
        number=node.count("number"),
        title=node.text("title"),
        body=node.text("body"),
        state=node.text("state"),
        state_reason=node.optional_text("stateReason"),
        created_at=node.moment("createdAt"),
        closed_at=node.optional_moment("closedAt"),
        url=node.text("url"),
        repository=repository_ref(node.node("repository")),
        updated_at=node.moment("updatedAt"),
    )


def _comment(node: Node) -> Comment:
    """A comment in the conversation of an issue or, which GitHub keeps in the same list, a pull request."""
    request = node.optional_node("pullRequest")
    subject = request or node.node("issue")
    return _commented(
        node,
        on="pull_request" if request else "issue",
        subject_id=subject.text("id"),
        repository=repository_ref(node.node("repository")),
        number=subject.count("number"),
        title=subject.text("title"),
    )


def _commit_comment(node: Node) -> Comment:
    commit, repository = node.optional_node("commit"), repository_ref(node.node("repository"))
    subject_id = commit.text("oid") if commit else repository.node_id
    return _commented(node, on="commit", subject_id=subject_id, repository=repository)


def _discussion_comment(node: Node) -> Comment | None:
    """Without its discussion nobody can say whether the comment is public: then it counts as not readable."""
    discussion = node.optional_node("discussion")
    if discussion is None:
        return None
    return _commented(
        node,
        on="discussion",
        subject_id=discussion.text("id"),
        repository=repository_ref(discussion.node("repository")),
        number=discussion.count("number"),
        title=discussion.text("title"),
    )


def _commented(
    node: Node,
    on: Subject,
    subject_id: str,
    repository: RepositoryRef,
    number: int | None = None,
    title: str | None = None,
) -> Comment:
    return Comment(
        node_id=node.text("id"),
        on=on,
        subject_id=subject_id,
        subject_number=number,
        subject_title=title,
        created_at=node.moment("createdAt"),
        body=node.text("body"),
        url=node.text("url"),
        repository=repository,
        is_public=repository.visibility == "public",
        updated_at=node.moment("updatedAt"),
    )


def _gist_comment(node: Node) -> Comment:
    """GitHub gives these no address of their own; on the gist's page they stand under their number."""
    gist, number = node.node("gist"), node.optional_count("databaseId")
    return Comment(
        node_id=node.text("id"),
        on="gist",
        subject_id=gist.text("id"),
        subject_number=None,
        subject_title=None,
        created_at=node.moment("createdAt"),
        body=node.text("body"),
        url=gist.text("url") + (f"#gistcomment-{number}" if number is not None else ""),
        repository=None,
        is_public=gist.flag("isPublic"),
        updated_at=node.moment("updatedAt"),
    )


def _star(edge: Node) -> Star:
    return Star(repository_ref(edge.node("node")), edge.moment("starredAt"))


def _gist(node: Node) -> Gist:
    files = [] if node.is_null("files") else node.optional_nodes("files")
    names = [file.optional_text("name") for file in files if file]
    return Gist(
        node_id=node.text("id"),
        name=node.text("name"),
        description=filled_text(node, "description"),
        is_public=node.flag("isPublic"),
        is_fork=node.flag("isFork"),
        files=tuple(name for name in names if name),
        created_at=node.moment("createdAt"),
        url=node.text("url"),
        updated_at=node.moment("updatedAt"),
    )


def _discussion(node: Node) -> Discussion:
    return Discussion(
        node_id=node.text("id"),
        number=node.count("number"),
        title=node.text("title"),
        body=node.text("body"),
        created_at=node.moment("createdAt"),
        url=node.text("url"),
        repository=repository_ref(node.node("repository")),
        updated_at=node.moment("updatedAt"),
    )


_ITEMS: Mapping[ListName, Callable[[Node], ListItem | None]] = {
    "issues": _issue,
    "pull_requests": pull_request,
    "comments": _comment,
    "commit_comments": _commit_comment,
    "gist_comments": _gist_comment,
    "stars": _star,
    "gists": _gist,
    "discussions": _discussion,
    "discussion_comments": _discussion_comment,
}
