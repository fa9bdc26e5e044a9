"""What an operator is told about the project at Open Humans, and with which exit code."""

import json
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
import requests
import responses
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.models import Credential, User
from tests.cast import make_member
from tests.providers import OPENHUMANS_TOKEN, OPENHUMANS_URL

pytestmark = pytest.mark.django_db
PROJECT_URL = f"{OPENHUMANS_URL}/api/direct-sharing/project/"
JSON = {"Content-Type": "application/json"}
GOOD: dict[str, Any] = {
    "active": True,
    "approved": True,
    "id": 7,
    "id_label": "direct-sharing-7",
    "name": "GitHub",
    "registered_datatypes": [],
    "requested_sources": [],
    "request_sources_access": [],
    "request_username_access": False,
    "type": "oauth2",
}


@pytest.fixture
def http(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[responses.RequestsMock]:
    settings.OPENHUMANS_URL = OPENHUMANS_URL
    monkeypatch.delenv("OPENHUMANS_TOKEN", raising=False)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        yield http


def answer(http: responses.RequestsMock, token: str, **changes: Any) -> None:
    """The project, for this token only."""
    project = {name: value for name, value in (GOOD | changes).items() if value != "absent"}
    matches = responses.matchers.header_matcher({"Authorization": f"Bearer {token}"})
    http.get(PROJECT_URL, json=project, match=[matches])


def check() -> str:
    out = StringIO()
    call_command("check_project", stdout=out)
    return out.getvalue()


def refused() -> tuple[str, int]:
    out = StringIO()
    with pytest.raises(CommandError) as error:
        call_command("check_project", stdout=out)
    return f"{out.getvalue()}{error.value}", error.value.returncode


@pytest.fixture
def token_of_member(member: User) -> str:
    return f"openhumans-access-of-{member.open_humans_id}"


# --- What it says -------------------------------------------------------------------------------------


def test_a_project_that_is_right_needs_only_what_is_entered_by_hand(
    http: responses.RequestsMock, token_of_member: str
) -> None:
    answer(http, token_of_member)
    text = check()
    for line in (
        "Redirect URL: http://127.0.0.1:8000/accounts/openhumans/login/callback/",
        "Deauthorization webhook URL: http://127.0.0.1:8000/openhumans/deauth/",
        "Webhook secret: the value of OPENHUMANS_WEBHOOK_SECRET",
        "Erasure supported: on.",
        "Authorization callback URL: http://127.0.0.1:8000/accounts/github/login/callback/",
        "The project direct-sharing-7 at Open Humans says:",
        "it requests no other sources",
        "it requests no user names",
    ):
        assert line in text
    assert "WRONG" not in text
    assert "test-webhook-secret" not in text


def test_with_legacy_callbacks_the_old_addresses_stay_registered(
    http: responses.RequestsMock, token_of_member: str, settings: Settings
) -> None:
    settings.LEGACY_CALLBACKS = True
    answer(http, token_of_member)
    text = check()
    assert "Redirect URL: http://127.0.0.1:8000/openhumans/complete\n" in text
    assert "Authorization callback URL: http://127.0.0.1:8000/github_complete\n" in text
    assert "a space and then: http://127.0.0.1:8000/accounts/openhumans/login/callback/" in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"requested_sources": ["/api/public/project/31/"]}, "requests other sources"),
        ({"request_sources_access": ["direct-sharing-31"]}, "requests other sources"),
        ({"request_username_access": True}, "requests user names"),
        ({"request_username_access": "absent"}, "requests user names"),
        ({"active": False}, "not active"),
        ({"type": "on-site"}, "type 'on-site'"),
        ({"type": None}, "type None"),
    ],
)
def test_what_is_wrong_is_named_and_ends_with_1(
    http: responses.RequestsMock, token_of_member: str, changes: dict[str, Any], words: str
) -> None:
    answer(http, token_of_member, **changes)
    text, code = refused()
    (line,) = [line for line in text.splitlines() if "WRONG" in line]
    assert words in line
    assert text.endswith("1 wrong, see above.")
    assert code == 1


def test_a_project_that_waits_for_approval_is_not_wrong(
    http: responses.RequestsMock, token_of_member: str
) -> None:
    answer(http, token_of_member, approved=False)
    assert "at most 20 members" in check()


@pytest.mark.parametrize("secret", ["x" * 15, "x" * 65])
def test_a_secret_that_cannot_be_entered_is_wrong(
    http: responses.RequestsMock, token_of_member: str, settings: Settings, secret: str
) -> None:
    settings.OPENHUMANS_WEBHOOK_SECRET = secret
    answer(http, token_of_member)
    text, code = refused()
    assert ("16 to 64 characters" in text, secret in text, code) == (True, False, 1)


def test_without_a_secret_the_operator_is_told_what_that_means(
    http: responses.RequestsMock, token_of_member: str, settings: Settings
) -> None:
    settings.OPENHUMANS_WEBHOOK_SECRET = ""
    answer(http, token_of_member)
    assert "OPENHUMANS_WEBHOOK_SECRET is not set" in check()


def test_a_site_without_https_is_wrong(
    http: responses.RequestsMock, token_of_member: str, settings: Settings
) -> None:
    settings.SITE_URL = "http://github.example.org"
    answer(http, token_of_member)
    assert "WRONG: SITE_URL" in refused()[0]


# --- Whose token it asks with ---------------------------------------------------------------------


def test_a_token_in_the_environment_goes_first_and_is_not_shown(
    http: responses.RequestsMock, token_of_member: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENHUMANS_TOKEN", "from-the-environment")
    answer(http, "from-the-environment")
    assert "from-the-environment" not in check()


def test_a_member_whose_token_is_dead_is_passed_over(
    http: responses.RequestsMock, token_of_member: str
) -> None:
    make_member("11111111")
    http.post(OPENHUMANS_TOKEN, status=400, json={"error": "invalid_grant"})

    def project(request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        if token_of_member in str(request.headers["Authorization"]):
            return 200, JSON, json.dumps(GOOD)
        return 401, JSON, '{"detail": "Invalid token."}'

    http.add_callback(responses.GET, PROJECT_URL, project)
    assert "Nothing is wrong" in check()
    dead = Credential.objects.get(identity__uid="11111111")
    assert dead.state == Credential.State.REFUSED


def test_a_token_that_has_expired_is_refreshed_and_kept(
    http: responses.RequestsMock, token_of_member: str, member: User
) -> None:
    http.get(PROJECT_URL, status=401, json={"detail": "Expired token."})
    new = {"access_token": "new-access", "refresh_token": "new-refresh", "expires_in": 36000}
    http.post(OPENHUMANS_TOKEN, json={**new, "token_type": "Bearer", "scope": "read write"})
    http.get(PROJECT_URL, json=GOOD)
    assert "Nothing is wrong" in check()
    assert Credential.objects.get(identity__user=member).refresh_token == "new-refresh"


@pytest.mark.parametrize("token", ["", "  "])
def test_without_anybody_it_still_says_what_to_enter(
    http: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch, token: str
) -> None:
    monkeypatch.setenv("OPENHUMANS_TOKEN", token)
    text, code = refused()
    assert "Redirect URL:" in text
    assert "into the environment variable OPENHUMANS_TOKEN" in text
    assert code == 2


def test_a_refused_token_is_told(http: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENHUMANS_TOKEN", "dead-token")
    http.get(PROJECT_URL, status=401, json={"detail": "Invalid token."})
    text, code = refused()
    assert ("does not accept the token" in text, "dead-token" in text, code) == (True, False, 2)


def test_a_token_that_is_none_is_told(http: responses.RequestsMock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENHUMANS_TOKEN", "two words")
    text, code = refused()
    assert ("is not a token" in text, "two words" in text, code) == (True, False, 2)


@pytest.mark.parametrize(
    ("status", "body", "content_type"),
    [
        (503, "<html>Sorry", "text/html"),
        (200, "[]", "application/json"),
        (200, '{"id_label": 5}', "application/json"),
        (200, "{", "application/json"),
    ],
)
def test_an_answer_that_is_no_project_is_told(
    http: responses.RequestsMock, token_of_member: str, status: int, body: str, content_type: str
) -> None:
    http.get(PROJECT_URL, status=status, body=body, content_type=content_type)
    text, code = refused()
    assert ("could not be asked" in text, code) == (True, 2)
