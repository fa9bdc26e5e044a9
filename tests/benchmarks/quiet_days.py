"""Idle days one after the other, by a clock that is set on: so that what recurs falls due, and is counted.

What the probe cannot see is asked again weekly (releases, reviews, the documents, the ledger against what
lies at Open Humans) and monthly (all totals and calendars). Steps are done in this process: its is the clock.
"""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import freezegun

from sync import actors, runs
from sync.collect import probing
from sync.errors import WaitForLimit
from sync.models import Subscription, SyncRun
from tests.benchmarks.service import Site
from tests.faults.simulation import LEFT_ALONE

# Who syncs daily is reconciled every 6 days, and what is weekly recurs every 7: then both begin anew.
DAYS = 42
DAYS_OF_A_MONTH = probing.EVERYTHING_EVERY / timedelta(days=1)
DAYS_OF_A_YEAR = 365


@dataclass(frozen=True, slots=True)
class QuietDay:
    """What both stand-ins saw of a day without news, and what it took this process."""

    requests: int
    points: int
    openhumans_requests: int
    bytes_down: int
    bytes_up: int
    cpu_seconds: float
    is_monthly: bool = False

    @property
    def all_requests(self) -> int:
        return self.requests + self.openhumans_requests

    @property
    def is_bare(self) -> bool:
        """Nothing recurred: the probe was all."""
        return self.all_requests == 1


@dataclass(frozen=True, slots=True)
class QuietDays:
    days: list[QuietDay]

    def mean(self, of: Callable[[QuietDay], float]) -> float:
        """Of very many such days: the monthly one comes more or less often than among these."""
        monthly = [of(day) for day in self.days if day.is_monthly]
        others = [of(day) for day in self.days if not day.is_monthly]
        if not monthly:
            return statistics.mean(others)
        share = 1 / DAYS_OF_A_MONTH
        return share * statistics.mean(monthly) + (1 - share) * statistics.mean(others)

    def of_a_year(self, of: Callable[[QuietDay], float], idle: float, active: float, active_days: int) -> int:
        """Days like these, of which so many have news as well: an active day costs more than an idle one."""
        return round(DAYS_OF_A_YEAR * self.mean(of) + active_days * (active - idle))

    @property
    def times_bare(self) -> float:
        """Processor time of a mean day, of that of a day on which the probe was all."""
        bare = [day.cpu_seconds for day in self.days if day.is_bare]
        return self.mean(lambda day: day.cpu_seconds) / statistics.median(bare)


def live_through(site: Site, subscription: Subscription, days: int = DAYS) -> QuietDays:
    """A sync each day at the same hour, from tomorrow on."""
    freezegun.configure(default_ignore_list=LEFT_ALONE)
    with freezegun.freeze_time(datetime.now(UTC)) as clock:
        found = []
        for _ in range(days):
            clock.tick(timedelta(days=1))
            found.append(_live_through_one(site, subscription, clock))
    site.reset()
    return QuietDays(found)


def _live_through_one(site: Site, subscription: Subscription, clock: Any) -> QuietDay:
    site.reset()
    began = time.thread_time()
    subscription.refresh_from_db()
    compared_at = subscription.probe.get("compared_at")
    run = runs.start(subscription, SyncRun.Trigger.STALE)
    while run.is_active:
        try:
            actors.sync_step.fn(run.pk, run.step)
        except WaitForLimit as wait:
            clock.tick(timedelta(milliseconds=wait.delay or 0))
        run.refresh_from_db()
    spent = time.thread_time() - began
    subscription.refresh_from_db()
    github, openhumans = site.github.counts(), site.openhumans.counts()
    if run.state != SyncRun.State.SUCCEEDED or run.requests != github["total"]:
        raise SystemExit(
            f"A day without news: the run {run.state} ({run.error_code} {run.error}) and counted"
            f" {run.requests} requests, the stand-in {github['total']}."
        )
    return QuietDay(
        requests=github["total"],
        points=run.points,
        openhumans_requests=openhumans["total"],
        bytes_down=github["bytes_out"] + openhumans["bytes_out"],
        bytes_up=github["bytes_in"] + openhumans["bytes_in"],
        cpu_seconds=spent,
        is_monthly=subscription.probe.get("compared_at") != compared_at,
    )
