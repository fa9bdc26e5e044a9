"""One GraphQL request: its document, the operation to run, its price, and its execution."""

from functools import lru_cache
from importlib import resources
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLScalarType,
    GraphQLSchema,
    GraphQLSyntaxError,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    StringValueNode,
    build_schema,
    execute_sync,
    parse,
)
from graphql.execution.values import get_variable_values

from sandbox.github import (  # noqa: F401 - they register their nodes
    resolve_gists,
    resolve_git,
    resolve_people,
    resolve_reviews,
)
from sandbox.github.cost import LARGEST_NODE_COUNT, Cost, measure
from sandbox.github.errors import QueryError, RefusedQuery, cause_of, formatted
from sandbox.github.faults import moment
from sandbox.github.nodes import resolve_field
from sandbox.github.reading import Reading
from sandbox.github.resolve_root import Root
from sandbox.github.validation import syntax_error, validation_errors


class Query:
    """One request's document, the operation to run, and its price."""

    def __init__(self, text: str, variables: dict[str, Any], operation_name: str | None) -> None:
        self.document, errors = _prepare(text)
        if errors:
            raise RefusedQuery(errors)
        self.variables = variables
        self.operation = _operation(self.document, operation_name)
        self.name = self.operation.name.value if self.operation.name else None
        self.cost = _price(self.document, self.operation, variables)

    def run(self, reading: Reading) -> dict[str, Any]:
        document = _only_rate_limit(self.document, self.operation) if self.cost.is_dry_run else self.document
        result = execute_sync(
            _schema(),
            document,
            Root(reading),
            reading,
            variable_values=self.variables,
            operation_name=self.name,
            field_resolver=resolve_field,
            type_resolver=lambda value, _info, _type: value.typename,
        )
        answer: dict[str, Any] = {"data": result.data}
        if result.errors:
            for error in result.errors:
                _raise_if_ours(error)
            answer["errors"] = [formatted(error) for error in result.errors]
        return answer


def is_mutation(text: str) -> bool:
    document, _ = _prepare(text)
    return any(
        isinstance(each, OperationDefinitionNode) and each.operation == OperationType.MUTATION
        for each in document.definitions
    )


@lru_cache(maxsize=1)
def _schema() -> GraphQLSchema:
    text = resources.files("sandbox.github").joinpath("schema.graphql").read_text()
    schema = build_schema(text)
    for name in ("DateTime", "GitTimestamp"):
        scalar = cast(GraphQLScalarType, schema.type_map[name])
        scalar.coerce_input_value = _parse_moment
        scalar.coerce_input_literal = _parse_literal
    return schema


def _parse_moment(value: Any) -> Any:
    try:
        return moment(value)
    except (TypeError, ValueError) as error:
        raise GraphQLError(f"{value!r} is not a valid date and time of ISO 8601.") from error


def _parse_literal(node: Any, *_variables: Any) -> Any:
    return _parse_moment(node.value if isinstance(node, StringValueNode) else None)


@lru_cache(maxsize=256)
def _prepare(text: str) -> tuple[DocumentNode, list[dict[str, Any]]]:
    try:
        document = parse(text)
    except GraphQLSyntaxError as error:
        return DocumentNode(definitions=()), [syntax_error(error)]
    return document, validation_errors(_schema(), document)


def _operation(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [each for each in document.definitions if isinstance(each, OperationDefinitionNode)]
    chosen = [each for each in operations if name is None or (each.name and each.name.value == name)]
    if len(chosen) != 1:
        message = f"No operation named {name!r}" if name else "An operation name is required"
        raise RefusedQuery([{"message": message}])
    return chosen[0]


def _price(document: DocumentNode, operation: OperationDefinitionNode, variables: dict[str, Any]) -> Cost:
    values = get_variable_values(_schema(), operation.variable_definitions or (), variables)
    if isinstance(values, list):
        raise RefusedQuery([formatted(error) for error in values])
    fragments = {
        each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
    }
    cost = measure(_schema(), operation, fragments, values)
    if cost.nodes > LARGEST_NODE_COUNT:
        message = (
            f"This query requests up to {cost.nodes:,} possible nodes which exceeds the maximum limit of "
            f"{LARGEST_NODE_COUNT:,}."
        )
        raise RefusedQuery([{"type": "MAX_NODE_LIMIT_EXCEEDED", "message": message}])
    return cost


def _only_rate_limit(document: DocumentNode, operation: OperationDefinitionNode) -> DocumentNode:
    chosen = tuple(
        each
        for each in operation.selection_set.selections
        if isinstance(each, FieldNode) and each.name.value == "rateLimit"
    )
    reduced = OperationDefinitionNode(
        operation=operation.operation,
        name=operation.name,
        variable_definitions=operation.variable_definitions,
        directives=operation.directives,
        selection_set=SelectionSetNode(selections=chosen),
    )
    others = tuple(each for each in document.definitions if isinstance(each, FragmentDefinitionNode))
    return DocumentNode(definitions=(reduced, *others))


def _raise_if_ours(error: GraphQLError) -> None:
    """A mistake of the stand-in must not look like GitHub's answer."""
    cause = cause_of(error)
    if cause is not None and not isinstance(cause, QueryError):
        raise cause
