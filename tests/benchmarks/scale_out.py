"""More worker processes, and more machines: how much more they do, and that nothing is done twice."""

import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from sandbox.github.app import create_app
from sync import runs
from sync.models import Subscription, SyncRun
from tests.benchmarks.figures import Report, ratio
from tests.benchmarks.journeys import never_due
from tests.benchmarks.service import Site, connect, forget_all, serving, working
from tests.faults.crowd import crowded_repository, email_of

MEMBERS = 200
THREADS = 4
LATENCY_MS = 400
LONGEST_SECONDS = 900.0


@dataclass(frozen=True, slots=True)
class Round:
    """All members synced once: how long it took, and what each of them cost."""

    seconds: float
    requests: int
    runs: int
    succeeded: int
    refused: int


def measure() -> Report:
    report = Report()
    with TemporaryDirectory() as name:
        folder = Path(name)
        began = datetime.now(UTC) - timedelta(days=30)
        repository = crowded_repository(folder / "git", MEMBERS, began)
        arguments = ("--repo", str(repository.path), "--email", repository.email)
        with serving(folder / "site", *arguments) as site:
            members = crowd(site, repository.path, repository.email)
            try:
                with working(folder / "first", 2, THREADS):
                    synced(site, members)
                alone = _add_processes(report, site, members, folder)
                _add_groups(report, site, members, folder, alone)
            finally:
                forget_all()
    report.note(
        f"{MEMBERS} members on whom nothing is new, {LATENCY_MS} ms before every answer, {THREADS} threads to"
        " a process. Two groups are two masters that know nothing of each other, in folders of their own,"
        " with one Postgres and one Redis: as on two machines. Stand-ins, Postgres and Redis share the cores"
        " with the workers, so that more processes help until those are busy."
    )
    return report


def crowd(site: Site, path: Path, email: str) -> list[Subscription]:
    """Members of both stand-ins; the authors of the repository."""
    catalogue = create_app([path], emails=[email]).extensions["github_stand_in"].world.catalogue
    members = []
    for number in range(MEMBERS):
        account = catalogue.account_by_email(email_of(number))
        members.append(connect(site, account.id, account.login))
        never_due(members[-1])
    return members


def synced(site: Site, members: list[Subscription], latency_ms: float = 0) -> Round:
    """From the moment at which all are due to the end of the last."""
    site.reset()
    site.delay(latency_ms)
    SyncRun.objects.all().delete()
    began = time.monotonic()
    runs.start_all([member.pk for member in members], SyncRun.Trigger.STALE)
    while SyncRun.objects.active().exists():
        if time.monotonic() - began > LONGEST_SECONDS:
            raise SystemExit(f"{SyncRun.objects.active().count()} members are still being synced.")
        time.sleep(0.05)
    counts = site.github.counts()
    return Round(
        seconds=time.monotonic() - began,
        requests=counts["total"],
        runs=SyncRun.objects.count(),
        succeeded=SyncRun.objects.filter(state=SyncRun.State.SUCCEEDED, requests=1).count(),
        refused=counts["refused_while_blocked"],
    )


def _add_processes(report: Report, site: Site, members: list[Subscription], folder: Path) -> Round:
    alone: Round | None = None
    for processes in (1, 2, 4):
        with groups(folder, processes):
            found = synced(site, members, LATENCY_MS)
        alone = alone or found
        report.add(
            f"{MEMBERS} members with {processes} worker process{'es' if processes > 1 else ''}",
            f"{found.seconds:.1f} s",
            f"with one {alone.seconds:.1f} s",
            f"{ratio(alone.seconds, found.seconds)} times as fast",
        )
    assert alone is not None
    return alone


def _add_groups(report: Report, site: Site, members: list[Subscription], folder: Path, alone: Round) -> None:
    with groups(folder, 1, 1):
        found = synced(site, members, LATENCY_MS)
    report.add(
        f"{MEMBERS} members with two groups of one process, as on two machines",
        f"{found.seconds:.1f} s",
        f"with one {alone.seconds:.1f} s",
        f"{ratio(alone.seconds, found.seconds)} times as fast",
    )
    is_exact = (found.runs, found.succeeded, found.requests, found.refused) == (MEMBERS, MEMBERS, MEMBERS, 0)
    report.add(
        "two groups: runs, of these with one request; requests; of these while blocked",
        f"{found.runs}, {found.succeeded}; {found.requests}; {found.refused}",
        "",
        "",
        f"{MEMBERS}, {MEMBERS}; {MEMBERS}; 0",
        met=is_exact,
    )


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
