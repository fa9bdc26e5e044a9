"""Each fault, switched on over HTTP as a test of the service would."""

from collections.abc import Callable
from pathlib import Path

import pytest
import requests

from sandbox.server import running
from tests.sandbox.github.conftest import GitHub
from tests.sandbox.github.histories import Planned, git, make_repository
from tests.sandbox.github.queries import HISTORY, REPOSITORIES

QUERY = "{ viewer { id } }"
DAY = 86_400


@pytest.mark.parametrize("status", [502, 504])
def test_a_gateway_gives_up(github: GitHub, status: int) -> None:
    github.fault(**{f"status_{status}": {"times": 1, "after": 1}})

    answers = [github.post(QUERY) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, status, 200]
    assert "couldn't respond to your request in time" in answers[1].json["message"]
    assert github.counts()["points"] == 4  # a time-out takes points twice


def test_a_gateway_can_answer_with_a_page(github: GitHub) -> None:
    github.fault(status_502={"times": 1, "html": True})

    answer = github.post(QUERY)

    assert (answer.status_code, answer.mimetype) == (502, "text/html")
    assert b"nginx" in answer.data


def test_a_body_can_be_cut_off(github: GitHub) -> None:
    github.fault(truncate_body={"times": 1})
    with running(github.app) as url:
        with pytest.raises(requests.RequestException):
            requests.post(f"{url}/graphql", json={"query": QUERY}, headers=github.headers, timeout=5)
        answer = requests.post(f"{url}/graphql", json={"query": QUERY}, headers=github.headers, timeout=5)

    assert answer.json()["data"]["viewer"]["id"] == github.member.node_id


def test_large_pages_can_be_too_heavy(github: GitHub) -> None:
    github.fault(heavy_page_size=50)

    assert github.post("{ viewer { issues(first: 50) { totalCount } } }").status_code == 200
    assert github.post("{ viewer { issues(first: 51) { totalCount } } }").status_code == 502


@pytest.mark.parametrize(
    ("thresholds", "query", "is_refused"),
    [
        (True, QUERY, True),
        ({"aliases": 1}, QUERY, False),
        ({"aliases": 1}, "{ a: viewer { id } b: viewer { id } }", True),
        ({"aliases": 1}, "{ viewer { a: id b: login } }", True),
        ({"aliases": 2}, "{ viewer { a: id b: login c: name @skip(if: true) } }", False),
        ({"page_size": 10}, "{ viewer { issues(first: 11) { totalCount } } }", True),
        ({"page_size": 10, "aliases": 9}, "{ viewer { issues(first: 10) { totalCount } } }", False),
    ],
)
def test_resources_can_be_limited(github: GitHub, thresholds: object, query: str, is_refused: bool) -> None:
    github.fault(resource_limits_exceeded=thresholds)

    answer = github.post(query)

    assert answer.status_code == 200
    assert ("errors" in answer.json) is is_refused
    if is_refused:
        assert answer.json["data"] is None
        assert answer.json["errors"][0]["type"] == "RESOURCE_LIMITS_EXCEEDED"
        assert answer.json["errors"][0]["message"] == "Resource limits for this query exceeded."


def test_unknown_statistics_make_the_commit_null_but_keep_its_cursor(github: GitHub) -> None:
    repository = github.repository("tricky")
    head = repository.git.head
    github.fault(statistics_unavailable=[head])

    answer = github.post(HISTORY, repository=repository.node_id, head=head, n=2).json
    edges = answer["data"]["node"]["object"]["history"]["edges"]
    without = github.ask(
        """query($id: ID!) { node(id: $id) { ... on Repository { defaultBranchRef { target { oid
        ... on Commit { changedFilesIfAvailable } } } } } }""",
        id=repository.node_id,
    )

    assert edges[0] == {"cursor": f"{head} 0", "node": None}
    assert edges[1]["node"]["additions"] >= 0
    assert answer["errors"][0]["message"] == "The additions count for this commit is unavailable."
    assert answer["errors"][0]["path"][:-1] == ["node", "object", "history", "edges", 0, "node"]
    assert without["node"]["defaultBranchRef"]["target"] == {"oid": head, "changedFilesIfAvailable": None}


def test_a_forbidden_repository_is_listed_but_not_read(github: GitHub) -> None:
    github.fault(forbidden_repository=["tricky"])
    repository = github.repository("tricky")

    answer = github.post(
        "query($id: ID!) { node(id: $id) { id } viewer { login } }", id=repository.node_id
    ).json
    rest = github.get("/repos/alice/tricky")

    assert answer["data"] == {"node": None, "viewer": {"login": "alice"}}
    assert answer["errors"][0]["type"] == "FORBIDDEN"
    assert rest.status_code == 403
    assert "OAuth App access restrictions" in rest.json["message"]


def test_a_deleted_repository_is_nowhere(github: GitHub) -> None:
    repository = github.repository("tricky")
    github.fault(gone_repository="tricky")

    (error,) = github.errors("query($id: ID!) { node(id: $id) { id } }", id=repository.node_id)

    assert error["type"] == "NOT_FOUND"
    assert github.ask(REPOSITORIES, n=10)["viewer"]["repositories"]["totalCount"] == 0
    assert github.get("/repos/alice/tricky").status_code == 404
    github.fault(gone_repository=False)
    assert github.get("/repos/alice/tricky").status_code == 200


def test_a_renamed_repository_keeps_its_id_and_redirects(github: GitHub) -> None:
    before = github.repository("tricky").node_id
    github.fault(moved_repository={"tricky": "easy"})

    moved = github.get("/repos/alice/tricky/commits?per_page=1")
    followed = github.ask('{ repository(owner: "alice", name: "tricky") { id nameWithOwner } }')["repository"]
    (error,) = github.errors('{ repository(owner: "alice", name: "tricky", followRenames: false) { id } }')

    assert moved.status_code == 301
    assert moved.headers["Location"].endswith("/commits")
    assert moved.json["message"] == "Moved Permanently"
    assert github.get(moved.headers["Location"]).status_code == 200
    assert followed == {"id": before, "nameWithOwner": "alice/easy"}
    assert error["type"] == "NOT_FOUND"


def test_tokens_can_be_revoked_in_the_middle(github: GitHub) -> None:
    github.fault(revoke_tokens={"after": 1})

    answers = [github.post(QUERY), github.post(QUERY)]

    assert [answer.status_code for answer in answers] == [200, 401]
    assert answers[1].json["message"] == "Bad credentials"
    github.sign_in()
    assert github.post(QUERY).status_code == 200


def test_tokens_can_expire_and_be_refreshed(make_github: Callable[..., GitHub], tricky: Path) -> None:
    github = make_github(tricky, token_lifetime=28_800)
    issued = github.service.tokens.issue(github.member.id, "app", ["repo"])
    github.fault(expire_tokens=True)

    assert github.post(QUERY).status_code == 401
    refreshed = github.service.tokens.refresh(issued.refresh_token or "", "app")
    assert refreshed is not None
    assert refreshed.token.scopes == ("repo",)


def test_the_limit_can_come_right_after_a_certain_page(
    make_github: Callable[..., GitHub], tmp_path: Path
) -> None:
    commits = [Planned(moment=b"%d +0000" % (1_767_225_600 + day * DAY)) for day in range(10)]
    path = make_repository(tmp_path / "weeks", commits)
    github = make_github(path)
    repository = github.repository("weeks")
    github.fault(
        refuse_after_page={"repository": "weeks", "older_than": "2026-01-06", "form": "secondary_200"}
    )

    after, pages = None, 0
    while True:
        place = {"repository": repository.node_id, "head": repository.git.head}
        answer = github.post(HISTORY, n=2, after=after, **place).json
        if "data" not in answer:
            break
        pages += 1
        after = answer["data"]["node"]["object"]["history"]["pageInfo"]["endCursor"]

    assert pages == 3  # the third page holds 5 and 6 January
    assert "secondary rate limit" in answer["errors"][0]["message"]
    assert github.counts()["refused_while_blocked"] == 0
    assert len(git(path, "log", "--format=%H").split()) == 10


def test_the_log_shows_what_was_asked_and_never_a_token(github: GitHub) -> None:
    place = {"repository": github.repository("tricky").node_id, "head": github.repository("tricky").git.head}
    github.ask(HISTORY, n=1, **place)
    github.fault(status_502={"times": 1})
    github.post(QUERY)

    log = github.http.get("/_sandbox/graphql_log")

    assert log.json == [
        {"operation": "Page", "variables": {"n": 1, **place}, "cost": 1, "status": 200},
        {"operation": None, "variables": {}, "cost": 1, "status": 502},
    ]
    assert github.token not in log.text


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"no_such": 1}, "Unknown fault no_such"),
        ({"graphql_limit": "many"}, "graphql_limit must be a number"),
        ({"refuse_after_requests": {"form": "loud"}}, "form must be one of"),
        ({"refuse_after_page": {"repository": "x"}}, "needs older_than"),
        ({"status_502": {"after": -1}}, "after must be a whole number"),
        ({"refuse_after_page": {"repository": "x", "older_than": "soon"}}, "soon"),
    ],
)
def test_a_wrong_fault_is_refused(github: GitHub, fault: dict[str, object], message: str) -> None:
    answer = github.http.post("/_sandbox/faults", json=fault)

    assert answer.status_code == 400
    assert message in answer.text
