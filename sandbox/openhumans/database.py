"""SQLite beside the files, and the stand-in's own clock, which tests may move forward.

All times in it are seconds since 1970 by that clock.
"""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

_SCHEMA = """
create table if not exists settings (name text primary key, value text not null);
create table if not exists members (
    id text primary key, created real not null, is_joined integer not null, erasure_requested_at real);
create table if not exists codes (
    code text primary key, client_id text, member text, redirect_uri text, scope text,
    challenge text, challenge_method text, expires real);
create table if not exists tokens (
    id integer primary key, client_id text, member text, scope text, access text unique, access_expires real,
    refresh text unique);
create table if not exists files (
    id integer primary key autoincrement, member text, source text, basename text, object text, created real,
    metadata text, is_complete integer not null default 0, etag text);
create table if not exists keys (key text primary key, file_id integer, expires real);
create table if not exists messages (id integer primary key, member text, subject text, message text, sent
real);
"""


class Database:
    """One connection for all threads. Within `transaction` nothing of another thread comes between."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.RLock()
        self._connection = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self._connection.row_factory = sqlite3.Row
        self._connection.execute("pragma journal_mode = wal")
        self._connection.executescript(_SCHEMA)
        self._clock_offset = float(self.setting("clock_offset", "0"))

    def now(self) -> float:
        return time.time() + self._clock_offset

    def advance(self, seconds: float) -> None:
        with self.transaction():
            self._clock_offset += seconds
            self.run("update settings set value = ? where name = 'clock_offset'", str(self._clock_offset))

    def setting(self, name: str, default: str) -> str:
        with self._lock:
            self.run("insert or ignore into settings values (?, ?)", name, default)
            return str(self.rows("select value from settings where name = ?", name)[0]["value"])

    def rows(self, query: str, *values: Any) -> list[sqlite3.Row]:
        with self._lock:
            return self._connection.execute(query, values).fetchall()

    def run(self, statement: str, *values: Any) -> int:
        with self._lock:
            return self._connection.execute(statement, values).rowcount

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._lock:
            if self._connection.in_transaction:
                yield
                return
            self._connection.execute("begin immediate")
            try:
                yield
            except BaseException:
                self._connection.execute("rollback")
                raise
            self._connection.execute("commit")
