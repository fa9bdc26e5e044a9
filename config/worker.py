"""What every worker process does beside running actors: keep retries, and scan and tidy when it starts."""

import logging
import threading
import time
from typing import Any

import dramatiq
import redis
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.db import connection
from django_dramatiq.middleware import DbConnectionsMiddleware
from dramatiq.brokers.redis import RedisBroker, _RedisConsumer
from dramatiq.common import dq_name
from dramatiq.middleware import Middleware, MiddlewareError, Retries

from config.checks import refuse_wrong_settings
from sync.errors import WaitForLimit
from sync.operators import counters

logger = logging.getLogger(__name__)
LONGEST_PAUSE_SECONDS = 5.0
LONGEST_PAUSE_BETWEEN_LOOKS_MS = 250
# Of messages that wait for a moment, nobody minds a second.
LONGEST_PAUSE_BETWEEN_MOMENTS_MS = 1000
# dramatiq doubles the pause with each look in vain, from 5 ms on: after so many it is 40 to 80 ms.
LOOKS_IN_VAIN = 3
# A connection that has just worked still does; a second is short beside the time that a restart takes.
TRUSTED_SECONDS = 1.0


class DurableRetries(Retries):
    """Retries that survive Redis being away, and waits that cost no attempt.

    dramatiq's own middleware loses a message when Redis is down at the moment of its retry: the failed
    enqueue is swallowed and the original acknowledged. Here the message is held until Redis is back.
    """

    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: "dramatiq.MessageProxy",
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        if exception is None:
            return
        retries, pause = message.options.get("retries"), 0.5
        while True:
            try:
                if isinstance(exception, WaitForLimit):
                    broker.enqueue(message, delay=max(1, exception.delay or 1))  # type: ignore[arg-type]
                else:
                    super().after_process_message(  # type: ignore[no-untyped-call]
                        broker, message, result=result, exception=exception
                    )
            except (redis.ConnectionError, redis.TimeoutError, dramatiq.errors.BrokerConnectionError):
                if retries is None:
                    message.options.pop("retries", None)
                else:
                    message.options["retries"] = retries
                logger.warning("Redis is away; a retry is kept until it is back.")
                time.sleep(pause)
                pause = min(pause * 2, LONGEST_PAUSE_SECONDS)
            else:
                return


class WrongSettings(MiddlewareError):
    """Settings that do not fit together: no worker starts with them."""


class RefuseWrongSettings(Middleware):
    def before_enqueue(self, _broker: dramatiq.Broker, message: "dramatiq.Message[Any]", _delay: int) -> None:
        """The scheduler boots no worker: the first thing it does is to send a message with its moment.

        It ends with the reason alone; for other errors periodiq asks people to write to its authors.
        """
        if "scheduled_at" in message.options:
            try:
                refuse_wrong_settings(erases=False)
            except ImproperlyConfigured as error:
                raise SystemExit(str(error)) from None

    def before_worker_boot(self, _broker: dramatiq.Broker, _worker: dramatiq.Worker) -> None:
        try:
            refuse_wrong_settings()
        except ImproperlyConfigured as error:
            raise WrongSettings(str(error)) from None


class NoMoreThanThreads(Middleware):
    """A process takes no message that no thread of it is free for.

    dramatiq takes twice as many. Those would wait here while other processes have nothing to do, and people
    who watch would wait behind them for a step and then another.
    """

    def before_worker_boot(self, _broker: dramatiq.Broker, worker: dramatiq.Worker) -> None:
        worker.queue_prefetch = worker.worker_threads


class PromptConsumer(_RedisConsumer):
    """Looks for a message as soon as a thread is free for it.

    dramatiq's own goes on looking while all threads are busy, ever more rarely, and so wakes late: workers
    whose steps took 200 ms spent half of their time between messages.

    Where threads are free and there was no message, it looks four times a second, where dramatiq's own would
    look once in the end: whoever watches would wait for that between one step and the next. It does not look
    again within a few milliseconds: each look costs as much as a statement of the step, and hardly any of
    these finds something. Messages that wait for a moment are looked at once a second.
    """

    def __init__(self, broker: RedisBroker, queue_name: str, prefetch: int, timeout: int) -> None:
        is_of_waiting = queue_name == dq_name(queue_name)
        longest = LONGEST_PAUSE_BETWEEN_MOMENTS_MS if is_of_waiting else LONGEST_PAUSE_BETWEEN_LOOKS_MS
        timeout = min(timeout, longest)
        super().__init__(broker, queue_name, prefetch, timeout)  # type: ignore[no-untyped-call]
        self._has_ended = threading.Event()

    def ack(self, message: "dramatiq.MessageProxy") -> None:
        try:
            super().ack(message)  # type: ignore[no-untyped-call]
        finally:
            self._has_ended.set()

    def nack(self, message: "dramatiq.MessageProxy") -> None:
        try:
            super().nack(message)  # type: ignore[no-untyped-call]
        finally:
            self._has_ended.set()

    def __next__(self) -> "dramatiq.MessageProxy | None":
        self._has_ended.clear()
        if not self.message_cache and len(self.queued_message_ids) >= self.prefetch:
            self._has_ended.wait(self.timeout / 1000)
            self.misses = 0
            return None
        self.misses = max(self.misses, LOOKS_IN_VAIN)
        return super().__next__()  # type: ignore[no-any-return, no-untyped-call]


class PromptBroker(RedisBroker):
    @property
    def consumer_class(self) -> type[PromptConsumer]:
        return PromptConsumer


def answer_soon(broker: dramatiq.Broker) -> None:
    """For processes that serve pages, where somebody waits; a message that is not sent costs nothing there.

    Workers and the scheduler wait for a slow Redis as long as its client does by itself.
    """
    if isinstance(broker, RedisBroker):
        broker.client.connection_pool.connection_kwargs.update(settings.REDIS_FOR_PAGES)


class TrustRecentConnections(DbConnectionsMiddleware):  # type: ignore[misc]
    """A connection to Postgres that served a message a moment ago is not asked whether it is still there.

    Django asks before the first statement of each message. Where Postgres was restarted within that moment,
    the message is retried, as where it is restarted in the middle of a step. What is not retried asks.
    """

    def __init__(self) -> None:
        self._served = threading.local()

    def before_process_message(self, broker: dramatiq.Broker, message: "dramatiq.MessageProxy") -> None:
        super().before_process_message(broker, message)
        is_retried = broker.get_actor(message.actor_name).options.get("max_retries") != 0
        if is_retried and time.monotonic() - getattr(self._served, "at", float("-inf")) < TRUSTED_SECONDS:
            connection.health_check_done = True  # type: ignore[attr-defined]

    def after_process_message(
        self,
        broker: dramatiq.Broker,
        message: "dramatiq.MessageProxy",
        *,
        result: Any = None,
        exception: BaseException | None = None,
    ) -> None:
        super().after_process_message(broker, message, result=result, exception=exception)
        self._served.at = float("-inf") if exception else time.monotonic()


class ScanAtStart(Middleware):
    """A worker that starts scans and tidies once, so that nothing hangs on a host without a scheduler."""

    def after_worker_boot(self, broker: dramatiq.Broker, _worker: dramatiq.Worker) -> None:
        for actor in ("scan", "tidy"):
            broker.get_actor(actor).send()


class FlushCounters(Middleware):
    """What was counted while a message was handled becomes visible soon, also when no other follows.

    Not after each message: that would ask Redis more often than the budget does.
    """

    def after_process_message(
        self,
        _broker: dramatiq.Broker,
        _message: "dramatiq.MessageProxy",
        *,
        result: Any = None,  # noqa: ARG002 - dramatiq passes it by name
        exception: BaseException | None = None,  # noqa: ARG002
    ) -> None:
        counters.flush_soon()

    def after_worker_shutdown(self, _broker: dramatiq.Broker, _worker: dramatiq.Worker) -> None:
        counters.flush_last()
