"""The search is worth something only if it finds: a secret planted in each place, in each spelling."""

import base64
import gzip
import logging
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

import pytest
import redis
from django.conf import settings
from django.contrib.admin.models import LogEntry
from django.test import Client

from accounts.models import User
from sync.models import Subscription
from tests.secrets.logs import unscrubbed
from tests.secrets.search import SESSIONS, Finding, Search, our_columns

SECRET = "oh-16C7e42F/292c+6912=E7710c838347Ae178B4a"


@pytest.fixture
def search() -> Search:
    return Search({"a token": SECRET})


@pytest.fixture
def server() -> Iterator["redis.Redis"]:
    with redis.Redis.from_url(settings.METRICS_URL) as server:
        yield server
        server.delete("planted", f"planted:{SECRET}")


SPELLINGS = {
    "plain": SECRET,
    "URL-encoded": quote(SECRET, safe=""),
    "hexadecimal": SECRET.encode().hex(),
    **{
        f"base64 after {n} letters": base64.b64encode(b"x" * n + SECRET.encode() + b"y" * m).decode()
        for n in range(4)
        for m in range(3)
    },
    "URL-safe base64": base64.urlsafe_b64encode(b"user:" + SECRET.encode()).decode(),
    "JSON in JSON": '{"text": "{\\"token\\": \\"' + SECRET + '\\"}"}',
}


@pytest.mark.parametrize("spelling", SPELLINGS.values(), ids=SPELLINGS.keys())
def test_every_spelling_is_found(search: Search, spelling: str) -> None:
    search.content("a line", f"before {spelling} after")
    assert search.findings == {Finding("a line", "a token")}


def test_nothing_is_found_where_nothing_is(search: Search) -> None:
    search.content("a line", f"{SECRET[:20]} {SECRET[21:]}")
    assert search.findings == set()


def test_a_secret_too_short_to_be_searched_for_is_an_error() -> None:
    with pytest.raises(AssertionError, match="too short"):
        Search({"a pin": "1234"})


def test_it_is_found_in_files_and_their_names(search: Search, tmp_path: Path) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "web.log").write_text(f"GET /?token={SECRET}")
    (tmp_path / "old.gz").write_bytes(gzip.compress(SECRET.encode()))
    (tmp_path / quote(SECRET, safe="")).write_text("")

    assert search.files(tmp_path) == 3
    assert len(search.findings) == 3


@pytest.mark.django_db
def test_it_is_found_in_every_table(search: Search, subscription: Subscription, operator: User) -> None:
    search.tables()
    assert search.findings == set()
    Subscription.objects.update(reason=SECRET, lists={"issues": {"cursor": SECRET}})
    LogEntry.objects.create(user=operator, object_repr=SECRET[:200], action_flag=1)
    User.objects.filter(pk=operator.pk).update(first_name=SECRET)

    assert search.tables() > len(our_columns())
    assert {finding.place for finding in search.findings} == {
        "sync_subscription.reason",
        "sync_subscription.lists",
        "django_admin_log.object_repr",
        "accounts_user.first_name",
    }


@pytest.mark.django_db
def test_it_is_found_in_what_sessions_hold_encrypted(search: Search, client: Client) -> None:
    session = client.session
    session["next"] = f"/somewhere?token={SECRET}" + "x" * 500
    session.save()

    search.tables()

    assert search.findings == {Finding(SESSIONS, "a token")}


def test_it_is_found_in_redis(search: Search, server: "redis.Redis") -> None:
    server.set(f"planted:{SECRET}", 1)
    search.redis(settings.METRICS_URL)
    assert len(search.findings) == 1
    for plant in (
        lambda: server.set("planted", SECRET),
        lambda: server.hset("planted", "field", SECRET),
        lambda: server.rpush("planted", SECRET),
        lambda: server.sadd("planted", SECRET),
        lambda: server.zadd("planted", {SECRET: 1}),
        lambda: server.xadd("planted", {"field": SECRET}),
    ):
        fresh = Search({"a token": SECRET})
        server.delete("planted")
        plant()
        fresh.redis(settings.METRICS_URL)
        assert Finding("redis planted", "a token") in fresh.findings


@pytest.mark.parametrize("name", ["sync", "django.request"])
def test_it_is_found_in_logs_although_it_would_be_taken_out_of_them(name: str) -> None:
    token = "gho_16C7e42F292c6912E7710c838347Ae178B4a"
    with unscrubbed() as log:
        try:
            raise RuntimeError(token)
        except RuntimeError:
            logging.getLogger(name).exception("failed")
    search = Search({"a token": token})
    search.content("logs", log.getvalue())
    assert search.findings == {Finding("logs", "a token")}
