"""GitHub's answers as its documentation and published recordings show them."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import responses

from github_client.answers import Answer

API = "https://api.github.test"
TOKEN = "gho_16C7e42F292c6912E7710c838347Ae178B4a"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
RESET = datetime(2026, 11, 23, 12, 40, tzinfo=UTC)

HEADERS = {
    "x-ratelimit-limit": "5000",
    "x-ratelimit-remaining": "4990",
    "x-ratelimit-used": "10",
    "x-ratelimit-reset": str(int(RESET.timestamp())),
    "x-ratelimit-resource": "graphql",
    "x-oauth-scopes": "read:user, repo",
}
EXHAUSTED = HEADERS | {"x-ratelimit-remaining": "0", "x-ratelimit-used": "5000"}
RATE = {"cost": 1, "limit": 5000, "used": 10, "remaining": 4990, "resetAt": "2026-11-23T12:40:00Z"}

PRIMARY = "API rate limit exceeded for user ID 583231. If you reach out to GitHub Support for help, ..."
SECONDARY = "You have exceeded a secondary rate limit. Please wait a few minutes before you try again."
TOO_LATE = (
    "We couldn't respond to your request in time. Sorry about that. Please try resubmitting your request and "
    "contact us if the problem persists."
)
WENT_WRONG = (
    "Something went wrong while executing your query. This may be the result of a timeout, or it could be a "
    "GitHub bug. Please include `C0FF:EE` when reporting this issue."
)
HTML = b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n</html>"


def answer(status: int, document: object = None, headers: dict[str, str] | None = None) -> Answer:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return Answer(status, HEADERS if headers is None else headers, body)


def errors(*found: object, **rest: Any) -> dict[str, Any]:
    return {"errors": list(found), **rest}


def repository(name: str = "octo/hello", **changes: Any) -> dict[str, Any]:
    return {
        "id": "R_1",
        "databaseId": 1296269,
        "nameWithOwner": name,
        "visibility": "PUBLIC",
        "isFork": False,
        "isEmpty": False,
        "isArchived": False,
        "createdAt": "2026-01-02T03:04:05Z",
        "pushedAt": "2026-11-20T08:00:00Z",
        "stargazerCount": 80,
        "forkCount": 9,
        "viewerPermission": "ADMIN",
        "primaryLanguage": {"name": "Python"},
        "owner": {"id": "U_1"},
        "defaultBranchRef": {"target": {"oid": "a" * 40, "committedDate": "2026-11-20T07:59:00Z"}},
    } | changes


def repositories(*nodes: dict[str, Any] | None, **changes: Any) -> dict[str, Any]:
    return {
        "totalCount": len(nodes),
        "pageInfo": {"hasNextPage": False, "endCursor": None},
        "nodes": list(nodes),
    } | changes


def window(**changes: Any) -> dict[str, Any]:
    day = {"date": "2026-11-09", "contributionCount": 3}
    quiet = {"date": "2026-11-10", "contributionCount": 0}
    return {
        "restrictedContributionsCount": 1,
        "totalCommitContributions": 3,
        "totalIssueContributions": 4,
        "totalPullRequestContributions": 5,
        "totalPullRequestReviewContributions": 6,
        "totalRepositoriesWithContributedCommits": 1,
        "contributionCalendar": {"totalContributions": 4, "weeks": [{"contributionDays": [day, quiet]}]},
        "commitContributionsByRepository": [{"repository": repository(), "contributions": {"totalCount": 3}}],
        "repositoryContributions": {"totalCount": 1, "nodes": [{"repository": repository("octo/new")}]},
    } | changes


def viewer(**changes: Any) -> dict[str, Any]:
    return {
        "id": "U_1",
        "databaseId": 583231,
        "login": "octocat",
        "name": None,
        "createdAt": "2011-01-25T18:44:36Z",
        "bio": "",
        "company": "@github",
        "location": None,
        "websiteUrl": "https://octo.test",
        "twitterUsername": None,
        "followers": {"totalCount": 9001},
        "following": {"totalCount": 9},
        "contributionsCollection": window(contributionYears=[2026, 2025]),
        "repositories": repositories(repository()),
    } | changes


def commit(index: int = 0, **changes: Any) -> dict[str, Any]:
    return {
        "oid": f"{index:040x}",
        "id": f"C_{index}",
        "message": "Fix the thing",
        "authoredDate": "2026-11-20T07:00:00Z",
        "committedDate": "2026-11-20T07:59:00Z",
        "url": f"https://github.test/octo/hello/commit/{index:040x}",
        "changedFilesIfAvailable": 2,
        "author": {"date": "2026-11-20T09:00:00+02:00"},
        "additions": 3,
        "deletions": 1,
    } | changes


def history(*nodes: dict[str, Any] | None, **changes: Any) -> dict[str, Any]:
    """A repository as an alias of a page of commits holds it."""
    page = {
        "totalCount": len(nodes),
        "pageInfo": {"hasNextPage": False, "endCursor": None},
        "nodes": list(nodes),
    } | changes
    return {
        "__typename": "Repository",
        "nameWithOwner": "octo/hello",
        "isEmpty": False,
        "object": {"__typename": "Commit", "history": page},
    }


def data(**fields: Any) -> dict[str, Any]:
    return {"data": {**fields, "rateLimit": RATE}}


def rest_commit(**changes: Any) -> dict[str, Any]:
    return {
        "sha": "b" * 40,
        "node_id": "C_1",
        "html_url": "https://github.test/octo/hello/commit/b",
        "commit": {
            "message": "Fix",
            "author": {"date": "2026-11-20T07:00:00Z"},
            "committer": {"date": "2026-11-20T07:59:00Z"},
        },
    } | changes


def answer_graphql(github: responses.RequestsMock, document: object, **rest: Any) -> None:
    github.post(f"{API}/graphql", json=document, headers=HEADERS, **rest)


def sent(github: responses.RequestsMock, index: int = 0) -> dict[str, Any]:
    body: dict[str, Any] = json.loads(github.calls[index].request.body or "{}")
    return body
