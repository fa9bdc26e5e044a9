"""One HTTP request with an end: the only place that touches the network. Never retries, never sleeps."""

from __future__ import annotations

import time
from typing import Any, Protocol

import requests
import urllib3
from requests.auth import AuthBase

from github_client.answers import Answer
from github_client.errors import GitHubError, Unavailable

CONNECT_SECONDS = 10.0
READ_SECONDS = 30.0
MOST_BYTES = 64 * 1024 * 1024
CHUNK_BYTES = 256 * 1024


class BearerToken(AuthBase):
    """Sets the Authorization header itself, so that no .netrc of the machine can replace it."""

    def __init__(self, token: str) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class _Readable(Protocol):
    def read1(self, amt: int, decode_content: bool) -> bytes: ...  # noqa: FBT001


def send(
    session: requests.Session,
    call: str,
    request: requests.Request,
    deadline_seconds: float,
    too_slow: type[GitHubError] = Unavailable,
) -> Answer:
    """Send and read the whole answer before the deadline. Redirects are handed back, not followed.

    `too_slow` is raised where GitHub took the request and then did not answer in time or hung up; for a query
    that is TooHeavy, because GitHub cuts off what takes longer than 10 seconds. No connection at all is
    Unavailable. A body that breaks off is handed back as far as it came, its status may still say enough.
    """
    ends_at = time.monotonic() + deadline_seconds
    timeouts = (min(CONNECT_SECONDS, deadline_seconds), min(READ_SECONDS, deadline_seconds))
    try:
        # Not session.prepare_request: it merges cookies and the like, of which a session of ours has none.
        request.headers = {**session.headers, **request.headers}
        prepared = request.prepare()
        url = prepared.url or ""
        settings: dict[str, Any] = {
            **session.merge_environment_settings(url, {}, stream=True, verify=None, cert=None)
        }
        # Not session.send: for a redirect that reads the body without a deadline, whatever it is told.
        response = session.get_adapter(url).send(prepared, timeout=timeouts, **settings)
    except requests.ReadTimeout:
        raise too_slow(f"{call}: no answer in time") from None
    except requests.RequestException as error:
        raise _connection_error(call, error, too_slow) from None
    with response:
        body, is_complete = _read(response, ends_at)
    headers = {name.lower(): value for name, value in response.headers.items()}
    return Answer(response.status_code, headers, body, is_complete)


def _read(response: requests.Response, ends_at: float) -> tuple[bytes, bool]:
    """The body, and whether it is all. Reads what has arrived: a slow drip cannot outlast the deadline."""
    raw: _Readable = response.raw
    chunks: list[bytes] = []
    size = 0
    try:
        while time.monotonic() < ends_at and size <= MOST_BYTES:
            chunk = raw.read1(CHUNK_BYTES, decode_content=True)
            if not chunk:
                return b"".join(chunks), True
            chunks.append(chunk)
            size += len(chunk)
    except (urllib3.exceptions.HTTPError, OSError):
        pass  # what came so far is the answer, and incomplete
    return b"".join(chunks), False


def _connection_error(
    call: str, error: requests.RequestException, too_slow: type[GitHubError]
) -> GitHubError:
    """The library's own text is left out: it repeats URLs and, for some errors, headers."""
    cause = error.args[0] if error.args else None
    if isinstance(cause, urllib3.exceptions.ProtocolError):
        return too_slow(f"{call}: the connection was closed without an answer")
    return Unavailable(f"{call}: no connection ({type(error).__name__})")
