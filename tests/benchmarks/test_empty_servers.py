import subprocess

import pytest
from django.conf import settings
from django.db import connection
from redis import Redis

from tests.benchmarks.bench import set_up
from tests.benchmarks.empty_servers import what_is_in_use
from tests.benchmarks.service import ROOT


@pytest.mark.django_db
def test_a_database_with_tables_is_refused_before_anything_is_changed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    changed: list[str] = []
    monkeypatch.setattr("django.core.management.call_command", lambda name, **_options: changed.append(name))
    with pytest.raises(SystemExit, match="DATABASE_URL names a database with"):
        set_up()
    assert changed == []


@pytest.mark.django_db
def test_a_redis_with_a_key_in_any_database_is_refused() -> None:
    with Redis.from_url(settings.BUDGET_URL) as client, connection.cursor() as cursor:
        client.set("benchmarks:somebody", "here")
        try:
            found = what_is_in_use(cursor, client)
        finally:
            client.delete("benchmarks:somebody")
    assert "REDIS_URL names a server with" in found[-1]


@pytest.mark.django_db
def test_a_database_without_tables_is_not_in_use() -> None:
    with connection._nodb_cursor() as cursor, Redis.from_url(settings.REDIS_URL) as client:
        assert not any("DATABASE_URL" in each for each in what_is_in_use(cursor, client))


def test_make_bench_starts_servers_of_its_own_whatever_the_shell_names() -> None:
    shown = subprocess.run(["make", "-n", "bench"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert "env -u DATABASE_URL -u REDIS_URL .venv/bin/python -m config.run servers" in shown.stdout
