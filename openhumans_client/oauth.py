"""Signing in with Open Humans: OAuth 2 authorization code with PKCE, and refreshing.

https://www.openhumans.org/direct-sharing/oauth2-setup/
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import urlencode

import requests

from openhumans_client import protocol
from openhumans_client.deadline import Deadline
from openhumans_client.transport import Timeout, Transport
from openhumans_client.types import Answer, TokenGrant

AUTHORIZE_PATH = "/direct-sharing/projects/oauth2/authorize/"
TOKEN_PATH = "/oauth2/token/"  # noqa: S105 - a path
REVOKE_PATH = "/oauth2/revoke_token/"


class OpenHumansOAuth:
    """The token endpoint, for one registered client. Credentials go by HTTP Basic, never in a query string.

    Every method that asks raises InvalidClient, Unavailable, RateLimited or UnexpectedResponse. `timeout` is
    (connect, read) in seconds, `deadline` bounds the whole exchange, `shared` all of them together.
    """

    def __init__(
        self,
        base_url: str,
        client_id: str,
        client_secret: str,
        session: requests.Session | None = None,
        timeout: Timeout = (5, 30),
        deadline: float = 60,
        shared: Deadline | None = None,
    ) -> None:
        self._base_url = base_url.rstrip("/")
        self._client_id = client_id
        self._client_secret = client_secret
        self._transport = Transport(session, timeout, deadline, shared=shared)

    def __repr__(self) -> str:
        return f"OpenHumansOAuth({self._base_url!r}, {self._client_id!r})"

    def authorize_url(self, redirect_uri: str, state: str, code_challenge: str) -> str:
        """Where to send the member. `code_challenge` is the S256 challenge of the verifier kept on our side.

        The member comes back to `redirect_uri` with `code` and `state`, or `error=access_denied` and `state`;
        an `origin` parameter that may be there says nothing.
        """
        query = {
            "client_id": self._client_id,
            "response_type": "code",
            "redirect_uri": redirect_uri,
            "state": state,
            "code_challenge": code_challenge,
            "code_challenge_method": "S256",
        }
        return f"{self._base_url}{AUTHORIZE_PATH}?{urlencode(query)}"

    def exchange_code(self, code: str, redirect_uri: str, code_verifier: str) -> TokenGrant:
        """Tokens for a code, which works once and for 30 minutes. Raises InvalidGrant when it does not."""
        return self._grant(
            {
                "grant_type": "authorization_code",
                "code": code,
                "redirect_uri": redirect_uri,
                "code_verifier": code_verifier,
            }
        )

    def refresh(self, refresh_token: str) -> TokenGrant:
        """A new pair; the old access and refresh token are dead at once, so store this before using it.

        Raises InvalidGrant for a token that was used, revoked, or whose member has left. If the answer is
        lost (Unavailable), the old token may be dead already: try it once more, then the member must sign in
        again.
        """
        return self._grant({"grant_type": "refresh_token", "refresh_token": refresh_token})

    def revoke(self, token: str) -> None:
        """Make a token worthless; a refresh token takes its access token along. The membership stays."""
        answer = self._post(REVOKE_PATH, {"token": token})
        protocol.check_revocation(answer, f"POST {REVOKE_PATH}")

    def _grant(self, form: Mapping[str, str]) -> TokenGrant:
        requested_at = datetime.now(UTC)
        answer = self._post(TOKEN_PATH, form)
        return protocol.decode_token_grant(answer, f"POST {TOKEN_PATH}", requested_at=requested_at)

    def _post(self, path: str, form: Mapping[str, str]) -> Answer:
        return self._transport.ask(
            "POST",
            self._base_url + path,
            f"POST {path}",
            auth=(self._client_id, self._client_secret),
            form=form,
        )
