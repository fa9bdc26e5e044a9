"""Addresses of servers as hosts give them: with TLS and certificates of the host's own making."""

from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import redis
from django.db import connection

from accounts.models import User
from config.run.embedded import start_server, throw_away_server
from config.run.interrupt import Interrupt
from config.run.supervisor import Supervisor
from tests.config.test_settings import complaint, show, start
from tests.config.tls import HOST, make_certificate, tls_in_front_of

# Every use that is made of Redis, each through the settings of a process that starts with this address.
USES = """
import django
django.setup()
from datetime import UTC, datetime
import dramatiq, sync.actors
from django.core.cache import cache
from accounts.models import User
from accounts.throttle import is_over_limit
from config import health
from github_client import Budget
from github_client.errors import RateLimited
from sync import credentials, queues, scanning
from sync.operators import counters

cache.set("word", "kept", 60)
print("cache", cache.get("word"))
print("throttle", *[is_over_limit("trying", "somebody", 2, 60) for _ in range(3)])
scanning.note_scan(datetime(2026, 5, 4, tzinfo=UTC))
print("scan", scanning.last_scan())
budget = Budget(credentials._budget_connection(), "github:1", "graphql", limit=10, reserve=0)
budget.acquire(8)
try:
    budget.acquire(8)
except RateLimited as limited:
    print("budget", limited.kind)
counters.count("weeks_fetched", amount=3)
counters.flush()
print("counters", counters.read()[("weeks_fetched",)])
print("health", repr(health.redis_problem()), repr(health.database_problem()))

@dramatiq.actor(queue_name="trying")
def keep(word):
    cache.set("carried", word, 60)

broker = dramatiq.get_broker()
keep.send("by the broker")
worker = dramatiq.Worker(broker, queues={"trying"}, worker_timeout=50, worker_threads=1)
worker.start()
broker.join("trying")
worker.stop()
print("broker", cache.get("carried"), queues.ready() > 0)
print("members", User.objects.count())
"""
USED = """\
cache kept
throttle False False True
scan 2026-05-04 00:00:00+00:00
budget budget
counters 3.0
health '' ''
broker by the broker True
members 1
"""


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return make_certificate(tmp_path)


@pytest.fixture
def hosted_redis(tmp_path: Path, certificate: Path) -> Iterator[str]:
    """The address of a server that is reached with TLS only, without the query."""
    supervisor = Supervisor(Interrupt(), say=lambda _text: None)
    try:
        url = start_server(throw_away_server("REDIS_URL", tmp_path, "a-pass-word"), supervisor)
        with tls_in_front_of(int(urlsplit(url).port or 0), certificate) as port:
            yield f"rediss://:a-pass-word@{HOST}:{port}"
    finally:
        supervisor.stop()


def database_url(scheme: str, port: int, query: str) -> str:
    place = connection.settings_dict
    return f"{scheme}://{place['USER']}:{place['PASSWORD']}@{HOST}:{port}/{place['NAME']}{query}"


@pytest.mark.django_db(transaction=True)
def test_everything_works_where_both_servers_want_tls_and_sign_their_own_certificates(
    hosted_redis: str, certificate: Path, member: User
) -> None:
    plain_port = int(connection.settings_dict["PORT"])
    with tls_in_front_of(plain_port, certificate, is_postgres=True) as port:
        done = start(
            USES,
            REDIS_URL=f"{hosted_redis}?ssl_cert_reqs=none",
            DATABASE_URL=database_url("postgres", port, "?sslmode=require"),
        )

    assert (done.returncode, done.stdout) == (0, USED), done.stderr


def test_a_certificate_is_checked_unless_the_address_says_otherwise(
    hosted_redis: str, certificate: Path
) -> None:
    """So where the host's own authority is a file, nobody in between is believed."""
    with redis.Redis.from_url(f"{hosted_redis}/0?ssl_ca_certs={certificate}") as server:
        assert server.ping()
    with (
        redis.Redis.from_url(f"{hosted_redis}/0") as server,
        pytest.raises(redis.ConnectionError, match=r"self.signed certificate"),
    ):
        server.ping()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
def test_both_names_of_postgres_are_understood(scheme: str, member: User) -> None:
    url = database_url(scheme, int(connection.settings_dict["PORT"]), "?sslmode=prefer&connect_timeout=5")
    done = start(
        "import django; django.setup(); from accounts.models import User; print(User.objects.count())",
        DATABASE_URL=url,
    )
    assert (done.returncode, done.stdout) == (0, "1\n"), done.stderr


def test_a_pass_word_may_hold_any_letter_in_the_spelling_of_addresses() -> None:
    shown = show(
        "settings.DATABASES['default']['PASSWORD'], settings.DATABASES['default']['OPTIONS']['sslmode'], "
        "settings.BROKER_URL",
        DATABASE_URL="postgres://u:p%40s%2Fs%3A%23@db.example.org:5432/d?sslmode=require",
        REDIS_URL="rediss://:p%40s%2Fs@redis.example.org:6380?ssl_cert_reqs=none",
    )
    assert shown == ("p@s/s:# require rediss://:p%40s%2Fs@redis.example.org:6380/0?ssl_cert_reqs=none")


def test_how_long_postgres_is_waited_for_can_stand_in_its_address() -> None:
    options = "settings.DATABASES['default']['OPTIONS']"
    shown = show(
        f"{options}['connect_timeout'], {options}['tcp_user_timeout']",
        DATABASE_URL="postgres://u:p@db.example.org:5432/d?connect_timeout=17",
    )
    assert shown == "17 10000"


def test_a_certificate_check_in_the_words_of_other_libraries_is_refused_at_the_start() -> None:
    """CERT_NONE is how the app before this one was told."""
    said = complaint(start(REDIS_URL="rediss://redis.example.org:6380?ssl_cert_reqs=CERT_NONE"))
    assert said == "REDIS_URL wants ssl_cert_reqs to be one of none, optional, required."
