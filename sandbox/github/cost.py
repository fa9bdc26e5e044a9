"""What a query costs, by GitHub's published formula.

https://docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api: add up the requests
needed for every connection, taking each parent connection as full, divide by 100, round, at least 1. A
connection without `first` or `last` is not counted. Nodes are the page sizes multiplied down the nesting.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)
from graphql.execution.values import VariableValues, get_argument_values, get_directive_values
from graphql.type import GraphQLIncludeDirective, GraphQLSkipDirective

LARGEST_NODE_COUNT = 500_000


@dataclass
class Cost:
    requests: int = 0
    nodes: int = 0
    largest_page: int = 0
    aliases: int = 0
    longest_window_days: int = 0
    root_fields: list[str] = field(default_factory=list)
    is_dry_run: bool = False
    is_rate_limit_alone: bool = False

    @property
    def points(self) -> int:
        # "Round to the nearest whole number": half a point up, unlike Python's round().
        return max(1, (self.requests + 50) // 100)


def measure(
    schema: GraphQLSchema,
    operation: OperationDefinitionNode,
    fragments: Mapping[str, FragmentDefinitionNode],
    variables: VariableValues,
) -> Cost:
    """`variables` are the coerced ones. The document must be valid."""
    cost = Cost()
    reader = _Reader(schema, fragments, variables)
    root = schema.get_root_type(operation.operation)
    for parent, name, nodes in reader.iter_fields(root, [operation.selection_set]):
        key = nodes[0].alias.value if nodes[0].alias else name
        cost.root_fields.append(key)
        arguments = reader.arguments(parent, nodes[0])
        if name == "rateLimit":
            cost.is_dry_run = cost.is_dry_run or bool(arguments.get("dryRun"))
        reader.add(cost, parent, nodes, arguments, 1)
    cost.is_rate_limit_alone = cost.root_fields == ["rateLimit"]
    return cost


class _Reader:
    def __init__(
        self,
        schema: GraphQLSchema,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
    ) -> None:
        self._schema = schema
        self._fragments = fragments
        self._variables = variables

    def arguments(self, parent: Any, node: FieldNode) -> dict[str, Any]:
        definition = self._schema.get_field(parent, node.name.value)
        return get_argument_values(definition, node, self._variables) if definition else {}

    def add(
        self, cost: Cost, parent: Any, nodes: list[FieldNode], arguments: dict[str, Any], factor: int
    ) -> None:
        definition = self._schema.get_field(parent, nodes[0].name.value)
        result = get_named_type(definition.type) if definition else None
        size = arguments.get("first") or arguments.get("last")
        if result is not None and result.name.endswith("Connection") and size:
            cost.requests += factor
            factor *= size
            cost.nodes += factor
            cost.largest_page = max(cost.largest_page, size)
        elif nodes[0].name.value == "nodes" and "ids" in arguments:
            factor *= max(1, len(arguments["ids"]))
        cost.aliases += nodes[0].alias is not None
        if nodes[0].name.value == "contributionsCollection":
            cost.longest_window_days = max(cost.longest_window_days, _days(arguments))
        selections = [node.selection_set for node in nodes if node.selection_set]
        for child_parent, _, child_nodes in self.iter_fields(result, selections):
            child_arguments = self.arguments(child_parent, child_nodes[0])
            self.add(cost, child_parent, child_nodes, child_arguments, factor)

    def iter_fields(
        self, parent: Any, selections: list[SelectionSetNode]
    ) -> Iterator[tuple[Any, str, list[FieldNode]]]:
        """Fields as they will be answered: those with the same key on the same type are one."""
        merged: dict[tuple[str, str], tuple[Any, list[FieldNode]]] = {}
        for selection in selections:
            self._collect(parent, selection, merged)
        for owner, nodes in merged.values():
            yield owner, nodes[0].name.value, nodes

    def _collect(
        self,
        parent: Any,
        selection: SelectionSetNode,
        merged: dict[tuple[str, str], tuple[Any, list[FieldNode]]],
    ) -> None:
        for each in selection.selections:
            if not self._is_included(each):
                continue
            if isinstance(each, FieldNode):
                key = each.alias.value if each.alias else each.name.value
                merged.setdefault((parent.name, key), (parent, []))[1].append(each)
            elif isinstance(each, FragmentSpreadNode):
                fragment = self._fragments[each.name.value]
                condition = fragment.type_condition.name.value
                self._collect(self._narrowed(parent, condition), fragment.selection_set, merged)
            elif isinstance(each, InlineFragmentNode):
                condition = each.type_condition.name.value if each.type_condition else parent.name
                self._collect(self._narrowed(parent, condition), each.selection_set, merged)

    def _narrowed(self, parent: Any, condition: str) -> Any:
        """A fragment on an interface does not make an object's fields others than they are."""
        narrowed = self._schema.type_map[condition]
        if isinstance(parent, GraphQLObjectType) and isinstance(narrowed, GraphQLInterfaceType):
            return parent
        return narrowed

    def _is_included(self, node: Any) -> bool:
        skip = get_directive_values(GraphQLSkipDirective, node, self._variables)
        include = get_directive_values(GraphQLIncludeDirective, node, self._variables)
        return not (skip and skip["if"]) and not (include and not include["if"])


def _days(arguments: dict[str, Any]) -> int:
    """Length of a window of contributions; one without an end or a start is a year."""
    first, last = (_day(arguments.get(name)) for name in ("from", "to"))
    return (last - first).days + 1 if first and last else 365


def _day(moment: datetime | str | None) -> date | None:
    """A variable's value may not have been turned into a moment yet."""
    if isinstance(moment, str):
        moment = datetime.fromisoformat(moment)
    return moment.date() if moment else None
