"""What asking the budget costs, and that it is exact when many processes ask at once."""

import multiprocessing
import time
from datetime import UTC, datetime, timedelta

from django.conf import settings
from redis import Redis

from github_client import Budget, RateLimited
from github_client.types import Rate
from tests.benchmarks.figures import Report, Spread, ratio

ROUNDS = 9
CHECKS = 300
PROCESSES = 8
LIMIT = 400
KEY = "github:0"


def measure() -> Report:
    report = Report()
    with Redis.from_url(settings.BUDGET_URL) as connection:
        _add_cost(report, connection)
        _add_exactness(report, connection)
    return report


def _add_cost(report: Report, connection: Redis) -> None:
    budget = Budget(connection, KEY, "graphql", limit=10**9, per_minute=10**9)
    checks: list[float] = []
    pings: list[float] = []
    for _ in range(ROUNDS):
        budget.bucket.flush()
        checks.append(_microseconds(lambda: _spend(budget), CHECKS))
        pings.append(_microseconds(connection.ping, CHECKS))
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


def _microseconds(act: object, times: int) -> float:
    assert callable(act)
    began = time.perf_counter()
    for _ in range(times):
        act()
    return (time.perf_counter() - began) / times * 1e6


def _add_exactness(report: Report, connection: Redis) -> None:
    budget = Budget(connection, KEY, "graphql", limit=LIMIT, per_minute=10**6, reserve=0)
    admitted: list[float] = []
    for _ in range(3):
        budget.bucket.flush()
        with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
            admitted.append(sum(pool.map(hammer, [settings.BUDGET_URL] * PROCESSES, chunksize=1)))
    budget.bucket.flush()
    report.add(
        f"{PROCESSES} processes at once, for one member with a limit of {LIMIT}: admitted",
        Spread.of(admitted).shown(digits=0),
        f"the limit {LIMIT}",
        ratio(max(admitted), LIMIT),
        f"exactly {LIMIT}",
        met=set(admitted) == {LIMIT},
    )


def hammer(url: str) -> int:
    """Ask until the limit is reached, and a few times more; how often it was granted."""
    granted = refused = 0
    with Redis.from_url(url) as connection:
        budget = Budget(connection, KEY, "graphql", limit=LIMIT, per_minute=10**6, reserve=0)
        while refused < 50:
            try:
                budget.acquire()
            except RateLimited:
                refused += 1
            else:
                granted += 1
    return granted
