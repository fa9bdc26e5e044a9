"""Sessions that whoever reads the database can neither read nor use.

What a session holds is encrypted as tokens are, and bound to its row: a sign-in that was begun keeps its
`state` and its PKCE verifier there. The row is named by a hash of what the browser's cookie says, so that no
dump holds a cookie. A session that cannot be read, because its key was taken out of TOKEN_KEYS, is an empty
one: whose it was signs in again.
"""

import base64
import hashlib
from typing import Any

from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.base_session import AbstractBaseSession
from django.contrib.sessions.models import Session
from django.contrib.sessions.serializers import JSONSerializer
from django.utils import timezone

from accounts.encryption import DecryptionFailed, decrypt, encrypt

# What the column of Django's table has room for: 240 bits.
HASH_BYTES = 30


def row_key(cookie: str) -> str:
    """Which row is that of the browser with this cookie. Nobody guesses a cookie, so no salt is needed."""
    return base64.urlsafe_b64encode(hashlib.sha256(cookie.encode()).digest()[:HASH_BYTES]).decode()


def held(row: Session) -> dict[str, Any]:
    """What a stored session holds; nothing when it cannot be read."""
    try:
        sealed = base64.b64decode(row.session_data, validate=True)
        content: dict[str, Any] = JSONSerializer().loads(decrypt(sealed, _place(row.session_key)))
    except (ValueError, DecryptionFailed):
        return {}
    return content


def _place(key: str) -> str:
    return f"django_session.session_data:{key}"


class SessionStore(DatabaseStore):
    def load(self) -> dict[str, Any]:
        if self.session_key is not None:
            rows = Session.objects.filter(pk=row_key(self.session_key), expire_date__gt=timezone.now())
            row = rows.first()
            if row is not None:
                return held(row)
        self._session_key = None
        return {}

    def exists(self, session_key: str) -> bool:
        return super().exists(row_key(session_key))

    def delete(self, session_key: str | None = None) -> None:
        cookie = session_key or self.session_key
        if cookie is not None:
            super().delete(row_key(cookie))

    def create_model_instance(self, data: dict[str, Any]) -> AbstractBaseSession:
        row = super().create_model_instance(data)
        row.session_key = row_key(row.session_key)
        return row

    def encode(self, session_dict: dict[str, Any]) -> str:
        place = _place(row_key(self._get_or_create_session_key()))  # type: ignore[attr-defined]
        return base64.b64encode(encrypt(JSONSerializer().dumps(session_dict), place)).decode()
