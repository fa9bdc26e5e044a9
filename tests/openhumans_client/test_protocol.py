from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
from freezegun import freeze_time
from hypothesis import given
from hypothesis import strategies as st

from openhumans_client import (
    Deauthorization,
    InvalidClient,
    InvalidGrant,
    NotFound,
    OpenHumansError,
    RateLimited,
    TooHeavy,
    Unauthorized,
    Unavailable,
    UnexpectedResponse,
    decode_deauthorization,
    protocol,
    verify_signature,
)
from openhumans_client.types import Answer
from tests.openhumans_client.answers import (
    ACCESS,
    BASE,
    FILE,
    MEMBER,
    PROJECT,
    REFRESH,
    TOKENS,
    answer,
    html,
    xml,
)

REQUEST = "GET /api/direct-sharing/project/"
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
decode_grant = partial(protocol.decode_token_grant, requested_at=NOW)

DECODERS: dict[str, tuple[Callable[[Answer, str], Any], Any, int]] = {
    "project": (protocol.decode_project, PROJECT, 200),
    "member": (protocol.decode_member, MEMBER, 200),
    "files": (protocol.decode_files, MEMBER, 200),
    "started upload": (protocol.decode_started_upload, {"id": 1, "url": "https://x.example"}, 201),
    "completed upload": (protocol.decode_completed_upload, {"status": "ok", "size": 950}, 200),
    "deleted ids": (protocol.decode_deleted_ids, {"ids": [1]}, 200),
    "success": (protocol.decode_success, "success", 200),
    "token grant": (decode_grant, TOKENS, 200),
}
every_decoder = pytest.mark.parametrize(("decode", "good", "status"), DECODERS.values(), ids=DECODERS.keys())


# Good answers


def test_it_reads_a_project() -> None:
    project = protocol.decode_project(answer(PROJECT), REQUEST)
    assert (project.id, project.id_label, project.name) == (2, "direct-sharing-2", "Local Bridge")
    assert project.is_active
    assert project.is_approved


def test_it_keeps_the_leading_zero_of_a_member_id() -> None:
    member = protocol.decode_member(answer(MEMBER), REQUEST)
    assert member.project_member_id == "06644578"
    assert member.created_at == datetime(2026, 11, 23, 16, 19, 46, 891641, tzinfo=UTC)
    assert member.sources_shared == ("direct-sharing-1",)


@pytest.mark.parametrize(("given_fields", "username"), [({}, None), ({"username": "beau"}, "beau")])
def test_a_username_is_there_only_if_shared(given_fields: dict[str, str], username: str | None) -> None:
    assert protocol.decode_member(answer({**MEMBER, **given_fields}), REQUEST).username == username


def test_it_reads_files_and_where_the_next_page_is() -> None:
    files, next_page = protocol.decode_files(answer({**MEMBER, "next": f"{BASE}/?offset=1"}), REQUEST)
    assert next_page == f"{BASE}/?offset=1"
    assert [file.id for file in files] == [1]
    assert files[0].metadata == FILE["metadata"]
    assert files[0].created_at.tzinfo is UTC
    assert files[0].download_url == FILE["download_url"]


def test_a_moment_without_a_fraction_is_read_too() -> None:
    item = {**FILE, "created": "2026-11-23T16:19:59Z"}
    files, _ = protocol.decode_files(answer({**MEMBER, "data": [item]}), REQUEST)
    assert files[0].created_at == datetime(2026, 11, 23, 16, 19, 59, tzinfo=UTC)


def test_the_life_of_a_token_counts_from_before_the_request() -> None:
    grant = decode_grant(answer(TOKENS), REQUEST)
    assert grant.expires_at == NOW + timedelta(hours=10)
    assert (grant.access_token, grant.refresh_token) == (ACCESS, REFRESH)


def test_an_empty_scope_is_a_scope() -> None:
    assert decode_grant(answer({**TOKENS, "scope": ""}), REQUEST).scope == ""


def test_an_empty_file_is_complete() -> None:
    assert protocol.decode_completed_upload(answer({"status": "ok", "size": 0}), REQUEST) == 0


# Refusals of the API


@pytest.mark.parametrize(("detail", "is_expired"), [("Invalid token.", False), ("Expired token.", True)])
def test_401_in_open_humans_own_words_is_unauthorized(detail: str, *, is_expired: bool) -> None:
    with pytest.raises(Unauthorized) as caught:
        protocol.decode_project(answer({"detail": detail}, 401), REQUEST)
    assert caught.value.is_expired is is_expired


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (html(401), Unavailable),
        (html(403), Unavailable),
        (html(400), Unavailable),
        (html(200), Unavailable),
        (html(404), NotFound),
        (answer(b"<!doctype html>no type given", 200), Unavailable),
        (answer(b"", 503), Unavailable),
        (html(500), Unavailable),
        (answer({"detail": "Authentication credentials were not provided."}, 401), UnexpectedResponse),
        (answer({"detail": "Not found."}, 404), NotFound),
        (answer({}, 413), TooHeavy),
        (answer({}, 429), RateLimited),
        (answer({"metadata": ["This field is required."]}, 400), UnexpectedResponse),
        (answer({"project_member_id": "project_member_id is invalid"}, 400), UnexpectedResponse),
        (answer({"errors": {"message": ["This field is required."]}}, 400), UnexpectedResponse),
        (answer({"detail": 'Method "GET" not allowed.'}, 405), UnexpectedResponse),
        (html(301), UnexpectedResponse),
        (answer(["success"], 200), UnexpectedResponse),
        (answer(b"", 200), UnexpectedResponse),
    ],
)
@every_decoder
def test_no_other_answer_counts_against_the_member(
    decode: Callable[[Answer, str], Any],
    good: Any,
    status: int,
    refusal: Answer,
    expected: type[OpenHumansError],
) -> None:
    with pytest.raises(expected) as caught:
        decode(refusal, REQUEST)
    assert type(caught.value) is expected
    assert REQUEST in str(caught.value)


def test_a_gateway_time_out_is_told_from_other_outages() -> None:
    for status, is_timeout in ((504, True), (503, False)):
        error = protocol.api_error(html(status), REQUEST)
        assert isinstance(error, Unavailable)
        assert error.is_timeout is is_timeout


@freeze_time(NOW)
@pytest.mark.parametrize(
    ("header", "seconds"),
    [("30", 30), ("", 60), ("soon", 60), ("Mon, 23 Nov 2026 12:05:00 GMT", 300), ("999999999", 86_400)],
)
def test_a_limit_says_until_when(header: str, seconds: int) -> None:
    error = protocol.api_error(answer({}, 429, retry_after=header), REQUEST)
    assert isinstance(error, RateLimited)
    assert error.retry_at == NOW + timedelta(seconds=seconds)


@freeze_time(NOW)
def test_a_limit_that_is_already_over_is_over_now() -> None:
    error = protocol.api_error(answer({}, 429, retry_after="Mon, 23 Nov 2020 12:05:00 GMT"), REQUEST)
    assert isinstance(error, RateLimited)
    assert error.retry_at == NOW


def test_completing_without_bytes_is_not_found() -> None:
    with pytest.raises(NotFound):
        protocol.decode_completed_upload(answer({"detail": "file not present"}, 400), REQUEST)


# Answers that are not what they should be


@every_decoder
def test_a_truncated_answer_is_never_half_understood(
    decode: Callable[[Answer, str], Any], good: Any, status: int
) -> None:
    body = json.dumps(good).encode()
    for length in range(len(body)):
        with pytest.raises(UnexpectedResponse):
            decode(answer(body[:length], status), REQUEST)


def _wrong_fields() -> list[Any]:
    wanted = {
        "project": ["id", "id_label", "name", "active", "approved"],
        "member": ["project_member_id", "created", "sources_shared"],
        "files": ["data"],
        "started upload": ["id", "url"],
        "completed upload": ["size"],
        "deleted ids": ["ids"],
        "token grant": ["access_token", "refresh_token", "expires_in", "scope"],
    }
    return [
        pytest.param(*DECODERS[name], field, wrong, id=f"{name}-{field}-{wrong!r}")
        for name, fields in wanted.items()
        for field in fields
        for wrong in [None, 1.5, {"a": 1}, [None], True, -1, "a b"]
        if not _is_fitting(field, DECODERS[name][1][field], wrong)
    ]


def _is_fitting(field: str, right: Any, wrong: Any) -> bool:
    is_free_text = field in {"id_label", "name", "url", "scope"} and isinstance(wrong, str)
    is_free_number = field == "id" and wrong == -1
    return is_free_text or is_free_number or (isinstance(right, bool) and isinstance(wrong, bool))


@pytest.mark.parametrize(("decode", "good", "status", "field", "wrong"), _wrong_fields())
def test_a_field_of_a_wrong_kind_is_refused(
    decode: Callable[[Answer, str], Any], good: Any, status: int, field: str, wrong: Any
) -> None:
    for broken in ({**good, field: wrong}, {key: good[key] for key in good if key != field}):
        with pytest.raises(UnexpectedResponse):
            decode(answer(broken, status), REQUEST)


@pytest.mark.parametrize("field", ["id", "basename", "created", "metadata", "source", "download_url"])
def test_one_broken_file_makes_the_listing_unusable(field: str) -> None:
    for item in ({**FILE, field: None}, {key: FILE[key] for key in FILE if key != field}, "file"):
        with pytest.raises(UnexpectedResponse):
            protocol.decode_files(answer({**MEMBER, "data": [FILE, item]}), REQUEST)


@pytest.mark.parametrize("moment", ["2026-11-23T16:19:46", "yesterday", "", "0001-01-01T00:00:00+23:59"])
def test_a_moment_without_a_zone_is_refused(moment: str) -> None:
    with pytest.raises(UnexpectedResponse):
        protocol.decode_member(answer({**MEMBER, "created": moment}), REQUEST)


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "ünïcode"])
def test_a_token_no_header_can_carry_is_refused(token: str) -> None:
    with pytest.raises(UnexpectedResponse) as caught:
        decode_grant(answer({**TOKENS, "access_token": token}), REQUEST)
    assert not token or token not in str(caught.value)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)


@given(
    name=st.sampled_from(sorted(DECODERS)),
    changes=st.dictionaries(
        st.sampled_from(sorted({*MEMBER, *TOKENS, *PROJECT, "url", "size"})), json_values
    ),
    bare=st.none() | json_values,
    status=st.sampled_from([200, 201, 204, 301, 400, 401, 403, 404, 429, 500, 503]),
    cut=st.integers(0, 2000),
    retry_after=st.text(max_size=30),
)
def test_any_answer_is_a_value_or_a_named_error(
    name: str, changes: dict[str, Any], bare: Any, status: int, cut: int, retry_after: str
) -> None:
    decode, good, _ = DECODERS[name]
    value = {**good, **changes} if isinstance(good, dict) and bare is None else bare
    with suppress(OpenHumansError):
        decode(answer(json.dumps(value).encode()[:cut], status, retry_after=retry_after), REQUEST)


@given(name=st.sampled_from(sorted(DECODERS)), body=st.binary(max_size=200))
def test_any_bytes_are_a_value_or_a_named_error(name: str, body: bytes) -> None:
    decode, _, status = DECODERS[name]
    with pytest.raises(OpenHumansError):
        decode(answer(b"\x00" + body, status), REQUEST)


def test_json_nested_too_deeply_is_a_named_error() -> None:
    with pytest.raises(UnexpectedResponse):
        protocol.decode_project(answer(b"[" * 200_000), REQUEST)


# OAuth


@pytest.mark.parametrize("status", [400, 401])
def test_the_word_decides_about_a_refused_grant(status: int) -> None:
    with pytest.raises(InvalidGrant):
        decode_grant(answer({"error": "invalid_grant"}, status), REQUEST)
    with pytest.raises(InvalidClient):
        decode_grant(answer({"error": "invalid_client"}, status), REQUEST)


def test_an_outage_never_looks_like_a_refused_grant() -> None:
    with pytest.raises(Unavailable):
        decode_grant(answer({"error": "invalid_grant"}, 500), REQUEST)


def test_another_refusal_names_its_word_only() -> None:
    body = {"error": "invalid_request", "error_description": "Mismatching redirect URI."}
    with pytest.raises(UnexpectedResponse, match=r": 400, invalid_request$"):
        decode_grant(answer(body, 400), REQUEST)
    with pytest.raises(UnexpectedResponse, match=r": 400 was not expected$"):
        decode_grant(answer({"error": "<script>"}, 400), REQUEST)


def test_revoking_an_unknown_token_is_fine_and_with_a_wrong_client_not() -> None:
    protocol.check_revocation(answer(b"", 200), REQUEST)
    with pytest.raises(InvalidClient):
        protocol.check_revocation(answer({"error": "invalid_client"}, 401), REQUEST)


# Storage


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (xml(403, "SignatureDoesNotMatch"), UnexpectedResponse),
        (xml(400, "InvalidArgument"), UnexpectedResponse),
        (xml(411, "MissingContentLength"), UnexpectedResponse),
        (xml(400, "EntityTooLarge"), TooHeavy),
        (xml(400, "RequestTimeout"), Unavailable),
        (xml(503, "SlowDown"), Unavailable),
        (xml(500, "InternalError"), Unavailable),
        (xml(404, "NoSuchKey"), NotFound),
        (xml(403, "AccessDenied"), NotFound),
        (html(502), Unavailable),
    ],
)
def test_what_the_storage_refuses(refusal: Answer, expected: type[OpenHumansError]) -> None:
    with pytest.raises(expected) as caught:
        protocol.check_put(refusal, "PUT bytes of file 1")
    assert type(caught.value) is expected
    assert type(protocol.download_error(refusal, "GET bytes of file 1")) is expected


def test_bytes_taken_are_no_error() -> None:
    protocol.check_put(answer(b"", 200), "PUT bytes of file 1")


@pytest.mark.parametrize(
    ("text", "is_link_expired"),
    [("You are not authorized to view this file.", True), ("This file is unavailable.", False)],
)
def test_a_link_that_is_too_old_is_told_from_a_file_that_is_gone(text: str, *, is_link_expired: bool) -> None:
    error = protocol.download_error(html(403, text), "GET bytes of file 1")
    assert isinstance(error, NotFound)
    assert error.is_link_expired is is_link_expired


@pytest.mark.parametrize(
    "url", ["http://bucket.example/x", "ftp://bucket.example/x", "/x", "", "https://[/x"]
)
def test_bytes_never_leave_without_tls(url: str) -> None:
    with pytest.raises(UnexpectedResponse):
        protocol.check_storage_url(BASE, url, REQUEST)


def test_a_stand_in_without_tls_may_have_storage_without_tls() -> None:
    protocol.check_storage_url("http://127.0.0.1:9002", "http://127.0.0.1:9002/x", REQUEST)


# Pages


@pytest.mark.parametrize(
    "next_page",
    [
        "https://evil.example/list/?offset=1",
        "https://oh.example:444/list/?offset=1",
        "https://oh.example@evil.example/list/?offset=1",
        "https://oh.example/other/?offset=1",
        "https://oh.example:port/list/?offset=1",
        "/list/?offset=1",
    ],
)
def test_the_token_follows_no_page_to_another_place(next_page: str) -> None:
    with pytest.raises(UnexpectedResponse):
        protocol.page_query(BASE, "/list/", next_page, REQUEST)


@pytest.mark.parametrize("scheme", ["https", "http"])
def test_the_next_page_is_asked_of_the_server_we_know(scheme: str) -> None:
    next_page = f"{scheme}://oh.example/list/?limit=1&offset=1"
    assert protocol.page_query(BASE, "/list/", next_page, REQUEST) == "limit=1&offset=1"


# The webhook and messages

SECRET = "abcdefghijklmnop"
BODY = (
    b'{"project_member_id": "12345678", "erasure_requested": true,'
    b' "timestamp": "2020-06-30T20:00:00.000000+00:00"}'
)
HEADER = "sha1=ebda5c0a38593a4350ad8401b7d8c8f1cd08ec67"
LEFT = Deauthorization("12345678", is_erasure_requested=True, left_at=datetime(2020, 6, 30, 20, tzinfo=UTC))


def test_it_verifies_the_documented_signature() -> None:
    assert len(BODY) == 109
    assert verify_signature(SECRET, BODY, HEADER)


@pytest.mark.parametrize(
    ("secret", "body", "header"),
    [
        (SECRET, BODY + b" ", HEADER),
        (SECRET, BODY, HEADER[:-1] + "8"),
        (SECRET, BODY, HEADER.removeprefix("sha1=")),
        (SECRET, BODY, HEADER.replace("sha1", "sha256")),
        (SECRET, BODY, "sha1="),
        (SECRET, BODY, "sha1=ünïcode"),
        (SECRET, BODY, ""),
        ("another", BODY, HEADER),
        ("", BODY, "sha1=" + "0" * 40),
    ],
)
def test_it_verifies_nothing_else(secret: str, body: bytes, header: str) -> None:
    assert not verify_signature(secret, body, header)


def test_without_a_secret_even_the_right_signature_is_refused() -> None:
    digest = hmac.new(b"", BODY, hashlib.sha1).hexdigest()
    assert not verify_signature("", BODY, f"sha1={digest}")


@given(secret=st.text(), body=st.binary(), header=st.text())
def test_no_header_makes_verifying_fail(secret: str, body: bytes, header: str) -> None:
    assert not verify_signature(secret, body, header)


def test_it_reads_a_deauthorization_in_both_forms() -> None:
    assert decode_deauthorization(BODY) == LEFT
    assert decode_deauthorization(json.dumps(BODY.decode()).encode()) == LEFT


@given(st.binary() | json_values.map(lambda value: json.dumps(value).encode()))
def test_any_other_body_is_refused_by_name(body: bytes) -> None:
    with pytest.raises(UnexpectedResponse):
        decode_deauthorization(body)


def test_nothing_in_a_message_is_a_template() -> None:
    escaped = protocol.escape_message("{{ PROJECT_MEMBER_ID }} {% load %} {# x #} { plain }")
    assert escaped == (
        "{% templatetag openvariable %} PROJECT_MEMBER_ID }} {% templatetag openblock %} load %}"
        " {% templatetag opencomment %} x #} { plain }"
    )
