"""GitHub's web part: the consent page and the token endpoint, and the app's own calls about its tokens.

https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
"""

import hmac
import time
from collections.abc import Sequence
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from flask import Blueprint, Response, jsonify, redirect, render_template, request
from werkzeug.wrappers import Response as AnyResponse

from sandbox.github.gate import Turned, problem
from sandbox.github.paging import iso
from sandbox.github.service import OAuthApp, Service, current_service
from sandbox.github.tokens import (
    CODE_SECONDS,
    REFRESH_SECONDS,
    Code,
    IssuedToken,
    Token,
    matches_challenge,
)
from sandbox.server import drop_connection

pages = Blueprint("oauth", __name__)
app_calls = Blueprint("applications", __name__)

_TROUBLESHOOTING = (
    "https://docs.github.com/apps/managing-oauth-apps/troubleshooting-oauth-app-access-token-request-errors"
)
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}
_CHALLENGE_LENGTH = 43
_SCOPE_MEANINGS = {
    "repo": "Read and write everything in public and private repositories",
    "public_repo": "Write to public repositories",
    "read:user": "Read all of the profile, private counts included",
    "user": "Read and write the profile",
    "user:email": "Read the e-mail addresses",
    "read:org": "Read memberships in organisations",
    "gist": "Write gists, read secret ones",
}
_NOT_A_SCOPE = "offline_access"
_ERRORS = {
    "incorrect_client_credentials": "The client_id and/or client_secret passed are incorrect.",
    "redirect_uri_mismatch": "The redirect_uri MUST match the registered callback URL for this application.",
    "bad_verification_code": "The code passed is incorrect or expired.",
    "bad_refresh_token": "The refresh token passed is incorrect or expired.",
    "unsupported_grant_type": "The grant_type passed is not supported.",
}


@pages.get("/login/oauth/authorize")
def ask() -> AnyResponse | str | tuple[str, int]:
    service = current_service()
    refusal = _wrong_request(service.oauth_app)
    if refusal is not None:
        return refusal
    service.world.catalogue.refresh()
    return render_template(
        "consent.html",
        parameters=request.args.items(multi=True),
        scopes=[(scope, _SCOPE_MEANINGS.get(scope, "")) for scope in _asked_scopes()],
        accounts=service.world.catalogue.accounts,
        chosen=request.args.get("login") or service.world.catalogue.member.login,
        client_id=request.args["client_id"],
    )


@pages.post("/login/oauth/authorize")
def decide() -> AnyResponse | str | tuple[str, int]:
    service = current_service()
    refusal = _wrong_request(service.oauth_app)
    if refusal is not None:
        return refusal
    if request.form.get("decision") != "approve":
        return _back(error="access_denied", error_description="The user has denied your application access.")
    account = service.world.catalogue.account_by_login(request.form.get("login", ""))
    if account is None:
        return render_template("problem.html", message="There is no such account."), 400
    granted = [scope for scope in _asked_scopes() if scope in request.form.getlist("scope")]
    code = Code(
        account.id,
        request.args["client_id"],
        request.args.get("redirect_uri", ""),
        tuple(granted),
        request.args.get("code_challenge"),
        time.time() + CODE_SECONDS,
    )
    return _back(code=service.tokens.new_code(code))


@pages.post("/login/oauth/access_token")
def exchange() -> Response:
    service = current_service()
    values = _sent_values()
    grant_type = values.get("grant_type", "authorization_code")
    if not _is_known_client(service.oauth_app, values.get("client_id"), values.get("client_secret")):
        return _answer(_error("incorrect_client_credentials"))
    if grant_type == "refresh_token":
        return _refreshed(service, values)
    if grant_type != "authorization_code":
        return _answer(_error("unsupported_grant_type"))
    return _answer(_exchange_code(service, values))


@app_calls.route("/applications/<client_id>/token", methods=["POST", "DELETE"])
def token(client_id: str) -> Response:
    service = current_service()
    try:
        text = _checked_app_call(service, client_id)
    except Turned as turned:
        return turned.response
    found = service.tokens.find(text)
    if found is None or found.client_id != client_id:
        return problem(404, "Not Found") if request.method == "POST" else problem(422, "Validation Failed")
    if request.method == "DELETE":
        service.tokens.revoke(found)
        return Response(status=204)
    return jsonify(_authorization(service, found, text))


@app_calls.delete("/applications/<client_id>/grant")
def grant(client_id: str) -> Response:
    service = current_service()
    try:
        text = _checked_app_call(service, client_id)
    except Turned as turned:
        return turned.response
    found = service.tokens.find(text)
    if found is None or found.client_id != client_id:
        return problem(422, "Validation Failed")
    service.tokens.revoke_grant(found)
    return Response(status=204)


def _refreshed(service: Service, values: dict[str, str]) -> Response:
    if service.faults.due("lost_refresh_race"):
        return _answer(_error("bad_refresh_token"))
    issued = service.tokens.refresh(values.get("refresh_token", ""), values["client_id"])
    if issued and service.faults.due("lost_refresh_answer"):
        return drop_connection()
    return _answer(_token_answer(issued) if issued else _error("bad_refresh_token"))


def _wrong_request(app: OAuthApp) -> AnyResponse | tuple[str, int] | None:
    """What GitHub answers before it asks anybody: an error page, or an error at the registered address."""
    client_id = request.args.get("client_id", "")
    if not client_id or (app.client_id is not None and client_id != app.client_id):
        return render_template("problem.html", message="No application has this client_id."), 404
    if not _is_registered(app, request.args.get("redirect_uri")):
        if not app.redirect_uris:
            return render_template("problem.html", message="redirect_uri must be a loopback address."), 400
        mismatch = {
            "error": "redirect_uri_mismatch",
            "error_description": _ERRORS["redirect_uri_mismatch"],
            "error_uri": _TROUBLESHOOTING,
        }
        return redirect(_with_query(app.redirect_uris[0], mismatch | _state()))
    challenge = request.args.get("code_challenge")
    if challenge is not None and (
        request.args.get("code_challenge_method") != "S256" or len(challenge) != _CHALLENGE_LENGTH
    ):
        message = "code_challenge must have 43 characters, and code_challenge_method must be S256."
        return render_template("problem.html", message=message), 400
    return None


def _is_registered(app: OAuthApp, redirect_uri: str | None) -> bool:
    """A sub-path of a registered address is good too; of a loopback address the port may differ."""
    if redirect_uri is None:
        return bool(app.redirect_uris)
    asked = urlsplit(redirect_uri)
    if not app.redirect_uris:
        return asked.scheme in {"http", "https"} and asked.hostname in _LOOPBACK
    return any(_is_below(asked, urlsplit(registered)) for registered in app.redirect_uris)


def _is_below(asked: Any, registered: Any) -> bool:
    same_place = (asked.scheme, asked.hostname) == (registered.scheme, registered.hostname)
    same_port = asked.port == registered.port or registered.hostname in _LOOPBACK
    base = registered.path.rstrip("/")
    return same_place and same_port and (asked.path.rstrip("/") == base or asked.path.startswith(f"{base}/"))


def _asked_scopes() -> list[str]:
    scopes = request.args.get("scope", "").replace(",", " ").split()
    return [scope for scope in dict.fromkeys(scopes) if scope != _NOT_A_SCOPE]


def _back(**values: str) -> AnyResponse:
    app = current_service().oauth_app
    target = request.args.get("redirect_uri") or app.redirect_uris[0]
    if "error" in values:
        values["error_uri"] = _TROUBLESHOOTING
    return redirect(_with_query(target, values | _state()))


def _state() -> dict[str, str]:
    return {"state": request.args["state"]} if "state" in request.args else {}


def _with_query(url: str, values: dict[str, str]) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(query=urlencode([*parse_qsl(parts.query), *values.items()])))


def _sent_values() -> dict[str, str]:
    if request.is_json:
        body = request.get_json(silent=True)
        return {key: str(value) for key, value in body.items()} if isinstance(body, dict) else {}
    values: dict[str, str] = {**request.args.to_dict(), **request.form.to_dict()}
    if request.authorization and request.authorization.type == "basic":
        values.setdefault("client_id", request.authorization.username or "")
        values.setdefault("client_secret", request.authorization.password or "")
    return values


def _is_known_client(app: OAuthApp, client_id: str | None, client_secret: str | None) -> bool:
    if not client_id or (app.client_id is not None and client_id != app.client_id):
        return False
    if app.client_secret is None:
        return True
    return hmac.compare_digest((client_secret or "").encode(), app.client_secret.encode())


def _exchange_code(service: Service, values: dict[str, str]) -> dict[str, Any]:
    code = service.tokens.use_code(values.get("code", ""))
    if code is None or code.client_id != values["client_id"]:
        return _error("bad_verification_code")
    if values.get("redirect_uri", code.redirect_uri) != code.redirect_uri:
        return _error("redirect_uri_mismatch")
    if code.challenge and not matches_challenge(code.challenge, values.get("code_verifier", "")):
        return _error("bad_verification_code")
    return _token_answer(service.tokens.issue(code.account_id, code.client_id, _normalised(code.scopes)))


def _normalised(scopes: Sequence[str]) -> list[str]:
    """GitHub leaves out what a wider scope already gives."""
    wider = {"read:user": "user", "user:email": "user", "public_repo": "repo"}
    return sorted(scope for scope in scopes if wider.get(scope) not in scopes)


def _token_answer(issued: IssuedToken) -> dict[str, Any]:
    answer: dict[str, Any] = {
        "access_token": issued.access_token,
        "scope": ",".join(issued.token.scopes),
        "token_type": "bearer",
    }
    if issued.refresh_token:
        answer["expires_in"] = issued.token.lifetime
        answer["refresh_token"] = issued.refresh_token
        answer["refresh_token_expires_in"] = REFRESH_SECONDS
    return answer


def _error(name: str) -> dict[str, Any]:
    return {"error": name, "error_description": _ERRORS[name], "error_uri": f"{_TROUBLESHOOTING}#{name}"}


def _answer(values: dict[str, Any]) -> Response:
    """Always 200, also for errors; form-encoded unless JSON was asked for."""
    if "application/json" in request.headers.get("Accept", ""):
        response = jsonify(values)
    else:
        response = Response(
            urlencode(values), content_type="application/x-www-form-urlencoded; charset=utf-8"
        )
    response.headers["Cache-Control"] = "no-store"
    return response


def _checked_app_call(service: Service, client_id: str) -> str:
    """The access token the call is about. Raises Turned."""
    basic = request.authorization
    if basic is None or basic.type != "basic":
        raise Turned(problem(401, "Requires authentication"))
    is_own = basic.username == client_id
    if not is_own or not _is_known_client(service.oauth_app, basic.username, basic.password):
        raise Turned(problem(404, "Not Found"))
    body = request.get_json(force=True, silent=True)
    text = body.get("access_token") if isinstance(body, dict) else None
    if not isinstance(text, str):
        raise Turned(problem(422, 'Invalid request.\n\n"access_token" wasn\'t supplied.'))
    return text


def _authorization(service: Service, found: Token, text: str) -> dict[str, Any]:
    account = service.world.catalogue.account_by_id(found.account_id)
    expires = found.expires_at
    return {
        "id": found.issued_at,
        "url": f"{request.host_url}authorizations/{found.issued_at}",
        "app": {"client_id": found.client_id, "name": "", "url": ""},
        "token": text,
        "hashed_token": None,
        "token_last_eight": text[-8:],
        "note": None,
        "note_url": None,
        "scopes": list(found.scopes),
        "fingerprint": None,
        "created_at": iso(found.issued_at),
        "updated_at": iso(found.issued_at),
        "expires_at": None if expires is None else iso(int(expires)),
        "user": {"login": account.login, "id": account.id, "node_id": account.node_id} if account else None,
    }
