"""GitHub's OAuth endpoints that deal in tokens: exchanging a code, refreshing, giving back.

https://docs.github.com/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
https://docs.github.com/apps/creating-github-apps/authenticating-with-a-github-app/refreshing-user-access-tokens
https://docs.github.com/rest/apps/oauth-applications
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import requests

from github_client.answers import parse_json
from github_client.errors import (
    GitHubError,
    InvalidClient,
    InvalidGrant,
    NotFound,
    Unauthorized,
    Unavailable,
    UnexpectedResponse,
)
from github_client.node import Node
from github_client.protocol import raise_for_status
from github_client.transport import send
from github_client.types import TokenGrant

REFUSALS: dict[str, type[GitHubError]] = {
    "bad_refresh_token": InvalidGrant,
    "bad_verification_code": InvalidGrant,
    "incorrect_client_credentials": InvalidClient,
    "Not Found": InvalidClient,  # with status 404, for a client id GitHub does not know
}
TOKEN_CALL = "POST /login/oauth/access_token"  # noqa: S105 - a method and a path
DEADLINE_SECONDS = 60.0


class GitHubOAuth:
    """Gets, refreshes and gives back tokens. `base_url` is "https://github.com", `api_url` its API.

    `deadline_seconds` bounds each exchange as a whole.
    """

    def __init__(
        self,
        base_url: str,
        api_url: str,
        client_id: str,
        client_secret: str,
        session: requests.Session | None = None,
        deadline_seconds: float = DEADLINE_SECONDS,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._api_url = api_url.rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret
        self._session = session or requests.Session()
        self._deadline_seconds = deadline_seconds

    def exchange_code(self, code: str, redirect_uri: str, code_verifier: str) -> TokenGrant:
        """The tokens for a code of the consent page, which works once and for ten minutes.

        `redirect_uri` is the one of the authorization request, `code_verifier` the secret of its PKCE
        challenge. Raises InvalidGrant for a wrong, used or expired code, InvalidClient for wrong credentials
        of this installation.
        """
        return self._token({"code": code, "redirect_uri": redirect_uri, "code_verifier": code_verifier})

    def refresh(self, refresh_token: str) -> TokenGrant:
        """A new pair of tokens. The old access and refresh tokens die at once, so store the new ones first.

        Raises InvalidGrant for a used or expired token (or the loser of two refreshes at once), InvalidClient
        for wrong credentials of this installation.
        """
        return self._token({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def delete_grant(self, access_token: str) -> None:
        """Remove every token of this person for our app, as if they had revoked it themselves.

        Raises NotFound if GitHub knows no such grant (any more).
        """
        path = f"/applications/{self._client_id}/grant"
        request = requests.Request(
            "DELETE",
            self._api_url + path,
            json={"access_token": access_token},
            auth=(self._client_id, self._client_secret),
            headers={"X-GitHub-Api-Version": "2022-11-28", "Accept": "application/vnd.github+json"},
        )
        call = "DELETE /applications/{client_id}/grant"
        answer = send(self._session, call, request, self._deadline_seconds)
        if answer.status == 422:
            raise NotFound(f"{call}: 422 no such grant")
        try:
            raise_for_status(call, answer, "core", datetime.now(UTC))
        except Unauthorized as error:
            raise InvalidClient(str(error)) from None

    def _token(self, grant: dict[str, str]) -> TokenGrant:
        credentials = {"client_id": self._client_id, "client_secret": self._client_secret}
        request = requests.Request(
            "POST",
            f"{self._base_url}/login/oauth/access_token",
            data=credentials | grant,
            headers={"Accept": "application/json"},
        )
        answer = send(self._session, TOKEN_CALL, request, self._deadline_seconds)
        now = datetime.now(UTC)
        document = _json(answer.body)
        # Refusals come with status 200: whether there is a token decides, and the status only without JSON.
        _raise_refusal(document)
        raise_for_status(TOKEN_CALL, answer, "core", now)
        if document is None or not answer.is_complete:
            raise Unavailable(f"{TOKEN_CALL}: {answer.status} without readable JSON")
        return token_grant(Node(TOKEN_CALL, document), now)


def token_grant(node: Node, now: datetime) -> TokenGrant:
    """`expires_in` and `refresh_token` are absent for apps whose tokens do not expire."""
    return TokenGrant(
        access_token=node.text("access_token"),
        scopes=frozenset(scope for scope in (node.optional_text("scope") or "").split(",") if scope),
        expires_at=_after(now, node.optional_count("expires_in")),
        refresh_token=node.optional_text("refresh_token"),
        refresh_token_expires_at=_after(now, node.optional_count("refresh_token_expires_in")),
    )


def _after(now: datetime, seconds: int | None) -> datetime | None:
    if seconds is None:
        return None
    try:
        return now + timedelta(seconds=seconds)
    except OverflowError:
        raise UnexpectedResponse(f"{TOKEN_CALL}: a token that lasts for ever") from None


def _raise_refusal(document: object) -> None:
    code = document.get("error") if isinstance(document, dict) else None
    if code is None:
        return
    known = isinstance(code, str) and code in REFUSALS
    kind = REFUSALS[code] if known else UnexpectedResponse
    raise kind(f"{TOKEN_CALL}: {code if known else 'an error this client does not know'}")


def _json(body: bytes) -> object:
    try:
        return parse_json(body)
    except ValueError:
        return None
