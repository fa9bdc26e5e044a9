"""An answer that cannot be had twice, kept although Postgres goes away before it is stored.

A refresh kills the old pair of tokens the moment it is answered. If the new one were lost to a restart of
Postgres, the member would have to sign in again for nothing they did.
"""

import logging
import time
from collections.abc import Callable
from typing import TypeVar

from django.db import InterfaceError, OperationalError, connection

T = TypeVar("T")
logger = logging.getLogger(__name__)
# A restart takes seconds, a failover rarely more than half a minute.
PAUSES_SECONDS = (0, 1, 2, 4, 8, 15)


def outlasting_postgres(store: Callable[[], T], has_answer: Callable[[], bool]) -> T:
    """`store()`, a transaction of its own; once it `has_answer`, again and again while Postgres is away.

    `store` must find the answer it had, and that another time may have stored it already.
    """
    for pause in PAUSES_SECONDS:
        try:
            return store()
        except (InterfaceError, OperationalError):
            if not has_answer() or connection.in_atomic_block:
                raise
            logger.warning("Postgres went away before new tokens were stored; trying again.")
        connection.close()
        time.sleep(pause)
    return store()
