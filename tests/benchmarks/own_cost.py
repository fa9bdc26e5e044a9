"""What a sync costs ourselves: processor and database, beside a bare request for the same answer."""

import time
from collections.abc import Callable
from dataclasses import dataclass
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
from sync.collect import lists
from sync.models import Subscription, SyncRun
from tests.benchmarks.database_time import DatabaseWatch
from tests.benchmarks.figures import Report, Spread, ratio
from tests.benchmarks.journeys import journey, never_due, travel
from tests.benchmarks.service import Worker, connect_generated, forget, serving, wait_for_end, working

ROUNDS = 40
MOST_TIMES_BARE = 3.0
MEMBERS = 1_000_000
SECONDS_A_DAY = 86_400
CORES = 2
WHY_MISSED = (
    "Where an idle sync costs more than the bar, the client and the ORM are what it costs: every field of the"
    " answer is checked and becomes an object, though most days bring the same answer, and each question to"
    " Postgres takes the ORM longer than Postgres. Two things would move it: to know an answer that is the"
    " same as the last one without decoding it, and fewer questions after the probe. On real connections the"
    " bare request costs more than here: it reads the list of trusted authorities each time, which our"
    " sessions do once for a process."
)


@dataclass(frozen=True, slots=True)
class Question:
    """What an idle sync asked, to be asked again by a bare `requests`."""

    url: str
    body: bytes
    headers: dict[str, str]


@dataclass(slots=True)
class Idle:
    """Of one idle sync after the other, in this process: seconds of processor and database, and queries."""

    cpu: list[float]
    bare: list[float]
    database: list[float]
    queries: list[float]


def measure() -> Report:
    report = Report()
    for account in ("light", "typical"):
        with TemporaryDirectory() as folder, serving(Path(folder), "--account", account) as site:
            subscription = connect_generated(site)
            never_due(subscription)
            try:
                with working(Path(folder)) as worker:
                    travel(site, worker, subscription)
                    whole = of_a_worker(worker, subscription)
                _add_idle(report, account, idle_syncs(subscription))
                _add_client(report, account, subscription)
                _add_worker(report, account, subscription, whole)
            finally:
                forget(subscription)
    _add_records(report)
    if any(figure.is_met is False for figure in report.figures):
        report.note(WHY_MISSED)
    return report


def idle_syncs(subscription: Subscription) -> Idle:
    question = _asked_by(subscription)
    found = Idle([], [], [], [])
    for _ in range(ROUNDS):
        run = runs.start(subscription, SyncRun.Trigger.STALE)
        watch = DatabaseWatch()
        with connection.execute_wrapper(watch):
            found.cpu.append(cpu_of(lambda run=run: actors.sync_step.fn(run.pk, 0)))  # type: ignore[misc]
        run.refresh_from_db()
        if run.state != SyncRun.State.SUCCEEDED or run.requests != 1 or run.uploads:
            raise SystemExit(f"The sync was not idle: {run.state}, {run.requests} requests")
        found.database.append(watch.seconds)
        found.queries.append(watch.queries)
        found.bare.append(cpu_of(lambda: bare(question)))
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


def _add_idle(report: Report, account: str, found: Idle) -> None:
    cpu, plain = milliseconds(found.cpu), milliseconds(found.bare)
    report.add(
        f"{account}: CPU of one idle sync",
        cpu.shown(" ms"),
        f"bare `requests` and JSON of the same answer {plain.shown(' ms')}",
        ratio(cpu.median, plain.median),
        f"at most {MOST_TIMES_BARE:.0f} times",
        met=cpu.median <= MOST_TIMES_BARE * plain.median,
    )
    report.add(
        f"{account}: queries and database time of one idle sync",
        f"{Spread.of(found.queries).shown(digits=0)} queries, {milliseconds(found.database).shown(' ms')}",
    )


def of_a_worker(worker: Worker, subscription: Subscription) -> float:
    """Seconds of processor of a whole worker process for one idle sync: with its messages and connections."""
    for count in (5, ROUNDS):  # the first ones are to warm up
        before = worker.cpu_seconds()
        for _ in range(count):
            wait_for_end(runs.start(subscription, SyncRun.Trigger.STALE), 60, "an idle sync")
    return (worker.cpu_seconds() - before) / count


def of_the_scan(subscription: Subscription) -> list[float]:
    """Seconds of processor of a scan that finds one member due."""
    found = []
    for _ in range(ROUNDS // 4):
        subscription.runs.all().delete()
        Subscription.objects.filter(pk=subscription.pk).update(next_due_at=timezone.now())
        found.append(cpu_of(lambda: scanning.scan(timezone.now(), 1000)))
    never_due(subscription)
    return found


def of_the_client(subscription: Subscription) -> list[float]:
    """Seconds of processor of the client alone, from putting the question together to decoded objects."""
    token = Credential.objects.get(identity__user=subscription.user, identity__provider="github").access_token
    today = timezone.now().date()

    def ask() -> None:
        client = GitHubClient(settings.GITHUB_API_URL, token)
        names = lists.names_for(subscription.kinds)
        client.fetch_probe(planner.probe_since(today), today, 50, names, 10, subscription.github_login)

    return [cpu_of(ask) for _ in range(ROUNDS)]


def _add_client(report: Report, account: str, subscription: Subscription) -> None:
    report.add(
        f"{account}: of this the client of GitHub, with every field of the answer checked",
        milliseconds(of_the_client(subscription)).shown(" ms"),
    )


def _add_worker(report: Report, account: str, subscription: Subscription, whole: float) -> None:
    scans = milliseconds(of_the_scan(subscription))
    report.add(f"{account}: CPU of a whole worker process per idle sync", f"{whole * 1000:.1f} ms")
    report.add(f"{account}: CPU of a scan that finds one member due", scans.shown(" ms"))
    spent = whole + scans.median / 1000
    capacity = CORES * SECONDS_A_DAY / spent
    report.add(
        f"{account}: members that {CORES} cores keep fresh daily, were all syncs idle",
        f"{capacity:,.0f}",
        f"{CORES} x {SECONDS_A_DAY:,} s of CPU a day / {spent * 1000:.1f} ms",
        ratio(capacity, MEMBERS),
        f"at least {MEMBERS:,}",
        met=capacity >= MEMBERS,
    )


def _add_records(report: Report) -> None:
    for account in ("light", "typical"):
        first = journey(account).first
        report.add(
            f"{account}: CPU of the worker per 1,000 records of a backfill",
            f"{first.cpu_seconds / first.records * 1000:.2f} s",
            f"{first.records:,} records, {first.cpu_seconds:.1f} s",
        )


def milliseconds(seconds: list[float]) -> Spread:
    return Spread.of([1000 * each for each in seconds])
