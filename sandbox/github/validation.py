"""Errors of queries that do not fit the schema, in the words and shape of GitHub."""

import re
from collections.abc import Callable, Iterator
from typing import Any

from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    InlineFragmentNode,
    Node,
    OperationDefinitionNode,
    specified_rules,
    validate,
)

_Rewrite = Callable[[re.Match[str]], tuple[str, dict[str, str]]]

_NO_SELECTIONS = (
    "Field must have selections (field '{field}' returns {type} but has no selections. "
    "Did you mean '{field} {{ ... }}'?)"
)

# What graphql-core says, and what GitHub says instead: a message and the facts beside its code.
_WORDS: dict[str, tuple[str, str, _Rewrite]] = {
    "FieldsOnCorrectTypeRule": (
        "undefinedField",
        r"Cannot query field '(?P<field>\w+)' on type '(?P<type>\w+)'",
        lambda found: (
            f"Field '{found['field']}' doesn't exist on type '{found['type']}'",
            {"typeName": found["type"], "fieldName": found["field"]},
        ),
    ),
    "KnownArgumentNamesRule": (
        "argumentNotAccepted",
        r"Unknown argument '(?P<argument>\w+)' on field '\w+\.(?P<field>\w+)'",
        lambda found: (
            f"Field '{found['field']}' doesn't accept argument '{found['argument']}'",
            {"name": found["field"], "typeName": "Field", "argumentName": found["argument"]},
        ),
    ),
    "ScalarLeafsRule": (
        "selectionMismatch",
        r"Field '(?P<field>\w+)' of type '(?P<type>[^']+)' must have a selection",
        lambda found: (
            _NO_SELECTIONS.format(field=found["field"], type=found["type"].strip("[]!")),
            {"nodeName": f"field '{found['field']}'", "typeName": found["type"].strip("[]!")},
        ),
    ),
    "ProvidedRequiredArgumentsRule": (
        "missingRequiredArguments",
        r"Argument '(?:\w+\.)*(?:\w+\()?(?P<argument>\w+)",
        lambda found: (
            f"A required argument is missing: {found['argument']}",
            {"argumentName": found["argument"]},
        ),
    ),
    "NoUnusedVariablesRule": (
        "variableNotUsed",
        r"Variable '\$(?P<name>\w+)' is never used(?: in operation '(?P<operation>\w+)')?",
        lambda found: (
            f"Variable ${found['name']} is declared by {_operation(found)} but not used",
            {"variableName": found["name"]},
        ),
    ),
    "NoUndefinedVariablesRule": (
        "variableNotDefined",
        r"Variable '\$(?P<name>\w+)' is not defined(?: by operation '(?P<operation>\w+)')?",
        lambda found: (
            f"Variable ${found['name']} is used by {_operation(found)} but not declared",
            {"variableName": found["name"]},
        ),
    ),
}


def syntax_error(error: GraphQLSyntaxError) -> dict[str, Any]:
    locations = [location.formatted for location in error.locations or []]
    return {"message": f"Parse error: {error.message}", "locations": locations}


def validation_errors(schema: GraphQLSchema, document: DocumentNode) -> list[dict[str, Any]]:
    """Empty for a good query. The broken rule decides the code, so a bad one is checked rule by rule."""
    if not validate(schema, document):
        return []
    return [
        _described(document, rule, error)
        for rule in specified_rules
        for error in validate(schema, document, [rule])
    ]


def _described(document: DocumentNode, rule: type[ASTValidationRule], error: GraphQLError) -> dict[str, Any]:
    message, extensions = error.message, {"code": _code(rule)}
    if rule.__name__ in _WORDS:
        code, pattern, rewrite = _WORDS[rule.__name__]
        found = re.search(pattern, error.message)
        if found:
            message, facts = rewrite(found)
            extensions = {"code": code, **facts}
    return {
        "path": _path(document, error.nodes[0]) if error.nodes else [],
        "extensions": extensions,
        "locations": [location.formatted for location in error.locations or []],
        "message": message,
    }


def _operation(found: re.Match[str]) -> str:
    return found["operation"] or "anonymous query"


def _code(rule: type[ASTValidationRule]) -> str:
    name = rule.__name__.removesuffix("Rule")
    return name[0].lower() + name[1:]


def _path(document: DocumentNode, wanted: Node) -> list[str]:
    for definition in document.definitions:
        for path, node in _iter_named(definition, []):
            if wanted is node:
                return path
    return []


def _iter_named(node: Node, path: list[str]) -> Iterator[tuple[list[str], Node]]:
    """Every node below with the names of the operation, fields and fragments it stands in."""
    here = [*path, *_name(node)]
    yield here, node
    for key in node.keys:
        children = getattr(node, key, None)
        for child in children if isinstance(children, list | tuple) else [children]:
            if isinstance(child, Node):
                yield from _iter_named(child, here)


def _name(node: Node) -> list[str]:
    if isinstance(node, OperationDefinitionNode):
        return [f"{node.operation.value} {node.name.value}" if node.name else node.operation.value]
    if isinstance(node, FragmentDefinitionNode):
        return [f"fragment {node.name.value}"]
    if isinstance(node, InlineFragmentNode):
        return [f"... on {node.type_condition.name.value}"] if node.type_condition else ["..."]
    if isinstance(node, FieldNode):
        return [node.alias.value if node.alias else node.name.value]
    return []
