"""Wherever an address says `next`, it leads nowhere but to this site."""

from urllib.parse import quote, urlsplit

import pytest
from django.test import Client

from accounts.models import User
from tests.providers import OPENHUMANS_CALLBACK, Providers

ELSEWHERE = (
    "https://evil.example/",
    "//evil.example/",
    "///evil.example/",
    "/\\evil.example/",
    "\\\\evil.example/",
    "https:evil.example/",
    "https:///evil.example/",
    "http://127.0.0.1:8000@evil.example/",
    "http://127.0.0.1:8000.evil.example/",
    "\thttps://evil.example/",
    "javascript:alert(1)",
    "data:text/html,x",
)
pytestmark = pytest.mark.django_db


def stays_here(location: str) -> bool:
    parts = urlsplit(location)
    return parts.netloc in ("", "127.0.0.1:8000", "testserver") and parts.scheme in ("", "http")


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_signing_in_leads_to_this_site(
    client: Client, providers: Providers, member: User, elsewhere: str
) -> None:
    sent = providers.begin_sign_in(client, quote(elsewhere, safe=""))
    providers.openhumans_grants(str(member.open_humans_id))

    answer = client.get(OPENHUMANS_CALLBACK, {"code": "code", "state": sent.parameters["state"]})

    assert answer.status_code == 302
    assert stays_here(answer["Location"]), answer["Location"]


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_signing_out_leads_to_this_site(client: Client, member: User, elsewhere: str) -> None:
    client.force_login(member, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post(f"/accounts/logout/?next={quote(elsewhere, safe='')}", {"next": elsewhere})
    assert answer.status_code == 302
    assert stays_here(answer["Location"]), answer["Location"]


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_operators_are_led_to_this_site(client: Client, operator: User, elsewhere: str) -> None:
    words = {"username": operator.username, "password": "a long pass phrase of the operator"}
    answer = client.post(f"/admin/login/?next={quote(elsewhere, safe='')}", {**words, "next": elsewhere})
    assert answer.status_code == 302
    assert stays_here(answer["Location"]), answer["Location"]


@pytest.mark.parametrize("path", ["/accounts/login/", "/accounts/github/login/", "/about/", "/dashboard/"])
def test_pages_that_lead_on_do_not_listen_to_next(client: Client, path: str) -> None:
    answer = client.get(f"{path}?next=https://evil.example/")
    if answer.status_code == 302:
        assert stays_here(answer["Location"])
    assert "evil.example" not in answer.content.decode()


def test_a_place_on_this_site_is_found_again(client: Client, providers: Providers, member: User) -> None:
    sent = providers.begin_sign_in(client, quote("/your-data/", safe=""))
    providers.openhumans_grants(str(member.open_humans_id))
    answer = client.get(OPENHUMANS_CALLBACK, {"code": "code", "state": sent.parameters["state"]})
    assert urlsplit(answer["Location"]).path == "/your-data/"


# --- Limits ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("post", "/accounts/openhumans/login/"),
        ("get", OPENHUMANS_CALLBACK),
        ("get", "/accounts/github/login/callback/"),
        ("get", "/openhumans/complete"),
    ],
)
def test_an_address_cannot_try_for_ever(client: Client, providers: Providers, method: str, path: str) -> None:
    answers = [getattr(client, method)(path).status_code for _ in range(61)]
    assert 429 not in answers[:60]
    assert answers[60] == 429
    assert getattr(client, method)(path, REMOTE_ADDR="192.0.2.7").status_code != 429
