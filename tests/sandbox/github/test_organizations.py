"""Who owns a repository, how a person stands to it, and what that takes of a token."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time

from sandbox.github.catalogue import SettingError
from tests.sandbox.github.conftest import GitHub
from tests.sandbox.github.histories import ALICE, BOB, Planned, make_repository

REPOSITORIES = """query($own: [RepositoryAffiliation]) { viewer { repositories(first: 50,
  ownerAffiliations: $own, affiliations: [OWNER, COLLABORATOR, ORGANIZATION_MEMBER],
  orderBy: {field: NAME, direction: ASC}) {
  nodes { name viewerPermission isInOrganization owner { __typename login } } } } }"""
ORGANIZATIONS = "{ viewer { organizations(first: 5) { totalCount nodes { id login viewerIsAMember } } } }"
EVERY = ["OWNER", "COLLABORATOR", "ORGANIZATION_MEMBER"]
CAROL = b"Carol Cedar <carol@example.org>"


@pytest.fixture
def github(make_github: Callable[..., GitHub], tmp_path: Path) -> GitHub:
    """Alice owns `mine`, works on two of an organisation, and contributed to Bob's `theirs`."""
    for name in ("mine", "public", "secret"):
        make_repository(tmp_path / name, [Planned(b"%s\n" % name.encode()), Planned(b"again\n")])
    make_repository(
        tmp_path / "theirs",
        [Planned(b"%d\n" % number, BOB) for number in range(4)] + [Planned(b"My part (#9)\n", ALICE)],
    )
    return make_github(
        *(tmp_path / name for name in ("mine", "public", "secret", "theirs")),
        private=["secret"],
        organizations={"acme": ["public", "secret"]},
        foreign=["theirs"],
        login="alice",
        scopes=("read:user", "repo", "read:org"),
    )


def _names(github: GitHub, own: list[str]) -> dict[str, Any]:
    nodes = github.ask(REPOSITORIES, own=own)["viewer"]["repositories"]["nodes"]
    return {node["name"]: node for node in nodes}


def test_repositories_of_organisations_take_the_affiliation(github: GitHub) -> None:
    assert set(_names(github, ["OWNER", "COLLABORATOR"])) == {"mine"}
    assert set(_names(github, ["ORGANIZATION_MEMBER"])) == {"public", "secret"}
    assert set(_names(github, EVERY)) == {"mine", "public", "secret"}


def test_they_say_whose_they_are_and_what_the_viewer_may(github: GitHub) -> None:
    nodes = _names(github, EVERY)

    assert nodes["public"]["owner"] == {"__typename": "Organization", "login": "acme"}
    assert (nodes["public"]["isInOrganization"], nodes["mine"]["isInOrganization"]) == (True, False)
    assert (nodes["public"]["viewerPermission"], nodes["mine"]["viewerPermission"]) == ("WRITE", "ADMIN")


def test_private_ones_of_an_organisation_need_both_scopes(github: GitHub) -> None:
    secret = github.repository("secret").node_id
    for scopes, is_seen in (
        (("repo", "read:org"), True),
        (("repo",), False),
        (("read:org",), False),
        ((), False),
    ):
        github.sign_in(*scopes)
        assert ("secret" in _names(github, EVERY)) is is_seen
        answer = github.post("query($id: ID!) { node(id: $id) { id } }", id=secret).json
        assert (answer["data"]["node"] is not None) is is_seen


def test_memberships_need_a_scope(github: GitHub) -> None:
    organizations = github.ask(ORGANIZATIONS)["viewer"]["organizations"]
    github.sign_in("repo", "read:user")
    (error,) = github.errors(ORGANIZATIONS)

    assert organizations["totalCount"] == 1
    assert organizations["nodes"][0]["login"] == "acme"
    assert organizations["nodes"][0]["viewerIsAMember"] is True
    assert error["type"] == "INSUFFICIENT_SCOPES"
    assert error["message"].startswith("Your token has not been granted the required scopes")
    assert "'organizations'" in error["message"]
    assert github.get("/user/orgs").json == []


def test_an_organisation_is_found_by_login_and_id(github: GitHub) -> None:
    organization = github.service.world.catalogue.organizations[0]
    data = github.ask(
        """query($id: ID!) { organization(login: "ACME") { id databaseId repositories(first: 5,
        ownerAffiliations: [OWNER]) { totalCount } } repositoryOwner(login: "acme") { __typename login }
        node(id: $id) { ... on Organization { login } } viewer { organization(login: "acme") { login } } }""",
        id=organization.node_id,
    )
    (error,) = github.errors('{ organization(login: "nobody") { id } }')

    assert data["organization"]["id"] == organization.node_id
    assert data["organization"]["repositories"] == {"totalCount": 2}
    assert data["repositoryOwner"] == {"__typename": "Organization", "login": "acme"}
    assert data["node"] == data["viewer"]["organization"] == {"login": "acme"}
    assert error["message"] == "Could not resolve to an Organization with the login of 'nobody'."


def test_rest_knows_organisations_too(github: GitHub) -> None:
    orgs = github.get("/user/orgs").json
    owner = github.get("/repos/acme/public").json["owner"]
    member_of = github.get("/user/repos?affiliation=organization_member").json

    assert [each["login"] for each in orgs] == ["acme"]
    assert (owner["login"], owner["type"]) == ("acme", "Organization")
    assert {each["full_name"] for each in member_of} == {"acme/public", "acme/secret"}


def test_foreign_repositories_show_in_contributions_and_not_in_lists(github: GitHub) -> None:
    window = github.ask(
        """{ viewer { contributionsCollection(from: "2026-01-01T00:00:00Z", to: "2026-12-31T23:59:59Z") {
        commitContributionsByRepository { repository { nameWithOwner viewerPermission }
          contributions { totalCount } }
        repositoryContributions(first: 5) { nodes { repository { name } } } } } }"""
    )["viewer"]["contributionsCollection"]
    by_name = {
        each["repository"]["nameWithOwner"]: each["contributions"]["totalCount"]
        for each in window["commitContributionsByRepository"]
    }

    assert by_name == {"alice/mine": 2, "acme/public": 2, "acme/secret": 2, "bob/theirs": 1}
    assert "theirs" not in _names(github, EVERY)
    created = [node["repository"]["name"] for node in window["repositoryContributions"]["nodes"]]
    assert created == ["mine"]


@freeze_time("2026-06-01T00:00:00Z")
def test_repositories_contributed_to_can_be_listed(github: GitHub) -> None:
    query = """query($own: Boolean, $kinds: [RepositoryContributionType]) { viewer {
      repositoriesContributedTo(first: 5, includeUserRepositories: $own, contributionTypes: $kinds) {
        totalCount nodes { name } } } }"""

    def names(**options: Any) -> set[str]:
        found = github.ask(query, **options)["viewer"]["repositoriesContributedTo"]
        assert found["totalCount"] == len(found["nodes"])
        return {node["name"] for node in found["nodes"]}

    assert names() == {"public", "secret", "theirs"}
    assert names(own=True) == {"mine", "public", "secret", "theirs"}
    assert names(kinds=["PULL_REQUEST"]) == {"theirs"}
    assert names(kinds=["ISSUE", "PULL_REQUEST_REVIEW"]) == set()
    assert names(own=True, kinds=["REPOSITORY"]) == {"mine"}


@freeze_time("2028-06-01T00:00:00Z")
def test_repositories_contributed_to_are_of_the_last_year(github: GitHub) -> None:
    answer = github.ask("{ viewer { repositoriesContributedTo(first: 5) { totalCount } } }")

    assert answer["viewer"]["repositoriesContributedTo"]["totalCount"] == 0


def test_a_fork_names_its_parent_and_its_commits_do_not_count(
    make_github: Callable[..., GitHub], tmp_path: Path
) -> None:
    commits = [Planned(b"Theirs\n", BOB), Planned(b"Mine\n", ALICE), Planned(b"Mine, see #3\n", ALICE)]
    github = make_github(make_repository(tmp_path / "thing", commits), forks=["thing"], login="alice")

    data = github.ask(
        """{ viewer { repositories(first: 5) { nodes { nameWithOwner isFork forkCount
          parent { nameWithOwner isFork forkCount forks(first: 5) { nodes { nameWithOwner } } } } }
        issues(first: 5) { nodes { repository { nameWithOwner } } }
        contributionsCollection(from: "2026-01-01T00:00:00Z", to: "2026-12-31T23:59:59Z") {
          totalRepositoryContributions
          commitContributionsByRepository { repository { nameWithOwner }
            contributions { totalCount } } } } }"""
    )["viewer"]

    assert data["repositories"]["nodes"] == [
        {
            "nameWithOwner": "alice/thing",
            "isFork": True,
            "forkCount": 0,
            "parent": {
                "nameWithOwner": "bob/thing",
                "isFork": False,
                "forkCount": 1,
                "forks": {"nodes": [{"nameWithOwner": "alice/thing"}]},
            },
        }
    ]
    assert data["issues"]["nodes"] == [{"repository": {"nameWithOwner": "bob/thing"}}]
    window = data["contributionsCollection"]
    assert window["commitContributionsByRepository"] == [
        {"repository": {"nameWithOwner": "bob/thing"}, "contributions": {"totalCount": 2}}
    ]
    assert window["totalRepositoryContributions"] == 1, "making a fork counts"


def test_forks_can_be_left_out(make_github: Callable[..., GitHub], tmp_path: Path) -> None:
    paths = [make_repository(tmp_path / name, [Planned()]) for name in ("own", "forked")]
    github = make_github(*paths, forks=["forked"])
    query = "query($is: Boolean) { viewer { repositories(first: 5, isFork: $is) { nodes { name } } } }"

    for is_fork, name in ((True, "forked"), (False, "own")):
        nodes = github.ask(query, **{"is": is_fork})["viewer"]["repositories"]["nodes"]
        assert nodes == [{"name": name}]


def test_who_committed_follows_the_owner(make_github: Callable[..., GitHub], tmp_path: Path) -> None:
    commits = [Planned(), Planned(), Planned(author=BOB), Planned(author=CAROL)]
    github = make_github(make_repository(tmp_path / "r", commits))
    query = """{ viewer { followers(first: 5) { totalCount nodes { login } } following { totalCount } } }"""

    alice = github.ask(query)["viewer"]
    github.sign_in(login="bob")
    bob = github.ask(query)["viewer"]

    assert {node["login"] for node in alice["followers"]["nodes"]} == {"bob", "carol"}
    assert (alice["following"]["totalCount"], bob["following"]["totalCount"]) == (0, 1)
    assert (bob["followers"]["totalCount"], github.get("/user").json["following"]) == (0, 1)


def test_profiles_say_that_they_are_derived(github: GitHub) -> None:
    viewer = github.ask("{ viewer { bio company location websiteUrl twitterUsername } }")["viewer"]

    assert viewer == {
        "bio": "Derived by the stand-in from the commits of alice@example.org",
        "company": "@example.org",
        "location": "Derived",
        "websiteUrl": "https://example.org",
        "twitterUsername": None,
    }
    assert github.get("/user").json["bio"] == viewer["bio"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"foreign": ["nothing"]}, "--foreign nothing: no such repository."),
        ({"forks": ["nothing"]}, "--fork nothing: no such repository."),
        ({"organizations": {"acme": ["nothing"]}}, "--organization acme: nothing: no such repository."),
        ({"organizations": {"no good": []}}, "a login is letters, digits"),
        ({"organizations": {"alice": []}}, "an account has this login"),
    ],
)
def test_what_is_not_there_cannot_be_given_away(
    make_github: Callable[..., GitHub], tricky: Path, options: dict[str, Any], message: str
) -> None:
    with pytest.raises(SettingError, match=message):
        make_github(tricky, **options)


def test_two_folders_of_one_name_are_both_served(make_github: Callable[..., GitHub], tmp_path: Path) -> None:
    paths = [make_repository(tmp_path / folder / "thing", [Planned()]) for folder in ("a", "b", "c")]
    github = make_github(*paths, private=["thing-2"], scopes=("repo",))

    nodes = _names(github, EVERY)

    assert set(nodes) == {"thing", "thing-2", "thing-3"}
    assert github.repository("thing-2").is_private
    assert len({each.id for each in github.service.world.catalogue.repositories}) == 3
