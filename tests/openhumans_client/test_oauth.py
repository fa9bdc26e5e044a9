from __future__ import annotations

import base64
from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses
from freezegun import freeze_time

from openhumans_client import InvalidGrant, OpenHumansOAuth, Unavailable
from tests.openhumans_client.answers import ACCESS, BASE, CLIENT_SECRET, REFRESH, SECRETS, TOKENS

TOKEN_URL = f"{BASE}/oauth2/token/"
REVOKE_URL = f"{BASE}/oauth2/revoke_token/"
REDIRECT = "https://app.example/callback/?a=1"


@pytest.fixture
def oauth() -> OpenHumansOAuth:
    return OpenHumansOAuth(BASE + "/", "local-client-id", CLIENT_SECRET)


def sent_form(call: responses.Call) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(str(call.request.body)).items()}


def test_the_member_is_sent_to_the_projects_page_with_state_and_pkce(oauth: OpenHumansOAuth) -> None:
    parts = urlsplit(oauth.authorize_url(REDIRECT, "st&te", "challenge"))
    assert f"{parts.scheme}://{parts.netloc}" == BASE
    assert parts.path == "/direct-sharing/projects/oauth2/authorize/"
    assert parse_qs(parts.query) == {
        "client_id": ["local-client-id"],
        "response_type": ["code"],
        "redirect_uri": [REDIRECT],
        "state": ["st&te"],
        "code_challenge": ["challenge"],
        "code_challenge_method": ["S256"],
    }


@freeze_time("2026-11-23T12:00:00Z")
@responses.activate
def test_a_code_becomes_tokens(oauth: OpenHumansOAuth) -> None:
    responses.post(TOKEN_URL, json=TOKENS)
    grant = oauth.exchange_code("the-code", REDIRECT, "the-verifier")
    assert (grant.access_token, grant.refresh_token) == (ACCESS, REFRESH)
    assert grant.expires_at == datetime(2026, 11, 23, 22, tzinfo=UTC)
    assert sent_form(responses.calls[0]) == {
        "grant_type": "authorization_code",
        "code": "the-code",
        "redirect_uri": REDIRECT,
        "code_verifier": "the-verifier",
    }


@responses.activate
def test_refreshing_sends_the_client_by_basic_and_nothing_in_the_address(oauth: OpenHumansOAuth) -> None:
    responses.post(TOKEN_URL, json=TOKENS)
    oauth.refresh("old-token")
    request = responses.calls[0].request
    assert sent_form(responses.calls[0]) == {"grant_type": "refresh_token", "refresh_token": "old-token"}
    wanted = base64.b64encode(f"local-client-id:{CLIENT_SECRET}".encode()).decode()
    assert request.headers["Authorization"] == f"Basic {wanted}"
    assert urlsplit(str(request.url)).query == ""


@responses.activate
def test_a_used_refresh_token_is_an_invalid_grant(oauth: OpenHumansOAuth) -> None:
    responses.post(TOKEN_URL, json={"error": "invalid_grant"}, status=400)
    with pytest.raises(InvalidGrant) as caught:
        oauth.refresh(REFRESH)
    assert REFRESH not in str(caught.value)


@responses.activate
def test_a_lost_answer_is_an_outage_and_is_not_tried_again(oauth: OpenHumansOAuth) -> None:
    responses.post(TOKEN_URL, body=requests.ConnectionError(f"lost {REFRESH}"))
    with pytest.raises(Unavailable) as caught:
        oauth.refresh(REFRESH)
    assert len(responses.calls) == 1
    assert REFRESH not in str(caught.value)


@responses.activate
def test_revoking_is_silent(oauth: OpenHumansOAuth) -> None:
    responses.post(REVOKE_URL, body=b"")
    oauth.revoke(REFRESH)
    assert sent_form(responses.calls[0]) == {"token": REFRESH}


def test_its_repr_has_no_secret(oauth: OpenHumansOAuth) -> None:
    assert not any(secret in repr(oauth) for secret in SECRETS)
