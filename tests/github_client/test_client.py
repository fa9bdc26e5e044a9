from __future__ import annotations

from datetime import UTC, date, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import responses

from github_client import CommitPageRequest, GitHubClient, Profile, Unreadable
from github_client.errors import Forbidden, UnexpectedResponse
from tests.github_client.answers import (
    API,
    HEADERS,
    TOKEN,
    answer_graphql,
    commit,
    data,
    errors,
    history,
    repositories,
    repository,
    rest_commit,
    sent,
    viewer,
    window,
)

SINCE, UNTIL = date(2026, 11, 9), date(2026, 11, 23)
USER = {"node_id": "U_1", "id": 583231, "login": "octocat", "name": "Octo Cat"}
COMMITS_PATH = f"{API}/repositories/1296269/commits"


@pytest.fixture
def client() -> GitHubClient:
    return GitHubClient(API, TOKEN)


def page(repository_id: str = "R_1", **changes: Any) -> CommitPageRequest:
    return CommitPageRequest(repository_id, "a" * 40, None, 50, **changes)


# Identity and probe


def test_it_reads_the_identity_with_the_granted_scopes(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    github.get(f"{API}/user", json=USER, headers=HEADERS)
    identity = client.fetch_identity()
    assert (identity.node_id, identity.database_id, identity.login) == ("U_1", 583231, "octocat")
    assert identity.scopes == {"read:user", "repo"}


def test_the_probe_is_one_request_for_whole_utc_days(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    answer_graphql(github, data(viewer=viewer()))
    probe = client.ask_probe(SINCE, UNTIL, repositories=30).decoded()
    assert probe.identity.database_id == 583231
    assert probe.identity.scopes == {"read:user", "repo"}
    assert probe.created_at == datetime(2011, 1, 25, 18, 44, 36, tzinfo=UTC)
    assert probe.contribution_years == (2026, 2025)
    assert probe.contributions.days == {date(2026, 11, 9): 3}
    assert probe.repositories.repositories[0].name == "octo/hello"
    assert probe.profile == Profile(
        node_id="U_1",
        database_id=583231,
        login="octocat",
        name=None,
        bio=None,
        company="@github",
        location=None,
        website_url="https://octo.test",
        twitter_username=None,
        created_at=datetime(2011, 1, 25, 18, 44, 36, tzinfo=UTC),
        followers=9001,
        following=9,
    )
    assert probe.rate is not None
    assert probe.rate.used == 10
    assert client.requests_sent == 1
    assert sent(github)["variables"] == {
        "from": "2026-11-09T00:00:00Z",
        "to": "2026-11-23T23:59:59Z",
        "size": 30,
        "created": 30,
        "after": None,
    }


@pytest.mark.parametrize(
    "changes",
    [
        {"databaseId": None},
        {"databaseId": "583231"},
        {"databaseId": True},
        {"login": None},
        {"createdAt": "yesterday"},
        {"followers": None},
        {"following": {"totalCount": -1}},
        {"createdAt": "2011-01-25"},
        {"contributionsCollection": window(contributionYears=["2026"])},
        {"contributionsCollection": window()},
        {"repositories": None},
        {"repositories": repositories(repository(isFork=None))},
        {"repositories": repositories(repository(owner=None))},
        {"repositories": repositories(repository(createdAt=None))},
        {"repositories": repositories(pageInfo={"hasNextPage": True, "endCursor": None})},
    ],
)
def test_a_probe_of_the_wrong_shape_is_refused(
    client: GitHubClient, github: responses.RequestsMock, changes: dict[str, Any]
) -> None:
    answer_graphql(github, data(viewer=viewer(**changes)))
    with pytest.raises(UnexpectedResponse):
        client.ask_probe(SINCE, UNTIL).decoded()


def test_a_probe_without_what_was_forbidden_says_so(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    found = {"type": "FORBIDDEN", "path": ["viewer", "repositories"], "extensions": {"saml_failure": True}}
    answer_graphql(github, data(viewer=viewer(repositories=None)) | errors(found))
    with pytest.raises(Forbidden) as caught:
        client.ask_probe(SINCE, UNTIL).decoded()
    assert caught.value.reason == "saml"


# Repositories and contributions


def test_repositories_come_page_by_page(client: GitHubClient, github: responses.RequestsMock) -> None:
    info = {"hasNextPage": True, "endCursor": "Y3Vy"}
    answer_graphql(
        github, data(viewer={"repositories": repositories(repository(), pageInfo=info, totalCount=9)})
    )
    found = client.fetch_repositories("before", size=1)
    assert (found.total, found.has_next, found.end_cursor) == (9, True, "Y3Vy")
    assert sent(github)["variables"] == {"size": 1, "after": "before"}


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("PUBLIC", "public"),
        ("PRIVATE", "private"),
        ("INTERNAL", "internal"),
        ("SECRET", "unknown"),
        (None, "unknown"),
    ],
)
def test_a_visibility_nobody_knows_is_never_public(
    client: GitHubClient, github: responses.RequestsMock, said: str | None, read: str
) -> None:
    answer_graphql(github, data(viewer={"repositories": repositories(repository(visibility=said))}))
    assert client.fetch_repositories(None).repositories[0].visibility == read


def test_an_empty_repository_has_no_head(client: GitHubClient, github: responses.RequestsMock) -> None:
    empty = repository(isEmpty=True, defaultBranchRef=None, pushedAt=None, databaseId=None)
    answer_graphql(github, data(viewer={"repositories": repositories(empty)}))
    found = client.fetch_repositories(None).repositories[0]
    assert found.is_empty
    assert (found.head_oid, found.head_committed_at, found.pushed_at, found.database_id) == (None,) * 4


def test_a_repository_that_came_as_null_does_not_lose_the_others(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    found = {"type": "FORBIDDEN", "path": ["viewer", "repositories", "nodes", 0]}
    listed = repositories(None, repository("octo/other"))
    answer_graphql(github, data(viewer={"repositories": listed}) | errors(found))
    answer = client.fetch_repositories(None)
    assert [repository.name for repository in answer.repositories] == ["octo/other"]
    assert answer.unreadable == 1


def test_a_repository_tells_what_the_profile_shows(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    answer_graphql(github, data(viewer={"repositories": repositories(repository(isArchived=True))}))
    found = client.fetch_repositories(None).repositories[0]
    assert found.created_at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    assert (found.owner_id, found.is_archived, found.permission) == ("U_1", True, "ADMIN")
    assert (found.primary_language, found.stars, found.forks) == ("Python", 80, 9)


def test_a_repository_without_code_has_no_language(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    bare = repository(primaryLanguage=None, viewerPermission=None)
    answer_graphql(github, data(viewer={"repositories": repositories(bare)}))
    found = client.fetch_repositories(None).repositories[0]
    assert (found.primary_language, found.permission) == (None, None)


def test_a_window_tells_created_repositories_and_counts(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    created = {"totalCount": 2, "nodes": [None, {"repository": repository("octo/new")}]}
    answer_graphql(github, data(viewer={"w0": window(repositoryContributions=created)}))
    (found,) = client.fetch_contributions([(SINCE, UNTIL)])
    assert [each.name for each in found.created] == ["octo/new"]
    assert found.created_total == 2
    assert (found.commits, found.issues, found.pull_requests, found.reviews) == (3, 4, 5, 6)
    assert not found.is_cut, "one that came as null does not come by asking again"


def test_a_window_with_more_created_repositories_than_a_page_is_cut(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    answer_graphql(
        github, data(viewer={"w0": window(repositoryContributions={"totalCount": 101, "nodes": []})})
    )
    (found,) = client.fetch_contributions([(SINCE, UNTIL)])
    assert found.is_cut


def test_windows_are_asked_for_together_and_come_back_in_order(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    answer_graphql(github, data(viewer={"w0": window(), "w1": window(restrictedContributionsCount=7)}))
    first, second = client.fetch_contributions([(SINCE, UNTIL), (date(2025, 1, 1), date(2025, 12, 31))])
    assert (first.since, first.until, first.total, first.restricted) == (SINCE, UNTIL, 4, 1)
    assert [(repository.node_id, count) for repository, count in first.repositories] == [("R_1", 3)]
    assert second.restricted == 7
    assert second.days == {}, "days outside the window belong to another one"
    variables = sent(github)["variables"]
    assert (variables["a1"], variables["b1"]) == ("2025-01-01T00:00:00Z", "2025-12-31T23:59:59Z")


def test_a_window_with_more_repositories_than_github_lists_is_cut(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    answer_graphql(
        github, data(viewer={"w0": window(totalRepositoriesWithContributedCommits=2), "w1": window()})
    )
    first, second = client.fetch_contributions([(SINCE, UNTIL), (SINCE, UNTIL)])
    assert first.is_cut
    assert not second.is_cut


def test_asking_for_nothing_sends_nothing(client: GitHubClient) -> None:
    assert client.fetch_contributions([]) == ()
    assert client.fetch_commit_pages([], "U_1") == ()
    assert client.fetch_commit_totals([], "U_1") == ()
    assert client.requests_sent == 0


# Commits


def test_a_page_of_commits(client: GitHubClient, github: responses.RequestsMock) -> None:
    info = {"hasNextPage": True, "endCursor": "aaaa 1"}
    answer_graphql(github, data(p0=history(commit(1), commit(2), totalCount=70, pageInfo=info)))
    asked = CommitPageRequest(
        "R_1",
        "a" * 40,
        "aaaa 0",
        2,
        since=datetime(2026, 1, 1, tzinfo=UTC),
        until=datetime(2026, 2, 1, tzinfo=UTC),
    )
    (found,) = client.fetch_commit_pages([asked], "U_1")
    assert found.request is asked
    assert (found.outcome, found.repository, found.total, found.missing) == ("read", "octo/hello", 70, 0)
    assert (found.has_next, found.end_cursor) == (True, "aaaa 1")
    first = found.commits[0]
    assert first.authored_at == "2026-11-20T09:00:00+02:00", "the author's own offset is kept"
    assert first.committed_at == datetime(2026, 11, 20, 7, 59, tzinfo=UTC)
    assert (first.additions, first.deletions, first.changed_files) == (3, 1, 2)
    assert sent(github)["variables"] == {
        "author": "U_1",
        "r0": "R_1",
        "h0": "a" * 40,
        "c0": "aaaa 0",
        "n0": 2,
        "s0": "2026-01-01T00:00:00Z",
        "u0": "2026-02-01T00:00:00Z",
        "x0": True,
    }


@pytest.mark.parametrize(
    "author", [None, {"date": None}, {"date": "not a date"}, {"date": "2026-11-20T09:00:00"}]
)
def test_an_author_date_git_does_not_know_falls_back_to_utc(
    client: GitHubClient, github: responses.RequestsMock, author: dict[str, Any] | None
) -> None:
    answer_graphql(github, data(p0=history(commit(author=author))))
    (found,) = client.fetch_commit_pages([page()], "U_1")
    assert found.commits[0].authored_at == "2026-11-20T07:00:00Z"


def test_a_page_without_statistics_has_commits_without_statistics(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    plain = commit()
    del plain["additions"], plain["deletions"]
    answer_graphql(github, data(p0=history(plain | {"changedFilesIfAvailable": None})))
    (found,) = client.fetch_commit_pages([page(with_statistics=False)], "U_1")
    assert found.outcome == "read"
    assert (found.commits[0].additions, found.commits[0].changed_files) == (None, None)
    assert sent(github)["variables"]["x0"] is False


LINES = {"message": "The additions count for this commit is unavailable."}


def test_commits_whose_lines_github_cannot_count_are_reported_missing(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    found = LINES | {"path": ["p0", "object", "history", "nodes", 1, "additions"]}
    answer_graphql(
        github, data(p0=history(commit(1), None, commit(3)), p1=history(commit(4))) | errors(found)
    )
    first, second = client.fetch_commit_pages([page(), page("R_2")], "U_1")
    assert (first.outcome, first.missing, len(first.commits)) == ("statistics_unavailable", 1, 2)
    assert (second.outcome, second.missing) == ("read", 0)


def test_what_is_missing_without_statistics_stays_missing(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    answer_graphql(github, data(p0=history(None, commit())))
    (found,) = client.fetch_commit_pages([page(with_statistics=False)], "U_1")
    assert (found.outcome, found.missing) == ("read", 1)


GONE_HEAD = {"__typename": "Repository", "nameWithOwner": "octo/hello", "isEmpty": False, "object": None}


@pytest.mark.parametrize(
    ("node", "found", "outcome"),
    [
        (None, {"type": "NOT_FOUND", "path": ["p1"]}, "not_found"),
        (None, {"type": "FORBIDDEN", "path": ["p1"]}, "forbidden"),
        (None, {"type": "INSUFFICIENT_SCOPES", "path": ["p1"]}, "forbidden"),
        (None, None, "not_found"),
        ({"__typename": "Gist"}, None, "not_found"),
        (GONE_HEAD, None, "head_gone"),
        (GONE_HEAD | {"object": {"__typename": "Tree"}}, None, "head_gone"),
        (GONE_HEAD, {"type": "INVALID_CURSOR_ARGUMENTS", "path": ["p1", "object", "history"]}, "head_gone"),
        (GONE_HEAD, {"type": "FORBIDDEN", "path": ["p1", "object"]}, "forbidden"),
        (GONE_HEAD | {"isEmpty": True}, None, "empty"),
    ],
)
def test_a_repository_that_cannot_be_read_does_not_lose_its_siblings(
    client: GitHubClient, github: responses.RequestsMock, node: object, found: object, outcome: str
) -> None:
    document = data(p0=history(commit(1)), p1=node, p2=history(commit(2)))
    answer_graphql(github, document | ({"errors": [found]} if found else {}))
    first, second, third = client.fetch_commit_pages([page("R_1"), page("R_2"), page("R_3")], "U_1")
    assert (second.outcome, second.commits, second.request.repository_id) == (outcome, (), "R_2")
    assert (first.outcome, len(first.commits)) == ("read", 1)
    assert (third.outcome, len(third.commits)) == ("read", 1)


def test_a_page_that_was_asked_for_and_not_answered_is_no_repository_that_is_gone(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    answer_graphql(github, data(p0=history(commit(1)), viewer=17))
    with pytest.raises(UnexpectedResponse):
        client.fetch_commit_pages([page("R_1"), page("R_2")], "U_1")


def test_totals_of_readable_and_unreadable_repositories_in_the_asked_order(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    readable = {
        "__typename": "Repository",
        "id": "R_1",
        "nameWithOwner": "octo/hello",
        "defaultBranchRef": {
            "target": {"oid": "a" * 40, "history": {"totalCount": 12, "nodes": [{"oid": "b" * 40}]}}
        },
    }
    nodes = [None, readable, None, readable | {"defaultBranchRef": None}]
    answer_graphql(
        github,
        data(nodes=nodes)
        | errors({"type": "NOT_FOUND", "path": ["nodes", 0]}, {"type": "FORBIDDEN", "path": ["nodes", 2]}),
    )
    gone, counted, locked, empty = client.fetch_commit_totals(["R_0", "R_1", "R_2", "R_3"], "U_1")
    assert gone == Unreadable("R_0", "not_found")
    assert locked == Unreadable("R_2", "forbidden")
    assert not isinstance(counted, Unreadable)
    assert (counted.total, counted.head_oid, counted.newest_oid) == (12, "a" * 40, "b" * 40)
    assert not isinstance(empty, Unreadable)
    assert (empty.total, empty.head_oid, empty.newest_oid) == (0, None, None)


def test_totals_that_do_not_match_the_question_are_refused(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    answer_graphql(github, data(nodes=[]))
    with pytest.raises(UnexpectedResponse):
        client.fetch_commit_totals(["R_0"], "U_1")


# The REST way out


def test_a_rest_page_follows_the_link_header(client: GitHubClient, github: responses.RequestsMock) -> None:
    link = f'<{COMMITS_PATH}?per_page=1&page=2>; rel="next"'
    github.get(COMMITS_PATH, json=[rest_commit()], headers={"Link": link})
    found = client.fetch_commit_page_rest(1296269, "octocat", "a" * 40, page=1, size=1)
    assert (found.outcome, found.next_page) == ("read", 2)
    assert found.commits[0].authored_at == "2026-11-20T07:00:00Z"
    assert found.commits[0].additions is None
    query = parse_qs(urlsplit(github.calls[0].request.url or "").query)
    assert query == {"author": ["octocat"], "sha": ["a" * 40], "per_page": ["1"], "page": ["1"]}


@pytest.mark.parametrize(
    ("status", "message", "outcome"),
    [
        (409, "Git Repository is empty.", "empty"),
        (404, "Not Found", "not_found"),
        (451, "Repository access blocked", "not_found"),
        (403, "Resource protected by organization SAML enforcement.", "forbidden"),
        (422, "No commit found for SHA: a", "head_gone"),
    ],
)
def test_a_repository_rest_cannot_read_has_an_outcome(
    client: GitHubClient, github: responses.RequestsMock, status: int, message: str, outcome: str
) -> None:
    github.get(COMMITS_PATH, json={"message": message}, status=status)
    found = client.fetch_commit_page_rest(1296269, "octocat", "a" * 40)
    assert (found.outcome, found.commits, found.next_page) == (outcome, (), None)
