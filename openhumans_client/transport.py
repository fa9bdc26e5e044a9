"""Sending one request: connection, deadline, and every failure of the network as a named error.

A deadline covers the whole exchange, not only the silence between two packets. Sending and reading the body
are checked against it piece by piece, and no silence is borne beyond it, so a server that trickles cannot
hold the caller for longer. Only a head that comes byte by byte is under the read time-out alone.

Several exchanges may share one deadline on top of their own: when it has passed nothing is sent any more.

Nothing here retries, sleeps or follows a redirect.
"""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, BinaryIO, Final

import requests
from requests.exceptions import ConnectTimeout, ReadTimeout, RequestException
from urllib3.exceptions import HTTPError, ReadTimeoutError

from openhumans_client.deadline import Deadline
from openhumans_client.errors import OpenHumansError, TooHeavy, Unavailable, UnexpectedResponse
from openhumans_client.types import Answer

Timeout = tuple[float, float]
Authorize = Callable[[requests.PreparedRequest], requests.PreparedRequest]

_PIECE = 64 * 1024
_LARGEST_ANSWER = 64 * 1024 * 1024
# A socket that is to wait for no time at all would not wait for what is there already.
_LEAST_SECONDS = 0.001


def anonymous(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """No credentials. Without an explicit choice `requests` would look for some in ~/.netrc."""
    return request


class Transport:
    """One `requests.Session`, so that connections are used again. Not for use by several threads at once."""

    def __init__(
        self,
        session: requests.Session | None,
        timeout: Timeout,
        deadline: float,
        before_request: Callable[[], None] | None = None,
        shared: Deadline | None = None,
    ) -> None:
        self._session = session or requests.Session()
        self._timeout = timeout
        self._deadline = deadline
        self._before_request = before_request
        self._shared = shared

    def ask(
        self,
        method: str,
        url: str,
        label: str,
        *,
        auth: Authorize | tuple[str, str],
        json: Mapping[str, object] | None = None,
        form: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request with a small body, one whole answer. `label` stands for it in error messages."""
        with self.open(method, url, label, auth=auth, json=json, form=form) as incoming:
            return incoming.whole()

    @contextmanager
    def open(
        self,
        method: str,
        url: str,
        label: str,
        *,
        auth: Authorize | tuple[str, str] = anonymous,
        json: Mapping[str, object] | None = None,
        form: Mapping[str, str] | None = None,
        upload: Outgoing | None = None,
        headers: Mapping[str, str] | None = None,
        deadline: float | None = None,
    ) -> Iterator[Incoming]:
        """Send, and give the answer while its body is still on the way."""
        if self._before_request:
            self._before_request()
        until = self._until(deadline or self._deadline)
        if time.monotonic() >= until:
            raise Unavailable(f"{label}: not sent, because there was no time left for it", is_timeout=True)
        data = upload.body(until) if upload else form
        failure: OpenHumansError | None = None
        try:
            response = self._send(
                requests.Request(method, url, headers=headers, data=data, json=json, auth=auth), until
            )
        except (RequestException, HTTPError, OSError, UnicodeError) as error:
            failure = _network_failure(error, label, until)
        if failure:
            # Raised outside of the handler: the original's text holds the whole address, secrets included.
            raise failure
        try:
            yield Incoming(response, label, until, self._timeout[1])
        finally:
            response.close()

    def _until(self, seconds: float) -> float:
        until = time.monotonic() + seconds
        return min(until, self._shared.until) if self._shared else until

    def _send(self, request: requests.Request, until: float) -> requests.Response:
        """Past `Session.send`, which reads redirects to their end even when it is told not to follow."""
        prepared = self._session.prepare_request(request)
        url = str(prepared.url)
        settings: Any = self._session.merge_environment_settings(url, {}, True, None, None)  # noqa: FBT003
        return self._session.get_adapter(url).send(prepared, timeout=self._patience(until), **settings)

    def _patience(self, until: float) -> Timeout:
        left = max(until - time.monotonic(), _LEAST_SECONDS)
        connect, read = self._timeout
        return min(connect, left), min(read, left)


class Incoming:
    """An answer whose body is read under the request's deadline and a limit of size."""

    def __init__(self, response: requests.Response, label: str, until: float, silence: float) -> None:
        self._response = response
        self._label = label
        self._until = until
        self._silence = silence
        self.status = response.status_code
        self.headers = {name.lower(): value for name, value in response.headers.items()}

    def whole(self, largest: int = _LARGEST_ANSWER) -> Answer:
        return Answer(self.status, self.headers, b"".join(self.pieces(largest)))

    @property
    def length(self) -> int | None:
        """As announced; None where it is not, or is no number."""
        announced = self.headers.get("content-length", "")
        return int(announced) if announced.isascii() and announced.isdecimal() else None

    def allow(self, seconds: float, silence: float) -> None:
        """The rest of the body has this much time from now, whatever deadline its head was under."""
        self._until, self._silence = time.monotonic() + seconds, silence

    def pieces(self, largest: int) -> Iterator[bytes]:
        """The body. Raises Unavailable at the deadline, TooHeavy once more than `largest` bytes came."""
        received = 0
        while piece := self._read():
            received += len(piece)
            if received > largest:
                raise TooHeavy(f"{self._label}: the answer is larger than {largest} bytes")
            if time.monotonic() > self._until:
                raise Unavailable(f"{self._label}: no whole answer in time", is_timeout=True)
            yield piece

    def _read(self) -> bytes:
        failure: OpenHumansError | None = None
        self._bear_no_longer_silence()
        try:
            # read1 gives what has arrived, where read would wait for a full piece and never see the deadline.
            piece: bytes = self._response.raw.read1(_PIECE, decode_content=True)
        except (RequestException, HTTPError, OSError, ValueError) as error:
            failure = _network_failure(error, self._label, self._until)
        if failure:
            raise failure
        return piece

    def _bear_no_longer_silence(self) -> None:
        reader = getattr(getattr(self._response.raw, "_fp", None), "fp", None)
        # The answer's own: its connection has none any more where the server closes after it.
        connection = getattr(getattr(reader, "raw", None), "_sock", None)
        if isinstance(connection, socket.socket):
            left = max(self._until - time.monotonic(), _LEAST_SECONDS)
            connection.settimeout(min(self._silence, left))


class Outgoing:
    """A stream of known size to send. A stream of another size is the caller's mistake: ValueError."""

    def __init__(self, stream: BinaryIO, size: int) -> None:
        self._stream = stream
        self._size = size

    def body(self, until: float) -> _TimedStream | bytes:
        # `requests` would send an empty stream chunked, which the storage refuses.
        return _TimedStream(self._stream, self._size, until) if self._size else b""


class _TimedStream:
    """What `requests` reads an upload from: it has a length, so Content-Length is sent, and a deadline."""

    def __init__(self, stream: BinaryIO, size: int, until: float) -> None:
        self._stream = stream
        self._size = size
        self._sent = 0
        self._until = until

    def __len__(self) -> int:
        return self._size

    def read(self, amount: int = -1) -> bytes:
        if time.monotonic() > self._until:
            raise TimeoutError
        wanted = self._size - self._sent
        piece = self._stream.read(wanted if amount < 0 else min(amount, wanted))
        self._sent += len(piece)
        missing = self._size - self._sent
        if missing and (amount < 0 or not piece):
            raise ValueError(f"the stream ended {missing} bytes before the announced size")
        if not missing and self._stream.read(1):
            raise ValueError("the stream is longer than the announced size")
        return piece


def _network_failure(error: Exception, label: str, until: float) -> OpenHumansError:
    # The libraries wrap a deadline that passed while sending into errors of their own, so the clock decides.
    is_late = time.monotonic() > until
    if is_late or isinstance(error, ReadTimeout | ConnectTimeout | ReadTimeoutError | TimeoutError):
        return Unavailable(f"{label}: no answer in time", is_timeout=True)
    if isinstance(error, ValueError) and not isinstance(error, RequestException):
        return UnexpectedResponse(f"{label}: the answer cannot be read")
    return Unavailable(f"{label}: the connection failed ({type(error).__name__})")


def _strip_queries(record: logging.LogRecord) -> bool:
    """urllib3 logs request lines at DEBUG; a presigned address there would be as good as the file."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            argument.partition("?")[0] if isinstance(argument, str) else argument for argument in record.args
        )
    return True


_CONNECTION_LOG: Final = logging.getLogger("urllib3.connectionpool")
_CONNECTION_LOG.addFilter(_strip_queries)
