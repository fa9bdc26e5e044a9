"""GraphQL's Repository and lists of repositories."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.github.errors import QueryError
from sandbox.github.history import Branch
from sandbox.github.hosted import GitObjectName, Owner, Repository
from sandbox.github.items import Activity, CommitComment, Discussion, Issue, PullRequest, Release, Star
from sandbox.github.nodes import item_connection, node_for
from sandbox.github.paging import Connection, Info, connect, iso, order_by_key
from sandbox.github.reading import Reading
from sandbox.github.resolve_discussions import discussions_wanted
from sandbox.github.resolve_issues import issues_connection, list_order, pull_requests_connection
from sandbox.github.resolve_items import iso_or_none
from sandbox.github.resolve_languages import LanguageConnection, LanguageNode
from sandbox.github.resolve_refs import RefNode, ref_connection
from sandbox.github.resolve_releases import latest_release, releases_of
from sandbox.github.world import ordered

_PERMISSIONS = {
    "OWNER": "ADMIN",
    "ORGANIZATION_MEMBER": "WRITE",
    "COLLABORATOR": "WRITE",
    None: "READ",
}


@dataclass(frozen=True)
class RepositoryNode:
    reading: Reading
    repository: Repository

    typename = "Repository"

    has_discussions_enabled = True
    has_issues_enabled = True
    homepage_url = None
    is_disabled = False
    is_locked = False
    is_mirror = False
    is_template = False

    @classmethod
    def named(
        cls, reading: Reading, owner: str, name: str, *, follow_renames: bool
    ) -> "RepositoryNode | None":
        """None for what is not there or cannot be seen. Raises QueryError FORBIDDEN."""
        found = reading.catalogue.repository_by_name(owner, name)
        if found is None or not reading.can_see(found):
            return None
        if not follow_renames and found.full_name.lower() != f"{owner}/{name}".lower():
            return None
        reading.check_allowed(found)
        return cls(reading, found)

    @property
    def id(self) -> str:
        return self.repository.node_id

    @property
    def database_id(self) -> int:
        return self.repository.id

    @property
    def name(self) -> str:
        return self.repository.name

    @property
    def name_with_owner(self) -> str:
        return self.repository.full_name

    @property
    def owner(self) -> Any:
        return node_for(self.repository.owner, self.reading)

    @property
    def is_private(self) -> bool:
        return self.repository.is_private

    @property
    def visibility(self) -> str:
        return "PRIVATE" if self.repository.is_private else "PUBLIC"

    @property
    def is_empty(self) -> bool:
        return self.repository.git.head is None

    @property
    def created_at(self) -> str:
        return iso(self.repository.created_seconds)

    @property
    def updated_at(self) -> str:
        return iso(self.repository.updated_seconds)

    @property
    def pushed_at(self) -> str | None:
        return iso_or_none(self.repository.pushed_seconds)

    @property
    def archived_at(self) -> str | None:
        return iso_or_none(self.repository.archived_seconds)

    @property
    def is_archived(self) -> bool:
        return self.repository.archived_seconds is not None

    @property
    def is_fork(self) -> bool:
        return self.repository.parent is not None

    @property
    def is_in_organization(self) -> bool:
        return self.repository.is_in_organization

    @property
    def description(self) -> str:
        return f"Of the stand-in: {self.repository.git.place}"

    @property
    def fork_count(self) -> int:
        return len(self.reading.catalogue.forks_of(self.repository))

    @property
    def parent(self) -> "RepositoryNode | None":
        parent = self.repository.parent
        return RepositoryNode(self.reading, parent) if parent and self.reading.can_see(parent) else None

    @property
    def primary_language(self) -> LanguageNode | None:
        name = next(iter(self.repository.git.languages()), None)
        return LanguageNode(name) if name else None

    @property
    def disk_usage(self) -> int:
        return self.repository.git.disk_usage()

    @property
    def viewer_permission(self) -> str:
        return _PERMISSIONS[self.repository.affiliation(self.reading.account)]

    @property
    def viewer_has_starred(self) -> bool:
        return any(star.account is self.reading.account for star in self._activity.stars)

    @property
    def stargazer_count(self) -> int:
        return len(self._activity.stars)

    @property
    def resource_path(self) -> str:
        return f"/{self.repository.full_name}"

    @property
    def url(self) -> str:
        return self.reading.web_url + self.resource_path

    def default_branch_ref(self, _info: Info) -> RefNode | None:
        self.reading.check_allowed(self.repository)
        git = self.repository.git
        if git.head is None:
            return None
        name = git.branch if git.branch == "HEAD" else f"refs/heads/{git.branch}"
        return RefNode(self.reading, self.repository, Branch(name, git.head))

    def ref(self, _info: Info, qualified_name: str) -> RefNode | None:
        self.reading.check_allowed(self.repository)
        prefix = "" if qualified_name.startswith("refs/") else "refs/heads/"
        name = prefix + qualified_name
        found = next((each for each in self.repository.git.branches(name) if each.name == name), None)
        return RefNode(self.reading, self.repository, found) if found else None

    def refs(self, info: Info, **arguments: Any) -> Connection[Branch]:
        self.reading.check_allowed(self.repository)
        return ref_connection(self.reading, info, self.repository, arguments)

    def object(self, _info: Info, oid: str | None = None, expression: str | None = None) -> Any:
        self.reading.check_allowed(self.repository)
        found = oid or (self.repository.git.resolve(expression) if expression else None)
        return node_for(GitObjectName(self.repository, found), self.reading) if found else None

    def issue(self, _info: Info, number: int) -> Any:
        return self._numbered(self._activity.issues, "Issue", number)

    def pull_request(self, _info: Info, number: int) -> Any:
        return self._numbered(self._activity.pull_requests, "PullRequest", number)

    def discussion(self, _info: Info, number: int) -> Any:
        return self._numbered(self._activity.discussions, "Discussion", number)

    def issues(self, info: Info, **arguments: Any) -> Connection[Issue]:
        items = ordered(self._activity.issues, list_order(arguments))
        return issues_connection(self.reading, info, items, arguments)

    def pull_requests(self, info: Info, **arguments: Any) -> Connection[PullRequest]:
        items = ordered(self._activity.pull_requests, list_order(arguments))
        return pull_requests_connection(self.reading, info, items, arguments)

    def discussions(self, info: Info, **arguments: Any) -> Connection[Discussion]:
        found = self._activity.discussions if discussions_wanted(arguments) else []
        return item_connection(self.reading, info, found, arguments, arguments.get("order_by"))

    def commit_comments(self, info: Info, **window: Any) -> Connection[CommitComment]:
        return item_connection(self.reading, info, self._activity.commit_comments, window)

    def releases(self, info: Info, **arguments: Any) -> Connection[Release]:
        return releases_of(self.reading, info, self.repository, arguments)

    def release(self, _info: Info, tag_name: str) -> Any:
        """A draft has no tag yet."""
        published = (each for each in self._activity.releases if each.published is not None)
        found = next((each for each in published if each.tag_name == tag_name), None)
        return node_for(found, self.reading) if found else None

    @property
    def latest_release(self) -> Any:
        found = latest_release(self.reading, self.repository)
        return node_for(found, self.reading) if found else None

    def languages(
        self, info: Info, order_by: dict[str, str] | None = None, **window: Any
    ) -> LanguageConnection:
        sizes = list(self.repository.git.languages().items())
        found, cursors = order_by_key(
            sizes,
            lambda each: (each[1], each[0]),
            is_descending=order_by is None or order_by["direction"] == "DESC",
        )
        connection = connect(info, found, lambda each: LanguageNode(each[0]), cursors, window)
        return LanguageConnection(**vars(connection))

    def stargazers(
        self, info: Info, order_by: dict[str, str] | None = None, **window: Any
    ) -> Connection[Star]:
        found, cursors = order_by_key(
            self._activity.stars,
            lambda star: (star.starred, star.account.id),
            is_descending=order_by is not None and order_by["direction"] == "DESC",
        )
        return connect(info, found, lambda star: node_for(star.account, self.reading), cursors, window)

    def forks(self, info: Info, **arguments: Any) -> Connection[Repository]:
        found = self.reading.catalogue.forks_of(self.repository)
        visible = [each for each in found if self.reading.can_see(each)]
        return repository_connection(self.reading, info, visible, arguments)

    @property
    def _activity(self) -> Activity:
        return self.reading.world.activity(self.repository)

    def _numbered(self, items: Sequence[Any], kind: str, number: int) -> Any:
        found = next((item for item in items if item.number == number), None)
        if found is None:
            message = (
                f"Could not resolve to {'an' if kind == 'Issue' else 'a'} {kind} with the number of {number}."
            )
            raise QueryError("NOT_FOUND", message)
        return node_for(found, self.reading)


@node_for.register
def _(repository: Repository, reading: Reading) -> RepositoryNode:
    return RepositoryNode(reading, repository)


def repositories_of(
    reading: Reading, info: Info, owner: Owner, arguments: dict[str, Any]
) -> Connection[Repository]:
    """`affiliations` is how the viewer stands to a repository, `ownerAffiliations` how the owner does."""
    chosen = [each for each in reading.visible() if _is_wanted(reading, each, owner, arguments)]
    return repository_connection(reading, info, chosen, arguments)


def repository_connection(
    reading: Reading, info: Info, repositories: Iterable[Repository], arguments: dict[str, Any]
) -> Connection[Repository]:
    order = arguments.get("order_by") or {"field": "CREATED_AT", "direction": "ASC"}
    ordered_ones, cursors = order_by_key(
        list(repositories),
        lambda repository: (_sort_value(reading, repository, order["field"]), repository.node_id),
        is_descending=order["direction"] == "DESC",
    )
    return RepositoryConnection.of(
        connect(info, ordered_ones, lambda each: _in_list(reading, each), cursors, arguments)
    )


def _in_list(reading: Reading, repository: Repository) -> RepositoryNode | QueryError:
    return reading.obstacles.refusal_in_list(repository) or RepositoryNode(reading, repository)


class RepositoryConnection(Connection[Repository]):
    @classmethod
    def of(cls, connection: Connection[Repository]) -> "RepositoryConnection":
        return cls(
            connection.items, connection.start, connection.end, connection.cursors, connection.make_node
        )

    @property
    def total_disk_usage(self) -> int:
        return sum(repository.git.disk_usage() for repository in self.items)


def _is_wanted(reading: Reading, repository: Repository, owner: Owner, arguments: dict[str, Any]) -> bool:
    if repository.affiliation(owner) not in (arguments.get("owner_affiliations") or []):
        return False
    affiliations = arguments.get("affiliations")
    if affiliations and repository.affiliation(reading.account) not in affiliations:
        return False
    visibility = arguments.get("visibility") or arguments.get("privacy")
    if visibility and visibility != ("PRIVATE" if repository.is_private else "PUBLIC"):
        return False
    states = {
        "is_fork": repository.parent is not None,
        "is_archived": repository.archived_seconds is not None,
        "is_locked": False,
        "has_issues_enabled": True,
    }
    return all(arguments.get(name) in (None, state) for name, state in states.items())


def _sort_value(reading: Reading, repository: Repository, field: str) -> Any:
    if field == "NAME":
        return repository.name.lower()
    if field == "STARGAZERS":
        return len(reading.world.activity(repository).stars)
    if field == "CREATED_AT":
        return repository.created_seconds
    if field == "UPDATED_AT":
        return repository.updated_seconds
    return repository.pushed_seconds or 0
