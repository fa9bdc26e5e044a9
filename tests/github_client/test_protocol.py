from __future__ import annotations

from typing import Any

import pytest

from github_client.answers import Answer
from github_client.errors import (
    Forbidden,
    GitHubError,
    NotFound,
    RateLimited,
    TooHeavy,
    Unauthorized,
    Unavailable,
    UnexpectedResponse,
)
from github_client.protocol import next_page, read_graphql, read_rest, scopes_of, why_no_commits
from tests.github_client.answers import (
    EXHAUSTED,
    HEADERS,
    HTML,
    NOW,
    PRIMARY,
    SECONDARY,
    TOKEN,
    TOO_LATE,
    WENT_WRONG,
    answer,
    data,
    errors,
)

CALL = "GET /user"
NODE_MISSING = {"type": "NOT_FOUND", "path": ["node"], "message": "Could not resolve to a node with the ..."}
UNKNOWN_FIELD = {
    "path": ["query", "viewer", "foo"],
    "extensions": {"code": "undefinedField", "typeName": "User", "fieldName": "foo"},
    "message": "Field 'foo' doesn't exist on type 'User'",
}
LINES_UNKNOWN = {
    "path": ["p0", "object", "history", "nodes", 1, "additions"],
    "message": "The additions count for this commit is unavailable.",
}


@pytest.mark.parametrize(
    ("status", "message", "headers", "kind"),
    [
        (403, PRIMARY, EXHAUSTED, "primary"),
        (429, PRIMARY, EXHAUSTED, "primary"),
        (403, "API rate limit exceeded for 1.2.3.4. (But here's the good news: ...)", EXHAUSTED, "primary"),
        (403, "", EXHAUSTED, "primary"),
        (403, SECONDARY, HEADERS, "secondary"),
        (429, SECONDARY, HEADERS, "secondary"),
        (403, SECONDARY, HEADERS | {"retry-after": "60"}, "secondary"),
        (403, "You have triggered an abuse detection mechanism.", HEADERS, "secondary"),
        (403, "Maximum number of login attempts exceeded. Please try again later.", HEADERS, "secondary"),
        (403, "Slow down", HEADERS | {"retry-after": "60"}, "secondary"),
        (429, "", {}, "secondary"),
    ],
)
@pytest.mark.parametrize("read", [read_rest, read_graphql])
def test_every_form_of_an_exhausted_limit_by_status(
    read: Any, status: int, message: str, headers: dict[str, str], kind: str
) -> None:
    with pytest.raises(RateLimited) as caught:
        read(CALL, answer(status, {"message": message}, headers), NOW)
    assert caught.value.kind == kind
    assert caught.value.resource == ("core" if read is read_rest else "graphql")
    assert caught.value.retry_at > NOW


@pytest.mark.parametrize(
    ("document", "kind"),
    [
        (
            errors({"type": "RATE_LIMITED", "message": "API rate limit already exceeded for user ID 1."}),
            "primary",
        ),
        (errors({"type": "RATE_LIMIT", "message": ""}), "primary"),
        (errors({"type": "X", "code": "graphql_rate_limit", "message": "..."}), "primary"),
        (errors({"code": "graphql_rate_limit"}), "primary"),
        (errors({"extensions": {"code": "graphql_rate_limit"}}), "primary"),
        (errors({"message": "API Rate Limit already exceeded"}, data=None), "primary"),
        (errors({"message": SECONDARY}), "secondary"),
        ({"message": SECONDARY, "documentation_url": "https://docs.github.com"}, "secondary"),
        (errors(NODE_MISSING, {"type": "RATE_LIMITED", "message": ""}, data={"node": None}), "primary"),
    ],
)
def test_every_form_of_an_exhausted_limit_in_a_200(document: dict[str, Any], kind: str) -> None:
    with pytest.raises(RateLimited) as caught:
        read_graphql(CALL, answer(200, document), NOW)
    assert caught.value.kind == kind


@pytest.mark.parametrize(
    ("status", "document", "error"),
    [
        (401, {"message": "Bad credentials"}, Unauthorized),
        (401, {"message": "This endpoint requires you to be authenticated."}, Unauthorized),
        (401, HTML, Unavailable),
        (403, {"message": "Resource not accessible"}, Forbidden),
        (403, HTML, Unavailable),
        (404, {"message": "Not Found"}, NotFound),
        (404, HTML, Unavailable),
        (410, {"message": "Gone"}, NotFound),
        (451, {"message": "Repository access blocked"}, NotFound),
        (400, {"message": "Bad Request"}, UnexpectedResponse),
        (422, {"message": "Validation Failed"}, UnexpectedResponse),
        (202, {}, UnexpectedResponse),
        (304, b"", UnexpectedResponse),
        (500, {"message": "Server Error"}, Unavailable),
        (500, {"message": TOO_LATE}, TooHeavy),
        (502, HTML, TooHeavy),
        (502, {"message": TOO_LATE}, TooHeavy),
        (503, HTML, Unavailable),
        (504, b"", TooHeavy),
        (200, HTML, Unavailable),
        (200, b'{"login": "octo', UnexpectedResponse),
    ],
)
def test_what_each_status_of_rest_means(status: int, document: object, error: type[GitHubError]) -> None:
    with pytest.raises(GitHubError) as caught:
        read_rest(CALL, answer(status, document), NOW)
    assert type(caught.value) is error


@pytest.mark.parametrize(
    ("document", "error"),
    [
        (errors({"type": "RESOURCE_LIMITS_EXCEEDED", "path": ["viewer"], "message": ""}, data={}), TooHeavy),
        (errors({"message": "Resource limits for this query exceeded."}, data={"viewer": None}), TooHeavy),
        (errors({"type": "MAX_NODE_LIMIT_EXCEEDED", "message": "..."}), TooHeavy),
        (errors({"message": WENT_WRONG}, data=None), TooHeavy),
        ({"message": TOO_LATE}, TooHeavy),
        (b'{"data": {"viewer": {"login": "octo', TooHeavy),
        (b"", TooHeavy),
        (HTML, Unavailable),
        (errors({"type": "SERVICE_UNAVAILABLE", "message": "..."}, data=None), Unavailable),
        (errors({"type": "INTERNAL", "message": "..."}, data=None), Unavailable),
        (errors(UNKNOWN_FIELD), UnexpectedResponse),
        (errors({"type": "NEW_AND_UNKNOWN", "path": ["p0"]}, data={"p0": None}), UnexpectedResponse),
        (errors("text", data={}), UnexpectedResponse),
        (errors(), UnexpectedResponse),
        ({"data": None}, UnexpectedResponse),
        ({"data": []}, UnexpectedResponse),
        ([], UnexpectedResponse),
        (errors(NODE_MISSING, data=None), NotFound),
        (errors({"type": "FORBIDDEN", "path": ["viewer"], "message": ""}, data=None), Forbidden),
        (errors({"type": "INSUFFICIENT_SCOPES", "message": ""}, data={"viewer": None}), Forbidden),
    ],
)
def test_what_each_200_of_graphql_means(document: object, error: type[GitHubError]) -> None:
    with pytest.raises(GitHubError) as caught:
        read_graphql(CALL, answer(200, document), NOW)
    assert type(caught.value) is error


def test_a_graphql_answer_that_broke_off_is_too_heavy_and_a_rest_one_unavailable() -> None:
    broken = Answer(200, HEADERS, b'{"data": {}}', is_complete=False)
    with pytest.raises(TooHeavy):
        read_graphql(CALL, broken, NOW)
    with pytest.raises(Unavailable):
        read_rest(CALL, broken, NOW)


def test_the_status_of_an_answer_that_broke_off_still_counts() -> None:
    with pytest.raises(RateLimited):
        read_rest(CALL, Answer(403, EXHAUSTED, b'{"mess', is_complete=False), NOW)


def test_a_wrong_graphql_address_is_nothing_that_has_gone() -> None:
    with pytest.raises(UnexpectedResponse):
        read_graphql(CALL, answer(404, {"message": "Not Found"}), NOW)


@pytest.mark.parametrize("found", [NODE_MISSING, LINES_UNKNOWN])
def test_errors_of_single_fields_keep_the_rest_of_the_data(found: dict[str, Any]) -> None:
    result = read_graphql(CALL, answer(200, data(p1={"id": "R_1"}) | errors(found)), NOW)
    assert result.data["p1"] == {"id": "R_1"}
    assert result.errors[0].path == tuple(found["path"])
    assert result.cost == 1


@pytest.mark.parametrize(
    ("message", "headers", "reason"),
    [
        (
            "Although you appear ..., the `octo` organization has enabled OAuth App access restrictions",
            {},
            "organization",
        ),
        ("Resource protected by organization SAML enforcement.", {}, "saml"),
        ("", {"x-github-sso": "required; url=https://github.test/orgs/octo/sso"}, "saml"),
        ("Repository access blocked", {}, "blocked"),
        ("Sorry. Your account was suspended.", {}, "blocked"),
        ("Must have admin rights to Repository.", {}, "forbidden"),
    ],
)
def test_a_403_says_why(message: str, headers: dict[str, str], reason: str) -> None:
    with pytest.raises(Forbidden) as caught:
        read_rest(CALL, answer(403, {"message": message}, headers), NOW)
    assert caught.value.reason == reason


@pytest.mark.parametrize(
    ("found", "reason"),
    [
        ({"type": "FORBIDDEN", "extensions": {"saml_failure": True}}, "saml"),
        ({"type": "FORBIDDEN", "message": "... enabled OAuth App access restrictions"}, "organization"),
        ({"type": "INSUFFICIENT_SCOPES"}, "scopes"),
        ({"type": "FORBIDDEN"}, "forbidden"),
    ],
)
def test_a_forbidden_field_says_why(found: dict[str, Any], reason: str) -> None:
    with pytest.raises(Forbidden) as caught:
        read_graphql(CALL, answer(200, errors(found, data=None)), NOW)
    assert caught.value.reason == reason


def test_messages_name_call_status_and_reason() -> None:
    with pytest.raises(Unauthorized, match=r"^GET /user: 401 Bad credentials$"):
        read_rest(CALL, answer(401, {"message": "Bad credentials"}), NOW)


def test_messages_are_one_short_line_without_a_token() -> None:
    with pytest.raises(UnexpectedResponse) as caught:
        read_rest(CALL, answer(422, {"message": f"Bad\n{TOKEN} " + "x" * 500}), NOW)
    assert "\n" not in str(caught.value)
    assert TOKEN not in str(caught.value)
    assert len(str(caught.value)) < 150


def test_messages_of_graphql_do_not_repeat_variables() -> None:
    found = {"message": "Variable $r0 of type ID! was provided invalid value R_secret", "path": ["r0"]}
    with pytest.raises(UnexpectedResponse) as caught:
        read_graphql(CALL, answer(200, errors(found)), NOW)
    assert "R_secret" not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "page"),
    [
        (
            '<https://api.github.test/repositories/1/commits?per_page=2&page=3>; rel="next", <x>; rel="last"',
            3,
        ),
        ('<https://api.github.test/repositories/1/commits?page=2&per_page=100>; rel="next"', 2),
        (
            '<https://api.github.test/x?page=1>; rel="prev", <https://api.github.test/x?page=1>; rel="first"',
            None,
        ),
        ("", None),
        ("nonsense", None),
    ],
)
def test_the_next_page_comes_from_the_link_header(header: str, page: int | None) -> None:
    assert next_page({"link": header}) == page


def test_scopes_are_a_set_and_may_be_missing() -> None:
    assert scopes_of({"x-oauth-scopes": "read:user, repo"}) == {"read:user", "repo"}
    assert scopes_of({"x-oauth-scopes": ""}) == frozenset()
    assert scopes_of({}) == frozenset()


@pytest.mark.parametrize(
    ("status", "message", "outcome"),
    [
        (409, "Git Repository is empty.", "empty"),
        (422, "No commit found for SHA: abc", "head_gone"),
        (404, "Not Found", None),
        (422, "Validation Failed", None),
    ],
)
def test_statuses_of_the_list_of_commits(status: int, message: str, outcome: str | None) -> None:
    assert why_no_commits(answer(status, {"message": message})) == outcome
