"""GitHub's errors inside a GraphQL answer: a message, and a `type` beside it on the top level."""

from typing import Any

from graphql import GraphQLError


class QueryError(Exception):
    """Raised by a resolver: its field is null, the error says why."""

    def __init__(self, error_type: str, message: str, extensions: dict[str, Any] | None = None) -> None:
        super().__init__(message)
        self.type = error_type
        self.extensions = extensions


class RefusedQuery(Exception):
    """The whole query is refused before anything runs; the answer has only these errors."""

    def __init__(self, errors: list[dict[str, Any]]) -> None:
        super().__init__(errors[0]["message"])
        self.errors = errors


def not_found_node(node_id: str) -> QueryError:
    return QueryError("NOT_FOUND", f"Could not resolve to a node with the global id of '{node_id}'")


def formatted(error: GraphQLError) -> dict[str, Any]:
    cause = cause_of(error)
    answer: dict[str, Any] = {}
    if isinstance(cause, QueryError):
        answer["type"] = cause.type
    if error.path:
        answer["path"] = list(error.path)
    if isinstance(cause, QueryError) and cause.extensions:
        answer["extensions"] = cause.extensions
    if error.locations:
        answer["locations"] = [location.formatted for location in error.locations]
    answer["message"] = error.message
    return answer


def cause_of(error: GraphQLError) -> Exception | None:
    """What was raised in a resolver. For an error inside a list graphql-core wraps its own error again."""
    cause = error.original_error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    return cause
