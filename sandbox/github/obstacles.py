"""What faults put between a person and what they could see otherwise. See faults.py for the switches."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from sandbox.github.errors import QueryError
from sandbox.github.hosted import Repository
from sandbox.github.items import Item

_NONE: frozenset[str] = frozenset()
_MESSAGES = {
    "INTERNAL": "Something went wrong while executing your query.",
    "SERVICE_UNAVAILABLE": "The service is temporarily unavailable.",
    "UNPROCESSABLE": "Something went wrong while processing this field.",
    "FORBIDDEN": "Resource not accessible by integration",
    "NOT_FOUND": "Could not resolve to a node.",
    "RESOURCE_LIMITS_EXCEEDED": "Resource limits for this query exceeded.",
    "INSUFFICIENT_SCOPES": (
        "Your token has not been granted the required scopes to execute this query. The '{field}' field "
        "requires one of the following scopes: ['repo'], but your token has only been granted other scopes."
    ),
}


@dataclass(frozen=True)
class Obstacles:
    """Repositories by name, organisations by login, nodes by id. Names stand as they are now."""

    gone: frozenset[str] = _NONE
    forbidden: frozenset[str] = _NONE
    blocked: frozenset[str] = _NONE
    restricted_organizations: frozenset[str] = _NONE
    dropped_organizations: frozenset[str] = _NONE
    saml_organizations: frozenset[str] = _NONE
    unknown_nodes: frozenset[str] = _NONE
    forbidden_nodes: frozenset[str] = _NONE
    without_statistics: frozenset[str] = _NONE
    """Oids; `*` stands for all."""
    field_errors: Mapping[str, str] = field(default_factory=dict)
    """Name of a GraphQL field, and the type of the error it answers with."""
    holders_at_most: int | None = None
    """Above that many aliases that hold a connection GitHub cuts lists short without a word."""

    def hides(self, repository: Repository) -> bool:
        return repository.name in self.gone or self.is_dropped(repository.owner.login)

    def is_dropped(self, login: str) -> bool:
        return login in self.dropped_organizations

    def refusal(self, repository: Repository) -> QueryError | None:
        """Why it cannot be read; None when it can."""
        owner = repository.owner.login
        if repository.name in self.blocked:
            return QueryError("FORBIDDEN", "Repository access blocked")
        if repository.name in self.forbidden or owner in self.restricted_organizations:
            return QueryError("FORBIDDEN", app_restriction(owner))
        return saml_error() if owner in self.saml_organizations else None

    def refusal_in_list(self, repository: Repository) -> QueryError | None:
        """Organisations that keep the app out do so in lists too; other refusals come on reading."""
        owner = repository.owner.login
        if owner in self.restricted_organizations or owner in self.saml_organizations:
            return self.refusal(repository)
        return None

    def refusal_of_item(self, item: Item) -> QueryError | None:
        if item.node_id in self.forbidden_nodes:
            return QueryError("FORBIDDEN", _MESSAGES["FORBIDDEN"])
        return self.refusal_in_list(item.repository) if item.repository else None

    def lacks_statistics(self, oid: str) -> bool:
        return oid in self.without_statistics or "*" in self.without_statistics

    def check_field(self, name: str) -> None:
        """Raises QueryError for a field that is told to fail."""
        error_type = self.field_errors.get(name)
        if error_type is not None:
            raise QueryError(error_type, _MESSAGES.get(error_type, _MESSAGES["INTERNAL"]).format(field=name))


def app_restriction(owner: str) -> str:
    return (
        f"Although you appear to have the correct authorization credentials, the `{owner}` organization has "
        "enabled OAuth App access restrictions, meaning that data access to third-parties is limited. For "
        "more information on these restrictions, including how to enable this app, visit "
        "https://docs.github.com/articles/restricting-access-to-your-organization-s-data/"
    )


SAML_MESSAGE = (
    "Resource protected by organization SAML enforcement. You must grant your OAuth token access to this "
    "organization."
)


def saml_error() -> QueryError:
    return QueryError("FORBIDDEN", SAML_MESSAGE, {"saml_failure": True})
