"""The benchmarks empty what they measure, so that they only begin where nothing is."""

import sys

from django.conf import settings
from django.db import connection
from django.db.backends.utils import CursorWrapper
from redis import Redis

ADVICE = (
    "Benchmarks end by emptying both. Unset DATABASE_URL and REDIS_URL, and servers of their own are started."
)


def require_empty_servers() -> None:
    """Refuses a database with any table and a Redis with any key: they are somebody's."""
    with connection.cursor() as cursor, Redis.from_url(settings.REDIS_URL) as client:
        refuse(what_is_in_use(cursor, client))


def refuse(found: list[str]) -> None:
    if found:
        sys.exit(f"Nothing was measured or changed: {' and '.join(found)}. {ADVICE}")


def what_is_in_use(cursor: CursorWrapper, client: Redis) -> list[str]:
    """In words; empty where both are. Every schema and every database of Redis counts."""
    cursor.execute(
        "select count(*) from pg_catalog.pg_tables"
        " where schemaname not in ('pg_catalog', 'information_schema')"
    )
    (tables,) = cursor.fetchone()
    keys = sum(database["keys"] for database in client.info("keyspace").values())
    found = []
    if tables:
        found.append(f"DATABASE_URL names a database with {tables} tables")
    if keys:
        found.append(f"REDIS_URL names a server with {keys} keys")
    return found
