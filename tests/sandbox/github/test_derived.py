"""What is worked out from history: the same at every start, and marked as derived."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.sandbox.github.conftest import GitHub
from tests.sandbox.github.histories import ALICE, BOB, Planned, add_commits, make_repository

LISTS = """{ viewer { login
  issues(first: 50, orderBy: {field: UPDATED_AT, direction: DESC}) { totalCount
    nodes { number title body state stateReason createdAt updatedAt closedAt url comments { totalCount } } }
  pullRequests(first: 50, orderBy: {field: CREATED_AT, direction: ASC}) { totalCount
    nodes { number title body state merged mergedAt createdAt additions deletions changedFiles
    baseRefName headRefName author { login }
    mergedBy { login } mergeCommit { oid } reviews(first: 5) { nodes {
      state submittedAt body author { login } } } } }
  issueComments(first: 50) { totalCount nodes { body issue { number } } }
  commitComments(last: 50) { totalCount nodes { body commit { oid } } }
  starredRepositories(first: 50) { totalCount isOverLimit edges { starredAt cursor node { name } } }
  gists { totalCount } gistComments { totalCount } repositoryDiscussions { totalCount }
} }"""


def _lists(github: GitHub, login: str) -> Any:
    github.sign_in("read:user", login=login)
    return github.ask(LISTS)["viewer"]


def test_a_merge_is_a_pull_request_of_the_author_of_the_side(github: GitHub) -> None:
    (request,) = _lists(github, "bob")["pullRequests"]["nodes"]

    assert request["number"] == 7
    assert request["title"] == "Derived: On a side"
    assert request["body"].startswith("Derived by the stand-in from commit")
    assert (request["state"], request["merged"]) == ("MERGED", True)
    assert (request["additions"], request["changedFiles"]) == (10, 1)
    assert (request["baseRefName"], request["headRefName"]) == ("main", "bob/side")
    assert (request["author"], request["mergedBy"]) == ({"login": "bob"}, {"login": "alice"})
    (review,) = request["reviews"]["nodes"]
    assert (review["state"], review["author"]) == ("APPROVED", {"login": "alice"})


def test_references_are_issues_and_comments(github: GitHub) -> None:
    alice, bob = _lists(github, "alice"), _lists(github, "bob")

    by_number = {issue["number"]: issue for issue in alice["issues"]["nodes"]}
    assert set(by_number) == {3, 4}
    assert (by_number[3]["state"], by_number[3]["stateReason"]) == ("CLOSED", "COMPLETED")
    assert by_number[3]["updatedAt"] > by_number[3]["createdAt"]
    assert by_number[4]["state"] == "OPEN"
    assert [comment["issue"]["number"] for comment in bob["issueComments"]["nodes"]] == [3]


def test_who_commits_has_starred(github: GitHub) -> None:
    stars = _lists(github, "bob")["starredRepositories"]

    assert stars["isOverLimit"] is False
    (edge,) = stars["edges"]
    assert (edge["node"]["name"], edge["starredAt"]) == ("tricky", "2026-01-06T12:00:00Z")


def test_squashes_and_reverts(make_github: Callable[..., GitHub], tmp_path: Path) -> None:
    path = make_repository(tmp_path / "r", [Planned(b"Add a thing (#5)\n", BOB)])
    oid = make_github(path).repository("r").git.head
    add_commits(path, [Planned(b"Revert it\n\nThis reverts commit %s.\n" % oid.encode(), ALICE)])
    github = make_github(path)

    (request,) = _lists(github, "bob")["pullRequests"]["nodes"]
    (comment,) = _lists(github, "alice")["commitComments"]["nodes"]

    assert (request["number"], request["mergeCommit"]) == (5, {"oid": oid})
    assert comment["commit"] == {"oid": oid}


def test_lists_are_paged_in_order(make_github: Callable[..., GitHub], tmp_path: Path) -> None:
    commits = [
        Planned(b"See #%d\n" % (number + 1), moment=b"%d +0000" % (1767690000 + number))
        for number in range(7)
    ]
    github = make_github(make_repository(tmp_path / "r", commits))
    query = """query($after: String) { viewer { issues(first: 3, after: $after,
      orderBy: {field: UPDATED_AT, direction: DESC}) { totalCount pageInfo { hasNextPage endCursor }
      nodes { number } } } }"""

    numbers, after = [], None
    for _ in range(3):
        page = github.ask(query, after=after)["viewer"]["issues"]
        numbers += [node["number"] for node in page["nodes"]]
        after = page["pageInfo"]["endCursor"]

    assert numbers == [7, 6, 5, 4, 3, 2, 1]
    assert (page["pageInfo"]["hasNextPage"], page["totalCount"]) == (False, 7)


def test_issues_can_be_filtered(github: GitHub) -> None:
    query = """query($since: DateTime) { viewer {
      later: issues(first: 9, filterBy: {since: $since}) { nodes { number } }
      open: issues(first: 9, states: [OPEN]) { nodes { number } } } }"""

    data = github.ask(query, since="2026-01-06T19:00:00Z")["viewer"]

    assert data["later"]["nodes"] == [{"number": 3}]
    assert data["open"]["nodes"] == [{"number": 4}]


def test_reviews_are_found_by_search_and_in_contributions(github: GitHub) -> None:
    query = """query($q: String!) { search(type: ISSUE, query: $q, first: 50) { issueCount nodes { __typename
      ... on PullRequest { number reviews(first: 10, author: "alice") { totalCount } } } }
      viewer { contributionsCollection(from: "2026-01-01T00:00:00Z", to: "2026-12-31T23:59:59Z") {
        pullRequestReviewContributions(first: 5) { totalCount
          nodes { pullRequest { number } occurredAt } } } } }"""

    found = github.ask(query, q="type:pr reviewed-by:alice -author:alice updated:2026-01-01..2026-12-31")
    missed = github.ask(query, q="type:pr reviewed-by:alice -author:alice updated:>=2026-02-01")

    assert found["search"]["issueCount"] == 1
    assert found["search"]["nodes"] == [
        {"__typename": "PullRequest", "number": 7, "reviews": {"totalCount": 1}}
    ]
    assert missed["search"]["issueCount"] == 0
    reviews = found["viewer"]["contributionsCollection"]["pullRequestReviewContributions"]
    assert reviews["nodes"][0]["pullRequest"] == {"number": 7}


def test_it_is_the_same_at_every_start(make_github: Callable[..., GitHub], tricky: Path) -> None:
    assert _lists(make_github(tricky), "alice") == _lists(make_github(tricky), "alice")


def test_what_git_has_nothing_of_is_empty(github: GitHub) -> None:
    lists = _lists(github, "alice")

    assert {lists[name]["totalCount"] for name in ("gists", "gistComments", "repositoryDiscussions")} == {0}
