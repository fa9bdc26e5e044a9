"""Once an hour: what time alone brings about, and whatever message of it was lost.

Where there is no scheduler, `manage.py update_data` does it, and each worker that starts.
"""

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from itertools import islice

import dramatiq
import redis

from sync import messages, retention, switch
from sync.leaving import departures, erasing

logger = logging.getLogger(__name__)
# How many messages of each sort are sent in an hour; the rest waits for the next. A million members of whom
# each is proved once a week are 6,000 an hour.
MOST_AN_HOUR = 10_000
# Where a cron tidies once a day, it does so for all of its hours.
HOURS_OF_A_DAY = 24
# To take somebody for gone is work done here and now.
SHARE_OF_THE_GONE = 20


@dataclass(frozen=True, slots=True)
class Tidied:
    """Runs taken away, members believed to have left; messages sent.

    They end access and accounts, prove access alive, and tell members.
    """

    pruned: int
    left: int
    ending: int
    deleting: int
    proving: int
    telling: int


def tidy(now: datetime, hours: int = 1) -> Tidied:
    """Do what there is to do until it is done again, so many hours later.

    While all syncing is stopped only deleting goes on: nobody is proved, believed to be gone or told.
    """
    limit = hours * MOST_AN_HOUR
    asking = limit if switch.current() is None else 0
    return Tidied(
        pruned=retention.prune(now, hours),
        left=departures.believe_dead_tokens(now, asking // SHARE_OF_THE_GONE),
        ending=_send("end_access", departures.to_end_access(now).values_list("pk", flat=True)[:limit]),
        deleting=_send("end_account", erasing.asked_to_end().values_list("pk", flat=True)[:limit]),
        proving=_send("prove_alive", departures.to_prove_alive(now).values_list("pk", flat=True)[:asking]),
        telling=_send("tell_member", islice(messages.to_send(now), asking)),
    )


def _send(actor: str, numbers: Iterable[int]) -> int:
    """Without Redis nothing is lost: Postgres knows what is left to do, and the next tidying asks it."""
    sent = 0
    try:
        for number in numbers:
            dramatiq.get_broker().get_actor(actor).send(number)
            sent += 1
    except (redis.RedisError, dramatiq.errors.BrokerError):
        logger.warning("Redis is away; what is left to tidy waits for the next time.")
    return sent
