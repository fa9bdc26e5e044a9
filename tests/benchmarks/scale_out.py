"""More worker processes, and more machines: how much more they do, and that nothing is done twice."""

import os
import statistics
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sync import runs
from sync.models import Subscription, SyncRun, YearFile
from tests.benchmarks import processors
from tests.benchmarks.costs import active_moments
from tests.benchmarks.figures import Report, Spread, ratio
from tests.benchmarks.journeys import never_due
from tests.benchmarks.service import (
    Site,
    connect_author,
    forget_all,
    serving,
    stored,
    stored_commits,
    working,
)
from tests.faults.crowd import commit_all, crowded_repository, email_of
from tests.repositories import Repository, git

MEMBERS = 200
# All of them are due; of half of them there is something to publish, which costs two cores the most.
SHARE_WITH_NEWS = 0.5
THREADS = 4
# As in the load test: with less, two cores are nearly busy with four processes.
LATENCY_MS = 300
# Each member's news cost many requests, so that the cores are busy without much of it.
NEWS_LATENCY_MS = 20
SAMPLES = 3
LONGEST_SECONDS = 900.0
# Of what the cores would allow.
NEAR_LINEAR = 0.8


@dataclass(frozen=True, slots=True)
class Round:
    """All members synced once: how long it took, how many cores were busy, and what it cost.

    `pace` are members a second while all threads have something to do.
    """

    seconds: float
    pace: float
    cores: float
    requests: int
    runs: int
    succeeded: int
    idle: int
    refused: int


@dataclass(frozen=True, slots=True)
class Crowd:
    """Members of both stand-ins, each an author of one repository."""

    site: Site
    repository: Repository
    members: list[Subscription]


def measure() -> Report:
    report = Report()
    with crowd(MEMBERS) as gathered, TemporaryDirectory() as folder:
        add_processes(report, gathered, Path(folder), SAMPLES)
    report.note(
        f"{MEMBERS} members, {THREADS} threads to a process; on idle days {LATENCY_MS} ms before every"
        f" answer, with news {NEWS_LATENCY_MS} ms, one run each. The pace is that"
        " between the first and the last tenth of the members: before it they become due one after the"
        " other, after it threads run dry, and of so few members both are a large part. Two groups are two"
        " masters that know nothing of each other, in folders of their own, with one Postgres and one Redis:"
        " as on two machines. Stand-ins, Postgres and Redis share the cores with the workers, and are counted"
        " as busy with them; what else the machine does is not. What the"
        " cores allow is the number of processes, but no more than the cores there are by those that are busy"
        " with one process."
    )
    return report


@contextmanager
def crowd(count: int) -> Iterator[Crowd]:
    with TemporaryDirectory() as name:
        folder = Path(name)
        repository = crowded_repository(folder / "git", count, datetime.now(UTC) - timedelta(days=30))
        arguments = ("--repo", str(repository.path), "--email", repository.email)
        with serving(folder / "site", *arguments) as site:
            members = [
                connect_author(site, repository.path, repository.email, email_of(number))
                for number in range(count)
            ]
            for member in members:
                never_due(member)
            try:
                yield Crowd(site, repository, members)
            finally:
                forget_all()


def synced(gathered: Crowd, latency_ms: float = 0) -> Round:
    """From the moment at which all are due to the end of the last."""
    site = gathered.site
    site.reset()
    site.delay(latency_ms)
    SyncRun.objects.all().delete()
    began, busy = time.monotonic(), processors.of_this_run()
    runs.start_all([member.pk for member in gathered.members], SyncRun.Trigger.STALE)
    while SyncRun.objects.active().exists():
        if time.monotonic() - began > LONGEST_SECONDS:
            raise SystemExit(f"{SyncRun.objects.active().count()} members are still being synced.")
        time.sleep(0.05)
    seconds = time.monotonic() - began
    counts = site.github.counts()
    succeeded = SyncRun.objects.filter(state=SyncRun.State.SUCCEEDED)
    return Round(
        seconds=seconds,
        pace=steady_pace([at for at in succeeded.values_list("finished_at", flat=True) if at]),
        cores=(processors.of_this_run() - busy) / seconds,
        requests=counts["total"],
        runs=SyncRun.objects.count(),
        succeeded=succeeded.count(),
        idle=succeeded.filter(requests=1).count(),
        refused=counts["refused_while_blocked"],
    )


def steady_pace(ends: Sequence[datetime]) -> float:
    """A second, without the first tenth and the last one: see the note below the table."""
    ends, tenth = sorted(ends), len(ends) // 10
    first, last = tenth, len(ends) - 1 - tenth
    return (last - first) / (ends[last] - ends[first]).total_seconds() if last > first else 0.0


def add_processes(report: Report, gathered: Crowd, folder: Path, samples: int) -> None:
    with groups(folder, 2):
        synced(gathered)
    found: dict[tuple[int, ...], list[Round]] = {}
    news: dict[tuple[int, ...], Round] = {}
    # Whose requests are compared: both within one day.
    moments = iter(active_moments(2, datetime.now(UTC)))
    for processes in ((1,), (2,), (4,), (1, 1)):
        with groups(folder, *processes):
            found[processes] = [synced(gathered, LATENCY_MS) for _ in range(samples)]
            if sum(processes) == 2:
                publish_news(gathered, with_news(gathered), next(moments))
                news[processes] = synced(gathered, NEWS_LATENCY_MS)
                _add_news(report, gathered, processes, news)
        _add_idle(report, processes, found)
    _add_exactness(report, gathered, found[1, 1])


def near_linear(processes: int, cores: int, busy_with_one: float) -> float:
    """The least that so many processes must be faster than one."""
    return NEAR_LINEAR * min(processes, max(1.0, cores / busy_with_one))


def _add_idle(report: Report, processes: tuple[int, ...], found: dict[tuple[int, ...], list[Round]]) -> None:
    rounds, alone, number = found[processes], found[(1,)], sum(processes)
    other = found[(2,)] if len(processes) > 1 else alone
    pace, compared = (Spread.of([each.pace for each in many]) for many in (rounds, other))
    seconds = statistics.median(each.seconds for each in rounds)
    faster = pace.median / statistics.median(each.pace for each in alone)
    busy = statistics.median(each.cores for each in rounds)
    least = near_linear(number, os.cpu_count() or 1, statistics.median(each.cores for each in alone))
    report.add(
        f"{rounds[0].runs} idle members with {_named(processes)}",
        f"{pace.shown(' a second')}, all in {seconds:.1f} s, {busy:.1f} cores busy",
        f"with {'two in one group' if other is not alone else 'one'} {compared.shown(' a second')}",
        f"{ratio(faster, 1)} times as fast as one",
        f"at least {least:.2f} times, {NEAR_LINEAR:.0%} of what the cores allow" if number > 1 else "",
        met=faster >= least if number > 1 else None,
    )


def _add_exactness(report: Report, gathered: Crowd, rounds: Sequence[Round]) -> None:
    members = len(gathered.members)
    seen = {(each.runs, each.idle, each.requests, each.refused) for each in rounds}
    report.add(
        "two groups, nothing new: runs, of these with one request; requests; of these while blocked",
        " or ".join(f"{count}, {idle}; {asked}; {refused}" for count, idle, asked, refused in sorted(seen)),
        "",
        "",
        f"{members}, {members}; {members}; 0",
        met=seen == {(members, members, members, 0)},
    )


# --- Days with news -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Published:
    """What is wrong with the files of all members, counted; all zero where nothing is."""

    twice: int
    pending: int
    not_as_git: int


def with_news(gathered: Crowd) -> int:
    return round(SHARE_WITH_NEWS * len(gathered.members))


def publish_news(gathered: Crowd, count: int, moment: datetime) -> None:
    """So many members commit once more."""
    commit_all(gathered.repository, count, moment)


def published(gathered: Crowd) -> Published:
    """Files of one name that are there twice, uploads that were begun only, members who differ from git."""
    log = git(gathered.repository.path, "log", "--format=%ae %H", "main").split("\n")
    written: dict[str, list[str]] = {}
    for line in filter(None, log):
        email, oid = line.split()
        written.setdefault(email, []).append(oid)
    twice = not_as_git = 0
    for number, member in enumerate(gathered.members):
        names = Counter(name for name, _ in stored(gathered.site, member))
        twice += sum(count > 1 for count in names.values())
        held = sorted(stored_commits(gathered.site, member))
        not_as_git += held != sorted(written[email_of(number)])
    return Published(twice, YearFile.objects.exclude(pending=None).count(), not_as_git)


def _add_news(
    report: Report, gathered: Crowd, processes: tuple[int, ...], news: dict[tuple[int, ...], Round]
) -> None:
    members, found, other = len(gathered.members), news[processes], news[(2,)]
    wrong = published(gathered)
    who = f"{members} members, {with_news(gathered)} of them with news, and {_named(processes)}"
    report.add(
        f"{who}: until all are published",
        f"{found.seconds:.1f} s, {found.cores:.1f} cores busy; {found.succeeded} succeeded",
        f"two in one group {other.seconds:.1f} s" if found is not other else "",
        ratio(found.seconds, other.seconds) if found is not other else "",
    )
    report.add(
        f"{who}: files there twice, uploads begun only,"
        " members whose commits differ from git, requests while blocked",
        f"{wrong.twice}, {wrong.pending}, {wrong.not_as_git}, {found.refused}",
        "",
        "",
        "0, 0, 0, 0",
        met=(wrong, found.refused, found.succeeded) == (Published(0, 0, 0), 0, members),
    )


def _named(processes: tuple[int, ...]) -> str:
    if len(processes) > 1:
        return f"{len(processes)} groups of one process, as on two machines"
    return f"{processes[0]} worker process{'es' if processes[0] > 1 else ''}"


@contextmanager
def groups(folder: Path, *processes: int) -> Iterator[None]:
    """A master for each number, with so many processes; given when all of them wait for messages."""
    with ExitStack() as stack:
        workers = [
            stack.enter_context(working(folder / f"group-{number}", count, THREADS))
            for number, count in enumerate(processes)
        ]
        for worker in workers:
            worker.wait_until_ready()
        yield
