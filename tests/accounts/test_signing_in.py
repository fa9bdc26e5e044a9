from collections.abc import Callable
from typing import Any
from unittest.mock import patch

import pytest
import requests
import responses
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.contrib.sessions.models import Session
from django.db import IntegrityError
from django.test import Client

from accounts.models import Credential, User
from accounts.sessions import held
from tests.providers import (
    EXCHANGE_MEMBER,
    OPENHUMANS_CALLBACK,
    OPENHUMANS_TOKEN,
    OPENHUMANS_URL,
    Providers,
)

pytestmark = pytest.mark.django_db


def is_signed_in(client: Client) -> bool:
    return "_auth_user_id" in client.session


# --- The way there ------------------------------------------------------------------------------------------


def test_it_sends_the_member_to_open_humans(client: Client, providers: Providers) -> None:
    sent = providers.begin_sign_in(client)

    assert sent.url == f"{OPENHUMANS_URL}/direct-sharing/projects/oauth2/authorize/"
    assert sent.scopes == {"read", "write"}
    assert sent.parameters["response_type"] == "code"
    assert sent.parameters["client_id"] == "test-openhumans-client"
    assert sent.parameters["redirect_uri"] == f"http://127.0.0.1:8000{OPENHUMANS_CALLBACK}"
    assert len(sent.parameters["state"]) >= 16
    assert len(sent.parameters["code_challenge"]) == 43


def test_a_link_starts_no_sign_in(client: Client, providers: Providers) -> None:
    response = client.get("/accounts/openhumans/login/?next=/dashboard/")

    assert (response.status_code, response["Location"]) == (302, "/")
    assert "socialaccount_states" not in client.session


def test_it_wants_a_csrf_token(providers: Providers) -> None:
    response = Client(enforce_csrf_checks=True).post("/accounts/openhumans/login/")

    assert response.status_code == 403


def test_nothing_in_the_url_changes_what_is_asked(client: Client, providers: Providers) -> None:
    plain = providers.begin_sign_in(client)
    crafted = client.post(
        "/accounts/openhumans/login/"
        "?scope=american-gut,pgp&auth_params=redirect_uri%3Dhttps%3A%2F%2Fevil.test&process=connect&action=x",
        {"scope": "pgp", "process": "connect"},
    )

    assert "evil" not in crafted["Location"]
    assert "pgp" not in crafted["Location"]
    assert "american-gut" not in crafted["Location"]
    assert plain.url in crafted["Location"]
    assert {state[0]["process"] for state in client.session["socialaccount_states"].values()} == {"login"}


def test_another_host_name_does_not_change_where_open_humans_sends_back(
    client: Client, providers: Providers, settings: Any
) -> None:
    settings.ALLOWED_HOSTS = ["other.test"]

    response = client.post("/accounts/openhumans/login/", headers={"host": "other.test"})

    assert "other.test" not in response["Location"]


# --- And back -----------------------------------------------------------------------------------------------


def test_a_first_sign_in_makes_the_member(client: Client, providers: Providers) -> None:
    response = providers.sign_in(client, "01234567")

    assert (response.status_code, response["Location"]) == (302, "/connect/")
    assert is_signed_in(client)
    member = User.objects.get()
    assert (member.username, member.open_humans_id) == ("oh-01234567", "01234567")
    assert not member.has_usable_password()
    assert not member.is_staff
    assert not member.is_superuser
    assert (member.email, member.first_name, member.last_name) == ("", "", "")


def test_it_keeps_the_tokens_encrypted_and_nothing_else(client: Client, providers: Providers) -> None:
    providers.sign_in(client)

    identity = SocialAccount.objects.get()
    assert (identity.provider, identity.uid) == ("openhumans", "12345678")
    assert identity.extra_data == {"scopes": ["read", "write"], "server": OPENHUMANS_URL}
    assert identity.credential.access_token == "oh-access"
    assert identity.credential.refresh_token == "oh-refresh"
    assert identity.credential.expires_at is not None
    assert not SocialToken.objects.exists()


def test_no_token_is_in_the_session(client: Client, providers: Providers) -> None:
    providers.sign_in(client)

    sessions = [repr(held(session)) for session in Session.objects.all()]
    assert [text for text in sessions if "_auth_user_id" in text]
    assert not [text for text in sessions if "oh-access" in text or "oh-refresh" in text]


def test_credentials_go_in_headers_only(client: Client, providers: Providers) -> None:
    providers.sign_in(client)

    exchange, who = (call.request for call in providers.http.calls)
    assert exchange.headers["Authorization"].startswith("Basic ")
    assert "test-openhumans-secret" not in str(exchange.body)
    assert who.headers["Authorization"] == "Bearer oh-access"
    assert "oh-access" not in str(who.url)


def test_signing_in_again_finds_the_member_and_renews_the_tokens(
    client: Client, providers: Providers, member: User
) -> None:
    response = providers.sign_in(client)

    assert (response.status_code, response["Location"]) == (302, "/dashboard/")
    assert User.objects.get() == member
    assert Credential.objects.get().access_token == "oh-access"


def test_signing_in_again_makes_a_refused_credential_valid(
    client: Client, providers: Providers, member: User
) -> None:
    Credential.objects.update(state=Credential.State.REFUSED)

    providers.sign_in(client)

    assert Credential.objects.get().state == Credential.State.VALID


def test_signing_in_as_somebody_else_signs_the_first_one_out(
    client: Client, providers: Providers, member: User, stranger: User
) -> None:
    client.force_login(stranger)

    providers.sign_in(client)

    assert client.session["_auth_user_id"] == str(member.pk)


def test_an_operator_is_never_turned_into_a_member(
    client: Client, providers: Providers, operator: User
) -> None:
    client.force_login(operator)

    providers.sign_in(client)

    operator.refresh_from_db()
    assert not operator.is_member
    assert not operator.socialaccount_set.exists()  # type: ignore[attr-defined]
    assert client.session["_auth_user_id"] == str(User.objects.get(open_humans_id="12345678").pk)


def test_a_closed_account_stays_out(client: Client, providers: Providers, member: User) -> None:
    User.objects.update(is_active=False)

    response = providers.sign_in(client)

    assert (response.status_code, response["Location"]) == (302, "/accounts/inactive/")
    assert not is_signed_in(client)


@pytest.mark.parametrize(
    ("wish", "destination"),
    [("/dashboard/?year=2024", "/dashboard/?year=2024"), ("https://evil.test/", "/dashboard/")],
)
def test_it_goes_on_where_the_member_wanted_to_go_on_this_site_only(
    client: Client, providers: Providers, member: User, wish: str, destination: str
) -> None:
    sent = providers.begin_sign_in(client, next_url=wish)
    providers.openhumans_grants()

    response = client.get(OPENHUMANS_CALLBACK, {"code": "code", "state": sent.parameters["state"]})

    assert response["Location"] == destination


# --- What can go wrong --------------------------------------------------------------------------------------


def test_denied_consent_says_so_and_offers_to_try_again(client: Client, providers: Providers) -> None:
    sent = providers.begin_sign_in(client)

    response = client.get(OPENHUMANS_CALLBACK, {"error": "access_denied", "state": sent.parameters["state"]})

    assert response.status_code == 403
    assert b"You said no at Open Humans" in response.content
    assert b'action="/accounts/openhumans/login/"' in response.content
    assert not User.objects.exists()


def test_another_error_of_open_humans_is_told(client: Client, providers: Providers, caplog: Any) -> None:
    sent = providers.begin_sign_in(client)

    response = client.get(
        OPENHUMANS_CALLBACK,
        {"error": "invalid_scope", "error_description": "<b>x</b>", "state": sent.parameters["state"]},
    )

    assert response.status_code == 400
    assert b"Open Humans sent you back with an error" in response.content
    assert b"<b>x</b>" not in response.content
    assert "invalid_scope" in caplog.text


@pytest.mark.parametrize("query", [{"code": "code", "state": "wrong"}, {"code": "code"}, {}])
def test_a_wrong_or_missing_state_is_refused(
    client: Client, providers: Providers, query: dict[str, str]
) -> None:
    providers.begin_sign_in(client)

    response = client.get(OPENHUMANS_CALLBACK, query)

    assert response.status_code == 400
    assert b"too old, or was opened twice" in response.content
    assert not providers.http.calls


def test_a_state_of_another_browser_is_refused(client: Client, providers: Providers) -> None:
    state = providers.begin_sign_in(client).parameters["state"]

    response = Client().get(OPENHUMANS_CALLBACK, {"code": "code", "state": state})

    assert response.status_code == 400
    assert not providers.http.calls


def test_a_state_of_the_other_provider_is_refused(client: Client, providers: Providers, member: User) -> None:
    client.force_login(member)
    state = providers.begin_connect(client).parameters["state"]

    response = client.get(OPENHUMANS_CALLBACK, {"code": "code", "state": state})

    assert response.status_code == 400
    assert not providers.http.calls


def test_a_replayed_state_is_refused(client: Client, providers: Providers) -> None:
    state = providers.begin_sign_in(client).parameters["state"]
    providers.openhumans_grants()
    query = {"code": "code", "state": state}
    client.get(OPENHUMANS_CALLBACK, query)
    asked = len(providers.http.calls)

    response = client.get(OPENHUMANS_CALLBACK, query)

    assert response.status_code == 400
    assert len(providers.http.calls) == asked
    assert is_signed_in(client)


@pytest.mark.parametrize("status", [400, 401])
def test_a_used_code_is_told(client: Client, providers: Providers, status: int) -> None:
    state = providers.begin_sign_in(client).parameters["state"]
    providers.http.post(OPENHUMANS_TOKEN, json={"error": "invalid_grant"}, status=status)

    response = client.get(OPENHUMANS_CALLBACK, {"code": "used", "state": state})

    assert response.status_code == 400
    assert b"Open Humans did not accept the confirmation" in response.content
    assert not User.objects.exists()


def _html(http: responses.RequestsMock) -> None:
    http.post(OPENHUMANS_TOKEN, body="<html>Application error</html>", content_type="text/html")


def _down(http: responses.RequestsMock) -> None:
    http.post(OPENHUMANS_TOKEN, status=503, body="<html>down</html>", content_type="text/html")


def _no_connection(http: responses.RequestsMock) -> None:
    http.post(OPENHUMANS_TOKEN, body=requests.ConnectionError("no route"))


@pytest.mark.parametrize("outage", [_html, _down, _no_connection])
def test_an_outage_at_the_exchange_is_told(
    client: Client, providers: Providers, outage: Callable[[responses.RequestsMock], None]
) -> None:
    state = providers.begin_sign_in(client).parameters["state"]
    outage(providers.http)

    response = client.get(OPENHUMANS_CALLBACK, {"code": "code", "state": state})

    assert response.status_code == 502
    assert b"Open Humans is not answering" in response.content
    assert not User.objects.exists()


def test_an_outage_when_asking_who_it_is_keeps_the_old_tokens(
    client: Client, providers: Providers, member: User
) -> None:
    state = providers.begin_sign_in(client).parameters["state"]
    providers.openhumans_grants()
    providers.http.replace(responses.GET, EXCHANGE_MEMBER, status=500, body="<h1>Server Error (500)</h1>")

    response = client.get(OPENHUMANS_CALLBACK, {"code": "code", "state": state})

    assert response.status_code == 502
    assert Credential.objects.get().access_token == "openhumans-access-of-12345678"


def test_a_wrong_client_secret_is_the_operators_business(
    client: Client, providers: Providers, caplog: Any
) -> None:
    state = providers.begin_sign_in(client).parameters["state"]
    providers.http.post(OPENHUMANS_TOKEN, json={"error": "invalid_client"}, status=401)

    response = client.get(OPENHUMANS_CALLBACK, {"code": "code", "state": state})

    assert response.status_code == 503
    assert b"does not accept this site" in response.content
    assert "client id or secret of openhumans is wrong" in caplog.text
    assert "test-openhumans-secret" not in caplog.text


def test_nothing_secret_is_logged_or_shown_when_it_fails(
    client: Client, providers: Providers, caplog: Any
) -> None:
    caplog.set_level("DEBUG")
    state = providers.begin_sign_in(client).parameters["state"]
    providers.openhumans_grants()
    providers.http.replace(responses.GET, EXCHANGE_MEMBER, json={"nonsense": True})

    response = client.get(OPENHUMANS_CALLBACK, {"code": "the-code", "state": state})

    assert response.status_code == 502
    assert b"do not understand the answer of Open Humans" in response.content
    assert "openhumans gave an unexpected answer" in caplog.text
    for secret in ("oh-access", "oh-refresh", "the-code", "test-openhumans-secret"):
        assert secret not in caplog.text
        assert secret not in response.content.decode()


def test_failure_pages_are_never_stored(client: Client, providers: Providers) -> None:
    response = client.get(OPENHUMANS_CALLBACK)

    assert "no-store" in response["Cache-Control"]


def test_two_first_sign_ins_at_once_make_one_member(
    client: Client, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_tab_was_first(user: User, *args: Any, **kwargs: Any) -> None:
        raise IntegrityError("duplicate key value violates unique constraint")

    monkeypatch.setattr(User, "save", other_tab_was_first)

    response = providers.sign_in(client)

    assert response.status_code == 409
    assert b"You signed in twice at the same moment" in response.content
    assert not is_signed_in(client)


def test_a_first_sign_in_whose_tokens_cannot_be_kept_leaves_nothing(
    client: Client, providers: Providers
) -> None:
    client.raise_request_exception = False

    with patch.object(Credential, "set_tokens", side_effect=ValueError("a key of another length")):
        response = providers.sign_in(client)

    assert response.status_code == 500
    assert not User.objects.exists()
    assert not SocialAccount.objects.exists()
