"""Ctrl-C and SIGTERM as a flag that is asked for, instead of an exception that strikes anywhere.

An exception out of a signal handler may strike between the start of a process and the line that remembers
it, and that process would then outlive us.
"""

import signal
import time
from collections.abc import Callable
from types import FrameType

from config.run.errors import Interrupted, RunError

PAUSE_SECONDS = 0.05
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupt:
    """Counts requests to stop: the first one asks, the second one insists."""

    def __init__(self) -> None:
        self.count = 0
        self.last_signal: int | None = None

    def listen(self) -> None:
        for number in STOP_SIGNALS:
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: FrameType | None) -> None:
        self.count += 1
        self.last_signal = number

    @property
    def insists(self) -> bool:
        return self.count > 1

    def check(self) -> None:
        if self.count:
            raise Interrupted("Stopped before everything was up.")

    def wait_until(self, is_done: Callable[[], bool], *, seconds: float, failure: str) -> None:
        """Ask `is_done` until it says yes.

        Raises `Interrupted` when asked to stop meanwhile, `RunError` with `failure` after `seconds`.
        """
        deadline = time.monotonic() + seconds
        while not is_done():
            self.check()
            if time.monotonic() > deadline:
                raise RunError(failure)
            time.sleep(PAUSE_SECONDS)
