import io
import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.legacy import json_stream
from sync.legacy.json_stream import JsonStream, NotJson

Read = Callable[[JsonStream], Any]


def stream(text: str | bytes) -> JsonStream:
    return JsonStream(io.BytesIO(text if isinstance(text, bytes) else text.encode()))


def walk(document: JsonStream) -> Any:
    """The whole document, container by container, as nobody would in earnest."""
    opening = document.peek()
    if opening == "{":
        return {key: walk(document) for key in document.members()}
    if opening == "[":
        return [walk(document) for _ in document.items()]
    return document.value()


def skip_all(document: JsonStream) -> None:
    document.skip()
    document.end()


@pytest.fixture(params=[1, 2, 3, 7, 64])
def narrow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """A window so narrow that every value is cut somewhere."""
    size: int = request.param
    monkeypatch.setattr(json_stream, "CHUNK_BYTES", size)
    return size


DOCUMENT = {
    "empty": [{}, [], "", 0],
    "numbers": [-1, 12.5, 1e300, -2.5e-7, 1234567890123456789],
    "words": [True, False, None],
    "texts": ['a "quoted" \\ one', "Grüße, 世界 🎉", "\ud83d alone", "\n\t\u0000"],
    "deep": {"a": [{"b": [{"c": {"d": 1}}]}]},
}


@pytest.mark.parametrize("is_ascii", [True, False])
@pytest.mark.parametrize("separators", [(",", ":"), (" ,\n\t", " : ")])
def test_it_reads_what_json_wrote_however_the_text_is_cut(
    narrow: int, is_ascii: bool, separators: tuple[str, str]
) -> None:
    document = DOCUMENT if is_ascii else {**DOCUMENT, "texts": ["Grüße, 世界 🎉"]}
    text = json.dumps(document, ensure_ascii=is_ascii, separators=separators)

    assert walk(stream(text)) == document
    assert stream(text).value() == document
    skip_all(stream(text + " \n"))


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(10**18), 10**18) | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=3), inner, max_size=4),
    )
)
def test_walking_skipping_and_decoding_agree_on_any_document(document: Any) -> None:
    text = json.dumps(document)
    assert walk(stream(text)) == document
    skip_all(stream(text))


def test_a_byte_order_mark_is_no_content() -> None:
    assert stream("\ufeff[1]").value() == [1]


def test_what_stands_beside_a_skipped_value_is_still_read(narrow: int) -> None:
    document = stream('{"a": [1, {"x": [2, 3]}], "b": 5}')
    seen = {}
    for key in document.members():
        if key == "a":
            document.skip()
        else:
            seen[key] = document.value()
    assert seen == {"b": 5}


BAD = [
    "",
    " ",
    "{",
    "[1, 2",
    '{"a"',
    '{"a": ',
    '{"a": 1',
    '{"a" 1}',
    "{1: 2}",
    '{"a": 1 "b": 2}',
    '{"a": 1,}',
    "[1 2]",
    "[1,]",
    "[,]",
    "nul",
    "[tru]",
    '["open',
    "[1.2.3]",
    "<html>",
    "[-]",
]


@pytest.mark.parametrize("text", BAD)
def test_what_is_not_json_is_refused(narrow: int, text: str) -> None:
    with pytest.raises(NotJson):
        walk(stream(text))
    with pytest.raises(NotJson):
        skip_all(stream(text))


@pytest.mark.parametrize("cut", range(1, 60))
def test_a_document_cut_short_anywhere_is_refused(cut: int) -> None:
    text = json.dumps({"a": [1, {"b": "text"}, None], "c": {"d": [True, 2.5]}, "e": "f"})
    with pytest.raises(NotJson):
        walk(stream(text[: min(cut, len(text) - 1)]))


@pytest.mark.parametrize("rest", ["x", "{}", ",", "]"])
def test_something_after_the_end_is_refused(rest: str) -> None:
    with pytest.raises(NotJson):
        skip_all(stream('{"a": 1}' + rest))


@pytest.mark.parametrize("data", [b'["\xff"]', b'["\xc3', b"\x1f\x8b\x08 gzip"])
def test_what_is_not_utf8_is_refused(data: bytes) -> None:
    with pytest.raises(NotJson):
        walk(stream(data))


def test_a_single_value_that_is_too_large_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "CHUNK_BYTES", 16)
    monkeypatch.setattr(json_stream, "LARGEST_VALUE", 100)
    assert stream('"' + "x" * 80 + '"').value() == "x" * 80
    with pytest.raises(NotJson):
        stream('"' + "x" * 300 + '"').value()


@pytest.mark.parametrize("read", [walk, skip_all, JsonStream.value])
def test_nesting_without_end_is_refused(read: Read) -> None:
    with pytest.raises((NotJson, RecursionError)):
        read(stream("[" * 100_000))


def test_skipping_reads_a_container_of_any_size_in_a_small_window(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_stream, "CHUNK_BYTES", 64)
    monkeypatch.setattr(json_stream, "LARGEST_VALUE", 200)
    document = stream(json.dumps({"big": [{"n": n, "text": "x" * 20} for n in range(500)], "last": 1}))
    widest = 0
    for key in document.members():
        if key == "last":
            assert document.value() == 1
        else:
            for _ in document.items():
                document.skip()
                widest = max(widest, len(document._window))
    assert widest < 400
