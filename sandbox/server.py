"""What both stand-ins share: a threaded HTTP/1.1 server for a Flask app, on loopback only, with accounting.

A stand-in builds its app and gives it accounting, then either serves it or runs it inside a test:

    app = Flask("github stand-in")
    accounting = Accounting(app, faults=["html_502"], is_write=lambda request: request.method != "GET")
    accounting.faults.take("html_502")     # the switch's value, or None

    add_server_arguments(parser); serve(app, arguments)        # python -m sandbox ...
    with running(app) as base_url: ...                         # in a test

`drop_connection()` and `truncate(response)` are the two answers that HTTP itself cannot express.
"""

import argparse
import contextlib
import ipaddress
import signal
import socket
import sys
import threading
from collections.abc import Iterable, Iterator
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, g, request

from sandbox.accounting import Accounting, Faults
from sandbox.connections import KeepAliveServer

__all__ = [
    "Accounting",
    "CannotListenError",
    "Faults",
    "add_server_arguments",
    "drop_connection",
    "running",
    "serve",
    "truncate",
]


class CannotListenError(Exception):
    """The address cannot be used; the message says which and why."""


def add_server_arguments(parser: argparse.ArgumentParser, *, port: int) -> None:
    """The options every stand-in has: --host, --port, --latency."""
    parser.add_argument(
        "--host", default="127.0.0.1", help="loopback address to listen on (default %(default)s)"
    )
    parser.add_argument("--port", type=int, default=port, help="0 picks a free one (default %(default)s)")
    parser.add_argument("--latency", type=float, default=0, metavar="MS", help="delay before every answer")


def serve(app: Flask, arguments: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT. Exit status: 0 after a clean stop, 1 for a refused address."""
    try:
        _set_latency(app, arguments.latency)
        server = _listen(app, arguments.host, arguments.port)
    except (CannotListenError, ValueError) as error:
        print(error, file=sys.stderr)
        return 1

    def stop(*_signal: object) -> None:
        # shutdown() waits for the loop below, which this handler interrupts, so it needs another thread.
        threading.Thread(target=server.shutdown).start()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    print(f"listening on {_url(server)}", flush=True)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    return 0


@contextlib.contextmanager
def running(app: Flask, *, port: int = 0) -> Iterator[str]:
    """Serve the app from a thread of this process; gives its base URL, without a trailing slash."""
    server = _listen(app, "127.0.0.1", port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield _url(server)
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def drop_connection() -> Response:
    """Close the connection instead of answering, as when a server dies after it did what it was asked."""
    g.connection_dropped = True
    connection = request.environ.get("werkzeug.socket")
    if connection is not None:
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RDWR)
    return Response(status=502)


def truncate(response: Response) -> Response:
    """The same answer with its announced length, but the connection closes half way through the body."""
    body = response.get_data()
    response.set_data(body[: len(body) // 2])
    response.headers["Content-Length"] = str(len(body))
    response.automatically_set_content_length = False
    return response


def _set_latency(app: Flask, latency: float) -> None:
    if latency:
        accounting: Accounting = app.extensions["accounting"]
        accounting.faults.switch({"latency_ms": latency})


def _url(server: KeepAliveServer) -> str:
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"http://{host}:{server.port}"


def _listen(app: Flask, host: str, port: int) -> KeepAliveServer:
    if not _is_loopback(host):
        raise CannotListenError(f"{host} is not a loopback address; a stand-in only listens on this machine.")
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((host, port))
        except (OSError, OverflowError) as error:
            reason = getattr(error, "strerror", None) or error
            raise CannotListenError(
                f"Cannot listen on {host}:{port}: {reason}. Choose another --port."
            ) from error
        listener.listen(128)
        return KeepAliveServer(host, port, _OnlyThisMachine(app), listener)


class _OnlyThisMachine:
    """Refuses a Host header that is not loopback, so that no web page can reach a stand-in by a DNS trick."""

    def __init__(self, app: Flask) -> None:
        self._app = app

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            host = urlsplit(f"//{environ.get('HTTP_HOST', 'localhost')}").hostname or ""
        except ValueError:
            host = ""
        if _is_loopback(host):
            return self._app(environ, start_response)
        refusal = Response("A stand-in only answers to loopback names.\n", status=421, mimetype="text/plain")
        return refusal(environ, start_response)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
