"""Seconds of processor that the processes of a deployment have spent, by what the kernel counts."""

import os
import time
from dataclasses import dataclass
from pathlib import Path

from django.conf import settings
from django.db import connection
from redis import Redis

TICK = os.sysconf("SC_CLK_TCK")
CPUCLOCK_SCHED = 2


@dataclass(frozen=True, slots=True)
class Spent:
    """By the workers, by Postgres without the connection that measures, and by Redis."""

    worker: float
    postgres: float
    redis: float

    @property
    def total(self) -> float:
        return self.worker + self.postgres + self.redis

    def __sub__(self, other: "Spent") -> "Spent":
        return Spent(self.worker - other.worker, self.postgres - other.postgres, self.redis - other.redis)

    def __add__(self, other: "Spent") -> "Spent":
        return Spent(self.worker + other.worker, self.postgres + other.postgres, self.redis + other.redis)

    def times(self, factor: float) -> "Spent":
        return Spent(self.worker * factor, self.postgres * factor, self.redis * factor)

    def __truediv__(self, count: float) -> "Spent":
        return Spent(self.worker / count, self.postgres / count, self.redis / count)


def of_postgres() -> float:
    """All processes of the server but the one that serves this connection, which only measures."""
    with connection.cursor() as cursor:
        cursor.execute("select pg_backend_pid()")
        (own,) = cursor.fetchone()
    if not Path(f"/proc/{own}").exists():
        raise SystemExit("The processor time of Postgres can only be measured where it runs on this machine.")
    server = int(_fields(own)[1])
    ended = sum(map(int, _fields(server)[13:15])) / TICK
    return ended + of_process(server) + sum(of_process(pid) for pid in children(server) if pid != own)


def of_redis() -> float:
    with Redis.from_url(settings.REDIS_URL) as client:
        told = client.info("cpu")
    return float(told["used_cpu_user"]) + float(told["used_cpu_sys"])


def of_this_run() -> float:
    """Of this process and all that it has started, of Postgres and of Redis: not what others do meanwhile."""
    started = sum(map(of_process, descendants(os.getpid())))
    return time.process_time() + started + of_postgres() + of_redis()


def of_process(pid: int) -> float:
    """To the nanosecond, with threads that have ended: its clock, see clock_getcpuclockid(3).

    Nothing when it has just ended.
    """
    try:
        return time.clock_gettime(~pid << 3 | CPUCLOCK_SCHED)
    except OSError:
        return 0.0


def children(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii")
    return [int(each) for each in listed.split()]


def descendants(pid: int) -> list[int]:
    """Its children and theirs; none of one that has just ended."""
    try:
        own = children(pid)
    except OSError:
        return []
    return [each for child in own for each in (child, *descendants(child))]


def _fields(pid: int) -> list[str]:
    """Of /proc/PID/stat, from the state on."""
    return Path(f"/proc/{pid}/stat").read_text(encoding="ascii", errors="replace").rpartition(")")[2].split()
