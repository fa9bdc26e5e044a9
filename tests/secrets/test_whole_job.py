"""After the whole job no secret stands anywhere, and words of private repositories only where they belong."""

import logging
import secrets
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings as the_settings
from django.core.cache import cache
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Credential, User
from sync.consent import Choice
from sync.models import SyncRun
from tests.providers import GITHUB_CALLBACK, OPENHUMANS_CALLBACK, Providers
from tests.repositories import Repository
from tests.secrets.inventory import may_hold_private_names
from tests.secrets.logs import unscrubbed
from tests.secrets.search import Search, our_columns
from tests.secrets.wire import tapped
from tests.sync.tracking.rides import collect_all, ride
from tests.sync.world import living

pytestmark = pytest.mark.django_db(transaction=True)
REDIS = ("BROKER_URL", "BUDGET_URL", "METRICS_URL")


def look_everywhere(search: Search, log: str) -> None:
    assert search.tables() > len(our_columns())
    for name in REDIS:
        search.redis(getattr(the_settings, name))
    search.content("logs", log)


def test_signing_in_and_connecting_leave_no_secret_behind(
    client: Client, providers: Providers, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Promise 9: no code, state or token anywhere but in the encrypted columns."""
    caplog.set_level(logging.DEBUG)
    cache.clear()
    codes = [secrets.token_urlsafe(30), secrets.token_urlsafe(30)]
    with unscrubbed() as log, tapped(monkeypatch) as heard:
        states = []
        sent = providers.begin_sign_in(client)
        states.append(sent.parameters["state"])
        providers.openhumans_grants()
        answer = client.get(OPENHUMANS_CALLBACK, {"code": codes[0], "state": states[0]})
        assert answer.status_code == 302
        sent = providers.begin_connect(client)
        states.append(sent.parameters["state"])
        providers.github_grants()
        answer = client.get(GITHUB_CALLBACK, {"code": codes[1], "state": states[1]})
        assert answer.status_code == 302
    assert Credential.objects.count() == 2
    assert set(codes) <= set(heard.values()), "the codes were exchanged"
    assert any(name.startswith("code_verifier") for name in heard)

    search = Search(heard | {f"state {n}": state for n, state in enumerate(states)})
    look_everywhere(search, log.getvalue())

    assert search.findings == set()


def test_syncing_private_work_leaves_no_secret_behind(
    client: Client,
    tmp_path: Path,
    settings: Settings,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Promise 9: nor what was collected, but where the inventory says so."""
    caplog.set_level(logging.DEBUG)
    settings.OPENHUMANS_CLIENT_SECRET = "sandbox-secret"
    # Loggers that the settings keep quiet, because these print addresses and headers.
    for name in ("urllib3", "redis", "werkzeug", "sandbox"):
        caplog.set_level(logging.WARNING, logger=name)
    name, message, path = (f"{animal}-{uuid4().hex[:10]}" for animal in ("walrus", "penguin", "otter"))
    repository = Repository.create(tmp_path / "git" / name, f"{uuid4().hex[:12]}@example.org")
    repository.add((f"2026-0{month}-03T10:00:00+02:00" for month in range(1, 9)), message=message)
    repository.write({f"rides/{path}.gpx": ride("2026-08-04T06:00:00Z")}, "2026-08-05T10:00:00+02:00")
    repositories = {name: repository}
    with (
        unscrubbed() as log,
        tapped(monkeypatch) as heard,
        living(
            tmp_path, settings, repositories, choice=Choice.PRIVATE, private=(name,), token_lifetime=28_800
        ) as world,
    ):
        assert world.sync().state == SyncRun.State.SUCCEEDED
        # Again, with tokens that have expired.
        Credential.objects.update(expires_at=timezone.now())
        repository.add([(timezone.now() - timedelta(days=1)).isoformat("T", "seconds")], message=message)
        again = world.sync()
        assert (again.state, again.error) == (SyncRun.State.SUCCEEDED, "")
        assert again.uploads
        collect_all(world)
        client.force_login(world.member)
        for page in ("/dashboard/", "/tracks/"):
            assert client.get(page).status_code == 200
        for year_file in world.subscription.year_files.exclude(current_id=None):
            download = client.get(f"/files/{year_file.pk}/")
            assert download.status_code == 200
            assert b"".join(download.streaming_content)  # type: ignore[attr-defined]
        for credential in Credential.objects.select_related("identity"):
            for token in (credential.access_token, credential.refresh_token):
                heard[f"stored {credential.identity.provider} {len(heard)}"] = str(token)
        files = b"".join(world.stored().values()).decode()

    kinds = {place.split()[0] for place in heard}
    assert kinds == {"access_token", "refresh_token", "client_secret", "Signature", "key", "stored"}
    search = Search(heard)
    look_everywhere(search, log.getvalue())
    assert search.findings == set()

    assert all(word in files for word in (name, message, path))
    words = Search({"name": name, "message": message, "path": path})
    look_everywhere(words, log.getvalue())
    places = {
        what: {f.place for f in words.findings if f.secret == what} for what in ("name", "path", "message")
    }
    assert places["message"] == set()
    assert "sync_trackplace.path" in places["path"]
    assert places["name"] | places["path"] <= may_hold_private_names()
    assert User.objects.filter(pk=world.member.pk).exists()
