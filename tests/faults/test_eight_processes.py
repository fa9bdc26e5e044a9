"""Eight worker processes at once: nothing is sent while blocked, nothing beyond the budget.

By the stand-in's own accounting. Small hours, a limit of one request at a time and every message sent many
times over make the processes meet as often as they can: steps are offered while a run is free, while somebody
holds its lease, and while it has to wait.
"""

import signal
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import quote

import dramatiq
import pytest
import requests
from django.utils import timezone
from dramatiq.brokers.redis import RedisBroker
from pytest_django import Settings

from config.run import ports, programs
from config.run.embedded import start_until_ready
from config.run.folders import CHECKOUT
from config.run.interrupt import Interrupt
from config.run.processes import Child, tail
from config.run.valkey import Valkey
from sync import runs
from sync.consent import Choice
from sync.models import Subscription, SyncRun
from tests.faults.comparing import records_twice
from tests.faults.crowd import connected_crowd, crowded_repository, stored_of
from tests.faults.searched import beside_the_test
from tests.faults.summary import IS_LONG, new_drill, say
from tests.secrets.planted import MESSAGE, NAME
from tests.sync.broker import Sent
from tests.sync.world import World, living

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
PROCESSES, MANY = 8, 10
# Less than a run here costs, and longer than it takes, so that it has to wait.
HOUR_SECONDS, HOUR_POINTS = 20 if IS_LONG else 6, 8
COMMITS = 120 if IS_LONG else 25
END_SECONDS = 240.0
NUMBERS = {
    "GITHUB_HOURLY_LIMIT": str(HOUR_POINTS),
    "SYNC_STEP_REQUESTS": "2",
    "SYNC_NUDGE_SECONDS": "1",
    "SYNC_LEASE_SECONDS": "20",
    "SYNC_WAIT_FLOOR_SECONDS": "4",
}


@contextmanager
def eight_workers(folder: Path, world: World, openhumans: Path) -> Iterator[tuple[RedisBroker, Child]]:
    """On the test's database, with a Redis of their own; what they wrote down is searched in the end."""
    (port,) = ports.choose_several(1)
    valkey = Valkey(folder / "valkey", port, "of-this-test", folder / "valkey.log", is_durable=False)
    interrupt = Interrupt()
    valkey.prepare(interrupt)
    url = f"redis://:{quote(valkey.password)}@{ports.LOOPBACK}:{port}"
    server = valkey.server()
    command = [*programs.program("dramatiq"), "sync.actors", "--processes", str(PROCESSES), "--threads", "1"]
    broker = RedisBroker(url=f"{url}/0", middleware=[])  # type: ignore[no-untyped-call]
    try:
        start_until_ready(server, valkey, interrupt)
        with beside_the_test(folder, world, openhumans, {}, REDIS_URL=f"{url}/0", **NUMBERS) as env:
            worker = Child("worker", command, env, folder / "worker.log", CHECKOUT)
            try:
                worker.start()
                yield broker, worker
            finally:
                worker.kill_group()
    finally:
        if server.process is not None:
            server.process.send_signal(signal.SIGKILL)
            server.kill_group()
        broker.client.close()


def send(broker: RedisBroker, actor: str, *arguments: int, queue: str) -> None:
    broker.enqueue(
        dramatiq.Message(queue_name=queue, actor_name=actor, args=arguments, kwargs={}, options={})
    )


@dataclass
class Offers:
    """Each step is offered to every process, again and again, whatever its run is doing just then."""

    broker: RedisBroker = field(repr=False)
    copies: int
    while_leased: int = 0
    while_waiting: int = 0
    _made: set[tuple[object, ...]] = field(default_factory=set, repr=False)

    def make(self, active: Iterable[SyncRun]) -> None:
        """Never more than they get through: stale messages in front would only keep the others waiting."""
        if self.broker.client.llen("dramatiq:background") >= PROCESSES:
            return
        for run in active:
            if not run.lease_until and not run.resume_at:
                self._send(run)
            elif self._is_new(run):
                # Who comes too early for a wait is sent back until its end: all of them meet there.
                self.while_leased += run.lease_until is not None
                self.while_waiting += run.resume_at is not None
                self._send(run)

    def _is_new(self, run: SyncRun) -> bool:
        """A lease is renewed before each request, and each wait has its own end."""
        moment = (run.pk, run.step, run.lease_until, run.resume_at)
        is_new = moment not in self._made
        self._made.add(moment)
        return is_new

    def _send(self, run: SyncRun) -> None:
        for _ in range(self.copies):
            send(self.broker, "sync_step", run.pk, run.step, queue="background")


def work(offers: Offers, worker: Child) -> None:
    """Until every run has ended."""
    deadline = time.monotonic() + END_SECONDS
    while active := list(SyncRun.objects.active()):
        assert time.monotonic() < deadline, f"{active}\n{tail(worker.log, 40)}"
        assert worker.is_running, tail(worker.log, 40)
        offers.make(active)
        time.sleep(0.25)


def refusals(world: World) -> int:
    """How many questions GitHub refused, for whatever reason."""
    log = requests.get(f"{world.github.url}/_sandbox/graphql_log", timeout=5).json()
    return sum(entry["status"] in (403, 429) or entry["operation"] is None for entry in log)


def most_points_of_a_window(world: World) -> int:
    windows = requests.get(f"{world.github.url}/_sandbox/windows", timeout=5).json()
    return max(int(window["spent"]) for window in windows)


def test_eight_processes_send_nothing_too_early_and_nothing_too_much(
    tmp_path: Path, place: Path, settings: Settings, sent: Sent
) -> None:
    """One member whom all of them serve, then ten at once; what they did is private to them."""
    began = datetime.now(UTC) - timedelta(days=400)
    moments = (began + timedelta(days=7 * day % 390, hours=day) for day in range(COMMITS))
    repository = crowded_repository(tmp_path, 1 + MANY, began, *moments, name=NAME, message=MESSAGE)
    with living(tmp_path, settings, {NAME: repository}, choice=Choice.PRIVATE, private=(NAME,)) as world:
        one, *many = connected_crowd(world, 1 + MANY, Choice.PRIVATE)
        with eight_workers(place, world, tmp_path / "openhumans") as (broker, worker):
            serve(world, [one], Offers(broker, PROCESSES), worker, concurrent_limit=1)
            serve(world, many, Offers(broker, 2), worker, concurrent_limit=0)


def is_private_work_in(files: dict[str, bytes]) -> bool:
    content = b"".join(files.values()).decode()
    return NAME in content and MESSAGE in content


def serve(
    world: World, members: list[Subscription], offers: Offers, worker: Child, concurrent_limit: int
) -> None:
    drill = new_drill(f"eight processes, {len(members)} member{'s' if len(members) > 1 else ''}")
    world.github.reset()
    refusing = {"after": 3, "for_seconds": 2, "form": "secondary_retry_after", "times": 1}
    world.github.fault(
        window_seconds=HOUR_SECONDS,
        graphql_limit=HOUR_POINTS,
        concurrent_limit=concurrent_limit,
        refuse_after_requests=refusing,
    )
    # Nobody else becomes due meanwhile.
    Subscription.objects.update(next_due_at=timezone.now() + timedelta(days=1))
    for subscription in members:
        runs.start(subscription, SyncRun.Trigger.CONNECTED)
    work(offers, worker)
    accounting = world.github.accounting()
    refused, most_points = refusals(world), most_points_of_a_window(world)
    ended = SyncRun.objects.filter(subscription__in=members)
    stored = [stored_of(world, subscription) for subscription in members]
    twice = sum(map(records_twice, stored))
    refused_while_blocked = accounting["refused_while_blocked"]
    drill.count(faults_injected=sum(run.waits for run in ended))
    drill.count(requests_while_blocked=refused_while_blocked, records_twice=twice)
    say(f"{accounting['total']} requests, {drill.faults_injected} waits, {refused} refused, {offers}")
    say(f"at most {most_points} of {HOUR_POINTS} points in a window")
    assert [run.state for run in ended] == [SyncRun.State.SUCCEEDED] * len(members)
    assert refused_while_blocked == 0
    assert twice == 0
    assert all(is_private_work_in(files) for files in stored), "what is searched for was collected"
    assert accounting["writes"] == 0
    assert refused == 1, "only what the fault refuses: nobody else met a limit, or another's request"
    assert most_points <= HOUR_POINTS * 0.8
    assert offers.while_leased, "somebody was asked for a step that another one did"
    assert offers.while_waiting, "somebody was asked for a step whose time had not come"
    assert drill.faults_injected, "there was a limit to meet"
    for subscription in Subscription.objects.filter(pk__in=[member.pk for member in members]):
        held = subscription.year_files.exclude(current_id=None)
        counts = [entry.get("counts", {}).get("commits", 0) for file in held for entry in file.weeks.values()]
        assert sum(counts) == COMMITS + 1
        assert subscription.blocked_until is None or subscription.blocked_until < timezone.now()
