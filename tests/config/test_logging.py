"""Log lines: their form, and what never stands in one."""

import json
import logging
import logging.config
import subprocess
import sys
from datetime import datetime

import pytest
from django.conf import settings

from config.logging import HIDDEN, JsonFormatter, PlainFormatter, Scrub, scrub
from tests.config.test_settings import start

SECRET = "hunter2-hunter2"


def record(message: str, *args: object, **facts: object) -> logging.LogRecord:
    return logging.getLogger("sync.steps").makeRecord(
        "sync.steps", logging.WARNING, __file__, 1, message, args, None, extra=facts
    )


def line(made: logging.LogRecord, formatter: logging.Formatter) -> str:
    assert Scrub([SECRET]).filter(made)
    return formatter.format(made)


# --- What is taken out -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("token gho_16C7e42F292c6912E7710c838347Ae178B4a refused", "16C7e42F"),
        ("ghu_16C7e42F292c6912E7710c838347Ae178B4a", "16C7e42F"),
        ("ghr_1B4a2e77838347a7E420ce178F2E7c6912E169246c34E1", "1B4a2e77"),
        ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", "16C7e42F"),
        ("ghs_16C7e42F292c6912E7710c838347Ae178B4a", "16C7e42F"),
        ("github_pat_11ABCDEFG0abcdefghijkl_mnopqrstuv", "11ABCDEFG"),
        ("Authorization: Bearer b2HvjdGxzVT6Jq1o9", "b2HvjdGx"),
        ("headers={'Authorization': 'token b2HvjdGxzVT6Jq1o9'}", "b2HvjdGx"),
        ("authorization=Basic Y2xpZW50OnNlY3JldA==", "Y2xpZW50"),
        ("bearer b2HvjdGxzVT6Jq1o9", "b2HvjdGx"),
        ("GET /files?access_token=b2HvjdGxzVT6Jq1o9&limit=1", "b2HvjdGx"),
        ("GET /accounts/github/login/callback/?code=9f8e7d6c5b4a&state=Xy12", "9f8e7d6c"),
        ("GET /accounts/github/login/callback/?code=9f8e7d6c5b4a&state=Xy12", "Xy12"),
        ("https://b.s3.test/f?AWSAccessKeyId=AKIA1&Signature=vjbyPxybdZaNmGa&Expires=1", "vjbyPxyb"),
        ("https://b.s3.test/f?AWSAccessKeyId=AKIA1&Signature=vjbyPxybdZaNmGa&Expires=1", "AKIA1"),
        ("https://b.s3.test/f?X-Amz-Signature=vjbyPxybdZaNmGa", "vjbyPxyb"),
        ("https://files.test/d/1?key=1f0e2d3c", "1f0e2d3c"),
        ('{"refresh_token": "b2HvjdGxzVT6Jq1o9"}', "b2HvjdGx"),
        ("{'client_secret': 'b2HvjdGxzVT6Jq1o9'}", "b2HvjdGx"),
        ("code_verifier=b2HvjdGxzVT6Jq1o9", "b2HvjdGx"),
        ("postgres://app:pa55word@db/x", "pa55word"),
        ("rediss://:pa55word@redis:6379/0", "pa55word"),
        (f"the secret is {SECRET}!", SECRET),
        ("duplicate key\nDETAIL:  Key (name)=(octocat) already exists.", "octocat"),
    ],
)
def test_what_looks_like_a_secret_is_taken_out(text: str, secret: str) -> None:
    scrubbed = scrub(text, [SECRET])
    assert secret not in scrubbed
    assert HIDDEN in scrubbed


@pytest.mark.parametrize(
    "text",
    [
        "GitHub's limit: POST /graphql (Probe): 200, waits until 2026-05-01T10:00:00+00:00",
        "GitHub no longer accepts the token.",
        "Run 7 is no longer ours.",
        "error_code=github_unavailable, status: 502",
        "The file github-2026.json holds 123 bytes.",
        "https://www.openhumans.org/direct-sharing/oauth2-setup/",
    ],
)
def test_ordinary_lines_stay_as_they_are(text: str) -> None:
    assert scrub(text, [SECRET, ""]) == text


def test_arguments_are_scrubbed_as_well() -> None:
    assert "16C7e42F" not in line(record("refused: %s", "gho_16C7e42F292c6912"), PlainFormatter())


def test_tracebacks_are_scrubbed_as_well() -> None:
    try:
        raise ValueError("https://b.s3.test/f?Signature=vjbyPxybdZaNmGa")
    except ValueError:
        made = record("A step failed.")
        made.exc_info = sys.exc_info()
    for formatter in (PlainFormatter(), JsonFormatter()):
        shown = line(made, formatter)
        assert "Traceback" in shown
        assert "vjbyPxyb" not in shown


def test_arguments_that_do_not_fit_lose_no_line() -> None:
    assert "that do not fit" in line(record("%s and %s", "one"), PlainFormatter())


# --- Forms -------------------------------------------------------------------------------------------------


def test_a_line_for_machines_names_the_run() -> None:
    shown = json.loads(line(record("waits for %s", "GitHub", run=7, subscription=3, step=2), JsonFormatter()))

    assert datetime.fromisoformat(shown.pop("time")).utcoffset() is not None
    assert shown == {
        "level": "warning",
        "logger": "sync.steps",
        "message": "waits for GitHub",
        "run": 7,
        "subscription": 3,
        "step": 2,
    }


def test_a_line_for_people_names_the_run() -> None:
    shown = line(record("waits", run=7, subscription=3), PlainFormatter())
    assert shown.endswith("WARNING sync.steps waits (run=7 subscription=3)")


def test_nothing_but_numbers_comes_in_beside_the_message() -> None:
    shown = line(record("waits", run="gho_16C7e42F292c6912", commit="my private words"), JsonFormatter())
    assert set(json.loads(shown)) == {"time", "level", "logger", "message"}


def test_a_line_is_one_line() -> None:
    assert "\n" not in line(record("first\nsecond"), JsonFormatter())


# --- As configured -----------------------------------------------------------------------------------------

LOG = """
import django, logging; django.setup()
logging.getLogger("sync").warning("a word of %s", "gho_16C7e42F292c6912", extra={"run": 7})
logging.getLogger("django.request").error("kept: %s", settings.GITHUB_CLIENT_SECRET)
""".replace("\n", "", 1).replace("django.setup()", "django.setup(); from django.conf import settings")


@pytest.mark.parametrize(
    ("changes", "is_json"), [({}, True), ({"LOG_FORMAT": "plain"}, False), ({"DEBUG": "1"}, False)]
)
def test_production_logs_are_for_machines(changes: dict[str, str], is_json: bool) -> None:
    lines = start(LOG, **{"LOG_FORMAT": "", **changes}).stderr.strip().splitlines()

    assert len(lines) == 2, lines
    assert [shown.startswith("{") for shown in lines] == [is_json] * 2
    assert "16C7e42F" not in lines[0]
    assert settings.GITHUB_CLIENT_SECRET not in lines[1]


def test_an_unknown_form_is_refused() -> None:
    process: subprocess.CompletedProcess[str] = start(LOG_FORMAT="xml")
    assert "LOG_FORMAT wants one of json, plain." in process.stderr
