"""Kill anything, anywhere, at random moments of a backfill; in the end nothing can be told of it."""

import os
import random
import signal
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from tests.faults.comparing import difference, differing, questions, records_twice, repeats, weeks_lost
from tests.faults.stack import BOOT_SECONDS, LEASE_SECONDS, SCAN_SECONDS, Stack
from tests.faults.summary import IS_LONG, Drill, say

LATENCY_MS = 60 if IS_LONG else 30
# How often each victim is chosen.
PROGRAMS = {
    "worker child": 3,
    "worker master": 2,
    "worker group": 3,
    "frozen child": 1,
    "scheduler": 1,
    "web": 1,
}
SERVERS = {"redis emptied": 2, "redis restarted": 2, "postgres restarted": 2, "connections cut": 3}
# None of their requests is one of a run, so nothing is repeated without them.
ASK_NOTHING = ("scheduler", "web")
LONGEST_PAUSE = 2.5 if IS_LONG else 1.0
# What a scan, a claim and the first request take on two cores that others use as well.
MARGIN_SECONDS = 10.0
# As dramatiq says it.
BOOTING, READY = b"is booting up.", b"Worker process is ready for action."


# What happens while a run is under way.
Meanwhile = Callable[[], None]
Backfill = Callable[[Stack, Meanwhile], None]


def nothing() -> None:
    """Nobody disturbs."""


def backfill(stack: Stack, meanwhile: Meanwhile = nothing) -> None:
    """From the first sign-in to the end of the first run, with something happening in between."""
    slow_down(stack)
    stack.connect()
    live_through(stack, meanwhile)


def slow_down(stack: Stack) -> None:
    for gate in (stack.github, stack.openhumans):
        stack.fault(gate, latency_ms=LATENCY_MS)


def live_through(stack: Stack, meanwhile: Meanwhile) -> None:
    meanwhile()
    stack.live(lambda: stack.settled, what="the run ends")
    stack.require_success()


@dataclass
class Truth:
    """What an undisturbed backfill gives on this day; what it asks of GitHub, and in how many runs."""

    day: date
    files: dict[str, bytes]
    weeks: list[tuple[Any, ...]]
    asked: Mapping[str, int]
    runs: int
    backfill: Backfill


def undisturbed(stack: Stack, backfill: Backfill = backfill) -> Truth:
    """Nobody is there before and after it. On one day and one service it is the same each time."""
    known: Truth | None = stack.truths.get(backfill)
    if known is not None and known.day == today():
        return known
    backfill(stack, nothing)
    asked = questions(stack.github.upstream)
    truth = Truth(today(), stack.stored(), weeks_of(stack), asked, len(stack.runs()), backfill)
    stack.forget_everything()
    assert truth.files
    stack.truths[backfill] = truth
    say(f"undisturbed: {sum(asked.values())} questions to GitHub in {truth.runs} runs")
    return truth


def today() -> date:
    return datetime.now(UTC).date()


def weeks_of(stack: Stack) -> list[tuple[Any, ...]]:
    """The ledger: every week with its state and what is counted in it."""
    return stack.rows(
        "select kind, year, key, value->>'state', value->'counts', value->'calendar'"
        " from sync_yearfile, jsonb_each(weeks) order by kind, year, key"
    )


# --- What must be true in the end -------------------------------------------------------------------


def may_be_repeated(struck: Iterable[str]) -> int:
    """How many requests: the one in flight of each victim that asks any, or that stops those who do."""
    return sum(victim not in ASK_NOTHING for victim in struck)


def check(stack: Stack, truth: Truth, drill: Drill, faults: int, repeatable: int | None = None) -> Truth:
    """Compare with the truth of today; give the one that was compared with.

    `repeatable`: requests that the faults may have repeated, one for each if nothing else is said.
    """
    repeatable = faults if repeatable is None else repeatable
    found, weeks = stack.stored(), weeks_of(stack)
    # Each run begins with a probe, the same one if it is on the same day.
    more_runs = len(stack.runs()) - truth.runs
    repeated = max(0, repeats(questions(stack.github.upstream), truth.asked) - more_runs)
    twice = records_twice(found)
    accounting = stack.accounting(stack.github)
    refused = accounting["refused_while_blocked"]
    if truth.day != today():  # midnight came in between, and with it other states of weeks
        stack.forget_everything()
        truth = undisturbed(stack, truth.backfill)
    lost = len({week[:3] for week in truth.weeks} - {week[:3] for week in weeks})
    names = differing(found, truth.files)
    drill.count(
        faults_injected=faults,
        requests_repeated=repeated,
        records_twice=twice,
        requests_while_blocked=refused,
        weeks_lost=max(lost, weeks_lost(found, truth.files)),
        files_differing=len(names),
    )
    assert [week for week in weeks if week not in truth.weeks] == []
    assert len(weeks) == len(truth.weeks)
    assert [difference(name, found, truth.files) for name in names] == []
    assert twice == 0
    assert repeated <= repeatable, f"{repeated} requests were repeated by {faults} faults, not {repeatable}"
    assert refused == 0
    assert accounting["writes"] == 0
    return truth


# --- The killing ------------------------------------------------------------------------------------


@dataclass
class Readiness:
    """Since when there is a worker that could do something, as its log tells."""

    log: Path
    is_ready: bool = True
    since: float = 0.0
    _read_to: int = 0

    def look(self) -> None:
        with self.log.open("rb") as log:
            log.seek(self._read_to)
            news = log.read()
        news = news[: news.rfind(b"\n") + 1]
        self._read_to += len(news)
        booted, ready = news.rfind(BOOTING), news.rfind(READY)
        if booted >= 0:
            self.is_ready = False
        if ready > booted and not self.is_ready:
            self.is_ready, self.since = True, time.monotonic()


@dataclass
class Killer:
    """Chooses victims and moments from one seed; a frozen process thaws after its lease has run out."""

    stack: Stack
    drill: Drill
    dice: random.Random
    left: int
    victims: dict[str, int]
    struck: list[str] = field(default_factory=list)
    _frozen: dict[int, float] = field(default_factory=dict)
    _readiness: Readiness = field(init=False)

    def __post_init__(self) -> None:
        self._readiness = Readiness(self.stack.worker.log)
        self._readiness.look()

    @property
    def killed(self) -> int:
        return len(self.struck)

    def haunt(self) -> None:
        """Kill at random moments until nothing is left to kill, or the run has ended."""
        while self.left and not self.stack.settled:
            self._live_for(self.dice.uniform(0, LONGEST_PAUSE))
            if self.stack.settled:
                break
            victim = self.dice.choices(list(self.victims), weights=list(self.victims.values()))[0]
            before = self.stack.progress()
            if not self._strike(victim):
                continue
            self.left -= 1
            self.struck.append(victim)
            # Now and then the next blow comes while everything is still getting up.
            if self.dice.random() < 0.85:
                self._wait_for_progress(victim, before)
        self._thaw(everything=True)

    def _strike(self, victim: str) -> bool:
        stack = self.stack
        if victim in SERVERS:
            self._strike_server(victim)
            return True
        match victim:
            case "worker child" | "frozen child":
                children = stack.worker_children()
                if not children:
                    return False
                pid = self.dice.choice(children)
                os.kill(pid, signal.SIGKILL if victim == "worker child" else signal.SIGSTOP)
                if victim == "frozen child":
                    self._frozen[pid] = time.monotonic() + LEASE_SECONDS + 1
            case "worker master":
                os.kill(_pid(stack.worker.pid), signal.SIGKILL)
                # Its children live on for a moment, as they do until a supervisor notices.
                time.sleep(self.dice.uniform(0, 0.5))
            case "worker group":
                os.killpg(_pid(stack.worker.pid), signal.SIGKILL)
            case "scheduler":
                os.kill(_pid(stack.scheduler.pid), signal.SIGKILL)
            case _:
                os.killpg(_pid(stack.web.pid), signal.SIGKILL)
        return True

    def _strike_server(self, victim: str) -> None:
        """Restarted Redis comes back empty; Postgres is stopped in one of its two hard ways."""
        match victim:
            case "connections cut":
                self.stack.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity"
                    " where datname = current_database() and pid <> pg_backend_pid()"
                )
            case "redis emptied":
                self.stack.redis_command("FLUSHALL")
            case "redis restarted":
                self.stack.stop_server("valkey", signal.SIGKILL)
                self._live_for(self.dice.uniform(0, 3))
                self.stack.start_server("valkey")
            case _:
                self.stack.stop_server("postgres", self.dice.choice([signal.SIGINT, signal.SIGQUIT]))
                self._live_for(self.dice.uniform(0, 1))
                self.stack.start_server("postgres")

    def _wait_for_progress(self, victim: str, before: int) -> None:
        """Within lease and scan from when there was a worker again: starting one takes its own time."""
        stack, readiness, struck = self.stack, self._readiness, time.monotonic()

        def resumed() -> bool:
            self._thaw()
            readiness.look()
            return stack.progress() > before + 1 or stack.settled

        stack.live(resumed, LEASE_SECONDS + SCAN_SECONDS + BOOT_SECONDS, f"work is resumed after: {victim}")
        took = time.monotonic() - max(struck, readiness.since) if readiness.is_ready else 0.0
        self.drill.resumed_after(took)
        say(f"{self.killed:4} {victim}, resumed {took:.1f} s after a worker was ready")
        assert took <= LEASE_SECONDS + SCAN_SECONDS + MARGIN_SECONDS, f"{took:.1f} s after: {victim}"

    def _live_for(self, seconds: float) -> None:
        self.stack.live_for(seconds)
        self._thaw()

    def _thaw(self, *, everything: bool = False) -> None:
        for pid, moment in list(self._frozen.items()):
            if everything or time.monotonic() >= moment:
                del self._frozen[pid]
                if pid in self.stack.worker_children():
                    os.kill(pid, signal.SIGCONT)


def _pid(pid: int | None) -> int:
    assert pid is not None
    return pid
