"""What load balancers and monitors are told."""

import socket
from datetime import timedelta
from typing import Any

import pytest
import redis
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from config import health
from sync import scanning

NOBODY_LISTENS = "redis://127.0.0.1:1/0"
TOKEN = "a-status-token-of-thirty-letters"
SHOWN = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(autouse=True)
def all_is_well(settings: Settings) -> None:
    settings.STATUS_TOKEN = TOKEN
    scanning.note_scan(timezone.now())


# --- Alive -------------------------------------------------------------------------------------------------


def test_a_process_lives_whatever_happens_to_the_servers(client: Client, settings: Settings) -> None:
    """Without the database fixture every query is an error."""
    settings.BROKER_URL = NOBODY_LISTENS

    response = client.get("/healthz")

    assert (response.status_code, response.json()) == (200, {"alive": True})
    assert "no-store" in response["Cache-Control"]


def test_a_probe_comes_by_ip_and_without_tls(client: Client, settings: Settings) -> None:
    settings.SITE_URL, settings.ALLOWED_HOSTS = "https://github.example.org", ["github.example.org"]
    settings.SECURE_SSL_REDIRECT = True

    assert client.get("/healthz", headers={"Host": "10.1.2.3:8000"}).status_code == 200
    assert client.post("/healthz", headers={"Host": "10.1.2.3:8000"}).status_code == 405
    assert client.get("/readyz", headers={"Host": "10.1.2.3:8000"}).status_code == 400
    assert client.get("/readyz", headers={"Host": "github.example.org"}).status_code == 301


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_they_are_only_read(client: Client, path: str) -> None:
    assert client.post(path).status_code == 405


# --- Ready -------------------------------------------------------------------------------------------------


def test_it_is_ready_when_everything_is_there(client: Client, db: None) -> None:
    response = client.get("/readyz")

    assert (response.status_code, response.json()) == (200, {"ready": True})


def test_details_are_for_those_who_show_the_token(client: Client, db: None) -> None:
    answer = client.get("/readyz", headers=SHOWN).json()

    assert 0 <= answer.pop("scan_age_seconds") < 60
    assert answer == {"ready": True, "postgres": "ok", "redis": "ok", "migrations": "ok", "scan": "ok"}


@pytest.mark.parametrize("shown", ["", TOKEN, "Bearer", "Bearer wrong", f"Basic {TOKEN}", "Bearer ü"])
def test_others_learn_only_whether_it_is_ready(client: Client, db: None, shown: str) -> None:
    assert client.get("/readyz", headers={"Authorization": shown}).json() == {"ready": True}


def test_without_a_token_in_the_settings_nobody_has_it(client: Client, db: None, settings: Settings) -> None:
    settings.STATUS_TOKEN = ""
    assert client.get("/readyz", headers={"Authorization": "Bearer "}).json() == {"ready": True}


def test_redis_away_is_told(client: Client, db: None, settings: Settings) -> None:
    settings.BROKER_URL = NOBODY_LISTENS

    response = client.get("/readyz", headers=SHOWN)

    assert response.status_code == 503
    assert response.json()["redis"] == "Redis does not answer."
    assert response.json()["postgres"] == "ok"


def test_postgres_away_is_told(client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise DatabaseError("the server closed the connection")

    with monkeypatch.context() as patch:
        patch.setattr(connection, "cursor", refuse)
        response = client.get("/readyz", headers=SHOWN)

    assert response.status_code == 503
    assert response.json()["postgres"] == "Postgres does not answer."
    assert response.json()["migrations"].startswith("Unknown")


def test_a_postgres_that_accepts_and_never_answers_is_told_in_time(
    client: Client, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As where packets are dropped; it is waited for once, though two checks need it."""
    nowhere = connection.copy()
    assert 2 < nowhere.settings_dict["OPTIONS"]["connect_timeout"] < 10
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        # Two seconds are the least that there is.
        options = nowhere.settings_dict["OPTIONS"] | {"connect_timeout": 2}
        there = {"HOST": "127.0.0.1", "PORT": nobody.getsockname()[1], "OPTIONS": options}
        nowhere.settings_dict.update(there)
        monkeypatch.setattr(health, "connection", nowhere)
        response = client.get("/readyz", headers=SHOWN)
        nobody.setblocking(False)
        nobody.accept()[0].close()
        with pytest.raises(BlockingIOError):
            nobody.accept()

    assert response.status_code == 503
    assert response.json()["postgres"] == "Postgres does not answer."
    assert response.json()["migrations"] == health.UNKNOWN
    assert response.json()["redis"] == "ok"


def test_a_migration_that_is_not_applied_is_told(client: Client, db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("DELETE FROM django_migrations WHERE app = 'accounts' AND name LIKE '0005%%'")

    response = client.get("/readyz", headers=SHOWN)

    assert response.status_code == 503
    assert response.json()["migrations"] == "1 migrations are not applied. Run manage.py migrate."


def test_an_old_scan_is_told(client: Client, db: None, settings: Settings) -> None:
    settings.SCAN_AGE_LIMIT_SECONDS = 600
    scanning.note_scan(timezone.now() - timedelta(minutes=11))

    response = client.get("/readyz", headers=SHOWN)

    assert response.status_code == 503
    assert response.json()["scan"].startswith("The last scan is 660 s ago, more than 600 s.")


def test_a_scan_that_nobody_remembers_is_told(client: Client, db: None) -> None:
    cache.delete(scanning.MOMENT_KEY)

    response = client.get("/readyz", headers=SHOWN)

    assert (response.status_code, response.json()["scan_age_seconds"]) == (503, None)


def test_redis_away_does_not_stop_a_scan(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any, **options: Any) -> None:
        raise redis.ConnectionError("away")

    monkeypatch.setattr(cache, "set", refuse)
    monkeypatch.setattr(cache, "get", refuse)
    scanning.note_scan(timezone.now())
    assert scanning.last_scan() is None
