"""Taking typed fields out of JSON that somebody else wrote: the right kind, or a named error."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, Final, NoReturn

from openhumans_client.errors import UnexpectedResponse

NOT_JSON: Final = object()


class Reader:
    """Takes typed fields out of a decoded JSON object, or raises UnexpectedResponse naming the field."""

    def __init__(self, decoded: Any, request: str) -> None:
        if not isinstance(decoded, dict):
            raise UnexpectedResponse(f"{request}: the answer is not a JSON object")
        self._fields: dict[str, Any] = decoded
        self._request = request

    def refuse(self, name: str) -> NoReturn:
        raise UnexpectedResponse(f"{self._request}: the field {name} is missing or of an unexpected kind")

    def has(self, name: str) -> bool:
        return self._fields.get(name) is not None

    def text(self, name: str) -> str:
        value = self._fields.get(name)
        return value if isinstance(value, str) else self.refuse(name)

    def token(self, name: str) -> str:
        """A text that can stand in a header as it is."""
        value = self.text(name)
        return value if re.fullmatch(r"[\x21-\x7e]+", value) else self.refuse(name)

    def number(self, name: str) -> int:
        value = self._fields.get(name)
        return value if isinstance(value, int) and not isinstance(value, bool) else self.refuse(name)

    def flag(self, name: str) -> bool:
        value = self._fields.get(name)
        return value if isinstance(value, bool) else self.refuse(name)

    def items(self, name: str) -> list[Any]:
        value = self._fields.get(name)
        return value if isinstance(value, list) else self.refuse(name)

    def mapping(self, name: str) -> Mapping[str, Any]:
        value = self._fields.get(name)
        return value if isinstance(value, dict) else self.refuse(name)

    def moment(self, name: str) -> datetime:
        try:
            value = datetime.fromisoformat(self.text(name))
            return value.astimezone(UTC) if value.tzinfo else self.refuse(name)
        except (ValueError, OverflowError):
            self.refuse(name)


def decode_json(body: bytes) -> Any:
    """The decoded JSON, or `NOT_JSON` for whatever the standard library stumbles over."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return NOT_JSON
