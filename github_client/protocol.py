"""From one HTTP answer to data or a named error: the decision table. No I/O, no clock of its own."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from github_client.answers import (
    Answer,
    ObjectHook,
    has_sign,
    is_html,
    message_of,
    parse_json,
    short_reason,
)
from github_client.errors import (
    Forbidden,
    GitHubError,
    NotFound,
    TooHeavy,
    Unauthorized,
    Unavailable,
    UnexpectedResponse,
)
from github_client.limits import limit_error, limit_kind
from github_client.types import PageOutcome

FieldErrorKind = Literal["not_found", "forbidden", "statistics_unavailable", "invalid_cursor"]

FIELD_ERRORS: Mapping[str, FieldErrorKind] = {
    "NOT_FOUND": "not_found",
    "FORBIDDEN": "forbidden",
    "INSUFFICIENT_SCOPES": "forbidden",
    "INVALID_CURSOR_ARGUMENTS": "invalid_cursor",
}
OUTAGE_TYPES = frozenset({"INTERNAL", "SERVICE_UNAVAILABLE"})
HEAVY_SIGNS = (
    "respond to your request in time",
    "something went wrong while executing your query",
    "resource limits for this query exceeded",
)
STATISTICS_SIGN = "count for this commit is unavailable"


@dataclass(frozen=True, slots=True)
class FieldError:
    """An error of one field: `path` leads to it, the rest of the data is good."""

    kind: FieldErrorKind
    path: tuple[str | int, ...]
    reason: str

    def as_error(self, call: str) -> GitHubError:
        """The exception to raise where the caller cannot do without the field."""
        if self.kind == "not_found":
            return NotFound(f"{call}: 200 {self.reason}")
        if self.kind == "forbidden":
            return Forbidden(f"{call}: 200 {self.reason}", reason=self.reason)
        return UnexpectedResponse(f"{call}: 200 {self.reason}")


@dataclass(frozen=True, slots=True)
class GraphQLResult:
    """Data with the errors of single fields. `cost` is in points, None if GitHub did not tell."""

    data: Mapping[str, object]
    errors: tuple[FieldError, ...]
    cost: int | None


@dataclass(frozen=True, slots=True)
class _Problem:
    """One element of GraphQL's `errors`, read without trusting it."""

    type: str
    codes: frozenset[str]
    message: str
    path: tuple[str | int, ...]
    is_saml: bool

    @property
    def field_kind(self) -> FieldErrorKind | None:
        if STATISTICS_SIGN in self.message:
            return "statistics_unavailable"
        return FIELD_ERRORS.get(self.type)


def read_rest(call: str, answer: Answer, now: datetime, object_hook: ObjectHook | None = None) -> object:
    """The JSON of a successful REST answer; `object_hook` as in `json.loads`.

    `call` is method and path for messages. Raises every GitHubError of the table in `raise_for_status`.
    """
    read_raw(call, answer, now)
    try:
        return parse_json(answer.body, object_hook)
    except ValueError:
        raise _not_json(call, answer, UnexpectedResponse) from None


def read_raw(call: str, answer: Answer, now: datetime) -> bytes:
    """The bytes of a successful REST answer; raises as `read_rest`."""
    raise_for_status(call, answer, "core", now)
    if not answer.is_complete:
        raise Unavailable(f"{call}: the answer broke off")
    return answer.body


def read_graphql(call: str, answer: Answer, now: datetime) -> GraphQLResult:
    """Data and field errors of a GraphQL answer; what concerns the request as a whole is raised.

    RateLimited, TooHeavy, Unavailable and UnexpectedResponse win over errors of single fields, in this order.
    A 200 that is no JSON is a query GitHub stopped in the middle of the answer: TooHeavy.
    """
    raise_for_status(call, answer, "graphql", now)
    try:
        document = parse_json(answer.body) if answer.is_complete else None
    except ValueError:
        raise _not_json(call, answer, TooHeavy) from None
    if document is None:
        raise TooHeavy(f"{call}: 200 the answer broke off")
    if not isinstance(document, dict):
        raise UnexpectedResponse(f"{call}: 200 the answer is not an object")
    problems = _problems(document)
    _raise_for_problems(call, answer, problems, now)
    return _result(call, document, problems)


def raise_for_status(call: str, answer: Answer, resource: str, now: datetime) -> None:
    """Raise what the status says, first match: limits, 401, 403, gone, too heavy, outage, anything else."""
    if 200 <= answer.status < 300 and answer.status != 202:
        return
    message = message_of(answer.body)
    text = f"{call}: {answer.status} {short_reason(message)}".rstrip()
    if answer.status in (403, 429):
        kind = limit_kind(answer, message, set())
        if kind:
            raise limit_error(kind, answer.headers, resource, now, text)
    raise _error_for_status(text, answer, message, resource)


def why_no_commits(answer: Answer) -> PageOutcome | None:
    """Statuses that REST's list of commits uses for a repository without commits or without that commit."""
    if answer.status == 409:
        return "empty"
    if answer.status in (404, 422) and "no commit found" in message_of(answer.body).lower():
        return "head_gone"
    return None


def scopes_of(headers: Mapping[str, str]) -> frozenset[str]:
    """The scopes granted to the token, from `X-OAuth-Scopes`; empty if GitHub did not send it."""
    return frozenset(scope.strip() for scope in headers.get("x-oauth-scopes", "").split(",") if scope.strip())


def next_page(headers: Mapping[str, str]) -> int | None:
    """The page number in the `rel="next"` link, or None on the last page."""
    match = re.search(r'<[^>]*[?&]page=(\d{1,9})[^>]*>;\s*rel="next"', headers.get("link", ""))
    return int(match[1]) if match else None


def _error_for_status(text: str, answer: Answer, message: str, resource: str) -> GitHubError:
    status = answer.status
    if status in (502, 504) or (status >= 500 and has_sign(message, HEAVY_SIGNS)):
        return TooHeavy(text)
    if status >= 500 or is_html(answer):
        return Unavailable(text)
    if status == 401:
        return Unauthorized(text)
    if status == 403:
        return Forbidden(text, reason=_why_forbidden(message, answer.headers))
    # The one address of GraphQL cannot be a thing that is gone: there it is our own setting that is wrong.
    if status in (404, 410, 451) and resource == "core":
        return NotFound(text)
    return UnexpectedResponse(text)


def _raise_for_problems(call: str, answer: Answer, problems: tuple[_Problem, ...], now: datetime) -> None:
    fatal = [problem for problem in problems if problem.field_kind is None]
    if not fatal:
        return
    types = {code for problem in fatal for code in problem.codes}
    text = " ".join(problem.message for problem in fatal)
    # GitHub's messages repeat ids and variables; its type names do not.
    summary = f"{call}: 200 {', '.join(sorted(short_reason(kind) for kind in types)) or 'errors'}"
    kind = limit_kind(answer, text, types)
    if kind:
        raise limit_error(kind, answer.headers, "graphql", now, summary)
    if has_sign(text, HEAVY_SIGNS) or any(_is_heavy(kind) for kind in types):
        raise TooHeavy(summary)
    if types & OUTAGE_TYPES:
        raise Unavailable(summary)
    raise UnexpectedResponse(summary)


def _is_heavy(kind: str) -> bool:
    return kind.startswith(("RESOURCE_LIMITS", "MAX_NODE_LIMIT"))


def _result(call: str, document: dict[str, object], problems: tuple[_Problem, ...]) -> GraphQLResult:
    errors = tuple(
        FieldError(problem.field_kind, problem.path, _why_field(problem))
        for problem in problems
        if problem.field_kind
    )
    for error in errors:
        if not error.path and error.kind != "statistics_unavailable":
            raise error.as_error(call)
    data = document.get("data")
    if not isinstance(data, dict):
        raise errors[0].as_error(call) if errors else UnexpectedResponse(f"{call}: 200 without data")
    limits = data.get("rateLimit")
    cost = limits.get("cost") if isinstance(limits, dict) else None
    return GraphQLResult(data, errors, cost if type(cost) is int and cost >= 0 else None)


def _problems(document: dict[str, object]) -> tuple[_Problem, ...]:
    """The `errors`; an answer that has only a `message` (secondary limits do) counts as one."""
    errors = document.get("errors")
    if not isinstance(errors, list):
        errors = [] if "data" in document and errors is None else [document]
    return tuple(_problem(error) for error in errors)


def _problem(error: object) -> _Problem:
    if not isinstance(error, dict):
        return _Problem("", frozenset(), "", (), is_saml=False)
    extensions = error.get("extensions")
    extensions = extensions if isinstance(extensions, dict) else {}
    path = error.get("path")
    steps = path if isinstance(path, list) else []
    found = (error.get("type"), error.get("code"), extensions.get("code"))
    codes = [code for code in found if isinstance(code, str) and code]
    message = error.get("message")
    return _Problem(
        type=codes[0] if codes else "",
        codes=frozenset(codes),
        message=message if isinstance(message, str) else "",
        path=tuple(step for step in steps if isinstance(step, str | int)),
        is_saml=extensions.get("saml_failure") is True,
    )


def _why_field(problem: _Problem) -> str:
    if problem.field_kind != "forbidden":
        return problem.type or (problem.field_kind or "")
    if problem.is_saml:
        return "saml"
    return "scopes" if problem.type == "INSUFFICIENT_SCOPES" else _why_forbidden(problem.message, {})


def _why_forbidden(message: str, headers: Mapping[str, str]) -> str:
    if "x-github-sso" in headers or "SAML" in message:
        return "saml"
    if "OAuth App access restrictions" in message:
        return "organization"
    return "blocked" if has_sign(message, ("access blocked", "suspended")) else "forbidden"


def _not_json(call: str, answer: Answer, otherwise: type[GitHubError]) -> GitHubError:
    if is_html(answer):
        return Unavailable(f"{call}: {answer.status} with an HTML page instead of JSON")
    return otherwise(f"{call}: {answer.status} with a body that is not JSON")
