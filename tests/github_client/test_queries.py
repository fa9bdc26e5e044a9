from __future__ import annotations

import re
from datetime import UTC, date, datetime
from pathlib import Path
from typing import get_args

import pytest
from graphql import (
    FragmentDefinitionNode,
    GraphQLSchema,
    OperationDefinitionNode,
    build_schema,
    parse,
    validate,
)
from graphql.execution.values import get_variable_values

from github_client import (
    FULL,
    SLIM,
    CommitPageRequest,
    FileRequest,
    ListName,
    ListRequest,
    ReleaseRequest,
    ReviewSizes,
    queries,
)
from github_client.queries import Query
from github_client.queries.query import checked_login
from github_client.queries.reviews import search_text
from sandbox.github.cost import measure

SCHEMA = Path(__file__).parents[2] / "sandbox" / "github" / "schema.graphql"
NAMES: tuple[ListName, ...] = get_args(ListName)
DAY = date(2026, 11, 9)
NOON = datetime(2026, 11, 9, 12, tzinfo=UTC)
PAGE = CommitPageRequest("R_1", "a" * 40, None, 20)


def of_all_lists(size: int) -> list[ListRequest]:
    return [ListRequest(name, None, size) for name in NAMES]


def all_lists(size: int, sizes: ReviewSizes = SLIM) -> Query:
    return queries.pages([], "", of_all_lists(size), "octocat", sizes)


# The price is the one of GitHub's published formula for these sizes.
QUERIES: dict[str, tuple[Query, int]] = {
    "probe": (queries.probe(DAY, DAY, 50, [], "", SLIM), 1),
    "probe with all lists": (queries.probe(DAY, DAY, 50, of_all_lists(10), "octocat", SLIM), 1),
    "probe with more reviews": (queries.probe(DAY, DAY, 50, of_all_lists(10), "octocat", FULL), 1),
    "repositories": (queries.repository_page(None, 50), 1),
    "commit totals": (queries.commit_totals(["R_1"] * 25, "U_1"), 1),
    "one window": (queries.contribution_windows([(DAY, DAY)], 100), 1),
    "six windows": (queries.contribution_windows([(DAY, DAY)] * 6, 100), 1),
    "one page": (queries.pages([PAGE], "U_1", [], "", SLIM), 1),
    "ten pages": (queries.pages([PAGE] * 10, "U_1", [], "", SLIM), 1),
    "all lists": (all_lists(50), 3),
    "all lists, longest pages": (all_lists(100), 6),
    "pages of both": (queries.pages([PAGE] * 10, "U_1", of_all_lists(50), "octocat", SLIM), 3),
    "releases": (queries.releases([ReleaseRequest("R_1"), ReleaseRequest("R_2", "cursor")] * 12, 20), 1),
    "releases with drafts": (queries.releases([ReleaseRequest("R_1", None, ("RE_1",))] * 25, 20), 1),
    "files": (queries.files([FileRequest("R_1", "a" * 40, "tracks/one.gpx", "b" * 40)] * 25), 1),
    "reviews": (queries.reviewed_pull_requests("octocat", None, None, None, 50, FULL), 6),
    "slim reviews": (queries.reviewed_pull_requests("octocat", NOON, NOON, "cursor", 50, SLIM), 3),
    "more reviews": (queries.more_reviews("PR_1", "octocat", None), 1),
    "more comments": (queries.more_review_comments("PRR_1", "cursor"), 1),
} | {
    f"only {name}": (
        queries.pages([], "", [ListRequest(name, None, 100)], "octocat", SLIM),
        6 if name == "pull_requests" else 1,
    )
    for name in NAMES
}


@pytest.fixture(scope="module")
def schema() -> GraphQLSchema:
    return build_schema(SCHEMA.read_text())


def test_no_query_is_forgotten_here() -> None:
    built = re.findall(r"queries\.(\w+)\(", Path(__file__).read_text(encoding="utf-8"))
    assert set(built) == set(queries.__all__) - {"Query"}
    sources = Path(queries.__file__).parent.glob("*.py")
    returned = re.findall(r"^def (\w+)\([^)]*\) -> Query:", "".join(map(Path.read_text, sources)), re.M)
    assert set(returned) == set(built), "what makes a query is public"


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_is_valid_against_the_schema(schema: GraphQLSchema, name: str) -> None:
    assert validate(schema, parse(QUERIES[name][0].document)) == []


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_only_reads_and_asks_what_it_cost(name: str) -> None:
    text = QUERIES[name][0].document
    assert "mutation" not in text
    assert "rateLimit { cost" in text


@pytest.mark.parametrize("name", QUERIES)
def test_every_query_costs_what_it_says(schema: GraphQLSchema, name: str) -> None:
    query, points = QUERIES[name]
    document = parse(query.document)
    (operation,) = (each for each in document.definitions if isinstance(each, OperationDefinitionNode))
    fragments = {
        each.name.value: each for each in document.definitions if isinstance(each, FragmentDefinitionNode)
    }
    values = get_variable_values(schema, operation.variable_definitions or (), dict(query.variables))
    assert not isinstance(values, list), "every variable is given, with its type"
    cost = measure(schema, operation, fragments, values)
    assert operation.name is not None
    assert operation.name.value == query.operation
    assert cost.requests == query.connections
    assert cost.points == query.points == points


@pytest.mark.parametrize("name", QUERIES)
def test_every_variable_is_declared(name: str) -> None:
    query = QUERIES[name][0]
    declared = query.document.split("{", 1)[0]
    assert all(f"${variable}: " in declared for variable in query.variables)


def test_visibility_is_always_asked_for() -> None:
    for name in ("probe", "repositories", "one window", "releases", "reviews", "more reviews"):
        assert "visibility" in QUERIES[name][0].document
    for name in NAMES:
        document = QUERIES[f"only {name}"][0].document
        assert "visibility" in document or "isPublic" in document


def test_lists_without_an_order_are_read_from_their_end() -> None:
    document = all_lists(10).document
    for field in ("commitComments", "gistComments", "repositoryDiscussionComments"):
        assert f"{field}(last: " in document
    for field in ("issues", "pullRequests", "issueComments", "starredRepositories", "gists"):
        assert f"{field}(first: " in document
    assert document.count("direction: DESC") == len(NAMES) - 3


def test_the_login_is_asked_for_only_where_reviews_are() -> None:
    assert "login" not in queries.pages([], "", [ListRequest("issues", None, 9)], "", SLIM).variables
    with pytest.raises(ValueError, match="login"):
        queries.pages([], "", [ListRequest("pull_requests", None, 9)], "", SLIM)


@pytest.mark.parametrize(
    ("since", "until", "words"),
    [
        (None, None, ""),
        (NOON, None, " updated:>=2026-11-09T12:00:00Z"),
        (None, NOON, " updated:<=2026-11-09T12:00:00Z"),
        (NOON, NOON, " updated:2026-11-09T12:00:00Z..2026-11-09T12:00:00Z"),
    ],
)
def test_the_search_names_the_reviewer_and_the_bounds(
    since: datetime | None, until: datetime | None, words: str
) -> None:
    text = search_text("octo-cat", until, since)
    assert text == f"type:pr reviewed-by:octo-cat -author:octo-cat sort:updated-desc{words}"


def test_the_longest_search_is_one_github_takes() -> None:
    assert len(search_text("x" * 39, NOON, NOON)) <= 256


@pytest.mark.parametrize("login", ["octocat", "octo-cat", "-old-", "mona_corp", "dependabot[bot]"])
def test_a_login_is_taken_as_it_is(login: str) -> None:
    assert checked_login(login) == login


@pytest.mark.parametrize("login", ["", " ", "octocat is:private", "octo:cat", "octo\n", "ö", "[bot]"])
def test_what_cannot_be_a_login_is_not_searched_for(login: str) -> None:
    with pytest.raises(ValueError, match="login"):
        queries.reviewed_pull_requests(login, None, None, None, 50, SLIM)
