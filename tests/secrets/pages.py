"""Pages served by this process: what they left in tables, Redis, logs and temporary files, test by test."""

import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from django.conf import settings
from playwright.sync_api import Request

from accounts.models import Credential
from sync.models import Subscription
from tests.browser.conftest import Visitor
from tests.secrets.inventory import may_hold_private_names
from tests.secrets.logs import unscrubbed
from tests.secrets.planted import MARKER, PRIVATE_NAMES
from tests.secrets.search import OF_AN_ATTEMPT, SESSIONS, SHORTEST, Finding, Search
from tests.secrets.wire import secrets_in

REDIS = ("BROKER_URL", "BUDGET_URL", "METRICS_URL")
SETTINGS = ("SECRET_KEY", "OPENHUMANS_CLIENT_SECRET", "OPENHUMANS_WEBHOOK_SECRET", "GITHUB_CLIENT_SECRET")
ALLOWED = {Finding(SESSIONS, what) for what in OF_AN_ATTEMPT}


@pytest.fixture(autouse=True)
def searched(
    visitor: Visitor, subscription: Subscription, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """The member's tokens, our own secrets, whatever secret a browser was sent to an address with, and the
    words of a private repository.
    """
    heard: dict[str, str] = {}

    def hear(request: Request) -> None:
        heard.update(secrets_in(request.url))

    visitor.context.on("request", hear)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with unscrubbed() as log:
        yield
    found = leaks(heard | known(), log.getvalue(), temporary)
    assert not found, f"Secrets stand where they must not: {sorted(found)}"


def known() -> dict[str, str]:
    """{value: what it is}"""
    values = {getattr(settings, name): name for name in SETTINGS}
    for credential in Credential.objects.select_related("identity"):
        values |= {credential.access_token: "access token", credential.refresh_token or "": "refresh token"}
    return values


def leaks(secrets: Mapping[str, str], log: str, temporary: Path) -> set[Finding]:
    values = [(value, what) for value, what in secrets.items() if len(value) >= SHORTEST]
    values += [*PRIVATE_NAMES.items(), (MARKER, "a message")]
    search = Search({f"{what} ({number})": value for number, (value, what) in enumerate(values)})
    search.tables()
    for name in REDIS:
        search.redis(getattr(settings, name))
    search.content("logs", log)
    search.files(temporary)
    found = {Finding(finding.place, finding.secret.rpartition(" (")[0]) for finding in search.findings}
    return {one for one in found - ALLOWED if not _is_name_in_its_place(one)}


def _is_name_in_its_place(finding: Finding) -> bool:
    return finding.secret in PRIVATE_NAMES.values() and finding.place in may_hold_private_names()
