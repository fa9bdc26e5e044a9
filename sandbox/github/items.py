"""What people leave beside commits: issues, pull requests, reviews, comments, gists, releases, stars.

Moments are seconds since 1970. Ids are given when an item is made and never change.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, ClassVar, TypeAlias

from sandbox.github.gitlog import Statistics
from sandbox.github.hosted import Account, Repository
from sandbox.github.ids import NodeId


@dataclass(eq=False, slots=True)
class Item:
    """Common to all. Only a gist and its comments stand in no repository."""

    id: int
    repository: Repository | None
    author: Account | None
    created: int
    updated: int
    body: str

    prefix: ClassVar[str] = ""

    @property
    def node_id(self) -> str:
        return str(NodeId(self.prefix, self.id))

    @property
    def home(self) -> Repository:
        if self.repository is None:
            raise ValueError(f"{type(self).__name__} {self.id} stands in no repository.")
        return self.repository


@dataclass(eq=False, slots=True)
class Issue(Item):
    number: int
    title: str
    closed: int | None = None
    state_reason: str | None = None
    comments: list["IssueComment"] = field(default_factory=list)

    prefix: ClassVar[str] = "I"

    @property
    def state(self) -> str:
        return "OPEN" if self.closed is None else "CLOSED"


@dataclass(eq=False, slots=True)
class PullRequest(Item):
    number: int
    title: str
    head_branch: str
    head_oid: str | None
    merge_oid: str | None = None
    closed: int | None = None
    merged_by: Account | None = None
    size: Statistics | None = None
    """None: as large as its merge commit."""
    comments: list["IssueComment"] = field(default_factory=list)
    reviews: list["Review"] = field(default_factory=list)

    prefix: ClassVar[str] = "PR"

    @property
    def state(self) -> str:
        if self.closed is None:
            return "OPEN"
        return "MERGED" if self.merge_oid else "CLOSED"


@dataclass(eq=False, slots=True)
class Review(Item):
    pull_request: PullRequest
    state: str
    oid: str | None
    comments: list["ReviewComment"] = field(default_factory=list)

    prefix: ClassVar[str] = "PRR"


@dataclass(eq=False, slots=True)
class ReviewComment(Item):
    review: Review
    path: str | None = None
    """None: the first file of the commit that was reviewed."""
    line: int | None = None

    prefix: ClassVar[str] = "PRRC"


@dataclass(eq=False, slots=True)
class IssueComment(Item):
    """Also the comments in the conversation of a pull request."""

    parent: Issue | PullRequest

    prefix: ClassVar[str] = "IC"


@dataclass(eq=False, slots=True)
class CommitComment(Item):
    oid: str
    path: str | None = None
    position: int | None = None

    prefix: ClassVar[str] = "CC"


@dataclass(eq=False, slots=True)
class Discussion(Item):
    number: int
    title: str
    comments: list["DiscussionComment"] = field(default_factory=list)

    prefix: ClassVar[str] = "D"


@dataclass(eq=False, slots=True)
class DiscussionComment(Item):
    discussion: Discussion

    prefix: ClassVar[str] = "DC"


@dataclass(eq=False, slots=True)
class Gist(Item):
    """Its `body` is the text of its one file."""

    name: str
    """The hexadecimal id that stands in its address."""
    description: str
    file_name: str
    is_public: bool
    comments: list["GistComment"] = field(default_factory=list)

    prefix: ClassVar[str] = "G"

    @property
    def node_id(self) -> str:
        return str(NodeId(self.prefix, self.id, self.name))


@dataclass(eq=False, slots=True)
class GistComment(Item):
    gist: Gist

    prefix: ClassVar[str] = "GC"


@dataclass(eq=False, slots=True)
class Release(Item):
    """A draft until it is `published`."""

    tag_name: str
    name: str
    oid: str
    published: int | None
    is_prerelease: bool = False

    prefix: ClassVar[str] = "RE"


@dataclass(eq=False, slots=True)
class Star:
    account: Account
    repository: Repository
    starred: int


Comment: TypeAlias = IssueComment | CommitComment | DiscussionComment | GistComment | ReviewComment


@dataclass
class Activity:
    """Around one repository; gists are here because the commits they are derived from are."""

    issues: list[Issue] = field(default_factory=list)
    pull_requests: list[PullRequest] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    review_comments: list[ReviewComment] = field(default_factory=list)
    issue_comments: list[IssueComment] = field(default_factory=list)
    commit_comments: list[CommitComment] = field(default_factory=list)
    discussions: list[Discussion] = field(default_factory=list)
    discussion_comments: list[DiscussionComment] = field(default_factory=list)
    gists: list[Gist] = field(default_factory=list)
    gist_comments: list[GistComment] = field(default_factory=list)
    releases: list[Release] = field(default_factory=list)
    stars: list[Star] = field(default_factory=list)

    def items(self) -> Iterator[Item]:
        yield from self.issues
        yield from self.pull_requests
        yield from self.reviews
        yield from self.review_comments
        yield from self.issue_comments
        yield from self.commit_comments
        yield from self.discussions
        yield from self.discussion_comments
        yield from self.gists
        yield from self.gist_comments
        yield from self.releases

    def add(self, item: Item) -> None:
        """Also below what it is part of."""
        _LISTS[type(item)](self).append(item)
        siblings = siblings_of(item)
        if siblings is not None:
            siblings.append(item)

    def remove(self, item: Item) -> None:
        _LISTS[type(item)](self).remove(item)
        siblings = siblings_of(item)
        if siblings is not None:
            siblings.remove(item)


_PARENTS = {
    Review: "pull_request",
    ReviewComment: "review",
    DiscussionComment: "discussion",
    GistComment: "gist",
}


def parent_of(item: Item) -> Item | None:
    """What it is part of, if it is part of something other than a repository."""
    parent: Item | None = getattr(item, _PARENTS.get(type(item), "parent"), None)
    return parent


def reattach(item: Item, parent: Item) -> None:
    """Make it part of the same parent as it is known now."""
    names = {
        Review: "pull_request",
        ReviewComment: "review",
        DiscussionComment: "discussion",
        GistComment: "gist",
    }
    setattr(item, names.get(type(item), "parent"), parent)


def siblings_of(item: Item) -> list[Item] | None:
    parent = parent_of(item)
    name = "reviews" if isinstance(item, Review) else "comments"
    siblings: list[Item] | None = getattr(parent, name, None)
    return siblings


_LISTS: dict[type[Item], Callable[[Activity], list[Any]]] = {
    Issue: lambda activity: activity.issues,
    PullRequest: lambda activity: activity.pull_requests,
    Review: lambda activity: activity.reviews,
    ReviewComment: lambda activity: activity.review_comments,
    IssueComment: lambda activity: activity.issue_comments,
    CommitComment: lambda activity: activity.commit_comments,
    Discussion: lambda activity: activity.discussions,
    DiscussionComment: lambda activity: activity.discussion_comments,
    Gist: lambda activity: activity.gists,
    GistComment: lambda activity: activity.gist_comments,
    Release: lambda activity: activity.releases,
}

ITEM_PREFIXES = frozenset(kind.prefix for kind in _LISTS)
