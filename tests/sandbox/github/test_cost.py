"""Prices: GitHub's own example, and the queries a collector sends."""

from typing import Any

import pytest

from tests.sandbox.github.conftest import GitHub
from tests.sandbox.github.queries import COST


def _price(github: GitHub, query: str, **variables: Any) -> dict[str, int]:
    price: dict[str, int] = github.ask(query, **variables)["rateLimit"]
    return price


def test_the_documented_example_costs_51_points(github: GitHub) -> None:
    """1 + 100 + 100 x 50 = 5,101 requests."""
    query = """{ viewer { repositories(first: 100) { edges { node { issues(first: 50) { edges { node {
      comments(first: 60) { edges { node { id } } } } } } } } } }
      rateLimit(dryRun: true) { cost nodeCount } }"""

    assert _price(github, query) == {"cost": 51, "nodeCount": 100 + 5_000 + 300_000}


def test_six_nested_connections_of_a_hundred_cost_6_points(github: GitHub) -> None:
    nested = " ".join(f"c{n}: comments(first: 20) {{ totalCount }}" for n in range(6))
    query = f"{{ viewer {{ issues(first: 100) {{ nodes {{ {nested} }} }} }} {COST} }}"

    assert _price(github, query) == {"cost": 6, "nodeCount": 100 + 6 * 2_000}


def test_totals_alone_are_not_counted(github: GitHub) -> None:
    query = f"{{ viewer {{ issues {{ totalCount }} gists {{ totalCount }} }} {COST} }}"

    assert _price(github, query) == {"cost": 1, "nodeCount": 0}


def test_activity_lists_cost_1_point(github: GitHub) -> None:
    """Nine lists, and reviews of each of 100 pull requests: 109 requests."""
    lists = " ".join(
        f"{name}(first: $n) {{ totalCount }}"
        for name in [
            "issues",
            "issueComments",
            "starredRepositories",
            "gists",
            "commitComments",
            "gistComments",
            "repositoryDiscussions",
            "repositoryDiscussionComments",
        ]
    )
    query = f"""query($n: Int!) {{ viewer {{ {lists}
      pullRequests(first: $n) {{ nodes {{ reviews(first: 10) {{ totalCount }} }} }} }} {COST} }}"""

    assert _price(github, query, n=100) == {"cost": 1, "nodeCount": 9 * 100 + 100 * 10}


def test_reviews_of_fifty_pull_requests_cost_6_points(github: GitHub) -> None:
    """1 + 50 + 500 = 551 requests."""
    query = f"""{{ viewer {{ contributionsCollection {{ pullRequestReviewContributions(first: 50) {{ nodes {{
      pullRequest {{ reviews(first: 10) {{ nodes {{ comments(first: 20) {{ totalCount }} }} }} }}
      }} }} }} }} {COST} }}"""

    assert _price(github, query) == {"cost": 6, "nodeCount": 50 + 500 + 10_000}


def test_a_field_through_two_fragments_is_one(github: GitHub) -> None:
    query = f"""{{ viewer {{ ...One ...Two }} {COST} }}
      fragment One on User {{ issues(first: 10) {{ totalCount }} }}
      fragment Two on User {{ issues(first: 10) {{ nodes {{ id }} }} }}"""

    assert _price(github, query)["nodeCount"] == 10


def test_what_is_left_out_costs_nothing(github: GitHub) -> None:
    query = f"""query($with: Boolean!) {{ viewer {{ login
      issues(first: 100) @include(if: $with) {{ totalCount }}
      ... on User @skip(if: true) {{ gists(first: 100) {{ totalCount }} }} }} {COST} }}"""

    assert _price(github, query, **{"with": False})["nodeCount"] == 0
    assert _price(github, query, **{"with": True})["nodeCount"] == 100


def test_a_dry_run_is_free_and_answers_nothing_else(github: GitHub) -> None:
    answer = github.ask(
        "{ viewer { issues(first: 100) { totalCount } } rateLimit(dryRun: true) { cost used } }"
    )

    assert answer == {"rateLimit": {"cost": 1, "used": 0}}
    assert github.counts()["points"] == 0


def test_each_query_is_charged_its_price(github: GitHub) -> None:
    nested = "issues(first: 100) { nodes { comments(first: 100) { totalCount } } }"
    many = " ".join(f"v{n}: viewer {{ {nested} }}" for n in range(5))

    answer = github.post(f"{{ {many} {COST} }}")

    assert answer.json["data"]["rateLimit"]["cost"] == 5
    assert answer.headers["X-RateLimit-Used"] == "5"
    assert answer.headers["X-RateLimit-Remaining"] == "4995"
    assert answer.headers["X-RateLimit-Resource"] == "graphql"
    assert github.counts()["points"] == 5


def test_too_many_nodes_are_refused_before_anything_runs(github: GitHub) -> None:
    query = """{ viewer { repositories(first: 100) { nodes { issues(first: 100) { nodes {
      comments(first: 100) { totalCount } } } } } } }"""

    answer = github.post(query)

    (error,) = answer.json["errors"]
    assert "data" not in answer.json
    assert error["type"] == "MAX_NODE_LIMIT_EXCEEDED"
    assert error["message"].startswith("This query requests up to 1,010,100 possible nodes")


@pytest.mark.parametrize(
    ("query", "error_type", "message"),
    [
        (
            "{ viewer { issues(first: 101) { totalCount } } }",
            "EXCESSIVE_PAGINATION",
            "Requesting 101 records on the `issues` connection exceeds the `first` limit of 100 records.",
        ),
        (
            "{ viewer { issues { nodes { id } } } }",
            "MISSING_PAGINATION_BOUNDARIES",
            "You must provide a `first` or `last` value to properly paginate the `issues` connection.",
        ),
        (
            "{ viewer { issues { ...E } } } fragment E on IssueConnection { edges { cursor } }",
            "MISSING_PAGINATION_BOUNDARIES",
            "You must provide a `first` or `last` value to properly paginate the `issues` connection.",
        ),
        (
            '{ viewer { issues(first: 1, after: "nonsense") { totalCount } } }',
            "INVALID_CURSOR_ARGUMENTS",
            "`nonsense` does not appear to be a valid cursor.",
        ),
    ],
)
def test_pages_have_limits(github: GitHub, query: str, error_type: str, message: str) -> None:
    (error,) = github.errors(query)

    assert (error["type"], error["message"]) == (error_type, message)
    assert error["path"] == ["viewer", "issues"]
    assert error["locations"]


def test_more_than_100_nodes_by_id_are_refused(github: GitHub) -> None:
    (error,) = github.errors("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=["x"] * 101)

    assert error["type"] == "ARGUMENT_LIMIT"
    assert error["message"] == "You may not provide more than 100 node ids; you provided 101."
