"""Redis emptied, restarted and away at the worst moments; Postgres restarted in the middle."""

import random
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults.histories import histories
from tests.faults.killing import SERVERS, Killer, Truth, backfill, check, undisturbed
from tests.faults.stack import Stack, started
from tests.faults.summary import IS_LONG, SEED, Drill, new_drill, say

pytestmark = pytest.mark.faults

GRAPHQL = "POST /api/graphql"
BLOCK_SECONDS = 6.0
ANSWERED_BEFORE_THE_LIMIT = 4
# How long Redis stays away at the worst moments.
AWAY_SECONDS = 60.0 if IS_LONG else 0.5


def test_servers_come_and_go_and_nothing_is_lost_or_asked_too_early(place: Path) -> None:
    """Promise 1, Postgres remembers and the queue nudges; promise 7, no request while blocked."""
    drill, dice = new_drill("Redis and Postgres come and go"), random.Random(SEED)
    with started(place, *histories(place, 1, 1500 if IS_LONG else 700, 5)) as stack:
        truth = undisturbed(stack)
        truth = empty_redis_during_a_wait(stack, truth, drill)
        truth = take_redis_away_while_a_retry_is_stored(stack, truth, drill)
        left = 30 if IS_LONG else 3
        while left:
            stack.forget_everything()
            killer = Killer(stack, drill, dice, left, SERVERS)
            backfill(stack, killer.haunt)
            truth = check(stack, truth, drill, killer.killed)
            left = killer.left


def empty_redis_during_a_wait(stack: Stack, truth: Truth, drill: Drill) -> Truth:
    """The message of the wait and the budget are gone; what blocks is in Postgres."""
    begin_with_limit(stack)
    stack.live(lambda: stack.is_waiting, what="the run waits for the limit")
    asked, until = stack.github.count(GRAPHQL), blocked_until(stack)
    stack.stop_server("valkey", signal.SIGKILL)
    stack.live_for(AWAY_SECONDS)
    assert stack.github.count(GRAPHQL) == asked, "nothing may be asked without the budget"
    stack.start_server("valkey")
    stack.redis_command("FLUSHALL")
    stack.live(lambda: stack.github.count(GRAPHQL) > asked or stack.settled, what="the run goes on")
    assert datetime.now(UTC) >= until, "GitHub was asked while it had told us to wait"
    return finish(stack, truth, drill, "emptied during a wait")


def take_redis_away_while_a_retry_is_stored(stack: Stack, truth: Truth, drill: Drill) -> Truth:
    """Redis dies between the refused answer and the retry: the message is held until it is back."""
    with stack.github.hold(GRAPHQL, "answer", containing=b"RATE_LIMIT") as refused:
        begin_with_limit(stack)
        stack.live(lambda: refused.is_reached, what="GitHub refuses")
        stack.stop_server("valkey", signal.SIGKILL)
    stack.live(lambda: "a retry is kept" in stack.said(), what="the retry cannot be stored")
    assert stack.is_waiting, f"{stack.runs()}\n{stack.said()}"
    stack.live_for(AWAY_SECONDS)
    stack.start_server("valkey")
    return finish(stack, truth, drill, "away while a retry was stored")


def begin_with_limit(stack: Stack) -> None:
    stack.forget_everything()
    limit = {"after": ANSWERED_BEFORE_THE_LIMIT, "for_seconds": BLOCK_SECONDS}
    stack.fault(stack.github, refuse_after_requests=limit)
    stack.connect()


def finish(stack: Stack, truth: Truth, drill: Drill, what: str) -> Truth:
    stack.live(lambda: stack.settled, what="the backfill ends")
    stack.require_success()
    say(f"Redis {what}; the run went on and every file is as it should be")
    return check(stack, truth, drill, 1)


def blocked_until(stack: Stack) -> datetime:
    [[moment]] = stack.rows("select blocked_until from sync_subscription")
    assert isinstance(moment, datetime)
    assert moment > datetime.now(UTC)
    return moment
