"""What is counted for those who watch: kept in Redis, so that all processes of all machines add to one sum.

A process collects what it counts and adds it now and then, so counting costs nothing worth mentioning. What
a killed process had not added is lost, and so are all sums when Redis is emptied: Prometheus knows such
resets. Labels hold words of ours only, never an id or a name of anybody.
"""

import logging
import threading
import time
from collections import Counter
from dataclasses import dataclass
from functools import cache

import redis
from django.conf import settings

logger = logging.getLogger(__name__)
KEY = "counters"
FLUSH_SECONDS = 2.0


@dataclass(frozen=True, slots=True)
class Kind:
    """One counter: what it counts, and the names of its labels."""

    help: str
    labels: tuple[str, ...] = ()


KINDS = {
    "requests": Kind("Requests to GitHub and Open Humans by outcome.", ("service", "kind", "outcome")),
    "points": Kind("GitHub GraphQL points spent.", ("kind",)),
    "runs_ended": Kind("Runs that ended.", ("state", "cause")),
    "weeks_fetched": Kind("Weeks of members that were fetched."),
    "waits": Kind("Times a run had to wait.", ("reason",)),
    "uploaded_bytes": Kind("Bytes of files put on Open Humans."),
    "token_refreshes": Kind("Tokens refreshed.", ("service", "outcome")),
    "web_requests": Kind("Requests answered by the site.", ("page", "status")),
    "web_seconds": Kind("Seconds spent on answering them.", ("page",)),
}

_lock = threading.Lock()
_counted: Counter[tuple[str, ...]] = Counter()
_flushed_at = time.monotonic()
_timer: threading.Timer | None = None
_is_flush_planned = False


@cache
def _connection() -> redis.Redis:
    return redis.Redis.from_url(settings.METRICS_URL, decode_responses=True, **settings.REDIS_FOR_PAGES)


def count(name: str, *labels: str, amount: float = 1) -> None:
    if not amount:
        return
    if len(labels) != len(KINDS[name].labels):
        raise ValueError(f"{name} wants the labels {KINDS[name].labels}.")
    with _lock:
        _counted[(name, *labels)] += amount  # type: ignore[assignment]
        is_time = time.monotonic() - _flushed_at >= FLUSH_SECONDS
    if is_time:
        flush()


def flush() -> None:
    """Add what this process has counted. Without Redis it is kept for the next time."""
    global _flushed_at
    with _lock:
        taken = dict(_counted)
        _counted.clear()
        _flushed_at = time.monotonic()
    if not taken:
        return
    try:
        pipeline = _connection().pipeline(transaction=False)
        for place, amount in taken.items():
            pipeline.hincrbyfloat(KEY, "|".join(place), amount)
        pipeline.execute()
    except redis.RedisError:
        logger.debug("Redis is away; the counters wait.")
        with _lock:
            _counted.update(taken)


def flush_soon() -> None:
    """Flush in a moment, together with what is counted until then; who ends before it says `flush_last`."""
    global _timer, _is_flush_planned
    with _lock:
        if _is_flush_planned:
            return
        _is_flush_planned = True
        _timer = threading.Timer(FLUSH_SECONDS, _flush_as_planned)
    _timer.daemon = True
    _timer.start()


def _flush_as_planned() -> None:
    global _is_flush_planned
    with _lock:
        _is_flush_planned = False
    flush()


def flush_last() -> None:
    """Before the process ends. What a planned flush is just adding is waited for."""
    global _is_flush_planned
    if _timer is not None:
        _timer.cancel()
        _timer.join()
    _is_flush_planned = False
    flush()


def read() -> dict[tuple[str, ...], float]:
    """All sums, {(name, label, ...): sum}. Raise `redis.RedisError` when Redis is away."""
    flush()
    sums = {}
    for field, amount in _connection().hgetall(KEY).items():
        name, *labels = str(field).split("|")
        if name in KINDS and len(labels) == len(KINDS[name].labels):
            sums[(name, *labels)] = float(amount)
    return sums
