"""The two queues: people waiting at a screen are served from their own."""

import logging
from typing import Any

import dramatiq
import redis
from django.conf import settings
from django.db import transaction
from django.utils import timezone

from sync.models import SyncRun

logger = logging.getLogger(__name__)
BACKGROUND = "background"
INTERACTIVE = "interactive"
STEP_ACTOR = "sync_step"
# Whoever watches sees the first weeks at once; a long history then takes its turn among the others.
INTERACTIVE_STEPS = 3


def step_message(run: SyncRun) -> "dramatiq.Message[Any]":
    message = dramatiq.get_broker().get_actor(STEP_ACTOR).message(run.pk, run.step)
    is_watched = run.is_interactive and run.step < INTERACTIVE_STEPS
    return message.copy(queue_name=INTERACTIVE if is_watched else BACKGROUND)


def send_step(run: SyncRun) -> None:
    """Send the run's next step once the current transaction is committed."""
    message = step_message(run)
    transaction.on_commit(lambda: _enqueue(run, message))


def _enqueue(run: SyncRun, message: "dramatiq.Message[Any]") -> None:
    """Without Redis nothing is lost: the next scan finds the run and sends its message."""
    try:
        dramatiq.get_broker().enqueue(message)
    except (redis.RedisError, dramatiq.errors.BrokerError):
        logger.warning("Redis is away; the next scan sends the message.", extra=run.detail)
        SyncRun.objects.filter(pk=run.pk, step=run.step).update(nudge_at=timezone.now())


def ready() -> int:
    """Messages that wait for a worker. Raise `redis.RedisError` when Redis is away."""
    with redis.Redis.from_url(settings.BROKER_URL, socket_timeout=2, socket_connect_timeout=2) as server:
        return sum(server.llen(f"dramatiq:{queue}") for queue in (INTERACTIVE, BACKGROUND))
