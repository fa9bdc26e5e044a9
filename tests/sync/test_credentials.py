"""Refreshing at the protocol's edge: one at a time, stored before use, believed only when re-read."""

import threading
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import parse_qs

import pytest
import responses
from allauth.socialaccount.models import SocialAccount
from django.db import connections
from django.utils import timezone
from requests import PreparedRequest

from accounts.models import Credential, User
from openhumans_client import InvalidClient, Unavailable
from sync import credentials
from sync.errors import GitHubAccessLost, OpenHumansAccessLost
from sync.models import Subscription
from tests.providers import GITHUB_URL, OPENHUMANS_URL, Providers

pytestmark = pytest.mark.django_db(transaction=True)
OPENHUMANS_TOKEN = f"{OPENHUMANS_URL}/oauth2/token/"
GITHUB_TOKEN = f"{GITHUB_URL}/login/oauth/access_token"


def credential_of(subscription: Subscription, provider: str) -> Credential:
    return Credential.objects.get(identity__user=subscription.user, identity__provider=provider)


def expire(subscription: Subscription, provider: str) -> Credential:
    credential = credential_of(subscription, provider)
    credential.expires_at = timezone.now() + timedelta(minutes=4)
    credential.save()
    return credential


def answer_openhumans(providers: Providers, number: int = 1) -> None:
    providers.http.post(
        OPENHUMANS_TOKEN,
        json={
            "access_token": f"new-access-{number}",
            "refresh_token": f"new-refresh-{number}",
            "expires_in": 36000,
            "token_type": "Bearer",
            "scope": "read write",
        },
    )


def test_a_token_that_lives_is_used_as_it_is(subscription: Subscription, providers: Providers) -> None:
    token = credentials.openhumans_token(subscription.user)
    assert token == credential_of(subscription, "openhumans").access_token
    assert len(providers.http.calls) == 0


def test_a_token_about_to_expire_is_refreshed_and_stored(
    subscription: Subscription, providers: Providers
) -> None:
    old = expire(subscription, "openhumans").refresh_token
    answer_openhumans(providers)
    assert credentials.openhumans_token(subscription.user) == "new-access-1"
    request = providers.http.calls[0].request
    assert parse_qs(str(request.body))["refresh_token"] == [old]
    stored = credential_of(subscription, "openhumans")
    assert (stored.access_token, stored.refresh_token) == ("new-access-1", "new-refresh-1")
    assert stored.expires_at is not None
    assert stored.expires_at > timezone.now() + timedelta(hours=9)


def test_a_refused_token_that_somebody_else_renewed_meanwhile_is_not_refreshed_again(
    subscription: Subscription, providers: Providers
) -> None:
    token = credentials.openhumans_token(subscription.user, refused="the one before")
    assert token == credential_of(subscription, "openhumans").access_token
    assert len(providers.http.calls) == 0


def test_a_refused_token_is_refreshed_although_it_has_not_expired(
    subscription: Subscription, providers: Providers
) -> None:
    answer_openhumans(providers)
    refused = credential_of(subscription, "openhumans").access_token
    assert credentials.openhumans_token(subscription.user, refused=refused) == "new-access-1"


def test_a_refused_refresh_is_the_end_until_the_member_signs_in(
    subscription: Subscription, providers: Providers
) -> None:
    expire(subscription, "openhumans")
    providers.http.post(OPENHUMANS_TOKEN, json={"error": "invalid_grant"}, status=400)
    with pytest.raises(OpenHumansAccessLost):
        credentials.openhumans_token(subscription.user)
    assert credential_of(subscription, "openhumans").state == Credential.State.REFUSED
    with pytest.raises(OpenHumansAccessLost):
        credentials.openhumans_token(subscription.user)
    assert len(providers.http.calls) == 1


def test_an_outage_during_a_refresh_refuses_nothing(subscription: Subscription, providers: Providers) -> None:
    expire(subscription, "openhumans")
    providers.http.post(OPENHUMANS_TOKEN, body="<html>", status=503)
    with pytest.raises(Unavailable):
        credentials.openhumans_token(subscription.user)
    assert credential_of(subscription, "openhumans").state == Credential.State.VALID


def test_a_wrong_client_secret_is_no_members_fault(subscription: Subscription, providers: Providers) -> None:
    expire(subscription, "openhumans")
    providers.http.post(OPENHUMANS_TOKEN, json={"error": "invalid_client"}, status=401)
    with pytest.raises(InvalidClient):
        credentials.openhumans_token(subscription.user)
    assert credential_of(subscription, "openhumans").state == Credential.State.VALID


def test_a_github_token_without_a_refresh_token_cannot_be_renewed(
    subscription: Subscription, providers: Providers
) -> None:
    credential = credential_of(subscription, "github")
    credential.encrypted_refresh_token = None
    credential.save()
    with pytest.raises(GitHubAccessLost):
        credentials.github_token(subscription.user, refused=credential.access_token)


def test_a_github_refresh_keeps_the_granted_scopes(subscription: Subscription, providers: Providers) -> None:
    expire(subscription, "github")
    providers.http.post(
        GITHUB_TOKEN,
        json={
            "access_token": "ghu-new",
            "token_type": "bearer",
            "scope": "read:user",
            "expires_in": 28800,
            "refresh_token": "ghr-new",
            "refresh_token_expires_in": 15897600,
        },
    )
    assert credentials.github_token(subscription.user) == "ghu-new"
    assert credential_of(subscription, "github").scopes == ["read:user"]


def test_a_member_without_an_identity_has_no_access(subscription: Subscription, providers: Providers) -> None:
    SocialAccount.objects.filter(provider="github").delete()
    with pytest.raises(GitHubAccessLost):
        credentials.github_token(subscription.user)


@pytest.mark.parametrize(
    ("provider", "address", "token_of"),
    [
        ("openhumans", OPENHUMANS_TOKEN, credentials.openhumans_token),
        ("github", GITHUB_TOKEN, credentials.github_token),
    ],
)
def test_two_workers_refresh_once(
    subscription: Subscription,
    providers: Providers,
    provider: str,
    address: str,
    token_of: Callable[[User], str],
) -> None:
    """The second waits for the row and finds the new pair: the old refresh token is spent only once.

    Spent twice, it is refused (at GitHub with `bad_refresh_token`), and access that lives would seem lost.
    """
    expire(subscription, provider)
    spent: list[str] = []

    def answer(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        spent.append(parse_qs(str(request.body))["refresh_token"][0])
        n = len(spent)
        if spent.count(spent[-1]) > 1:
            return 200, {"Content-Type": "application/json"}, '{"error": "bad_refresh_token"}'
        body = f'{{"access_token": "a{n}", "refresh_token": "r{n}", "expires_in": 36000, "scope": ""}}'
        return 200, {"Content-Type": "application/json"}, body

    providers.http.add_callback(responses.POST, address, callback=answer)
    found: list[str] = []

    def work() -> None:
        found.append(token_of(subscription.user))
        connections.close_all()

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == ["a1"] * 4
    assert len(spent) == 1
    assert credential_of(subscription, provider).refresh_token == "r1"
