"""The addresses of the app before this one: members come back there, and both providers know no others."""

import json
from typing import Any
from urllib.parse import parse_qsl

import pytest
import responses
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django.urls import resolve
from pytest_django import Settings

from accounts.models import User
from accounts.oauth import callback_url
from tests.providers import (
    EXCHANGE_MEMBER,
    GITHUB_TOKEN,
    GITHUB_USER,
    OPENHUMANS_TOKEN,
    Providers,
    exchange_member,
)

pytestmark = pytest.mark.django_db
SITE = "http://127.0.0.1:8000"


def exchange(providers: Providers, url: str, answer: dict[str, Any]) -> list[str]:
    """The provider's token endpoint; gives the redirect addresses that it is asked with."""
    asked: list[str] = []

    def token(request: Any) -> tuple[int, dict[str, str], str]:
        body = request.body if isinstance(request.body, str) else request.body.decode()
        asked.append(dict(parse_qsl(body))["redirect_uri"])
        return 200, {"Content-Type": "application/json"}, json.dumps(answer)

    providers.http.add_callback(responses.POST, url, token)
    return asked


def openhumans_answers(providers: Providers) -> list[str]:
    providers.http.get(
        EXCHANGE_MEMBER,
        json=exchange_member(),
    )
    tokens = {"access_token": "a", "refresh_token": "r", "expires_in": 36000, "token_type": "Bearer"}
    return exchange(providers, OPENHUMANS_TOKEN, {**tokens, "scope": "read write"})


def github_answers(providers: Providers) -> list[str]:
    user = {"id": 583231, "node_id": "U_583231", "login": "octocat", "name": None}
    providers.http.get(GITHUB_USER, json=user, headers={"X-OAuth-Scopes": "read:user"})
    return exchange(
        providers, GITHUB_TOKEN, {"access_token": "gh", "token_type": "bearer", "scope": "read:user"}
    )


# --- What is sent ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("provider", "path"),
    [
        ("openhumans", "/accounts/openhumans/login/callback/"),
        ("github", "/accounts/github/login/callback/"),
    ],
)
def test_without_the_setting_our_own_addresses_are_sent(provider: str, path: str) -> None:
    assert callback_url(provider) == SITE + path


@pytest.mark.parametrize(
    ("provider", "path"), [("openhumans", "/openhumans/complete"), ("github", "/github_complete")]
)
def test_with_the_setting_the_old_addresses_are_sent(settings: Settings, provider: str, path: str) -> None:
    settings.LEGACY_CALLBACKS = True
    assert callback_url(provider) == SITE + path
    assert resolve(path).func is resolve(f"/accounts/{provider}/login/callback/").func


# --- Coming back ----------------------------------------------------------------------------------


@pytest.mark.parametrize("slash", ["", "/"])
def test_a_member_signs_in_by_the_old_address(
    client: Client, providers: Providers, settings: Settings, slash: str
) -> None:
    settings.LEGACY_CALLBACKS = True
    sent = providers.begin_sign_in(client)
    assert sent.parameters["redirect_uri"] == f"{SITE}/openhumans/complete"
    asked = openhumans_answers(providers)

    response = client.get(f"/openhumans/complete{slash}", {"code": "code", "state": sent.parameters["state"]})

    assert (response.status_code, response["Location"]) == (302, "/connect/")
    assert client.session["_auth_user_id"] == str(User.objects.get(open_humans_id="12345678").pk)
    assert asked == [f"{SITE}/openhumans/complete"]


@pytest.mark.parametrize("slash", ["", "/"])
def test_github_is_connected_by_the_old_address(
    client: Client, providers: Providers, settings: Settings, member: User, slash: str
) -> None:
    settings.LEGACY_CALLBACKS = True
    client.force_login(member)
    sent = providers.begin_connect(client)
    assert sent.parameters["redirect_uri"] == f"{SITE}/github_complete"
    asked = github_answers(providers)

    response = client.get(f"/github_complete{slash}", {"code": "code", "state": sent.parameters["state"]})

    assert (response.status_code, response["Location"]) == (302, "/dashboard/")
    assert SocialAccount.objects.get(user=member, provider="github").uid == "583231"
    assert asked == [f"{SITE}/github_complete"]


def test_the_old_address_answers_also_without_the_setting(client: Client, providers: Providers) -> None:
    """Both addresses may be registered while the move goes on."""
    sent = providers.begin_sign_in(client)
    openhumans_answers(providers)
    client.get("/openhumans/complete", {"code": "code", "state": sent.parameters["state"]})
    assert "_auth_user_id" in client.session


@pytest.mark.parametrize("path", ["/openhumans/complete", "/openhumans/complete/", "/github_complete"])
@pytest.mark.parametrize("query", ["", "?code=code", "?code=code&state=made-up", "?error=access_denied"])
def test_whoever_was_not_sent_by_us_is_not_let_in(
    client: Client, providers: Providers, path: str, query: str
) -> None:
    """The app before this one took any code without a state."""
    response = client.get(path + query)
    assert response.status_code in (400, 403)
    assert "_auth_user_id" not in client.session


# --- Pages ----------------------------------------------------------------------------------------


def test_the_old_about_page_leads_to_the_start_page(client: Client) -> None:
    response = client.get("/about/")
    assert (response.status_code, response["Location"]) == (302, "/")
    assert client.get("/about", follow=True).status_code == 200


def test_the_old_dashboard_is_where_it_was(client: Client) -> None:
    assert client.get("/dashboard", follow=True).status_code == 200


@pytest.mark.parametrize("path", ["/openhumans/complete/x", "/openhumans/complete//", "/github_complete/x"])
def test_nothing_else_answers_there(client: Client, path: str) -> None:
    assert client.get(path).status_code == 404
