"""What no mock can show: servers that trickle, stall, hang up half way or are not there."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

import pytest

from openhumans_client import (
    Deadline,
    Download,
    File,
    OpenHumansClient,
    OpenHumansError,
    OpenHumansOAuth,
    TooHeavy,
    Unavailable,
    UnexpectedResponse,
)
from openhumans_client.transport import Transport, anonymous

Behaviour = Callable[[socket.socket], None]
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


@contextmanager
def server(behave: Behaviour) -> Iterator[str]:
    """Reads one request on one connection, and then behaves as told."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                behave(connection)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        thread.join(timeout=5)


def trickle(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n")
    try:
        for _ in range(1000):
            connection.sendall(b" ")
            time.sleep(0.02)
    except OSError:
        return  # the client has had enough


def stall(connection: socket.socket) -> None:
    """Until the client leaves; a form may come after the lines before it, in a packet of its own."""
    with suppress(ConnectionError):
        while connection.recv(65536):
            pass


def stall_in_body(connection: socket.socket) -> None:
    connection.sendall(HEAD + b"Content-Length: 1000\r\n\r\n{")
    stall(connection)


def send(answer: bytes) -> Behaviour:
    return lambda connection: connection.sendall(answer)


def fetch(base_url: str) -> OpenHumansError:
    client = OpenHumansClient(base_url, "token", timeout=(1, 0.3), deadline=0.6)
    with pytest.raises(OpenHumansError) as caught:
        client.fetch_project()
    return caught.value


@pytest.mark.parametrize("behave", [trickle, stall, stall_in_body])
def test_no_server_holds_the_caller_longer_than_the_deadline(behave: Behaviour) -> None:
    with server(behave) as base_url:
        began = time.monotonic()
        error = fetch(base_url)
        assert time.monotonic() - began < 1.2
    assert isinstance(error, Unavailable)
    assert error.is_timeout


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        HEAD + b'Content-Length: 100\r\n\r\n{"id": 1',
        HEAD + b'Transfer-Encoding: chunked\r\n\r\n8\r\n{"id": 1\r\n',
        HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
        HEAD + b"Content-Encoding: gzip\r\nContent-Length: 5\r\n\r\nplain",
        b"not HTTP at all\r\n\r\n",
    ],
)
def test_an_answer_broken_on_the_way_is_an_outage(answer: bytes) -> None:
    with server(send(answer)) as base_url:
        error = fetch(base_url)
    assert isinstance(error, Unavailable)
    assert not error.is_timeout


def test_whole_http_with_half_the_json_is_an_unexpected_answer() -> None:
    with server(send(HEAD + b'Content-Length: 8\r\n\r\n{"id": 1')) as base_url:
        assert isinstance(fetch(base_url), UnexpectedResponse)


def test_nobody_there_is_an_outage() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert isinstance(fetch(f"http://127.0.0.1:{port}"), Unavailable)


@pytest.mark.parametrize("base_url", ["gopher://x", "http://", "http://[", "no address", "http://a..b"])
def test_an_address_that_cannot_be_used_is_a_named_error(base_url: str) -> None:
    assert isinstance(fetch(base_url), Unavailable | UnexpectedResponse)


def test_the_body_of_a_redirect_is_not_waited_for() -> None:
    answer = b"HTTP/1.1 302 Found\r\nLocation: https://[bad/\r\nContent-Length: 0\r\n\r\n"
    with server(send(answer)) as base_url:
        assert isinstance(fetch(base_url), UnexpectedResponse)


def test_an_answer_has_a_largest_size() -> None:
    with server(send(HEAD + b"Content-Length: 11\r\n\r\n12345678901")) as base_url:
        transport = Transport(None, (1, 1), 1)
        with transport.open("GET", base_url, "GET /", auth=anonymous) as incoming, pytest.raises(TooHeavy):
            incoming.whole(largest=10)


# --- One deadline for several calls, and the bytes after it ---


@pytest.mark.parametrize(
    "head", [b"", HEAD + b"Content-Length: 9\r\n\r\n{", HEAD + b"Connection: close\r\n\r\n{"]
)
def test_all_calls_of_a_client_share_a_deadline(head: bytes) -> None:
    """Their own time-outs are far longer; a call for which no time is left is not sent."""

    def answer(caller: socket.socket) -> None:
        caller.sendall(head)
        caller.recv(1)

    with server(answer) as base_url:
        shared, began = Deadline.after(0.3), time.monotonic()
        client = OpenHumansClient(base_url, "token", timeout=(9, 9), shared=shared)
        for _ in range(2):
            with pytest.raises(Unavailable) as caught:
                client.fetch_project()
            assert caught.value.is_timeout
        assert time.monotonic() - began < 5
    assert "not sent" in str(caught.value)
    assert shared.left == 0


def test_a_refresh_ends_with_the_shared_deadline() -> None:
    with server(stall) as base_url:
        oauth = OpenHumansOAuth(base_url, "id", "secret", timeout=(9, 9), shared=Deadline.after(0.2))
        began = time.monotonic()
        with pytest.raises(Unavailable) as caught:
            oauth.refresh("refresh")
        assert time.monotonic() - began < 5
    assert caught.value.is_timeout


STORED = b"HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nfirst"


def opened(base_url: str, shared: Deadline, silence: float) -> Download:
    now = datetime.now(UTC)
    file = File(7, "github-2026.json", now, {}, "direct-sharing-1", f"{base_url}/stored")
    return OpenHumansClient(base_url, "token", shared=shared).open_download(file, silence=silence)


def test_the_bytes_after_the_first_ones_have_time_of_their_own() -> None:
    has_passed = threading.Event()

    def answer(caller: socket.socket) -> None:
        caller.sendall(STORED)
        has_passed.wait(5)
        caller.sendall(b"later")

    shared = Deadline.after(0.4)
    with server(answer) as base_url:
        download = opened(base_url, shared, silence=5)
        assert download.size == 10
        assert next(download.pieces) == b"first"
        while shared.left:
            time.sleep(0.05)
        has_passed.set()
        assert b"".join(download.pieces) == b"later"
        download.close()


@pytest.mark.parametrize(
    ("behave", "is_timeout"), [(lambda caller: None, False), (lambda caller: caller.recv(1), True)]
)
def test_a_download_that_breaks_off_or_falls_silent_says_so(behave: Behaviour, is_timeout: bool) -> None:
    def answer(caller: socket.socket) -> None:
        caller.sendall(STORED)
        behave(caller)

    with server(answer) as base_url:
        download = opened(base_url, Deadline.after(9), silence=0.2)
        assert next(download.pieces) == b"first"
        with pytest.raises(Unavailable) as caught:
            next(download.pieces)
        download.close()
    assert caught.value.is_timeout == is_timeout
