"""One child process: started in a session of its own, stopped politely, its whole group ended for certain."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.run.interrupt import PAUSE_SECONDS, Interrupt

LOG_CAP_BYTES = 5_000_000
PR_SET_PDEATHSIG = 1


def dies_with_parent(number: int) -> Callable[[], None] | None:
    """A `preexec_fn` after which Linux sends this signal when we die, even by `kill -9`.

    Other systems have no such call; there the next start ends what was left (see survivors.py).
    """
    if not sys.platform.startswith("linux"):
        return None
    prctl = ctypes.CDLL(None, use_errno=True).prctl
    parent = os.getpid()

    def ask_kernel() -> None:
        prctl(PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:  # the parent died before the kernel knew of our wish
            os._exit(1)

    return ask_kernel


@dataclass
class Child:
    """A program of the stack, and how it wants to be stopped."""

    name: str
    command: list[str]
    env: Mapping[str, str]
    log: Path
    cwd: Path
    stop_signal: signal.Signals = signal.SIGTERM
    stop_seconds: float = 15.0
    options: dict[str, Any] = field(default_factory=dict)  # for Popen: the user to run as
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.cwd,
                env=dict(self.env),
                start_new_session=True,  # a terminal's Ctrl-C must reach the supervisor alone
                preexec_fn=dies_with_parent(self.stop_signal),
                **self.options,
            )

    @property
    def pid(self) -> int | None:
        return self.process.pid if self.process else None

    @property
    def exit_code(self) -> int | None:
        """None while it runs (or was never started)."""
        return self.process.poll() if self.process else None

    @property
    def is_running(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def ask_to_stop(self) -> None:
        """Exactly one signal to the leader: dramatiq takes a second one as an order to drop its work."""
        if self.process and self.is_running:
            self.process.send_signal(self.stop_signal)

    def kill_group(self) -> None:
        """End the leader and whatever it left behind: dramatiq's workers outlive a killed master."""
        if self.process is None:
            return
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except (ProcessLookupError, PermissionError):  # macOS says "permission" for a group of zombies
            pass
        self.process.wait()


def stop_together(children: Iterable[Child], interrupt: Interrupt) -> None:
    """Ask all, wait for each as long as it may take, then end the groups. A second Ctrl-C skips the wait."""
    running = [child for child in children if child.process is not None]
    for child in running:
        child.ask_to_stop()
    started = time.monotonic()
    while waiting := [child for child in running if child.is_running]:
        elapsed = time.monotonic() - started
        if interrupt.insists or all(elapsed > child.stop_seconds for child in waiting):
            break
        time.sleep(PAUSE_SECONDS)
    for child in running:
        child.kill_group()


def rotate(log: Path, cap: int = LOG_CAP_BYTES) -> None:
    """Keep one older log beside a fresh one, so that logs never fill a disk over many starts."""
    if log.is_file() and log.stat().st_size > cap:
        log.replace(log.with_name(log.name + ".1"))


def tail(log: Path, lines: int = 15) -> str:
    try:
        text = log.read_bytes()[-20_000:].decode("utf-8", errors="replace")
    except OSError:
        return "(no log)"
    return "\n".join(text.splitlines()[-lines:]) or "(the log is empty)"
