"""What a sync costs ourselves: processor and database, beside a bare request for the same answer."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import attrgetter
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import requests
from django.conf import settings
from django.db import connection
from django.utils import timezone

from accounts.models import Credential
from github_client import GitHubClient
from sync import actors, planner, runs, scanning
from sync.collect import lists, probing
from sync.models import Subscription, SyncRun
from sync.retention import MEMBERS_AN_HOUR
from tests.benchmarks.costs import active_moments
from tests.benchmarks.database_time import Asked, DatabaseWatch
from tests.benchmarks.figures import Report, Spread, ratio
from tests.benchmarks.journeys import (
    SAMPLES,
    Leg,
    be_active,
    journey,
    never_due,
    travel,
    undelayed_backfills,
)
from tests.benchmarks.processors import Spent
from tests.benchmarks.quiet_days import QuietDays
from tests.benchmarks.requests_and_points import ACTIVE_DAYS, IDLE_DAYS
from tests.benchmarks.service import (
    Site,
    Worker,
    connect_generated,
    forget,
    serving,
    wait_for_end,
    working,
)

ROUNDS = 40
MOST_TIMES_BARE = 3.0
MEMBERS = 1_000_000
SECONDS_A_DAY = 86_400
MINUTES_A_DAY = 1_440
HOURS_A_DAY = 24
CORES = 2
# What dramatiq starts by itself on a machine with so many cores.
THREADS = 8 * CORES
LATENCY_SECONDS = 0.15
# Sorts of statements that are named one by one.
MOST_NAMED = 5


@dataclass(frozen=True, slots=True)
class Question:
    """What an idle sync asked, to be asked again by a bare `requests`."""

    url: str
    body: bytes
    headers: dict[str, str]


@dataclass(slots=True)
class Idle:
    """Of one idle sync after the other, in this process: seconds of processor and database, and queries."""

    question: Question
    cpu: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    watches: list[DatabaseWatch] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class InRhythm:
    """One idle sync by a worker that has paused before, and the bare request beside it."""

    spent: Spent
    bare_seconds: float


@dataclass(frozen=True, slots=True)
class Day:
    """What a day of one member costs a deployment, and how long it occupies a thread."""

    spent: Spent
    scan_seconds: float
    requests: float

    @property
    def total(self) -> float:
        return self.spent.total + self.scan_seconds

    @property
    def thread_seconds(self) -> float:
        return self.spent.worker + self.requests * LATENCY_SECONDS


def measure() -> Report:
    report = Report()
    for account in ("light", "typical"):
        # Before its member is connected here: nobody else may then be connected to the same account.
        quiet = journey(account).quiet_days
        with TemporaryDirectory() as folder, serving(Path(folder), "--account", account) as site:
            subscription = connect_generated(site)
            never_due(subscription)
            try:
                _add_database(report, account, subscription)
                found = idle_syncs(subscription)
                client = of_the_client(subscription)
                _add_idle(report, account, found, client)
                scans = of_the_scan(subscription)
                with working(Path(folder)) as worker:
                    worker.wait_until_ready()
                    rhythms = [in_rhythm(worker, subscription, found.question) for _ in range(SAMPLES)]
                    idle = [each.spent for each in rhythms]
                    active = [
                        _active_day(site, worker, subscription, account, moment)
                        for moment in active_moments(SAMPLES, datetime.now(UTC))
                    ]
                _add_worker(report, account, rhythms, found)
                _add_capacity(report, account, idle, active, scans, quiet)
            finally:
                forget(subscription)
        _add_records(report, account)
    return report


def backfill_here(subscription: Subscription) -> tuple[SyncRun, DatabaseWatch]:
    """In this process, so that each statement is seen."""
    run, watch = runs.start(subscription, SyncRun.Trigger.MEMBER), DatabaseWatch()
    with connection.execute_wrapper(watch):
        while run.is_active:
            actors.sync_step.fn(run.pk, run.step)
            run.refresh_from_db()
    if run.state != SyncRun.State.SUCCEEDED:
        raise SystemExit(f"The run {run.state}: {run.error_code} {run.error}")
    subscription.refresh_from_db()
    return run, watch


def _add_database(report: Report, account: str, subscription: Subscription) -> None:
    run, watch = backfill_here(subscription)
    report.add(
        f"{account}: database time per 1,000 records of a backfill",
        f"{watch.seconds / run.records_new * 1000:.2f} s, 1 run",
        f"{run.records_new:,} records, {watch.queries:,} statements, {watch.seconds:.1f} s",
    )


def idle_syncs(subscription: Subscription) -> Idle:
    found = Idle(_asked_by(subscription))
    for _ in range(ROUNDS):
        run = runs.start(subscription, SyncRun.Trigger.STALE)
        watch = DatabaseWatch()
        with connection.execute_wrapper(watch):
            found.cpu.append(cpu_of(lambda run=run: actors.sync_step.fn(run.pk, 0)))  # type: ignore[misc]
        run.refresh_from_db()
        if run.state != SyncRun.State.SUCCEEDED or run.requests != 1 or run.uploads:
            raise SystemExit(f"The sync was not idle: {run.state}, {run.requests} requests")
        found.watches.append(watch)
        found.bare.append(cpu_of(lambda: bare(found.question)))
    return found


def cpu_of(act: Callable[[], object]) -> float:
    """Seconds of processor of this thread alone."""
    began = time.thread_time()
    act()
    return time.thread_time() - began


def bare(question: Question) -> object:
    """The least there is: one `requests` call and the decoding of its answer."""
    answer = requests.post(question.url, data=question.body, headers=question.headers, timeout=60)
    return answer.json()


def _asked_by(subscription: Subscription) -> Question:
    """The very request of an idle sync."""
    from requests.adapters import HTTPAdapter

    seen: list[requests.PreparedRequest] = []
    send = HTTPAdapter.send

    def listening(
        adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any
    ) -> requests.Response:
        seen.append(request)
        return send(adapter, request, **options)

    HTTPAdapter.send = listening  # type: ignore[method-assign, assignment]
    try:
        actors.sync_step.fn(runs.start(subscription, SyncRun.Trigger.STALE).pk, 0)
    finally:
        HTTPAdapter.send = send  # type: ignore[method-assign]
    (request,) = seen
    assert isinstance(request.body, bytes)
    assert request.url is not None
    token = Credential.objects.get(identity__user=subscription.user, identity__provider="github").access_token
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    return Question(request.url, request.body, headers)


def _add_idle(report: Report, account: str, found: Idle, client: list[float]) -> None:
    _against_bare(report, f"{account}: CPU of one idle sync, the step alone", found.cpu, found.bare)
    report.add(
        f"{account}: of this the client of GitHub, with every field of the answer checked",
        milliseconds(client).shown(" ms"),
        ratio=f"{statistics.median(client) / statistics.median(found.cpu):.0%}",
    )
    asking = [watch.cpu_seconds for watch in found.watches]
    report.add(
        f"{account}: of this asking Postgres",
        milliseconds(asking).shown(" ms"),
        f"{Spread.of([watch.queries for watch in found.watches]).shown(digits=0)} statements,"
        f" {milliseconds([watch.seconds for watch in found.watches]).shown(' ms')} until they are answered",
        f"{statistics.median(asking) / statistics.median(found.cpu):.0%}",
    )
    report.note(_where_it_goes(account, found, statistics.median(client)))


def _against_bare(report: Report, what: str, seconds: list[float], bare_seconds: list[float]) -> None:
    cpu, plain = milliseconds(seconds), milliseconds(bare_seconds)
    report.add(
        what,
        cpu.shown(" ms"),
        f"bare `requests` and JSON of the same answer {plain.shown(' ms')}",
        ratio(cpu.median, plain.median),
        f"at most {MOST_TIMES_BARE:.0f} times",
        met=cpu.median <= MOST_TIMES_BARE * plain.median,
    )


def _add_worker(report: Report, account: str, rhythms: list[InRhythm], found: Idle) -> None:
    """The same sync by a worker: with Dramatiq around the step."""
    whole, plain = [each.spent.worker for each in rhythms], [each.bare_seconds for each in rhythms]
    _against_bare(report, f"{account}: CPU of one idle sync, the whole worker process", whole, plain)
    around = milliseconds(whole).median - milliseconds(found.cpu).median
    report.note(
        "The whole worker process does one sync after a pause as long as it takes to find the message, some"
        " 100 ms, and the bare request beside it is sent at the same pace, where either costs more than"
        " without a pause: a processor that has slept finds its caches cold. The step alone and its bare"
        f" request are done without pauses. Around the step of the {account} account the worker spends"
        f" {around:.1f} ms, with what the pauses cost it: Dramatiq fetches the message from Redis, decodes"
        " it, hands it from the thread that fetches to the one that works, goes through its middleware and"
        " acknowledges it, and threads that wait look for work and take turns. These are not measured one by"
        " one. It becomes less where one message stands for several members, or where a process has more to"
        " do, since looking for work costs the same."
    )


def _where_it_goes(account: str, found: Idle, client: float) -> str:
    """The cost of an idle sync, taken apart by what was measured; how far it is from the bar."""
    cpu, plain = statistics.median(found.cpu), statistics.median(found.bare)
    asking = statistics.median(watch.cpu_seconds for watch in found.watches)
    rest = max(0.0, cpu - client - asking)
    over = (cpu - MOST_TIMES_BARE * plain) * 1000
    distance = f"{over:.1f} ms above the bar" if over > 0 else f"{-over:.1f} ms below the bar"
    sorts = ", ".join(
        f"{count:.3g} {name} {spent * 1000:.2f} ms"
        for name, count, spent in by_sort(found.watches)[:MOST_NAMED]
    )
    return (
        f"Where an idle sync of the {account} account goes ({distance}): the client {client / cpu:.0%},"
        f" asking Postgres {asking / cpu:.0%}, and {rest / cpu:.0%} ({rest * 1000:.1f} ms) around both: rows"
        " that become objects, tokens that are decrypted, the budget, what the run notes. The dearest"
        f" statements: {sorts}."
    )


def by_sort(watches: Sequence[DatabaseWatch]) -> list[tuple[str, float, float]]:
    """Of one sync on average, the dearest first: which statements, how many, their seconds of processor."""
    total: dict[str, Asked] = {}
    for watch in watches:
        for name, asked in watch.by_sort.items():
            known = total.setdefault(name, Asked())
            known.count += asked.count
            known.cpu_seconds += asked.cpu_seconds
    ordered = sorted(total.items(), key=lambda item: -item[1].cpu_seconds)
    return [(name, each.count / len(watches), each.cpu_seconds / len(watches)) for name, each in ordered]


def in_rhythm(worker: Worker, subscription: Subscription, question: Question) -> InRhythm:
    """A whole worker process, Postgres and Redis for one idle sync: with its messages and connections."""
    before, plain = worker.spent(), []
    for _ in range(ROUNDS):
        wait_for_end(runs.start(subscription, SyncRun.Trigger.STALE), 60, "an idle sync")
        plain.append(cpu_of(lambda: bare(question)))
    worker.wait_until_at_rest()
    return InRhythm((worker.spent() - before) / ROUNDS, statistics.median(plain))


def _active_day(
    site: Site, worker: Worker, subscription: Subscription, account: str, moment: datetime
) -> Leg:
    be_active(site, account, moment)
    return travel(site, worker, subscription)


def of_the_scan(subscription: Subscription) -> list[float]:
    """Seconds of processor of a scan that finds one member due."""
    found = []
    for _ in range(ROUNDS // 4):
        subscription.runs.all().delete()
        Subscription.objects.filter(pk=subscription.pk).update(next_due_at=timezone.now())
        found.append(cpu_of(lambda: scanning.scan(timezone.now(), 1000)))
    subscription.runs.all().delete()
    never_due(subscription)
    return found


def of_the_client(subscription: Subscription) -> list[float]:
    """Seconds of processor of the client alone, from putting the question together to decoded objects."""
    token = Credential.objects.get(identity__user=subscription.user, identity__provider="github").access_token
    today = timezone.now().date()

    def ask() -> None:
        client = GitHubClient(settings.GITHUB_API_URL, token)
        names = lists.names_for(subscription.kinds)
        since, login = planner.probe_since(today), subscription.github_login
        client.ask_probe(since, today, 50, names, probing.LIST_ITEMS, login).decoded()

    return [cpu_of(ask) for _ in range(ROUNDS)]


def _add_capacity(
    report: Report, account: str, idle: list[Spent], active: list[Leg], scans: list[float], quiet: QuietDays
) -> None:
    scan = statistics.median(scans)
    bare = [Day(spent, scan, 1) for spent in idle]
    of_idle = [with_what_recurs(day, quiet) for day in bare]
    of_active = [Day(leg.spent, scan, leg.all_requests) for leg in active]
    more = [
        of_active_day_in_a_year(day, busy, all_)
        for day, busy, all_ in zip(bare, of_active, of_idle, strict=True)
    ]
    mixed = [mean_day(all_, busy) for all_, busy in zip(of_idle, more, strict=True)]
    report.add(f"{account}: CPU of a scan that finds one member due", milliseconds(scans).shown(" ms"))
    for name, days in (
        ("idle sync", bare),
        ("idle day, with what recurs", of_idle),
        ("sync on an active day", of_active),
    ):
        report.add(
            f"{account}: CPU of a deployment per {name}",
            milliseconds([day.total for day in days]).shown(" ms"),
            _shares(days),
        )
    for name, days in (("were all days idle", of_idle), (f"with {ACTIVE_DAYS} active days a year", mixed)):
        capacity = Spread.of([CORES * SECONDS_A_DAY / day.total for day in days])
        needed = Spread.of([MEMBERS * day.total / SECONDS_A_DAY for day in days])
        report.add(
            f"{account}: members that {CORES} cores keep fresh daily, {name}",
            capacity.shown(digits=0),
            f"{CORES} x {SECONDS_A_DAY:,} s a day; {MEMBERS:,} members need {needed.shown(' cores', 2)}",
            ratio(capacity.median, MEMBERS),
            f"at least {MEMBERS:,}, of idle days only" if days is of_idle else "",
            met=capacity.median >= MEMBERS if days is of_idle else None,
        )
        # The one in the middle by what it costs, so that its figures are those of the line above.
        _add_what_breaks_first(report, account, name, sorted(days, key=attrgetter("total"))[len(days) // 2])
    report.note(
        f"Of the {account} account: what breaks first is the smallest of these limits; the others stand"
        " beside"
        " it. Processor time is moved by more cores, here or on other machines with workers of their own; the"
        " threads by more of them to a process, or more processes, as far as the cores bear it; the scan by"
        " `SYNC_SCAN_LIMIT`; taking away old runs by `MEMBERS_AN_HOUR` of `sync/retention.py`. An idle day"
        " is the"
        f" idle sync and what recurs weekly and monthly: {quiet.mean(attrgetter('all_requests')):.2f}"
        " requests"
        f" and {quiet.times_bare:.2f} times the processor time of an idle sync, by {len(quiet.days)} days in"
        " a"
        " row in this process. The bar stands for idle days only; for days with news there is none."
    )


def with_what_recurs(day: Day, quiet: QuietDays) -> Day:
    """The mean of many idle days, by those that were lived through one after the other."""
    return Day(
        day.spent.times(quiet.times_bare), day.scan_seconds, quiet.mean(lambda each: each.all_requests)
    )


def of_active_day_in_a_year(bare: Day, active: Day, idle: Day) -> Day:
    """On active days the same recurs: as much is added as to an idle one."""
    more = idle.spent - bare.spent
    return Day(active.spent + more, active.scan_seconds, active.requests + idle.requests - bare.requests)


def mean_day(idle: Day, active: Day) -> Day:
    """Of a year with its idle and active days."""

    def mean(quiet: float, busy: float) -> float:
        return (IDLE_DAYS * quiet + ACTIVE_DAYS * busy) / 365

    spent = Spent(
        mean(idle.spent.worker, active.spent.worker),
        mean(idle.spent.postgres, active.spent.postgres),
        mean(idle.spent.redis, active.spent.redis),
    )
    return Day(spent, mean(idle.scan_seconds, active.scan_seconds), mean(idle.requests, active.requests))


def limits_of(day: Day) -> dict[str, float]:
    """How many members a day each part of a deployment bears by itself."""
    return {
        f"the processor time of {CORES} cores": CORES * SECONDS_A_DAY / day.total,
        f"{THREADS} threads that wait {LATENCY_SECONDS * 1000:.0f} ms for each answer": (
            THREADS * SECONDS_A_DAY / day.thread_seconds
        ),
        f"{settings.SYNC_SCAN_LIMIT:,} members a scan, a scan a minute": settings.SYNC_SCAN_LIMIT
        * MINUTES_A_DAY,
        "Redis, which uses one core": SECONDS_A_DAY / max(day.spent.redis, 1e-6),
        f"taking away old runs, of {MEMBERS_AN_HOUR:,} members an hour": MEMBERS_AN_HOUR * HOURS_A_DAY,
    }


def _add_what_breaks_first(report: Report, account: str, name: str, day: Day) -> None:
    ordered = sorted(limits_of(day).items(), key=lambda item: item[1])
    (first, members), *later = ordered
    report.add(
        f"{account}: what breaks first, {name}",
        f"{first}: {members:,.0f} members a day",
        "; ".join(f"{what}: {count:,.0f}" for what, count in later),
        ratio(members, MEMBERS),
    )


def _shares(days: list[Day]) -> str:
    parts = {
        "worker": [day.spent.worker for day in days],
        "Postgres": [day.spent.postgres for day in days],
        "Redis": [day.spent.redis for day in days],
        "scan": [day.scan_seconds for day in days],
    }
    return ", ".join(f"{name} {milliseconds(spent).shown(' ms')}" for name, spent in parts.items())


def _add_records(report: Report, account: str) -> None:
    legs = undelayed_backfills(account)
    for name, spent in (
        ("the worker", [leg.spent.worker / leg.records * 1000 for leg in legs]),
        ("Postgres", [leg.spent.postgres / leg.records * 1000 for leg in legs]),
    ):
        report.add(
            f"{account}: CPU of {name} per 1,000 records of a backfill",
            Spread.of(spent).shown(" s", 2),
            f"{legs[0].records:,} records, {len(legs)} runs",
        )


def milliseconds(seconds: list[float]) -> Spread:
    return Spread.of([1000 * each for each in seconds])
