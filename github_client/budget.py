"""What may still be spent at GitHub for one person, counted in Redis for all processes together.

The rules and where they come from (docs.github.com):

- "Rate limits and query limits for the GraphQL API": 5,000 points an hour per person, whichever app or token
  they use. "Rate limits for the REST API": 5,000 requests an hour per person, counted apart.
- "About secondary rate limits" on both pages: 2,000 points a minute for GraphQL, 900 for REST. A query costs
  one point of this; we count its full cost, which is never less.
- "Best practices for using the REST API": what the headers say is the truth, and nothing is sent before the
  moment GitHub named.

The person's own tools spend the same hour, so a share of it (`reserve`) is left to them.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, cast

from pyrate_limiter import AbstractBucket, Duration, RateItem
from pyrate_limiter import Rate as RateRule
from pyrate_limiter.abstracts.algorithm import Decision
from redis import Redis

from github_client.budget_scripts import ADMIT, BLOCK, CANCEL, SETTLE
from github_client.errors import RateLimited
from github_client.types import Rate

Resource = Literal["graphql", "core"]

PER_MINUTE: dict[Resource, int] = {"graphql": 2000, "core": 900}
MINUTE = int(Duration.MINUTE)
HOUR = int(Duration.HOUR)
# A request cannot be in flight longer than this; what a crashed process left behind is dropped after it.
PENDING = 5 * MINUTE


@dataclass(frozen=True, slots=True)
class Lease:
    """Permission for one request, to be handed back with `settle` or `cancel`."""

    id: str
    points: int


class GitHubBucket(AbstractBucket):
    """A pyrate-limiter bucket with GitHub's two rules: a sliding minute, and GitHub's own hour.

    Every check is one Lua script, so it is exact for any number of processes, uses the clock of the Redis
    server only, and is loaded again by itself after a restart of Redis. All keys expire.
    """

    is_async = False

    def __init__(self, redis: Redis, key: str, per_minute: int, limit: int, reserve: float) -> None:
        self.hour = RateRule(limit, Duration.HOUR)
        self.minute = RateRule(per_minute, Duration.MINUTE)
        # Set without the library's check, which refuses rules of which one can never bind, e.g. a small hour.
        self._rates = [self.minute, self.hour]
        self.reserve = reserve
        self._redis = redis
        self._keys = [f"{key}:{part}" for part in ("minute", "hour", "pending", "blocked")]
        self._admit = redis.register_script(ADMIT)
        self._settle = redis.register_script(SETTLE)
        self._cancel = redis.register_script(CANCEL)
        self._block = redis.register_script(BLOCK)

    def put(self, item: RateItem) -> bool:
        return self.put_decision(item).allowed

    def put_decision(self, item: RateItem) -> Decision:
        """Admit the item, or say which rule forbids it and how many milliseconds to wait.

        The hour admits it if used + in flight + its weight <= limit x (1 - reserve). The item's name must be
        unique: `settle` and `cancel` find it by that.
        """
        numbers = (self.minute.limit, self.hour.limit, self.reserve, MINUTE, HOUR, PENDING)
        waits = self._admit(self._keys, (item.name, item.weight, *numbers))
        minute_wait, hour_wait = cast(list[int], waits)
        wait = max(minute_wait, hour_wait)
        if not wait:
            decision = Decision()
        else:
            rule = self.hour if hour_wait >= minute_wait else self.minute
            decision = Decision(failing_rate=rule, retry_after_ms=wait)
        self._record(item, decision)
        return decision

    def settle(self, name: str, weight: int, rate: Rate | None) -> None:
        """The request has been answered (or its answer was lost): align the hour to GitHub's numbers."""
        reset = int(rate.reset_at.timestamp() * 1000) if rate else 0
        used, limit = (rate.used, rate.limit) if rate else (0, 0)
        self._settle(self._keys, (name, weight, reset, used, limit, self.hour.limit, HOUR))

    def cancel(self, name: str, weight: int) -> None:
        """The request was never sent: give everything back."""
        self._cancel(self._keys, (name, weight))

    def block(self, moment: datetime) -> None:
        self._block(self._keys, (int(moment.timestamp() * 1000),))

    def blocked_until(self) -> datetime | None:
        moment = self._redis.get(self._keys[3])
        return datetime.fromtimestamp(int(moment) / 1000, UTC) if moment else None

    def leak(self, current_timestamp: int | None = None) -> int:  # noqa: ARG002
        """Nothing to do: the script trims, and the keys expire."""
        return 0

    def flush(self) -> None:
        self._redis.delete(*self._keys)
        self.failing_rate = None

    def count(self) -> int:
        """Requests of the last minute."""
        return self._redis.zcount(self._keys[0], self.now() - MINUTE + 1, "+inf")

    def peek(self, index: int) -> RateItem | None:
        found = cast(
            list[tuple[bytes | str, float]],
            self._redis.zrevrange(self._keys[0], index, index, withscores=True),
        )
        if not found:
            return None
        member, moment = found[0]
        text = member.decode() if isinstance(member, bytes) else member
        name, _, weight = text.rpartition(":")
        return RateItem(name, int(moment), int(weight))

    def now(self) -> int:
        """Milliseconds by the clock of the Redis server."""
        seconds, microseconds = self._redis.time()
        return seconds * 1000 + microseconds // 1000


class Budget:
    """The budget of one person at one of GitHub's two APIs.

    `key` names the person, e.g. "github:583231:graphql"; never a token. `limit` is the hourly limit until
    GitHub's first answer tells the real one. `reserve` is the share of the hour that is not used: 0.2 for
    background work, 0 where the person is waiting at the screen.
    """

    def __init__(
        self,
        redis: Redis,
        key: str,
        resource: Resource,
        limit: int = 5000,
        per_minute: int | None = None,
        reserve: float = 0.2,
    ) -> None:
        if not 0 <= reserve < 1:
            raise ValueError("reserve is a share of the hour: at least 0, below 1")
        self.key = key
        self.resource = resource
        self.reserve = reserve
        self._redis = redis
        self._limit = limit
        self.bucket = GitHubBucket(redis, key, per_minute or PER_MINUTE[resource], limit, reserve)

    def for_resource(self, resource: Resource) -> Budget:
        """The same person's budget at the other API, under the key that differs only in its last part."""
        if resource == self.resource:
            return self
        stem = self.key.removesuffix(f":{self.resource}")
        return Budget(self._redis, f"{stem}:{resource}", resource, self._limit, reserve=self.reserve)

    def acquire(self, points: int = 1) -> Lease:
        """Reserve points for one request about to be sent.

        Raises RateLimited with kind "budget" if that would break a rule; nothing is reserved then.
        """
        if points < 1:
            raise ValueError("a request costs at least one point")
        lease = Lease(uuid.uuid4().hex, points)
        decision = self.bucket.put_decision(RateItem(lease.id, 0, points))
        if decision.retry_after_ms is not None:
            retry_at = datetime.now(UTC) + timedelta(milliseconds=decision.retry_after_ms)
            raise RateLimited(retry_at, "budget", self.resource, f"our own {self.resource} budget is spent")
        return lease

    def settle(self, lease: Lease, rate: Rate | None = None) -> None:
        """Hand the lease back after the answer, with the limits GitHub sent along.

        GitHub's numbers win over any local count. A later reset opens a new window at once; an answer that
        arrives late, from an older window or with a smaller count of the same one, changes nothing. Without
        `rate` (the answer was lost) the points count as spent until GitHub says otherwise.
        """
        self.bucket.settle(lease.id, lease.points, rate)

    def cancel(self, lease: Lease) -> None:
        """Hand the lease back for a request that was not sent after all."""
        self.bucket.cancel(lease.id, lease.points)

    def block_until(self, moment: datetime) -> None:
        """Refuse everything before `moment`. A block can be made longer, never shorter."""
        self.bucket.block(moment)

    def blocked_until(self) -> datetime | None:
        """Until when `block_until` forbids requests, or None."""
        return self.bucket.blocked_until()
