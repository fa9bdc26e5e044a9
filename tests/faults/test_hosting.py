"""A host with a Procfile: each of its lines as it stands, a restart in the middle, and no scheduler."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from config.run.folders import CHECKOUT
from config.run.health import is_answering
from tests.faults import secret_rides
from tests.faults.histories import histories
from tests.faults.stack import BOOT_SECONDS, START_SECONDS, Stack, surroundings

pytestmark = pytest.mark.faults
LINES = dict(
    line.split(": ", 1) for line in (CHECKOUT / "Procfile").read_text(encoding="utf-8").splitlines() if line
)
# Hosts kill what has not ended by then.
GRACE_SECONDS = 30.0


def begin(role: str, stack: Stack) -> "subprocess.Popen[bytes]":
    """A line of the Procfile in a shell, with our environment's programs, as a host starts it."""
    programs = f"{Path(sys.executable).parent}{os.pathsep}{stack.env['PATH']}"
    with (stack.folder / "logs" / f"procfile-{role}.log").open("ab") as log:
        return subprocess.Popen(
            ["sh", "-c", f"exec {LINES[role]}"],
            cwd=CHECKOUT,
            env={**stack.env, "PATH": programs},
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def release(stack: Stack) -> None:
    assert begin("release", stack).wait(START_SECONDS) == 0


@contextmanager
def hosted(stack: Stack, *roles: str) -> Iterator[None]:
    """These roles run; at the end each is asked to stop, and ends in time."""
    processes = [begin(role, stack) for role in roles]
    try:
        yield
        for process in processes:
            process.send_signal(signal.SIGTERM)
        for process in processes:
            assert process.wait(GRACE_SECONDS * 3) in (0, -signal.SIGTERM)
    finally:
        for process in processes:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def wait_for(stack: Stack, what: str, seconds: float = 180.0) -> None:
    query = {
        "overdue": "select bool_and(nudge_at <= now()) from sync_syncrun where finished_at is null",
        "begun": "select count(*) > 0 from sync_syncrun where step > 0",
        "done": "select count(*) = 0 from sync_syncrun where state in ('queued', 'running', 'waiting')",
    }[what]
    deadline = time.monotonic() + seconds
    while stack.rows(query) != [(True,)]:
        assert time.monotonic() < deadline, (what, stack.runs())
        time.sleep(0.1)


def test_each_line_works_and_a_restart_in_the_middle_costs_nothing(place: Path, tmp_path: Path) -> None:
    """And all that the roles say, with a private repository in hand and an error, tells nothing of it."""
    rides = secret_rides.secret_rides(tmp_path)
    with surroundings(place, *histories(place, 1, 700, 5), rides, make_tables=release) as stack:
        secret_rides.hide(stack)
        with hosted(stack, "web", "worker", "scheduler"):
            deadline = time.monotonic() + START_SECONDS
            while not is_answering(f"{stack.site}/healthz"):
                assert time.monotonic() < deadline
                time.sleep(0.1)
            stack.fault(stack.github, latency_ms=400)
            visitor = secret_rides.connect(stack)
            wait_for(stack, "begun")
        assert not stack.settled, "the restart comes in the middle"

        # The queue is gone as well, and nobody schedules: a worker that starts scans once.
        stack.redis_command("FLUSHALL")
        stack.fault(stack.github, latency_ms=0)
        wait_for(stack, "overdue")
        with hosted(stack, "web", "worker"):
            wait_for(stack, "done", seconds=BOOT_SECONDS + 180)
            stack.require_success()
            secret_rides.fail_over_them(stack, visitor, wait_for)
            secret_rides.collect_tracks(stack, visitor, wait_for)
        stack.require_success_at_last()
        secret_rides.require_reported_and_kept(stack)
