"""One made-up account from its first backfill through an idle and an active day, by a real worker.

Several parts want the same journey; each account is travelled once in a run of the benchmarks.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from django.utils import timezone

from sync import runs
from sync.models import Subscription, SyncRun
from tests.benchmarks.costs import ACTIVE_DAY
from tests.benchmarks.naive import NaiveSync
from tests.benchmarks.service import (
    Site,
    Worker,
    connect_generated,
    forget,
    serving,
    stored_bytes,
    working,
)

LONGEST_SECONDS = 1800.0
POLL_SECONDS = 0.02


@dataclass(frozen=True, slots=True)
class Leg:
    """One sync: what it asked for, how much went over the wire, and how long it took."""

    requests: int
    points: int
    operations: dict[str, int]
    openhumans_requests: int
    bytes_down: int
    bytes_up: int
    records: int
    seconds: float
    seconds_to_first_data: float | None
    waits: int
    cpu_seconds: float


@dataclass(frozen=True, slots=True)
class NaiveLeg:
    """The same sync the naive way. What was too long to be done whole is counted from its first pages."""

    requests: int
    openhumans_requests: int
    bytes_down: int
    bytes_up: int
    commits: int
    seconds: float


@dataclass(slots=True)
class Journey:
    account: str
    first: Leg
    idle: Leg | None = None
    active: Leg | None = None
    stored: int = 0
    repositories: int = 0
    lists: int = 0
    peak_megabytes: float = 0.0
    naive: list[NaiveLeg] = field(default_factory=list)
    naive_requests: int = 0
    naive_idle_requests: int = 0


@cache
def journey(account: str) -> Journey:
    """Backfill, idle day, active day; and the naive way's two syncs where the account is not too large."""
    with TemporaryDirectory() as folder, serving(Path(folder), "--account", account) as site:
        subscription = connect_generated(site)
        never_due(subscription)
        try:
            with working(Path(folder)) as worker:
                first = travel(site, worker, subscription)
                found = Journey(account, first, peak_megabytes=worker.peak_megabytes())
                found.idle = travel(site, worker, subscription)
                site.github.act(**ACTIVE_DAY)
                found.active = travel(site, worker, subscription)
            found.stored = stored_bytes(site, subscription)
            found.repositories = subscription.repositories.count()
            _naive(site, subscription, found, is_whole=account != "heavy")
        finally:
            forget(subscription)
    return found


def backfill(account: str, latency_ms: float) -> Leg:
    """The first sync alone, with a delay before every answer."""
    with TemporaryDirectory() as folder, serving(Path(folder), "--account", account) as site:
        subscription = connect_generated(site)
        never_due(subscription)
        try:
            with working(Path(folder)) as worker:
                return travel(site, worker, subscription, latency_ms)
        finally:
            forget(subscription)


def travel(site: Site, worker: Worker, subscription: Subscription, latency_ms: float = 0) -> Leg:
    site.reset()
    site.delay(latency_ms)
    files = subscription.year_files.exclude(current_id=None)
    had_files = files.exists()
    cpu = worker.cpu_seconds()
    run = runs.start(subscription, SyncRun.Trigger.MEMBER, is_interactive=True)
    first_data: list[float] = []

    def look() -> None:
        if not first_data and not had_files and files.exists():
            first_data.append((timezone.now() - run.created_at).total_seconds())

    run = _end_of(run, look)
    github, openhumans = site.github.counts(), site.openhumans.counts()
    assert run.finished_at is not None
    return Leg(
        requests=run.requests,
        points=run.points,
        operations=site.github.operations(),
        openhumans_requests=openhumans["total"],
        bytes_down=github["bytes_out"] + openhumans["bytes_out"],
        bytes_up=github["bytes_in"] + openhumans["bytes_in"],
        records=run.records_new,
        seconds=(run.finished_at - run.created_at).total_seconds(),
        seconds_to_first_data=first_data[0] if first_data else None,
        waits=run.waits,
        cpu_seconds=worker.cpu_seconds() - cpu,
    )


def _end_of(run: SyncRun, look: Callable[[], None]) -> SyncRun:
    deadline = time.monotonic() + LONGEST_SECONDS
    while run.is_active:
        if time.monotonic() > deadline:
            raise SystemExit(f"The run is still {run.state} at step {run.step}.")
        time.sleep(POLL_SECONDS)
        look()
        run.refresh_from_db()
    if run.state != SyncRun.State.SUCCEEDED:
        raise SystemExit(f"The run {run.state}: {run.error_code} {run.error}")
    return run


def _naive(site: Site, subscription: Subscription, found: Journey, *, is_whole: bool) -> None:
    """Twice: with nothing held, and with everything held. A large account is only counted."""
    for _ in range(2 if is_whole else 0):
        site.reset()
        began, sync = time.monotonic(), NaiveSync(subscription)
        held = sync.run()
        github, openhumans = site.github.counts(), site.openhumans.counts()
        found.naive.append(
            NaiveLeg(
                requests=github["total"],
                openhumans_requests=openhumans["total"],
                bytes_down=github["bytes_out"] + openhumans["bytes_out"],
                bytes_up=github["bytes_in"] + openhumans["bytes_in"],
                commits=sum(map(len, held.values())),
                seconds=time.monotonic() - began,
            )
        )
    if not is_whole:
        site.reset()
        sync = NaiveSync(subscription)
        sync.run(pages=1)
    found.naive_requests = sync.requests_for_commits


def never_due(subscription: Subscription) -> None:
    """No scan starts a run of its own."""
    Subscription.objects.filter(pk=subscription.pk).update(next_due_at=timezone.now() + timedelta(days=365))
