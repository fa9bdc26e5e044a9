"""GitHub's limits, read from an answer: what is left, whether one is exhausted, and until when to wait.

Sources, all at docs.github.com: "Rate limits for the REST API", "Rate limits and query limits for the
GraphQL API", "Best practices for using the REST API". GitHub reports an exhausted limit in many forms (403,
429, or 200 with `errors`), and the type names vary, so several signs count.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from github_client.answers import Answer, has_sign, parse_json
from github_client.errors import LimitKind, RateLimited, UnexpectedResponse
from github_client.node import Node
from github_client.types import Rate

MINIMUM_WAIT = timedelta(seconds=60)
LONGEST_WAIT_SECONDS = 86_400
LIMIT_TYPES = frozenset({"RATE_LIMITED", "RATE_LIMIT", "graphql_rate_limit"})
SECONDARY_SIGNS = ("secondary rate", "abuse detection", "login attempts exceeded")


def limit_kind(answer: Answer, text: str, types: set[str]) -> LimitKind | None:
    """Which limit the answer reports, by GitHub's message and error types, else by status and headers."""
    if has_sign(text, SECONDARY_SIGNS):
        return "secondary"
    if types & LIMIT_TYPES or "rate limit" in text.lower():
        return "primary"
    if answer.status not in (403, 429):
        return None
    if answer.headers.get("x-ratelimit-remaining", "").strip() == "0":
        return "primary"
    return "secondary" if answer.status == 429 or "retry-after" in answer.headers else None


def limit_error(
    kind: LimitKind, headers: Mapping[str, str], resource: str, now: datetime, text: str
) -> RateLimited:
    """GitHub's waiting rule: `retry-after`, else `x-ratelimit-reset`, else at least a minute, growing.

    The reset counts where nothing remains, and for the primary limit whatever remains: answers of an
    exhausted hour were seen with small numbers left. Moments of GitHub's are counted from its own `date`: by
    a clock of ours that is ahead, what waits for them would come too early.
    """
    there = told_at(headers) or now
    after = _retry_after(headers.get("retry-after", ""), now, there)
    if after:
        return RateLimited(after, kind, resource, text)
    reset = _epoch(headers.get("x-ratelimit-reset", ""))
    if reset and (kind == "primary" or headers.get("x-ratelimit-remaining", "").strip() == "0"):
        return RateLimited(now + _bounded(reset - there) + timedelta(seconds=1), kind, resource, text)
    return RateLimited(now + MINIMUM_WAIT, kind, resource, text, is_moment_known=False)


def told_at(headers: Mapping[str, str]) -> datetime | None:
    """When the answer was given, by GitHub's clock."""
    return _http_date(headers.get("date", ""))


def rate_of(answer: Answer, resource: str) -> Rate | None:
    """The hourly limit as the headers tell it, or None where one of them is missing or no number."""
    header = answer.headers.get
    limit, remaining = _digits(header("x-ratelimit-limit", "")), _digits(header("x-ratelimit-remaining", ""))
    reset = _epoch(header("x-ratelimit-reset", ""))
    if limit is None or remaining is None or reset is None:
        return None
    used = _digits(header("x-ratelimit-used", ""))
    return Rate(
        resource=header("x-ratelimit-resource", resource),
        limit=limit,
        remaining=remaining,
        used=max(limit - remaining, 0) if used is None else used,
        reset_at=reset,
    )


def rate_in_body(answer: Answer) -> Rate | None:
    """The hourly limit as a GraphQL answer's own `rateLimit` tells it, for answers without the headers."""
    try:
        limits = Node("", parse_json(answer.body)).node("data").node("rateLimit")
        return Rate(
            resource="graphql",
            limit=limits.count("limit"),
            remaining=limits.count("remaining"),
            used=limits.count("used"),
            reset_at=limits.moment("resetAt"),
        )
    except (ValueError, UnexpectedResponse):
        return None


def _digits(text: str) -> int | None:
    return int(text) if re.fullmatch(r"[0-9]{1,12}", text.strip()) else None


def _epoch(text: str) -> datetime | None:
    seconds = _digits(text)
    try:
        return None if seconds is None else datetime.fromtimestamp(seconds, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def _retry_after(text: str, now: datetime, there: datetime) -> datetime | None:
    """A number of seconds or an HTTP date; a day at most, so that a broken header cannot park a member."""
    seconds = _digits(text)
    if seconds is None:
        moment = _http_date(text)
        if moment is None:
            return None
        seconds = int((moment - there).total_seconds()) + 1
    return now + timedelta(seconds=min(max(seconds, 1), LONGEST_WAIT_SECONDS))


def _http_date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _bounded(wait: timedelta) -> timedelta:
    return min(max(wait, timedelta()), timedelta(seconds=LONGEST_WAIT_SECONDS))
