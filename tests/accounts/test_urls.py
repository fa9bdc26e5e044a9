import pytest
from django.test import Client

from accounts.models import User
from tests.providers import Providers

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    "path",
    [
        "signup/",
        "email/",
        "confirm-email/",
        "password/reset/",
        "password/change/",
        "reauthenticate/",
        "3rdparty/",
        "3rdparty/signup/",
        "3rdparty/login/cancelled/",
        "3rdparty/login/error/",
        "social/signup/",
        "social/connections/",
    ],
)
def test_pages_of_allauth_that_we_do_not_use_are_not_there(client: Client, member: User, path: str) -> None:
    assert client.get(f"/accounts/{path}").status_code == 404
    client.force_login(member)
    assert client.get(f"/accounts/{path}").status_code == 404


def test_the_login_page_of_allauth_is_our_landing_page(client: Client) -> None:
    for response in (client.get("/accounts/login/"), client.post("/accounts/login/", {"login": "x"})):
        assert (response.status_code, response["Location"]) == (302, "/")


def test_nobody_signs_in_with_a_password_here(client: Client, operator: User) -> None:
    client.post("/accounts/login/", {"login": "operator", "password": "a long pass phrase of the operator"})

    assert "_auth_user_id" not in client.session


def test_signing_out_is_a_form(client: Client, member: User) -> None:
    client.force_login(member)

    assert client.get("/accounts/logout/").status_code == 405
    assert "_auth_user_id" in client.session

    response = client.post("/accounts/logout/")
    assert (response.status_code, response["Location"]) == (302, "/")
    assert "_auth_user_id" not in client.session


def test_signing_out_wants_a_csrf_token(member: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(member)

    assert client.post("/accounts/logout/").status_code == 403
    assert "_auth_user_id" in client.session


def test_the_page_for_closed_accounts_is_ours(client: Client) -> None:
    assert b"This account is closed" in client.get("/accounts/inactive/").content


@pytest.mark.parametrize("method", ["get", "post"])
@pytest.mark.parametrize("query", ["", "?process=login", "?process=connect&scope=repo&auth_params=x%3Dy"])
def test_the_github_entrance_of_allauth_starts_nothing(
    client: Client, providers: Providers, member: User, method: str, query: str
) -> None:
    response = getattr(client, method)(f"/accounts/github/login/{query}")
    assert response.status_code == 403
    assert b"never a way to sign in" in response.content

    client.force_login(member)
    response = getattr(client, method)(f"/accounts/github/login/{query}")
    assert (response.status_code, response["Location"]) == (302, "/connect/")
    assert "socialaccount_states" not in client.session
