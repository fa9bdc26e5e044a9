"""What a killed supervisor left running, ended before the next one starts.

On Linux the kernel tells the children that their parent died, but some take their time, and a dramatiq worker
whose master was killed is told nothing. Other systems tell nobody.
"""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

from config.run.interrupt import PAUSE_SECONDS, Interrupt
from config.run.keys import write_private
from config.run.processes import Child

POLITE_SECONDS = 5.0
KILL_SECONDS = 10.0
IS_LINUX = sys.platform.startswith("linux")
DEAD = {"Z", "X"}


def remember(file: Path, children: Iterable[Child]) -> None:
    """Write down the groups that run: when their leaders started, and with which signal they are stopped."""
    running = {child.pid: child for child in children if child.pid is not None}
    notes = {str(pid): [started_at(pid), int(child.stop_signal)] for pid, child in running.items()}
    write_private(file, json.dumps(notes))


def end_survivors(file: Path, interrupt: Interrupt) -> None:
    """End the groups that `file` names and forget it. Only while holding the folder's lock."""
    left = {pid: number for pid, (started, number) in _read(file).items() if is_ours(pid, started)}
    _signal_until_gone(left, interrupt, POLITE_SECONDS)
    _signal_until_gone(dict.fromkeys(left, int(signal.SIGKILL)), interrupt, KILL_SECONDS)
    file.unlink(missing_ok=True)


def _read(file: Path) -> dict[int, tuple[str, int]]:
    try:
        notes = json.loads(file.read_text(encoding="utf-8"))
        return {int(pid): (str(started), int(number)) for pid, (started, number) in notes.items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def _signal_until_gone(numbers: dict[int, int], interrupt: Interrupt, seconds: float) -> None:
    left = [pid for pid in numbers if _group_exists(pid)]
    for pid in left:
        _signal_group(pid, numbers[pid])
    deadline = time.monotonic() + seconds
    while any(map(_group_exists, left)) and time.monotonic() < deadline:
        interrupt.check()
        time.sleep(PAUSE_SECONDS)


def is_ours(pid: int, started: str) -> bool:
    """The number may belong to another program by now; but while a group lives its number is not reused."""
    if not _group_exists(pid):
        return False
    now = started_at(pid)
    return now in ("", started)


def started_at(pid: int) -> str:
    """Something that tells this process from a later one with the same number; empty when there is none."""
    if IS_LINUX:
        fields = _stat(Path(f"/proc/{pid}"))
        return fields[19] if fields else ""
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout.strip()


def _group_exists(pid: int) -> bool:
    """Whether a member of the group lives. The dead may stay listed where process 1 takes no note of them."""
    if not IS_LINUX:
        return _signal_group(pid, 0)
    members = (fields for process in Path("/proc").glob("[0-9]*") if (fields := _stat(process)))
    return any(fields[2] == str(pid) and fields[0] not in DEAD for fields in members)


def _stat(process: Path) -> list[str]:
    """Linux' fields about a process, from its state on (the third in proc(5)); empty when there is none."""
    try:
        return (process / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _signal_group(pid: int, number: int) -> bool:
    try:
        os.killpg(pid, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True
