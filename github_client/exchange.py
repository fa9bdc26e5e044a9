"""The only way to GitHub's API: budget, one request, and what the answer says about the budget.

Every request first asks the budget, then `before_request`, is sent exactly once (a REST redirect: once
more), and tells the budget what GitHub said. Nothing is retried or waited for.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from urllib.parse import urljoin, urlsplit

import redis
import requests

from github_client.answers import Answer, ObjectHook
from github_client.budget import Budget, Lease, Resource
from github_client.errors import GitHubError, RateLimited, TooHeavy, Unavailable, UnexpectedResponse
from github_client.limits import rate_in_body, rate_of
from github_client.protocol import GraphQLResult, read_graphql, read_raw, read_rest
from github_client.queries.query import Query
from github_client.transport import BearerToken, send
from github_client.types import Rate

logger = logging.getLogger(__name__)

REST_VERSION = "2022-11-28"
JSON = "application/vnd.github+json"
RAW = "application/vnd.github.raw+json"
MOST_REDIRECTS = 3
RESOURCES: tuple[Resource, ...] = ("graphql", "core")


class Exchange:
    """Sends one person's requests. `points_spent`, `requests_sent` and `last_rate`: see GitHubClient."""

    def __init__(
        self,
        api_url: str,
        access_token: str,
        budget: Budget | None,
        before_request: Callable[[], None] | None,
        session: requests.Session | None,
        after_query: Callable[[str, int], None] | None,
        user_agent: str,
        deadline_seconds: float,
    ) -> None:
        self.points_spent = 0
        self.requests_sent = 0
        self.last_rate: Rate | None = None
        self._api_url = api_url.rstrip("/")
        self._auth = BearerToken(access_token)
        self._budget = budget
        self._before_request = before_request
        self._after_query = after_query
        self._session = session or requests.Session()
        self._user_agent = user_agent
        self._deadline_seconds = deadline_seconds

    def query(self, query: Query) -> tuple[str, Answer, GraphQLResult]:
        """The call's name for messages, the answer, and what it says."""
        call = f"POST /graphql ({query.operation})"
        body = {
            "query": query.document,
            "variables": query.variables,
            "operationName": query.operation,
        }
        request = requests.Request("POST", f"{self._api_url}/graphql", json=body)
        answer = self._send(call, request, "graphql", query.points, too_slow=TooHeavy)
        try:
            result = read_graphql(call, answer, datetime.now(UTC))
        except RateLimited as limit:
            self._block(limit)
            raise
        points = query.points if result.cost is None else result.cost
        self.points_spent += points
        if self._after_query:
            self._after_query(query.operation, points)
        return call, answer, result

    def get(self, path: str, parameters: Mapping[str, str] | None = None, accept: str = JSON) -> Answer:
        """GET, following redirects within the same server only: renamed repositories answer 301.

        Unconditional: what is asked of REST is asked once. Pages of a history are those of a pinned head,
        trees and blobs are named by what they hold, and who a token belongs to is asked at each sign-in. What
        is looked at again and again goes through GraphQL, which has no conditional requests.
        """
        url = self._api_url + path
        for _ in range(MOST_REDIRECTS + 1):
            query = {} if urlsplit(url).query else parameters
            headers = {"X-GitHub-Api-Version": REST_VERSION, "Accept": accept}
            request = requests.Request("GET", url, params=query, headers=headers)
            answer = self._send(f"GET {path}", request, "core", 1, too_slow=Unavailable)
            if answer.status not in (301, 302, 307, 308):
                return answer
            url = self._redirect_target(path, url, answer)
        raise UnexpectedResponse(f"GET {path}: redirected more than {MOST_REDIRECTS} times")

    def read_rest(self, path: str, answer: Answer, object_hook: ObjectHook | None = None) -> object:
        """The JSON of a REST answer to `path`."""
        try:
            return read_rest(f"GET {path}", answer, datetime.now(UTC), object_hook)
        except RateLimited as limit:
            self._block(limit)
            raise

    def read_raw(self, path: str, answer: Answer) -> bytes:
        """The bytes of a REST answer to `path`."""
        try:
            return read_raw(f"GET {path}", answer, datetime.now(UTC))
        except RateLimited as limit:
            self._block(limit)
            raise

    def _redirect_target(self, path: str, url: str, answer: Answer) -> str:
        try:
            target = urljoin(url, answer.headers.get("location", ""))
            is_ours = urlsplit(target)[:2] == urlsplit(self._api_url)[:2]
        except ValueError:
            is_ours = False
        if not is_ours:
            raise UnexpectedResponse(f"GET {path}: {answer.status} to another server")
        return target

    def _send(
        self,
        call: str,
        request: requests.Request,
        resource: Resource,
        points: int,
        too_slow: type[GitHubError],
    ) -> Answer:
        request.auth = self._auth
        request.headers |= {
            "Accept": request.headers.get("Accept", JSON),
            "User-Agent": self._user_agent,
            "X-Github-Next-Global-ID": "1",
        }
        budget = self._budget.for_resource(resource) if self._budget else None
        lease = budget.acquire(points) if budget else None
        try:
            if self._before_request:
                self._before_request()
        except BaseException:
            if budget and lease:
                budget.cancel(lease)
            raise
        rate = None
        try:
            self.requests_sent += 1
            answer = send(self._session, call, request, self._deadline_seconds, too_slow)
            rate = self._rate(answer, resource)
        finally:
            if budget and lease:
                _settle(budget, lease, rate)
        return answer

    def _rate(self, answer: Answer, resource: Resource) -> Rate | None:
        """The limit of this person and API. A 401 tells the limit of our address instead: not ours to use."""
        if answer.status == 401:
            return None
        rate = rate_of(answer, resource) or (rate_in_body(answer) if resource == "graphql" else None)
        if rate is None or rate.resource != resource:
            return None
        self.last_rate = rate
        return rate

    def _block(self, limit: RateLimited) -> None:
        """Make every other process of this person wait as well."""
        if self._budget is None:
            return
        try:
            for resource in RESOURCES:
                # The hour is counted per API, the secondary limits are shared by both.
                if limit.kind == "secondary" or resource == limit.resource:
                    self._budget.for_resource(resource).block_until(limit.retry_at)
        except redis.RedisError:
            logger.warning("The limit could not be shared: Redis does not answer")


def _settle(budget: Budget, lease: Lease, rate: Rate | None) -> None:
    """Redis going away must not cost an answer that has already been paid for."""
    try:
        budget.settle(lease, rate)
    except redis.RedisError:
        logger.warning("The budget %s could not be settled: Redis does not answer", budget.key)
