from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient

from tests.sandbox.openhumans.member import (
    AUTHORIZE,
    CLIENT,
    REDIRECT,
    Alice,
    approve,
    ask,
    came_back,
    exchange,
    refresh,
)

VERIFIER = "v" * 50
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
ALL_SCOPES = "read write american-gut go-viral pgp wildlife open-humans"


# The consent page


def test_the_page_says_that_it_is_not_the_real_site(http: FlaskClient) -> None:
    page = http.get(AUTHORIZE, query_string=ask())
    assert page.status_code == 200
    assert "Open Humans stand-in &mdash; not the real site" in page.text
    assert 'value="01234567"' in page.text
    assert "127.0.0.1:8000" in page.text


def test_approving_goes_back_with_a_code_the_state_and_an_origin(http: FlaskClient) -> None:
    answer = http.post(AUTHORIZE, query_string=ask(state="a&b"), data={"decision": "approve"})
    back = came_back(answer)
    assert len(back["code"]) == 30
    assert {name: back[name] for name in back if name != "code"} == {"state": "a&b", "origin": "external"}


def test_cancelling_goes_back_with_an_error_and_no_origin(http: FlaskClient) -> None:
    answer = http.post(AUTHORIZE, query_string=ask(), data={"decision": "deny"})
    assert came_back(answer) == {"error": "access_denied", "state": "st"}


def test_the_origin_is_echoed_only_where_known(http: FlaskClient) -> None:
    query = ask(origin="open-humans")
    assert came_back(http.post(AUTHORIZE, query_string=query, data={"decision": "approve"}))["origin"] == (
        "open-humans"
    )


@pytest.mark.parametrize("member", ["1234567", "123456789", "abcdefgh", "١٢٣٤٥٦٧٨", ""])
def test_a_member_id_has_eight_digits(http: FlaskClient, member: str) -> None:
    answer = http.post(AUTHORIZE, query_string=ask(), data={"decision": "approve", "member": member})
    assert answer.status_code == 400
    assert "exactly eight digits" in answer.text


def test_an_approved_member_with_a_living_token_is_sent_straight_back(alice: Alice) -> None:
    assert came_back(alice.http.get(AUTHORIZE, query_string=ask(state="again")))["state"] == "again"


@pytest.mark.parametrize("reason", ["expired", "left", "forced", "signed out", "another client"])
def test_otherwise_the_page_is_shown_again(alice: Alice, reason: str) -> None:
    query = ask()
    if reason == "expired":
        alice.http.post("/_sandbox/expire-tokens")
    elif reason == "left":
        alice.http.post(f"/_sandbox/members/{alice.member}/leave")
    elif reason == "forced":
        query = ask(approval_prompt="force")
    elif reason == "signed out":
        alice.http.post("/sign-out/")
    else:
        query = ask(client_id="another")
    assert alice.http.get(AUTHORIZE, query_string=query).status_code == 200


def test_one_may_come_back_as_somebody_else(alice: Alice) -> None:
    alice.http.post("/sign-out/")
    bob = Alice(alice.http, "87654321")
    assert bob.get("exchange-member/").get_json()["project_member_id"] == "87654321"
    assert alice.get("exchange-member/").get_json()["project_member_id"] == "01234567"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"response_type": "token"}, "unauthorized_client"),
        ({"response_type": ""}, "unsupported_response_type"),
        ({"response_type": None}, "invalid_request"),
        ({"scope": "nonsense"}, "invalid_scope"),
        ({"code_challenge_method": "S512"}, "invalid_request"),
    ],
)
def test_wrong_requests_go_back_with_an_error(
    http: FlaskClient, changes: dict[str, str | None], error: str
) -> None:
    assert came_back(http.get(AUTHORIZE, query_string=ask(**changes))) == {"error": error, "state": "st"}


@pytest.mark.parametrize("client_id", [None, "", "unknown"])
def test_an_unknown_client_is_a_404(make_app: Callable[..., Flask], client_id: str | None) -> None:
    http = make_app(client_id="known").test_client()
    assert http.get(AUTHORIZE, query_string=ask(client_id=client_id)).status_code == 404


# Redirect URIs

ONE = "http://127.0.0.1/callback/"
TWO = "https://app.example/callback/"


@pytest.mark.parametrize(
    ("registered", "asked", "status"),
    [
        ((), "http://localhost:1/anything", 200),
        ((), "http://[::1]:1/anything", 200),
        ((), "https://evil.example/", 400),
        ((), "javascript:alert(1)", 400),
        ((), None, 400),
        ((TWO,), TWO, 200),
        ((TWO,), TWO + "?a=1", 200),
        ((TWO,), None, 200),
        ((TWO,), "https://app.example/callback", 400),
        ((TWO,), "http://app.example/callback/", 400),
        ((TWO,), "https://app.example:444/callback/", 400),
        ((TWO,), "https://app.example:bad/callback/", 400),
        ((TWO,), "https://app.example.evil.example/callback/", 400),
        ((ONE,), "http://127.0.0.1:8123/callback/", 200),
        (("http://127.0.0.1:80/callback/",), "http://127.0.0.1:8123/callback/", 400),
        ((ONE, TWO), TWO, 200),
        ((ONE, TWO), None, 400),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_which_redirect_uris_are_good(
    make_app: Callable[..., Flask],
    registered: tuple[str, ...],
    asked: str | None,
    status: int,
    method: str,
) -> None:
    http = make_app(redirect_uris=registered).test_client()
    answer = http.open(AUTHORIZE, method=method, query_string=ask(redirect_uri=asked))
    assert answer.status_code == (302 if status == 200 and method == "POST" else status)
    assert status == 200 or "Location" not in answer.headers


# Codes


def test_a_code_becomes_a_token_pair(http: FlaskClient) -> None:
    answer = exchange(http, approve(http))
    tokens = answer.get_json()
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    assert {name: tokens[name] for name in ("expires_in", "token_type", "scope")} == {
        "expires_in": 36000,
        "token_type": "Bearer",
        "scope": ALL_SCOPES,
    }
    assert [len(tokens[name]) for name in ("access_token", "refresh_token")] == [30, 30]


def test_a_code_works_once(http: FlaskClient) -> None:
    code = approve(http)
    tokens = exchange(http, code).get_json()
    again = exchange(http, code)
    assert (again.status_code, again.get_json()) == (400, {"error": "invalid_grant"})
    assert refresh(http, tokens["refresh_token"]).status_code == 200


@pytest.mark.parametrize(("age", "status"), [(29 * 60, 200), (31 * 60, 400)])
def test_a_code_works_for_half_an_hour(http: FlaskClient, age: int, status: int) -> None:
    code = approve(http)
    http.post("/_sandbox/clock", json={"advance_seconds": age})
    assert exchange(http, code).status_code == status


def test_a_wrong_redirect_uri_does_not_use_the_code_up(http: FlaskClient) -> None:
    code = approve(http)
    wrong = exchange(http, code, redirect_uri=REDIRECT + "x")
    assert wrong.get_json() == {
        "error": "invalid_request",
        "error_description": "Mismatching redirect URI.",
    }
    assert exchange(http, code, redirect_uri=None).status_code == 200


def test_pkce_is_verified(http: FlaskClient) -> None:
    code = approve(http, code_challenge=CHALLENGE, code_challenge_method="S256")
    missing = exchange(http, code)
    assert missing.get_json() == {"error": "invalid_request", "error_description": "Code verifier required."}
    assert exchange(http, code, code_verifier="w" * 50).get_json() == {"error": "invalid_grant"}
    assert exchange(http, code, code_verifier=VERIFIER).status_code == 200


def test_a_code_of_another_client_is_not_good(http: FlaskClient) -> None:
    code = approve(http, client_id="another")
    assert exchange(http, code).get_json() == {"error": "invalid_grant"}


# The token endpoint


@pytest.mark.parametrize(
    ("form", "error"),
    [
        ({"code": "x"}, {"error": "unsupported_grant_type"}),
        ({"grant_type": "client_credentials"}, {"error": "unauthorized_client"}),
        (
            {"grant_type": "authorization_code"},
            {"error": "invalid_request", "error_description": "Missing code parameter."},
        ),
        (
            {"grant_type": "refresh_token"},
            {"error": "invalid_request", "error_description": "Missing refresh token parameter."},
        ),
        ({"grant_type": "refresh_token", "refresh_token": "nope"}, {"error": "invalid_grant"}),
        ({"grant_type": "authorization_code", "code": "nope"}, {"error": "invalid_grant"}),
    ],
)
def test_wrong_token_requests(http: FlaskClient, form: dict[str, str], error: dict[str, str]) -> None:
    answer = http.post("/oauth2/token/", data=form, auth=CLIENT)
    assert (answer.status_code, answer.get_json()) == (400, error)


def test_json_query_strings_get_and_a_missing_slash_are_refused(http: FlaskClient) -> None:
    form = {"grant_type": "refresh_token", "refresh_token": "x"}
    assert http.post("/oauth2/token/", json=form, auth=CLIENT).get_json() == {
        "error": "unsupported_grant_type"
    }
    in_query = http.post("/oauth2/token/?a=1", data=form, auth=CLIENT)
    assert in_query.get_json()["error_description"] == "URL query parameters are not allowed"
    got = http.get("/oauth2/token/")
    assert (got.status_code, got.data, got.headers["Allow"]) == (405, b"", "OPTIONS, POST")
    assert http.post("/oauth2/token", data=form).status_code == 301


def test_the_client_must_prove_itself_if_one_is_registered(make_app: Callable[..., Flask]) -> None:
    http = make_app(client_id=CLIENT[0], client_secret="right").test_client()
    code = approve(http)
    form = {"grant_type": "authorization_code", "code": code}
    for wrong in ((CLIENT[0], "wrong"), ("another", "right"), None):
        answer = http.post("/oauth2/token/", data=form, auth=wrong)
        assert (answer.status_code, answer.get_json()) == (401, {"error": "invalid_client"})
    in_body = {**form, "client_id": CLIENT[0], "client_secret": "right"}
    assert http.post("/oauth2/token/", data=in_body).status_code == 200


# Refreshing and revoking


def test_refreshing_kills_the_old_pair_at_once(alice: Alice) -> None:
    new = refresh(alice.http, alice.refresh).get_json()
    assert alice.get("").get_json() == {"detail": "Invalid token."}
    assert refresh(alice.http, alice.refresh).get_json() == {"error": "invalid_grant"}
    alice.access = new["access_token"]
    assert alice.get("").status_code == 200


def test_refreshing_works_after_the_access_token_expired(alice: Alice) -> None:
    alice.age(36_001)
    assert alice.get("").get_json() == {"detail": "Expired token."}
    assert refresh(alice.http, alice.refresh).status_code == 200


def test_another_client_cannot_refresh(alice: Alice) -> None:
    answer = refresh(alice.http, alice.refresh, auth=("another", "secret"))
    assert answer.get_json() == {"error": "invalid_grant"}


def test_several_sign_ins_live_side_by_side(alice: Alice) -> None:
    Alice(alice.http)
    assert alice.get("").status_code == 200


def test_revoking_the_access_token_leaves_a_refresh_token_without_scope(alice: Alice) -> None:
    revoked = alice.http.post("/oauth2/revoke_token/", data={"token": alice.access}, auth=CLIENT)
    assert (revoked.status_code, revoked.data) == (200, b"")
    assert alice.get("").status_code == 401
    assert refresh(alice.http, alice.refresh).get_json()["scope"] == ""


def test_revoking_the_refresh_token_kills_both(alice: Alice) -> None:
    alice.http.post("/oauth2/revoke_token/", data={"token": alice.refresh}, auth=CLIENT)
    assert alice.get("").status_code == 401
    assert refresh(alice.http, alice.refresh).status_code == 400


def test_a_wrong_client_can_be_switched_on(alice: Alice) -> None:
    alice.switch(invalid_client={"times": 1})
    assert refresh(alice.http, alice.refresh).get_json() == {"error": "invalid_client"}
    assert refresh(alice.http, alice.refresh).status_code == 200
