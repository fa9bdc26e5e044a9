"""Faults that keep things back: organisations, single nodes and fields, shortened lists, refused accounts."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.server import running
from tests.sandbox.github.conftest import GitHub
from tests.sandbox.github.histories import Planned, make_repository
from tests.sandbox.github.queries import HISTORY

QUERY = "{ viewer { id } }"
LISTED = """{ viewer { repositories(first: 5, ownerAffiliations: [OWNER, ORGANIZATION_MEMBER],
  orderBy: {field: NAME, direction: ASC}) { totalCount nodes { name } edges { node { name } } }
  issues(first: 5, orderBy: {field: CREATED_AT, direction: ASC}) { totalCount nodes { number } } } }"""
BY_ID = "query($id: ID!) { node(id: $id) { id } viewer { login } }"


@pytest.fixture
def github(make_github: Callable[..., GitHub], tmp_path: Path) -> GitHub:
    """`mine` is Alice's own, `theirs` an organisation's; an issue of hers in each."""
    for number, name in enumerate(("mine", "theirs")):
        message = b"See #%d\n" % (number + 1)
        make_repository(tmp_path / name, [Planned(message, moment=b"%d +0000" % (1767690000 + number))])
    return make_github(
        tmp_path / "mine",
        tmp_path / "theirs",
        organizations={"acme": ["theirs"]},
        scopes=("repo", "read:org", "read:user"),
    )


@pytest.mark.parametrize("fault", ["restricted_organization", "saml_organization"])
def test_an_organisation_that_keeps_the_app_out_leaves_nulls(github: GitHub, fault: str) -> None:
    github.fault(**{fault: ["acme"]})

    answer = github.post(LISTED).json
    viewer = answer["data"]["viewer"]

    assert viewer["repositories"]["nodes"] == [{"name": "mine"}, None]
    assert viewer["repositories"]["edges"][1] == {"node": None}
    assert viewer["repositories"]["totalCount"] == 2
    assert viewer["issues"]["nodes"] == [{"number": 1}, None]
    paths = [error["path"] for error in answer["errors"]]
    assert ["viewer", "repositories", "nodes", 1] in paths
    assert ["viewer", "issues", "nodes", 1] in paths
    assert {error["type"] for error in answer["errors"]} == {"FORBIDDEN"}


def test_saml_says_so(github: GitHub) -> None:
    github.fault(saml_organization="acme")
    theirs = github.repository("theirs")

    answer = github.post(BY_ID, id=theirs.node_id).json
    rest = github.get("/repos/acme/theirs")
    listed = github.get("/user/repos")

    assert answer["data"] == {"node": None, "viewer": {"login": "alice"}}
    assert answer["errors"][0]["extensions"] == {"saml_failure": True}
    assert answer["errors"][0]["message"].startswith("Resource protected by organization SAML enforcement.")
    assert rest.status_code == 403
    assert rest.headers["X-GitHub-SSO"].startswith("required; url=")
    assert [each["name"] for each in listed.json] == ["mine"]
    organization = github.service.world.catalogue.organizations[0]
    assert listed.headers["X-GitHub-SSO"] == f"partial-results; organizations={organization.id}"
    assert "X-GitHub-SSO" not in github.get("/user").headers


def test_a_restriction_says_so(github: GitHub) -> None:
    github.fault(restricted_organization=["acme"])

    answer = github.post(BY_ID, id=github.repository("theirs").node_id).json
    rest = github.get("/repos/acme/theirs/commits")

    assert answer["errors"][0]["message"].startswith("Although you appear to have the correct authorization")
    assert "`acme` organization has enabled OAuth App access restrictions" in answer["errors"][0]["message"]
    assert "extensions" not in answer["errors"][0]
    assert (rest.status_code, rest.json["message"]) == (403, answer["errors"][0]["message"])


def test_an_organisation_can_disappear_without_a_word(github: GitHub) -> None:
    github.fault(dropped_organization=["acme"])

    viewer = github.ask(LISTED)["viewer"]

    assert viewer["repositories"] == {
        "totalCount": 1,
        "nodes": [{"name": "mine"}],
        "edges": [{"node": {"name": "mine"}}],
    }
    assert viewer["issues"]["totalCount"] == 1
    assert github.get("/user/orgs").json == []
    assert github.get("/repos/acme/theirs").status_code == 404
    assert (
        github.ask("{ viewer { organizations { totalCount } } }")["viewer"]["organizations"]["totalCount"]
        == 0
    )


def test_a_blocked_repository_is_451(github: GitHub) -> None:
    github.fault(blocked_repository=["mine"])

    rest = github.get("/repos/alice/mine/commits")
    answer = github.post(BY_ID, id=github.repository("mine").node_id).json

    assert rest.status_code == 451
    assert rest.json["message"] == "Repository access blocked"
    assert set(rest.json["block"]) == {"reason", "created_at", "html_url"}
    assert (answer["data"]["node"], answer["errors"][0]["type"]) == (None, "FORBIDDEN")
    assert github.ask(LISTED)["viewer"]["repositories"]["totalCount"] == 2, "it is still listed"


@pytest.mark.parametrize(
    ("fault", "error_type"), [("unknown_node", "NOT_FOUND"), ("forbidden_node", "FORBIDDEN")]
)
def test_single_nodes_can_be_kept_back_in_the_middle(github: GitHub, fault: str, error_type: str) -> None:
    ids = [github.repository("mine").node_id, github.member.node_id, github.repository("theirs").node_id]
    github.fault(**{fault: [ids[1]]})

    answer = github.post("query($ids: [ID!]!) { nodes(ids: $ids) { id } }", ids=ids).json

    assert answer["data"]["nodes"] == [{"id": ids[0]}, None, {"id": ids[2]}]
    (error,) = answer["errors"]
    assert (error["type"], error["path"]) == (error_type, ["nodes", 1])


def test_a_forbidden_item_is_null_in_its_list(github: GitHub) -> None:
    issues = github.service.world.activity(github.repository("mine")).issues
    github.fault(forbidden_node=[issues[0].node_id])

    answer = github.post(LISTED).json

    assert answer["data"]["viewer"]["issues"]["nodes"] == [None, {"number": 2}]
    assert answer["errors"][0]["path"] == ["viewer", "issues", "nodes", 0]


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ('{ node(id: "R_unknown") { id } }', ["node"]),
        ('{ a: node(id: "R_unknown") { id } viewer { id } }', ["a"]),
        ('{ nodes(ids: ["R_unknown"]) { id } }', ["nodes", 0]),
        ('{ nodes(ids: ["U_x", "R_unknown", "zzz"]) { ... on Repository { name } } }', ["nodes", 1]),
    ],
)
def test_an_unknown_id_always_carries_its_type(github: GitHub, query: str, path: list[Any]) -> None:
    by_path = {tuple(error["path"]): error for error in github.errors(query)}

    assert by_path[tuple(path)]["type"] == "NOT_FOUND"
    assert by_path[tuple(path)]["message"] == "Could not resolve to a node with the global id of 'R_unknown'"
    assert {error["type"] for error in by_path.values()} == {"NOT_FOUND"}


@pytest.mark.parametrize("error_type", ["INTERNAL", "UNPROCESSABLE", "SERVICE_UNAVAILABLE", "FORBIDDEN"])
def test_a_field_can_fail_where_it_stands(github: GitHub, error_type: str) -> None:
    github.fault(field_error={"field": "stateReason", "type": error_type})

    answer = github.post("{ viewer { login issues(first: 5) { nodes { number stateReason } } } }").json

    assert answer["data"]["viewer"]["issues"]["nodes"] == [
        {"number": 1, "stateReason": None},
        {"number": 2, "stateReason": None},
    ]
    assert {error["type"] for error in answer["errors"]} == {error_type}
    assert answer["errors"][0]["path"] == ["viewer", "issues", "nodes", 0, "stateReason"]


def test_a_field_that_may_not_be_null_takes_its_parent_along(github: GitHub) -> None:
    github.fault(field_error={"field": "title", "type": "INTERNAL", "times": 1})
    query = "{ viewer { login issues(first: 1) { nodes { title } } } }"

    first, second = github.post(query).json, github.post(query).json

    assert first["data"]["viewer"]["issues"]["nodes"] == [None]
    assert "errors" not in second


def test_scopes_can_be_said_not_to_suffice(github: GitHub) -> None:
    github.fault(insufficient_scopes=["organizations"])

    answer = github.post("{ viewer { login organizations(first: 1) { totalCount } } }").json

    assert answer["data"] is None, "nothing on the way up may be null"
    assert answer["errors"][0]["type"] == "INSUFFICIENT_SCOPES"
    assert "'organizations' field" in answer["errors"][0]["message"]


def test_lists_below_too_many_aliases_are_cut_without_a_word(
    make_github: Callable[..., GitHub], tmp_path: Path
) -> None:
    github = make_github(make_repository(tmp_path / "r", [Planned(b"%d\n" % each) for each in range(10)]))
    repository = github.repository("r").node_id
    one = "%s: node(id: $id) { ... on Repository { defaultBranchRef { target { ... on Commit { %s } } } } }"
    history = "history(first: 10) { totalCount pageInfo { hasNextPage } nodes { oid } }"
    query = f"query($id: ID!) {{ {' '.join(one % (f'p{n}', history) for n in range(4))} }}"

    def lengths() -> list[tuple[int, int, bool]]:
        pages = [
            each["defaultBranchRef"]["target"]["history"]
            for each in github.ask(query, id=repository).values()
        ]
        return [(p["totalCount"], len(p["nodes"]), p["pageInfo"]["hasNextPage"]) for p in pages]

    whole = (10, 10, False)
    assert lengths() == [whole] * 4
    github.fault(cut_nested_connections=3)
    assert lengths() == [whole, whole, whole, (5, 5, False)]
    github.fault(cut_nested_connections=4)
    assert lengths() == [whole] * 4


def test_places_of_nodes_are_counted_too_and_lists_of_the_viewer_are_not(github: GitHub) -> None:
    ids = [github.repository("mine").node_id, github.repository("theirs").node_id]
    github.fault(cut_nested_connections=1)

    data = github.ask(
        """query($ids: [ID!]!) { nodes(ids: $ids) { ... on Repository { issues(first: 1) { totalCount } } }
        viewer { issues(first: 5) { totalCount } pullRequests { totalCount } } }""",
        ids=ids,
    )

    assert [node["issues"]["totalCount"] for node in data["nodes"]] == [1, 0]
    assert data["viewer"]["issues"]["totalCount"] == 2


def test_statistics_of_all_commits_can_be_unknown(github: GitHub) -> None:
    repository = github.repository("mine")
    place = {"repository": repository.node_id, "head": repository.git.head, "n": 5}
    github.fault(statistics_unavailable={"value": ["*"], "times": 1})

    broken, whole = github.post(HISTORY, **place).json, github.post(HISTORY, **place).json

    assert [edge["node"] for edge in broken["data"]["node"]["object"]["history"]["edges"]] == [None]
    assert "errors" not in whole
    github.fault(statistics_unavailable=True)
    assert github.post(HISTORY, **place).json["errors"][0]["type"] == "SERVICE_UNAVAILABLE"


@pytest.mark.parametrize("status", [500, 503])
def test_servers_can_fail(github: GitHub, status: int) -> None:
    github.fault(**{f"status_{status}": {"times": 1, "after": 1}})

    assert [github.post(QUERY).status_code for _ in range(3)] == [200, status, 200]


def test_a_timeout_can_look_like_success(github: GitHub) -> None:
    github.fault(something_went_wrong={"times": 1})

    first, second = github.post(QUERY), github.post(QUERY)

    assert (first.status_code, first.json["data"]) == (200, None)
    assert first.json["errors"][0]["message"].startswith("Something went wrong while executing your query.")
    assert second.json["data"]["viewer"]
    assert github.counts()["points"] == 3


def test_a_connection_can_close_instead_of_an_answer(github: GitHub) -> None:
    github.fault(drop_connection={"times": 1}, rest_truncate_body={"times": 1})
    with running(github.app) as url:
        with pytest.raises(requests.RequestException):
            requests.post(f"{url}/graphql", json={"query": QUERY}, headers=github.headers, timeout=5)
        with pytest.raises(requests.RequestException):
            requests.get(f"{url}/user", headers=github.headers, timeout=5)
        assert requests.get(f"{url}/user", headers=github.headers, timeout=5).ok


def test_rest_can_fail_without_graphql(github: GitHub) -> None:
    github.fault(rest_status={"value": 502, "times": 1})

    assert github.post(QUERY).status_code == 200
    broken = github.get("/user")
    assert (broken.status_code, broken.json["message"]) == (502, "Server Error")
    assert github.get("/user").status_code == 200


def test_requests_to_rest_count_for_after(github: GitHub) -> None:
    github.fault(gone_repository={"value": "mine", "after": 2})

    statuses = [github.get("/repos/alice/mine").status_code for _ in range(3)]

    assert statuses == [200, 200, 404]


def test_queries_for_many_nodes_can_be_too_heavy(github: GitHub) -> None:
    github.fault(heavy_nodes=50)

    assert github.post("{ viewer { issues(first: 50) { totalCount } } }").status_code == 200
    two = "{ viewer { issues(first: 26) { totalCount } pullRequests(first: 25) { totalCount } } }"
    assert github.post(two).status_code == 502


@pytest.mark.parametrize(
    ("window", "is_refused"),
    [
        ('(from: "2026-01-01T00:00:00Z", to: "2026-03-31T23:59:59Z")', False),
        ('(from: "2026-01-01T00:00:00Z", to: "2026-04-01T23:59:59Z")', True),
        ('(from: "2026-01-01T00:00:00Z")', True),
        ("", True),
    ],
)
def test_long_windows_can_exceed_the_resources(github: GitHub, window: str, is_refused: bool) -> None:
    github.fault(resource_limits_exceeded={"window_days": 90})

    answer = github.post(f"{{ viewer {{ w: contributionsCollection{window} {{ startedAt }} }} }}").json

    assert ("errors" in answer) is is_refused
    if is_refused:
        assert answer["errors"][0]["type"] == "RESOURCE_LIMITS_EXCEEDED"


def test_a_tree_can_be_cut(generated: GitHub) -> None:
    first = generated.service.world.catalogue.repositories[0]
    path = f"/repos/{first.full_name}/git/trees/main?recursive=1"
    whole = generated.get(path).json
    generated.fault(truncate_tree=1)

    cut = generated.get(path).json

    assert (whole["truncated"], cut["truncated"]) == (False, True)
    assert cut["tree"] == whole["tree"][:1]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("suspended_account", "Sorry. Your account was suspended."),
        ("too_many_logins", "Maximum number of login attempts exceeded. Please try again later."),
    ],
)
def test_a_person_can_be_refused(github: GitHub, fault: str, message: str) -> None:
    github.fault(**{fault: {"times": 2}})

    graphql, rest = github.post(QUERY), github.get("/user")

    assert (graphql.status_code, graphql.json["message"]) == (403, message)
    assert (rest.status_code, rest.json["message"]) == (403, message)
    assert github.post(QUERY).status_code == 200


def test_who_has_no_token_can_be_over_the_limit(github: GitHub) -> None:
    github.fault(anonymous_limit={"times": 1})

    first, second = (
        github.http.get("/user", headers={"User-Agent": "x"}),
        github.http.get("/user", headers={"User-Agent": "x"}),
    )

    assert first.status_code == 403
    assert "But here's the good news" in (first.json or {})["message"]
    assert second.status_code == 401


def _refresh(github: GitHub, token: str | None) -> Any:
    return github.http.post(
        "/login/oauth/access_token",
        data={"client_id": "app", "grant_type": "refresh_token", "refresh_token": token},
        headers={"Accept": "application/json"},
    )


def test_the_slower_of_two_who_refresh_hears_that_the_token_is_bad(
    make_github: Callable[..., GitHub], tricky: Path
) -> None:
    github = make_github(tricky, token_lifetime=28_800)
    issued = github.service.tokens.issue(github.member.id, "app", ["repo"])
    github.fault(lost_refresh_race={"times": 1})

    lost, again = _refresh(github, issued.refresh_token), _refresh(github, issued.refresh_token)

    assert lost.json["error"] == "bad_refresh_token"
    assert again.json["access_token"]


def test_the_answer_to_a_refresh_can_be_lost(make_github: Callable[..., GitHub], tricky: Path) -> None:
    github = make_github(tricky, token_lifetime=28_800)
    issued = github.service.tokens.issue(github.member.id, "app", ["repo"])
    github.fault(lost_refresh_answer={"times": 1})
    values = {"client_id": "app", "grant_type": "refresh_token", "refresh_token": issued.refresh_token}

    with running(github.app) as url, pytest.raises(requests.RequestException):
        requests.post(f"{url}/login/oauth/access_token", data=values, timeout=5)

    assert _refresh(github, issued.refresh_token).json["error"] == "bad_refresh_token", "it was used up"


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ({"field_error": True}, "field_error needs field and type"),
        ({"field_error": {"field": "x"}}, "field_error needs field and type"),
        ({"refuse_after_requests": {"resource": "mail"}}, "resource must be one of graphql, rest"),
        ({"cut_nested_connections": "many"}, "cut_nested_connections must be a number"),
        ({"concurrent_limit": True}, "concurrent_limit must be a number"),
    ],
)
def test_a_wrong_obstacle_is_refused(github: GitHub, fault: dict[str, object], message: str) -> None:
    answer = github.http.post("/_sandbox/faults", json=fault)

    assert answer.status_code == 400
    assert message in answer.text
