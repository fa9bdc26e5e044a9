"""What asking the budget costs, and that it is exact when many processes ask at once."""

import multiprocessing
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from multiprocessing.queues import Queue
from multiprocessing.synchronize import Barrier

from django.conf import settings
from redis import Redis

from github_client import Budget, RateLimited
from github_client.types import Rate
from tests.benchmarks.figures import Report, Spread, ratio

ROUNDS = 9
CHECKS = 300
SAMPLES = 3
PROCESSES = 8
LIMIT = 400
LONGEST_SECONDS = 120.0
KEY = "benchmarks:0"


def measure() -> Report:
    report = Report()
    with Redis.from_url(settings.BUDGET_URL) as connection:
        add_cost(report, connection, ROUNDS, CHECKS)
        add_exactness(report, connection, PROCESSES, LIMIT)
    return report


def add_cost(report: Report, connection: Redis, rounds: int, times: int) -> None:
    budget = Budget(connection, KEY, "graphql", limit=10**9, per_minute=10**9)
    checks: list[float] = []
    pings: list[float] = []
    for _ in range(rounds):
        budget.bucket.flush()
        checks.append(_microseconds(lambda: _spend(budget), times))
        pings.append(_microseconds(connection.ping, times))
    budget.bucket.flush()
    check, ping = Spread.of(checks), Spread.of(pings)
    report.add(
        "asking and settling the budget of one request (pyrate-limiter, our bucket)",
        check.shown(" µs", 0),
        f"two bare PINGs to the same Redis {Spread.of([2 * each for each in pings]).shown(' µs', 0)}",
        ratio(check.median, 2 * ping.median),
    )


def _spend(budget: Budget) -> None:
    lease = budget.acquire()
    budget.settle(lease, Rate("graphql", 10**9, 10**9 - 1, 1, datetime.now(UTC) + timedelta(hours=1)))


def _microseconds(act: Callable[[], object], times: int) -> float:
    began = time.perf_counter()
    for _ in range(times):
        act()
    return (time.perf_counter() - began) / times * 1e6


def add_exactness(report: Report, connection: Redis, processes: int, limit: int) -> None:
    budget = Budget(connection, KEY, "graphql", limit=limit, per_minute=10**6, reserve=0)
    admitted: list[float] = []
    shares: list[int] = []
    for _ in range(SAMPLES):
        budget.bucket.flush()
        granted = at_once(processes, limit)
        admitted.append(sum(granted))
        shares += granted
    budget.bucket.flush()
    report.add(
        f"{processes} processes at once, for one member with a limit of {limit}: admitted",
        Spread.of(admitted).shown(digits=0),
        f"the limit {limit}; each process had {min(shares)} to {max(shares)} of them",
        ratio(max(admitted), limit),
        f"exactly {limit}, some of it for each process",
        met=set(admitted) == {limit} and min(shares) > 0,
    )


def at_once(processes: int, limit: int) -> list[int]:
    """How often each was granted, of processes that begin to ask at the same moment."""
    context = multiprocessing.get_context("spawn")
    barrier, granted = context.Barrier(processes), context.Queue()
    started = [
        context.Process(target=hammer, args=(settings.BUDGET_URL, limit, barrier, granted), daemon=True)
        for _ in range(processes)
    ]
    for process in started:
        process.start()
    try:
        return [granted.get(timeout=LONGEST_SECONDS) for _ in started]
    finally:
        for process in started:
            process.join()


def hammer(url: str, limit: int, barrier: Barrier, granted: "Queue[int]") -> None:
    """Ask until the limit is reached, and a few times more."""
    had = refused = 0
    with Redis.from_url(url) as connection:
        budget = Budget(connection, KEY, "graphql", limit=limit, per_minute=10**6, reserve=0)
        connection.ping()
        barrier.wait(LONGEST_SECONDS)
        while refused < 50:
            try:
                budget.acquire()
            except RateLimited:
                refused += 1
            else:
                had += 1
    granted.put(had)
