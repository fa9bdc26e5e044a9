from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from openhumans_client import InvalidMetadata, OpenHumansError
from openhumans_client.metadata import check_filename, encode_metadata
from tests.openhumans_client.answers import METADATA

_EXAMPLE_MD5 = "c39a7aca1550ba49892adf68df07fc30"


def test_it_encodes_equal_metadata_to_equal_text() -> None:
    turned_around = dict(reversed(METADATA.items()))
    assert encode_metadata(METADATA) == encode_metadata(turned_around)
    assert json.loads(encode_metadata(METADATA)) == METADATA


def test_it_keeps_unknown_keys_and_characters_of_every_script() -> None:
    metadata = {**METADATA, "weeks": {"2026-W18": [1, 2.5, None, True]}, "where": "Zürich 東京 😀"}
    assert json.loads(encode_metadata(metadata)) == metadata


@pytest.mark.parametrize(
    "value", ["2026-05-03", "2026-05-03T12:00:00", "2026-05-03T12:00:00Z", "2026-05-03T12:00:00.5+02:00"]
)
@pytest.mark.parametrize("key", ["creation_date", "start_date", "end_date"])
def test_it_accepts_whole_dates(key: str, value: str) -> None:
    assert json.loads(encode_metadata({**METADATA, key: value}))[key] == value


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        2026,
        "",
        "2026",
        "2026-13-45",
        "2026-02-30",
        "2026-05-03T25:00:00",
        "2026-05-03 12:00",
        "२०२६-०५-०३",
    ],
)
@pytest.mark.parametrize("key", ["creation_date", "start_date", "end_date"])
def test_it_refuses_dates_the_server_fails_on(key: str, value: Any) -> None:
    with pytest.raises(InvalidMetadata) as caught:
        encode_metadata({**METADATA, key: value})
    assert caught.value.key == key


@pytest.mark.parametrize(
    ("change", "key"),
    [
        ({"description": None}, "description"),
        ({"description": 3}, "description"),
        ({"tags": "GitHub"}, "tags"),
        ({"tags": [1]}, "tags"),
        ({"tags": None}, "tags"),
        ({"md5": None}, "md5"),
        ({"md5": _EXAMPLE_MD5.upper()}, "md5"),
        ({"md5": _EXAMPLE_MD5 + "0"}, "md5"),
        ({"md5": _EXAMPLE_MD5[:-1]}, "md5"),
        ({"note": "a\x00b"}, "note"),
        ({"note": {"deep": ["a\x00b"]}}, "note"),
        ({"note": {"a\x00b": 1}}, "note"),
        ({"a\x00b": 1}, "metadata"),
        ({1: 1}, "metadata"),
        ({"note": {1: 1}}, "note"),
        ({"note": float("nan")}, "note"),
        ({"note": [float("inf")]}, "note"),
        ({"note": "\ud800"}, "note"),
        ({"note": b"bytes"}, "note"),
        ({"note": {1, 2}}, "note"),
        ({"note": "x" * 2_000_000}, "metadata"),
    ],
)
def test_it_names_the_key_that_is_wrong(change: dict[Any, Any], key: str) -> None:
    with pytest.raises(InvalidMetadata, match=key) as caught:
        encode_metadata({**METADATA, **change})
    assert caught.value.key == key


def test_it_refuses_endless_nesting() -> None:
    loop: list[Any] = []
    loop.append(loop)
    with pytest.raises(InvalidMetadata, match="nested"):
        encode_metadata({**METADATA, "note": loop})


def test_invalid_metadata_is_a_value_error_and_an_error_of_this_package() -> None:
    error = InvalidMetadata("md5", "must be lower case")
    assert isinstance(error, ValueError)
    assert isinstance(error, OpenHumansError)


@given(st.dictionaries(st.text(max_size=5), st.recursive(st.none() | st.floats() | st.text(), st.lists)))
def test_whatever_it_lets_through_is_json_that_postgresql_can_hold(extra: dict[str, Any]) -> None:
    try:
        text = encode_metadata({**METADATA, **extra})
    except InvalidMetadata:
        return
    assert "\\u0000" not in text.replace("\\\\", "")
    text.encode()
    json.loads(text, parse_constant=pytest.fail)


@pytest.mark.parametrize(
    "name", ["github-2026.json", "mit Leerzeichen ü 東京.csv", ".hidden", "a?b#c&d%20.txt"]
)
def test_it_accepts_names_that_come_back_unchanged(name: str) -> None:
    check_filename(name)


@pytest.mark.parametrize(
    "name", ["", " a", "a ", "a/b", "a\\b", ".", "..", "a\nb", "a\x00b", "a\x7fb", "x" * 256, "\ud800"]
)
def test_it_refuses_names_that_would_change_or_get_lost(name: str) -> None:
    with pytest.raises(InvalidMetadata) as caught:
        check_filename(name)
    assert caught.value.key == "filename"
