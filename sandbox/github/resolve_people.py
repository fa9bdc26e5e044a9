"""GraphQL's User: identity, repositories and the lists of what they did."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sandbox.github.errors import QueryError
from sandbox.github.hosted import Account, Organization, Repository
from sandbox.github.items import Gist, Issue, Item, PullRequest, Star
from sandbox.github.nodes import node_for, order_field, ordered_connection
from sandbox.github.paging import Connection, Info, connect, iso, order_by_key
from sandbox.github.reading import Reading, insufficient_scopes
from sandbox.github.resolve_contributions import ContributionsNode, window_of
from sandbox.github.resolve_discussions import discussions_wanted
from sandbox.github.resolve_issues import issues_connection, list_order, pull_requests_connection
from sandbox.github.resolve_organizations import OrganizationNode, organizations_connection
from sandbox.github.resolve_repositories import RepositoryNode, repositories_of, repository_connection
from sandbox.github.world import Ordered

_EMAIL_SCOPES = ("user:email", "read:user", "user")


@dataclass(frozen=True)
class UserNode:
    reading: Reading
    account: Account

    typename = "User"

    @property
    def id(self) -> str:
        return self.account.node_id

    @property
    def database_id(self) -> int:
        return self.account.id

    @property
    def login(self) -> str:
        return self.account.login

    @property
    def name(self) -> str | None:
        return self.account.name

    def email(self, _info: Info) -> str:
        """The public address: none. Even to hear that takes a scope."""
        if not self.reading.scopes & set(_EMAIL_SCOPES):
            raise insufficient_scopes("email", ["user:email", "read:user"], self.reading.scopes)
        return ""

    @property
    def bio(self) -> str | None:
        return self.account.profile.bio

    @property
    def company(self) -> str | None:
        return self.account.profile.company

    @property
    def location(self) -> str | None:
        return self.account.profile.location

    @property
    def website_url(self) -> str | None:
        return self.account.profile.website_url

    @property
    def twitter_username(self) -> str | None:
        return self.account.profile.twitter_username

    @property
    def is_viewer(self) -> bool:
        return self.account.id == self.reading.account.id

    @property
    def created_at(self) -> str:
        return iso(self.account.created_seconds)

    @property
    def updated_at(self) -> str:
        return self.created_at

    @property
    def resource_path(self) -> str:
        return f"/{self.login}"

    @property
    def url(self) -> str:
        return self.reading.web_url + self.resource_path

    def avatar_url(self, _info: Info, **_size: Any) -> str:
        return f"{self.reading.web_url}/avatars/{self.account.id}"

    def contributions_collection(
        self,
        _info: Info,
        to: datetime | None = None,
        **arguments: Any,
    ) -> ContributionsNode:
        started_at, ended_at = window_of(arguments.get("from"), to)
        return ContributionsNode(self.reading, self.account, started_at, ended_at)

    def repositories(self, info: Info, **arguments: Any) -> Connection[Repository]:
        return repositories_of(self.reading, info, self.account, arguments)

    def repository(self, _info: Info, name: str, *, follow_renames: bool = True) -> RepositoryNode | None:
        return RepositoryNode.named(self.reading, self.login, name, follow_renames=follow_renames)

    def repositories_contributed_to(
        self,
        info: Info,
        *,
        include_user_repositories: bool | None = None,
        contribution_types: list[str] | None = None,
        **arguments: Any,
    ) -> Connection[Repository]:
        """Of the last year, as on GitHub."""
        started_at, ended_at = window_of(None, None)
        window = ContributionsNode(self.reading, self.account, started_at, ended_at)
        found = window.repositories_with(contribution_types or ["COMMIT"])
        chosen = [each for each in found if include_user_repositories or each.owner is not self.account]
        return repository_connection(self.reading, info, chosen, arguments)

    def organizations(self, info: Info, **arguments: Any) -> Connection[Organization]:
        found = self.reading.organizations_of(self.account)
        return organizations_connection(self.reading, info, found, arguments)

    def organization(self, _info: Info, login: str) -> OrganizationNode | None:
        found = self.reading.organizations_of(self.account)
        return next((OrganizationNode(self.reading, each) for each in found if each.login == login), None)

    def followers(self, info: Info, **window: Any) -> Connection[Account]:
        return self._accounts(info, self.reading.catalogue.followers_of(self.account), window)

    def following(self, info: Info, **window: Any) -> Connection[Account]:
        found = [each for each in self.reading.catalogue.accounts if each.id in self.account.follows]
        return self._accounts(info, found, window)

    def issues(self, info: Info, **arguments: Any) -> Connection[Issue]:
        own = self.reading.own(self.account, "issues", list_order(arguments))
        return issues_connection(self.reading, info, own, arguments)

    def pull_requests(self, info: Info, **arguments: Any) -> Connection[PullRequest]:
        own = self.reading.own(self.account, "pull_requests", list_order(arguments))
        return pull_requests_connection(self.reading, info, own, arguments)

    def issue_comments(self, info: Info, order_by: Any = None, **window: Any) -> Connection[Item]:
        return self._own(info, "issue_comments", window, order_by)

    def commit_comments(self, info: Info, **window: Any) -> Connection[Item]:
        return self._own(info, "commit_comments", window)

    def gist_comments(self, info: Info, **window: Any) -> Connection[Item]:
        return self._own(info, "gist_comments", window)

    def gists(
        self, info: Info, order_by: Any = None, privacy: str | None = None, **window: Any
    ) -> Connection[Gist]:
        """Public ones, unless others are asked for, which takes the scope `gist`."""
        own: Ordered[Gist] = self.reading.own(self.account, "gists", order_field(order_by))
        wanted = {"ALL": (True, False), "SECRET": (False,)}.get(privacy or "", (True,))
        chosen = own.where(lambda gist: gist.is_public in wanted)
        return ordered_connection(self.reading, info, chosen, window, order_by)

    def gist(self, _info: Info, name: str) -> Any:
        own: Ordered[Gist] = self.reading.own(self.account, "gists", "created")
        found = next((gist for gist in own.items if gist.name == name), None)
        return node_for(found, self.reading) if found else None

    def repository_discussions(
        self, info: Info, order_by: Any = None, repository_id: str | None = None, **arguments: Any
    ) -> Connection[Item]:
        if not discussions_wanted(arguments):
            return ordered_connection(self.reading, info, Ordered([], []), arguments)
        return self._own(info, "discussions", arguments, order_by, repository_id)

    def repository_discussion_comments(
        self, info: Info, repository_id: str | None = None, *, only_answers: bool = False, **window: Any
    ) -> Connection[Item]:
        if only_answers:
            return ordered_connection(self.reading, info, Ordered([], []), window)
        return self._own(info, "discussion_comments", window, None, repository_id)

    def starred_repositories(
        self, info: Info, order_by: Any = None, *, owned_by_viewer: bool | None = None, **window: Any
    ) -> Connection[Any]:
        visible = self.reading.visible_ids
        stars = [
            star
            for star in self.reading.world.stars_by(self.account)
            if star.repository.id in visible
            and owned_by_viewer in (None, star.repository.owner is self.reading.account)
        ]
        is_descending = bool(order_by) and order_by["direction"] == "DESC"
        ordered, cursors = order_by_key(
            stars, lambda star: (star.starred, star.repository.id), is_descending=is_descending
        )
        return StarConnection.of(connect(info, ordered, self._starred, cursors, window))

    def _own(
        self,
        info: Info,
        kind: str,
        window: dict[str, Any],
        order: dict[str, str] | None = None,
        repository_id: str | None = None,
    ) -> Connection[Item]:
        own = self.reading.own(self.account, kind, order_field(order))
        if repository_id is not None:
            own = own.where(lambda item: item.home.node_id == repository_id)
        return ordered_connection(self.reading, info, own, window, order)

    def _accounts(self, info: Info, accounts: list[Account], window: dict[str, Any]) -> Connection[Account]:
        found, cursors = order_by_key(accounts, lambda each: (each.id, each.node_id), is_descending=False)
        return connect(info, found, lambda each: UserNode(self.reading, each), cursors, window)

    def _starred(self, star: Star) -> RepositoryNode | QueryError:
        refusal = self.reading.obstacles.refusal_in_list(star.repository)
        return refusal or RepositoryNode(self.reading, star.repository)


class StarConnection(Connection[Any]):
    is_over_limit = False

    @classmethod
    def of(cls, connection: Connection[Any]) -> "StarConnection":
        return cls(
            connection.items, connection.start, connection.end, connection.cursors, connection.make_node
        )


@node_for.register
def _(account: Account, reading: Reading) -> UserNode:
    return UserNode(reading, account)
