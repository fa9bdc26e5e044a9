"""`make load`: members look at their dashboards while others are synced, on real processes of one machine.

    python -m tests.load [--members 200] [--syncs 50] [--seconds 90] [--latency 300] [--write]

gunicorn, dramatiq and both stand-ins on loopback, embedded Postgres and Valkey, locust in an environment of
its own (LOCUST names its program). Exits 1 when a bar is missed; the numbers are printed either way.
"""

import argparse
import os
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import django

from config.run.folders import CHECKOUT, throw_away
from config.run.processes import dies_with_parent
from tests.browser.service import descendants_of
from tests.faults.stack import Stack, started
from tests.load.history import long_history
from tests.load.measured import Measured, Sample, Syncing, megabytes_of, page_of, read_locust
from tests.repositories import Repository

# As in production; the fault drills use seconds.
NUMBERS = {
    "SYNC_LEASE_SECONDS": "180",
    "SYNC_NUDGE_SECONDS": "600",
    "SYNC_STEP_REQUESTS": "20",
    "SYNC_WAIT_FLOOR_SECONDS": "60",
    "LOG_LEVEL": "WARNING",
}
PAGE = CHECKOUT / "docs" / "load.md"
COMMAND = (
    "python -m tests.load --members {members} --syncs {syncs} --seconds {seconds} --latency {latency} --write"
)
SAMPLE_SECONDS = 2.0
NICE, NICEST = 10, 19
# Users who come each second until all are there.
ARRIVALS = 20


def main() -> int:
    wanted = _arguments()
    with throw_away(CHECKOUT / ".data" / "tmp") as folder:
        repository = long_history(folder / "history", wanted.syncs)
        service = folder / "service"
        service.mkdir(mode=0o700)
        with started(service, repository, **NUMBERS) as stack:
            measured = _measure(stack, repository, wanted, folder)
            # Ending takes minutes: all that was written down is searched for secrets.
            for line in measured.lines():
                print(line, flush=True)
    if wanted.write:
        PAGE.write_text(page_of(measured, COMMAND.format(**vars(wanted)), datetime.now(UTC).date()))
    complaints = measured.complaints()
    for complaint in complaints:
        print(f"NOT GOOD ENOUGH: {complaint}")
    return 1 if complaints else 0


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.load")
    parser.add_argument("--members", type=int, default=200, help="who look at their dashboards")
    parser.add_argument("--syncs", type=int, default=50, help="of them, who are being synced")
    parser.add_argument("--seconds", type=int, default=90, help="how long")
    parser.add_argument("--latency", type=int, default=300, help="of both stand-ins, in milliseconds")
    parser.add_argument("--write", action="store_true", help="write the table into docs/load.md as well")
    return parser.parse_args()


def _measure(stack: Stack, repository: Repository, wanted: argparse.Namespace, folder: Path) -> Measured:
    os.environ.update(stack.env)
    os.environ["DJANGO_SETTINGS_MODULE"] = "config.settings"
    django.setup()
    from tests.load import people

    synced = people.join(wanted.syncs, repository, stack.folder / "openhumans")
    settled = people.settle(wanted.members - wanted.syncs)
    cookies = folder / "cookies"
    cookies.write_text("\n".join(people.session_of(member.user) for member in [*synced, *settled]))
    for gate in (stack.github, stack.openhumans):
        stack.fault(gate, latency_ms=wanted.latency)
    # As docs/deploying.md has it for workers beside the web.
    _give_way(stack.worker.pid, NICE)
    # The stand-ins, and the gates before them in this process, are other people's machines.
    for process in (*(child.pid for child in stack.stand_ins), os.getpid()):
        _give_way(process, NICEST)
    people.start_all(synced)
    samples: list[Sample] = []
    began = time.monotonic()
    locust = _start_locust(stack.site, cookies, folder, wanted)
    try:
        while locust.poll() is None:
            if time.monotonic() - began > wanted.seconds + 60:
                raise TimeoutError("locust does not end.")
            samples.append(_look(stack, people.syncing(), time.monotonic() - began))
            time.sleep(SAMPLE_SECONDS)
    finally:
        if locust.poll() is None:
            locust.kill()
        locust.wait()
    measured = read_locust(folder / "load_stats.csv")
    measured.samples = samples
    measured.failed_runs = people.failed()
    return measured


def _give_way(process: int | None, nice: int) -> None:
    """Where Linux shares the processors among sessions first, a nice process has to be in a nice session."""
    assert process is not None
    os.setpriority(os.PRIO_PGRP, os.getpgid(process), nice)
    group = Path(f"/proc/{process}/autogroup")
    if group.exists():
        group.write_text(str(nice))


def _start_locust(
    site: str, cookies: Path, folder: Path, wanted: argparse.Namespace
) -> "subprocess.Popen[bytes]":
    program = os.environ.get("LOCUST", str(CHECKOUT / ".venv-load" / "bin" / "locust"))
    command = [
        program,
        "-f",
        str(CHECKOUT / "tests" / "load" / "locustfile.py"),
        "--headless",
        "--host",
        site,
    ]
    command += ["-u", str(wanted.members), "-r", str(ARRIVALS), "-t", f"{wanted.seconds}s"]
    command += ["--csv", str(folder / "load"), "--only-summary", "--exit-code-on-error", "0"]
    env = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    env |= {"LOAD_COOKIES": str(cookies), "NO_PROXY": "*"}
    return subprocess.Popen(
        command,
        env=env,
        cwd=folder,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=dies_with_parent(signal.SIGKILL),
    )


def _look(stack: Stack, syncing: Syncing, at: float) -> Sample:
    for child in stack.application:
        if not child.is_running:
            raise RuntimeError(f"{child.name} ended; its log is {child.log}.")
    sizes = {
        child.name: megabytes_of([child.pid or 0, *descendants_of(child.pid or 0)])
        for child in stack.application
    }
    return Sample(at, syncing, sizes)


if __name__ == "__main__":
    sys.exit(main())
