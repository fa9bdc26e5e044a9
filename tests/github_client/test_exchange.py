from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, date, datetime
from urllib.parse import urlsplit

import pytest
import requests
import responses
from freezegun import freeze_time
from redis import ConnectionPool, Redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from github_client import Budget, GitHubClient, RateLimited, TooHeavy
from github_client.errors import NotFound, Unauthorized, Unavailable, UnexpectedResponse
from tests.github_client.answers import (
    API,
    EXHAUSTED,
    HEADERS,
    NOW,
    PRIMARY,
    SECONDARY,
    TOKEN,
    answer_graphql,
    data,
    errors,
    repositories,
    repository,
    rest_commit,
)

SINCE, UNTIL = date(2026, 11, 9), date(2026, 11, 23)
USER = {"node_id": "U_1", "id": 583231, "login": "octocat", "name": "Octo Cat"}
COMMITS_PATH = f"{API}/repositories/1296269/commits"


@pytest.fixture
def client() -> GitHubClient:
    return GitHubClient(API, TOKEN)


def test_every_request_carries_the_headers_github_asks_for(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    github.get(f"{API}/user", json=USER)
    client.fetch_identity()
    headers = github.calls[0].request.headers
    assert headers["Authorization"] == f"Bearer {TOKEN}"
    assert headers["User-Agent"] == "github-for-open-humans"
    assert headers["Accept"] == "application/vnd.github+json"
    assert headers["X-GitHub-Api-Version"] == "2022-11-28"
    assert headers["X-Github-Next-Global-ID"] == "1"
    assert TOKEN not in (github.calls[0].request.url or "")


def test_a_renamed_repository_is_followed(client: GitHubClient, github: responses.RequestsMock) -> None:
    github.get(COMMITS_PATH, status=301, headers={"Location": f"{API}/repositories/7/commits"})
    github.get(f"{API}/repositories/7/commits", json=[rest_commit()])
    assert len(client.fetch_commit_page_rest(1296269, "octocat", "a" * 40).commits) == 1
    assert client.requests_sent == 2
    assert "author=octocat" in (github.calls[1].request.url or "")


@pytest.mark.parametrize(
    "target", ["https://evil.test/x", "http://api.github.test/x", "//evil.test", "http://[", ""]
)
def test_the_token_is_never_sent_to_another_server(
    client: GitHubClient, github: responses.RequestsMock, target: str
) -> None:
    for _ in range(4 if target == "" else 1):
        github.get(f"{API}/user", status=301, headers={"Location": target})
    with pytest.raises(UnexpectedResponse):
        client.fetch_identity()
    assert {urlsplit(call.request.url or "").hostname for call in github.calls} == {"api.github.test"}


# Limits, failures, and what is told to the budget


@freeze_time(NOW)
def test_a_limit_names_the_moment(client: GitHubClient, github: responses.RequestsMock) -> None:
    github.post(f"{API}/graphql", json=errors({"type": "RATE_LIMITED", "message": "x"}), headers=EXHAUSTED)
    with pytest.raises(RateLimited) as caught:
        client.fetch_repositories(None)
    assert caught.value.retry_at == datetime(2026, 11, 23, 12, 40, 1, tzinfo=UTC)
    assert (caught.value.kind, caught.value.resource) == ("primary", "graphql")


def test_without_a_connection_github_is_unavailable(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    github.post(f"{API}/graphql", body=requests.ConnectionError(f"refused for {TOKEN}"))
    with pytest.raises(Unavailable) as caught:
        client.fetch_repositories(None)
    assert TOKEN not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_query_without_an_answer_in_time_is_too_heavy(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    github.post(f"{API}/graphql", body=requests.ReadTimeout())
    with pytest.raises(TooHeavy):
        client.fetch_repositories(None)


def test_counters_tell_what_was_spent(client: GitHubClient, github: responses.RequestsMock) -> None:
    github.get(f"{API}/user", json=USER, headers=HEADERS | {"x-ratelimit-resource": "core"})
    answer_graphql(github, data(viewer={"repositories": repositories()}))
    client.fetch_identity()
    client.fetch_repositories(None)
    assert (client.requests_sent, client.points_spent) == (2, 1)
    assert client.last_rate is not None
    assert client.last_rate.resource == "graphql"


def test_the_hook_runs_before_each_request_and_may_forbid_it(
    github: responses.RequestsMock, redis: Redis, key: str
) -> None:
    class Lost(Exception):
        pass

    def refuse() -> None:
        raise Lost

    budget = Budget(redis, key, "graphql", limit=1, reserve=0)
    client = GitHubClient(API, TOKEN, budget, before_request=refuse)
    for _ in range(3):
        with pytest.raises(Lost):
            client.fetch_repositories(None)
    assert client.requests_sent == 0
    budget.acquire()  # nothing of the one point was spent


def test_nothing_is_sent_once_the_budget_is_spent(
    github: responses.RequestsMock, redis: Redis, key: str
) -> None:
    budget = Budget(redis, key, "graphql", limit=5000)
    calls: list[str] = []
    client = GitHubClient(API, TOKEN, budget, before_request=lambda: calls.append("asked"))
    future = {"x-ratelimit-reset": str(int(datetime.now(UTC).timestamp()) + 900)}
    spent = HEADERS | future | {"x-ratelimit-used": "4000", "x-ratelimit-remaining": "1000"}
    github.post(f"{API}/graphql", json=data(viewer={"repositories": repositories()}), headers=spent)
    client.fetch_repositories(None)
    with pytest.raises(RateLimited) as caught:
        client.fetch_repositories(None)
    assert caught.value.kind == "budget"
    assert 890 < (caught.value.retry_at - datetime.now(UTC)).total_seconds() < 905
    assert (client.requests_sent, calls) == (1, ["asked"])


def test_both_apis_are_counted_apart(github: responses.RequestsMock, redis: Redis, key: str) -> None:
    client = GitHubClient(API, TOKEN, Budget(redis, key, "graphql", limit=1, reserve=0))
    github.get(f"{API}/user", json=USER)
    answer_graphql(github, data(viewer={"repositories": repositories()}))
    client.fetch_identity()
    client.fetch_repositories(None)
    with pytest.raises(RateLimited) as caught:
        client.fetch_identity()
    assert caught.value.resource == "core"


@pytest.mark.parametrize(
    ("message", "blocks_rest"), [(SECONDARY, True), (PRIMARY, False)], ids=["secondary", "primary"]
)
def test_a_limit_stops_every_other_process_of_the_member(
    github: responses.RequestsMock, redis: Redis, key: str, message: str, blocks_rest: bool
) -> None:
    github.post(f"{API}/graphql", status=403, json={"message": message}, headers={"Retry-After": "90"})
    with pytest.raises(RateLimited) as caught:
        GitHubClient(API, TOKEN, Budget(redis, key, "graphql")).fetch_repositories(None)
    elsewhere = Budget(redis, key, "graphql")
    with pytest.raises(RateLimited):
        elsewhere.acquire()
    blocked = elsewhere.blocked_until()
    assert blocked is not None
    assert abs((blocked - caught.value.retry_at).total_seconds()) < 1
    assert (elsewhere.for_resource("core").blocked_until() is not None) is blocks_rest


def test_the_limit_of_our_address_on_a_401_says_nothing_about_the_member(
    github: responses.RequestsMock, redis: Redis, key: str
) -> None:
    future = str(int(datetime.now(UTC).timestamp()) + 900)
    address = {"x-ratelimit-limit": "60", "x-ratelimit-remaining": "0", "x-ratelimit-used": "60"}
    headers = address | {"x-ratelimit-reset": future, "x-ratelimit-resource": "core"}
    github.get(f"{API}/user", status=401, json={"message": "Bad credentials"}, headers=headers)
    github.get(f"{API}/user", json=USER)
    client = GitHubClient(API, TOKEN, Budget(redis, key, "graphql"))
    with pytest.raises(Unauthorized):
        client.fetch_identity()
    assert client.fetch_identity().login == "octocat"


def test_an_answer_is_not_lost_when_redis_goes_away_meanwhile(
    github: responses.RequestsMock, redis: Redis, key: str, caplog: pytest.LogCaptureFixture
) -> None:
    budget = Budget(redis, key, "graphql")

    pool = redis.connection_pool

    def unplug() -> None:
        redis.connection_pool = ConnectionPool(port=1, retry=Retry(NoBackoff(), 0))

    answer_graphql(github, data(viewer={"repositories": repositories(repository())}))
    client = GitHubClient(API, TOKEN, budget, before_request=unplug)
    assert len(client.fetch_repositories(None).repositories) == 1
    redis.connection_pool = pool
    assert "could not be settled" in caplog.text


FAILURES: dict[str, Callable[[responses.RequestsMock], object]] = {
    "401": lambda github: github.post(
        f"{API}/graphql", status=401, json={"message": f"Bad credentials {TOKEN}"}
    ),
    "validation": lambda github: github.post(
        f"{API}/graphql", json=errors({"message": f"Variable $r0 was provided {TOKEN}", "path": ["x"]})
    ),
    "html": lambda github: github.post(f"{API}/graphql", body=f"<html>{TOKEN}", status=200),
    "shape": lambda github: github.post(
        f"{API}/graphql", json=data(viewer={"repositories": {"nodes": TOKEN}})
    ),
}


@pytest.mark.parametrize("name", FAILURES)
def test_no_error_and_no_log_holds_the_token(
    github: responses.RequestsMock, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    caplog.set_level(logging.DEBUG)
    FAILURES[name](github)
    client = GitHubClient(API, TOKEN)
    with pytest.raises((Unauthorized, UnexpectedResponse, Unavailable, NotFound)) as caught:
        client.fetch_repositories("secret-cursor")
    assert TOKEN not in str(caught.value)
    assert TOKEN not in repr(client) + repr(vars(client))
    assert "secret-cursor" not in str(caught.value)
    assert TOKEN not in caplog.text
