"""HTTP/1.1 with reused connections for werkzeug's development server, which closes each after one answer.

Clients are measured by how they reuse connections, so a stand-in that closed them would measure nothing.
"""

import contextlib
import logging
import socket
import threading
from collections.abc import Iterable
from typing import IO, Any, cast

from werkzeug.exceptions import ClientDisconnected, InternalServerError
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wsgi import LimitedStream

logger = logging.getLogger(__name__)

_IDLE_SECONDS = 65
_SKIP_AT_MOST = 64_000_000
_PIECE = 256 * 1024


class KeepAliveHandler(WSGIRequestHandler):
    """Serves one connection: any number of requests, one after the other."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS
    disable_nagle_algorithm = True
    wbufsize = -1  # the head and a short body leave in one packet
    server: "KeepAliveServer"

    def run_wsgi(self) -> None:
        environ = self.make_environ()
        body = None
        if "wsgi.input_terminated" not in environ:
            length = environ.get("CONTENT_LENGTH") or "0"
            body = LimitedStream(cast(IO[bytes], self.rfile), int(length) if length.isdecimal() else 0)
            environ["wsgi.input"] = body
        head: list[Any] = []

        def start_response(status: str, headers: list[tuple[str, str]], _exc_info: Any = None) -> None:
            head[:] = [status, headers]

        chunks = self._call_app(environ, start_response)
        try:
            self._skip_rest_of(body)
            self._send(head[0], head[1], chunks)
        finally:
            close = getattr(chunks, "close", None)
            if close:
                close()

    def handle_expect_100(self) -> bool:
        is_continued = super().handle_expect_100()
        self.wfile.flush()
        return is_continued

    def finish(self) -> None:
        with contextlib.suppress(ConnectionError):  # the client left, or the stand-in hung up on purpose
            super().finish()

    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 - the name is werkzeug's
        """Say nothing: request lines hold query strings, and those may hold tokens."""

    def _call_app(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        try:
            return self.server.app(environ, start_response)
        except Exception:
            logger.exception("The stand-in failed on %s %s", self.command, environ.get("PATH_INFO"))
            return InternalServerError()(environ, start_response)

    def _send(self, status: str, headers: list[tuple[str, str]], chunks: Iterable[bytes]) -> None:
        code, _, reason = status.partition(" ")
        self.send_response(int(code), reason)
        names = {name.lower(): value for name, value in headers}
        for name, value in headers:
            if name.lower() not in {"server", "date"}:  # send_response wrote them
                self.send_header(name, value)
        has_body = self.command != "HEAD" and int(code) not in (204, 304)
        is_chunked = has_body and "content-length" not in names
        if is_chunked:
            self.send_header("Transfer-Encoding", "chunked")
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        sent = 0
        for chunk in chunks:
            if has_body and chunk:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk) if is_chunked else chunk)
                sent += len(chunk)
        if is_chunked:
            self.wfile.write(b"0\r\n\r\n")
        elif has_body and sent != int(names["content-length"]):
            self.close_connection = True
        self.wfile.flush()

    def _skip_rest_of(self, body: LimitedStream | None) -> None:
        """Whatever the app left unread would be taken for the next request."""
        if body is None:
            self.close_connection = True
            return
        skipped = 0
        with contextlib.suppress(ClientDisconnected, OSError):
            while skipped < _SKIP_AT_MOST and (piece := body.read(_PIECE)):
                skipped += len(piece)
        if not body.is_exhausted:
            self.close_connection = True


class KeepAliveServer(ThreadedWSGIServer):
    """Closing it also closes the connections still open, as the end of a process would."""

    def __init__(self, host: str, port: int, app: Any, listener: socket.socket) -> None:
        self._open: set[socket.socket] = set()
        self._open_lock = threading.Lock()
        super().__init__(host, port, app, KeepAliveHandler, fd=listener.fileno())

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._open_lock:
            self._open.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        with self._open_lock:
            self._open.discard(request)
        super().shutdown_request(request)

    def server_close(self) -> None:
        super().server_close()
        with self._open_lock:
            remaining = list(self._open)
        for connection in remaining:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)
