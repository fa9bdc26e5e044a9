"""What every request to the API goes through: user agent, version, token, limits, and headers."""

import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Response, g, jsonify, request

from sandbox.github.hosted import Account
from sandbox.github.limits import GRAPHQL, Limits, Refusal, Standing
from sandbox.github.service import current_service
from sandbox.github.tokens import Token

API_VERSIONS = ("2022-11-28", "2026-03-10")
_DEFAULT_BLOCK_SECONDS = 60
_DOCUMENTATION = "https://docs.github.com"
_REST_DOCUMENTATION = f"{_DOCUMENTATION}/rest"
_LIMITS_DOCUMENTATION = f"{_REST_DOCUMENTATION}/using-the-rest-api/rate-limits-for-the-rest-api"
_SECONDARY_MESSAGE = (
    "You have exceeded a secondary rate limit. Please wait a few minutes before you try again. If you reach "
    "out to GitHub Support for help, please include the request ID {request_id}."
)
_OLD_SECONDARY_MESSAGE = (
    "You have triggered an abuse detection mechanism. Please wait a few minutes before you try again."
)
_ANONYMOUS_MESSAGE = (
    "API rate limit exceeded for {address}. (But here's the good news: Authenticated requests get a higher "
    "rate limit. Check out the documentation for more details.)"
)
_NO_USER_AGENT = (
    "Request forbidden by administrative rules. Please make sure your request has a User-Agent header.\n"
)
_PRIMARY_MESSAGE = (
    "API rate limit exceeded for user ID {user_id}. If you reach out to GitHub Support for help, please "
    "include the request ID {request_id} and timestamp {timestamp} UTC."
)


@dataclass(frozen=True)
class Caller:
    account: Account
    token: Token

    @property
    def scopes(self) -> frozenset[str]:
        return frozenset(self.token.scopes)


class Turned(Exception):
    """The request ends here, with this answer."""

    def __init__(self, response: Response) -> None:
        super().__init__(response.status)
        self.response = response


def identify(*, unauthenticated_message: str) -> Caller:
    """The caller, if agent, version and token are good. Raises Turned."""
    if not request.headers.get("User-Agent"):
        raise Turned(Response(_NO_USER_AGENT, 403, mimetype="text/html"))
    version = request.headers.get("X-GitHub-Api-Version")
    if version is not None and version not in API_VERSIONS:
        message = f"The API version {version!r} is not supported. Supported: {', '.join(API_VERSIONS)}."
        raise Turned(problem(400, message))
    service = current_service()
    text = bearer()
    if text is None:
        if service.faults.due("anonymous_limit"):
            message = _ANONYMOUS_MESSAGE.format(address=request.remote_addr)
            raise Turned(_documented(problem(403, message), _LIMITS_DOCUMENTATION))
        raise Turned(problem(401, unauthenticated_message))
    service.faults.run_those_due_once()
    if service.faults.due("too_many_logins"):
        raise Turned(problem(403, "Maximum number of login attempts exceeded. Please try again later."))
    token = service.tokens.find(text)
    service.world.catalogue.refresh()
    account = service.world.catalogue.account_by_id(token.account_id) if token else None
    if token is None or account is None:
        raise Turned(problem(401, "Bad credentials"))
    if service.faults.due("suspended_account"):
        raise Turned(problem(403, "Sorry. Your account was suspended."))
    return Caller(account, token)


def count_in_flight(app: Flask) -> None:
    """From before the first delay until the answer is made, so that slow requests overlap as on GitHub."""

    @app.before_request
    def enter() -> None:
        service = current_service()
        text = bearer()
        token = service.tokens.find(text) if text else None
        if token is not None:
            g.in_flight = token.account_id
            g.is_one_too_many = not service.limits.enter(token.account_id)

    @app.teardown_request
    def leave(_error: BaseException | None) -> None:
        account_id = g.pop("in_flight", None)
        if account_id is not None:
            current_service().limits.leave(account_id)


def bearer() -> str | None:
    scheme, _, text = request.headers.get("Authorization", "").partition(" ")
    return text.strip() or None if scheme.lower() in {"bearer", "token"} else None


def problem(status: int, message: str, **more: Any) -> Response:
    """An error in the shape of the REST API."""
    body = {"message": message, "documentation_url": _REST_DOCUMENTATION, "status": str(status), **more}
    response = jsonify(body)
    response.status_code = status
    return response


def with_headers(response: Response, caller: Caller, standing: Standing, *, accepted: str = "") -> Response:
    """Limits and scopes, as on every answer of the API."""
    response.headers["X-RateLimit-Limit"] = str(standing.limit)
    response.headers["X-RateLimit-Remaining"] = str(standing.remaining)
    response.headers["X-RateLimit-Used"] = str(standing.used)
    response.headers["X-RateLimit-Reset"] = str(standing.reset)
    response.headers["X-RateLimit-Resource"] = standing.resource
    response.headers["X-OAuth-Scopes"] = ", ".join(caller.token.scopes)
    response.headers["X-Accepted-OAuth-Scopes"] = accepted
    response.headers["X-GitHub-Media-Type"] = "github.v3; format=json"
    response.headers["X-GitHub-Request-Id"] = secrets.token_hex(8).upper()
    version = request.headers.get("X-GitHub-Api-Version", API_VERSIONS[0])
    response.headers["X-GitHub-Api-Version-Selected"] = version
    return response


def refused(refusal: Refusal, caller: Caller) -> Response:
    """The answer to a request over a limit, in the form that was chosen or is usual."""
    form = refusal.form
    if form.startswith("graphql_"):
        response = jsonify({"errors": [_graphql_error(form, caller)]})
    elif form.startswith("secondary"):
        response = _secondary(refusal)
    else:
        response = problem(429 if form == "primary_429" else 403, _primary_message(caller))
        response = _documented(response, _LIMITS_DOCUMENTATION)
    return with_headers(response, caller, refusal.standing)


def admit(limits: Limits, caller: Caller, resource: str, points: int) -> None:
    """Raises Turned when the caller has asked too much."""
    if g.get("is_one_too_many"):
        raise Turned(refused(limits.refuse_one_too_many(caller.account.id, resource), caller))
    _block_if_told_to(caller, resource)
    refusal = limits.admit(caller.account.id, resource, points)
    if refusal:
        raise Turned(refused(refusal, caller))


def block(caller: Caller, resource: str, fault: dict[str, Any]) -> None:
    """As a fault says."""
    form = fault.get("form", "graphql_rate_limited" if resource == GRAPHQL else "primary_403")
    seconds = fault.get("for_seconds", _DEFAULT_BLOCK_SECONDS)
    current_service().limits.block(caller.account.id, resource, form, seconds)


def _block_if_told_to(caller: Caller, resource: str) -> None:
    faults = current_service().faults
    fault = faults.seen("refuse_after_requests")
    if fault is None:
        return
    fault = fault if isinstance(fault, dict) else {}
    if (fault.get("resource", GRAPHQL) == GRAPHQL) == (resource == GRAPHQL):
        faults.switch({"refuse_after_requests": False})
        block(caller, resource, fault)


def _graphql_error(form: str, caller: Caller) -> dict[str, str]:
    error = {"message": f"API rate limit already exceeded for user ID {caller.account.id}."}
    if form == "graphql_rate_limit":
        return {"type": "RATE_LIMIT", "code": "graphql_rate_limit", **error}
    return {"type": "RATE_LIMITED", **error}


def _secondary(refusal: Refusal) -> Response:
    message = _SECONDARY_MESSAGE.format(request_id=secrets.token_hex(8).upper())
    if refusal.form == "secondary_old_wording":
        message = _OLD_SECONDARY_MESSAGE
    if refusal.form == "secondary_200":
        response = jsonify({"errors": [{"message": message}]})
    else:
        status = 429 if refusal.form == "secondary_429" else 403
        response = _documented(
            problem(status, message), f"{_LIMITS_DOCUMENTATION}#about-secondary-rate-limits"
        )
    if refusal.form != "secondary_without_retry_after":
        response.headers["Retry-After"] = str(refusal.seconds_left)
    return response


def _documented(response: Response, url: str) -> Response:
    body = response.get_json()
    status = response.status_code
    response = jsonify(body | {"documentation_url": url})
    response.status_code = status
    return response


def _primary_message(caller: Caller) -> str:
    timestamp = datetime.fromtimestamp(time.time(), UTC).strftime("%Y-%m-%d %H:%M:%S")
    return _PRIMARY_MESSAGE.format(
        user_id=caller.account.id, request_id=secrets.token_hex(8).upper(), timestamp=timestamp
    )
