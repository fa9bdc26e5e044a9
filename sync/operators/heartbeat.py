"""A sign of life after each scan, to a service that raises the alarm when it stays away."""

import logging

import redis
import requests
from django.conf import settings
from django.core.cache import cache

logger = logging.getLogger(__name__)
TIMEOUT_SECONDS = (2, 3)
FAILED_KEY = "heartbeat:failed"


def beat() -> None:
    """Call HEARTBEAT_URL, if there is one. A failure is logged once, until it works again."""
    url: str = settings.HEARTBEAT_URL
    if not url:
        return
    try:
        requests.get(url, timeout=TIMEOUT_SECONDS, allow_redirects=False).raise_for_status()
    except requests.RequestException as error:
        # The address is a secret: whoever knows it can pretend that all is well.
        if _is_first_failure():
            logger.warning("HEARTBEAT_URL cannot be reached (%s).", type(error).__name__)
    else:
        _forget_failure()


def _is_first_failure() -> bool:
    try:
        return bool(cache.add(FAILED_KEY, 1, timeout=None))
    except redis.RedisError:
        return True


def _forget_failure() -> None:
    try:
        cache.delete(FAILED_KEY)
    except redis.RedisError:
        logger.debug("Redis is away.")
