"""Simulated hours: the queue, the scan and a clock, without processes and without waiting.

Messages are handled in the order a worker would get them, people who watch first. The clock stands while they
are, and then jumps to the next tick.
"""

import itertools
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import dramatiq
import freezegun
import pytest
from django.utils import timezone

from sync import actors, queues, scanning, switch
from sync.errors import WaitForLimit
from sync.queues import INTERACTIVE

Message = dramatiq.Message[Any]
# By default freezegun leaves alone every module whose name begins with "gi", and so our client of GitHub.
LEFT_ALONE = [
    "_pytest.timing",
    "_pytest.runner.",
    "_pytest.terminal.",
    "threading",
    "multiprocessing",
    "queue",
]


@dataclass
class Clockwork:
    """A queue that is not in Redis, and a clock that is set by hand."""

    clock: Any
    waiting: list[tuple[datetime, int, Message]] = field(default_factory=list)
    queues: dict[str, deque[Message]] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=itertools.count)

    def enqueue(self, message: Message, *, delay: int | None = None) -> Message:
        if delay:
            moment = timezone.now() + timedelta(milliseconds=delay)
            self.waiting.append((moment, next(self._numbers), message))
        else:
            self.queues.setdefault(message.queue_name, deque()).append(message)
        return message

    @property
    def queued(self) -> int:
        return sum(map(len, self.queues.values()))

    def tick(self, step: timedelta, limit: int = 1000) -> None:
        """Time goes by; what is due by then is handled, in its order, and all that follows from it."""
        self.clock.tick(step)
        switch.look_again()
        scanning.scan(timezone.now(), limit)
        self.waiting.sort(key=lambda entry: entry[:2])
        while self.waiting and self.waiting[0][0] <= timezone.now():
            self.enqueue(self.waiting.pop(0)[2])
        self.work()

    def run_for(
        self,
        duration: timedelta,
        step: timedelta,
        each: Callable[[], None] = lambda: None,
        limit: int = 1000,
    ) -> None:
        for _ in range(int(duration / step)):
            self.tick(step, limit)
            each()

    def work(self, steps: int = 100_000) -> None:
        """Handle messages until none is left, or so many."""
        for _ in range(steps):
            message = self._next()
            if message is None:
                return
            self._handle(message)

    def _next(self) -> Message | None:
        for _, queue in sorted(self.queues.items(), key=lambda item: item[0] != INTERACTIVE):
            if queue:
                return queue.popleft()
        return None

    def _handle(self, message: Message) -> None:
        if message.actor_name != "sync_step":
            return
        run_id, step = message.args
        try:
            actors.sync_step.fn(run_id, step)
        except WaitForLimit as wait:
            self.enqueue(message, delay=wait.delay)


@contextmanager
def clockwork(monkeypatch: pytest.MonkeyPatch, start: datetime | None = None) -> Iterator[Clockwork]:
    """`start`: a moment in UTC, by default now."""
    freezegun.configure(default_ignore_list=LEFT_ALONE)
    with freezegun.freeze_time(start or datetime.now(UTC)) as clock:
        works = Clockwork(clock)
        monkeypatch.setattr(dramatiq.get_broker(), "enqueue", works.enqueue)
        monkeypatch.setattr(queues, "ready", lambda: works.queued)
        yield works
