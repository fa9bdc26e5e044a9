"""The sign-in of a person: consent page, code, token, refresh, and every way it can fail."""

import base64
import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest
from freezegun import freeze_time

from sandbox.github.service import OAuthApp
from tests.sandbox.github.conftest import GitHub

APP = OAuthApp("the-app", "the-secret", ("http://127.0.0.1:8000/github/callback",))
CALLBACK = "http://127.0.0.1:8000/github/callback"
JSON = {"Accept": "application/json"}
VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")


@pytest.fixture
def server(make_github: Callable[..., GitHub], tricky: Path) -> GitHub:
    return make_github(tricky, oauth_app=APP, token_lifetime=28_800)


def _authorize(server: GitHub, form: dict[str, Any] | None = None, **parameters: Any) -> dict[str, str]:
    """What comes back to the application after the person decided."""
    asked = {"client_id": "the-app", "redirect_uri": CALLBACK, "scope": "repo read:user", "state": "s/1"}
    decided = {"decision": "approve", "login": "alice", "scope": ["repo", "read:user"]} | (form or {})
    answer = server.http.post("/login/oauth/authorize", query_string=asked | parameters, data=decided)
    assert answer.status_code == 302, answer.text
    assert answer.location.split("?")[0] == parameters.get("redirect_uri", CALLBACK)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.location).query).items()}


def _exchange(server: GitHub, **values: str) -> dict[str, Any]:
    sent = {"client_id": "the-app", "client_secret": "the-secret"} | values
    answer = server.http.post("/login/oauth/access_token", data=sent, headers=JSON)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json or {}
    return body


def test_the_page_says_what_is_asked_and_that_it_is_not_the_real_site(server: GitHub) -> None:
    page = server.http.get(
        "/login/oauth/authorize",
        query_string={"client_id": "the-app", "scope": "repo read:user offline_access", "state": "s"},
    )

    assert page.status_code == 200
    assert "<h1>GitHub stand-in — not the real site</h1>" in page.text
    assert '<input type="checkbox" name="scope" value="repo" checked>' in page.text
    assert "read:user" in page.text
    assert "offline_access" not in page.text
    assert '<option value="alice" selected>' in page.text
    assert '<option value="bob">' in page.text
    assert '<button name="decision" value="approve">' in page.text
    assert '<button name="decision" value="deny"' in page.text
    assert server.http.get("/static/stand-in.css").status_code == 200


def test_a_person_signs_in(server: GitHub) -> None:
    back = _authorize(server)
    answer = _exchange(server, code=back["code"], redirect_uri=CALLBACK)

    assert back["state"] == "s/1"
    assert answer["token_type"] == "bearer"
    assert answer["scope"] == "read:user,repo"
    assert answer["access_token"].startswith("gho_")
    assert answer["refresh_token"].startswith("ghr_")
    assert (answer["expires_in"], answer["refresh_token_expires_in"]) == (28_800, 15_897_600)
    server.headers["Authorization"] = f"Bearer {answer['access_token']}"
    user = server.get("/user")
    assert user.json["login"] == "alice"
    assert user.headers["X-OAuth-Scopes"] == "read:user, repo"


def test_another_account_and_fewer_scopes_can_be_chosen(server: GitHub) -> None:
    back = _authorize(server, {"login": "bob", "scope": ["read:user"]})
    answer = _exchange(server, code=back["code"])

    assert answer["scope"] == "read:user"
    server.headers["Authorization"] = f"Bearer {answer['access_token']}"
    assert server.get("/user").json["login"] == "bob"


def test_scopes_nobody_asked_for_are_not_granted(server: GitHub) -> None:
    back = _authorize(server, {"scope": ["repo", "gist"]}, scope="read:user repo")

    assert _exchange(server, code=back["code"])["scope"] == "repo"


def test_a_person_can_say_no(server: GitHub) -> None:
    back = _authorize(server, {"decision": "deny"})

    assert back["error"] == "access_denied"
    assert back["state"] == "s/1"
    assert "code" not in back


def test_a_code_is_good_once(server: GitHub) -> None:
    code = _authorize(server)["code"]
    _exchange(server, code=code)

    again = _exchange(server, code=code)

    assert again["error"] == "bad_verification_code"
    assert again["error_description"] == "The code passed is incorrect or expired."
    assert "access_token" not in again


def test_a_code_is_good_for_ten_minutes(server: GitHub) -> None:
    with freeze_time("2026-11-23T10:00:00Z") as clock:
        code = _authorize(server)["code"]
        clock.tick(600)

        assert _exchange(server, code=code)["error"] == "bad_verification_code"


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"client_secret": "wrong"}, "incorrect_client_credentials"),
        ({"client_id": "other"}, "incorrect_client_credentials"),
        ({"redirect_uri": "http://127.0.0.1:8000/elsewhere"}, "redirect_uri_mismatch"),
        ({"code": "wrong"}, "bad_verification_code"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"grant_type": "refresh_token", "refresh_token": "ghr_x.y"}, "bad_refresh_token"),
        ({"grant_type": "refresh_token"}, "bad_refresh_token"),
    ],
)
def test_errors_of_the_exchange_are_answered_with_200(
    server: GitHub, values: dict[str, str], error: str
) -> None:
    code = _authorize(server)["code"]

    assert _exchange(server, **{"code": code} | values)["error"] == error


def test_the_answer_is_form_encoded_unless_json_is_asked_for(server: GitHub) -> None:
    code = _authorize(server)["code"]

    answer = server.http.post(
        "/login/oauth/access_token",
        data={"client_id": "the-app", "client_secret": "the-secret", "code": code},
    )

    assert answer.mimetype == "application/x-www-form-urlencoded"
    assert dict(parse_qsl(answer.text))["token_type"] == "bearer"


def test_pkce_takes_the_right_verifier(server: GitHub) -> None:
    parameters: dict[str, Any] = {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}

    right = _exchange(server, code=_authorize(server, **parameters)["code"], code_verifier=VERIFIER)
    wrong = _exchange(server, code=_authorize(server, **parameters)["code"], code_verifier="w" * 50)
    missing = _exchange(server, code=_authorize(server, **parameters)["code"])

    assert "access_token" in right
    assert wrong["error"] == missing["error"] == "bad_verification_code"


@pytest.mark.parametrize(
    ("parameters", "status"),
    [
        ({"client_id": "other"}, 404),
        ({"client_id": ""}, 404),
        ({"code_challenge": CHALLENGE, "code_challenge_method": "plain"}, 400),
        ({"code_challenge": "short", "code_challenge_method": "S256"}, 400),
    ],
)
def test_a_request_that_cannot_be_is_shown_to_the_person(
    server: GitHub, parameters: dict[str, str], status: int
) -> None:
    page = server.http.get(
        "/login/oauth/authorize", query_string={"client_id": "the-app", "redirect_uri": CALLBACK} | parameters
    )

    assert page.status_code == status
    assert 'role="alert"' in page.text


def test_a_foreign_address_gets_no_code(server: GitHub) -> None:
    answer = server.http.get(
        "/login/oauth/authorize",
        query_string={"client_id": "the-app", "redirect_uri": "https://evil.example/x", "state": "s"},
    )

    assert answer.location.startswith(CALLBACK)
    assert parse_qs(urlsplit(answer.location).query)["error"] == ["redirect_uri_mismatch"]


def test_without_registration_only_loopback_is_accepted(github: GitHub) -> None:
    def ask(address: str) -> int:
        parameters = {"client_id": "anything", "redirect_uri": address}
        return github.http.get("/login/oauth/authorize", query_string=parameters).status_code

    assert ask("http://localhost:1234/x") == 200
    assert ask("http://[::1]:1234/x") == 200
    assert ask("https://evil.example/x") == 400
    assert ask("http://127.0.0.1.evil.example/x") == 400


def test_refreshing_replaces_both_tokens_at_once(server: GitHub) -> None:
    old = _exchange(server, code=_authorize(server)["code"])
    refresh = {"grant_type": "refresh_token", "refresh_token": old["refresh_token"]}

    new = _exchange(server, **refresh)
    loser = _exchange(server, **refresh)

    assert loser["error"] == "bad_refresh_token"
    assert new["scope"] == old["scope"]
    server.headers["Authorization"] = f"Bearer {old['access_token']}"
    assert server.get("/user").status_code == 401
    server.headers["Authorization"] = f"Bearer {new['access_token']}"
    assert server.get("/user").status_code == 200


def test_tokens_end_after_their_lifetime(server: GitHub) -> None:
    with freeze_time("2026-11-23T10:00:00Z") as clock:
        server.sign_in()
        clock.tick(28_799)
        assert server.get("/user").status_code == 200
        clock.tick(1)
        assert server.get("/user").status_code == 401


def test_tokens_last_and_have_no_refresh_token_by_default(github: GitHub) -> None:
    issued = github.service.tokens.issue(github.member.id, "app", [])

    assert (issued.refresh_token, issued.token.expires_at) == (None, None)


def test_tokens_outlive_a_restart_with_the_same_secret(
    make_github: Callable[..., GitHub], tricky: Path
) -> None:
    one = make_github(tricky, oauth_app=APP)
    restarted = make_github(tricky, oauth_app=APP)
    other = make_github(tricky, oauth_app=OAuthApp("the-app", "another-secret"))

    assert restarted.http.get("/user", headers=one.headers).status_code == 200
    assert other.http.get("/user", headers=one.headers).status_code == 401


@pytest.mark.parametrize("fault", ["revoke_tokens", "expire_tokens"])
def test_what_ends_all_tokens_ends_those_from_before_a_restart_too(
    make_github: Callable[..., GitHub], tricky: Path, fault: str
) -> None:
    one = make_github(tricky, oauth_app=APP)
    restarted = make_github(tricky, oauth_app=APP)
    restarted.fault(**{fault: True})

    assert restarted.http.get("/user", headers=one.headers).status_code == 401
    restarted.sign_in()
    assert restarted.get("/user").status_code == 200


def test_the_eleventh_token_ends_the_first(github: GitHub) -> None:
    tokens = github.service.tokens
    issued = [tokens.issue(github.member.id, "app", ["repo"]) for _ in range(11)]

    assert tokens.find(issued[0].access_token) is None
    assert all(tokens.find(each.access_token) for each in issued[1:])


def test_a_changed_token_is_no_token(github: GitHub) -> None:
    for text in (github.token[:-1], github.token.replace("gho_", "ghr_"), "gho_", "gho_é.ü"):
        assert github.service.tokens.find(text) is None


def test_the_app_can_check_and_end_its_tokens(server: GitHub) -> None:
    token = _exchange(server, code=_authorize(server)["code"])["access_token"]
    path, body = "/applications/the-app/token", {"access_token": token}
    basic = ("the-app", "the-secret")

    checked = server.http.post(path, json=body, auth=basic)
    ended = server.http.delete(path, json=body, auth=basic)

    assert checked.json is not None
    assert checked.json["user"]["login"] == "alice"
    assert checked.json["scopes"] == ["read:user", "repo"]
    assert ended.status_code == 204
    assert server.http.post(path, json=body, auth=basic).status_code == 404
    assert server.http.delete(path, json=body, auth=basic).status_code == 422
    assert server.counts()["writes"] == 0


def test_ending_the_grant_ends_all_tokens_of_the_person(server: GitHub) -> None:
    tokens = [_exchange(server, code=_authorize(server)["code"])["access_token"] for _ in range(2)]

    answer = server.http.delete(
        "/api/v3/applications/the-app/grant",
        json={"access_token": tokens[0]},
        auth=("the-app", "the-secret"),
    )

    assert answer.status_code == 204
    assert [server.service.tokens.find(token) for token in tokens] == [None, None]


@pytest.mark.parametrize(
    ("auth", "status"), [(None, 401), (("the-app", "wrong"), 404), (("other", "x"), 404)]
)
def test_only_the_app_itself_may(server: GitHub, auth: tuple[str, str] | None, status: int) -> None:
    answer = server.http.post("/applications/the-app/token", json={"access_token": "x"}, auth=auth)

    assert answer.status_code == status
