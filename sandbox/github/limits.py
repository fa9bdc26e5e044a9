"""How much each person may ask, and what happens when it was too much.

Primary: points (GraphQL) and requests (REST) in a window that starts with the first request of a person.
Secondary: points in any 60 seconds.
https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api

A request that comes although its client had been told to wait is refused and counted as
`refused_while_blocked`.
"""

import math
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from sandbox.github.faults import GitHubFaults

GRAPHQL = "graphql"
CORE = "core"
_PRIMARY_LIMIT = 5_000
_WINDOW_SECONDS = 3_600
_SECONDARY_LIMITS = {GRAPHQL: 2_000, CORE: 900}
_SECONDARY_WINDOW = 60.0
_AT_ONCE = 100


@dataclass(frozen=True)
class Standing:
    """What the `x-ratelimit-*` headers say."""

    resource: str
    limit: int
    used: int
    reset: int

    @property
    def remaining(self) -> int:
        return max(0, self.limit - self.used)


@dataclass(frozen=True)
class Refusal:
    form: str
    until: float
    standing: Standing

    @property
    def seconds_left(self) -> int:
        return max(1, math.ceil(self.until - time.time()))


@dataclass
class _Block:
    form: str
    until: float
    is_told: bool = False


@dataclass
class _Bucket:
    used: int = 0
    reset: int = 0
    is_told: bool = False
    """Whether an answer has said that nothing is left."""
    recent: deque[tuple[float, int]] = field(default_factory=deque)


class Limits:
    """Of all people. `on_refused_while_blocked` is called for each request that should not have been sent."""

    def __init__(self, faults: GitHubFaults, on_refused_while_blocked: Callable[[], None]) -> None:
        self._faults = faults
        self._on_refused_while_blocked = on_refused_while_blocked
        self._lock = threading.RLock()
        self._buckets: dict[tuple[int, str], _Bucket] = {}
        self._blocks: dict[tuple[int, str], _Block] = {}
        self._in_flight: Counter[int] = Counter()
        self._spent: Counter[tuple[int, str, int]] = Counter()

    def enter(self, account_id: int) -> bool:
        """One more request of this person is under way; whether that is not one too many."""
        with self._lock:
            self._in_flight[account_id] += 1
            return self._in_flight[account_id] <= self._faults.number("concurrent_limit", _AT_ONCE)

    def leave(self, account_id: int) -> None:
        with self._lock:
            self._in_flight[account_id] -= 1

    def admit(self, account_id: int, resource: str, points: int) -> Refusal | None:
        """Whether a request may go on; `points` is its price by the secondary rule."""
        with self._lock:
            refusal = self._blocked(account_id, resource) or self._exhausted(account_id, resource)
            if refusal:
                return refusal
            return self._too_fast(account_id, resource, points)

    def charge(self, account_id: int, resource: str, points: int) -> Standing:
        with self._lock:
            bucket = self._bucket(account_id, resource)
            bucket.used += points
            self._spent[account_id, resource, bucket.reset] += points
            standing = self._standing(bucket, resource)
            bucket.is_told = bucket.is_told or standing.remaining == 0
            return standing

    def standing(self, account_id: int, resource: str) -> Standing:
        with self._lock:
            return self._standing(self._bucket(account_id, resource), resource)

    def windows(self) -> list[dict[str, int | str]]:
        """`GET /_sandbox/windows`: what each person spent in each window, named by the moment of its end."""
        with self._lock:
            return [
                {"account": account_id, "resource": resource, "reset": reset, "spent": spent}
                for (account_id, resource, reset), spent in self._spent.items()
            ]

    def block(self, account_id: int, resource: str, form: str, seconds: float) -> None:
        """Refuse from now on. Secondary limits are one for GraphQL and REST, each has its own primary one."""
        with self._lock:
            # The second that the header can say, so that whoever waits for it is not too early.
            block = _Block(form, math.ceil(time.time() + seconds))
            for each in (GRAPHQL, CORE) if form.startswith("secondary") else (resource,):
                self._blocks[account_id, each] = block

    def refuse_one_too_many(self, account_id: int, resource: str) -> Refusal:
        """Of the requests under way at once."""
        with self._lock:
            self.block(account_id, resource, "secondary_retry_after", _SECONDARY_WINDOW)
            block = self._blocks[account_id, resource]
            block.is_told = True
            return Refusal(block.form, block.until, self._standing_while(block, account_id, resource))

    def reset(self) -> None:
        with self._lock:
            self._buckets.clear()
            self._blocks.clear()
            self._spent.clear()

    def _blocked(self, account_id: int, resource: str) -> Refusal | None:
        block = self._blocks.get((account_id, resource))
        if block is None:
            return None
        if time.time() >= block.until:
            del self._blocks[account_id, resource]
            if not block.form.startswith("secondary"):  # a primary refusal ends with its window
                self._buckets.pop((account_id, resource), None)
            return None
        self._count_if_told(block)
        return Refusal(block.form, block.until, self._standing_while(block, account_id, resource))

    def _exhausted(self, account_id: int, resource: str) -> Refusal | None:
        bucket = self._bucket(account_id, resource)
        standing = self._standing(bucket, resource)
        if standing.remaining:
            return None
        self._count_if_told(bucket)
        form = "graphql_rate_limited" if resource == GRAPHQL else "primary_403"
        return Refusal(form, standing.reset, standing)

    def _too_fast(self, account_id: int, resource: str, points: int) -> Refusal | None:
        recent = self._bucket(account_id, resource).recent
        now = time.time()
        while recent and recent[0][0] <= now - _SECONDARY_WINDOW:
            recent.popleft()
        allowed = self._faults.number(f"secondary_{_name(resource)}_limit", _SECONDARY_LIMITS[resource])
        if sum(spent for _, spent in recent) + points > allowed:
            self.block(account_id, resource, "secondary_retry_after", _SECONDARY_WINDOW)
            return self._blocked(account_id, resource)
        recent.append((now, points))
        return None

    def _count_if_told(self, told: _Block | _Bucket) -> None:
        if told.is_told:
            self._on_refused_while_blocked()
        told.is_told = True

    def _bucket(self, account_id: int, resource: str) -> _Bucket:
        bucket = self._buckets.setdefault((account_id, resource), _Bucket())
        now = time.time()
        end = math.ceil(now + self._faults.number("window_seconds", _WINDOW_SECONDS))
        if now >= bucket.reset:
            bucket.used, bucket.reset, bucket.is_told = 0, end, False
        bucket.reset = min(bucket.reset, end)
        return bucket

    def _standing(self, bucket: _Bucket, resource: str) -> Standing:
        limit = int(self._faults.number(f"{_name(resource)}_limit", _PRIMARY_LIMIT))
        return Standing(resource, limit, bucket.used, bucket.reset)

    def _standing_while(self, block: _Block, account_id: int, resource: str) -> Standing:
        standing = self._standing(self._bucket(account_id, resource), resource)
        if block.form.startswith("secondary"):
            return standing
        left = 4 if block.form.endswith("remaining_4") else 0
        return Standing(resource, standing.limit, standing.limit - left, int(block.until))


def _name(resource: str) -> str:
    return "rest" if resource == CORE else resource
