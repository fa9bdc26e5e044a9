"""Authorize page, token endpoint, revocation: https://www.openhumans.org/direct-sharing/oauth2-setup/

Who "is logged in" is a cookie: the person on the consent page says which member they are.
"""

import base64
import hashlib
import hmac
import ipaddress
import re
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import Blueprint, Response, redirect, render_template, request

from sandbox.openhumans.answers import html, oauth_json
from sandbox.openhumans.grants import ACCESS_SECONDS, ALL_SCOPES, Code, Pair
from sandbox.openhumans.options import Options
from sandbox.openhumans.state import State
from sandbox.server import Faults, drop_connection

AUTHORIZE = "/direct-sharing/projects/oauth2/authorize/"
MEMBER_COOKIE = "openhumans_stand_in_member"
_FIRST_MEMBER = "01234567"
_MEMBER_ID = re.compile(r"[0-9]{8}", re.ASCII)


def oauth_blueprint(state: State, options: Options, faults: Faults) -> Blueprint:
    blueprint = Blueprint("oauth", __name__)
    pages = AuthorizePages(state, options)
    endpoint = TokenEndpoint(state, options, faults)
    blueprint.add_url_rule(AUTHORIZE, "authorize", pages.show, methods=["GET"])
    blueprint.add_url_rule(AUTHORIZE, "decide", pages.decide, methods=["POST"])
    blueprint.add_url_rule("/oauth2/token/", "token", endpoint.token, methods=["POST"])
    blueprint.add_url_rule("/oauth2/revoke_token/", "revoke", endpoint.revoke, methods=["POST"])
    return blueprint


class AuthorizePages:
    def __init__(self, state: State, options: Options) -> None:
        self._state = state
        self._options = options

    def show(self) -> Any:
        refusal = self._refusal()
        if refusal is not None:
            return refusal
        member = request.cookies.get(MEMBER_COOKIE, "")
        if self._is_approved_already(member):
            return self._send_back_with_code(member)
        return self._consent_page(member or _FIRST_MEMBER)

    def decide(self) -> Any:
        refusal = self._refusal()
        if refusal is not None:
            return refusal
        if request.form.get("decision") != "approve":
            return _send_back(self._redirect_uri(), error="access_denied")
        member = request.form.get("member", _FIRST_MEMBER).strip()
        if not _MEMBER_ID.fullmatch(member):
            return self._consent_page(member, "A member id has exactly eight digits."), 400
        self._state.grants.join(member)
        answer = self._send_back_with_code(member)
        answer.set_cookie(MEMBER_COOKIE, member, httponly=True, samesite="Lax")
        return answer

    def _refusal(self) -> Any:
        """The answer to a request that cannot be granted: a page, or back if the redirect URI is good."""
        client_id = request.values.get("client_id", "")
        if not client_id or self._options.client_id not in (None, client_id):
            return html("Page not found", "No project has this client id.", 404)
        redirect_uri = self._redirect_uri()
        if not redirect_uri:
            return html("Error: invalid_request", "Missing redirect URI.", 400)
        if not _is_registered(redirect_uri, self._options.redirect_uris):
            return html("Error: invalid_request", "Mismatching redirect URI.", 400)
        error = _request_error()
        return _send_back(redirect_uri, error=error) if error else None

    def _redirect_uri(self) -> str:
        """The one asked for, or the only one registered."""
        registered = self._options.redirect_uris
        only = registered[0] if len(registered) == 1 else ""
        return request.values.get("redirect_uri") or only

    def _is_approved_already(self, member: str) -> bool:
        if request.values.get("approval_prompt") == "force" or self._state.grants.joined_at(member) is None:
            return False
        return self._state.grants.has_living_token(member, request.values["client_id"], _scope().split())

    def _send_back_with_code(self, member: str) -> Response:
        redirect_uri = self._redirect_uri()
        code = self._state.grants.issue_code(
            request.values["client_id"],
            member,
            redirect_uri,
            _scope(),
            request.values.get("code_challenge", ""),
            request.values.get("code_challenge_method") or "plain",
        )
        origin = "open-humans" if request.values.get("origin") == "open-humans" else "external"
        return _send_back(redirect_uri, origin=origin, code=code)

    def _consent_page(self, member: str, problem: str = "") -> str:
        return render_template(
            "consent.html",
            member=member,
            problem=problem,
            known_members=self._state.grants.members(),
            has_joined=self._state.grants.joined_at(member) is not None,
            back_to=urlsplit(self._redirect_uri()).netloc,
        )


def _request_error() -> str | None:
    response_type = request.values.get("response_type")
    if response_type is None:
        return "invalid_request"
    if response_type == "token":
        return "unauthorized_client"
    if response_type != "code":
        return "unsupported_response_type"
    if not set(_scope().split()) <= set(ALL_SCOPES.split()):
        return "invalid_scope"
    if request.values.get("code_challenge_method", "") not in {"", "S256", "plain"}:
        return "invalid_request"
    return None


def _scope() -> str:
    return request.values.get("scope") or ALL_SCOPES


def _send_back(redirect_uri: str, *, origin: str = "", **answer: str) -> Response:
    state = request.values.get("state")
    if state:
        answer["state"] = state
    if origin:
        answer["origin"] = origin
    parts = urlsplit(redirect_uri)
    query = urlencode([*parse_qsl(parts.query), *answer.items()])
    response = redirect(urlunsplit(parts._replace(query=query)))
    assert isinstance(response, Response)  # noqa: S101 - Flask's redirect always makes its own class
    return response


def _is_registered(redirect_uri: str, registered: tuple[str, ...]) -> bool:
    """Equal in scheme, host, port and path; more query parameters are allowed."""
    try:
        wanted = urlsplit(redirect_uri)
        wanted_port = wanted.port
    except ValueError:
        return False
    if not registered:
        return wanted.scheme in {"http", "https"} and _is_loopback(wanted.hostname)
    for known in map(urlsplit, registered):
        is_any_port = known.scheme == "http" and known.hostname in {"127.0.0.1", "::1"} and not known.port
        same_place = (known.scheme, known.hostname, known.path) == (
            wanted.scheme,
            wanted.hostname,
            wanted.path,
        )
        if same_place and (is_any_port or known.port == wanted_port):
            return True
    return False


def _is_loopback(host: str | None) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host or "").is_loopback
    except ValueError:
        return False


class TokenEndpoint:
    def __init__(self, state: State, options: Options, faults: Faults) -> None:
        self._state = state
        self._options = options
        self._faults = faults

    def token(self) -> Response:
        if request.query_string:
            return _error("invalid_request", "URL query parameters are not allowed")
        grant_type = request.form.get("grant_type")
        if grant_type == "client_credentials":
            return _error("unauthorized_client")
        if grant_type not in {"authorization_code", "refresh_token"}:
            return _error("unsupported_grant_type")
        client_id = self._client()
        if client_id is None:
            return _invalid_client()
        return self._exchange(client_id) if grant_type == "authorization_code" else self._refresh(client_id)

    def revoke(self) -> Response:
        client_id = self._client()
        if client_id is None:
            return _invalid_client()
        self._state.grants.revoke(request.form.get("token", ""), client_id)
        return Response(status=200)

    def _exchange(self, client_id: str) -> Response:
        sent = request.form.get("code")
        if not sent:
            return _error("invalid_request", "Missing code parameter.")
        code = self._state.grants.code(sent)
        if code is None or code.is_expired or code.client_id != client_id:
            return _error("invalid_grant")
        redirect_uri = request.form.get("redirect_uri")
        if redirect_uri and redirect_uri != code.redirect_uri:
            return _error("invalid_request", "Mismatching redirect URI.")
        verifier = request.form.get("code_verifier")
        if code.challenge and not verifier:
            return _error("invalid_request", "Code verifier required.")
        if code.challenge and not _is_verified(code, verifier or ""):
            return _error("invalid_grant")
        return _grant(self._state.grants.spend_code(sent))

    def _refresh(self, client_id: str) -> Response:
        sent = request.form.get("refresh_token")
        if not sent:
            return _error("invalid_request", "Missing refresh token parameter.")
        answer = _grant(self._state.grants.refresh(sent, client_id))
        if answer.status_code == 200 and self._faults.take("lose_refresh_answer"):
            return drop_connection()
        return answer

    def _client(self) -> str | None:
        """The client that proved itself, by HTTP Basic or in the body; None for a wrong one."""
        given = request.authorization
        if given is not None and given.type == "basic":
            client_id, secret = given.username or "", given.password or ""
        else:
            client_id, secret = request.form.get("client_id", ""), request.form.get("client_secret", "")
        if self._faults.take("invalid_client") or not client_id or not secret:
            return None
        if self._options.client_id is None:
            return client_id
        is_right = client_id == self._options.client_id and hmac.compare_digest(
            secret.encode(), self._options.client_secret.encode()
        )
        return client_id if is_right else None


def _is_verified(code: Code, verifier: str) -> bool:
    if code.challenge_method == "S256":
        digest = hashlib.sha256(verifier.encode()).digest()
        verifier = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
    return hmac.compare_digest(verifier.encode(), code.challenge.encode())


def _grant(pair: Pair | None) -> Response:
    if pair is None:
        return _error("invalid_grant")
    return oauth_json(
        {
            "access_token": pair.access,
            "expires_in": ACCESS_SECONDS,
            "token_type": "Bearer",
            "scope": pair.scope,
            "refresh_token": pair.refresh,
        }
    )


def _error(word: str, description: str = "") -> Response:
    body = {"error": word, "error_description": description} if description else {"error": word}
    return oauth_json(body, 400)


def _invalid_client() -> Response:
    response = oauth_json({"error": "invalid_client"}, 401)
    response.headers["WWW-Authenticate"] = 'Bearer error="invalid_client"'
    return response
