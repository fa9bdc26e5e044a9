"""What is asked of the member's own lists: issues, pull requests, comments, stars, gists, discussions.

Any lists can be asked for together, each with its own page: of list n the alias is ln, the cursor kn, the
size zn. https://docs.github.com/graphql/reference/objects#user
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from github_client.activity import ListName, ListRequest, ReviewSizes
from github_client.queries.query import Selection, checked_login
from github_client.queries.repositories import REPOSITORY_REF
from github_client.queries.reviews import OWN_REVIEWS, review_variables

# GitHub keeps these in the order of creation and sorts them by nothing else: they are read from the end.
UNORDERED: frozenset[ListName] = frozenset({"commit_comments", "gist_comments", "discussion_comments"})

_LAST_CHANGED = "orderBy: {field: UPDATED_AT, direction: DESC}"
# Not a connection, so it cannot be paged: as many as GitHub ever tells of one gist.
_GIST_FILES = 300

_ISSUE = """
fragment IssueItem on Issue {
  id number title body state stateReason(enableDuplicate: true) createdAt closedAt updatedAt url
  repository { ...RepositoryRef }
}
"""
_PULL_REQUEST = """
fragment PullRequestItem on PullRequest {
  id number title body state isDraft merged mergedAt createdAt closedAt updatedAt url
  additions deletions changedFiles baseRefName headRefName mergeCommit { oid }
  repository { ...RepositoryRef }
  ...OwnReviews
}
"""
_COMMENT = """
fragment CommentItem on IssueComment {
  id createdAt updatedAt body url
  repository { ...RepositoryRef }
  issue { id number title }
  pullRequest { id number title }
}
"""
_COMMIT_COMMENT = """
fragment CommitCommentItem on CommitComment {
  id createdAt updatedAt body url
  repository { ...RepositoryRef }
  commit { oid }
}
"""
_GIST_COMMENT = """
fragment GistCommentItem on GistComment {
  id databaseId createdAt updatedAt body
  gist { id isPublic url }
}
"""
_STAR = """
fragment StarItem on StarredRepositoryEdge { starredAt node { ...RepositoryRef } }
"""
_GIST = f"""
fragment GistItem on Gist {{
  id name description isPublic isFork createdAt updatedAt url
  files(limit: {_GIST_FILES}) {{ name }}
}}
"""
_DISCUSSION = """
fragment DiscussionItem on Discussion {
  id number title body createdAt updatedAt url
  repository { ...RepositoryRef }
}
"""
_DISCUSSION_COMMENT = """
fragment DiscussionCommentItem on DiscussionComment {
  id createdAt updatedAt body url
  discussion { id number title repository { ...RepositoryRef } }
}
"""


@dataclass(frozen=True, slots=True)
class _List:
    field: str
    order: str
    item: str
    fragments: tuple[str, ...]


_LISTS: Mapping[ListName, _List] = {
    "issues": _List("issues", _LAST_CHANGED, "nodes { ...IssueItem }", (_ISSUE, REPOSITORY_REF)),
    "pull_requests": _List(
        "pullRequests",
        _LAST_CHANGED,
        "nodes { ...PullRequestItem }",
        (_PULL_REQUEST, *OWN_REVIEWS, REPOSITORY_REF),
    ),
    "comments": _List("issueComments", _LAST_CHANGED, "nodes { ...CommentItem }", (_COMMENT, REPOSITORY_REF)),
    "commit_comments": _List(
        "commitComments", "", "nodes { ...CommitCommentItem }", (_COMMIT_COMMENT, REPOSITORY_REF)
    ),
    "gist_comments": _List("gistComments", "", "nodes { ...GistCommentItem }", (_GIST_COMMENT,)),
    "stars": _List(
        "starredRepositories",
        "orderBy: {field: STARRED_AT, direction: DESC}",
        "isOverLimit edges { ...StarItem }",
        (_STAR, REPOSITORY_REF),
    ),
    "gists": _List("gists", f"privacy: ALL, {_LAST_CHANGED}", "nodes { ...GistItem }", (_GIST,)),
    "discussions": _List(
        "repositoryDiscussions", _LAST_CHANGED, "nodes { ...DiscussionItem }", (_DISCUSSION, REPOSITORY_REF)
    ),
    "discussion_comments": _List(
        "repositoryDiscussionComments",
        "",
        "nodes { ...DiscussionCommentItem }",
        (_DISCUSSION_COMMENT, REPOSITORY_REF),
    ),
}


def selection(requests: Sequence[ListRequest], login: str, sizes: ReviewSizes) -> Selection:
    """`login` is the member's present one; it says whose reviews of pull requests come with them."""
    declarations = [f"$z{n}: Int!, $k{n}: String" for n in range(len(requests))]
    variables: dict[str, object] = {}
    for n, request in enumerate(requests):
        variables |= {f"z{n}": request.size, f"k{n}": request.cursor}
    if any(request.name == "pull_requests" for request in requests):
        declarations.append("$login: String!, $reviews: Int!, $comments: Int!")
        variables |= review_variables(checked_login(login), sizes)
    return Selection(
        fields="\n    ".join(_field(n, request) for n, request in enumerate(requests)),
        declarations=tuple(declarations),
        fragments=tuple(text for request in requests for text in _LISTS[request.name].fragments),
        variables=variables,
        connections=sum(_connections(request, sizes) for request in requests),
    )


def _field(n: int, request: ListRequest) -> str:
    asked = _LISTS[request.name]
    if request.name in UNORDERED:
        window, info = f"last: $z{n}, before: $k{n}", "hasPreviousPage startCursor"
    else:
        window, info = f"first: $z{n}, after: $k{n}, {asked.order}", "hasNextPage endCursor"
    return f"l{n}: {asked.field}({window}) {{ totalCount pageInfo {{ {info} }} {asked.item} }}"


def _connections(request: ListRequest, sizes: ReviewSizes) -> int:
    nested = request.size * (1 + sizes.reviews) if request.name == "pull_requests" else 0
    return 1 + nested
