"""Searching a whole running installation, as `make run` or a drill has started it."""

import base64
import binascii
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg

from sandbox.openhumans.database import Database
from tests.secrets.inventory import may_hold_private_names
from tests.secrets.search import OF_AN_ATTEMPT, SESSIONS, SHORTEST, Finding, Search, decrypted

# Of the other side, or secrets by their nature.
NOT_OURS = ("openhumans", "sandbox-github.log", "sandbox-openhumans.log")
SECRET_FILES = ("secrets.json", "valkey.conf")
# Searched through SQL and through Redis instead.
SERVERS = ("postgres", "valkey", "static")
NAMES_OF_SECRETS = (
    "SECRET_KEY",
    "OPENHUMANS_CLIENT_SECRET",
    "OPENHUMANS_WEBHOOK_SECRET",
    "GITHUB_CLIENT_SECRET",
    "STATUS_TOKEN",
)
DATABASES = (0, 1, 2)
TOKENS = """
select s.provider, s.uid, c.encrypted_access_token, c.encrypted_refresh_token
from accounts_credential c join socialaccount_socialaccount s on s.id = c.identity_id
"""


@dataclass(frozen=True)
class Installation:
    """`heard` are secrets that went over the wire, `words` what members wrote: {value: what it is}.

    `private_names`, of repositories that are not public and of what lies in them, may stand in the columns
    that the inventory names, and nowhere else.
    """

    folder: Path
    env: Mapping[str, str]
    heard: Mapping[str, str]
    words: Mapping[str, str]
    private_names: Mapping[str, str] = field(default_factory=dict)

    @property
    def keys(self) -> list[bytes]:
        return [_unbase64(key) for key in self.env["TOKEN_KEYS"].split(",")]


def require_no_leak(installation: Installation) -> None:
    found = search(installation)
    assert not found, f"Secrets or words of members stand where they must not: {sorted(found)}"


def search(installation: Installation) -> set[Finding]:
    look = Search(_looked_for(installation))
    look.database(installation.env["DATABASE_URL"], installation.keys)
    for number in DATABASES:
        look.redis(installation.env["REDIS_URL"].rsplit("/", 1)[0] + f"/{number}")
    for path in sorted(installation.folder.rglob("*")):
        inside = path.relative_to(installation.folder)
        if inside.parts[0] in SERVERS or set(inside.parts) & {*NOT_OURS, *SECRET_FILES}:
            continue
        look.content(f"name of {inside}", path.name)
        if path.is_file() and not path.is_symlink():
            look.content(str(inside), path.read_bytes())
    return {finding for finding in look.findings if not _is_allowed(finding, installation)}


def _looked_for(installation: Installation) -> dict[str, str]:
    """{what it is, and which: value}."""
    values = {value: what for value, what in _secrets(installation).items() if len(value) >= SHORTEST}
    values |= {**installation.words, **installation.private_names}
    return {f"{what} ({number})": value for number, (value, what) in enumerate(values.items())}


def _is_allowed(finding: Finding, installation: Installation) -> bool:
    secret = finding.secret.rpartition(" (")[0]
    if finding.place == SESSIONS:
        return secret in OF_AN_ATTEMPT
    return secret in installation.private_names.values() and finding.place in may_hold_private_names()


def _secrets(installation: Installation) -> dict[str, str]:
    env = installation.env
    found = {env[name]: name for name in NAMES_OF_SECRETS if env.get(name)}
    found |= dict.fromkeys(env["TOKEN_KEYS"].split(","), "TOKEN_KEYS")
    return (
        found
        | dict(installation.heard)
        | _stored_tokens(installation)
        | known_at_openhumans(installation.folder / "openhumans")
    )


def _stored_tokens(installation: Installation) -> dict[str, str]:
    """Those that no wire has shown, because they were never used."""
    found = {}
    with psycopg.connect(installation.env["DATABASE_URL"], connect_timeout=10) as connection:
        for provider, uid, *values in connection.execute(TOKENS):
            for column, value in zip(("access_token", "refresh_token"), values, strict=True):
                if value is not None:
                    place = f"credential.{column}:{provider}:{uid}"
                    token = decrypted(bytes(value), place, installation.keys).decode()
                    found[token] = f"stored {column}"
    return found


def known_at_openhumans(folder: Path) -> dict[str, str]:
    """Codes, tokens and download keys that the stand-in with this folder knows."""
    file = folder / "state.sqlite3"
    if not file.is_file():
        return {}
    found = {}
    rows = Database(file).rows
    for table, column in (("codes", "code"), ("tokens", "access"), ("tokens", "refresh"), ("keys", "key")):
        for row in rows(f"select {column} as value from {table}"):  # noqa: S608 - names of our own
            if row["value"]:
                found[str(row["value"])] = f"{column} at Open Humans"
    return found


def _unbase64(text: str) -> bytes:
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except binascii.Error:
        raise ValueError("TOKEN_KEYS is malformed.") from None


def of_make_run(folder: Path, **looked_for: Mapping[str, str]) -> Installation:
    """The installation of `make run` in this data folder, by what it keeps there."""
    from config.run.postgres import Postgres
    from config.run.valkey import Valkey

    secrets = json.loads((folder / "secrets.json").read_text(encoding="utf-8"))
    ports = json.loads((folder / "ports.json").read_text(encoding="utf-8"))
    postgres = Postgres(folder / "postgres", int(ports["DATABASE_URL"]), secrets["POSTGRES_PASSWORD"], folder)
    valkey = Valkey(folder / "valkey", int(ports["REDIS_URL"]), secrets["VALKEY_PASSWORD"], folder)
    env = {
        "SECRET_KEY": secrets["SECRET_KEY"],
        "TOKEN_KEYS": secrets["TOKEN_KEYS"],
        "OPENHUMANS_CLIENT_SECRET": secrets["SANDBOX_OPENHUMANS_SECRET"],
        "GITHUB_CLIENT_SECRET": secrets["SANDBOX_GITHUB_SECRET"],
        "OPENHUMANS_WEBHOOK_SECRET": secrets["SANDBOX_WEBHOOK_SECRET"],
        "DATABASE_URL": postgres.url,
        "REDIS_URL": valkey.url,
    }
    return Installation(folder, env, **looked_for)
