"""One HTTP answer as it came over the wire, and reading it without trusting it."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

ObjectHook = Callable[[dict[str, object]], object]


@dataclass(frozen=True, slots=True)
class Answer:
    """What came over the wire. Header names are lower-case; `is_complete` is False if the body broke off."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_complete: bool = True


def parse_json(body: bytes, object_hook: ObjectHook | None = None) -> object:
    """Like json.loads, but everything it may raise on hostile input is a ValueError."""
    try:
        parsed: object = json.loads(body, object_hook=object_hook)
    except RecursionError:
        raise ValueError("JSON nested too deeply") from None
    return parsed


def is_html(answer: Answer) -> bool:
    return answer.body.lstrip()[:1] == b"<" or "text/html" in answer.headers.get("content-type", "").lower()


def message_of(body: bytes) -> str:
    try:
        document = parse_json(body)
    except ValueError:
        return ""
    message = document.get("message") if isinstance(document, dict) else None
    return message if isinstance(message, str) else ""


def short_reason(message: str) -> str:
    """GitHub's reason, fit for a log line: one line, bounded, nothing that looks like a token."""
    line = " ".join(message.split())
    return re.sub(r"\b(?:gh[a-z]|github_pat)_\w+", "[token]", line)[:120]


def has_sign(text: str, signs: Iterable[str]) -> bool:
    lowered = text.lower()
    return any(sign in lowered for sign in signs)
