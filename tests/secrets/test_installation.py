"""The search of a whole installation finds a leak planted in each of its places, and nothing else."""

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
import sentry_sdk
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.db import connection

from accounts.models import Credential, User
from accounts.sessions import SessionStore
from sandbox.openhumans.database import Database
from sync.models import RepositoryState, Subscription
from tests.secrets.installation import Installation, of_make_run, search
from tests.secrets.inventory import may_hold_private_names
from tests.secrets.reports import ErrorReports
from tests.secrets.search import SESSIONS
from tests.secrets.wire import secrets_in

pytestmark = pytest.mark.django_db(transaction=True)
HEARD = "heard-on-the-wire-7f3a9c"
WORD = "a-penguin-in-a-message"
NAME = "a-walrus-in-a-name"


@pytest.fixture
def installation(tmp_path: Path, subscription: Subscription) -> Iterator[Installation]:
    place = connection.settings_dict
    address = f"{place['USER']}:{place['PASSWORD']}@{place['HOST']}:{place['PORT']}/{place['NAME']}"
    env = {
        "DATABASE_URL": f"postgres://{address}",
        "REDIS_URL": settings.REDIS_URL + "/0",
        "SECRET_KEY": settings.SECRET_KEY,
        "TOKEN_KEYS": os.environ["TOKEN_KEYS"],
        "GITHUB_CLIENT_SECRET": "the-client-secret-of-github",
    }
    (tmp_path / "logs").mkdir()
    (tmp_path / "tmp").mkdir()
    yield Installation(tmp_path, env, {HEARD: "code"}, {WORD: "a message"}, {NAME: "a name"})
    with redis.Redis.from_url(settings.REDIS_URL + "/2") as server:
        server.delete("planted")


def found(installation: Installation) -> set[tuple[str, str]]:
    return {(finding.place, finding.secret.rpartition(" (")[0]) for finding in search(installation)}


def test_nothing_is_found_where_nothing_is(installation: Installation) -> None:
    assert found(installation) == set()


@pytest.mark.parametrize("name", ["web.log", "worker.log", "scheduler.log", "postgres.log", "valkey.log"])
def test_it_is_found_in_what_processes_say(installation: Installation, name: str) -> None:
    line = f'127.0.0.1 "GET /accounts/github/login/callback/?code={quote(HEARD)}" 302\n'
    (installation.folder / "logs" / name).write_text(line)
    assert found(installation) == {(f"logs/{name}", "code")}


def test_it_is_found_in_temporary_files_and_their_names(installation: Installation) -> None:
    (installation.folder / "tmp" / "upload").write_bytes(b"\0\1" + WORD.encode())
    (installation.folder / "tmp" / WORD).write_bytes(b"")
    assert found(installation) == {("tmp/upload", "a message"), (f"name of tmp/{WORD}", "a message")}


def test_it_is_found_in_tables_and_sessions(installation: Installation, operator: User) -> None:
    LogEntry.objects.create(user=operator, object_repr=HEARD, action_flag=1)
    Subscription.objects.update(reason=f"It said: {WORD}")
    session = SessionStore()
    session["address"] = f"/callback/?code={HEARD}" + "x" * 300
    session.save()
    assert found(installation) == {
        ("django_admin_log.object_repr", "code"),
        ("sync_subscription.reason", "a message"),
        (SESSIONS, "code"),
    }


@pytest.mark.parametrize("what", ["state", "code_verifier"])
def test_what_an_attempt_needs_may_stand_in_its_session_encrypted_and_nowhere_else(
    installation: Installation, what: str
) -> None:
    session = SessionStore()
    session["socialaccount_states"] = {HEARD: [{"pkce_code_verifier": HEARD}, 0.0, "github"]}
    session.save()
    attempt = replace(installation, heard={HEARD: what})
    assert found(attempt) == set()

    (installation.folder / "logs" / "web.log").write_text(HEARD)
    assert found(attempt) == {("logs/web.log", what)}


def test_it_is_found_in_redis(installation: Installation) -> None:
    with redis.Redis.from_url(settings.REDIS_URL + "/2") as server:
        server.hset("planted", "field", WORD)
    assert found(installation) == {("redis planted", "a message")}


def test_it_is_found_in_error_reports(installation: Installation) -> None:
    """As a process without our scrubbing would send them: packed."""
    reports = ErrorReports(installation.folder / "reports")
    client = sentry_sdk.Client(dsn=reports.dsn, default_integrations=False)
    client.capture_event({"message": f"GET /callback/?code={HEARD}", "extra": {"text": f"{WORD} " * 500}})
    client.close(timeout=10)
    reports.close()
    assert len(reports.texts()) == 1
    assert found(installation) == {("reports/envelope-1", "code"), ("reports/envelope-1", "a message")}


def test_a_private_name_may_stand_in_the_columns_of_the_inventory_and_nowhere_else(
    installation: Installation, subscription: Subscription
) -> None:
    RepositoryState.objects.create(
        subscription=subscription, node_id="R_1", database_id=1, name=f"octocat/{NAME}", visibility="private"
    )
    assert "sync_repositorystate.name" in may_hold_private_names()
    assert found(installation) == set()

    Subscription.objects.update(reason=f"{NAME} cannot be read.", probe={"heads": {NAME: WORD}})
    (installation.folder / "logs" / "worker.log").write_text(f"reading {NAME}")
    assert found(installation) == {
        ("sync_subscription.reason", "a name"),
        ("sync_subscription.probe", "a message"),
        ("logs/worker.log", "a name"),
    }


def test_stored_tokens_are_searched_for_although_no_wire_has_shown_them(installation: Installation) -> None:
    token = Credential.objects.get(identity__provider="github").access_token
    (installation.folder / "logs" / "worker.log").write_text(f"refused: {token}")
    assert found(installation) == {("logs/worker.log", "stored access_token")}


@pytest.mark.parametrize("name", ["SECRET_KEY", "TOKEN_KEYS", "GITHUB_CLIENT_SECRET"])
def test_secrets_of_the_settings_are_searched_for(installation: Installation, name: str) -> None:
    (installation.folder / "core").write_text(f"... {installation.env[name]} ...")
    assert found(installation) == {("core", name)}


def test_what_open_humans_gave_is_searched_for(installation: Installation) -> None:
    (installation.folder / "openhumans").mkdir()
    database = Database(installation.folder / "openhumans" / "state.sqlite3")
    database.run("insert into keys values ('a-download-key', 1, 0)")
    (installation.folder / "logs" / "web.log").write_text("GET https://.../?key=a-download-key")
    assert found(installation) == {("logs/web.log", "key at Open Humans")}


def test_files_of_the_member_and_of_the_servers_are_not_searched(installation: Installation) -> None:
    for name in ("openhumans", "postgres", "valkey"):
        (installation.folder / name).mkdir()
        (installation.folder / name / "file").write_text(WORD)
    (installation.folder / "secrets.json").write_text(json.dumps({"SECRET_KEY": settings.SECRET_KEY}))
    assert found(installation) == set()


def test_what_make_run_keeps_is_understood(tmp_path: Path) -> None:
    names = ["SECRET_KEY", "TOKEN_KEYS", "POSTGRES_PASSWORD", "VALKEY_PASSWORD"]
    names += [f"SANDBOX_{name}_SECRET" for name in ("OPENHUMANS", "GITHUB", "WEBHOOK")]
    (tmp_path / "secrets.json").write_text(json.dumps({name: f"{name}-value" for name in names}))
    (tmp_path / "ports.json").write_text(json.dumps({"DATABASE_URL": "5001", "REDIS_URL": "5002"}))
    env = of_make_run(tmp_path, heard={}, words={}).env
    assert (
        env["DATABASE_URL"] == "postgres://app:POSTGRES_PASSWORD-value@127.0.0.1:5001/github_for_open_humans"
    )
    assert env["REDIS_URL"] == "redis://:VALKEY_PASSWORD-value@127.0.0.1:5002/0"


@pytest.mark.parametrize(
    ("text", "value", "name"),
    [
        ("GET /callback/?code=abcdefgh12&state=zyxwvuts98", "abcdefgh12", "code"),
        ("GET /callback/?code=abcdefgh12&state=zyxwvuts98", "zyxwvuts98", "state"),
        ("Authorization: Bearer abcdefgh12", "abcdefgh12", "authorization"),
        ('{"access_token": "abc%2Fdefgh12"}', "abc/defgh12", "access_token"),
        (
            "grant_type=authorization_code&code=abcdefgh12&code_verifier=zyxwvuts98",
            "zyxwvuts98",
            "code_verifier",
        ),
        ("code=abcdefgh12&client_secret=zyxwvuts98", "abcdefgh12", "code"),
        ('"download_url": "http://x/y?key=abcdefgh12"', "abcdefgh12", "key"),
        ("PUT /storage/a?Signature=abcdefgh12%3D&Expires=1", "abcdefgh12=", "signature"),
    ],
)
def test_secrets_on_the_wire_are_recognised(text: str, value: str, name: str) -> None:
    assert secrets_in(text)[value] == name


def test_ordinary_words_are_none() -> None:
    assert secrets_in('{"state": "complete", "code": "not_found", "key": "value-of-it"}') == {}
