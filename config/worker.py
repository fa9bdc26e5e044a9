"""What every worker process does beside running actors: keep retries, and scan and tidy when it starts."""

import logging
import time
from typing import Any

import dramatiq
import redis
from django.core.exceptions import ImproperlyConfigured
from dramatiq.middleware import Middleware, MiddlewareError, Retries

from config.checks import refuse_wrong_settings
from sync.errors import WaitForLimit
from sync.operators import counters

logger = logging.getLogger(__name__)
LONGEST_PAUSE_SECONDS = 5.0


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


class ScanAtStart(Middleware):
    """A worker that starts scans and tidies once, so that nothing hangs on a host without a scheduler."""

    def after_worker_boot(self, broker: dramatiq.Broker, _worker: dramatiq.Worker) -> None:
        for actor in ("scan", "tidy"):
            broker.get_actor(actor).send()


class FlushCounters(Middleware):
    """What was counted while a message was handled becomes visible when it is done."""

    def after_process_message(
        self,
        _broker: dramatiq.Broker,
        _message: "dramatiq.MessageProxy",
        *,
        result: Any = None,  # noqa: ARG002 - dramatiq passes it by name
        exception: BaseException | None = None,  # noqa: ARG002
    ) -> None:
        counters.flush()
