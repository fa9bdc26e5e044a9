"""What only a real socket shows: answers that stop, drip, or never begin."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests
import responses

from github_client.errors import TooHeavy, Unavailable
from github_client.transport import BearerToken, send

Behaviour = Callable[[socket.socket], None]
Serve = Callable[[Behaviour], str]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """A server that does to its one connection what the test says."""
    listener = socket.create_server(("127.0.0.1", 0))
    listener.settimeout(5)
    threads: list[threading.Thread] = []

    def start(behave: Behaviour) -> str:
        def run() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65536)
                try:
                    behave(connection)
                except OSError:
                    return  # the client hung up, which is what some tests are about

        threads.append(threading.Thread(target=run))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}"

    yield start
    for thread in threads:
        thread.join(timeout=5)
    listener.close()


def get(url: str) -> requests.Request:
    return requests.Request("GET", url)


def says(text: str) -> Behaviour:
    return lambda connection: connection.sendall(text.replace("\n", "\r\n").encode())


def test_a_whole_answer_is_complete(serve: Serve) -> None:
    url = serve(says("HTTP/1.1 200 OK\nContent-Length: 2\nX-RateLimit-Limit: 60\n\n{}"))
    answer = send(requests.Session(), "GET /", get(url), 5)
    assert (answer.status, answer.body, answer.is_complete) == (200, b"{}", True)
    assert answer.headers["x-ratelimit-limit"] == "60"


def test_chunks_are_put_together(serve: Serve) -> None:
    url = serve(says("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\n{}\n3\n   \n0\n\n"))
    answer = send(requests.Session(), "GET /", get(url), 5)
    assert (answer.body, answer.is_complete) == (b"{}   ", True)


@pytest.mark.parametrize(
    "text",
    [
        'HTTP/1.1 200 OK\nContent-Length: 100\n\n{"data": ',
        'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n9\n{"data": \n',
        'HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\nff\n{"data": ',
        "HTTP/1.1 200 OK\nContent-Encoding: gzip\nContent-Length: 4\n\nnope",
    ],
    ids=["length", "chunk missing", "chunk cut", "no gzip"],
)
def test_an_answer_that_breaks_off_is_incomplete(serve: Serve, text: str) -> None:
    answer = send(requests.Session(), "GET /", get(serve(says(text))), 5)
    assert answer.status == 200
    assert not answer.is_complete


def test_a_body_that_drips_ends_at_the_deadline(serve: Serve) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"x")
            time.sleep(0.02)

    begun = time.monotonic()
    answer = send(requests.Session(), "GET /", get(serve(drip)), 0.3)
    assert not answer.is_complete
    assert time.monotonic() - begun < 1


def test_a_redirect_is_handed_back_and_its_body_has_a_deadline_too(serve: Serve) -> None:
    def drip(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 301 Moved\r\nLocation: http://[\r\nContent-Length: 1000\r\n\r\n")
        for _ in range(100):
            connection.sendall(b"x")
            time.sleep(0.02)

    begun = time.monotonic()
    answer = send(requests.Session(), "GET /", get(serve(drip)), 0.3)
    assert (answer.status, answer.headers["location"]) == (301, "http://[")
    assert time.monotonic() - begun < 1


def test_no_answer_in_time_is_what_the_caller_calls_too_slow(serve: Serve) -> None:
    url = serve(lambda connection: time.sleep(0.4))
    with pytest.raises(TooHeavy):
        send(requests.Session(), "POST /graphql", get(url), 0.1, too_slow=TooHeavy)


def test_hanging_up_without_an_answer_is_what_the_caller_calls_too_slow(serve: Serve) -> None:
    with pytest.raises(TooHeavy):
        send(requests.Session(), "POST /graphql", get(serve(says(""))), 5, too_slow=TooHeavy)


def test_no_connection_is_an_outage(serve: Serve) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(Unavailable):
        send(requests.Session(), "POST /graphql", get(f"http://127.0.0.1:{port}"), 5, too_slow=TooHeavy)


def test_something_that_is_not_http_is_no_answer(serve: Serve) -> None:
    with pytest.raises(Unavailable):
        send(requests.Session(), "GET /", get(serve(says("SSH-2.0-OpenSSH\n\n"))), 5)


def test_a_connection_is_used_again() -> None:
    accepted = 0
    answers = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"

    def run(listener: socket.socket) -> None:
        nonlocal accepted
        connection, _ = listener.accept()
        accepted += 1
        with connection:
            while connection.recv(65536):
                connection.sendall(answers)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=run, args=(listener,))
        thread.start()
        session = requests.Session()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        assert [send(session, "GET /", get(url), 5).status for _ in range(3)] == [200] * 3
        session.close()
        thread.join(timeout=5)
    assert accepted == 1


@responses.activate
def test_a_request_has_the_token_and_asks_for_a_compressed_answer_whatever_a_netrc_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    responses.get("http://127.0.0.1/", body="{}")
    request = requests.Request("GET", "http://127.0.0.1/", {"Accept": "x/y"}, auth=BearerToken("secret"))
    send(requests.Session(), "GET /", request, 5)
    sent = responses.calls[0].request.headers
    assert (sent["Authorization"], sent["Accept"]) == ("Bearer secret", "x/y")
    assert "gzip" in sent["Accept-Encoding"]
