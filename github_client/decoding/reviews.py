"""Pull requests with the member's reviews, reviews with their comments, and the rests of both."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import takewhile

from github_client.activity import PullRequest, RepositoryRef, Review, ReviewComment, ReviewPage, Unfinished
from github_client.decoding.parts import page_info, repository_ref
from github_client.errors import NotFound
from github_client.node import Node


@dataclass(frozen=True, slots=True)
class _Reviews:
    """The member's reviews of one pull request, as far as they came."""

    found: tuple[Review, ...] = ()
    total: int = 0
    cursor: str | None = None
    is_whole: bool = True


def pull_request(node: Node) -> PullRequest:
    """Reviews GitHub does not show us (null) are as good as none."""
    merge, reviews = node.optional_node("mergeCommit"), _reviews(node)
    return PullRequest(
        node_id=node.text("id"),
        number=node.count("number"),
        title=node.text("title"),
        body=node.text("body"),
        state=node.text("state"),
        is_draft=node.flag("isDraft"),
        is_merged=node.flag("merged"),
        merged_at=node.optional_moment("mergedAt"),
        created_at=node.moment("createdAt"),
        closed_at=node.optional_moment("closedAt"),
        additions=node.count("additions"),
        deletions=node.count("deletions"),
        changed_files=node.count("changedFiles"),
        base_ref=node.text("baseRefName"),
        head_ref=node.text("headRefName"),
        merge_commit_oid=merge.text("oid") if merge else None,
        url=node.text("url"),
        repository=repository_ref(node.node("repository")),
        updated_at=node.moment("updatedAt"),
        reviews=reviews.found,
        reviews_total=reviews.total,
        reviews_cursor=reviews.cursor,
        are_reviews_whole=reviews.is_whole,
    )


def review_page(root: Node) -> ReviewPage:
    search = root.node("search")
    nodes = search.optional_nodes("nodes")
    requests = [node for node in nodes if node and node.text("__typename") == "PullRequest"]
    found = [(node, _reviews(node)) for node in requests]
    has_next, end_cursor = page_info(search)
    return ReviewPage(
        reviews=tuple(review for _, reviews in found for review in reviews.found),
        pull_requests=len(requests),
        total=search.count("issueCount"),
        end_cursor=end_cursor,
        has_next=has_next,
        oldest_updated_at=min((node.moment("updatedAt") for node in requests), default=None),
        unfinished=tuple(
            Unfinished(node.text("id"), repository_ref(node.node("repository")), reviews.cursor)
            for node, reviews in found
            if not reviews.is_whole
        ),
        unreadable=nodes.count(None),
        unreadable_at_end=len(list(takewhile(lambda node: node is None, reversed(nodes)))),
    )


def more_reviews(root: Node) -> tuple[tuple[Review, ...], str | None]:
    reviews = _reviews(_of_type(root, "PullRequest"))
    return reviews.found, reviews.cursor


def more_comments(root: Node) -> tuple[tuple[ReviewComment, ...], str | None]:
    comments, cursor, _ = _comments(_of_type(root, "PullRequestReview"))
    return comments, cursor


def _reviews(node: Node) -> _Reviews:
    """The reviews inside a pull request that also has its id, number, title and repository."""
    connection = node.optional_node("reviews")
    if connection is None:
        return _Reviews(is_whole=False)
    ref = repository_ref(node.node("repository"))
    nodes = connection.optional_nodes("nodes")
    submitted = [each for each in nodes if each and not each.is_null("submittedAt")]
    has_next, cursor = page_info(connection)
    total = connection.count("totalCount")
    return _Reviews(
        found=tuple(_review(each, node, ref) for each in submitted),
        total=total,
        cursor=cursor if has_next else None,
        is_whole=not has_next and total <= len(nodes),
    )


def _review(node: Node, request: Node, ref: RepositoryRef) -> Review:
    commit, (comments, cursor, total) = node.optional_node("commit"), _comments(node)
    return Review(
        node_id=node.text("id"),
        state=node.text("state"),
        submitted_at=node.moment("submittedAt"),
        body=node.text("body"),
        url=node.text("url"),
        commit_oid=commit.text("oid") if commit else None,
        pull_request_id=request.text("id"),
        pull_request_number=request.count("number"),
        pull_request_title=request.text("title"),
        repository=ref,
        updated_at=node.moment("updatedAt"),
        comments=comments,
        comments_total=total,
        comments_cursor=cursor,
    )


def _comments(review: Node) -> tuple[tuple[ReviewComment, ...], str | None, int]:
    connection = review.node("comments")
    has_next, cursor = page_info(connection)
    found = tuple(_comment(node) for node in connection.optional_nodes("nodes") if node)
    return found, cursor if has_next else None, connection.count("totalCount")


def _comment(node: Node) -> ReviewComment:
    return ReviewComment(
        node_id=node.text("id"),
        created_at=node.moment("createdAt"),
        path=node.text("path"),
        body=node.text("body"),
        url=node.text("url"),
    )


def _of_type(root: Node, typename: str) -> Node:
    node = root.optional_node("node")
    if node is None or node.text("__typename") != typename:
        raise NotFound(f"POST /graphql: 200 no {typename} with this id")
    return node
