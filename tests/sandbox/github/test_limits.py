"""Limits as a client meets them: headers, refusals in every form, and who comes too early."""

import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import requests
from freezegun import freeze_time

from sandbox.server import running
from tests.sandbox.github.conftest import GitHub

QUERY = "{ viewer { id } }"


def _refused_while_blocked(github: GitHub) -> int:
    count: int = github.counts()["refused_while_blocked"]
    return count


def test_every_answer_says_what_is_left(github: GitHub) -> None:
    with freeze_time("2026-11-23T10:00:00.5Z"):
        first = github.post(QUERY)
        second = github.get("/user")

    reset = "1795431601"  # 11:00:01, a whole second
    assert [
        first.headers[f"X-RateLimit-{name}"] for name in ("Limit", "Remaining", "Used", "Reset", "Resource")
    ] == [
        "5000",
        "4999",
        "1",
        reset,
        "graphql",
    ]
    assert (second.headers["X-RateLimit-Resource"], second.headers["X-RateLimit-Used"]) == ("core", "1")
    assert second.headers["X-RateLimit-Reset"] == reset


def test_points_run_out_and_come_back(github: GitHub) -> None:
    github.fault(graphql_limit=2, window_seconds=30)
    with freeze_time("2026-11-23T10:00:00Z") as clock:
        assert github.post(QUERY).headers["X-RateLimit-Remaining"] == "1"
        assert github.post(QUERY).headers["X-RateLimit-Remaining"] == "0"

        refusal = github.post(QUERY)

        assert refusal.status_code == 200
        message = f"API rate limit already exceeded for user ID {github.member.id}."
        assert refusal.json == {"errors": [{"type": "RATE_LIMITED", "message": message}]}
        assert refusal.headers["X-RateLimit-Remaining"] == "0"
        assert refusal.headers["X-RateLimit-Reset"] == str(int(time.time()) + 30)
        assert _refused_while_blocked(github) == 1  # the last answer had said that nothing was left
        clock.tick(30)
        assert "data" in github.post(QUERY).json


def test_rest_has_its_own_budget_and_its_own_form(github: GitHub) -> None:
    github.fault(rest_limit=1)
    github.get("/user")

    refusal = github.get("/user")

    assert refusal.status_code == 403
    assert refusal.json["message"].startswith(f"API rate limit exceeded for user ID {github.member.id}.")
    assert "rate-limits-for-the-rest-api" in refusal.json["documentation_url"]
    assert refusal.headers["X-RateLimit-Remaining"] == "0"
    assert "data" in github.post(QUERY).json


def test_the_budget_belongs_to_the_person_not_to_the_token(github: GitHub) -> None:
    github.fault(graphql_limit=1)
    github.post(QUERY)
    github.sign_in("repo")

    assert "errors" in github.post(QUERY).json

    github.sign_in(login="bob")
    assert "data" in github.post(QUERY).json


def test_who_was_not_told_is_not_counted(github: GitHub) -> None:
    github.post(QUERY)
    github.fault(graphql_limit=1)

    github.post(QUERY)
    assert _refused_while_blocked(github) == 0
    github.post(QUERY)
    assert _refused_while_blocked(github) == 1


@pytest.mark.parametrize(
    ("form", "status", "remaining", "retry_after"),
    [
        ("graphql_rate_limited", 200, "0", None),
        ("graphql_rate_limit", 200, "0", None),
        ("graphql_rate_limited_remaining_4", 200, "4", None),
        ("secondary_retry_after", 403, "4999", "20"),
        ("secondary_without_retry_after", 403, "4999", None),
        ("secondary_200", 200, "4999", "20"),
        ("secondary_429", 429, "4999", "20"),
        ("secondary_old_wording", 403, "4999", "20"),
        ("primary_403", 403, "0", None),
        ("primary_429", 429, "0", None),
    ],
)
def test_a_refusal_can_have_every_form(
    github: GitHub, form: str, status: int, remaining: str, retry_after: str | None
) -> None:
    github.fault(refuse_after_requests={"after": 1, "for_seconds": 20, "form": form})
    with freeze_time("2026-11-23T10:00:00Z") as clock:
        assert "data" in github.post(QUERY).json

        refusals = [github.post(QUERY), github.post(QUERY)]

        assert {answer.status_code for answer in refusals} == {status}
        assert {answer.headers["X-RateLimit-Remaining"] for answer in refusals} == {remaining}
        assert {answer.headers.get("Retry-After") for answer in refusals} == {retry_after}
        wording = "abuse detection" if form == "secondary_old_wording" else "rate limit"
        assert wording in str(refusals[0].json).lower()
        if remaining in {"0", "4"}:
            assert refusals[0].headers["X-RateLimit-Reset"] == str(int(time.time()) + 20)
        assert _refused_while_blocked(github) == 1  # the first could not know
        clock.tick(20)
        assert "data" in github.post(QUERY).json
        assert _refused_while_blocked(github) == 1


def test_a_secondary_refusal_holds_for_rest_too(github: GitHub) -> None:
    github.fault(refuse_after_requests={"form": "secondary_retry_after"})

    github.post(QUERY)

    assert github.get("/user").status_code == 403
    assert _refused_while_blocked(github) == 1


def test_a_primary_refusal_of_graphql_does_not_hold_for_rest(github: GitHub) -> None:
    github.fault(refuse_after_requests=0)
    github.fault(refuse_after_requests={"form": "graphql_rate_limit"})

    error = github.post(QUERY).json["errors"][0]

    assert (error["type"], error["code"]) == ("RATE_LIMIT", "graphql_rate_limit")
    assert github.get("/user").status_code == 200


def test_too_many_a_minute_is_the_secondary_limit(github: GitHub) -> None:
    github.fault(secondary_graphql_limit=3, secondary_rest_limit=1)
    with freeze_time("2026-11-23T10:00:00Z") as clock:
        answers: list[Any] = [github.post(QUERY) for _ in range(4)]

        assert [answer.status_code for answer in answers] == [200, 200, 200, 403]
        assert answers[-1].headers["Retry-After"] == "60"
        assert "secondary rate limit" in answers[-1].json["message"]
        assert answers[-1].json["documentation_url"].endswith("#about-secondary-rate-limits")
        assert _refused_while_blocked(github) == 0
        clock.tick(60)
        assert github.get("/user").status_code == 200
        assert github.get("/user").status_code == 403


def test_asking_for_the_limits_is_free(github: GitHub) -> None:
    github.post(QUERY)

    answer = github.get("/rate_limit")
    newer = github.get("/rate_limit", **{"X-GitHub-Api-Version": "2026-03-10"})

    assert answer.json["resources"]["graphql"]["used"] == 1
    assert answer.json["resources"]["core"]["used"] == 0
    assert answer.json["rate"] == answer.json["resources"]["core"]
    assert "rate" not in newer.json


def test_a_reset_forgets_what_was_used(github: GitHub) -> None:
    github.fault(graphql_limit=1)
    github.post(QUERY)

    github.http.post("/_sandbox/reset")

    assert github.post(QUERY).headers["X-RateLimit-Remaining"] == "4999"
    assert github.counts()["total"] == 1
    assert len(github.service.graphql_log.entries()) == 1


@pytest.mark.parametrize(("form", "status"), [("primary_403", 403), ("primary_429", 429)])
def test_a_refusal_can_begin_at_rest(github: GitHub, form: str, status: int) -> None:
    github.fault(refuse_after_requests={"after": 1, "form": form, "resource": "rest", "for_seconds": 20})
    with freeze_time("2026-11-23T10:00:00Z") as clock:
        assert github.get("/user").status_code == 200
        refusal = github.get("/user")

        assert (refusal.status_code, refusal.headers["X-RateLimit-Remaining"]) == (status, "0")
        assert refusal.headers["X-RateLimit-Resource"] == "core"
        assert "data" in github.post(QUERY).json, "GraphQL has its own primary limit"
        assert _refused_while_blocked(github) == 0
        assert github.get("/user").status_code == status
        assert _refused_while_blocked(github) == 1
        clock.tick(20)
        assert github.get("/user").status_code == 200


def test_a_refusal_of_rest_waits_for_rest(github: GitHub) -> None:
    github.fault(refuse_after_requests={"resource": "rest"})

    assert "data" in github.post(QUERY).json
    assert github.get("/user").status_code == 403


def test_graphql_and_rest_can_be_refused_at_once(github: GitHub) -> None:
    github.fault(refuse_after_requests={"form": "graphql_rate_limited", "for_seconds": 20})
    assert "errors" in github.post(QUERY).json
    github.fault(refuse_after_requests={"form": "primary_403", "resource": "rest", "for_seconds": 40})
    assert github.get("/user").status_code == 403

    assert "errors" in github.post(QUERY).json
    assert github.get("/user").status_code == 403


def _at_once(github: GitHub, amount: int) -> list[int]:
    with running(github.app) as url, ThreadPoolExecutor(amount) as pool:

        def ask(_number: int) -> int:
            return requests.post(
                f"{url}/graphql", json={"query": QUERY}, headers=github.headers, timeout=30
            ).status_code

        return list(pool.map(ask, range(amount)))


def test_a_hundred_requests_may_be_under_way_at_once(github: GitHub) -> None:
    github.fault(latency_ms=300)

    assert _at_once(github, 60) == [200] * 60


def test_more_than_allowed_at_once_are_refused(github: GitHub) -> None:
    github.fault(concurrent_limit=3, latency_ms=300)

    statuses = _at_once(github, 6)

    assert statuses.count(200) <= 3
    assert statuses.count(403) == 6 - statuses.count(200)


def test_one_too_many_is_the_secondary_limit(github: GitHub) -> None:
    github.fault(concurrent_limit=0.5)

    with freeze_time("2026-11-23T10:00:00Z"):
        refusal = github.post(QUERY)

    assert refusal.status_code == 403
    assert "secondary rate limit" in refusal.json["message"]
    assert refusal.headers["Retry-After"] == "60"
    assert _refused_while_blocked(github) == 0, "nobody had been told to wait"


def test_the_limit_of_requests_at_once_is_one_for_graphql_and_rest(github: GitHub) -> None:
    github.fault(concurrent_limit=0.5)
    assert github.post(QUERY).status_code == 403
    github.fault(concurrent_limit=False)

    assert github.get("/user").status_code == 403
    assert _refused_while_blocked(github) == 1


def test_requests_that_are_over_are_under_way_no_more(github: GitHub) -> None:
    github.fault(concurrent_limit=1)

    assert [github.post(QUERY).status_code for _ in range(5)] == [200] * 5
    github.get("/nowhere")
    github.http.get("/user")
    assert github.get("/user").status_code == 200


def test_others_are_counted_for_themselves(github: GitHub) -> None:
    github.fault(concurrent_limit=1)
    assert github.service.limits.enter(github.member.id)
    bob = github.service.world.catalogue.account_by_login("bob")
    assert bob is not None

    assert github.service.limits.enter(bob.id)
    assert not github.service.limits.enter(bob.id)
