"""JSON from a stream, value by value: a file of one huge object on one line in bounded memory. Pure.

The standard library decodes whole documents only, so the text is kept in a window that moves through the
file: containers are walked one level at a time, and only small values inside them are decoded as a whole.
"""

import codecs
import json
import re
from collections.abc import Iterator
from typing import Any, BinaryIO

CHUNK_BYTES = 256 * 1024
# Characters of one value that is decoded as a whole. A raw commit has about 4,000.
LARGEST_VALUE = 16 * 1024 * 1024
DEEPEST = 50
WHITESPACE = re.compile(r"[ \t\r\n]*")
# What may follow a number or a word: without it, more of the value may be to come.
DELIMITERS = frozenset(" \t\r\n,]}")


class NotJson(Exception):
    """The text is not JSON, ends too early, or holds a single value that is too large."""


class JsonStream:
    """Reads forward only. Whoever is given a key or an item consumes its value before asking for the next.

    `members`, `items`, `value` and `skip` all begin at a value; all raise `NotJson`.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")()
        self._json = json.JSONDecoder()
        self._window = ""
        self._position = 0
        self._is_at_end = False

    def peek(self) -> str:
        """The first character of the next value or sign; empty at the end."""
        while True:
            self._position = WHITESPACE.match(self._window, self._position).end()  # type: ignore[union-attr]
            if self._position < len(self._window):
                return self._window[self._position]
            if not self._read_more():
                return ""

    def members(self) -> Iterator[str]:
        """The keys of the object that begins here."""
        for is_first in self._separated("{", "}"):
            key = self.value()
            if not isinstance(key, str):
                raise NotJson("A key is not a text." if is_first else "A comma is not followed by a key.")
            self._take(":")
            yield key

    def items(self) -> Iterator[None]:
        """Once for each item of the list that begins here."""
        for _ in self._separated("[", "]"):
            yield None

    def value(self) -> Any:
        """The next value as a whole."""
        if not self.peek():
            raise NotJson("The text ends too early.")
        while (decoded := self._decode()) is None:
            if len(self._window) - self._position > LARGEST_VALUE:
                raise NotJson("A value is not JSON, or too large.")
            if not self._read_more(double=True):
                raise NotJson("A value is not JSON, or the text ends too early.")
        value, self._position = decoded
        return value

    def skip(self, depth: int = 0) -> None:
        """Leave the next value out, whatever its size."""
        if depth > DEEPEST:
            raise NotJson("A value is nested too deeply.")
        opening = self.peek()
        if opening not in ("{", "["):
            self.value()
        elif (decoded := self._decode()) is not None:
            self._position = decoded[1]
        else:
            for _ in self.members() if opening == "{" else self.items():
                self.skip(depth + 1)

    def end(self) -> None:
        """Raise `NotJson` if anything follows."""
        if self.peek():
            raise NotJson("Something follows the end.")

    def _decode(self) -> tuple[Any, int] | None:
        """The next value and where it ends; None where the window does not hold all of it."""
        try:
            value, end = self._json.raw_decode(self._window, self._position)
        except RecursionError:
            raise NotJson("A value is nested too deeply.") from None
        except ValueError:
            return None
        is_closed = isinstance(value, str | list | dict) or self._window[end : end + 1] in DELIMITERS
        return (value, end) if is_closed or (self._is_at_end and end == len(self._window)) else None

    def _separated(self, opening: str, closing: str) -> Iterator[bool]:
        self._take(opening)
        if self.peek() == closing:
            self._take(closing)
            return
        is_first = True
        while True:
            yield is_first
            is_first = False
            if self.peek() == closing:
                self._take(closing)
                return
            self._take(",")

    def _take(self, sign: str) -> None:
        if self.peek() != sign:
            raise NotJson(f"{sign} is missing." if self.peek() else "The text ends too early.")
        self._position += 1

    def _read_more(self, *, double: bool = False) -> bool:
        """Move the window on; False at the end. Doubling keeps the work linear for values of any size."""
        if self._is_at_end:
            return False
        left = self._window[self._position :]
        wanted = max(CHUNK_BYTES, len(left)) if double else CHUNK_BYTES
        data = self._stream.read(wanted)
        try:
            text = self._decoder.decode(data, final=not data)
        except UnicodeDecodeError:
            raise NotJson("The text is not UTF-8.") from None
        self._is_at_end = not data
        self._window, self._position = left + text, 0
        return True
