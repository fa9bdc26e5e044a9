"""The root of GraphQL: viewer, node, nodes, user, repository, search, rateLimit."""

from dataclasses import dataclass
from typing import Any

from sandbox.github.errors import QueryError, not_found_node
from sandbox.github.history import Branch
from sandbox.github.hosted import GitObjectName, Repository
from sandbox.github.ids import NodeId, parse_node_id
from sandbox.github.items import ITEM_PREFIXES, Item
from sandbox.github.nodes import item_node, node_for
from sandbox.github.paging import LARGEST_PAGE, Connection, Info, KeyCursors, connect
from sandbox.github.reading import Reading
from sandbox.github.resolve_refs import RefNode
from sandbox.github.resolve_repositories import RepositoryNode
from sandbox.github.search import Found, search
from sandbox.github.world import Ordered

_SEARCHED = {"ISSUE": ("issues", "pull_requests"), "DISCUSSION": ("discussions",)}


class Root:
    def __init__(self, reading: Reading) -> None:
        self._reading = reading

    @property
    def viewer(self) -> Any:
        return node_for(self._reading.account, self._reading)

    def rate_limit(self, _info: Info, **_arguments: Any) -> dict[str, Any]:
        return self._reading.rate_limit

    def user(self, _info: Info, login: str) -> Any:
        account = self._reading.catalogue.account_by_login(login)
        if account is None:
            raise QueryError("NOT_FOUND", f"Could not resolve to a User with the login of '{login}'.")
        return node_for(account, self._reading)

    def organization(self, _info: Info, login: str) -> Any:
        found = self._reading.catalogue.organization_by_login(login)
        if found is None:
            message = f"Could not resolve to an Organization with the login of '{login}'."
            raise QueryError("NOT_FOUND", message)
        return node_for(found, self._reading)

    def repository_owner(self, _info: Info, login: str) -> Any:
        catalogue = self._reading.catalogue
        found = catalogue.account_by_login(login) or catalogue.organization_by_login(login)
        return node_for(found, self._reading) if found else None

    def repository(self, _info: Info, owner: str, name: str, *, follow_renames: bool = True) -> Any:
        found = RepositoryNode.named(self._reading, owner, name, follow_renames=follow_renames)
        if found is None:
            message = f"Could not resolve to a Repository with the name '{owner}/{name}'."
            raise QueryError("NOT_FOUND", message)
        return found

    def node(self, _info: Info, id: str) -> Any:  # noqa: A002 - GitHub's name of the argument
        return self._find(id)

    def nodes(self, _info: Info, ids: list[str]) -> list[Any]:
        if len(ids) > LARGEST_PAGE:
            message = f"You may not provide more than {LARGEST_PAGE} node ids; you provided {len(ids)}."
            raise QueryError("ARGUMENT_LIMIT", message)
        return [self._find_or_error(node_id) for node_id in ids]

    def search(self, info: Info, type: str, query: str, **window: Any) -> "SearchConnection":  # noqa: A002
        """By the qualifiers of search.py; of repositories and people nothing is found."""
        try:
            found = search(self._reading, query, _SEARCHED[type]) if type in _SEARCHED else _NOTHING
        except ValueError as error:
            raise QueryError("UNPROCESSABLE", f"The search cannot be understood: {error}") from error
        step = -1 if found.is_descending else 1
        connection = connect(
            info,
            found.items.items[::step],
            lambda item: item_node(item, self._reading),
            KeyCursors(found.items.keys[::step], found.is_descending),
            window,
            total=found.total,
        )
        return SearchConnection(**vars(connection), is_about_discussions=type == "DISCUSSION")

    def _find_or_error(self, node_id: str) -> Any:
        """An error as a value: graphql-core then blames this item of the list, not the list."""
        try:
            return self._find(node_id)
        except QueryError as error:
            return error

    def _find(self, node_id: str) -> Any:
        if node_id in self._reading.obstacles.unknown_nodes:
            raise not_found_node(node_id)
        if node_id in self._reading.obstacles.forbidden_nodes:
            raise QueryError("FORBIDDEN", "Resource not accessible by integration")
        parsed = parse_node_id(node_id)
        found = self._find_parsed(parsed) if parsed else None
        if found is None or found.id != node_id:
            raise not_found_node(node_id)
        return found

    def _find_parsed(self, parsed: NodeId) -> Any:
        reading = self._reading
        if parsed.prefix == "U":
            account = reading.catalogue.account_by_id(parsed.database_id)
            return node_for(account, reading) if account else None
        if parsed.prefix == "O":
            organization = reading.catalogue.organization_by_id(parsed.database_id)
            return node_for(organization, reading) if organization else None
        if parsed.prefix in ITEM_PREFIXES:
            item = reading.world.item(parsed.prefix, parsed.database_id)
            return self._item(item) if item else None
        repository = reading.catalogue.repository_by_id(parsed.database_id)
        if repository is None or not reading.can_see(repository):
            return None
        reading.check_allowed(repository)
        return self._find_in(repository, parsed)

    def _find_in(self, repository: Repository, parsed: NodeId) -> Any:
        reading = self._reading
        if parsed.prefix == "R":
            return node_for(repository, reading)
        if parsed.prefix == "REF":
            branches = repository.git.branches(parsed.rest)
            found = next((branch for branch in branches if branch.name == parsed.rest), None)
            if parsed.rest == "HEAD" and repository.git.head:
                found = Branch("HEAD", repository.git.head)
            return RefNode(reading, repository, found) if found else None
        return node_for(GitObjectName(repository, parsed.rest), reading) if parsed.rest else None

    def _item(self, item: Item) -> Any:
        if not self._reading.can_see_item(item):
            return None
        if item.repository is not None:
            self._reading.check_allowed(item.repository)
        return node_for(item, self._reading)


@dataclass(frozen=True)
class SearchConnection(Connection[Any]):
    is_about_discussions: bool = False

    repository_count = 0
    user_count = 0

    @property
    def issue_count(self) -> int:
        return 0 if self.is_about_discussions else self.total_count

    @property
    def discussion_count(self) -> int:
        return self.total_count if self.is_about_discussions else 0


_NOTHING = Found(0, Ordered([], []), is_descending=True)
