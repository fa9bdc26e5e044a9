"""A server that speaks Sentry's protocol: what processes report is kept, unpacked, in a folder.

reports = ErrorReports(folder)      # processes get SENTRY_DSN=reports.dsn
reports.close()                     # raises where something could not be unpacked
"""

import gzip
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

# Unpacked here, so that the search need not know how a sender packs.
UNPACK: dict[str, Callable[[bytes], bytes]] = {"": bytes, "identity": bytes, "gzip": gzip.decompress}


class ErrorReports:
    """One file for each envelope; the folder is made with the first one."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.kept = 0
        self.refused: list[str] = []
        self._lock = threading.Lock()
        self._server = _Server(self)
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()

    @property
    def dsn(self) -> str:
        return f"http://public@127.0.0.1:{self._server.server_port}/1"

    def keep(self, encoding: str, body: bytes) -> bool:
        with self._lock:
            if encoding not in UNPACK:
                self.refused.append(encoding)
                return False
            self.kept += 1
            self.folder.mkdir(exist_ok=True)
            (self.folder / f"envelope-{self.kept}").write_bytes(UNPACK[encoding](body))
            return True

    def texts(self) -> list[str]:
        """The envelopes that tell of an error, as they came."""
        paths = self.folder.glob("envelope-*")
        texts = [path.read_bytes().decode("utf-8", "replace") for path in paths]
        return [text for text in texts if '"type":"event"' in text.replace(" ", "")]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        assert not self.refused, f"error reports that nobody could read: {self.refused}"


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, reports: ErrorReports) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.reports = reports

    def handle_error(self, *_: object) -> None:
        """Whoever reported was killed: nothing of it arrived."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: _Server

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        is_kept = self.server.reports.keep(self.headers.get("Content-Encoding", ""), body)
        answer = b"{}"
        self.send_response_only(200 if is_kept else 415)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Silence: what arrived stands in the folder."""
