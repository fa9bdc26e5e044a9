from __future__ import annotations

import multiprocessing
import os
import time
from datetime import UTC, datetime, timedelta

import pytest
from pyrate_limiter import RateItem
from redis import Redis

from github_client.budget import Budget, GitHubBucket
from github_client.errors import RateLimited
from github_client.types import Rate

MINUTE = 60_000


def rate(used: int, limit: int = 5000, reset_in: float = 900) -> Rate:
    reset_at = datetime.now(UTC) + timedelta(seconds=reset_in)
    return Rate("graphql", limit, max(limit - used, 0), used, reset_at)


def refused(budget: Budget, points: int = 1) -> float:
    """The seconds the budget asks to wait."""
    with pytest.raises(RateLimited) as caught:
        budget.acquire(points)
    assert (caught.value.kind, caught.value.resource) == ("budget", budget.resource)
    return (caught.value.retry_at - datetime.now(UTC)).total_seconds()


def spend(budget: Budget, times: int, points: int = 1) -> None:
    for _ in range(times):
        budget.acquire(points)


def shift(redis: Redis, key: str, part: str, milliseconds: int) -> None:
    """Let what stands in a set have happened earlier, instead of waiting."""
    for member, _ in redis.zscan_iter(f"{key}:{part}"):
        redis.zincrby(f"{key}:{part}", -milliseconds, member)


# The hour


def test_a_share_of_the_hour_is_left_to_the_members_own_tools(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", limit=10, reserve=0.2)
    spend(budget, 8)
    refused(budget)


@pytest.mark.parametrize(
    ("limit", "reserve", "allowed"), [(10, 0, 10), (10, 0.3, 7), (10, 0.9, 1), (5, 0.5, 2)]
)
def test_the_reserve_is_never_undercut(
    redis: Redis, key: str, limit: int, reserve: float, allowed: int
) -> None:
    budget = Budget(redis, key, "graphql", limit=limit, reserve=reserve)
    spend(budget, allowed)
    refused(budget)


def test_someone_waiting_at_the_screen_may_use_what_background_work_leaves(redis: Redis, key: str) -> None:
    spend(Budget(redis, key, "graphql", limit=10, reserve=0.2), 8)
    interactive = Budget(redis, key, "graphql", limit=10, reserve=0)
    spend(interactive, 2)
    refused(interactive)


def test_points_weigh_as_much_as_they_cost(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", limit=10, reserve=0)
    budget.acquire(6)
    refused(budget, 5)
    budget.acquire(4)


def test_a_cancelled_request_gives_everything_back(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", limit=1, reserve=0, per_minute=1)
    for _ in range(3):
        budget.cancel(budget.acquire())
    assert budget.bucket.count() == 0


def test_an_answer_without_numbers_counts_as_spent(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", limit=2, reserve=0)
    budget.settle(budget.acquire())
    budget.settle(budget.acquire())
    assert refused(budget) > 3000


# Alignment with GitHub


def test_the_members_own_tools_count(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql")
    budget.settle(budget.acquire(), rate(used=3999))
    budget.settle(budget.acquire(), rate(used=4000))
    assert 890 < refused(budget) < 905


def test_githubs_count_wins_over_ours(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", limit=3, reserve=0)
    budget.settle(budget.acquire())
    budget.settle(budget.acquire())
    budget.settle(budget.acquire(), rate(used=1, limit=3))
    spend(budget, 2)
    refused(budget)


def test_githubs_limit_wins_over_ours(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", limit=1, reserve=0)
    budget.settle(budget.acquire(), rate(used=1, limit=10_000))
    spend(budget, 50)


def test_requests_in_flight_stay_counted_when_another_is_answered(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", limit=4, reserve=0)
    first, second = budget.acquire(), budget.acquire()
    budget.settle(first, rate(used=1, limit=4))
    spend(budget, 2)
    refused(budget)
    budget.settle(second, rate(used=2, limit=4))
    refused(budget)


def test_a_smaller_count_of_the_same_window_arriving_late_changes_nothing(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", limit=10, reserve=0)
    early, late = budget.acquire(), budget.acquire()
    budget.settle(early, rate(used=10, limit=10))
    budget.settle(late, rate(used=1, limit=10))
    refused(budget)


def test_a_late_answer_of_an_older_window_changes_nothing(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", limit=10, reserve=0)
    late = budget.acquire()
    budget.settle(budget.acquire(), rate(used=1, limit=10))
    budget.settle(late, rate(used=10, limit=10, reset_in=-1))
    spend(budget, 9)
    refused(budget)


def test_an_older_window_does_not_replace_one_whose_end_is_only_assumed(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", limit=2, reserve=0)
    late = budget.acquire()
    budget.settle(budget.acquire())
    budget.settle(late, rate(used=2, limit=2, reset_in=-1))
    budget.acquire()
    refused(budget)


def test_an_answer_of_a_newer_window_opens_it(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", limit=10, reserve=0)
    late = budget.acquire()
    budget.settle(budget.acquire(), rate(used=10, limit=10, reset_in=5))
    budget.settle(late, rate(used=1, limit=10, reset_in=3605))
    spend(budget, 9)


def test_a_window_that_ends_a_second_later_is_the_same(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", limit=10, reserve=0)
    late = budget.acquire()
    budget.settle(budget.acquire(), rate(used=10, limit=10, reset_in=900))
    budget.settle(late, rate(used=2, limit=10, reset_in=901))
    refused(budget)


def test_the_end_github_names_replaces_the_one_we_assumed(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", limit=2, reserve=0)
    budget.settle(budget.acquire())
    budget.settle(budget.acquire(), rate(used=2, limit=2, reset_in=20))
    assert refused(budget) < 25


def test_a_new_window_opens_at_once_when_the_reset_has_passed(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", limit=10, reserve=0)
    budget.settle(budget.acquire(), rate(used=10, limit=10, reset_in=0.2))
    refused(budget)
    time.sleep(0.25)
    spend(budget, 10)
    refused(budget)


def test_used_beyond_the_limit_is_only_spent(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", limit=10, reserve=0)
    budget.settle(budget.acquire(), rate(used=12, limit=10))
    assert refused(budget) > 890


# Requests in flight


def test_waiting_for_requests_in_flight_is_short(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", limit=2, reserve=0)
    spend(budget, 2)
    assert refused(budget) <= 60


def test_what_a_crashed_process_left_in_flight_is_dropped_after_minutes(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", limit=2, reserve=0)
    spend(budget, 2)
    shift(redis, key, "pending", 5 * MINUTE + 1)
    spend(budget, 2)


def test_settling_twice_counts_once_in_flight(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", limit=3, reserve=0)
    first = budget.acquire()
    budget.acquire()
    budget.settle(first, rate(used=1, limit=3))
    budget.settle(first, rate(used=1, limit=3))
    budget.acquire()
    refused(budget)


# The minute


def test_the_minute_slides(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", per_minute=3)
    budget.acquire(2)
    shift(redis, key, "minute", 40_000)
    budget.acquire(1)
    assert 19 < refused(budget) <= 20
    shift(redis, key, "minute", 20_001)
    budget.acquire(2)
    refused(budget)


def test_the_wait_lasts_until_enough_points_have_left_the_minute(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", per_minute=3)
    for _ in range(3):
        budget.acquire()
        shift(redis, key, "minute", 10_000)
    assert 29 < refused(budget, 1) <= 30
    assert 39 < refused(budget, 2) <= 40


def test_each_api_has_githubs_own_minute(redis: Redis, key: str) -> None:
    assert Budget(redis, key, "graphql").bucket.minute.limit == 2000
    assert Budget(redis, key, "core").bucket.minute.limit == 900


# Blocks


def test_nothing_is_admitted_before_a_block_ends(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql")
    budget.block_until(datetime.now(UTC) + timedelta(seconds=0.3))
    assert 0 < refused(budget) <= 0.3
    time.sleep(0.31)
    budget.acquire()
    assert budget.blocked_until() is None


def test_a_block_can_be_made_longer_but_not_shorter(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql")
    budget.block_until(datetime.now(UTC) + timedelta(seconds=90))
    budget.block_until(datetime.now(UTC) + timedelta(seconds=10))
    budget.block_until(datetime.now(UTC) - timedelta(seconds=10))
    assert 89 < refused(budget) <= 90


# Keys, restarts, processes


def test_every_key_expires(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql")
    budget.acquire()
    budget.settle(budget.acquire(), rate(used=2))
    budget.settle(budget.acquire())
    budget.block_until(datetime.now(UTC) + timedelta(seconds=90))
    keys = list(redis.scan_iter(f"{key}*"))
    assert len(keys) == 4
    assert all(0 < int(str(redis.pttl(found))) <= 3_601_000 for found in keys)


def test_a_request_is_one_member_whatever_it_costs(redis: Redis, key: str) -> None:
    Budget(redis, key, "graphql").acquire(500)
    assert redis.zcard(f"{key}:minute") == 1


def test_it_survives_a_redis_that_forgot_its_scripts(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", limit=2, reserve=0)
    lease = budget.acquire()
    redis.script_flush()
    budget.settle(lease, rate(used=1, limit=2))
    redis.script_flush()
    budget.acquire()
    redis.script_flush()
    refused(budget)


def test_a_redis_that_forgot_everything_starts_again(redis: Redis, key: str) -> None:
    budget = Budget(redis, key, "graphql", limit=1, reserve=0)
    lease = budget.acquire()
    budget.bucket.flush()
    budget.settle(lease, rate(used=0, limit=1))
    budget.acquire()


def test_members_do_not_share_a_budget(redis: Redis, key: str) -> None:
    spend(Budget(redis, f"{key}:a", "graphql", limit=1, reserve=0), 1)
    Budget(redis, f"{key}:b", "graphql", limit=1, reserve=0).acquire()


def test_the_other_api_has_its_own_key(redis: Redis, key: str) -> None:
    budget = Budget(redis, "github:583231:graphql", "graphql", reserve=0.5)
    other = budget.for_resource("core")
    assert (other.key, other.resource, other.reserve) == ("github:583231:core", "core", 0.5)
    assert other.for_resource("graphql").key == budget.key
    assert budget.for_resource("graphql") is budget


@pytest.mark.parametrize("reserve", [-0.1, 1, 2])
def test_a_reserve_is_a_share(redis: Redis, key: str, reserve: float) -> None:
    with pytest.raises(ValueError, match="reserve"):
        Budget(redis, key, "graphql", reserve=reserve)


def test_a_request_costs_at_least_a_point(redis: Redis, key: str) -> None:
    with pytest.raises(ValueError, match="point"):
        Budget(redis, key, "graphql").acquire(0)


def hammer(
    url: str, key: str, rule: dict[str, int], attempts: int, admitted: multiprocessing.Queue[int]
) -> None:
    budget = Budget(Redis.from_url(url), key, "graphql", reserve=0, **rule)
    count = 0
    for _ in range(attempts):
        try:
            budget.acquire()
            count += 1
        except RateLimited:
            continue
    admitted.put(count)


@pytest.mark.parametrize("rule", [{"limit": 100}, {"limit": 5000, "per_minute": 100}], ids=["hour", "minute"])
def test_eight_processes_are_admitted_exactly_the_limit(redis: Redis, key: str, rule: dict[str, int]) -> None:
    context = multiprocessing.get_context("fork")
    admitted: multiprocessing.Queue[int] = context.Queue()
    arguments = (os.environ["REDIS_URL"], key, rule, 40, admitted)
    processes = [context.Process(target=hammer, args=arguments) for _ in range(8)]
    for process in processes:
        process.start()
    for process in processes:
        process.join(timeout=30)
    counts = [admitted.get(timeout=1) for _ in processes]
    assert sum(counts) == 100


# As a bucket of pyrate-limiter


def test_the_bucket_says_which_rule_refused(redis: Redis, key: str) -> None:
    bucket = GitHubBucket(redis, key, per_minute=1, limit=5000, reserve=0)
    assert bucket.put(RateItem("first", bucket.now()))
    second = RateItem("second", bucket.now())
    decision = bucket.put_decision(second)
    assert not decision.allowed
    assert decision.failing_rate is bucket.minute
    wait = bucket.waiting(second)
    assert isinstance(wait, int)
    assert 0 < wait <= MINUTE


def test_the_bucket_can_be_counted_read_and_emptied(redis: Redis, key: str) -> None:
    bucket = GitHubBucket(redis, key, per_minute=10, limit=5000, reserve=0)
    bucket.put(RateItem("first", bucket.now(), weight=2))
    time.sleep(0.002)
    bucket.put(RateItem("second", bucket.now(), weight=3))
    newest = bucket.peek(0)
    assert newest is not None
    assert (newest.name, newest.weight) == ("second", 3)
    assert bucket.peek(2) is None
    assert bucket.count() == 2
    assert bucket.leak() == 0
    bucket.flush()
    assert bucket.count() == 0
    assert bucket.failing_rate is None
