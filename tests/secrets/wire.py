"""Secrets as they go over the wire: what the running code really sends, not what a test expects."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import pytest
import requests
from requests.adapters import HTTPAdapter

NAMES = {
    "access_token",
    "refresh_token",
    "client_secret",
    "code",
    "code_verifier",
    "Signature",
    "key",
}


# In addresses, in forms, in JSON and in headers. `state` and `code` are ordinary words in JSON.
WRITTEN = (
    re.compile(r"""[?&](code|state|key|Signature|access_token)=([^\s&"'<>]{8,})"""),
    re.compile(
        r"""(access_token|refresh_token|client_secret|code_verifier)["']?\s*[=:]\s*["']?([\w.~%+/=-]{8,})"""
    ),
    re.compile(r"(?m)(?:^|&)(code)=([^\s&]{8,})"),
    re.compile(r"(?mi)^(authorization):\s*\w+\s+(\S{8,})$"),
)


def secrets_in(text: str) -> dict[str, str]:
    """{value: what it is} of every secret in a request, an answer or an address."""
    return {unquote(value): name.lower() for shape in WRITTEN for name, value in shape.findall(text)}


@contextmanager
def tapped(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """{what it is: value} of every secret in a request while the block runs."""
    heard: dict[str, str] = {}
    send = HTTPAdapter.send

    def note(pairs: Any, where: str) -> None:
        for name, value in pairs:
            is_secret = name in NAMES and isinstance(value, str) and len(value) >= 8
            if is_secret and value not in heard.values():
                heard[f"{name} {where} ({len(heard)})"] = value

    def listening(self: HTTPAdapter, request: requests.PreparedRequest, *args: Any, **options: Any) -> Any:
        note(parse_qsl(urlsplit(request.url or "").query), "in an address")
        authorization = request.headers.get("Authorization", "").rpartition(" ")[2]
        note([("access_token", authorization)], "in a header")
        if isinstance(request.body, (str, bytes)):
            body = request.body if isinstance(request.body, str) else request.body.decode(errors="replace")
            note(parse_qsl(body) if not body.startswith("{") else json.loads(body).items(), "in a body")
        return send(self, request, *args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(HTTPAdapter, "send", listening)
        yield heard
