"""Error reports, as they would be sent."""

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
import requests
import responses
import sentry_sdk
from django.test import Client
from sentry_sdk.envelope import Envelope
from sentry_sdk.transport import Transport

from config import error_reports
from tests.config.test_settings import start

SECRET = "hunter2-hunter2"
# Up here, because a report shows the lines of code around an error.
COOKIE, CODE, BROWSER = "cookie-of-somebody", "9f8e7d6c5b4a", "my browser"
PRIVATE_WORDS = "the message of a private commit"
TOKEN = "gho_16C7e42F292c6912E7710c838347Ae178B4a"


class Kept(Transport):
    def __init__(self) -> None:
        super().__init__({})
        self.events: list[dict[str, Any]] = []

    def capture_envelope(self, envelope: Envelope) -> None:
        event = envelope.get_event()
        if event:
            self.events.append(json.loads(json.dumps(event, default=str)))


@pytest.fixture
def kept() -> Iterator[Kept]:
    transport = Kept()
    sentry_sdk.init(**error_reports.options("https://key@errors.test/1", [SECRET]), transport=transport)
    yield transport
    sentry_sdk.init()


def fail() -> None:
    words = PRIVATE_WORDS
    raise RuntimeError(f"refused {TOKEN} and {SECRET} after {len(words)}")


def test_a_report_tells_what_happened_and_no_secret(kept: Kept) -> None:
    logging.getLogger("sync").warning("before it: %s", PRIVATE_WORDS)
    try:
        fail()
    except RuntimeError:
        logging.getLogger("sync").exception("A step failed with %s.", TOKEN, extra={"run": 7})

    (event,) = kept.events
    text = json.dumps(event)
    assert event["exception"]["values"][-1]["type"] == "RuntimeError"
    assert TOKEN not in text
    assert SECRET not in text
    assert PRIVATE_WORDS not in text
    assert "vars" not in text


def test_a_page_that_fails_reports_neither_the_person_nor_their_request(
    kept: Kept, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*args: Any, **options: Any) -> Any:
        raise RuntimeError("broken")

    monkeypatch.setattr("config.health.scan_age", broken)
    client.raise_request_exception = False
    client.cookies["sessionid"] = COOKIE
    monkeypatch.setattr("config.health.CHECKS", {"scan": broken})

    assert client.get(f"/readyz?code={CODE}", headers={"User-Agent": BROWSER}).status_code == 500

    text = json.dumps(kept.events)
    assert "broken" in text
    assert not any("request" in event or "user" in event for event in kept.events)
    for private in (COOKIE, CODE, BROWSER, "127.0.0.1"):
        assert private not in text


@responses.activate
def test_requests_to_others_carry_no_trace_of_it(kept: Kept) -> None:
    responses.get("https://api.github.test/user")

    sent = requests.get("https://api.github.test/user", timeout=1).request

    assert not {"sentry-trace", "baggage", "traceparent"} & {name.lower() for name in sent.headers}


def test_it_starts_by_one_setting_and_is_not_even_imported_without() -> None:
    code = "import django, sys; django.setup(); sdk = sys.modules.get('sentry_sdk')"
    code += "; print(sdk and sdk.is_initialized())"

    assert start(code, SENTRY_DSN="").stdout.strip() == "None"
    assert start(code, SENTRY_DSN="https://key@errors.test/1").stdout.strip() == "True"
    assert "SENTRY_DSN is malformed" in start(code, SENTRY_DSN="no address").stderr


def test_the_last_error_of_a_process_is_still_reported() -> None:
    """By a thread that has not sent it yet when the process ends; nothing is said of it on the terminal."""
    code = """
import logging, threading, time
import sentry_sdk
from sentry_sdk.transport import HttpTransport
from config import error_reports

class Slow(HttpTransport):
    def _send_request(self, body, headers, *rest, **named):
        time.sleep(0.3)
        print("sent", threading.current_thread() is not threading.main_thread())

options = error_reports.options("https://key@errors.test/1", [])
sentry_sdk.init(**options, transport=Slow)
logging.getLogger("sync").error("The last words.")
"""
    process = start(code, SENTRY_DSN="")

    assert process.stdout.strip() == "sent True"
    assert "pending" not in process.stderr
