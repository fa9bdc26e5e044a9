"""Discussions, gists, comments, releases and languages that a history hints at."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox.github.derived_text import code_block, points
from sandbox.github.items import Gist, Issue, parent_of
from tests.sandbox.github.conftest import GitHub
from tests.sandbox.github.histories import ALICE, BOB, Planned, git, make_repository

FENCED = b"Sort it\n\nLike this:\n\n```python\nprint(sorted(x))\n```\n"
INDENTED = b"Try it\n\nRun\n\n    make\n    make test\n\nand wait.\n"


def _make(make_github: Callable[..., GitHub], path: Path, *commits: Planned, **options: Any) -> GitHub:
    github = make_github(make_repository(path / "r", commits), login="alice", **options)
    github.sign_in("read:user", "repo", "gist")
    return github


def test_naming_a_discussion_opens_it_and_later_names_comment(
    make_github: Callable[..., GitHub], tmp_path: Path
) -> None:
    github = _make(
        make_github,
        tmp_path,
        Planned(b"Plan, see discussion #8\n", moment=b"1767690000 +0000"),
        Planned(b"Discussion #8 again\n", BOB, moment=b"1767693600 +0000"),
        Planned(b"Discussion #8 a third time\n", moment=b"1767697200 +0000"),
    )

    viewer = github.ask(
        """{ viewer { issues { totalCount }
        repositoryDiscussions(first: 5) { totalCount nodes { number title body updatedAt author { login }
          repository { name } comments(first: 5) { totalCount nodes { author { login } isAnswer } } } }
        repositoryDiscussionComments(last: 5) { totalCount nodes { discussion { number } } } } }"""
    )["viewer"]

    (discussion,) = viewer["repositoryDiscussions"]["nodes"]
    assert (discussion["number"], discussion["title"]) == (8, "Derived: Plan, see discussion #8")
    assert discussion["body"].startswith("Derived by the stand-in")
    assert discussion["updatedAt"] == "2026-01-06T11:00:00Z"
    assert [node["author"]["login"] for node in discussion["comments"]["nodes"]] == ["bob", "alice"]
    assert viewer["repositoryDiscussionComments"]["totalCount"] == 1
    assert viewer["issues"]["totalCount"] == 0, "8 is no issue"


def test_discussions_can_be_filtered(make_github: Callable[..., GitHub], tmp_path: Path) -> None:
    github = _make(make_github, tmp_path, Planned(b"See discussion #1\n"))
    repository = github.repository("r").node_id

    viewer = github.ask(
        """query($id: ID!, $none: ID!) { viewer {
        here: repositoryDiscussions(first: 5, repositoryId: $id) { totalCount }
        nowhere: repositoryDiscussions(first: 5, repositoryId: $none) { totalCount }
        answered: repositoryDiscussions(first: 5, answered: true) { totalCount }
        closed: repositoryDiscussions(first: 5, states: [CLOSED]) { totalCount }
        answers: repositoryDiscussionComments(first: 5, onlyAnswers: true) { totalCount } }
        search(type: DISCUSSION, query: "author:alice", first: 5) { discussionCount issueCount nodes {
          ... on Discussion { number } } } }""",
        id=repository,
        none=github.member.node_id,
    )

    totals = {name: value["totalCount"] for name, value in viewer["viewer"].items()}
    assert totals == {"here": 1, "nowhere": 0, "answered": 0, "closed": 0, "answers": 0}
    assert viewer["search"] == {"discussionCount": 1, "issueCount": 0, "nodes": [{"number": 1}]}


def test_a_block_of_code_is_a_gist(make_github: Callable[..., GitHub], tmp_path: Path) -> None:
    github = _make(make_github, tmp_path, Planned(FENCED), Planned(INDENTED, moment=b"1767693600 +0000"))
    query = """query($privacy: GistPrivacy) { viewer { gists(first: 5, privacy: $privacy) { totalCount nodes {
      id name isPublic isFork description owner { login }
      files { name encodedName extension size isTruncated language { name } text } } } } }"""

    every = github.ask(query, privacy="ALL")["viewer"]["gists"]
    public = github.ask(query)["viewer"]["gists"]
    secret = github.ask(query, privacy="SECRET")["viewer"]["gists"]

    assert [node["isPublic"] for node in every["nodes"]] == [True, False]
    assert public["nodes"] == every["nodes"][:1]
    assert secret["nodes"] == every["nodes"][1:]
    (gist,) = public["nodes"]
    assert gist["files"] == [
        {
            "name": "snippet.py",
            "encodedName": "snippet.py",
            "extension": ".py",
            "size": 17,
            "isTruncated": False,
            "language": {"name": "Python"},
            "text": "print(sorted(x))\n",
        }
    ]
    assert gist["owner"] == {"login": "alice"}
    assert gist["description"].startswith("Derived by the stand-in")
    assert len(gist["name"]) == 32


def test_secret_gists_take_the_scope_and_are_only_their_owners(
    make_github: Callable[..., GitHub], tmp_path: Path
) -> None:
    github = _make(make_github, tmp_path, Planned(INDENTED), Planned(author=BOB))
    query = "{ viewer { gists(first: 5, privacy: ALL) { nodes { id } } } }"
    by_id = "query($id: ID!) { node(id: $id) { id } }"
    (gist,) = github.ask(query)["viewer"]["gists"]["nodes"]

    for scopes, login, count in ((("gist",), "alice", 1), (("repo",), "alice", 0), (("gist",), "bob", 0)):
        github.sign_in(*scopes, login=login)
        assert len(github.ask(query)["viewer"]["gists"]["nodes"]) == (count if login == "alice" else 0)
        found = github.post(by_id, id=gist["id"]).json["data"]["node"]
        assert (found is not None) is bool(count)


def test_a_gist_from_a_private_repository_is_secret(
    make_github: Callable[..., GitHub], tmp_path: Path
) -> None:
    github = _make(make_github, tmp_path, Planned(FENCED), private=["r"])

    (gist,) = github.ask("{ viewer { gists(first: 5, privacy: ALL) { nodes { isPublic } } } }")["viewer"][
        "gists"
    ]["nodes"]

    assert gist == {"isPublic": False}


def test_naming_a_commit_comments_on_it_or_on_its_gist(
    make_github: Callable[..., GitHub], tmp_path: Path
) -> None:
    path = make_repository(tmp_path / "r", [Planned(b"Plain\n"), Planned(FENCED)])
    gist_oid, plain_oid = git(path, "log", "--format=%H").decode().split()
    message = f"See {plain_oid[:9]} and {gist_oid}, not 1234567890\n".encode()
    git(path, "commit", "--allow-empty", "-q", "-m", message.decode(), "--author", ALICE.decode())
    github = make_github(path, login="alice")

    viewer = github.ask(
        """{ viewer { commitComments(last: 5) { totalCount nodes { body commit { oid } url } }
        gistComments(last: 5) { totalCount nodes { author { login } gist { name } } }
        gists(first: 5) { nodes { comments(first: 5) { totalCount } } } } }"""
    )["viewer"]

    assert viewer["commitComments"]["totalCount"] == 1
    assert viewer["commitComments"]["nodes"][0]["commit"] == {"oid": plain_oid}
    assert viewer["gistComments"]["nodes"] == [
        {"author": {"login": "alice"}, "gist": {"name": gist_oid[:32]}}
    ]
    assert viewer["gists"]["nodes"] == [{"comments": {"totalCount": 1}}]


def test_naming_a_pull_request_comments_on_it(make_github: Callable[..., GitHub], tmp_path: Path) -> None:
    github = _make(
        make_github,
        tmp_path,
        Planned(b"A change (#5)\n", BOB),
        Planned(b"After #5\n", moment=b"1767693600 +0000"),
    )

    (comment,) = github.ask(
        """{ viewer { issueComments(first: 5) { nodes { url pullRequest { number updatedAt
        comments(first: 5) { totalCount } totalCommentsCount } issue { number } } } } }"""
    )["viewer"]["issueComments"]["nodes"]

    assert comment["pullRequest"]["number"] == comment["issue"]["number"] == 5
    assert comment["pullRequest"]["comments"] == {"totalCount": 1}
    assert comment["pullRequest"]["totalCommentsCount"] == 1
    assert comment["pullRequest"]["updatedAt"] == "2026-01-06T10:00:00Z"
    assert "/pull/5#issuecomment-" in comment["url"]


def test_points_of_a_merge_are_comments_of_its_review(
    make_github: Callable[..., GitHub], tmp_path: Path
) -> None:
    github = _make(
        make_github,
        tmp_path,
        Planned(b"Base\n"),
        Planned(b"Side\n", BOB, files={b"side.py": b"1\n"}),
        Planned(
            b"Merge pull request #4 from bob/side\n\n* Shorter\n* Tested\nnot a point\n",
            files={b"side.py": b"1\n"},
            parents=[0, 1],
        ),
    )

    (node,) = github.ask(
        """{ search(type: ISSUE, query: "type:pr reviewed-by:alice -author:alice", first: 5) { nodes {
        ... on PullRequest { number totalCommentsCount reviews(first: 5, author: "alice") { nodes {
          id state comments(first: 5) { totalCount nodes { id body path author { login } url
            pullRequest { number } pullRequestReview { id } replyTo { id } state } } } } } } } }"""
    )["search"]["nodes"]
    (review,) = node["reviews"]["nodes"]

    assert review["comments"]["totalCount"] == node["totalCommentsCount"] == 2
    bodies = {each["body"].rpartition(": ")[2] for each in review["comments"]["nodes"]}
    assert bodies == {"Shorter", "Tested"}
    assert {each["path"] for each in review["comments"]["nodes"]} == {"side.py"}
    assert {each["pullRequestReview"]["id"] for each in review["comments"]["nodes"]} == {review["id"]}
    assert {each["author"]["login"] for each in review["comments"]["nodes"]} == {"alice"}


@pytest.fixture
def tagged(tmp_path: Path) -> Path:
    path = make_repository(tmp_path / "tagged", [Planned(), Planned(author=BOB), Planned()])
    git(path, "tag", "v1.0", "HEAD~1")
    git(
        path,
        "-c",
        "user.name=Alice",
        "-c",
        "user.email=alice@example.org",
        "tag",
        "-a",
        "v2.0-rc1",
        "-m",
        "Try it",
    )
    git(path, "tag", "not-a-commit", "HEAD^{tree}")
    return path


def test_tags_are_releases(make_github: Callable[..., GitHub], tagged: Path) -> None:
    github = make_github(tagged, login="alice")

    node = github.ask(
        """query($id: ID!) { node(id: $id) { ... on Repository { latestRelease { tagName }
        release(tagName: "v1.0") { name } missing: release(tagName: "v9") { name }
        releases(first: 5, orderBy: {field: NAME, direction: ASC}) { totalCount nodes { id tagName description
          isPrerelease isDraft author { login } publishedAt createdAt tagCommit { oid } url } } } } }""",
        id=github.repository("tagged").node_id,
    )["node"]

    light, annotated = node["releases"]["nodes"]
    assert (light["tagName"], light["author"]) == ("v1.0", {"login": "bob"})
    assert light["publishedAt"] == "2026-01-06T09:00:00Z"
    assert (annotated["tagName"], annotated["author"]) == ("v2.0-rc1", {"login": "alice"})
    assert annotated["description"] == "Derived by the stand-in from tag v2.0-rc1: Try it"
    assert (light["isPrerelease"], annotated["isPrerelease"]) == (False, True)
    assert node["latestRelease"] == {"tagName": "v1.0"}
    assert (node["release"], node["missing"]) == ({"name": "v1.0"}, None)
    assert annotated["tagCommit"]["oid"] == github.repository("tagged").git.head
    assert github.ask("query($id: ID!) { node(id: $id) { id } }", id=light["id"])["node"] == {
        "id": light["id"]
    }


def test_a_new_tag_is_a_new_release(
    make_github: Callable[..., GitHub], tagged: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.github.repository._LOOK_AGAIN_SECONDS", 0)
    github = make_github(tagged, login="alice")
    query = "query($id: ID!) { node(id: $id) { ... on Repository { releases { totalCount } } } }"
    repository = github.repository("tagged").node_id

    assert github.ask(query, id=repository)["node"]["releases"]["totalCount"] == 2
    git(tagged, "tag", "v3.0")
    assert github.ask(query, id=repository)["node"]["releases"]["totalCount"] == 3


def test_the_language_follows_the_endings(make_github: Callable[..., GitHub], tmp_path: Path) -> None:
    files = {b"a.py": b"x" * 10, b"b/c.PY": b"x" * 10, b"d.rs": b"x" * 15, b"e.txt": b"x" * 99, b"f.go": b""}
    path = make_repository(tmp_path / "r", [Planned(files=dict(files))])
    empty = make_repository(tmp_path / "empty")
    github = make_github(path, empty)

    nodes = github.ask(
        """{ viewer { repositories(first: 5, orderBy: {field: NAME, direction: DESC}) { nodes { name
        primaryLanguage { name color id } languages(first: 5) { totalCount totalSize edges { size
          node { name } } } } } } }"""
    )["viewer"]["repositories"]["nodes"]

    assert nodes[0]["primaryLanguage"]["name"] == "Python"
    assert nodes[0]["primaryLanguage"]["color"] == "#3572A5"
    assert nodes[0]["languages"] == {
        "totalCount": 2,
        "totalSize": 35,
        "edges": [{"size": 20, "node": {"name": "Python"}}, {"size": 15, "node": {"name": "Rust"}}],
    }
    assert nodes[1]["primaryLanguage"] is None
    assert github.get("/repos/alice/r").json["language"] == "Python"


def test_stargazers_are_counted_and_listed(make_github: Callable[..., GitHub], tmp_path: Path) -> None:
    github = _make(make_github, tmp_path, Planned(), Planned(author=BOB, moment=b"1767693600 +0000"))

    node = github.ask(
        """query($id: ID!) { node(id: $id) { ... on Repository { stargazerCount viewerHasStarred
        stargazers(first: 5, orderBy: {field: STARRED_AT, direction: DESC}) { edges { starredAt
          node { login } } } } } }""",
        id=github.repository("r").node_id,
    )["node"]

    assert (node["stargazerCount"], node["viewerHasStarred"]) == (2, True)
    assert [edge["node"]["login"] for edge in node["stargazers"]["edges"]] == ["bob", "alice"]
    assert node["stargazers"]["edges"][0]["starredAt"] == "2026-01-06T10:00:00Z"


def test_only_the_latest_review_of_a_pull_request_is_a_contribution(
    make_github: Callable[..., GitHub], tmp_path: Path
) -> None:
    github = _make(make_github, tmp_path, Planned(b"A (#1)\n", BOB))
    for minute in range(3):
        github.act("submit_review", at=f"2026-11-23T12:0{minute}:00Z")

    reviews = github.ask(
        """{ viewer { contributionsCollection(from: "2026-11-23T00:00:00Z", to: "2026-11-23T23:59:59Z") {
        totalPullRequestReviewContributions pullRequestReviewContributions(first: 5) { nodes { occurredAt
          pullRequest { reviews(author: "alice", first: 5) { totalCount } } } } } } }"""
    )["viewer"]["contributionsCollection"]

    assert reviews["totalPullRequestReviewContributions"] == 1
    (node,) = reviews["pullRequestReviewContributions"]["nodes"]
    assert node["occurredAt"] == "2026-11-23T12:02:00Z"
    assert node["pullRequest"]["reviews"]["totalCount"] == 3


@pytest.mark.parametrize(
    ("message", "kind", "name"),
    [
        ("Title\n\n```\na\n```\n", "fenced", "snippet.txt"),
        ("Title\n\n```sh\nls\n```\n", "fenced", "snippet.sh"),
        ("Title\n\n    one\n    two\n", "indented", "snippet.txt"),
        ("Title\n\n\tone\n\ttwo\n", "indented", "snippet.txt"),
    ],
)
def test_blocks_of_code_are_found(message: str, kind: str, name: str) -> None:
    block = code_block(message)

    assert block is not None
    assert (block.kind, block.file_name) == (kind, name)


@pytest.mark.parametrize(
    "message", ["Title", "Title\n\n    one line only\n", "Title\n\n```\nnever closed\n", ""]
)
def test_what_is_no_block_of_code(message: str) -> None:
    assert code_block(message) is None


def test_points_stand_in_the_body_only() -> None:
    assert points("* not this\n\n* this\n- and this\n*neither\n") == ["this", "and this"]


def test_an_item_without_a_repository_says_so(make_github: Callable[..., GitHub], tmp_path: Path) -> None:
    github = _make(make_github, tmp_path, Planned(FENCED), Planned(b"See #2\n"))
    activity = github.service.world.activity(github.repository("r"))
    (gist,), (issue,) = activity.gists, activity.issues

    assert isinstance(gist, Gist)
    with pytest.raises(ValueError, match="stands in no repository"):
        gist.home  # noqa: B018
    assert isinstance(issue, Issue)
    assert issue.home is github.repository("r")
    assert parent_of(issue) is None
