"""Authorisation codes and tokens.

A token carries its own meaning, signed, so that it still works after the stand-in was started again with the
same client secret. What was used, revoked or expired on demand is only remembered while it runs.
"""

import base64
import hashlib
import hmac
import json
import secrets
import threading
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

CODE_SECONDS = 600
REFRESH_SECONDS = 15_897_600
_MOST_LIVE_TOKENS = 10


@dataclass(frozen=True)
class Code:
    account_id: int
    client_id: str
    redirect_uri: str
    scopes: tuple[str, ...]
    challenge: str | None
    expires_at: float


@dataclass(frozen=True)
class Token:
    """An access token and, under the same `pair`, its refresh token."""

    account_id: int
    client_id: str
    scopes: tuple[str, ...]
    pair: str
    issued_at: int
    lifetime: int | None = None

    @property
    def grant(self) -> tuple[int, str]:
        """The person and the app: what is revoked as a whole."""
        return self.account_id, self.client_id

    @property
    def expires_at(self) -> float | None:
        return None if self.lifetime is None else self.issued_at + self.lifetime


@dataclass(frozen=True)
class IssuedToken:
    token: Token
    access_token: str = field(repr=False)
    refresh_token: str | None = field(repr=False)


class TokenStore:
    def __init__(self, *, client_secret: str | None, lifetime: int | None) -> None:
        self._key = hashlib.sha256(b"stand-in tokens\0" + (client_secret or "").encode()).digest()
        self._lifetime = lifetime
        self._lock = threading.Lock()
        self._codes: dict[str, Code] = {}
        self._dead: set[str] = set()
        self._expired: set[str] = set()
        self._live: dict[str, Token] = {}
        # Tokens from before a restart are not among the live ones until they are used; these are ended too.
        self._ended_grants: set[tuple[int, str]] = set()
        self._is_all_revoked = self._is_all_expired = False

    def new_code(self, code: Code) -> str:
        text = secrets.token_hex(10)
        with self._lock:
            self._codes[text] = code
        return text

    def use_code(self, text: str) -> Code | None:
        """Good once, for ten minutes."""
        with self._lock:
            code = self._codes.pop(text, None)
        return code if code and code.expires_at > time.time() else None

    def issue(self, account_id: int, client_id: str, scopes: Iterable[str]) -> IssuedToken:
        token = Token(
            account_id, client_id, tuple(scopes), secrets.token_urlsafe(9), int(time.time()), self._lifetime
        )
        with self._lock:
            self._live[token.pair] = token
            self._drop_the_oldest(token)
        refresh_token = self._sign("ghr", token) if self._lifetime is not None else None
        return IssuedToken(token, self._sign("gho", token), refresh_token)

    def refresh(self, text: str, client_id: str) -> IssuedToken | None:
        """A new pair for an unused refresh token; the old pair is dead at once."""
        token = self._read("ghr", text)
        if token is None or token.client_id != client_id:
            return None
        with self._lock:
            if self._is_dead(token) or time.time() > token.issued_at + REFRESH_SECONDS:
                return None
            self._kill(token.pair)
        return self.issue(token.account_id, token.client_id, token.scopes)

    def find(self, text: str) -> Token | None:
        """The meaning of an access token that is good now."""
        token = self._read("gho", text)
        if token is None or (token.expires_at is not None and time.time() >= token.expires_at):
            return None
        with self._lock:
            if self._is_dead(token) or self._is_expired(token):
                return None
            self._live[token.pair] = token
        return token

    def revoke(self, token: Token) -> None:
        with self._lock:
            self._kill(token.pair)

    def revoke_grant(self, token: Token) -> None:
        """All tokens this app has of this person."""
        with self._lock:
            for other in list(self._live.values()):
                if other.grant == token.grant:
                    self._kill(other.pair)
            self._ended_grants.add(token.grant)

    def revoke_all(self) -> None:
        with self._lock:
            for pair in list(self._live):
                self._kill(pair)
            self._is_all_revoked = True

    def expire_all(self) -> None:
        """Access tokens as if their time had passed; refresh tokens stay good."""
        with self._lock:
            self._expired.update(self._live)
            self._is_all_expired = True

    def _is_dead(self, token: Token) -> bool:
        is_ended = self._is_all_revoked or token.grant in self._ended_grants
        return token.pair in self._dead or (is_ended and token.pair not in self._live)

    def _is_expired(self, token: Token) -> bool:
        return token.pair in self._expired or (self._is_all_expired and token.pair not in self._live)

    def _kill(self, pair: str) -> None:
        self._dead.add(pair)
        self._live.pop(pair, None)

    def _drop_the_oldest(self, token: Token) -> None:
        """GitHub keeps ten of one person, app and set of scopes."""
        same = [
            each.pair
            for each in self._live.values()
            if (each.account_id, each.client_id, each.scopes)
            == (token.account_id, token.client_id, token.scopes)
        ]
        for pair in same[:-_MOST_LIVE_TOKENS]:
            self._kill(pair)

    def _sign(self, prefix: str, token: Token) -> str:
        content = _encode(json.dumps(asdict(token), separators=(",", ":")).encode())
        return f"{prefix}_{content}.{self._signature(prefix, content)}"

    def _read(self, prefix: str, text: str) -> Token | None:
        kind, _, rest = text.partition("_")
        content, _, signature = rest.partition(".")
        if kind != prefix or not hmac.compare_digest(
            signature.encode(), self._signature(prefix, content).encode()
        ):
            return None
        fields = json.loads(base64.urlsafe_b64decode(content + "=" * (-len(content) % 4)))
        return Token(**fields | {"scopes": tuple(fields["scopes"])})

    def _signature(self, prefix: str, content: str) -> str:
        return _encode(hmac.digest(self._key, f"{prefix}_{content}".encode(), "sha256")[:12])


def matches_challenge(challenge: str, verifier: str) -> bool:
    """PKCE, method S256 (RFC 7636)."""
    return hmac.compare_digest(
        _encode(hashlib.sha256(verifier.encode()).digest()).encode(), challenge.encode()
    )


def _encode(content: bytes) -> str:
    return base64.urlsafe_b64encode(content).decode().rstrip("=")
