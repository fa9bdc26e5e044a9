"""Who is a member, and which codes and tokens are good."""

import secrets
import string
from collections.abc import Iterable
from dataclasses import dataclass

from sandbox.openhumans.database import Database

ALL_SCOPES = "read write american-gut go-viral pgp wildlife open-humans"
ACCESS_SECONDS = 36_000
_CODE_SECONDS = 30 * 60
_ALPHABET = string.ascii_letters + string.digits


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization code, and what was asked for with it."""

    client_id: str
    member: str
    redirect_uri: str
    scope: str
    challenge: str
    challenge_method: str
    is_expired: bool


@dataclass(frozen=True, slots=True)
class Pair:
    """An access and a refresh token; either is None once revoked."""

    id: int
    client_id: str
    member: str
    scope: str
    access: str | None
    access_expires: float
    refresh: str | None


class Grants:
    """Every method is one atomic act."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def join(self, member: str) -> None:
        """Authorize the project: the row, and so the id and `created`, is the same for ever."""
        with self._database.transaction():
            self._database.run(
                "insert or ignore into members values (?, ?, 1, null)", member, self._database.now()
            )
            self._database.run(
                "update members set is_joined = 1, erasure_requested_at = null where id = ?", member
            )

    def leave(self, member: str, *, is_erasure_requested: bool) -> bool:
        """Tokens die first. False for somebody who is not a member."""
        with self._database.transaction():
            self._database.run("delete from tokens where member = ?", member)
            asked_at = self._database.now() if is_erasure_requested else None
            return (
                self._database.run(
                    "update members set is_joined = 0, erasure_requested_at = ? where id = ? and is_joined",
                    asked_at,
                    member,
                )
                > 0
            )

    def joined_at(self, member: str) -> float | None:
        rows = self._database.rows("select created from members where id = ? and is_joined", member)
        return float(rows[0]["created"]) if rows else None

    def members(self) -> list[str]:
        return [
            row["id"] for row in self._database.rows("select id from members where is_joined order by id")
        ]

    def issue_code(
        self, client_id: str, member: str, redirect_uri: str, scope: str, challenge: str, method: str
    ) -> str:
        code = _random_text(30)
        expires = self._database.now() + _CODE_SECONDS
        with self._database.transaction():
            self._database.run(
                "insert into codes values (?, ?, ?, ?, ?, ?, ?, ?)",
                code,
                client_id,
                member,
                redirect_uri,
                scope,
                challenge,
                method,
                expires,
            )
        return code

    def code(self, code: str) -> Code | None:
        rows = self._database.rows("select * from codes where code = ?", code)
        if not rows:
            return None
        fields = dict(rows[0])
        return Code(
            **{name: fields[name] for name in Code.__slots__ if name != "is_expired"},
            is_expired=fields["expires"] <= self._database.now(),
        )

    def spend_code(self, code: str) -> Pair | None:
        """A token pair for a code; None for the one of two who came at the same moment and lost."""
        with self._database.transaction():
            rows = self._database.rows("select * from codes where code = ?", code)
            if not rows or not self._database.run("delete from codes where code = ?", code):
                return None
            return self._issue_pair(rows[0]["client_id"], rows[0]["member"], rows[0]["scope"])

    def refresh(self, refresh: str, client_id: str) -> Pair | None:
        """A new pair; the old one is dead at once. None if the token is not this client's living one."""
        with self._database.transaction():
            rows = self._database.rows(
                "select * from tokens where refresh = ? and client_id = ?", refresh, client_id
            )
            if not rows:
                return None
            old = rows[0]
            self._database.run("delete from tokens where id = ?", old["id"])
            # The real server loses the scope when only the access token had been revoked.
            return self._issue_pair(client_id, old["member"], old["scope"] if old["access"] else "")

    def revoke(self, token: str, client_id: str) -> None:
        """An access token alone, or a refresh token together with its access token."""
        with self._database.transaction():
            self._database.run("delete from tokens where refresh = ? and client_id = ?", token, client_id)
            self._database.run(
                "update tokens set access = null where access = ? and client_id = ?", token, client_id
            )

    def access(self, token: str) -> Pair | None:
        rows = self._database.rows("select * from tokens where access = ?", token)
        return Pair(**dict(rows[0])) if rows else None

    def has_living_token(self, member: str, client_id: str, scopes: Iterable[str]) -> bool:
        rows = self._database.rows(
            "select scope from tokens where member = ? and client_id = ? and access is not null"
            " and access_expires > ?",
            member,
            client_id,
            self._database.now(),
        )
        return any(set(scopes) <= set(row["scope"].split()) for row in rows)

    def expire_access_tokens(self, member: str | None = None) -> int:
        with self._database.transaction():
            return self._database.run(
                "update tokens set access_expires = ? where ? is null or member = ?",
                self._database.now() - 1,
                member,
                member,
            )

    def _issue_pair(self, client_id: str, member: str, scope: str) -> Pair:
        access, refresh = _random_text(30), _random_text(30)
        self._database.run(
            "insert into tokens (client_id, member, scope, access, access_expires, refresh)"
            " values (?, ?, ?, ?, ?, ?)",
            client_id,
            member,
            scope,
            access,
            self._database.now() + ACCESS_SECONDS,
            refresh,
        )
        return Pair(**dict(self._database.rows("select * from tokens where access = ?", access)[0]))


def _random_text(length: int) -> str:
    return "".join(secrets.choice(_ALPHABET) for _ in range(length))
