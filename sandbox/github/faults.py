"""The faults of this stand-in: `POST /_sandbox/faults` with a JSON object of any of these.

Any of them can be an object with `"times": n` (only n uses) and `"after": n` (not before n more requests to
GraphQL or REST were answered); where the plain form is a number, a text or a list, it goes into `"value"`. A
fault that is not asked for by one request in particular (lists, limits) is used by every request.

==============================  =========================================================================
limits
`graphql_limit`, `rest_limit`   points and requests an hour, instead of 5,000
`window_seconds`                length of that hour, so that a test can wait for the next one
`secondary_graphql_limit`,
`secondary_rest_limit`          points a minute, instead of 2,000 and 900
`concurrent_limit`              requests of one person at the same time, instead of 100
`refuse_after_requests`         n, or `{"after": n, "for_seconds": 60, "form": ..., "resource": "graphql"}`:
                                answer n more requests, then refuse until the time is over. `resource` is
                                where it begins: "graphql" or "rest". Forms: graphql_rate_limited,
                                graphql_rate_limit, graphql_rate_limited_remaining_4, secondary_retry_after,
                                secondary_without_retry_after, secondary_200, secondary_429,
                                secondary_old_wording, primary_403, primary_429
`refuse_after_page`             `{"repository": name, "older_than": "2026-01-05"}`, also with `for_seconds`
                                and `form`: refuse right after the answer whose page of that history reaches
                                back before the date (by author dates; a date alone is midnight UTC)
`anonymous_limit`               requests without a token are over the limit of their address

broken and heavy answers
`status_500`, `status_502`,
`status_503`, `status_504`      instead of an answer from GraphQL; `{"html": true}` answers nginx's page
`something_went_wrong`          the older form of a time-out: 200 with `data` null and one error
`drop_connection`               the connection closes instead of an answer from GraphQL
`truncate_body`                 the connection closes in the middle of a GraphQL answer
`rest_status`                   the status that REST answers with, such as 502
`rest_truncate_body`            the connection closes in the middle of a REST answer
`resource_limits_exceeded`      true, or `{"aliases": n}`, `{"page_size": n}`, `{"window_days": n}`, also
                                together: only for larger queries
`heavy_page_size`, `heavy_nodes`  n: pages of more than n, or queries for more than n nodes, answer 502
`cut_nested_connections`        n (on GitHub about 40): above n aliases (or places of `nodes`) that hold a
                                connection, those further on come with half the nodes and half the total, and
                                no error
`truncate_tree`                 n: REST trees have no more than n entries, and say `truncated`

what cannot be read
`statistics_unavailable`        oids whose additions, deletions and changed files are unknown; true: all
`forbidden_repository`          names of repositories an organisation keeps the app out of; they are listed
`blocked_repository`            names of repositories that GitHub blocked: 451, in GraphQL FORBIDDEN
`gone_repository`               names of repositories that were deleted
`moved_repository`              `{"old name": "new name"}`, done at once and not undone by a reset
`restricted_organization`       logins of organisations that keep the app out: null and FORBIDDEN, also in
                                lists; in REST 403
`saml_organization`             logins of organisations with SAML: the same with `extensions.saml_failure`;
                                in REST 403, lists are `partial-results` in the header `X-GitHub-SSO`
`dropped_organization`          logins of organisations that disappear from every list without a word
`unknown_node`, `forbidden_node`  node ids that answer NOT_FOUND or FORBIDDEN, also in the middle of `nodes`
`field_error`                   `{"field": name, "type": "INTERNAL"}`: that GraphQL field fails so wherever it
                                stands. Also UNPROCESSABLE, SERVICE_UNAVAILABLE, FORBIDDEN, ...
`insufficient_scopes`           names of GraphQL fields the token's scopes do not suffice for

accounts and tokens
`revoke_tokens`                 true: all tokens are revoked, once
`expire_tokens`                 true: all access tokens have expired, once; refresh tokens are good
`lost_refresh_race`             refreshing answers `bad_refresh_token` although the token is good, as to the
                                slower of two who refresh at once
`lost_refresh_answer`           the refresh is done, but the connection closes instead of the answer
`suspended_account`             403 "Sorry. Your account was suspended."
`too_many_logins`               403 as after many requests with wrong tokens
==============================  =========================================================================
"""

import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from sandbox.accounting import Faults
from sandbox.github.obstacles import Obstacles

FORMS = (
    "graphql_rate_limited",
    "graphql_rate_limit",
    "graphql_rate_limited_remaining_4",
    "secondary_retry_after",
    "secondary_without_retry_after",
    "secondary_200",
    "secondary_429",
    "secondary_old_wording",
    "primary_403",
    "primary_429",
)
_NUMBERS = (
    "graphql_limit",
    "rest_limit",
    "window_seconds",
    "secondary_graphql_limit",
    "secondary_rest_limit",
    "concurrent_limit",
    "rest_status",
    "heavy_page_size",
    "heavy_nodes",
    "cut_nested_connections",
    "truncate_tree",
)
_LISTS = (
    "statistics_unavailable",
    "forbidden_repository",
    "blocked_repository",
    "gone_repository",
    "restricted_organization",
    "saml_organization",
    "dropped_organization",
    "unknown_node",
    "forbidden_node",
    "insufficient_scopes",
)
_SWITCHES = (
    "status_500",
    "status_502",
    "status_503",
    "status_504",
    "something_went_wrong",
    "drop_connection",
    "truncate_body",
    "rest_truncate_body",
    "resource_limits_exceeded",
    "anonymous_limit",
    "lost_refresh_race",
    "lost_refresh_answer",
    "suspended_account",
    "too_many_logins",
    "field_error",
)
_ONCE = ("revoke_tokens", "expire_tokens", "moved_repository")
_REFUSALS = ("refuse_after_requests", "refuse_after_page")
RESOURCES = ("graphql", "rest")


class GitHubFaults(Faults):
    """`once` holds what the faults that happen a single time do, by name; it gets the fault's value."""

    def __init__(self, once: dict[str, Callable[[Any], None]]) -> None:
        super().__init__((*_NUMBERS, *_LISTS, *_SWITCHES, *_ONCE, *_REFUSALS))
        self._once = once
        self._requests = 0
        self._starts: dict[str, int] = {}
        self._after_lock = threading.Lock()

    def switch(self, wanted: dict[str, Any]) -> None:
        """Raises ValueError for an unknown name or a wrong value, changing nothing."""
        wanted = {name: _checked(name, value) for name, value in wanted.items()}
        super().switch(wanted)
        with self._after_lock:
            for name, value in wanted.items():
                after = value.get("after", 0) if isinstance(value, dict) else 0
                self._starts[name] = self._requests + after
        self.run_those_due_once()

    def count_request(self) -> None:
        """One more request to GraphQL or REST was answered."""
        with self._after_lock:
            self._requests += 1

    def run_those_due_once(self) -> None:
        for name, act in self._once.items():
            value = self.due(name)
            if value is not None:
                super().switch({name: False})
                act(value)

    def due(self, name: str) -> Any:
        """Its value if it is on and its time has come, using up one of its `times`; else None."""
        return self.take(name) if self._is_due(name) else None

    def seen(self, name: str) -> Any:
        """Like `due`, without using anything up."""
        return self.peek(name) if self._is_due(name) else None

    def number(self, name: str, normal: float) -> float:
        value = self.seen(name)
        return normal if value is None else float(value)

    def names_in(self, name: str) -> frozenset[str]:
        """Of one request: uses up one of the `times`."""
        value = self.due(name)
        if isinstance(value, dict):
            value = value.get("value")
        if value is True:
            return frozenset("*")
        return frozenset([value] if isinstance(value, str) else value or ())

    def obstacles(self) -> Obstacles:
        """What stands between the person and the data in one request."""
        errors = dict.fromkeys(self.names_in("insufficient_scopes"), "INSUFFICIENT_SCOPES")
        field_error = self.due("field_error")
        if field_error:
            errors[field_error["field"]] = field_error["type"]
        cut = self.seen("cut_nested_connections")
        return Obstacles(
            gone=self.names_in("gone_repository"),
            forbidden=self.names_in("forbidden_repository"),
            blocked=self.names_in("blocked_repository"),
            restricted_organizations=self.names_in("restricted_organization"),
            dropped_organizations=self.names_in("dropped_organization"),
            saml_organizations=self.names_in("saml_organization"),
            unknown_nodes=self.names_in("unknown_node"),
            forbidden_nodes=self.names_in("forbidden_node"),
            without_statistics=self.names_in("statistics_unavailable"),
            field_errors=errors,
            holders_at_most=None if cut is None else int(cut),
        )

    def clear(self) -> None:
        super().clear()
        with self._after_lock:
            self._starts.clear()

    def _is_due(self, name: str) -> bool:
        with self._after_lock:
            return self._requests >= self._starts.get(name, 0)


def moment(text: str) -> datetime:
    """ISO 8601; a date alone is midnight UTC."""
    parsed = datetime.fromisoformat(text)
    return parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)


def _checked(name: str, value: Any) -> Any:
    """The value as it is kept: `refuse_after_requests: 3` is short for an object."""
    if name == "refuse_after_requests" and isinstance(value, int) and not isinstance(value, bool):
        value = {"after": value}
    plain = value.get("value") if isinstance(value, dict) else value
    if name in _NUMBERS and value and (isinstance(plain, bool) or not isinstance(plain, int | float)):
        raise ValueError(f"{name} must be a number.")
    if isinstance(value, dict):
        _check_object(name, value)
    elif name == "field_error" and value:
        raise ValueError("field_error needs field and type.")
    return value


def _check_object(name: str, value: dict[str, Any]) -> None:
    after = value.get("after", 0)
    if isinstance(after, bool) or not isinstance(after, int) or after < 0:
        raise ValueError(f"{name}: after must be a whole number, 0 or more.")
    if name == "field_error" and not {"field", "type"} <= value.keys():
        raise ValueError("field_error needs field and type.")
    if value.get("resource", RESOURCES[0]) not in RESOURCES:
        raise ValueError(f"{name}: resource must be one of {', '.join(RESOURCES)}.")
    if value.get("form", FORMS[0]) not in FORMS:
        raise ValueError(f"{name}: form must be one of {', '.join(FORMS)}.")
    if name == "refuse_after_page":
        missing = {"repository", "older_than"} - value.keys()
        if missing:
            raise ValueError(f"{name} needs {' and '.join(sorted(missing))}.")
        moment(str(value["older_than"]))
