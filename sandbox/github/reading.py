"""What one signed-in person may see in one request."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, NamedTuple

from sandbox.github.catalogue import Catalogue
from sandbox.github.errors import QueryError
from sandbox.github.hosted import Account, Organization, Repository
from sandbox.github.items import Gist, GistComment, Item, Release
from sandbox.github.obstacles import Obstacles
from sandbox.github.world import Ordered, World


class HistoryPage(NamedTuple):
    """A page of commits that was answered, for the fault `refuse_after_page`."""

    repository: str
    oldest_seconds: int


@dataclass
class Reading:
    """One request of one person: what they may see, and through which eyes."""

    world: World
    account: Account
    scopes: frozenset[str]
    web_url: str
    obstacles: Obstacles = field(default_factory=Obstacles)
    rate_limit: dict[str, Any] = field(default_factory=dict)
    history_pages: list[HistoryPage] = field(default_factory=list)
    holders: dict[tuple[Any, ...], int] = field(default_factory=dict)
    """The aliases and places of `nodes` that held a connection so far, numbered."""

    @property
    def catalogue(self) -> Catalogue:
        return self.world.catalogue

    def can_see(self, repository: Repository) -> bool:
        if repository.is_gone or self.obstacles.hides(repository):
            return False
        if not repository.is_private:
            return True
        affiliation = repository.affiliation(self.account)
        if affiliation is None or "repo" not in self.scopes:
            return False
        return affiliation != "ORGANIZATION_MEMBER" or "read:org" in self.scopes

    def can_see_gist(self, gist: Gist) -> bool:
        return gist.is_public or (gist.author is self.account and "gist" in self.scopes)

    def can_see_item(self, item: Item) -> bool:
        if isinstance(item, Gist):
            return self.can_see_gist(item)
        if isinstance(item, GistComment):
            return self.can_see_gist(item.gist)
        if isinstance(item, Release) and item.published is None and not self.can_push(item.home):
            return False
        return self.can_see(item.home)

    def can_push(self, repository: Repository) -> bool:
        """Whoever has to do with it can, here: nobody is given less."""
        return repository.affiliation(self.account) is not None

    def visible(self) -> list[Repository]:
        return self._visible

    @cached_property
    def visible_ids(self) -> frozenset[int]:
        return frozenset(repository.id for repository in self._visible)

    def check_allowed(self, repository: Repository) -> None:
        """Raises QueryError FORBIDDEN where an organisation, or GitHub itself, keeps the app out."""
        error = self.refusal(repository)
        if error is not None:
            raise error

    def refusal(self, repository: Repository) -> QueryError | None:
        return self.obstacles.refusal(repository)

    def own(self, account: Account, kind: str, by: str) -> Ordered[Any]:
        """All of a kind by this account that may be seen, ascending."""
        return self.seen((account.id, kind, by), lambda: self.world.own(account, kind, by))

    def seen(self, name: object, everything: Callable[[], Ordered[Any]]) -> Ordered[Any]:
        """Of a list of the world, by a name of its own, what may be seen."""
        key = "seen", name, self.visible_ids, self.account.id, "gist" in self.scopes
        chosen: Ordered[Any] = self.world.shared(key, lambda: self._only_visible(everything()))
        return chosen

    def _only_visible(self, everything: Ordered[Any]) -> Ordered[Any]:
        visible = self.visible_ids
        return everything.where(
            lambda item: item.repository.id in visible if item.repository else self.can_see_item(item)
        )

    def organizations_of(self, account: Account) -> list[Organization]:
        """Raises QueryError INSUFFICIENT_SCOPES: whoever asks for memberships needs `read:org`."""
        if not self.scopes & {"read:org", "admin:org", "write:org"}:
            raise insufficient_scopes("organizations", ["read:org"], self.scopes)
        return [
            organization
            for organization in self.catalogue.organizations_of(account)
            if not self.obstacles.is_dropped(organization.login)
        ]

    @cached_property
    def _visible(self) -> list[Repository]:
        return [repository for repository in self.catalogue.repositories if self.can_see(repository)]


def insufficient_scopes(field_name: str, wanted: Iterable[str], scopes: Iterable[str]) -> QueryError:
    return QueryError(
        "INSUFFICIENT_SCOPES",
        f"Your token has not been granted the required scopes to execute this query. The '{field_name}' "
        f"field requires one of the following scopes: {list(wanted)}, but your token has only been granted "
        f"the: {sorted(scopes)} scopes. Please modify your token's scopes at: https://github.com/settings/tokens.",
    )
