from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import pytest
import responses
from freezegun import freeze_time

from github_client import GitHubOAuth
from github_client.errors import (
    GitHubError,
    InvalidClient,
    InvalidGrant,
    NotFound,
    RateLimited,
    Unavailable,
    UnexpectedResponse,
)
from tests.github_client.answers import API, HTML, NOW, SECONDARY, TOKEN

WEB = "https://github.test"
TOKEN_URL = f"{WEB}/login/oauth/access_token"
GRANT_URL = f"{API}/applications/Iv1.client/grant"
SECRET = "s3cr3t-of-the-app"
REFRESH = "ghr_1B4a2e77838347a7E420ce178F2E7c6912E169"
GRANTED = {
    "access_token": TOKEN,
    "token_type": "bearer",
    "scope": "read:user,repo",
    "expires_in": 28800,
    "refresh_token": REFRESH,
    "refresh_token_expires_in": 15897600,
}


@pytest.fixture
def oauth() -> GitHubOAuth:
    return GitHubOAuth(WEB, API, "Iv1.client", SECRET)


@freeze_time(NOW)
def test_it_refreshes_into_a_new_pair(oauth: GitHubOAuth, github: responses.RequestsMock) -> None:
    github.post(TOKEN_URL, json=GRANTED)
    grant = oauth.refresh("ghr_old")
    assert (grant.access_token, grant.refresh_token) == (TOKEN, REFRESH)
    assert grant.scopes == {"read:user", "repo"}
    assert grant.expires_at == datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
    assert grant.refresh_token_expires_at == datetime(2027, 5, 26, 12, 0, tzinfo=UTC)
    assert parse_qs(str(github.calls[0].request.body)) == {
        "client_id": ["Iv1.client"],
        "client_secret": [SECRET],
        "grant_type": ["refresh_token"],
        "refresh_token": ["ghr_old"],
    }
    assert github.calls[0].request.headers["Accept"] == "application/json"


@freeze_time(NOW)
def test_it_exchanges_a_code_with_its_verifier(oauth: GitHubOAuth, github: responses.RequestsMock) -> None:
    github.post(TOKEN_URL, json=GRANTED)
    grant = oauth.exchange_code("a-code", "https://ours.test/callback", "v" * 43)
    assert grant.access_token == TOKEN
    assert grant.scopes == {"read:user", "repo"}
    assert grant.expires_at == datetime(2026, 11, 23, 20, 0, tzinfo=UTC)
    assert parse_qs(str(github.calls[0].request.body)) == {
        "client_id": ["Iv1.client"],
        "client_secret": [SECRET],
        "code": ["a-code"],
        "redirect_uri": ["https://ours.test/callback"],
        "code_verifier": ["v" * 43],
    }
    assert "a-code" not in (github.calls[0].request.url or "")


def test_a_code_that_was_used_is_refused(oauth: GitHubOAuth, github: responses.RequestsMock) -> None:
    github.post(TOKEN_URL, json={"error": "bad_verification_code", "error_description": "a-code expired"})
    with pytest.raises(InvalidGrant) as caught:
        oauth.exchange_code("a-code", "https://ours.test/callback", "v" * 43)
    assert "a-code" not in str(caught.value)


def test_a_token_that_does_not_expire_has_no_refresh_token(
    oauth: GitHubOAuth, github: responses.RequestsMock
) -> None:
    github.post(TOKEN_URL, json={"access_token": TOKEN, "token_type": "bearer", "scope": ""})
    grant = oauth.refresh("ghr_old")
    assert (grant.expires_at, grant.refresh_token, grant.refresh_token_expires_at) == (None, None, None)
    assert grant.scopes == frozenset()


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("bad_refresh_token", InvalidGrant),
        ("bad_verification_code", InvalidGrant),
        ("incorrect_client_credentials", InvalidClient),
        ("unsupported_grant_type", UnexpectedResponse),
        ("something_new", UnexpectedResponse),
    ],
)
@pytest.mark.parametrize("status", [200, 400])
def test_a_refusal_comes_with_any_status(
    oauth: GitHubOAuth, github: responses.RequestsMock, status: int, code: str, error: type[GitHubError]
) -> None:
    github.post(TOKEN_URL, status=status, json={"error": code, "error_description": f"... {REFRESH}"})
    with pytest.raises(GitHubError) as caught:
        oauth.refresh(REFRESH)
    assert type(caught.value) is error
    assert REFRESH not in str(caught.value)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        ({"status": 404, "json": {"error": "Not Found"}}, InvalidClient),
        ({"status": 502, "body": HTML}, GitHubError),
        ({"status": 503, "body": HTML}, Unavailable),
        ({"status": 200, "body": HTML}, Unavailable),
        ({"status": 200, "body": b'{"access_tok'}, Unavailable),
        ({"status": 200, "json": []}, UnexpectedResponse),
        ({"status": 200, "json": {}}, UnexpectedResponse),
        ({"status": 200, "json": GRANTED | {"expires_in": "soon"}}, UnexpectedResponse),
        ({"status": 200, "json": GRANTED | {"expires_in": 10**18}}, UnexpectedResponse),
        ({"status": 429, "json": {"message": SECONDARY}}, RateLimited),
    ],
)
def test_an_answer_without_a_token_is_never_a_grant(
    oauth: GitHubOAuth, github: responses.RequestsMock, answer: dict[str, Any], error: type[GitHubError]
) -> None:
    github.post(TOKEN_URL, **answer)
    with pytest.raises(error):
        oauth.refresh(REFRESH)


def test_it_gives_back_the_grant_with_the_apps_own_credentials(
    oauth: GitHubOAuth, github: responses.RequestsMock
) -> None:
    github.delete(GRANT_URL, status=204)
    oauth.delete_grant(TOKEN)
    request = github.calls[0].request
    basic = base64.b64encode(f"Iv1.client:{SECRET}".encode()).decode()
    assert request.headers["Authorization"] == f"Basic {basic}"
    assert json.loads(request.body or "") == {"access_token": TOKEN}


@pytest.mark.parametrize(
    ("status", "error"), [(404, NotFound), (422, NotFound), (401, InvalidClient), (503, Unavailable)]
)
def test_a_grant_that_cannot_be_given_back_says_why(
    oauth: GitHubOAuth, github: responses.RequestsMock, status: int, error: type[GitHubError]
) -> None:
    github.delete(GRANT_URL, status=status, json={"message": "Bad credentials"})
    with pytest.raises(error) as caught:
        oauth.delete_grant(TOKEN)
    assert TOKEN not in str(caught.value)


def test_a_grant_does_not_show_its_tokens(oauth: GitHubOAuth, github: responses.RequestsMock) -> None:
    github.post(TOKEN_URL, json=GRANTED)
    shown = repr(oauth.refresh(REFRESH))
    assert TOKEN not in shown
    assert REFRESH not in shown
    assert SECRET not in repr(oauth)
