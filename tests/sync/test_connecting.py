from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import dramatiq
import pytest
import requests
import responses
from allauth.socialaccount.models import SocialAccount, SocialToken
from django.contrib.messages import get_messages
from django.contrib.sessions.models import Session
from django.test import Client
from freezegun import freeze_time
from pytest_django import DjangoCaptureOnCommitCallbacks

from accounts.models import Credential, User
from accounts.sessions import held
from sync import consent, runs
from sync.leaving import erasing
from sync.models import PAUSED_BY_MEMBER, PAUSED_BY_OPERATOR, EraseScope, Subscription, SyncRun
from tests.cast import make_member, subscribe
from tests.providers import (
    GITHUB_CALLBACK,
    GITHUB_TOKEN,
    GITHUB_URL,
    GITHUB_USER,
    Providers,
)
from tests.sync.page_words import words

PRIVATE_SCOPE = "read:org,read:user,repo"


@pytest.fixture
def visitor(client: Client, member: User) -> Client:
    client.force_login(member)
    return client


def come_back(client: Client, state: str, **query: str) -> Any:
    return client.get(GITHUB_CALLBACK, {"code": "code", "state": state, **query})


def messages_of(response: Any) -> list[str]:
    return [str(message) for message in get_messages(response.wsgi_request)]


# --- The page -----------------------------------------------------------------------------------------------


def test_the_page_offers_public_first_and_says_what_private_means(visitor: Client) -> None:
    page = visitor.get("/connect/").content.decode()

    assert 'value="public" checked' in page
    assert 'value="private">' in page
    assert "no read-only permission" in page
    assert "whoever may read this source gets the private files too" in page


def test_it_is_for_members_only(client: Client, operator: User) -> None:
    for response in (client.get("/connect/"), client.post("/connect/", {"choice": "public"})):
        assert (response.status_code, response["Location"]) == (302, "/?next=/connect/")

    client.force_login(operator)
    assert client.get("/connect/").status_code == 403
    assert client.post("/connect/", {"choice": "public"}).status_code == 403


def test_it_wants_a_csrf_token(member: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(member)

    assert client.post("/connect/", {"choice": "public"}).status_code == 403


@pytest.mark.parametrize("choice", ["", "everything", "PRIVATE", "public,private"])
def test_a_tampered_choice_goes_nowhere(visitor: Client, choice: str) -> None:
    response = visitor.post("/connect/", {"choice": choice})

    assert response.status_code == 400
    assert b'role="alert"' in response.content
    assert "socialaccount_states" not in visitor.session


def test_a_member_sees_the_present_choice_and_can_renew_or_widen(
    visitor: Client, subscription: Subscription
) -> None:
    page = visitor.get("/connect/").content.decode()

    assert "octocat" in page
    assert "public activity only" in page
    assert 'value="public" checked' in page
    assert 'value="private">' in page


def test_private_is_not_taken_back_on_this_page(
    visitor: Client, providers: Providers, subscription: Subscription
) -> None:
    subscription.agreement["private"] = True
    subscription.save()

    page = visitor.get("/connect/").content.decode()

    assert 'value="public"' not in page
    assert 'value="private" checked' in page
    assert visitor.post("/connect/", {"choice": "public"}).status_code == 400
    assert visitor.post("/connect/", {"choice": "private"}).status_code == 302


# --- The way to GitHub --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("choice", "scopes"),
    [("public", {"read:user"}), ("private", {"read:user", "repo", "read:org"})],
)
def test_it_asks_github_for_exactly_the_promised_scopes(
    visitor: Client, providers: Providers, choice: str, scopes: set[str]
) -> None:
    """Promise 11: least privilege."""
    sent = providers.begin_connect(visitor, choice)

    assert sent.url == f"{GITHUB_URL}/login/oauth/authorize"
    assert sent.scopes == scopes
    assert sent.parameters["client_id"] == "test-github-client"
    assert sent.parameters["redirect_uri"] == f"http://127.0.0.1:8000{GITHUB_CALLBACK}"
    assert len(sent.parameters["code_challenge"]) == 43
    assert choice not in sent.parameters.values()


def test_nothing_in_the_url_widens(visitor: Client, providers: Providers) -> None:
    crafted = (
        "/connect/?scope=repo,admin:org&auth_params=scope%3Drepo%26login%3Dx&choice=private&next=//evil.test"
    )

    response = visitor.post(crafted, {"choice": "public", "scope": "repo"})

    assert "repo" not in response["Location"]
    assert "admin" not in response["Location"]
    assert "login=x" not in response["Location"]
    state, _, _ = next(iter(visitor.session["socialaccount_states"].values()))
    assert state["data"] == {
        "choice": "public",
        "secret_gists": False,
        "tracks": False,
        "private_counts": True,
    }
    assert state["next"] == "/dashboard/"


def test_the_choice_cannot_be_changed_on_the_way_back(visitor: Client, providers: Providers) -> None:
    sent = providers.begin_connect(visitor, "public")
    providers.github_grants(scope=PRIVATE_SCOPE)

    come_back(visitor, sent.parameters["state"], choice="private", data="private")

    assert not Subscription.objects.get().includes_private


def test_two_tabs_keep_their_own_choice(visitor: Client, providers: Providers) -> None:
    first = providers.begin_connect(visitor, "private")
    challenge = providers.challenge
    providers.begin_connect(visitor, "public")
    providers.challenge = challenge
    providers.github_grants(scope=PRIVATE_SCOPE)

    come_back(visitor, first.parameters["state"])

    assert Subscription.objects.get().includes_private


# --- And back -----------------------------------------------------------------------------------------------


@freeze_time("2026-11-23 12:00:00")
def test_connecting_subscribes_the_member(visitor: Client, providers: Providers, member: User) -> None:
    response = providers.connect(visitor)

    assert (response.status_code, response["Location"]) == (302, "/dashboard/")
    assert messages_of(response) == ["octocat is connected."]
    subscription = Subscription.objects.get()
    assert subscription.user == member
    assert (subscription.github_id, subscription.github_node_id) == (583231, "U_583231")
    assert subscription.github_login == "octocat"
    assert subscription.status == Subscription.Status.ACTIVE
    assert subscription.next_due_at == datetime(2026, 11, 23, 12, tzinfo=UTC)
    assert subscription.agreement == {
        "text": "2026-12",
        "kinds": list(consent.KINDS),
        "private": False,
        "secret_gists": False,
        "agreed_at": "2026-11-23T12:00:00+00:00",
    }


def test_it_keeps_the_token_encrypted_and_only_what_is_needed_of_the_profile(
    visitor: Client, providers: Providers
) -> None:
    providers.connect(visitor)

    identity = SocialAccount.objects.get(provider="github")
    assert identity.uid == "583231"
    assert identity.extra_data == {
        "login": "octocat",
        "node_id": "U_583231",
        "scopes": ["read:user"],
        "server": GITHUB_URL,
    }
    assert identity.credential.access_token == "gh-access"
    assert identity.credential.refresh_token is None
    assert identity.credential.scopes == ["read:user"]
    assert not SocialToken.objects.exists()
    assert not [session for session in Session.objects.all() if "gh-access" in repr(held(session))]


def test_the_first_run_starts_by_itself_once_everything_is_stored(
    visitor: Client, providers: Providers, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    dramatiq.get_broker().flush_all()

    with django_capture_on_commit_callbacks(execute=False) as callbacks:
        providers.connect(visitor)

    run = SyncRun.objects.get()
    assert (run.trigger, run.state) == (SyncRun.Trigger.CONNECTED, SyncRun.State.QUEUED)
    assert run.is_interactive
    assert len(callbacks) == 1


def test_the_token_is_stored_before_the_run_starts(
    visitor: Client, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    stored_at_start: list[bool] = []
    start = runs.start

    def start_and_look(subscription: Subscription, *args: Any, **kwargs: Any) -> SyncRun:
        stored_at_start.append(Credential.objects.filter(identity__provider="github").exists())
        return start(subscription, *args, **kwargs)

    monkeypatch.setattr(runs, "start", start_and_look)
    providers.connect(visitor)

    assert stored_at_start == [True]


def test_private_repositories_are_included_when_chosen_and_granted(
    visitor: Client, providers: Providers
) -> None:
    providers.connect(visitor, "private", scope=PRIVATE_SCOPE)

    assert Subscription.objects.get().includes_private


@pytest.mark.parametrize(
    ("scope", "header"),
    [("read:user", None), ("read:user,read:org", None), (PRIVATE_SCOPE, "read:user, read:org"), ("", "")],
)
def test_fewer_scopes_than_asked_go_on_as_public_and_say_so(
    visitor: Client, providers: Providers, scope: str, header: str | None
) -> None:
    response = providers.connect(visitor, "private", scope=scope, header=header)

    subscription = Subscription.objects.get()
    assert not subscription.includes_private
    assert subscription.status == Subscription.Status.ACTIVE
    (message,) = messages_of(response)
    assert "public activity only" in message
    assert "did not grant access to private repositories" in message


def test_a_missing_scope_header_leaves_the_token_answer_to_decide(
    visitor: Client, providers: Providers
) -> None:
    providers.connect(visitor, "private", scope=PRIVATE_SCOPE, header="")

    assert Subscription.objects.get().includes_private


# --- Again --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "status",
    [
        Subscription.Status.RECONNECT_GITHUB,
        Subscription.Status.PAUSED,
        Subscription.Status.DISCONNECTED,
        Subscription.Status.ACTIVE,
    ],
)
def test_connecting_again_goes_on_with_the_same_archive(
    visitor: Client, providers: Providers, subscription: Subscription, status: Subscription.Status
) -> None:
    Subscription.objects.update(
        status=status, reason="GitHub said no", failures=5, probe={"seen": 1}, fence=7
    )
    Credential.objects.update(state=Credential.State.REFUSED)

    providers.connect(visitor, login="octocat-renamed")

    again = Subscription.objects.get()
    assert again.pk == subscription.pk
    assert (again.status, again.reason, again.failures) == (Subscription.Status.ACTIVE, "", 0)
    assert again.github_login == "octocat-renamed"
    assert (again.probe, again.fence) == ({"seen": 1}, 7)
    credential = Credential.objects.get(identity__provider="github")
    assert (credential.access_token, credential.state) == ("gh-access", Credential.State.VALID)
    assert SyncRun.objects.get().trigger == SyncRun.Trigger.CONNECTED


@pytest.mark.parametrize("reason", [f"{PAUSED_BY_MEMBER}.", f"{PAUSED_BY_OPERATOR} too many requests"])
def test_connecting_again_is_no_way_round_a_pause(
    visitor: Client, providers: Providers, subscription: Subscription, reason: str
) -> None:
    Subscription.objects.update(status=Subscription.Status.PAUSED, reason=reason)
    response = providers.connect(visitor)

    again = Subscription.objects.get()
    assert (again.status, again.reason) == (Subscription.Status.PAUSED, reason)
    assert Credential.objects.get(identity__provider="github").access_token == "gh-access"
    assert not SyncRun.objects.exists()
    assert messages_of(response) == ["octocat is connected. Collecting stays paused."]


@pytest.mark.parametrize("scope", ["github", "files", "change"])
def test_leaving_in_part_is_no_way_round_an_operators_pause(subscription: Subscription, scope: str) -> None:
    reason = f"{PAUSED_BY_OPERATOR} too many requests"
    subscription.status, subscription.reason = Subscription.Status.PAUSED, reason
    subscription.save()
    erasing.stop_collecting(subscription, EraseScope(scope))

    again = Subscription.objects.get()
    assert (again.status, again.reason) == (Subscription.Status.PAUSED, reason)


def test_private_counts_can_be_left_out_from_the_start(visitor: Client, providers: Providers) -> None:
    assert "you can leave it out below" in visitor.get("/connect/").content.decode()
    sent = providers.begin_connect(visitor, without_counts="on")
    providers.github_grants()
    come_back(visitor, sent.parameters["state"])

    subscription = Subscription.objects.get()
    assert subscription.agreement["private_counts"] is False
    assert subscription.omissions.private_counts
    assert "below" not in words(visitor.get("/connect/").content)


def test_connecting_again_after_the_identity_was_removed_goes_on(
    visitor: Client, providers: Providers, subscription: Subscription
) -> None:
    SocialAccount.objects.filter(provider="github").delete()
    Subscription.objects.update(status=Subscription.Status.DISCONNECTED)

    providers.connect(visitor)

    assert Subscription.objects.get().pk == subscription.pk
    assert Subscription.objects.get().status == Subscription.Status.ACTIVE


def test_connecting_again_joins_a_run_under_way(
    visitor: Client, providers: Providers, subscription: Subscription
) -> None:
    run = SyncRun.objects.create(subscription=subscription, trigger=SyncRun.Trigger.STALE)

    providers.connect(visitor)

    assert SyncRun.objects.get() == run


def test_private_repositories_can_be_added_later(
    visitor: Client, providers: Providers, subscription: Subscription
) -> None:
    providers.connect(visitor, "private", scope=PRIVATE_SCOPE)

    assert Subscription.objects.get().includes_private


def test_a_narrower_grant_ends_the_reading_of_private_repositories(
    visitor: Client, providers: Providers, subscription: Subscription
) -> None:
    subscription.agreement["private"] = True
    subscription.save()

    providers.connect(visitor, "private", scope="read:user")

    assert not Subscription.objects.get().includes_private


def test_a_connection_cut_off_halfway_is_completed_by_the_next_one(
    visitor: Client, providers: Providers, member: User
) -> None:
    """The process died after allauth had saved the identity and before anything else was stored."""
    SocialAccount.objects.create(
        user=member, provider="github", uid="583231", extra_data={"login": "octocat"}
    )

    providers.connect(visitor)

    assert Subscription.objects.get().status == Subscription.Status.ACTIVE
    assert Credential.objects.get(identity__provider="github").access_token == "gh-access"


# --- Other accounts -----------------------------------------------------------------------------------------


def test_an_account_of_another_member_is_refused_and_stays_untouched(
    visitor: Client, providers: Providers, stranger: User
) -> None:
    """Promise 13: an account belongs to one member."""
    before = list(SocialAccount.objects.filter(provider="github").values())

    response = providers.connect(visitor, "private", scope=PRIVATE_SCOPE, github_id=9919, login="hubot")

    assert response.status_code == 409
    assert b"hubot is already connected to another member" in response.content
    assert stranger.username.encode() not in response.content
    assert list(SocialAccount.objects.filter(provider="github").values()) == before
    credential = Credential.objects.get(identity__provider="github")
    assert credential.access_token == "github-access-of-9919"
    assert Subscription.objects.get().user == stranger
    assert not SyncRun.objects.exists()


def test_an_account_another_member_disconnected_stays_theirs(
    visitor: Client, providers: Providers, stranger: User
) -> None:
    SocialAccount.objects.filter(provider="github").delete()

    response = providers.connect(visitor, github_id=9919, login="hubot")

    assert response.status_code == 409
    assert b"already connected to another member" in response.content
    assert not SocialAccount.objects.filter(provider="github").exists()
    assert Subscription.objects.get().user == stranger


@pytest.mark.parametrize("is_connected", [True, False])
def test_another_github_account_than_before_is_refused_naming_both(
    visitor: Client, providers: Providers, subscription: Subscription, is_connected: bool
) -> None:
    """Promise 13: one GitHub account at a time."""
    if not is_connected:
        SocialAccount.objects.filter(provider="github").delete()
    identities = list(SocialAccount.objects.values())

    response = providers.connect(visitor, "private", scope=PRIVATE_SCOPE, github_id=42, login="other-me")

    assert response.status_code == 409
    assert b"You came back from GitHub as other-me, but octocat is connected here" in response.content
    assert list(SocialAccount.objects.values()) == identities
    assert "gh-access" not in [credential.access_token for credential in Credential.objects.all()]
    assert Subscription.objects.get().agreement == subscription.agreement
    assert not SyncRun.objects.exists()


def test_a_login_is_shown_as_text(visitor: Client, providers: Providers, subscription: Subscription) -> None:
    response = providers.connect(visitor, github_id=42, login="<script>alert(1)</script>")

    assert b"<script>alert" not in response.content


# --- What can go wrong --------------------------------------------------------------------------------------


def nothing_was_stored() -> bool:
    return not (
        SocialAccount.objects.filter(provider="github").exists()
        or Subscription.objects.exists()
        or SyncRun.objects.exists()
    )


def test_denied_consent_says_so_and_offers_to_try_again(visitor: Client, providers: Providers) -> None:
    sent = providers.begin_connect(visitor)

    response = visitor.get(GITHUB_CALLBACK, {"error": "access_denied", "state": sent.parameters["state"]})

    assert response.status_code == 403
    assert b"You said no at GitHub" in response.content
    assert b'href="/connect/"' in response.content
    assert nothing_was_stored()


@pytest.mark.parametrize("query", [{"code": "code", "state": "wrong"}, {"code": "code"}, {}])
def test_a_wrong_or_missing_state_is_refused(
    visitor: Client, providers: Providers, query: dict[str, str]
) -> None:
    providers.begin_connect(visitor)

    response = visitor.get(GITHUB_CALLBACK, query)

    assert response.status_code == 400
    assert not providers.http.calls
    assert nothing_was_stored()


def test_a_replayed_state_changes_nothing(visitor: Client, providers: Providers) -> None:
    sent = providers.begin_connect(visitor)
    providers.github_grants()
    come_back(visitor, sent.parameters["state"])
    asked = len(providers.http.calls)

    response = come_back(visitor, sent.parameters["state"])

    assert response.status_code == 400
    assert len(providers.http.calls) == asked
    assert SyncRun.objects.count() == 1


def test_a_state_older_than_ten_minutes_is_refused(visitor: Client, providers: Providers) -> None:
    with freeze_time("2026-11-23 12:00:00") as clock:
        sent = providers.begin_connect(visitor)
        clock.tick(601)
        response = come_back(visitor, sent.parameters["state"])

    assert response.status_code == 400
    assert not providers.http.calls


def test_a_used_code_is_told_although_github_answers_200(visitor: Client, providers: Providers) -> None:
    sent = providers.begin_connect(visitor)
    refusal = {
        "error": "bad_verification_code",
        "error_description": "The code passed is incorrect or expired.",
    }
    providers.http.post(GITHUB_TOKEN, json=refusal, status=200)

    response = come_back(visitor, sent.parameters["state"])

    assert response.status_code == 400
    assert b"GitHub did not accept the confirmation" in response.content
    assert nothing_was_stored()


def test_a_wrong_client_secret_is_the_operators_business(
    visitor: Client, providers: Providers, caplog: Any
) -> None:
    sent = providers.begin_connect(visitor)
    providers.http.post(GITHUB_TOKEN, json={"error": "incorrect_client_credentials"}, status=200)

    response = come_back(visitor, sent.parameters["state"])

    assert response.status_code == 503
    assert "client id or secret of github is wrong" in caplog.text
    assert nothing_was_stored()


def _html(http: responses.RequestsMock) -> None:
    http.post(GITHUB_TOKEN, body="<html>Unicorn!</html>", content_type="text/html", status=502)


def _no_connection(http: responses.RequestsMock) -> None:
    http.post(GITHUB_TOKEN, body=requests.ConnectionError("no route"))


def _nobody_home(http: responses.RequestsMock) -> None:
    answer = {"access_token": "gh-access", "token_type": "bearer", "scope": "read:user"}
    http.post(GITHUB_TOKEN, json=answer)
    http.get(GITHUB_USER, status=503, body="<html>down</html>", content_type="text/html")


def _limited(http: responses.RequestsMock) -> None:
    answer = {"access_token": "gh-access", "token_type": "bearer", "scope": "read:user"}
    http.post(GITHUB_TOKEN, json=answer)
    message = {"message": "You have exceeded a secondary rate limit."}
    http.get(GITHUB_USER, status=403, json=message, headers={"Retry-After": "60"})


@pytest.mark.parametrize("outage", [_html, _no_connection, _nobody_home, _limited])
def test_an_outage_of_github_is_told(
    visitor: Client, providers: Providers, outage: Callable[[responses.RequestsMock], None]
) -> None:
    sent = providers.begin_connect(visitor)
    outage(providers.http)

    response = come_back(visitor, sent.parameters["state"])

    assert response.status_code == 502
    assert b"GitHub is not answering" in response.content
    assert nothing_was_stored()


def test_a_token_that_github_refuses_at_once_is_told(visitor: Client, providers: Providers) -> None:
    sent = providers.begin_connect(visitor)
    answer = {"access_token": "gh-access", "token_type": "bearer", "scope": "read:user"}
    providers.http.post(GITHUB_TOKEN, json=answer)
    providers.http.get(GITHUB_USER, status=401, json={"message": "Bad credentials", "status": "401"})

    response = come_back(visitor, sent.parameters["state"])

    assert response.status_code == 400
    assert nothing_was_stored()


def test_signing_out_on_the_way_ends_the_connection(visitor: Client, providers: Providers) -> None:
    sent = providers.begin_connect(visitor)
    visitor.logout()

    response = come_back(visitor, sent.parameters["state"])

    assert response.status_code == 400
    assert b'action="/accounts/openhumans/login/"' in response.content
    assert not providers.http.calls
    assert nothing_was_stored()


def test_an_expired_session_ends_the_connection(visitor: Client, providers: Providers) -> None:
    sent = providers.begin_connect(visitor)
    Session.objects.all().delete()

    response = come_back(visitor, sent.parameters["state"])

    assert response.status_code == 400
    assert not providers.http.calls


def test_a_member_signed_in_meanwhile_does_not_get_the_other_ones_account(
    visitor: Client, providers: Providers
) -> None:
    sent = providers.begin_connect(visitor)
    visitor.force_login(make_member("11112222"))

    response = come_back(visitor, sent.parameters["state"])

    assert response.status_code == 400
    assert nothing_was_stored()


@pytest.mark.parametrize("process", ["login", "redirect"])
def test_github_is_never_a_way_to_sign_in(
    client: Client, providers: Providers, subscription: Subscription, process: str
) -> None:
    """Not even with a state that our own entrances never make."""
    session = client.session
    state = {"process": process, "data": {"choice": "public"}, "pkce_code_verifier": "v" * 43}
    session["socialaccount_states"] = {"forged": (state, datetime.now(UTC).timestamp(), "github")}
    session.save()
    providers.challenge = "VUBoVFmlXRmUR6wQEokxmJ2JYaTVc5I35GZ4cSH5TCM"
    providers.http.post(
        GITHUB_TOKEN, json={"access_token": "gh-access", "token_type": "bearer", "scope": "read:user"}
    )

    response = come_back(client, "forged")

    assert response.status_code == 403
    assert b"never a way to sign in" in response.content
    assert "_auth_user_id" not in client.session
    assert Credential.objects.get(identity__provider="github").access_token == "github-access-of-583231"


# --- Open Humans, again -------------------------------------------------------------------------------------


def test_signing_in_again_resumes_what_had_to_stop(
    client: Client, providers: Providers, subscription: Subscription
) -> None:
    Subscription.objects.update(
        status=Subscription.Status.RECONNECT_OPENHUMANS, reason="Sign in again", failures=3
    )

    providers.sign_in(client)

    subscription.refresh_from_db()
    assert (subscription.status, subscription.reason, subscription.failures) == ("active", "", 0)
    assert SyncRun.objects.get().trigger == SyncRun.Trigger.RESUMED


@pytest.mark.parametrize(
    "status",
    [Subscription.Status.RECONNECT_GITHUB, Subscription.Status.PAUSED, Subscription.Status.DISCONNECTED],
)
def test_signing_in_does_not_undo_another_pause(
    client: Client, providers: Providers, subscription: Subscription, status: Subscription.Status
) -> None:
    Subscription.objects.update(status=status, reason="as it was")

    providers.sign_in(client)

    subscription.refresh_from_db()
    assert (subscription.status, subscription.reason) == (status, "as it was")
    assert not SyncRun.objects.exists()


def test_a_closed_account_is_not_resumed(
    client: Client, providers: Providers, subscription: Subscription, member: User
) -> None:
    Subscription.objects.update(status=Subscription.Status.RECONNECT_OPENHUMANS)
    User.objects.filter(pk=member.pk).update(is_active=False)

    providers.sign_in(client)

    assert Subscription.objects.get().status == Subscription.Status.RECONNECT_OPENHUMANS
    assert not SyncRun.objects.exists()


def test_signing_in_resumes_nobody_else(
    client: Client, providers: Providers, member: User, stranger: User
) -> None:
    Subscription.objects.update(status=Subscription.Status.RECONNECT_OPENHUMANS)

    providers.sign_in(client)

    assert Subscription.objects.get().status == Subscription.Status.RECONNECT_OPENHUMANS


def test_a_first_sign_in_leads_to_the_page_that_connects(
    client: Client, providers: Providers, db: None
) -> None:
    response = providers.sign_in(client)

    assert response["Location"] == "/connect/"
    assert client.get("/connect/").status_code == 200


def test_the_cast_is_what_connecting_makes(visitor: Client, providers: Providers) -> None:
    """Other tests begin with `subscribe`; it must not drift from the real thing."""
    providers.connect(visitor)
    real = Subscription.objects.get()
    made = subscribe(make_member("11112222"), 42, "octocat")

    ignored = {"id", "user_id", "github_id", "github_node_id", "created_at", "next_due_at", "_state"}
    real.agreement["agreed_at"] = made.agreement["agreed_at"]
    assert {k: v for k, v in vars(real).items() if k not in ignored} == {
        k: v for k, v in vars(made).items() if k not in ignored
    }
