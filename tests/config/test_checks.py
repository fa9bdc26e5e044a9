"""Settings that do not fit together."""

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import dramatiq
import pytest
from django.core.checks import run_checks
from django.core.exceptions import ImproperlyConfigured
from dramatiq.brokers.stub import StubBroker
from pytest_django import Settings

from accounts.models import User
from config import checks
from config.run import programs
from config.worker import RefuseWrongSettings, WrongSettings
from tests.config.test_settings import ROOT

PRODUCTION = {
    "DEBUG": "false",
    "SANDBOX": "false",
    "SECRET_KEY": "q9Zr4-Vx7Lp2Kd8-Ws1Tf6Gh3-Jm5Nb0Cy-Ru4Ie7Oa2-Px9Lz6Mk1",
    "TOKEN_KEYS": "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY=",
    "SITE_URL": "https://github.example.org",
    "PROXY_SSL_HEADER": "X-Forwarded-Proto",
    "PROXY_ADDRESS_HEADER": "X-Forwarded-For",
    "OPENHUMANS_URL": "",
    "GITHUB_URL": "",
    "GITHUB_API_URL": "",
    "OPENHUMANS_WEBHOOK_SECRET": "a-webhook-secret",
    "STATUS_TOKEN": "a-status-token-of-thirty-letters",
    "OPERATOR_NAME": "Ada",
    "OPERATOR_CONTACT": "ada@example.org",
    "OTP_REQUIRED": "true",
    "ERASURE_LIST": "/tmp/erasures",
}


def manage(*arguments: str, **changes: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=ROOT,
        env={**os.environ, **PRODUCTION, **changes},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def found(**options: Any) -> dict[str, str]:
    messages = [*checks.check_settings(), *checks.check_deployment()]
    return {str(message.id).removeprefix("config."): str(message.hint) for message in messages}


@pytest.fixture
def collected(tmp_path: Path) -> Path:
    (tmp_path / "staticfiles.json").touch()
    return tmp_path


@pytest.fixture
def production(settings: Settings, collected: Path) -> Settings:
    settings.STATIC_ROOT = collected
    settings.SITE_URL, settings.HAS_HTTPS = "https://github.example.org", True
    settings.PROXY_HEADER, settings.PROXY_ADDRESS_HEADER = "X-Forwarded-Proto", "X-Forwarded-For"
    settings.OPENHUMANS_URL = "https://www.openhumans.org"
    settings.GITHUB_URL, settings.GITHUB_API_URL = "https://github.com", "https://api.github.com"
    settings.OPENHUMANS_WEBHOOK_SECRET = "a-webhook-secret"
    settings.STATUS_TOKEN = "a-status-token-of-thirty-letters"
    settings.TOKEN_KEYS = (bytes(range(32)),)
    settings.OTP_REQUIRED = True
    settings.OPERATOR_NAME, settings.OPERATOR_CONTACT = "Ada", "ada@example.org"
    settings.ERASURE_LIST = "/tmp/erasures"
    return settings


def test_a_deployment_as_documented_has_nothing_to_complain_about(collected: Path) -> None:
    process = manage("check", "--deploy", "--fail-level", "INFO", STATIC_ROOT=str(collected))

    assert process.returncode == 0, process.stdout + process.stderr
    assert "no issues" in process.stdout


def test_what_is_wrong_is_told_with_id_and_hint() -> None:
    process = manage("check", OPENHUMANS_URL="http://openhumans.example.org")

    assert process.returncode == 1
    assert "config.E001" in process.stderr
    assert "HINT: Give OPENHUMANS_URL an https:// address." in process.stderr


KEY = bytes(range(32))


@pytest.mark.parametrize(
    ("identifier", "changes"),
    [
        ("E001", {"OPENHUMANS_URL": "http://openhumans.example.org"}),
        ("E001", {"GITHUB_URL": "http://git.example.org", "GITHUB_API_URL": "https://git.example.org/api"}),
        ("E002", {"GITHUB_URL": "https://git.example.org"}),
        ("E002", {"GITHUB_API_URL": "https://git.example.org/api"}),
        ("E003", {"TOKEN_KEYS": (KEY, KEY)}),
        ("E004", {"TOKEN_KEYS": (KEY, bytes(32))}),
        ("E005", {"STATUS_TOKEN": "short"}),
        ("E006", {"HAS_HTTPS": False}),
        ("E007", {"SYNC_STEP_SECONDS": 200}),
        ("E008", {"LEFT_ROWS_DAYS": 7}),
        ("E009", {"HAS_HTTPS": False, "SITE_URL": "http://github.example.org"}),
        ("E010", {"SANDBOX": True}),
        ("E011", {"ADMIN_PATH": "dashboard/"}),
        ("E011", {"ADMIN_PATH": "/"}),
        ("E012", {"ERASURE_LIST": "/nowhere/erasures"}),
        ("E012", {"ERASURE_LIST": "/tmp"}),
        ("E012", {"ERASURE_LIST": f"{__file__}/erasures"}),
        ("E013", {"OPERATOR_NAME": ""}),
        ("E013", {"OPERATOR_CONTACT": ""}),
        ("E014", {"STATIC_ROOT": Path("/nowhere")}),
        ("E015", {"WEB_ANSWER_SECONDS": 30}),
        ("W001", {"SYNC_LEASE_SECONDS": 60}),
        ("W002", {"PROXY_HEADER": ""}),
        ("W003", {"PROXY_ADDRESS_HEADER": ""}),
        ("W004", {"OPENHUMANS_WEBHOOK_SECRET": ""}),
        ("W005", {"STATUS_TOKEN": ""}),
        ("W006", {"OTP_REQUIRED": False}),
        ("W007", {"ERASURE_LIST": ""}),
    ],
)
def test_each_combination_that_is_wrong(
    production: Settings, identifier: str, changes: dict[str, Any]
) -> None:
    assert identifier not in found()
    for name, value in changes.items():
        setattr(production, name, value)

    hint = found()[identifier]
    assert len(hint) > 5


def test_every_check_is_tried_above() -> None:
    source = (ROOT / "config" / "checks.py").read_text(encoding="utf-8")
    tried = {mark.args[1][n][0] for mark in _marks() for n in range(len(mark.args[1]))} | {"E020"}
    assert set(re.findall(r'"config\.([EW]\d+)"', source)) == tried


def _marks() -> Any:
    return test_each_combination_that_is_wrong.pytestmark


def test_stand_ins_on_this_machine_are_fine(production: Settings) -> None:
    local = "http://127.0.0.1:9001"
    production.OPENHUMANS_URL = production.GITHUB_URL = local
    production.GITHUB_API_URL = f"{local}/api"
    assert found() == {}


TAKEN = """
accounts connect dashboard new files choices weeks tracks your-data leaving receipts openhumans schema about
github_complete healthz readyz metrics static
"""


@pytest.mark.parametrize("name", TAKEN.split())
def test_the_admin_takes_no_other_pages_place(production: Settings, name: str) -> None:
    for path in (f"{name}/", f"{name}/back-office/"):
        production.ADMIN_PATH = path
        assert "E011" in found()


@pytest.mark.parametrize("path", ["admin/", "back-office/", "new-office/", "a/files/"])
def test_every_other_path_is_free_for_the_admin(production: Settings, path: str) -> None:
    production.ADMIN_PATH = path
    assert found() == {}


# --- Stored tokens -----------------------------------------------------------------------------------------


def test_keys_that_cannot_read_what_is_stored_are_told(member: User, settings: Settings) -> None:
    assert checks.check_stored_tokens(databases=["default"]) == []
    settings.TOKEN_KEYS = (KEY,)

    (message,) = checks.check_stored_tokens(databases=["default"])

    assert message.id == "config.E020"
    assert "TOKEN_KEYS lacks the key" in message.msg


def test_the_database_is_asked_only_where_it_may_be() -> None:
    """Without the database fixture every query is an error."""
    assert checks.check_stored_tokens() == []
    assert run_checks(tags=["security"]) is not None


# --- Starting ----------------------------------------------------------------------------------------------


def test_nothing_starts_with_settings_that_do_not_fit(production: Settings) -> None:
    checks.refuse_wrong_settings()
    RefuseWrongSettings().before_worker_boot(StubBroker(), dramatiq.Worker(StubBroker()))
    production.STATUS_TOKEN = "short"

    with pytest.raises(ImproperlyConfigured, match=r"STATUS_TOKEN is too short\. .* \(config\.E005\)"):
        checks.refuse_wrong_settings()
    with pytest.raises(WrongSettings, match="STATUS_TOKEN"):
        RefuseWrongSettings().before_worker_boot(StubBroker(), dramatiq.Worker(StubBroker()))


@pytest.mark.parametrize(
    "command",
    [
        [sys.executable, "-c", "import config.wsgi"],
        [sys.executable, "-m", "dramatiq", "sync.actors", "--processes", "1", "--threads", "1"],
        [*programs.program("periodiq"), "sync.actors"],
    ],
)
def test_each_role_says_why_it_does_not_start(command: list[str]) -> None:
    process = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **PRODUCTION, "STATUS_TOKEN": "short"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert process.returncode != 0
    assert "STATUS_TOKEN is too short." in process.stderr
    assert "file an issue" not in process.stderr


def test_the_scheduler_need_not_write_the_list_of_erasures(production: Settings) -> None:
    production.ERASURE_LIST = "/nowhere/erasures"
    moment = {"scheduled_at": "2026-11-24T03:00:00+00:00"}
    scheduled: dramatiq.Message[None] = dramatiq.Message("default", "scan", (), {}, moment)
    refusing = RefuseWrongSettings()
    refusing.before_enqueue(StubBroker(), scheduled, 0)
    production.STATUS_TOKEN = "short"

    with pytest.raises(SystemExit, match="STATUS_TOKEN is too short"):
        refusing.before_enqueue(StubBroker(), scheduled, 0)
