"""One made-up account from its first backfill through idle and active days, by a real worker.

Several parts want the same journey; each account is travelled once in a run of the benchmarks.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from django.db.models import Sum
from django.utils import timezone

from sandbox.github.generated_size import PROFILES, Size
from sync import runs
from sync.models import Subscription, SyncRun
from sync.tracking import answers
from tests.benchmarks.costs import ACTIVE_DAYS, active_moments
from tests.benchmarks.naive import NaiveSync
from tests.benchmarks.processors import Spent
from tests.benchmarks.quiet_days import QuietDays, live_through
from tests.benchmarks.service import (
    Site,
    Worker,
    connect_author,
    connect_generated,
    forget,
    serving,
    stored_commits,
    working,
)
from tests.repositories import Repository
from tests.sync.tracking.rides import folders, ride

LONGEST_SECONDS = 1800.0
POLL_SECONDS = 0.02
SAMPLES = 3
# The kernel counts processor time in hundredths of a second: a day is measured by several of them.
IDLE_DAYS = 10
ACTIVE_DAYS_TRAVELLED = 3
# Too large to be read the naive way.
COUNTED = ("heavy",)
GRAPHQL = "POST /api/graphql"
COMPLETE = "/files/upload/complete/"


# As the log of a stand-in tells it.
Request = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Leg:
    """One sync: what both stand-ins were asked, how much went over the wire, what it took."""

    requests: int
    points: int
    graphql_requests: int
    operations: dict[str, int]
    openhumans_requests: int
    openhumans_bytes: int
    bytes_down: int
    bytes_up: int
    file_bytes: int
    records: int
    seconds: float
    seconds_to_first_data: float | None
    requests_to_first_data: int
    spent: Spent
    peak_megabytes: float

    @property
    def all_requests(self) -> int:
        return self.requests + self.openhumans_requests

    @property
    def cost(self) -> tuple[int, int, int]:
        """What is the same on every machine."""
        return self.requests, self.openhumans_requests, self.points


@dataclass(frozen=True, slots=True)
class NaiveLeg:
    """The same sync the naive way. What is too long to be done whole is counted from its first pages."""

    requests: int
    bytes_down: int
    bytes_up: int
    is_estimated: bool = False


@dataclass(slots=True)
class Journey:
    """`naive` is with nothing held, then with everything held. It and quiet days: of named accounts only."""

    first: Leg
    idle_days: list[Leg] = field(default_factory=list)
    active_days: list[Leg] = field(default_factory=list)
    quiet_days: QuietDays = field(default_factory=lambda: QuietDays([]))
    naive: list[NaiveLeg] = field(default_factory=list)

    @property
    def idle(self) -> Leg:
        return self.idle_days[0]

    @property
    def active(self) -> Leg:
        return self.active_days[0]


# Accounts whose journey is made by another process, which is waited for.
elsewhere: dict[str, Callable[[], Journey]] = {}


@cache
def journey(account: str) -> Journey:
    """Backfill, idle days, active days; then months of idle ones, and the naive way's two syncs."""
    return elsewhere[account]() if account in elsewhere else _travelled(account)


def _travelled(account: str) -> Journey:
    with TemporaryDirectory() as folder, serving(Path(folder), "--account", account) as site:
        subscription = connect_generated(site)
        never_due(subscription)
        try:
            with working(Path(folder)) as worker:
                worker.wait_until_ready()
                found = Journey(travel(site, worker, subscription))
                for _ in range(IDLE_DAYS):
                    found.idle_days.append(travel(site, worker, subscription))
                for moment in active_moments(ACTIVE_DAYS_TRAVELLED, datetime.now(UTC)):
                    be_active(site, account, moment)
                    found.active_days.append(travel(site, worker, subscription))
            if account in PROFILES:
                found.quiet_days = live_through(site, subscription)
                found.naive = _naive(site, subscription, is_whole=account not in COUNTED)
        finally:
            forget(subscription)
    return found


@cache
def backfills(account: str, latency_ms: float, samples: int = SAMPLES) -> list[Leg]:
    """First syncs alone, with a delay before every answer; each by a new worker."""
    return [_backfill(account, latency_ms) for _ in range(samples)]


def undelayed_backfills(account: str, samples: int = SAMPLES) -> list[Leg]:
    """The first leg of the journey is one of them."""
    return [journey(account).first, *backfills(account, 0, samples - 1)]


def _backfill(account: str, latency_ms: float) -> Leg:
    with TemporaryDirectory() as folder, serving(Path(folder), "--account", account) as site:
        subscription = connect_generated(site)
        never_due(subscription)
        try:
            with working(Path(folder)) as worker:
                worker.wait_until_ready()
                return travel(site, worker, subscription, latency_ms)
        finally:
            forget(subscription)


def be_active(site: Site, account: str, moment: datetime) -> None:
    """What the member of a named account does on a day; others do what the typical one does."""
    done = ACTIVE_DAYS.get(account, ACTIVE_DAYS["typical"])
    site.github.act(act="active_day", at=moment.isoformat(), **done)


def travel(site: Site, worker: Worker, subscription: Subscription, latency_ms: float = 0) -> Leg:
    """One sync, to the moment at which the worker has nothing to do any more."""
    site.reset()
    site.delay(latency_ms)
    files = subscription.year_files.exclude(current_id=None)
    had_files = files.exists()
    before = worker.spent()
    run = runs.start(subscription, SyncRun.Trigger.MEMBER, is_interactive=True)
    first_data: list[float] = []

    def look() -> None:
        if not first_data and not had_files and files.exists():
            first_data.append((timezone.now() - run.created_at).total_seconds())

    run = _end_of(run, look)
    # The member is told of the first data after the end of the run.
    worker.wait_until_at_rest(latency_ms / 1000)
    spent = worker.spent() - before
    github, openhumans = site.github.counts(), site.openhumans.counts()
    _require_equal_counts(run, github)
    assert run.finished_at is not None
    return Leg(
        requests=github["total"],
        points=run.points,
        graphql_requests=github["by_endpoint"].get(GRAPHQL, 0),
        operations=site.github.operations(),
        openhumans_requests=openhumans["total"],
        openhumans_bytes=openhumans["bytes_out"] + openhumans["bytes_in"],
        bytes_down=github["bytes_out"] + openhumans["bytes_out"],
        bytes_up=github["bytes_in"] + openhumans["bytes_in"],
        file_bytes=files.aggregate(bytes=Sum("size"))["bytes"] or 0,
        records=run.records_new,
        seconds=(run.finished_at - run.created_at).total_seconds(),
        seconds_to_first_data=first_data[0] if first_data else None,
        requests_to_first_data=until_first_file(site.github.log(), site.openhumans.log()),
        spent=spent,
        peak_megabytes=worker.peak_megabytes(),
    )


def until_first_file(github: Sequence[Request], openhumans: Sequence[Request]) -> int:
    """Requests to both services, up to and with the one that completed a file; all where none did."""
    ends = (entry["moment"] for entry in openhumans if entry["path"].endswith(COMPLETE))
    first = next(ends, None)
    return sum(first is None or entry["moment"] <= first for entry in (*github, *openhumans))


def _require_equal_counts(run: SyncRun, github: Mapping[str, object]) -> None:
    """What the run says of itself is what GitHub has seen."""
    if run.requests != github["total"]:
        raise SystemExit(f"The run counted {run.requests} requests, the stand-in {github['total']}.")


def _end_of(run: SyncRun, look: Callable[[], None] = lambda: None) -> SyncRun:
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


@cache
def rest_requests_of_tracks(size: Size) -> int:
    """Until everything that looks like a track has been found, chosen and collected.

    From a real repository with as many tracks as the account has: bytes of made-up ones have no true address.
    """
    with TemporaryDirectory() as name:
        folder, began = Path(name), datetime.now(UTC) - timedelta(days=30)
        repository = Repository.create(folder / "walks", "walker@example.org")
        text = size.tracks - size.binary_tracks
        paths = [f"tracks/{number}.{'gpx' if number < text else 'fit'}" for number in range(size.tracks)]
        rides: dict[str, bytes | None] = {
            path: ride((began + timedelta(hours=n)).isoformat()) for n, path in enumerate(paths)
        }
        repository.write(rides, began.isoformat())
        with serving(folder / "site", "--repo", str(repository.path), "--email", repository.email) as site:
            subscription = connect_author(site, repository.path, repository.email)
            never_due(subscription)
            try:
                with working(folder) as worker:
                    worker.wait_until_ready()
                    _finish(subscription)
                    return _collected(site, subscription)
            finally:
                forget(subscription)


def _collected(site: Site, subscription: Subscription) -> int:
    site.reset()
    answers.look(subscription, forks=False, others=False)
    _finish(subscription)
    shown = folders(subscription)
    answers.answer(subscription, shown, shown)
    _finish(subscription)
    counts = site.github.counts()
    return int(counts["total"] - counts["by_endpoint"].get(GRAPHQL, 0))


def _finish(subscription: Subscription) -> None:
    subscription.refresh_from_db()
    _end_of(subscription.active_run or runs.start(subscription, SyncRun.Trigger.MEMBER))


def _naive(site: Site, subscription: Subscription, *, is_whole: bool) -> list[NaiveLeg]:
    """Twice: with nothing held, and with everything held. A large account is only counted."""
    ours = set(stored_commits(site, subscription))
    site.reset()
    if not is_whole:
        sync = NaiveSync(subscription)
        require_all(ours, sync.run(pages=1))
        down, file = sync.bytes_of_commits(), sync.bytes_of_file()
        requests = sync.requests_for_commits
        return [
            NaiveLeg(requests, down, file, is_estimated=True),
            NaiveLeg(requests, down + file, file, is_estimated=True),
        ]
    legs = []
    for _ in range(2):
        site.reset()
        require_all(ours, NaiveSync(subscription).run())
        github, openhumans = site.github.counts(), site.openhumans.counts()
        legs.append(
            NaiveLeg(
                requests=github["total"],
                bytes_down=github["bytes_out"] + openhumans["bytes_out"],
                bytes_up=github["bytes_in"] + openhumans["bytes_in"],
            )
        )
    return legs


def require_all(ours: set[str], naive: Mapping[str, Iterable[Mapping[str, Any]]]) -> None:
    """The naive way has found no commit that our files do not hold."""
    missing = {commit["sha"] for commits in naive.values() for commit in commits} - ours
    if missing:
        raise SystemExit(f"Our files lack {len(missing)} commits that the naive way has found.")


def never_due(subscription: Subscription) -> None:
    """No scan starts a run of its own; nor does it take the date for the work of a clock that was ahead."""
    Subscription.objects.filter(pk=subscription.pk).update(next_due_at=timezone.now() + timedelta(days=3))
