"""Keeps children running: starts again what dies, and stops everything in the reverse order of starting."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from config.run.interrupt import PAUSE_SECONDS, Interrupt
from config.run.processes import Child, stop_together
from config.run.survivors import remember

FIRST_DELAY = 0.5
LONGEST_DELAY = 10.0
HEALTHY_SECONDS = 30.0


@dataclass
class Backoff:
    """How long to wait before a dead child is started again: doubling while it keeps dying young."""

    next_delay: float = FIRST_DELAY

    def after(self, lived: float) -> float:
        if lived >= HEALTHY_SECONDS:
            self.next_delay = FIRST_DELAY
        delay = self.next_delay
        self.next_delay = min(delay * 2, LONGEST_DELAY)
        return delay


@dataclass
class Watched:
    child: Child
    backoff: Backoff
    started: float
    start_again_at: float | None = None


class Supervisor:
    """Children in stages. A later stage needs the earlier ones, so stopping goes backwards."""

    def __init__(self, interrupt: Interrupt, say: Callable[[str], None], note: Path | None = None) -> None:
        self.interrupt = interrupt
        self._say = say
        self._note = note  # where a successor finds what we started, if we are killed
        self._stages: list[list[Watched]] = []

    def adopt(self, children: Sequence[Child]) -> None:
        """Answer for these from now on, started or not: once adopted, none is left running."""
        now = time.monotonic()
        self._stages.append([Watched(child, Backoff(), now) for child in children])

    def start(self, children: Sequence[Child]) -> None:
        self.adopt(children)
        for child in children:
            child.start()
        self._remember()

    def run(self, is_done: Callable[[], bool] = lambda: False) -> None:
        """Tend the children until asked to stop, or until `is_done`."""
        while not self.interrupt.count and not is_done():
            self.tend()
            time.sleep(PAUSE_SECONDS)

    def tend(self) -> None:
        """One look at every child: note who died, start again whose time has come."""
        for stage in self._stages:
            for watched in stage:
                if watched.start_again_at is not None:
                    if time.monotonic() >= watched.start_again_at:
                        self._start_again(watched)
                elif not watched.child.is_running:
                    self._note_death(watched)

    def _note_death(self, watched: Watched) -> None:
        child = watched.child
        now = time.monotonic()
        delay = watched.backoff.after(now - watched.started)
        code = child.exit_code
        child.kill_group()
        watched.start_again_at = now + delay
        how = f"ended with exit code {code}" if code is None or code >= 0 else f"was ended by signal {-code}"
        self._say(f"{child.name} {how}; starting it again in {delay:g} s. Its log: {child.log}")

    def _start_again(self, watched: Watched) -> None:
        watched.started, watched.start_again_at = time.monotonic(), None
        try:
            watched.child.start()
        except OSError as error:
            delay = watched.backoff.after(0)
            watched.start_again_at = time.monotonic() + delay
            self._say(f"{watched.child.name} cannot be started ({error}); trying again in {delay:g} s.")
        self._remember()

    def _remember(self) -> None:
        if self._note:
            remember(self._note, [watched.child for stage in self._stages for watched in stage])

    def stop(self) -> None:
        while self._stages:
            stop_together([watched.child for watched in self._stages[-1]], self.interrupt)
            self._stages.pop()
        if self._note:
            self._note.unlink(missing_ok=True)
