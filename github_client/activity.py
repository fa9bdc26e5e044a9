"""What a person did on GitHub beside commits, as their lists tell it.

All moments are aware and in UTC. Words of state ("OPEN", "APPROVED", ...) are GitHub's own. `updated_at` is
what GitHub orders by; it moves also when others do something. Whatever was cut can be seen: a `*_total`
is GitHub's count, a `*_cursor` is there where more can be read.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

Visibility = Literal["public", "private", "internal", "unknown"]
# GitHub's lists of one person; "comments" are those on issues and on pull requests.
ListName = Literal[
    "issues",
    "pull_requests",
    "comments",
    "commit_comments",
    "gist_comments",
    "stars",
    "gists",
    "discussions",
    "discussion_comments",
]
Subject = Literal["issue", "pull_request", "commit", "gist", "discussion"]


@dataclass(frozen=True, slots=True)
class RepositoryRef:
    """Where something happened. `name` is "owner/name" and changes on renames; `node_id` does not."""

    node_id: str
    name: str
    visibility: Visibility


@dataclass(frozen=True, slots=True)
class Issue:
    node_id: str
    number: int
    title: str
    body: str
    state: str
    state_reason: str | None
    created_at: datetime
    closed_at: datetime | None
    url: str
    repository: RepositoryRef
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class ReviewComment:
    """A remark on a line or file, part of a review. `path` is the file's."""

    node_id: str
    created_at: datetime
    path: str
    body: str
    url: str


@dataclass(frozen=True, slots=True)
class Review:
    """A review that was submitted. `commit_oid` is None where GitHub no longer has the commit.

    Where there are more comments than came, `are_comments_whole` is False, and `comments_cursor` says from
    where to read on (None: from the start).
    """

    node_id: str
    state: str
    submitted_at: datetime | None
    body: str
    url: str
    commit_oid: str | None
    pull_request_id: str
    pull_request_number: int
    pull_request_title: str
    repository: RepositoryRef
    updated_at: datetime
    comments: tuple[ReviewComment, ...]
    comments_total: int
    comments_cursor: str | None

    @property
    def are_comments_whole(self) -> bool:
        return self.comments_cursor is None and self.comments_total <= len(self.comments)


@dataclass(frozen=True, slots=True)
class PullRequest:
    """`reviews` are the member's own on it, without pending ones, and so is `reviews_total`.

    Where there are more than came, `are_reviews_whole` is False, and `reviews_cursor` says from where to read
    on (None: from the start).
    """

    node_id: str
    number: int
    title: str
    body: str
    state: str
    is_draft: bool
    is_merged: bool
    merged_at: datetime | None
    created_at: datetime
    closed_at: datetime | None
    additions: int
    deletions: int
    changed_files: int
    base_ref: str
    head_ref: str
    merge_commit_oid: str | None
    url: str
    repository: RepositoryRef
    updated_at: datetime
    reviews: tuple[Review, ...]
    reviews_total: int
    reviews_cursor: str | None
    are_reviews_whole: bool = True


@dataclass(frozen=True, slots=True)
class Comment:
    """A comment on what `on` says. `repository` is None on gists.

    `subject_id` is the node id of the thing commented on; for a commit it is the oid, by which commits are
    known, or the repository's node id where GitHub no longer has the commit. Commits have neither number nor
    title, gists have no number.
    """

    node_id: str
    on: Subject
    subject_id: str
    subject_number: int | None
    subject_title: str | None
    created_at: datetime
    body: str
    url: str
    repository: RepositoryRef | None
    is_public: bool
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Star:
    repository: RepositoryRef
    starred_at: datetime


@dataclass(frozen=True, slots=True)
class Gist:
    """`name` is the hexadecimal id in the address, `files` are file names."""

    node_id: str
    name: str
    description: str | None
    is_public: bool
    is_fork: bool
    files: tuple[str, ...]
    created_at: datetime
    url: str
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Discussion:
    node_id: str
    number: int
    title: str
    body: str
    created_at: datetime
    url: str
    repository: RepositoryRef
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class Release:
    """A published release. `author_id` is the node id of who published it, None for a deleted account."""

    node_id: str
    tag: str
    name: str | None
    body: str | None
    published_at: datetime
    is_prerelease: bool
    url: str
    repository: RepositoryRef
    author_id: str | None


@dataclass(frozen=True, slots=True)
class ReleaseRequest:
    """One page of a repository's releases. `cursor` is the previous page's `end_cursor`.

    `drafts` are ids of at most 100 that were drafts: they come with the page, wherever they stand.
    """

    repository_id: str
    cursor: str | None = None
    drafts: tuple[str, ...] = ()


ListItem = Issue | PullRequest | Comment | Star | Gist | Discussion


@dataclass(frozen=True, slots=True)
class ReviewSizes:
    """How many reviews of each pull request, and how many comments of each review, come with it.

    GitHub counts one request for each pull request and each possible review, and a point per 100 of them.
    """

    reviews: int = 10
    comments: int = 20


FULL = ReviewSizes()
SLIM = ReviewSizes(reviews=5, comments=10)


@dataclass(frozen=True, slots=True)
class ListRequest:
    """One page of a list, at most 100 long. `cursor` is the previous page's `end_cursor`.

    `review_sizes` matters for pull requests only: 50 of them cost 3 points, 100 cost 6.
    """

    name: ListName
    cursor: str | None
    size: int
    review_sizes: ReviewSizes = SLIM


@dataclass(frozen=True, slots=True)
class ListPage:
    """One page, newest first: stars by when they were given, the other lists by their last change.

    GitHub does not order commit, gist and discussion comments. They are read from the end, so these too come
    newest first, but by creation, and later edits do not bring them back to the front.
    `unreadable` entries came as null. `is_over_limit` says that GitHub cut the list of stars.
    """

    name: ListName
    items: tuple[ListItem, ...]
    total: int
    end_cursor: str | None
    has_next: bool
    unreadable: int
    is_over_limit: bool = False


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A pull request with more of the person's reviews than came. `cursor` is None to read from the start."""

    pull_request_id: str
    repository: RepositoryRef
    cursor: str | None


@dataclass(frozen=True, slots=True)
class ReviewPage:
    """Reviews of others' pull requests, the last changed pull request first.

    `pull_requests` were read on this page, of `total` that the search found; GitHub gives at most 1,000 of
    them. `oldest_updated_at` is when the last of them changed: a search `until` then goes on from there.
    `unfinished` are pull requests with more reviews than came. `unreadable` results came as null,
    `unreadable_at_end` of them after the last one that was read.
    """

    reviews: tuple[Review, ...]
    pull_requests: int
    total: int
    end_cursor: str | None
    has_next: bool
    oldest_updated_at: datetime | None
    unfinished: tuple[Unfinished, ...]
    unreadable: int = 0
    unreadable_at_end: int = 0


@dataclass(frozen=True, slots=True)
class ReleasePage:
    """One page of a repository's releases, last created first.

    `releases` are those of the page, and of the drafts asked for, that are published. `drafts` are the ids of
    the others: who can push sees them, and they count in `total`. `ids` are all entries of the page in their
    order, None for one that came as null.
    """

    repository_id: str
    releases: tuple[Release, ...]
    ids: tuple[str | None, ...]
    drafts: tuple[str, ...]
    total: int
    end_cursor: str | None
    has_next: bool
