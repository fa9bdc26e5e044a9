"""Entries of a person's lists, as GitHub answers them."""

from __future__ import annotations

from typing import Any

REF = {"id": "R_1", "nameWithOwner": "octo/hello", "visibility": "PUBLIC"}
SECRET_REF = {"id": "R_2", "nameWithOwner": "octo/hidden", "visibility": "PRIVATE"}
CREATED, CHANGED = "2026-11-20T08:00:00Z", "2026-11-21T09:00:00Z"
WEB = "https://github.test/octo/hello"
DATES = {"createdAt": CREATED, "updatedAt": CHANGED}


def connection(*nodes: object, **changes: Any) -> dict[str, Any]:
    return {
        "totalCount": len(nodes),
        "pageInfo": {"hasNextPage": False, "endCursor": None},
        "nodes": list(nodes),
    } | changes


def from_end(*nodes: object, **changes: Any) -> dict[str, Any]:
    """A connection read with `last`: the oldest first, and the page info for going backward."""
    return connection(*nodes, pageInfo={"hasPreviousPage": False, "startCursor": None}) | changes


def issue(**changes: Any) -> dict[str, Any]:
    return {
        **DATES,
        "id": "I_1",
        "number": 7,
        "title": "It breaks",
        "body": "Steps: ...",
        "state": "CLOSED",
        "stateReason": "DUPLICATE",
        "closedAt": CHANGED,
        "url": f"{WEB}/issues/7",
        "repository": REF,
    } | changes


def review_comment(index: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"PRRC_{index}",
        "createdAt": CREATED,
        "path": "a/b.py",
        "body": "Why?",
        "url": f"{WEB}/pull/8#discussion_r{index}",
    } | changes


def review(index: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"PRR_{index}",
        "state": "APPROVED",
        "submittedAt": CREATED,
        "updatedAt": CHANGED,
        "body": "Good.",
        "url": f"{WEB}/pull/8#pullrequestreview-{index}",
        "commit": {"oid": "c" * 40},
        "comments": connection(review_comment()),
    } | changes


def reviewed(node_id: str = "PR_1", **changes: Any) -> dict[str, Any]:
    """A pull request as the search for reviews finds it."""
    return {
        "__typename": "PullRequest",
        "id": node_id,
        "number": 8,
        "title": "Mend it",
        "updatedAt": CHANGED,
        "repository": REF,
        "reviews": connection(review()),
    } | changes


def pull_request(**changes: Any) -> dict[str, Any]:
    return {
        **DATES,
        "id": "PR_1",
        "number": 8,
        "title": "Mend it",
        "body": "Closes #7",
        "state": "MERGED",
        "isDraft": False,
        "merged": True,
        "mergedAt": CHANGED,
        "closedAt": CHANGED,
        "url": f"{WEB}/pull/8",
        "additions": 10,
        "deletions": 2,
        "changedFiles": 3,
        "baseRefName": "main",
        "headRefName": "mend",
        "mergeCommit": {"oid": "d" * 40},
        "repository": REF,
        "reviews": connection(),
    } | changes


def comment(**changes: Any) -> dict[str, Any]:
    return {
        **DATES,
        "id": "IC_1",
        "body": "Me too",
        "url": f"{WEB}/issues/7#issuecomment-1",
        "repository": REF,
        "issue": {"id": "I_1", "number": 7, "title": "It breaks"},
        "pullRequest": None,
    } | changes


def commit_comment(index: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        **DATES,
        "id": f"CC_{index}",
        "body": "Nice",
        "url": f"{WEB}/commit/e#commitcomment-{index}",
        "repository": REF,
        "commit": {"oid": "e" * 40},
    } | changes


def gist_comment(**changes: Any) -> dict[str, Any]:
    return {
        **DATES,
        "id": "GC_1",
        "databaseId": 31,
        "body": "Thanks",
        "gist": {"id": "G_1", "isPublic": True, "url": "https://gist.github.test/octocat/aa5a315d"},
    } | changes


def star(**changes: Any) -> dict[str, Any]:
    return {"starredAt": CREATED, "node": REF} | changes


def stars(*edges: object, **changes: Any) -> dict[str, Any]:
    page = connection(*edges)
    return {"edges": page.pop("nodes"), "isOverLimit": False, **page} | changes


def gist(**changes: Any) -> dict[str, Any]:
    return {
        **DATES,
        "id": "G_1",
        "name": "aa5a315d",
        "description": "A note",
        "isPublic": True,
        "isFork": False,
        "url": "https://gist.github.test/octocat/aa5a315d",
        "files": [{"name": "a.py"}, {"name": "b.md"}],
    } | changes


def discussion(**changes: Any) -> dict[str, Any]:
    return {
        **DATES,
        "id": "D_1",
        "number": 9,
        "title": "What next?",
        "body": "Let us ...",
        "url": f"{WEB}/discussions/9",
        "repository": REF,
    } | changes


def discussion_comment(**changes: Any) -> dict[str, Any]:
    return {
        **DATES,
        "id": "DC_1",
        "body": "This",
        "url": f"{WEB}/discussions/9#discussioncomment-1",
        "discussion": {"id": "D_1", "number": 9, "title": "What next?", "repository": REF},
    } | changes


def release(**changes: Any) -> dict[str, Any]:
    return {
        "id": "RE_1",
        "tagName": "v1.0",
        "name": "One",
        "description": "All new",
        "publishedAt": CREATED,
        "isPrerelease": False,
        "url": f"{WEB}/releases/tag/v1.0",
        "author": {"id": "U_1"},
    } | changes


def releasing(*nodes: object, **changes: Any) -> dict[str, Any]:
    """A repository as an alias of a page of releases holds it."""
    return {"__typename": "Repository", **REF, "releases": connection(*nodes)} | changes


# One entry of every list, as pages.
PAGES: dict[str, dict[str, Any]] = {
    "issues": connection(issue()),
    "pull_requests": connection(pull_request(reviews=connection(review()))),
    "comments": connection(comment()),
    "commit_comments": from_end(commit_comment()),
    "gist_comments": from_end(gist_comment()),
    "stars": stars(star()),
    "gists": connection(gist()),
    "discussions": connection(discussion()),
    "discussion_comments": from_end(discussion_comment()),
}


def listed(*names: str) -> dict[str, Any]:
    """The fields of the viewer for a request of these lists."""
    return {f"l{n}": PAGES[name] for n, name in enumerate(names)}
