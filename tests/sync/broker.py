"""What would be sent to workers, kept instead of sent."""

from dataclasses import dataclass, field
from typing import Any

import dramatiq
import pytest

from sync import queues


@dataclass
class Sent:
    """The messages enqueued, in order; `error` is raised instead, as a broker that is away does."""

    messages: list[tuple["dramatiq.Message[Any]", int | None]] = field(default_factory=list)
    error: Exception | None = None
    # As if so many messages waited for a worker.
    ready: int = 1

    def enqueue(self, message: "dramatiq.Message[Any]", *, delay: int | None = None) -> Any:
        if self.error is not None:
            raise self.error
        self.messages.append((message, delay))
        return message

    def steps(self) -> list[tuple[int, int]]:
        return [message.args for message, _ in self.messages if message.actor_name == "sync_step"]


@pytest.fixture
def sent(monkeypatch: pytest.MonkeyPatch) -> Sent:
    import sync.actors  # noqa: F401

    kept = Sent()
    monkeypatch.setattr(dramatiq.get_broker(), "enqueue", kept.enqueue)
    monkeypatch.setattr(queues, "ready", lambda: kept.ready)
    return kept
