"""Search: qualifiers, bounds of dates, orders, and no more than 1,000 results."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.github.app import create_app
from sandbox.github.generated_size import Size
from sandbox.github.search import span
from tests.sandbox.github.conftest import GitHub
from tests.sandbox.github.histories import BOB, Planned, make_repository

QUERY = """query($q: String!, $n: Int!, $after: String) {
  search(type: ISSUE, query: $q, first: $n, after: $after) { issueCount
  pageInfo { hasNextPage endCursor } nodes { __typename ... on Issue { number updatedAt }
  ... on PullRequest { number updatedAt } } } }"""
DAY = 86_400


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pull requests 1 to 5 of Bob, one a day from 6 January 2026; issue 9 of Alice on the last."""
    commits = [
        Planned(b"Change (#%d)\n" % (number + 1), BOB, b"%d +0000" % (1767690000 + number * DAY))
        for number in range(5)
    ]
    commits.append(Planned(b"See #9\n", moment=b"%d +0000" % (1767690000 + 4 * DAY)))
    return make_repository(tmp_path_factory.mktemp("search") / "r", commits)


@pytest.fixture
def github(make_github: Callable[..., GitHub], history: Path) -> GitHub:
    return make_github(history, login="alice")


def _found(github: GitHub, query: str, **options: Any) -> Any:
    return github.ask(QUERY, q=query, **{"n": 50, **options})["search"]


def _numbers(github: GitHub, query: str) -> list[int]:
    return [node["number"] for node in _found(github, query)["nodes"]]


@pytest.mark.parametrize(
    ("query", "numbers"),
    [
        ("type:pr sort:updated-asc", [1, 2, 3, 4, 5]),
        ("type:pr", [5, 4, 3, 2, 1]),
        ("is:pr sort:updated-desc", [5, 4, 3, 2, 1]),
        ("is:pull-request sort:created-asc", [1, 2, 3, 4, 5]),
        ("type:issue", [9]),
        ("type:pr -author:alice sort:updated-asc updated:2026-01-07..2026-01-08", [2, 3]),
        ("type:pr updated:>=2026-01-09 sort:updated-asc", [4, 5]),
        ("type:pr updated:>2026-01-09 sort:updated-asc", [5]),
        ("type:pr updated:<=2026-01-07 sort:updated-asc", [1, 2]),
        ("type:pr updated:<2026-01-07 sort:updated-asc", [1]),
        ("type:pr updated:2026-01-08", [3]),
        ("type:pr updated:2026-01-06T09:00:00Z..2026-01-07T08:59:59Z", [1]),
        ("type:pr updated:2026-01-06T09:00:00+00:00..2026-01-07T09:00:00+00:00 sort:updated-asc", [1, 2]),
        ("type:pr updated:*..2026-01-07 sort:updated-asc", [1, 2]),
        ("type:pr created:2026-01-09..* sort:created-asc", [4, 5]),
        ("author:bob sort:updated-asc", [1, 2, 3, 4, 5]),
        ("author:BOB type:issue", []),
        ("author:alice", [9]),
        ("author:nobody", []),
        ("is:merged is:closed sort:updated-asc", [1, 2, 3, 4, 5]),
        ("is:open", [9]),
        ("is:private", []),
        ("repo:alice/r is:issue", [9]),
        ("repo:alice/other", []),
        ("user:alice type:issue", [9]),
        ("org:acme", []),
        ("reviewed-by:alice", []),
        ("commenter:bob", []),
    ],
)
def test_qualifiers_choose(github: GitHub, query: str, numbers: list[int]) -> None:
    assert _numbers(github, query) == numbers


def test_reviews_are_found_by_who_wrote_them(github: GitHub) -> None:
    pull_request = github.service.world.activity(github.repository("r")).pull_requests[2]
    github.act("submit_review", on=pull_request.node_id, at="2026-02-01T00:00:00Z")
    github.act("submit_review", on=pull_request.node_id, at="2026-02-02T00:00:00Z")

    assert _numbers(github, "type:pr reviewed-by:alice -author:alice") == [3]
    assert _numbers(github, "type:pr reviewed-by:alice updated:>=2026-02-02") == [3]
    assert _numbers(github, "type:pr reviewed-by:alice updated:>=2026-02-03") == []
    assert _numbers(github, "type:pr -reviewed-by:alice sort:updated-asc") == [1, 2, 4, 5]


def test_comments_are_found_by_who_wrote_them(github: GitHub) -> None:
    (issue,) = github.service.world.activity(github.repository("r")).issues
    github.act("create_comment", on=issue.node_id, login="bob")

    assert _numbers(github, "commenter:bob") == [9]
    assert _numbers(github, "sort:comments-desc")[0] == 9


def test_a_date_that_is_none_is_refused(github: GitHub) -> None:
    (error,) = github.errors(QUERY, q="type:pr updated:>=soon", n=5)

    assert error["type"] == "UNPROCESSABLE"
    assert error["path"] == ["search"]


def test_pages_follow_each_other(github: GitHub) -> None:
    numbers, after = [], None
    for _ in range(3):
        page = _found(github, "type:pr sort:updated-asc", n=2, after=after)
        numbers += [node["number"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]

    assert numbers == [1, 2, 3, 4, 5]
    assert page["pageInfo"]["hasNextPage"] is False
    assert page["issueCount"] == 5


def test_what_cannot_be_seen_is_not_found(make_github: Callable[..., GitHub], tmp_path: Path) -> None:
    path = make_repository(tmp_path / "r", [Planned(b"Change (#1)\n", BOB)])
    github = make_github(path, private=["r"], login="alice")

    assert _numbers(github, "type:pr") == []
    github.sign_in("repo")
    assert _numbers(github, "type:pr is:private") == [1]


def test_no_more_than_a_thousand_results_can_be_read() -> None:
    size = Size(20, 2, 1, 0, 0, 0, reviewed=1_050, stars=0, gists=0, discussions=0, releases=0)
    github = GitHub(create_app(account=size), ("repo", "read:org"))
    query = "type:pr reviewed-by:member -author:member sort:updated-asc"

    seen, after, dates = 0, None, []
    while True:
        page = _found(github, query, n=100, after=after)
        seen += len(page["nodes"])
        dates += [node["updatedAt"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break

    assert page["issueCount"] == 1_050
    assert seen == 1_000
    assert dates == sorted(dates)
    rest = _found(github, f"{query} updated:>={dates[-1]}")
    assert rest["issueCount"] >= 50
    newest_first = _found(github, query.replace("asc", "desc"), n=1)
    assert newest_first["nodes"][0]["updatedAt"] >= dates[-1], "the newest thousand, not the oldest"


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("1970-01-02", DAY, 2 * DAY - 1),
        ("1970-01-02..1970-01-03", DAY, 3 * DAY - 1),
        ("1970-01-01T00:00:05Z", 5, 5),
        (">1970-01-01T00:00:05Z", 6, float("inf")),
        (">=1970-01-02", DAY, float("inf")),
        (">1970-01-01", DAY, float("inf")),
        ("<1970-01-02", float("-inf"), DAY - 1),
        ("<=1970-01-01", float("-inf"), DAY - 1),
        ("*..*", float("-inf"), float("inf")),
        ("1970-01-01T01:00:00+01:00..*", 0, float("inf")),
    ],
)
def test_spans_have_a_first_and_a_last_second(text: str, first: float, last: float) -> None:
    assert span(text) == (first, last)
