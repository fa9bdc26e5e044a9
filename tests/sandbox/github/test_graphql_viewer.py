"""Identity, repositories, nodes: what a person may see and what not."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.sandbox.github.conftest import GitHub
from tests.sandbox.github.histories import ALICE, BOB, Planned, git, make_repository
from tests.sandbox.github.queries import REPOSITORIES


@pytest.fixture
def three(tmp_path: Path) -> list[Path]:
    make_repository(tmp_path / "alpha", [Planned(author=ALICE), Planned(author=BOB)])
    make_repository(tmp_path / "beta", [Planned(author=ALICE)])
    make_repository(tmp_path / "gamma")
    return [tmp_path / name for name in ("alpha", "beta", "gamma")]


def test_the_viewer_is_the_author_with_most_commits(github: GitHub) -> None:
    viewer = github.ask("{ viewer { id databaseId login name createdAt isViewer __typename } }")["viewer"]

    assert viewer == {
        "id": github.member.node_id,
        "databaseId": github.member.id,
        "login": "alice",
        "name": "A\tTab",  # as in the newest commit
        "createdAt": "2020-12-31T23:59:59Z",
        "isViewer": True,
        "__typename": "User",
    }
    assert github.member.node_id.startswith("U_kgDO")


def test_ids_are_the_same_after_every_start(make_github: Callable[..., GitHub], three: list[Path]) -> None:
    one, other = make_github(*three), make_github(*reversed(three))

    assert one.member.id == other.member.id
    assert {each.id for each in one.service.world.catalogue.repositories} == {
        each.id for each in other.service.world.catalogue.repositories
    }


@pytest.mark.parametrize(
    ("options", "login", "count"),
    [
        ({}, "alice", 8),
        ({"emails": ["bob@example.org"]}, "bob", 4),
        ({"login": "bob"}, "bob", 4),
        ({"login": "carol", "emails": ["BOB@example.org", "alice@example.org"]}, "carol", 12),
        ({"login": "nobody-here"}, "nobody-here", 0),
    ],
)
def test_the_member_can_be_chosen(
    make_github: Callable[..., GitHub], tricky: Path, options: dict[str, object], login: str, count: int
) -> None:
    github = make_github(tricky, **options)

    viewer = github.ask(
        """query($id: ID!) { viewer { login } repository(owner: "LOGIN", name: "tricky") { defaultBranchRef {
        target { ... on Commit { history(author: {id: $id}) { totalCount } } } } } }""".replace(
            "LOGIN", login
        ),
        id=github.member.node_id,
    )

    assert viewer["viewer"]["login"] == login
    assert viewer["repository"]["defaultBranchRef"]["target"]["history"]["totalCount"] == count


def test_repositories_are_listed_with_their_heads(
    make_github: Callable[..., GitHub], three: list[Path]
) -> None:
    github = make_github(*three)

    first = github.ask(REPOSITORIES, n=2)["viewer"]["repositories"]
    rest = github.ask(REPOSITORIES, n=2, after=first["pageInfo"]["endCursor"])["viewer"]["repositories"]

    assert first["totalCount"] == 3
    assert [node["nameWithOwner"] for node in first["nodes"]] == ["alice/alpha", "alice/beta"]
    assert first["nodes"][0]["defaultBranchRef"]["name"] == "main"
    assert first["nodes"][0]["defaultBranchRef"]["prefix"] == "refs/heads/"
    assert first["nodes"][0]["viewerPermission"] == "ADMIN"
    (empty,) = rest["nodes"]
    assert (empty["isEmpty"], empty["defaultBranchRef"], empty["pushedAt"]) == (True, None, None)
    assert rest["pageInfo"]["hasNextPage"] is False


def test_others_are_collaborators_where_they_committed(
    make_github: Callable[..., GitHub], three: list[Path]
) -> None:
    github = make_github(*three)
    github.sign_in(login="bob")

    (node,) = github.ask(REPOSITORIES, n=10)["viewer"]["repositories"]["nodes"]

    assert (node["nameWithOwner"], node["viewerPermission"]) == ("alice/alpha", "WRITE")


def test_a_private_repository_takes_the_repo_scope(
    make_github: Callable[..., GitHub], three: list[Path]
) -> None:
    github = make_github(*three, private=["beta"])
    beta = github.repository("beta").node_id

    hidden = github.ask(REPOSITORIES, n=10)["viewer"]["repositories"]
    (error,) = github.errors("query($id: ID!) { node(id: $id) { id } }", id=beta)
    github.sign_in("repo")
    shown = github.ask(REPOSITORIES, n=10)["viewer"]["repositories"]

    assert (hidden["totalCount"], shown["totalCount"]) == (2, 3)
    assert error["type"] == "NOT_FOUND"
    assert [node["visibility"] for node in shown["nodes"]] == ["PUBLIC", "PRIVATE", "PUBLIC"]


def test_an_unknown_node_is_null_with_an_error_and_its_neighbours_stay(github: GitHub) -> None:
    known = github.repository("tricky").node_id
    answer = github.post(
        'query($ids: [ID!]!) { nodes(ids: $ids) { id } user(login: "nobody") { id } }', ids=[known, "R_x"]
    ).json

    assert answer["data"] == {"nodes": [{"id": known}, None], "user": None}
    by_path = {tuple(error["path"]): error for error in answer["errors"]}
    assert by_path["nodes", 1]["type"] == "NOT_FOUND"
    assert by_path["nodes", 1]["message"] == "Could not resolve to a node with the global id of 'R_x'"
    assert by_path["user",]["message"] == "Could not resolve to a User with the login of 'nobody'."


def test_every_node_is_found_by_its_id(github: GitHub) -> None:
    data = github.ask(
        """{ viewer { id repositories(first: 1) { nodes { id defaultBranchRef { id target { id
        ... on Commit { tree { id entries { object { id } } } } } } } }
        pullRequests(first: 1) { nodes { id } } issues(first: 1) { nodes { id } }
        starredRepositories { totalCount } } }"""
    )["viewer"]
    (repository,) = data["repositories"]["nodes"]
    target = repository["defaultBranchRef"]["target"]
    ids = [
        data["id"],
        repository["id"],
        repository["defaultBranchRef"]["id"],
        target["id"],
        target["tree"]["id"],
        target["tree"]["entries"][0]["object"]["id"],
        data["issues"]["nodes"][0]["id"],
    ]

    found = github.ask("query($ids: [ID!]!) { nodes(ids: $ids) { __typename id } }", ids=ids)["nodes"]

    assert [node["id"] for node in found] == ids
    assert [node["__typename"] for node in found] == [
        "User",
        "Repository",
        "Ref",
        "Commit",
        "Tree",
        "Blob",
        "Issue",
    ]


def test_the_address_takes_a_scope(github: GitHub) -> None:
    github.sign_in()

    (error,) = github.errors("{ viewer { email } }")

    assert error["type"] == "INSUFFICIENT_SCOPES"
    assert error["message"].startswith("Your token has not been granted the required scopes")


def test_branches_can_be_listed_and_compared(make_github: Callable[..., GitHub], tmp_path: Path) -> None:
    path = make_repository(tmp_path / "r", [Planned(), Planned(), Planned()])
    git(path, "branch", "older", "HEAD~2")
    github = make_github(path)

    data = github.ask(
        """query($id: ID!) { node(id: $id) { ... on Repository {
        refs(refPrefix: "refs/heads/", first: 5) { totalCount nodes { name target { oid } } }
        ref(qualifiedName: "older") { name compare(headRef: "main") { status aheadBy behindBy } } } } }""",
        id=github.repository("r").node_id,
    )["node"]

    assert [node["name"] for node in data["refs"]["nodes"]] == ["main", "older"]
    assert data["ref"]["compare"] == {"status": "AHEAD", "aheadBy": 2, "behindBy": 0}
