"""What is counted or weighed and not timed, measured beside the rest by a process with servers of its own.

The largest account is travelled there: for five minutes a worker and a stand-in work by turns, which leaves
the other core to what waits for answers most of the time.
"""

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from config.run.processes import dies_with_parent
from tests.benchmarks import bench, journeys
from tests.benchmarks.figures import Report
from tests.benchmarks.service import ROOT

PART = "memory"
ACCOUNT = "heavy"
LONGEST_SECONDS = 1800.0
SERVERS = ("DATABASE_URL", "REDIS_URL")


class Beside:
    """A process that measures, and the folder with its log and what it found."""

    def __init__(self, folder: Path) -> None:
        self.found = folder / "found"
        self.log = folder / "log"
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

    def wait(self) -> tuple[Report, journeys.Journey]:
        """What was found, once it is there."""
        if self.process.wait(LONGEST_SECONDS):
            raise SystemExit(f"Beside the rest: {self.log.read_text(errors='replace')[-2000:]}")
        report, journey = pickle.loads(self.found.read_bytes())  # noqa: S301 - a process of ours wrote it
        return report, journey


@contextmanager
def beside() -> Iterator[Beside]:
    """Begun now; whoever wants the journey of the largest account waits for the one made there."""
    with TemporaryDirectory() as folder:
        measuring = Beside(Path(folder))
        journeys.elsewhere[ACCOUNT] = lambda: measuring.wait()[1]
        try:
            yield measuring
        finally:
            measuring.process.terminate()
            measuring.process.wait()


def measure_beside(path: Path) -> None:
    """In that process."""
    path.write_bytes(pickle.dumps((bench.measured(PART), journeys.journey(ACCOUNT))))
