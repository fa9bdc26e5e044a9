"""Whatever comes over the wire, only an OpenHumansError comes out, and no secret with it."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

import responses
from hypothesis import given, settings
from hypothesis import strategies as st

from openhumans_client import File, OpenHumansClient, OpenHumansError, OpenHumansOAuth, StartedUpload
from tests.openhumans_client.answers import (
    ACCESS,
    BASE,
    CLIENT_SECRET,
    FILE,
    MEMBER,
    METADATA,
    PROJECT,
    REFRESH,
    SECRETS,
    TOKENS,
    UPLOAD_URL,
)

STORED = File(
    id=1,
    basename="first.json",
    created_at=datetime(2026, 11, 23, tzinfo=UTC),
    download_url=str(FILE["download_url"]),
    source="direct-sharing-2",
    metadata={},
)


def client() -> OpenHumansClient:
    return OpenHumansClient(BASE, ACCESS)


def oauth() -> OpenHumansOAuth:
    return OpenHumansOAuth(BASE, "client", CLIENT_SECRET)


CALLS: Mapping[str, Callable[[], object]] = {
    "project": lambda: client().fetch_project(),
    "member": lambda: client().fetch_member(),
    "list": lambda: client().list_files(),
    "start": lambda: client().start_upload("first.json", METADATA),
    "put": lambda: client().put_upload(StartedUpload(1, UPLOAD_URL), io.BytesIO(b"{}"), 2),
    "complete": lambda: client().complete_upload(1),
    "download": lambda: client().download(STORED, io.BytesIO()),
    "size": lambda: client().fetch_size(STORED),
    "delete": lambda: client().delete_file(1),
    "message": lambda: client().send_message("Your archive", "It is complete."),
    "leave": lambda: client().remove_member(),
    "code": lambda: oauth().exchange_code("code", "https://site.example/back", "verifier"),
    "refresh": lambda: oauth().refresh(REFRESH),
    "revoke": lambda: oauth().revoke(ACCESS),
}
GOOD: Mapping[str, object] = {
    "project": PROJECT,
    "member": MEMBER,
    "list": MEMBER,
    "start": {"id": 1, "url": UPLOAD_URL},
    "complete": {"status": "ok", "size": 2},
    "code": TOKENS,
    "refresh": TOKENS,
}
words = st.sampled_from(["id", "url", "size", "data", "next", "detail", "error", "metadata", "access_token"])
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(words | st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=12,
)
statuses = st.sampled_from(
    [200, 200, 200, 201, 202, 204, 301, 302, 304, 400, 401, 403, 404, 409, 413, 429, 451, 500, 502, 503]
)
texts = st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=20)
headers = st.dictionaries(st.sampled_from(["Retry-After", "Location", "Content-Type"]), texts, max_size=3)
names = st.sampled_from(sorted(CALLS))
many = settings(max_examples=150)


def ask(name: str, status: int, body: bytes, sent: Mapping[str, str]) -> None:
    with responses.RequestsMock(assert_all_requests_are_fired=False) as openhumans:
        for method in (responses.GET, responses.POST, responses.PUT, responses.HEAD):
            openhumans.add(method, re.compile(".*"), body=body, status=status, headers=dict(sent))
        try:
            CALLS[name]()
        except OpenHumansError as error:
            told = f"{error} {error!r}"
            assert not any(secret in told for secret in SECRETS)


@many
@given(name=names, status=statuses, document=json_values, sent=headers)
def test_any_json_with_any_status(name: str, status: int, document: object, sent: dict[str, str]) -> None:
    ask(name, status, json.dumps(document).encode(), sent)


@many
@given(name=names, status=statuses, body=st.binary(max_size=60), sent=headers)
def test_any_bytes_with_any_status(name: str, status: int, body: bytes, sent: dict[str, str]) -> None:
    ask(name, status, body, sent)


@many
@given(name=st.sampled_from(sorted(GOOD)), share=st.floats(0, 1), status=statuses)
def test_a_good_answer_cut_anywhere(name: str, share: float, status: int) -> None:
    body = json.dumps(GOOD[name]).encode()
    ask(name, status, body[: int(len(body) * share)], {"Content-Type": "application/json"})
