"""Redis emptied, restarted and away at the worst moments; Postgres restarted in the middle."""

import random
import signal
from datetime import UTC, datetime

import pytest

from tests.faults.killing import SERVERS, Killer, Truth, backfill, check, undisturbed
from tests.faults.scene import SHORT, Scene, Stage
from tests.faults.stack import Stack
from tests.faults.summary import IS_LONG, SEED, Drill, new_drill, say

pytestmark = pytest.mark.faults

GRAPHQL = "POST /api/graphql"
SCENE = Scene(1, 1500, 5) if IS_LONG else SHORT
# The second one lasts until after Redis is back, and workers with it, so that somebody could ask too early.
LIMIT_SECONDS = (6.0, 75.0) if IS_LONG else (0.5, 4.0)
ANSWERED_BEFORE_THE_LIMIT = 4
# How long Redis stays away at the worst moments.
AWAY_SECONDS = 60.0 if IS_LONG else 0.5


def test_servers_come_and_go_and_nothing_is_lost_or_asked_too_early(stage: Stage) -> None:
    """Promise 1, Postgres remembers and the queue nudges; promise 7, no request while blocked."""
    drill, dice = new_drill("Redis and Postgres come and go"), random.Random(SEED)
    with stage.playing(SCENE) as stack:
        truth = undisturbed(stack)
        truth = take_redis_away_at_the_worst_moments(stack, truth, drill)
        left = 30 if IS_LONG else 3
        while left:
            stack.forget_everything()
            killer = Killer(stack, drill, dice, left, SERVERS)
            backfill(stack, killer.haunt)
            truth = check(stack, truth, drill, killer.killed)
            left = killer.left


def take_redis_away_at_the_worst_moments(stack: Stack, truth: Truth, drill: Drill) -> Truth:
    stack.forget_everything()
    take_it_away_while_a_retry_is_stored(stack)
    empty_it_during_a_wait(stack)
    stack.live(lambda: stack.settled, what="the backfill ends")
    stack.require_success()
    say("Redis was away while a retry was stored and during a wait; every file is as it should be")
    return check(stack, truth, drill, 2)


def take_it_away_while_a_retry_is_stored(stack: Stack) -> None:
    """Redis dies between the refused answer and the retry: the message is held until it is back."""
    with stack.github.hold(GRAPHQL, "answer", containing=b"RATE_LIMIT") as refused:
        limit(stack, ANSWERED_BEFORE_THE_LIMIT, LIMIT_SECONDS[0])
        stack.connect()
        stack.live(lambda: refused.is_reached, what="GitHub refuses")
        asked = stack.github.count(GRAPHQL)
        stack.stop_server("valkey", signal.SIGKILL)
    stack.live(lambda: "a retry is kept" in stack.said(), what="the retry cannot be stored")
    assert stack.is_waiting, f"{stack.runs()}\n{stack.said()}"
    stack.live_for(AWAY_SECONDS)
    stack.start_server("valkey")
    stack.live(lambda: stack.github.count(GRAPHQL) > asked, what="the run goes on")


def empty_it_during_a_wait(stack: Stack) -> None:
    """The message of the wait and the budget are gone; what blocks is in Postgres."""
    limit(stack, 1, LIMIT_SECONDS[1])
    stack.live(lambda: stack.is_waiting, what="the run waits for the limit")
    asked, until = stack.github.count(GRAPHQL), blocked_until(stack)
    stack.stop_server("valkey", signal.SIGKILL)
    stack.live_for(AWAY_SECONDS)
    assert stack.github.count(GRAPHQL) == asked, "nothing may be asked without the budget"
    stack.start_server("valkey")
    stack.redis_command("FLUSHALL")
    stack.live(lambda: stack.github.count(GRAPHQL) > asked or stack.settled, what="the run goes on")
    assert datetime.now(UTC) >= until, "GitHub was asked while it had told us to wait"


def limit(stack: Stack, after: int, seconds: float) -> None:
    stack.fault(stack.github, refuse_after_requests={"after": after, "for_seconds": seconds})


def blocked_until(stack: Stack) -> datetime:
    [[moment]] = stack.rows("select blocked_until from sync_subscription")
    assert isinstance(moment, datetime)
    assert moment > datetime.now(UTC)
    return moment
