import base64
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.sandbox.github.conftest import GitHub
from tests.sandbox.github.histories import BOB, Planned, git, make_repository


def _links(answer: Any) -> dict[str, str]:
    parts = [link.split(";") for link in answer.headers.get("Link", "").split(", ") if link]
    return {relation.strip()[5:-1]: url.strip("<>") for url, relation in parts}


def _counts(github: GitHub) -> dict[str, Any]:
    counts: dict[str, Any] = github.http.get("/_sandbox/requests").get_json()
    return counts


@pytest.mark.parametrize("prefix", ["", "/api", "/api/v3"])
def test_everything_is_found_and_counted_under_every_prefix(
    github: GitHub, tricky: Path, prefix: str
) -> None:
    user = github.get(f"{prefix}/user")

    assert (user.json["login"], user.json["id"]) == ("alice", github.member.id)
    assert user.json["node_id"] == github.member.node_id
    assert github.http.post(
        f"{prefix}/graphql", json={"query": "{ viewer { id } }"}, headers=github.headers
    ).json
    assert _counts(github)["by_endpoint"] == {f"GET {prefix}/user": 1, f"POST {prefix}/graphql": 1}
    next_page = _links(github.get(f"{prefix}/repos/alice/tricky/commits?per_page=5"))["next"]
    assert urlsplit(next_page).path.startswith(f"{prefix}/repositories/")


def test_every_commit_is_reached_by_the_links(github: GitHub, tricky: Path) -> None:
    answer = github.get("/repos/alice/tricky/commits?per_page=5")
    assert set(_links(answer)) == {"next", "last"}
    found = [commit["sha"] for commit in answer.json]
    while "next" in _links(answer):
        answer = github.get(_links(answer)["next"])
        found += [commit["sha"] for commit in answer.json]

    assert found == git(tricky, "log", "--format=%H").decode().split()
    assert set(_links(answer)) == {"prev", "first"}


def test_a_single_page_has_no_links(github: GitHub) -> None:
    assert "Link" not in github.get("/repos/alice/tricky/commits?per_page=100").headers


@pytest.mark.parametrize(
    ("query", "options"),
    [
        ("author=bob", ["--author=<bob@example.org>"]),
        ("author=bob@example.org", ["--author=<bob@example.org>"]),
        ("until=2026-01-06T13:00:00Z", ["--until=2026-01-06T13:00:00Z"]),
        ("since=2026-01-05T00:00:00Z", ["--since=2026-01-05T00:00:00Z"]),
        ("path=c", ["--", "c"]),
    ],
)
def test_commits_are_selected_as_by_git(github: GitHub, tricky: Path, query: str, options: list[str]) -> None:
    answer = github.get(f"/repos/alice/tricky/commits?per_page=100&{query}")

    assert [commit["sha"] for commit in answer.json] == git(
        tricky, "log", "--format=%H", *options
    ).decode().split()


def test_a_history_can_start_anywhere(github: GitHub, tricky: Path) -> None:
    start = git(tricky, "rev-parse", "HEAD~3").decode().strip()

    answer = github.get(f"/repos/alice/tricky/commits?per_page=100&sha={start}")

    assert [commit["sha"] for commit in answer.json] == git(
        tricky, "log", "--format=%H", start
    ).decode().split()


def test_one_commit_has_statistics_and_files(github: GitHub, tricky: Path) -> None:
    oid = git(tricky, "log", "--format=%H", "--grep=^Rename").decode().strip()

    commit = github.get(f"/repos/alice/tricky/commits/{oid}").json

    assert commit["stats"] == {"total": 0, "additions": 0, "deletions": 0}
    (file,) = commit["files"]
    assert (file["status"], file["filename"], file["previous_filename"]) == (
        "renamed",
        "folder/b name.txt",
        "a.txt",
    )
    assert commit["author"]["login"] == "alice"
    assert commit["commit"]["author"]["date"] == "2026-01-06T10:00:00Z"
    assert len(commit["parents"]) == 1


def test_an_empty_repository_has_no_commits(make_github: Callable[..., GitHub], tmp_path: Path) -> None:
    github = make_github(make_repository(tmp_path / "empty"))

    answer = github.get("/repos/member/empty/commits")

    assert (answer.status_code, answer.json["message"]) == (409, "Git Repository is empty.")


def test_trees_and_blobs(github: GitHub, tricky: Path) -> None:
    tree = github.get("/repos/alice/tricky/git/trees/main?recursive=0").json
    flat = github.get("/repos/alice/tricky/git/trees/main").json
    entries = {entry["path"]: entry for entry in tree["tree"]}
    oid = entries["track.fit"]["sha"]

    blob = github.get(f"/repos/alice/tricky/git/blobs/{oid}").json
    raw = github.get(f"/repos/alice/tricky/git/blobs/{oid}", Accept="application/vnd.github.raw+json")

    assert tree["sha"] == git(tricky, "rev-parse", "HEAD^{tree}").decode().strip()
    assert tree["truncated"] is False
    assert entries["folder"] == {
        "path": "folder",
        "mode": "040000",
        "type": "tree",
        "sha": entries["folder"]["sha"],
        "url": entries["folder"]["url"],
    }
    assert "folder/b name.txt" in entries
    assert "folder/b name.txt" not in {entry["path"] for entry in flat["tree"]}
    assert base64.b64decode(blob["content"]) == raw.data == b"\0\1\2"
    assert (blob["size"], blob["encoding"]) == (3, "base64")


def test_repositories_are_listed_and_filtered(make_github: Callable[..., GitHub], tmp_path: Path) -> None:
    one = make_repository(tmp_path / "one", [Planned(moment=b"1767690000 +0000")])
    two = make_repository(tmp_path / "two", [Planned(moment=b"1767700000 +0000"), Planned(author=BOB)])
    github = make_github(one, two, private=["one"], login="alice", scopes=("repo",))

    def names(query: str) -> list[str]:
        return [each["name"] for each in github.get(f"/user/repos?{query}").json]

    assert names("") == ["one", "two"]
    assert names("sort=pushed") == ["two", "one"]
    assert names("visibility=private") == ["one"]
    assert names("affiliation=collaborator") == []
    assert github.get("/user/repos?type=owner&visibility=all").status_code == 422
    repository = github.get("/repos/alice/one").json
    assert (repository["private"], repository["visibility"]) == (True, "private")
    assert github.get(f"/repositories/{repository['id']}").json == repository
    github.sign_in()
    assert names("") == ["two"]
    assert github.get("/repos/alice/one").status_code == 404


def test_addresses_take_a_scope(make_github: Callable[..., GitHub], tricky: Path) -> None:
    github = make_github(tricky, emails=["alice@example.org", "second@example.org"], scopes=("user:email",))

    assert [each["email"] for each in github.get("/user/emails").json] == [
        "alice@example.org",
        "second@example.org",
    ]
    github.sign_in("repo")
    assert github.get("/user/emails").status_code == 404


def test_an_unchanged_answer_is_304_and_free(github: GitHub) -> None:
    first = github.get("/user")

    again = github.get("/user", **{"If-None-Match": first.headers["ETag"]})

    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["X-RateLimit-Used"] == first.headers["X-RateLimit-Used"] == "1"
    github.sign_in("repo")
    assert github.get("/user", **{"If-None-Match": first.headers["ETag"]}).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status", "message"),
    [
        ({"User-Agent": "t"}, 401, "Requires authentication"),
        ({"User-Agent": "t", "Authorization": "Bearer gho_wrong"}, 401, "Bad credentials"),
        ({"User-Agent": "t", "X-GitHub-Api-Version": "1999-01-01"}, 400, "not supported"),
        ({"User-Agent": ""}, 403, "User-Agent"),
    ],
)
def test_who_may_not_ask(github: GitHub, headers: dict[str, str], status: int, message: str) -> None:
    answer = github.http.get("/user", headers=headers)

    assert answer.status_code == status
    assert message in answer.text


def test_graphql_says_its_own_words_without_a_token(github: GitHub) -> None:
    answer = github.http.post("/graphql", json={"query": "{ viewer { id } }"}, headers={"User-Agent": "t"})

    assert answer.status_code == 401
    assert answer.json is not None
    assert answer.json["message"] == "This endpoint requires you to be authenticated."


@pytest.mark.parametrize(
    "path",
    [
        "/repos/alice/none",
        "/repos/bob/tricky",
        "/repositories/1",
        "/nothing",
        "/user/",
        "/repos/alice/tricky/git/blobs/x",
    ],
)
def test_what_is_not_there_is_404(github: GitHub, path: str) -> None:
    answer = github.get(path)

    assert (answer.status_code, answer.json["message"]) == (404, "Not Found")


def test_reads_are_no_writes(github: GitHub) -> None:
    github.get("/user")
    github.http.post("/graphql", json={"query": "{ viewer { id } }"}, headers=github.headers)
    assert github.counts()["writes"] == 0

    github.http.post("/repos/alice/tricky/issues", json={}, headers=github.headers)
    assert github.counts()["writes"] == 1
