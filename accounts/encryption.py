"""Values encrypted at rest with the keys of `TOKEN_KEYS`, bound to where they stand.

AES-256-GCM (NIST SP 800-38D) with a random 96-bit nonce. The place (table, column, identity) is the
associated data, so that a value copied to another row or column cannot be decrypted there. The stored
bytes are version (1) · key fingerprint (4) · nonce (12) · ciphertext and tag.
"""

import hashlib
import os

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from django.conf import settings

VERSION = b"\x01"
FINGERPRINT_BYTES = 4
NONCE_BYTES = 12


class DecryptionFailed(Exception):
    """A stored value cannot be read with the configured keys, or stands in a place it was not written for."""


def fingerprint(key: bytes) -> bytes:
    return hashlib.sha256(b"token key" + key).digest()[:FINGERPRINT_BYTES]


def encrypt(plain: bytes, place: str) -> bytes:
    key = settings.TOKEN_KEYS[0]
    nonce = os.urandom(NONCE_BYTES)
    return VERSION + fingerprint(key) + nonce + AESGCM(key).encrypt(nonce, plain, place.encode())


def decrypt(stored: bytes | memoryview, place: str) -> bytes:
    """Raise `DecryptionFailed` when no configured key fits or the value belongs to another place."""
    stored = bytes(stored)
    if stored[:1] != VERSION:
        raise DecryptionFailed("The stored value has an unknown format.")
    wanted, rest = stored[1 : 1 + FINGERPRINT_BYTES], stored[1 + FINGERPRINT_BYTES :]
    nonce, sealed = rest[:NONCE_BYTES], rest[NONCE_BYTES:]
    for key in settings.TOKEN_KEYS:
        if fingerprint(key) == wanted:
            try:
                return AESGCM(key).decrypt(nonce, sealed, place.encode())
            except (InvalidTag, ValueError):  # ValueError: cut short
                column = place.split(":")[0]
                raise DecryptionFailed(f"A value stored for {column} was changed or moved.") from None
    raise DecryptionFailed(f"TOKEN_KEYS lacks the key {wanted.hex()} that a stored value was encrypted with.")


def newest_head() -> bytes:
    """What every value encrypted with the newest key begins with."""
    return VERSION + fingerprint(settings.TOKEN_KEYS[0])
