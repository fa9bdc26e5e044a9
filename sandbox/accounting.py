"""What a stand-in remembers about the requests it got, and the faults it was told to show.

`Accounting(app, faults=[...], is_write=...)` hooks itself into a Flask app and adds, outside of the count:

* `GET /_sandbox/requests`: `{"total": n, "points": n, "refused_while_blocked": n, "writes": n,
  "bytes_in": n, "bytes_out": n, "by_endpoint": {"GET /x/<y>": n}}`, by route pattern; bytes of bodies
* `GET /_sandbox/log`: the last 10,000 requests as `{"method", "path", "status", "moment"}`, never a query
  string or a token; status 0 means that the connection was closed instead of an answer
* `POST /_sandbox/reset`: counters and log to zero, every fault off
* `GET /_sandbox/faults`, `POST /_sandbox/faults`: what is switched on; a JSON object switches one or more

A fault's value is `true`, a number, a text, or an object: `"times": n` in it limits the fault to n uses, and
`"value"` gives what the plain form would. `false`, `null` and `0` switch it off. Every stand-in knows
`latency_ms`, the delay before each answer.
"""

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

from flask import Flask, Request, Response, g, jsonify, request

_OUTSIDE_THE_COUNT = "/_sandbox/"
_LOG_LENGTH = 10_000


class Faults:
    """The switches of one stand-in. Safe to use from many threads."""

    def __init__(self, names: Iterable[str]) -> None:
        self.names = sorted({*names, "latency_ms"})
        self._lock = threading.Lock()
        self._values: dict[str, Any] = {}

    def switch(self, wanted: dict[str, Any]) -> None:
        """Set or update. Raises ValueError for an unknown name or a wrong value, changing nothing."""
        unknown = sorted(set(wanted) - set(self.names))
        if unknown:
            raise ValueError(f"Unknown fault {', '.join(unknown)}. Known: {', '.join(self.names)}.")
        for name, value in wanted.items():
            _check(name, value)
        with self._lock:
            for name, value in wanted.items():
                if _is_off(value):
                    self._values.pop(name, None)
                else:
                    self._values[name] = dict(value) if isinstance(value, dict) else value

    def take(self, name: str) -> Any:
        """The value of a fault that is on, using up one of its `times`; None when it is off."""
        with self._lock:
            value = self._values.get(name)
            if isinstance(value, dict) and "times" in value:
                value["times"] -= 1
                if value["times"] <= 0:
                    del self._values[name]
            return _plain(value)

    def peek(self, name: str) -> Any:
        """Like `take`, without using anything up."""
        with self._lock:
            return _plain(self._values.get(name))

    def shown(self) -> dict[str, Any]:
        with self._lock:
            return {name: dict(v) if isinstance(v, dict) else v for name, v in self._values.items()}

    def clear(self) -> None:
        with self._lock:
            self._values.clear()


def _check(name: str, value: Any) -> None:
    if isinstance(value, dict) and "times" in value:
        times = value["times"]
        if not isinstance(times, int) or isinstance(times, bool) or times < 0:
            raise ValueError(f"{name}: times must be a whole number, 0 or more.")
    if name == "latency_ms":
        latency = _plain(value)
        is_number = isinstance(latency, int | float) and not isinstance(latency, bool)
        if latency is not None and (not is_number or not 0 <= latency <= 600_000):
            raise ValueError("latency_ms must be a number of milliseconds, 0 to 600000.")


def _is_off(value: Any) -> bool:
    return not value or (isinstance(value, dict) and value.get("times") == 0)


def _plain(value: Any) -> Any:
    """The value without its `times`: `{"times": 2}` is True, `{"times": 2, "value": 5}` is 5."""
    if not isinstance(value, dict):
        return value
    if "value" in value:
        return value["value"]
    rest = {key: item for key, item in value.items() if key != "times"}
    return rest or True


class Accounting:
    """Counts requests of one Flask app and serves `/_sandbox/...`. Safe to use from many threads."""

    def __init__(
        self,
        app: Flask,
        *,
        faults: Iterable[str] = (),
        is_write: Callable[[Request], bool] = lambda _request: False,
        on_reset: Callable[[], None] = lambda: None,
    ) -> None:
        self.faults = Faults(faults)
        self._is_write = is_write
        self._on_reset = on_reset
        self._lock = threading.Lock()
        self._log: deque[dict[str, Any]] = deque(maxlen=_LOG_LENGTH)
        self._zero()
        app.extensions["accounting"] = self
        app.before_request(self._delay)
        app.after_request(self._record)
        app.add_url_rule("/_sandbox/requests", "sandbox_requests", self._show_counts, methods=["GET"])
        app.add_url_rule("/_sandbox/log", "sandbox_log", self._show_log, methods=["GET"])
        app.add_url_rule("/_sandbox/reset", "sandbox_reset", self._reset, methods=["POST"])
        app.add_url_rule("/_sandbox/faults", "sandbox_faults", self._show_faults, methods=["GET"])
        app.add_url_rule("/_sandbox/faults", "sandbox_switch", self._switch_faults, methods=["POST"])

    def add_points(self, points: int) -> None:
        """Count what a request cost by the service's own price list."""
        with self._lock:
            self._points += points

    def add_refusal(self) -> None:
        """Count a request that came although the client had been told to wait."""
        with self._lock:
            self._refused_while_blocked += 1

    def counts(self) -> dict[str, Any]:
        with self._lock:
            return {
                "total": self._total,
                "points": self._points,
                "refused_while_blocked": self._refused_while_blocked,
                "writes": self._writes,
                "bytes_in": self._bytes_in,
                "bytes_out": self._bytes_out,
                "by_endpoint": dict(sorted(self._by_endpoint.items())),
            }

    def reset(self) -> None:
        with self._lock:
            self._zero()
        self.faults.clear()
        self._on_reset()

    def _zero(self) -> None:
        self._total = self._points = self._refused_while_blocked = self._writes = 0
        self._bytes_in = self._bytes_out = 0
        self._by_endpoint: Counter[str] = Counter()
        self._log.clear()

    def _delay(self) -> None:
        if not request.path.startswith(_OUTSIDE_THE_COUNT):
            latency = self.faults.take("latency_ms")
            if latency:
                time.sleep(float(latency) / 1000)

    def _record(self, response: Response) -> Response:
        if request.path.startswith(_OUTSIDE_THE_COUNT):
            return response
        root = request.script_root
        pattern = f"{root}{request.url_rule.rule}" if request.url_rule else "(no such path)"
        entry = {
            "method": request.method,
            "path": root + request.path,
            "status": 0 if g.get("connection_dropped") else response.status_code,
            "moment": datetime.now(UTC).isoformat(),
        }
        with self._lock:
            self._total += 1
            self._writes += self._is_write(request)
            self._bytes_in += request.content_length or 0
            self._bytes_out += response.content_length or 0
            self._by_endpoint[f"{request.method} {pattern}"] += 1
            self._log.append(entry)
        return response

    def _show_counts(self) -> Response:
        return jsonify(self.counts())

    def _show_log(self) -> Response:
        with self._lock:
            return jsonify(list(self._log))

    def _reset(self) -> Response:
        self.reset()
        return jsonify({"status": "ok"})

    def _show_faults(self) -> Response:
        return jsonify(self.faults.shown())

    def _switch_faults(self) -> tuple[Response, int] | Response:
        wanted = request.get_json(force=True, silent=True)
        if not isinstance(wanted, dict):
            return jsonify({"error": f"A JSON object is wanted. Known: {', '.join(self.faults.names)}."}), 400
        try:
            self.faults.switch(wanted)
        except ValueError as error:
            return jsonify({"error": str(error)}), 400
        return self._show_faults()
