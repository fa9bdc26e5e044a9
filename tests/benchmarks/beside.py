"""What is counted or weighed and not timed, measured beside the rest by processes with servers of their own.

The largest account is travelled by one of them: for five minutes a worker and a stand-in work by turns, which
leaves the other core to what waits for answers most of the time. Meanwhile another one weighs the workers of
smaller accounts, and waits for that journey.
"""

import os
import pickle
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from config.run.processes import dies_with_parent
from tests.benchmarks import bench, journeys
from tests.benchmarks.figures import Report
from tests.benchmarks.service import ROOT

PART = "memory"
ACCOUNT = "heavy"
LONGEST_SECONDS = 1800.0
LOOK_SECONDS = 1.0
SERVERS = ("DATABASE_URL", "REDIS_URL")


class Measuring:
    """A process that measures one thing, its log, and the file into which it puts what it found."""

    def __init__(self, what: str, folder: Path) -> None:
        self.what, self.log, self.found = what, folder / f"{what}.log", folder / what
        own = [sys.executable, "-m", "tests.benchmarks.bench", "--beside", str(self.found)]
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "config.run", "servers", "--", *own],
                cwd=ROOT,
                env={name: value for name, value in os.environ.items() if name not in SERVERS},
                stdout=log,
                stderr=log,
                preexec_fn=dies_with_parent(signal.SIGTERM),
            )

    def wait(self) -> Any:
        """What was found, once it is there."""
        if self.process.wait(LONGEST_SECONDS):
            raise SystemExit(f"Beside the rest, {self.what}: {self.log.read_text(errors='replace')[-2000:]}")
        return _read(self.found)

    def end(self) -> None:
        self.process.terminate()
        self.process.wait()


@contextmanager
def beside() -> Iterator[Callable[[], Report]]:
    """Begun now; given is what waits for the report of the part that is measured there.

    Whoever wants the journey of the largest account waits for the one made there.
    """
    with TemporaryDirectory() as name, ExitStack() as stack:
        folder = Path(name)
        travelling, weighing = (Measuring(what, folder) for what in (ACCOUNT, PART))
        for measuring in (travelling, weighing):
            stack.callback(measuring.end)
        journeys.elsewhere[ACCOUNT] = travelling.wait

        def report() -> Report:
            # Without the journey the other one would wait in vain.
            travelling.wait()
            found: Report = weighing.wait()
            return found

        yield report


def measure_beside(path: Path) -> None:
    """In such a process; what it measures is the name of its file."""
    if path.name == ACCOUNT:
        found: object = journeys.journey(ACCOUNT)
    else:
        journeys.elsewhere[ACCOUNT] = lambda: _read_when_there(path.with_name(ACCOUNT))
        found = bench.measured(PART)
    unfinished = path.with_suffix(".unfinished")
    unfinished.write_bytes(pickle.dumps(found))
    unfinished.rename(path)


def _read_when_there(path: Path) -> Any:
    deadline = time.monotonic() + LONGEST_SECONDS
    while not path.exists():
        if time.monotonic() > deadline:
            raise SystemExit(f"The journey of the {path.name} account takes too long.")
        time.sleep(LOOK_SECONDS)
    return _read(path)


def _read(path: Path) -> Any:
    return pickle.loads(path.read_bytes())  # noqa: S301 - a process of ours wrote it
