"""A gate between the service and a stand-in, where a request can be stopped on its way there or back.

    with gate.hold("POST /api/direct-sharing/project/files/upload/complete/", "answer") as held:
        held.wait()      # the stand-in has done it, and nobody has been told yet
        ...              # kill whoever is waiting for the answer
    # leaving lets the request go on, unless `held.drop()` said that it never arrives

    with gate.answer_instead("PUT /storage/*", 400, b"<Code>EntityTooLarge</Code>"):
        ...              # the stand-in has done it, and whoever asked is told this instead

Paths are compared without numbers and names of stored objects: `/storage/*`, `/files/7/` is `/files/*/`.
"""

import re
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

from tests.secrets.wire import secrets_in

Place = Literal["request", "answer"]
PATIENCE_SECONDS = 120.0
# Of an answer, so that long pages of commits cost nothing.
MOST_HEARD = 100_000
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "proxy-connection", "te", "trailer", "upgrade"}


@dataclass
class Hold:
    """One request that is stopped: on its way (`request`) or on its way back (`answer`)."""

    call: str
    place: Place
    containing: bytes = b""
    _reached: threading.Event = field(default_factory=threading.Event)
    _released: threading.Event = field(default_factory=threading.Event)
    is_dropped: bool = False

    def wait(self, seconds: float = 60.0) -> None:
        assert self._reached.wait(seconds), f"Nobody asked {self.call} within {seconds:.0f} s."

    @property
    def is_reached(self) -> bool:
        return self._reached.is_set()

    def drop(self) -> None:
        """The request never arrives, or the answer is lost."""
        self.is_dropped = True
        self._released.set()

    def release(self) -> None:
        self._released.set()

    def stop_here(self) -> bool:
        """Called by the request's own thread; False when it is to be dropped."""
        self._reached.set()
        self._released.wait(PATIENCE_SECONDS)
        return not self.is_dropped


@dataclass
class Said:
    """An answer in the place of the stand-in's own."""

    call: str
    status: int
    content: bytes
    media_type: str
    after: int
    times: int = 0


class Gate:
    def __init__(self, upstream: str) -> None:
        self.upstream = upstream
        self.log: list[str] = []
        # {value: what it is} of every secret that passed, either way.
        self.heard: dict[str, str] = {}
        self._holds: list[Hold] = []
        self._instead: list[Said] = []
        self._lock = threading.Lock()
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    @contextmanager
    def hold(self, call: str, place: Place, containing: bytes = b"") -> Iterator[Hold]:
        """Stop the next request of this sort whose body (or answer's body) holds these bytes."""
        hold = Hold(call, place, containing)
        with self._lock:
            self._holds.append(hold)
        try:
            yield hold
        finally:
            hold.release()
            with self._lock, suppress(ValueError):
                self._holds.remove(hold)

    @contextmanager
    def answer_instead(
        self, call: str, status: int, content: bytes, media_type: str = "application/json", after: int = 0
    ) -> Iterator[Said]:
        """Give this answer to every request of the sort, but for the first few."""
        said = Said(call, status, content, media_type, after)
        with self._lock:
            self._instead.append(said)
        try:
            yield said
        finally:
            with self._lock:
                self._instead.remove(said)

    def instead(self, call: str) -> Said | None:
        with self._lock:
            for said in self._instead:
                if said.call != call:
                    continue
                if said.after > 0:
                    said.after -= 1
                    return None
                said.times += 1
                return said
        return None

    def take(self, call: str, place: Place, body: bytes) -> Hold | None:
        with self._lock:
            for hold in self._holds:
                is_meant = (hold.call, hold.place) == (call, place) and hold.containing in body
                if is_meant and not hold.is_reached:
                    return hold
        return None

    def listen(self, headers: Iterable[tuple[str, str]], *texts: str | bytes) -> None:
        """Files are let through unread: what stands in them is the member's."""
        lines = [f"{name}: {value}" for name, value in headers]
        lines += [text.decode("utf-8", "replace") if isinstance(text, bytes) else text for text in texts]
        found = secrets_in("\n".join(lines))
        with self._lock:
            self.heard |= found

    def count(self, call: str) -> int:
        return self.log.count(call)

    def reset(self) -> None:
        self.log.clear()

    def close(self) -> None:
        for hold in list(self._holds):
            hold.drop()
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def __init__(self, gate: Gate) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.gate = gate

    def handle_error(self, *_: object) -> None:
        """Whoever asked was killed: nothing to report."""


class _Handler(BaseHTTPRequestHandler):
    """One connection of the service: each request is passed on whole, then its answer."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _pass_on(self) -> None:
        gate, call = self.server.gate, f"{self.command} {pattern(self.path)}"
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        gate.log.append(call)
        is_file = call.endswith(" /storage/*")
        gate.listen(self.headers.items(), self.path, b"" if is_file else body)
        if not self._goes_on(call, "request", body):
            return
        try:
            status, headers, content = self._ask(body)
        except (OSError, HTTPException):
            self.close_connection = True
            return
        gate.listen(headers, b"" if is_file else content[:MOST_HEARD])
        if not self._goes_on(call, "answer", content):
            return
        said = gate.instead(call)
        if said is None:
            self._answer(status, headers, content)
        else:
            self._answer(said.status, [("Content-Type", said.media_type)], said.content)

    def _goes_on(self, call: str, place: Place, body: bytes) -> bool:
        hold = self.server.gate.take(call, place, body)
        if hold is None or hold.stop_here():
            return True
        self.close_connection = True
        return False

    def _ask(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
        connection = HTTPConnection(urlsplit(self.server.gate.upstream).netloc, timeout=PATIENCE_SECONDS)
        try:
            # The Host header goes along as it is, so the stand-in's own links lead through the gate.
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            connection.request(self.command, self.path, body or None, headers)
            answer = connection.getresponse()
            kept = [(name, value) for name, value in answer.getheaders() if name.lower() not in HOP_BY_HOP]
            return answer.status, kept, answer.read()
        finally:
            connection.close()

    def _answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() != "content-length":
                self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = _pass_on  # noqa: N815 - named by the library

    def log_message(self, *_: object) -> None:
        """Silence: the gate keeps its own log."""


def pattern(path: str) -> str:
    """The path without its query, numbers and names of stored objects."""
    path = urlsplit(path).path
    if path.startswith("/storage/"):
        return "/storage/*"
    return re.sub(r"/\d+(?=/|$)", "/*", path)
