"""The settings as a process sees them when it starts: each case is a process of its own."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = (
    "SECRET_KEY",
    "SITE_URL",
    "TOKEN_KEYS",
    "OPENHUMANS_CLIENT_ID",
    "OPENHUMANS_CLIENT_SECRET",
    "GITHUB_CLIENT_ID",
    "GITHUB_CLIENT_SECRET",
    "DATABASE_URL",
    "REDIS_URL",
)


def start(code: str = "import django; django.setup()", **changes: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "config.settings", **changes},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def show(expression: str, **changes: str) -> str:
    process = start(f"from django.conf import settings; print({expression})", **changes)
    assert process.returncode == 0, process.stderr
    return process.stdout.strip()


def complaint(process: "subprocess.CompletedProcess[str]") -> str:
    assert process.returncode != 0
    return (
        process.stderr.strip().splitlines()[-1].removeprefix("django.core.exceptions.ImproperlyConfigured: ")
    )


def test_a_whole_configuration_starts() -> None:
    process = start()

    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize("name", NEEDED)
def test_a_missing_setting_is_named_with_what_it_wants(name: str) -> None:
    """An empty value counts as missing, so half of a pair of credentials is refused as well."""
    said = complaint(start(**{name: ""}))

    assert said.startswith(f"{name} is not set. It wants ")
    assert len(said) > len(f"{name} is not set. It wants a.")


@pytest.mark.parametrize(
    ("name", "value", "wants"),
    [
        ("SECRET_KEY", "short", "at least 50 random characters"),
        ("SITE_URL", "example.org", "an absolute URL"),
        ("DATABASE_URL", "mysql://u:hunter2@db/x", "postgres://"),
        ("REDIS_URL", "localhost:6379", "redis://"),
        ("TOKEN_KEYS", "abc", "keys of 32 bytes"),
        ("GITHUB_URL", "github.com", "an absolute URL"),
        ("DEBUG", "perhaps", "true or false"),
        ("SYNC_DUE_DAYS", "often", "a number"),
        ("SYNC_STEP_REQUESTS", "1.5", "a whole number, at least 1"),
        ("SYNC_LEASE_SECONDS", "0", "a number, at least 1"),
        ("SYNC_DUE_DAYS", "1e12", "at most 36,525"),
        ("SYNC_NUDGE_SECONDS", "1e12", "at most 1,000,000,000"),
        ("SYNC_SCAN_LIMIT", "inf", "at most 1,000,000,000"),
        ("DATABASE_URL", "postgres://u:hunter2@127.0.0.1:5432", "postgres://user:password@host:5432/name"),
        ("DATABASE_URL", "postgres://u:hunter2@127.0.0.1:5432/", "names no database"),
        ("SENTRY_DSN", "https://nonsense", "https://key@host/number"),
        ("SENTRY_DSN", "https://hunter2@errors.test/project", "https://key@host/number"),
        ("ALLOWED_HOSTS", "a.test, https://b.test", "host names such as example.org"),
        ("ALLOWED_HOSTS", "b.test/", "host names such as example.org"),
        ("ALLOWED_HOSTS", "a.test, *", "each host name, or .example.org for all below it"),
        ("ALLOWED_HOSTS", "*.b.test", "each host name, or .example.org for all below it"),
        ("LOG_LEVEL", "loud", "one of debug, info, warning, error"),
    ],
)
def test_a_malformed_setting_is_named_with_what_it_wants(name: str, value: str, wants: str) -> None:
    process = start(**{name: value})

    said = complaint(process)
    assert said.startswith(name)
    assert wants in said
    assert "hunter2" not in process.stderr


@pytest.mark.parametrize("name", ["OPENHUMANS_URL", "GITHUB_URL", "GITHUB_API_URL"])
def test_the_sandbox_is_for_this_machine_only(name: str) -> None:
    local = dict.fromkeys(("OPENHUMANS_URL", "GITHUB_URL", "GITHUB_API_URL"), "http://127.0.0.1:9")

    said = complaint(start(SANDBOX="true", **{**local, name: "https://github.com"}))

    assert said.startswith("SANDBOX wants OPENHUMANS_URL, GITHUB_URL and GITHUB_API_URL on this machine")


def test_the_real_services_are_the_default() -> None:
    shown = show(
        "settings.OPENHUMANS_URL, settings.GITHUB_URL, settings.GITHUB_API_URL, settings.SANDBOX",
        OPENHUMANS_URL="",
        GITHUB_URL="",
        GITHUB_API_URL="",
        SANDBOX="",
    )

    assert shown == "https://www.openhumans.org https://github.com https://api.github.com False"


def test_https_makes_cookies_secure_and_lasting() -> None:
    names = "SESSION_COOKIE_SECURE", "CSRF_COOKIE_SECURE", "SECURE_HSTS_SECONDS"
    expression = ", ".join(f"settings.{name}" for name in names)

    assert show(expression, SITE_URL="https://example.org") == "True True 31536000"
    assert show(expression, SITE_URL="http://127.0.0.1:8000") == "False False 0"


def test_the_host_of_the_site_is_allowed_and_others_only_if_named() -> None:
    assert (
        show("settings.ALLOWED_HOSTS", SITE_URL="https://example.org", ALLOWED_HOSTS="") == "['example.org']"
    )
    hosts = show("settings.ALLOWED_HOSTS", SITE_URL="https://example.org", ALLOWED_HOSTS="a.test, b.test")
    assert hosts == "['example.org', 'a.test', 'b.test']"


def test_each_use_of_redis_has_a_database_of_its_own() -> None:
    shown = show(
        "settings.BROKER_URL, settings.BUDGET_URL, settings.CACHES['default']['LOCATION']",
        REDIS_URL="redis://127.0.0.1:6379",
    )

    assert shown == "redis://127.0.0.1:6379/0 redis://127.0.0.1:6379/1 redis://127.0.0.1:6379/2"
