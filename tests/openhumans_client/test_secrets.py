"""No token, client secret or presigned address in a message, a repr, a traceback or a log."""

from __future__ import annotations

import io
import logging
import re
import traceback
from collections.abc import Callable
from typing import Any

import pytest
import requests
import responses

from openhumans_client import OpenHumansClient, OpenHumansError, OpenHumansOAuth, StartedUpload, protocol
from tests.openhumans_client.answers import (
    ACCESS,
    BASE,
    CLIENT_SECRET,
    MEMBER,
    METADATA,
    REFRESH,
    SECRETS,
    STORED_URL,
    TOKENS,
    UPLOAD_URL,
    answer,
)

FILE = protocol.decode_files(answer(MEMBER), "")[0][0]
UPLOAD = StartedUpload(7, UPLOAD_URL)

CALLS: dict[str, Callable[[OpenHumansClient, OpenHumansOAuth], Any]] = {
    "project": lambda client, _: client.fetch_project(),
    "member": lambda client, _: client.fetch_member(),
    "list": lambda client, _: client.list_files(),
    "start": lambda client, _: client.start_upload("a.json", METADATA),
    "put": lambda client, _: client.put_upload(UPLOAD, io.BytesIO(b"abc"), 3),
    "complete": lambda client, _: client.complete_upload(7),
    "download": lambda client, _: client.download(FILE, io.BytesIO()),
    "delete": lambda client, _: client.delete_file(7),
    "message": lambda client, _: client.send_message("a", "b"),
    "remove": lambda client, _: client.remove_member(),
    "exchange": lambda _, oauth: oauth.exchange_code(ACCESS, f"{BASE}/cb/", ACCESS),
    "refresh": lambda _, oauth: oauth.refresh(REFRESH),
    "revoke": lambda _, oauth: oauth.revoke(ACCESS),
}
EVERYWHERE = " ".join((*SECRETS, UPLOAD_URL, STORED_URL))


def assert_clean(text: str) -> None:
    leaked = [secret for secret in (*SECRETS, "Signature=", "key=") if secret in text]
    assert not leaked, text


@pytest.mark.parametrize("failure", ["refused", "echoed", "html", "redirected", "network", "timeout"])
@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS.keys())
@responses.activate
def test_no_failure_shows_a_secret(
    call: Callable[[OpenHumansClient, OpenHumansOAuth], Any], failure: str, caplog: pytest.LogCaptureFixture
) -> None:
    answers: dict[str, dict[str, Any]] = {
        "refused": {"status": 401, "json": {"detail": "Invalid token.", "error": "invalid_grant"}},
        "echoed": {"status": 400, "json": {"error": EVERYWHERE, "detail": EVERYWHERE}},
        "html": {"status": 500, "body": f"<html>{EVERYWHERE}</html>"},
        "redirected": {"status": 302, "headers": {"Location": f"https://[bad/?{EVERYWHERE}"}},
        "network": {"body": requests.ConnectionError(f"failed with url {EVERYWHERE}")},
        "timeout": {"body": requests.ReadTimeout(f"failed with url {EVERYWHERE}")},
    }
    for method in (responses.GET, responses.POST, responses.PUT):
        for prefix in (BASE, "https://bucket.example"):
            responses.add(method, url=_anything_below(prefix), **answers[failure])
    client, oauth = OpenHumansClient(BASE, ACCESS), OpenHumansOAuth(BASE, "id", CLIENT_SECRET)
    with (
        caplog.at_level(logging.DEBUG),
        caplog.at_level(logging.DEBUG, "urllib3"),
        pytest.raises(OpenHumansError) as caught,
    ):
        call(client, oauth)
    assert_clean("".join(traceback.format_exception(caught.value)))
    assert_clean(repr(caught.value.__context__) + repr(caught.value.__cause__))
    assert_clean(str(caught.value) + repr(caught.value) + caplog.text)


def _anything_below(prefix: str) -> Any:
    return re.compile(re.escape(prefix) + ".*")


@pytest.mark.parametrize(
    "value",
    [
        FILE,
        UPLOAD,
        answer(TOKENS, location=STORED_URL),
        protocol.decode_token_grant(answer(TOKENS), "", requested_at=FILE.created_at),
        OpenHumansClient(BASE, ACCESS),
        OpenHumansOAuth(BASE, "id", CLIENT_SECRET),
    ],
    ids=lambda value: type(value).__name__,
)
def test_no_repr_shows_a_secret(value: object) -> None:
    assert_clean(repr(value) + str(value))


def test_the_connection_log_has_no_query_strings(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("urllib3.connectionpool")
    with caplog.at_level(logging.DEBUG, log.name):
        log.debug('%s://%s:%s "%s %s %s" %s %s', "https", "x", 443, "PUT", UPLOAD_URL, "HTTP/1.1", 200, 0)
        log.debug("Starting new HTTPS connection (%d): %s", 1, "x")
    assert "PUT https://bucket.example/member-files" in caplog.text
    assert_clean(caplog.text)
