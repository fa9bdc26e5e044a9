"""Both providers as seen from the member's browser: where it is sent, and how it comes back."""

import base64
import hashlib
import json
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import responses
from django.http import HttpResponse
from django.test import Client

OPENHUMANS_URL = "https://openhumans.test"
GITHUB_URL = "https://github.test"
GITHUB_API_URL = "https://api.github.test"
EXCHANGE_MEMBER = f"{OPENHUMANS_URL}/api/direct-sharing/project/exchange-member/"
OPENHUMANS_TOKEN = f"{OPENHUMANS_URL}/oauth2/token/"
GITHUB_TOKEN = f"{GITHUB_URL}/login/oauth/access_token"
GITHUB_USER = f"{GITHUB_API_URL}/user"
OPENHUMANS_CALLBACK = "/accounts/openhumans/login/callback/"
GITHUB_CALLBACK = "/accounts/github/login/callback/"


def exchange_member(member_id: str = "12345678") -> dict[str, object]:
    """What Open Humans tells of a member without files."""
    return {
        "created": "2026-01-02T03:04:05.000000Z",
        "project_member_id": member_id,
        "sources_shared": [],
        "count": 0,
        "next": None,
        "previous": None,
        "data": [],
    }


@dataclass
class Sent:
    """What the browser was sent to a provider with."""

    url: str
    parameters: dict[str, str] = field(default_factory=dict)

    @property
    def scopes(self) -> set[str]:
        return set(self.parameters["scope"].split())


def sent_by(response: HttpResponse) -> Sent:
    assert response.status_code == 302, response.content
    parts = urlsplit(response["Location"])
    query = parse_qs(parts.query, strict_parsing=True)
    assert all(len(values) == 1 for values in query.values())
    url = f"{parts.scheme}://{parts.netloc}{parts.path}"
    return Sent(url, {name: values[0] for name, values in query.items()})


class Providers:
    """Answers of both services at the HTTP edge, with the PKCE check that both of them make."""

    def __init__(self, http: responses.RequestsMock) -> None:
        self.http = http
        self.challenge = ""

    def begin_sign_in(self, client: Client, next_url: str = "") -> Sent:
        return self._remember(client.post(f"/accounts/openhumans/login/?next={next_url}"))

    def begin_connect(self, client: Client, choice: str = "public", **ticks: str) -> Sent:
        return self._remember(client.post("/connect/", {"choice": choice, **ticks}))

    def _remember(self, response: Any) -> Sent:
        sent = sent_by(response)
        assert sent.parameters["code_challenge_method"] == "S256"
        self.challenge = sent.parameters["code_challenge"]
        return sent

    def openhumans_grants(self, member_id: str = "12345678") -> None:
        self._exchange(
            OPENHUMANS_TOKEN,
            {
                "access_token": "oh-access",
                "refresh_token": "oh-refresh",
                "expires_in": 36000,
                "token_type": "Bearer",
                "scope": "read write",
            },
        )
        self.http.get(
            EXCHANGE_MEMBER,
            json=exchange_member(member_id),
        )

    def github_grants(
        self,
        scope: str = "read:user",
        github_id: int = 583231,
        login: str = "octocat",
        header: str | None = None,
    ) -> None:
        self._exchange(GITHUB_TOKEN, {"access_token": "gh-access", "token_type": "bearer", "scope": scope})
        self.http.get(
            GITHUB_USER,
            json={
                "id": github_id,
                "node_id": f"U_{github_id}",
                "login": login,
                "name": "The Octocat",
                "email": "octocat@example.org",
                "company": "GitHub",
            },
            headers={"X-OAuth-Scopes": scope.replace(",", ", ") if header is None else header},
        )

    def _exchange(self, url: str, answer: dict[str, Any]) -> None:
        def answer_after_pkce_check(request: Any) -> tuple[int, dict[str, str], str]:
            form = dict(parse_qsl(request.body if isinstance(request.body, str) else request.body.decode()))
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            assert base64.urlsafe_b64encode(digest).rstrip(b"=").decode() == self.challenge
            assert form["redirect_uri"].startswith("http://127.0.0.1:8000/accounts/")
            return 200, {"Content-Type": "application/json"}, json.dumps(answer)

        self.http.add_callback(responses.POST, url, answer_after_pkce_check)

    def sign_in(self, client: Client, member_id: str = "12345678") -> Any:
        sent = self.begin_sign_in(client)
        self.openhumans_grants(member_id)
        return client.get(OPENHUMANS_CALLBACK, {"code": "code", "state": sent.parameters["state"]})

    def connect(self, client: Client, choice: str = "public", **grant: Any) -> Any:
        sent = self.begin_connect(client, choice)
        self.github_grants(**grant)
        return client.get(GITHUB_CALLBACK, {"code": "code", "state": sent.parameters["state"]})
