"""Queries that do not fit the schema: HTTP 200, GitHub's words, a code and the path."""

from typing import Any

import pytest

from tests.sandbox.github.conftest import GitHub

NO_SELECTIONS = (
    "Field must have selections (field 'viewer' returns User but has no selections. "
    "Did you mean 'viewer { ... }'?)"
)


@pytest.mark.parametrize(
    ("query", "path", "extensions", "message"),
    [
        (
            "query { viewer { foo } }",
            ["query", "viewer", "foo"],
            {"code": "undefinedField", "typeName": "User", "fieldName": "foo"},
            "Field 'foo' doesn't exist on type 'User'",
        ),
        (
            "query Name { viewer { ...F } } fragment F on User { foo }",
            ["fragment F", "foo"],
            {"code": "undefinedField", "typeName": "User", "fieldName": "foo"},
            "Field 'foo' doesn't exist on type 'User'",
        ),
        (
            "query Name { viewer { issues(size: 3) { totalCount } } }",
            ["query Name", "viewer", "issues"],
            {
                "code": "argumentNotAccepted",
                "name": "issues",
                "typeName": "Field",
                "argumentName": "size",
            },
            "Field 'issues' doesn't accept argument 'size'",
        ),
        (
            "{ viewer }",
            ["query", "viewer"],
            {"code": "selectionMismatch", "nodeName": "field 'viewer'", "typeName": "User"},
            NO_SELECTIONS,
        ),
        (
            "query Name($x: Int) { viewer { id } }",
            ["query Name"],
            {"code": "variableNotUsed", "variableName": "x"},
            "Variable $x is declared by Name but not used",
        ),
        (
            "query Name { node(id: $x) { id } }",
            ["query Name", "node"],
            {"code": "variableNotDefined", "variableName": "x"},
            "Variable $x is used by Name but not declared",
        ),
        (
            "{ user { id } }",
            ["query", "user"],
            {"code": "missingRequiredArguments", "argumentName": "login"},
            "A required argument is missing: login",
        ),
    ],
)
def test_a_bad_query_is_explained(
    github: GitHub, query: str, path: list[str], extensions: dict[str, Any], message: str
) -> None:
    answer = github.post(query)

    assert answer.status_code == 200
    (error,) = answer.json["errors"]
    assert error["message"] == message
    assert error["extensions"] == extensions
    assert error["path"] == path
    assert error["locations"][0]["line"] == 1
    assert "type" not in error
    assert "data" not in answer.json


def test_a_syntax_error_is_explained(github: GitHub) -> None:
    (error,) = github.errors("{ viewer {")

    assert error["message"].startswith("Parse error")
    assert error["locations"]


def test_a_missing_variable_is_explained(github: GitHub) -> None:
    (error,) = github.errors("query($id: ID!) { node(id: $id) { id } }")

    assert "$id" in error["message"]


@pytest.mark.parametrize("moment", ["yesterday", "2026-13-01T00:00:00Z"])
def test_a_wrong_date_is_refused(github: GitHub, moment: str) -> None:
    query = "query($t: DateTime) { viewer { contributionsCollection(from: $t) { startedAt } } }"

    (error,) = github.errors(query, t=moment)

    assert moment in error["message"]


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"query": 3}', b'{"query": "{ viewer { id } }", "variables": [1]}']
)
def test_a_body_that_is_no_request_is_400(github: GitHub, body: bytes) -> None:
    answer = github.http.post("/graphql", data=body, headers=github.headers)

    assert answer.status_code == 400
    assert answer.json is not None
    assert answer.json["message"]


def test_only_the_named_operation_runs(github: GitHub) -> None:
    body = {"query": "query A { viewer { login } } query B { viewer { id } }", "operationName": "B"}

    answer = github.http.post("/graphql", json=body, headers=github.headers)

    assert answer.json == {"data": {"viewer": {"id": github.member.node_id}}}
    assert github.service.graphql_log.entries()[-1]["operation"] == "B"


def test_a_mutation_is_refused_and_counted_as_a_write(github: GitHub) -> None:
    github.post('mutation { addStar(input: {starrableId: "x"}) { clientMutationId } }')

    assert github.counts()["writes"] == 1
