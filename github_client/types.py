"""What GitHub's answers become. All moments are aware and in UTC, unless a field says otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Literal

from github_client.activity import ListName, ListPage, Visibility

PageOutcome = Literal["read", "statistics_unavailable", "not_found", "forbidden", "head_gone", "empty"]
UnreadableReason = Literal["not_found", "forbidden"]
# A window's page of created repositories holds so many.
MOST_CREATED = 100


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """An OAuth token answer. Expiry and refresh token are None for apps whose tokens do not expire."""

    access_token: str = field(repr=False)
    scopes: frozenset[str]
    expires_at: datetime | None
    refresh_token: str | None = field(repr=False)
    refresh_token_expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Identity:
    """The account a token belongs to. `database_id` is the key to store: logins change and are recycled."""

    node_id: str
    database_id: int
    login: str
    name: str | None
    scopes: frozenset[str]


@dataclass(frozen=True, slots=True)
class Profile:
    """What the person tells of themselves on their page; texts are None where they left them empty."""

    node_id: str
    database_id: int
    login: str
    name: str | None
    bio: str | None
    company: str | None
    location: str | None
    website_url: str | None
    twitter_username: str | None
    created_at: datetime
    followers: int
    following: int


@dataclass(frozen=True, slots=True)
class Rate:
    """The hourly limit as GitHub saw it when it answered."""

    resource: str
    limit: int
    remaining: int
    used: int
    reset_at: datetime


@dataclass(frozen=True, slots=True)
class Repository:
    """`name` is "owner/name" and changes on renames; `node_id` does not. Head: of the default branch.

    `permission` is what the token's owner may do: ADMIN, MAINTAIN, WRITE, TRIAGE, READ or None.
    """

    node_id: str
    database_id: int | None
    name: str
    visibility: Visibility
    is_fork: bool
    is_empty: bool
    head_oid: str | None
    head_committed_at: datetime | None
    pushed_at: datetime | None
    created_at: datetime | None = None
    tree_oid: str | None = None
    owner_id: str = ""
    is_archived: bool = False
    primary_language: str | None = None
    stars: int = 0
    forks: int = 0
    permission: str | None = None


@dataclass(frozen=True, slots=True)
class RepositoryPage:
    """One page of the member's repositories, last pushed first. `unreadable` ones came as null."""

    repositories: tuple[Repository, ...]
    total: int
    end_cursor: str | None
    has_next: bool
    unreadable: int = 0


@dataclass(frozen=True, slots=True)
class Contributions:
    """What the contribution graph says about whole UTC days `since` to `until`, both included.

    `days` holds only days with contributions. `total` includes the `restricted` ones, which GitHub counts
    without saying what they are. `repositories` pairs a repository with the member's commits in it; GitHub
    lists at most 100 and cannot page them, `repositories_total` says how many there are. `created` are
    the repositories made in these days, at most 100 of `created_total`. `commits`, `reviews`, `issues` and
    `pull_requests` are GitHub's counts of contributions, by its own rules: to compare, never exact.
    """

    since: date
    until: date
    days: Mapping[date, int]
    total: int
    restricted: int
    repositories: tuple[tuple[Repository, int], ...]
    repositories_total: int
    created: tuple[Repository, ...]
    created_total: int
    commits: int
    reviews: int
    issues: int
    pull_requests: int

    @property
    def is_cut(self) -> bool:
        """Whether repositories are missing: ask again for shorter windows."""
        return self.repositories_total > len(self.repositories) or self.created_total > MOST_CREATED


@dataclass(frozen=True, slots=True)
class Probe:
    """The answer to "did anything change?". `repositories` is the first page of that list.

    `lists` holds the newest entries of each list that was asked for.
    """

    identity: Identity
    profile: Profile
    created_at: datetime
    contribution_years: tuple[int, ...]
    contributions: Contributions
    repositories: RepositoryPage
    lists: Mapping[ListName, ListPage]
    rate: Rate | None


@dataclass(frozen=True, slots=True)
class CommitPageRequest:
    """One page of the member's commits, newest first, in the history of `head_oid`.

    `cursor` is the previous page's `end_cursor`. `since` and `until` compare the committer date, both
    included; leave them out where possible, because they lose commits that were merged late.
    """

    repository_id: str
    head_oid: str
    cursor: str | None
    size: int
    with_statistics: bool = True
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Commit:
    """`authored_at` is ISO 8601 text with the author's own offset; unknown statistics are None."""

    oid: str
    node_id: str
    message: str
    authored_at: str
    committed_at: datetime
    additions: int | None
    deletions: int | None
    changed_files: int | None
    url: str


@dataclass(frozen=True, slots=True)
class CommitPage:
    """One page, or why there is none.

    `total` counts the member's commits in the whole filtered history. With the outcome
    "statistics_unavailable" GitHub withheld `missing` commits because it could not count their lines: ask
    for the same page without statistics. "head_gone" means the pinned commit or the cursor is no longer
    known: start again from the present head.
    """

    request: CommitPageRequest
    repository: str
    total: int
    commits: tuple[Commit, ...]
    missing: int
    end_cursor: str | None
    has_next: bool
    outcome: PageOutcome


@dataclass(frozen=True, slots=True)
class CommitTotal:
    """How many commits of the member the default branch holds, and the newest of them.

    `head_oid` is None for an empty repository, `newest_oid` where none of the commits is the member's.
    """

    repository_id: str
    name: str
    head_oid: str | None
    total: int
    newest_oid: str | None


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A repository that was asked for and cannot be read with this token."""

    repository_id: str
    reason: UnreadableReason


@dataclass(frozen=True, slots=True)
class RestCommitPage:
    """One REST page of commits, for histories too heavy for GraphQL. It has no statistics and no total.

    `next_page` is the page to ask for next, None at the end.
    """

    commits: tuple[Commit, ...]
    next_page: int | None
    outcome: PageOutcome
