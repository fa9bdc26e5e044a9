"""GraphQL's organisations."""

from dataclasses import dataclass
from typing import Any

from sandbox.github.hosted import Organization, Repository
from sandbox.github.nodes import node_for
from sandbox.github.paging import Connection, Info, connect, iso, order_by_key
from sandbox.github.reading import Reading
from sandbox.github.resolve_repositories import RepositoryNode, repositories_of


@dataclass(frozen=True)
class OrganizationNode:
    reading: Reading
    organization: Organization

    typename = "Organization"
    description = "An organisation of the stand-in"
    email = None
    location = None
    twitter_username = None
    website_url = None

    @property
    def id(self) -> str:
        return self.organization.node_id

    @property
    def database_id(self) -> int:
        return self.organization.id

    @property
    def login(self) -> str:
        return self.organization.login

    @property
    def name(self) -> str:
        return self.organization.login

    @property
    def created_at(self) -> str:
        return iso(self.organization.created_seconds)

    @property
    def updated_at(self) -> str:
        return self.created_at

    @property
    def resource_path(self) -> str:
        return f"/{self.login}"

    @property
    def url(self) -> str:
        return self.reading.web_url + self.resource_path

    @property
    def viewer_is_a_member(self) -> bool:
        return self.reading.account.id in self.organization.members

    def avatar_url(self, _info: Info, **_size: Any) -> str:
        return f"{self.reading.web_url}/avatars/{self.organization.id}"

    def repositories(self, info: Info, **arguments: Any) -> Connection[Repository]:
        return repositories_of(self.reading, info, self.organization, arguments)

    def repository(self, _info: Info, name: str, *, follow_renames: bool = True) -> RepositoryNode | None:
        return RepositoryNode.named(self.reading, self.login, name, follow_renames=follow_renames)


@node_for.register
def _(organization: Organization, reading: Reading) -> OrganizationNode:
    return OrganizationNode(reading, organization)


def organizations_connection(
    reading: Reading, info: Info, organizations: list[Organization], arguments: dict[str, Any]
) -> Connection[Organization]:
    order = arguments.get("order_by") or {"field": "LOGIN", "direction": "ASC"}

    def key(organization: Organization) -> tuple[Any, int]:
        value = organization.login.lower() if order["field"] == "LOGIN" else organization.created_seconds
        return value, organization.id

    found, cursors = order_by_key(organizations, key, is_descending=order["direction"] == "DESC")
    return connect(info, found, lambda each: OrganizationNode(reading, each), cursors, arguments)
