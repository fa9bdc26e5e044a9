import base64
import os

import pytest
from pytest_django import Settings

from accounts.encryption import DecryptionFailed, decrypt, encrypt

PLACE = "credential.access_token:github:583231"


@pytest.fixture
def old_key(settings: Settings) -> bytes:
    key = os.urandom(32)
    settings.TOKEN_KEYS = (key,)
    return key


def test_what_was_encrypted_is_read_again(old_key: bytes) -> None:
    assert decrypt(encrypt(b"gho_secret", PLACE), PLACE) == b"gho_secret"


def test_the_stored_bytes_do_not_hold_the_value(old_key: bytes) -> None:
    stored = encrypt(b"gho_secret", PLACE)

    assert b"gho_secret" not in stored
    assert base64.b64encode(b"gho_secret") not in stored


def test_the_same_value_is_stored_differently_each_time(old_key: bytes) -> None:
    assert encrypt(b"gho_secret", PLACE) != encrypt(b"gho_secret", PLACE)


@pytest.mark.parametrize(
    "place",
    [
        "credential.refresh_token:github:583231",
        "credential.access_token:github:9919",
        "credential.access_token:openhumans:583231",
    ],
)
def test_a_value_moved_to_another_place_cannot_be_read(old_key: bytes, place: str) -> None:
    stored = encrypt(b"gho_secret", PLACE)

    with pytest.raises(DecryptionFailed, match=r"credential\.\w+ was changed or moved"):
        decrypt(stored, place)


@pytest.mark.parametrize("position", [5, 17, -1])
def test_a_changed_value_cannot_be_read(old_key: bytes, position: int) -> None:
    stored = bytearray(encrypt(b"gho_secret", PLACE))
    stored[position] ^= 1

    with pytest.raises(DecryptionFailed, match="changed or moved"):
        decrypt(bytes(stored), PLACE)


@pytest.mark.parametrize("length", [5, 9, 17, 20])
def test_a_value_cut_short_cannot_be_read(old_key: bytes, length: int) -> None:
    stored = encrypt(b"gho_secret", PLACE)

    with pytest.raises(DecryptionFailed, match="changed or moved"):
        decrypt(stored[:length], PLACE)


@pytest.mark.parametrize("stored", [b"", b"gho_in_clear_text", b"\x02" + bytes(40)])
def test_an_unknown_format_is_refused(old_key: bytes, stored: bytes) -> None:
    with pytest.raises(DecryptionFailed, match="unknown format"):
        decrypt(stored, PLACE)


def test_a_new_key_in_front_still_reads_what_the_old_one_wrote(old_key: bytes, settings: Settings) -> None:
    stored = encrypt(b"gho_secret", PLACE)
    settings.TOKEN_KEYS = (os.urandom(32), old_key)

    assert decrypt(stored, PLACE) == b"gho_secret"


def test_the_newest_key_writes(old_key: bytes, settings: Settings) -> None:
    new_key = os.urandom(32)
    settings.TOKEN_KEYS = (new_key, old_key)
    stored = encrypt(b"gho_secret", PLACE)
    settings.TOKEN_KEYS = (new_key,)

    assert decrypt(stored, PLACE) == b"gho_secret"


def test_without_the_key_the_error_names_the_setting(old_key: bytes, settings: Settings) -> None:
    stored = encrypt(b"gho_secret", PLACE)
    settings.TOKEN_KEYS = (os.urandom(32),)

    with pytest.raises(DecryptionFailed, match="TOKEN_KEYS lacks the key"):
        decrypt(stored, PLACE)


def test_no_error_tells_the_identity_or_the_value(old_key: bytes) -> None:
    with pytest.raises(DecryptionFailed) as raised:
        decrypt(encrypt(b"gho_secret", PLACE), "credential.access_token:github:9919")

    assert "9919" not in str(raised.value)
    assert "gho" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__
