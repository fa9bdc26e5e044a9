"""Looking for secrets wherever something may be written down, in the spellings they may have there."""

import base64
import gzip
import json
import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import psycopg
import redis
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.apps import apps
from django.db import connection, models
from psycopg import sql

# Shorter values would be found by chance.
SHORTEST = 8
# So many places are compared at once, which bounds the memory for a long log.
PIECE = 1 << 18
# What stands there encrypted, after decryption; as a place apart from the column itself.
SESSIONS = "what django_session.session_data holds"
# What docs/data-inventory.md lets stand there, until the person is back or has given up.
OF_AN_ATTEMPT = ("state", "code_verifier")
HEAD_BYTES, NONCE_BYTES = 5, 12


@dataclass(frozen=True, order=True)
class Finding:
    """Where a secret stands (a file, `table.column`, a Redis key, a log), and which one: never the value."""

    place: str
    secret: str


def spellings(value: str) -> set[bytes]:
    """The value as it is, URL-encoded, in JSON, and inside of any base64."""
    plain = value.encode()
    found = {
        plain,
        quote(value, safe="").encode(),
        quote_plus(value).encode(),
        json.dumps(value)[1:-1].encode(),
        plain.hex().encode(),
    }
    for shift in range(3):
        # What stands before decides how the letters fall: the first and last ones depend on neighbours.
        coded = base64.b64encode(b"\0" * shift + plain).rstrip(b"=")
        inner = coded[(0, 2, 3)[shift] : len(coded) - (len(coded) % 4 != 0)]
        found |= {inner, inner.replace(b"+", b"-").replace(b"/", b"_")}
    return found


class Search:
    """Collects every place in which one of the secrets, {what it is: its value}, is found."""

    def __init__(self, secrets: Mapping[str, str]) -> None:
        too_short = [name for name, value in secrets.items() if len(value) < SHORTEST]
        assert not too_short, f"too short to search for: {too_short}"
        # {how it begins: [what it is, and the whole of it]}; of thousands hardly one begins anywhere.
        self._needles: dict[bytes, list[tuple[str, bytes]]] = {}
        for name, value in secrets.items():
            for needle in spellings(value):
                self._needles.setdefault(needle[:SHORTEST], []).append((name, needle))
        self.findings: set[Finding] = set()

    def content(self, place: str, content: bytes | str) -> None:
        for data in unpacked(content.encode(errors="replace") if isinstance(content, str) else content):
            for beginning in self._beginnings_in(data):
                for name, needle in self._needles[beginning]:
                    if needle in data:
                        self.findings.add(Finding(place, name))

    def _beginnings_in(self, data: bytes) -> set[bytes]:
        found: set[bytes] = set()
        for start in range(0, len(data), PIECE):
            stop = min(start + PIECE, len(data) - SHORTEST + 1)
            found |= self._needles.keys() & {data[at : at + SHORTEST] for at in range(start, stop)}
        return found

    def files(self, folder: Path) -> int:
        """All files below, their names included; the number read."""
        number = 0
        for path in sorted(folder.rglob("*")):
            self.content(f"name of {path.relative_to(folder)}", path.name)
            if path.is_file() and not path.is_symlink():
                self.content(str(path.relative_to(folder)), path.read_bytes())
                number += 1
        return number

    def tables(self) -> int:
        """Every column of every table, also of other packages, and what sessions hold; the number read."""
        # Where only another installation is searched, Django may not be set up.
        from django.contrib.sessions.models import Session

        from accounts.sessions import held

        columns = 0
        with connection.cursor() as cursor:
            for table in connection.introspection.table_names(cursor):
                cursor.execute(f"SELECT * FROM {connection.ops.quote_name(table)}")  # noqa: S608
                names = [column.name for column in cursor.description]
                columns += len(names)
                for row in cursor.fetchall():
                    for name, value in zip(names, row, strict=True):
                        self.content(f"{table}.{name}", as_bytes(value))
        for session in Session.objects.all():
            self.content(SESSIONS, json.dumps(held(session), default=str))
        return columns

    def database(self, url: str, keys: list[bytes]) -> int:
        """The same of another installation's database, by its address; the number of columns read."""
        columns = 0
        with psycopg.connect(url, connect_timeout=10) as other:
            tables = other.execute("select tablename from pg_tables where schemaname = 'public'").fetchall()
            for (table,) in tables:
                rows = other.execute(sql.SQL("select * from {}").format(sql.Identifier(table)))
                names = [column.name for column in rows.description or ()]
                columns += len(names)
                for row in rows:
                    for name, value in zip(names, row, strict=True):
                        self.content(f"{table}.{name}", as_bytes(value))
            for key, value in other.execute("select session_key, session_data from django_session"):
                place = f"django_session.session_data:{key}"
                self.content(SESSIONS, decrypted(base64.b64decode(value), place, keys))
        return columns

    def redis(self, url: str) -> int:
        """Every key and value of one Redis database; the number of keys."""
        with redis.Redis.from_url(url) as server:
            keys = list(server.scan_iter(count=1000))
            for key in keys:
                place = f"redis {key.decode(errors='replace')}"
                self.content(place, key)
                self.content(place, as_bytes(_value(server, key)))
        return len(keys)


def decrypted(value: bytes, place: str, keys: list[bytes]) -> bytes:
    """What an installation with these keys has encrypted."""
    nonce, sealed = value[HEAD_BYTES : HEAD_BYTES + NONCE_BYTES], value[HEAD_BYTES + NONCE_BYTES :]
    return AESGCM(keys[0]).decrypt(nonce, sealed, place.encode())


def unpacked(data: bytes) -> Iterator[bytes]:
    """The bytes, and what they hold compressed."""
    yield data
    for unpack in (gzip.decompress, zlib.decompress):
        try:
            yield unpack(data)
        except (OSError, zlib.error, EOFError):
            continue


def as_bytes(value: Any) -> bytes:
    if isinstance(value, (bytes, bytearray, memoryview)):
        return bytes(value)
    if isinstance(value, str):
        return value.encode(errors="replace")
    if isinstance(value, Mapping):
        return b"\n".join(as_bytes(key) + b" " + as_bytes(item) for key, item in value.items())
    if isinstance(value, Iterable):
        return b"\n".join(map(as_bytes, value))
    return b"" if value is None else str(value).encode()


def _value(server: "redis.Redis", key: bytes) -> Any:
    match server.type(key):
        case b"string":
            return server.get(key)
        case b"hash":
            return server.hgetall(key)
        case b"list":
            return server.lrange(key, 0, -1)
        case b"set":
            return server.smembers(key)
        case b"zset":
            return server.zrange(key, 0, -1)
        case b"stream":
            return server.xrange(key)
    return None  # gone meanwhile


def our_columns() -> set[str]:
    """`table.column` of every model of ours."""
    return {
        f"{model._meta.db_table}.{column.column}"
        for model in apps.get_models()
        if model._meta.app_label in ("accounts", "sync")
        for column in model._meta.get_fields()
        if isinstance(column, models.Field) and column.concrete and not column.many_to_many
    }
