"""The middleware against a broker that can be away, and how soon a worker takes its next message."""

import threading
from collections.abc import Iterator
from typing import Any
from uuid import uuid4

import dramatiq
import pytest
import redis
from django.conf import settings
from django.db import connection, connections
from dramatiq.brokers.stub import StubBroker

from config.worker import (
    DurableRetries,
    FlushCounters,
    PromptBroker,
    ScanAtStart,
    TrustRecentConnections,
)
from sync.errors import WaitForLimit
from sync.operators import counters
from tests.sync.broker import Sent, sent

__all__ = ["sent"]


class FlakyBroker(StubBroker):
    """Refuses the first `failures` messages, as Redis does while it restarts."""

    def __init__(self, failures: int = 0) -> None:
        super().__init__(middleware=[])
        self.failures = failures
        self.delays: list[int | None] = []

    def enqueue(self, message: "dramatiq.Message[Any]", *, delay: int | None = None) -> Any:
        if self.failures:
            self.failures -= 1
            raise redis.ConnectionError("away")
        self.delays.append(delay)
        return message


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    taken: list[float] = []
    monkeypatch.setattr("config.worker.time.sleep", taken.append)
    return taken


def message_on(broker: FlakyBroker, **options: Any) -> Any:
    @dramatiq.actor(broker=broker, actor_name="work")
    def work() -> None: ...

    return dramatiq.MessageProxy(work.message_with_options(**options))


def fail(broker: FlakyBroker, message: Any, error: BaseException) -> None:
    DurableRetries(max_retries=2).after_process_message(broker, message, exception=error)


def test_waiting_costs_no_retry(pauses: list[float]) -> None:
    broker = FlakyBroker()
    message = message_on(broker)
    for _ in range(10):
        fail(broker, message, WaitForLimit("a limit", delay=90_000))
    assert broker.delays == [90_000] * 10
    assert "retries" not in message.options
    assert not message.failed


def test_an_ordinary_failure_costs_one(pauses: list[float]) -> None:
    broker = FlakyBroker()
    message = message_on(broker)
    fail(broker, message, RuntimeError("boom"))
    assert message.options["retries"] == 1


def test_a_retry_is_kept_until_redis_is_back(pauses: list[float]) -> None:
    broker = FlakyBroker(failures=4)
    message = message_on(broker)
    fail(broker, message, WaitForLimit("a limit", delay=1000))
    assert broker.delays == [1000]
    assert pauses == [0.5, 1.0, 2.0, 4.0]


def test_a_failure_while_redis_is_away_counts_once(pauses: list[float]) -> None:
    broker = FlakyBroker(failures=2)
    message = message_on(broker)
    fail(broker, message, RuntimeError("boom"))
    assert message.options["retries"] == 1
    assert len(broker.delays) == 1


def test_success_sends_nothing() -> None:
    broker = FlakyBroker()
    DurableRetries().after_process_message(broker, message_on(broker))
    assert broker.delays == []


def test_a_starting_worker_scans_and_tidies_once(sent: Sent) -> None:
    broker = dramatiq.get_broker()
    ScanAtStart().after_worker_boot(broker, dramatiq.Worker(broker))
    assert [message.actor_name for message, _ in sent.messages] == ["scan", "tidy"]


def test_what_messages_counted_is_added_together_and_before_the_worker_ends() -> None:
    counters.flush_last()
    broker = StubBroker(middleware=[FlushCounters()])

    @dramatiq.actor(broker=broker)
    def work() -> None:
        counters.count("weeks_fetched")

    worker = dramatiq.Worker(broker, worker_threads=1)
    with redis.Redis.from_url(settings.METRICS_URL) as server:
        server.delete(counters.KEY)
        worker.start()
        try:
            for _ in range(3):
                work.send()
            broker.join("default")
            worker.join()
            assert not server.exists(counters.KEY)
        finally:
            worker.stop()
        assert server.hget(counters.KEY, "weeks_fetched") == b"3"


@pytest.fixture
def own_broker() -> Iterator[PromptBroker]:
    """A broker on Redis that shares its queues with nobody."""
    broker = PromptBroker(  # type: ignore[no-untyped-call]
        url=settings.BROKER_URL, namespace=f"prompt-{uuid4().hex}", middleware=[]
    )
    broker.declare_queue("work")
    yield broker
    broker.flush_all()
    broker.close()


def test_a_worker_takes_its_next_message_as_soon_as_a_thread_is_free(
    own_broker: PromptBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However long all were busy: dramatiq's own consumer would be asleep for half a minute by then."""

    @dramatiq.actor(broker=own_broker, queue_name="work")
    def work() -> None: ...

    def look() -> None:
        taken.append(next(message for message in consumer if message is not None))

    monkeypatch.setattr("config.worker.LONGEST_PAUSE_BETWEEN_LOOKS_MS", 60_000)
    taken: list[dramatiq.MessageProxy] = []
    work.send()
    work.send()
    consumer = own_broker.consume("work", prefetch=1, timeout=60_000)
    first = next(consumer)
    assert first is not None
    consumer.misses = 20  # type: ignore[attr-defined]
    looking = threading.Thread(target=look, daemon=True)
    looking.start()
    consumer.ack(first)
    looking.join(timeout=10)
    assert [message.message_id != first.message_id for message in taken] == [True]


def test_a_worker_with_free_threads_looks_seldom_and_never_waits_long(
    own_broker: PromptBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a message as well: it is rare that another one follows within a few milliseconds."""

    @dramatiq.actor(broker=own_broker, queue_name="work")
    def work() -> None: ...

    pauses: list[float] = []
    monkeypatch.setattr("dramatiq.brokers.redis.time.sleep", pauses.append)
    work.send()
    consumer = own_broker.consume("work", prefetch=8, timeout=1000)
    assert next(consumer) is not None
    for _ in range(20):
        assert next(consumer) is None
    assert 0.04 <= pauses[0] <= 0.08
    assert all(0.08 <= pause <= 0.25 for pause in pauses[1:])

    pauses.clear()
    waiting = own_broker.consume("work.DQ", prefetch=8, timeout=1000)
    for _ in range(20):
        assert next(waiting) is None
    assert max(pauses) <= 1
    assert min(pauses[6:]) >= 0.5


@pytest.mark.django_db(transaction=True)
def test_a_connection_that_has_just_worked_is_not_asked_whether_it_is_still_there(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    broker = FlakyBroker()
    middleware, message = TrustRecentConnections(), message_on(broker)
    monkeypatch.setitem(connection.settings_dict, "CONN_HEALTH_CHECKS", True)
    monkeypatch.setitem(connection.settings_dict, "CONN_MAX_AGE", 300)
    asked: list[bool] = []
    wrapper = type(connections["default"])
    is_usable = wrapper.is_usable

    def ask(asking: Any) -> bool:
        asked.append(True)
        return bool(is_usable(asking))

    def handle(exception: BaseException | None = None) -> int:
        asked.clear()
        middleware.before_process_message(broker, message)
        with connection.cursor() as cursor:
            cursor.execute("select 1")
        middleware.after_process_message(broker, message, exception=exception)
        return len(asked)

    connection.close()
    connection.connect()
    monkeypatch.setattr(wrapper, "is_usable", ask)
    assert [handle(), handle(), handle(RuntimeError("boom")), handle()] == [1, 0, 0, 1]
    assert handle() == 0
    broker.get_actor("work").options["max_retries"] = 0
    assert handle() == 1, "nobody would do it again"
    broker.get_actor("work").options["max_retries"] = 3
    monkeypatch.setattr("config.worker.TRUSTED_SECONDS", 0)
    assert handle() == 1
