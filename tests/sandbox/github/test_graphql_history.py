"""Commits as GraphQL answers them: all of them, in order, from a head that stays put."""

import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sandbox.github import gitlog
from sandbox.github import repository as module
from tests.sandbox.github.conftest import GitHub
from tests.sandbox.github.histories import Planned, add_commits, git, make_repository
from tests.sandbox.github.queries import HISTORY

_FIELDS = ("%H", "%an", "%ae", "%aI", "%cI", "%B")


def _head(github: GitHub, name: str) -> dict[str, str]:
    repository = github.repository(name)
    return {"repository": repository.node_id, "head": repository.git.head}


def _page(github: GitHub, place: dict[str, str], n: int = 100, **more: Any) -> Any:
    return github.ask(HISTORY, n=n, **place, **more)["node"]["object"]["history"]


def _all(github: GitHub, place: dict[str, str], n: int, **more: Any) -> list[Any]:
    edges: list[Any] = []
    after = None
    while True:
        page = _page(github, place, n, after=after, **more)
        edges += page["edges"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            assert len(edges) == page["totalCount"]
            return edges


@pytest.mark.parametrize("n", [1, 3, 100])
def test_every_commit_equals_git_log(github: GitHub, tricky: Path, n: int) -> None:
    edges = _all(github, _head(github, "tricky"), n)

    lines = git(tricky, "log", f"--format={'%x00'.join(_FIELDS)}%x01").decode("utf-8", "replace")
    expected = [line.strip("\n").split("\0") for line in lines.split("\x01") if line.strip()]
    assert len(expected) == 13
    for edge, (oid, name, email, authored, committed, message) in zip(edges, expected, strict=True):
        node = edge["node"]
        assert (node["oid"], node["message"]) == (oid, message.rstrip("\n"))
        assert (node["author"]["name"], node["author"]["email"]) == (name, email)
        assert datetime.fromisoformat(node["author"]["date"]).isoformat() == node["author"]["date"]
        assert node["author"]["date"] == datetime.fromisoformat(authored).isoformat()
        assert datetime.fromisoformat(node["authoredDate"]) == datetime.fromisoformat(authored)
        assert datetime.fromisoformat(node["committedDate"]) == datetime.fromisoformat(committed)
        assert node["authoredDate"].endswith("Z")


def test_an_offset_is_kept_in_the_actor_and_converted_in_the_date(github: GitHub) -> None:
    edges = _all(github, _head(github, "tricky"), 100)
    renamed = next(edge["node"] for edge in edges if edge["node"]["messageHeadline"] == "Rename")

    assert renamed["author"]["date"] == "2026-01-06T15:30:00+05:30"
    assert renamed["authoredDate"] == "2026-01-06T10:00:00Z"


def test_cursors_are_the_head_and_the_index(github: GitHub) -> None:
    place = _head(github, "tricky")

    page = _page(github, place, 2)

    assert [edge["cursor"] for edge in page["edges"]] == [f"{place['head']} 0", f"{place['head']} 1"]
    assert page["pageInfo"] == {
        "hasNextPage": True,
        "hasPreviousPage": False,
        "startCursor": f"{place['head']} 0",
        "endCursor": f"{place['head']} 1",
    }


def test_an_author_by_id_has_all_spellings_of_the_address(github: GitHub) -> None:
    page = _page(github, _head(github, "tricky"), author={"id": github.member.node_id})

    assert {edge["node"]["author"]["email"] for edge in page["edges"]} == {
        "alice@example.org",
        "Alice@Example.org",
    }
    assert page["totalCount"] == 8
    assert {edge["node"]["author"]["user"]["id"] for edge in page["edges"]} == {github.member.node_id}


def test_an_author_by_addresses_has_exactly_these(github: GitHub) -> None:
    page = _page(github, _head(github, "tricky"), author={"emails": ["Alice@Example.org", "bob@example.org"]})

    assert page["totalCount"] == 5


def test_the_id_wins_over_the_addresses(github: GitHub) -> None:
    author = {"id": github.member.node_id, "emails": ["bob@example.org"]}

    assert _page(github, _head(github, "tricky"), author=author)["totalCount"] == 8


def test_a_commit_without_an_address_has_no_user(github: GitHub) -> None:
    edges = _all(github, _head(github, "tricky"), 100)

    unknown = next(edge["node"] for edge in edges if edge["node"]["author"]["name"] == "No One")
    assert (unknown["author"]["user"], unknown["message"]) == (None, "")


def test_since_and_until_are_committer_dates_and_inclusive(
    make_github: Callable[..., GitHub], tmp_path: Path
) -> None:
    moments = [b"1767600000 +0000", b"1767704400 +0000", b"1767800000 +0000"]
    commits = [Planned(moment=b"1609459199 +0000", committed=committed) for committed in moments]
    github = make_github(make_repository(tmp_path / "rebased", commits))
    moment = datetime.fromtimestamp(1767704400, UTC).isoformat()

    page = _page(github, _head(github, "rebased"), since=moment, until=moment)

    assert [edge["node"]["committedDate"] for edge in page["edges"]] == ["2026-01-06T13:00:00Z"]
    assert page["edges"][0]["node"]["authoredDate"] == "2020-12-31T23:59:59Z"


def test_a_clock_that_went_backwards_hides_what_is_behind_it(github: GitHub, tricky: Path) -> None:
    since = datetime.fromtimestamp(1767704400, UTC).isoformat()

    page = _page(github, _head(github, "tricky"), since=since)

    expected = git(tricky, "log", "--format=%H", f"--since={since}").decode().split()
    assert [edge["node"]["oid"] for edge in page["edges"]] == expected
    assert "Week 53" not in {edge["node"]["messageHeadline"] for edge in page["edges"]}


def test_a_path_selects(github: GitHub, tricky: Path) -> None:
    page = _page(github, _head(github, "tricky"), path="c")

    expected = git(tricky, "log", "--format=%H", "--", "c").decode().split()
    assert [edge["node"]["oid"] for edge in page["edges"]] == expected


def test_paging_from_a_pinned_head_does_not_see_what_is_pushed(
    make_github: Callable[..., GitHub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_LOOK_AGAIN_SECONDS", 0)
    path = make_repository(tmp_path / "busy", [Planned(b"%d\n" % number) for number in range(30)])
    github = make_github(path)
    place = _head(github, "busy")
    expected = git(path, "log", "--format=%H").decode().split()

    first = _page(github, place, 20)
    add_commits(path, [Planned(b"pushed\n", moment=b"1900000000 +0000")])
    second = _page(github, place, 20, after=first["pageInfo"]["endCursor"])

    assert [edge["node"]["oid"] for edge in first["edges"] + second["edges"]] == expected
    assert second["totalCount"] == 30
    moved = _head(github, "busy")
    assert moved["head"] != place["head"]
    assert _page(github, moved, 1)["totalCount"] == 31


def test_a_cursor_of_another_head_is_refused(github: GitHub) -> None:
    place = _head(github, "tricky")

    (error,) = github.errors(HISTORY, n=1, after=f"{'0' * 40} 1", **place)

    assert error["type"] == "INVALID_CURSOR_ARGUMENTS"
    assert "does not appear to be a valid cursor" in error["message"]


def test_last_and_before_page_backwards(github: GitHub, tricky: Path) -> None:
    place = _head(github, "tricky")
    query = """query($r: ID!, $h: GitObjectID!, $c: String) { node(id: $r) {
      ... on Repository { object(oid: $h) { ... on Commit { history(last: 2, before: $c) {
      pageInfo { hasPreviousPage hasNextPage startCursor } nodes { oid } } } } } } }"""
    expected = git(tricky, "log", "--format=%H").decode().split()

    end = github.ask(query, r=place["repository"], h=place["head"])["node"]["object"]["history"]
    before = end["pageInfo"]["startCursor"]
    earlier = github.ask(query, r=place["repository"], h=place["head"], c=before)["node"]["object"]["history"]

    assert [node["oid"] for node in end["nodes"]] == expected[-2:]
    assert [node["oid"] for node in earlier["nodes"]] == expected[-4:-2]
    assert earlier["pageInfo"]["hasPreviousPage"]


def test_commits_name_their_co_authors_parents_tree_and_files(
    make_github: Callable[..., GitHub], tmp_path: Path
) -> None:
    message = b"Together\n\nCo-authored-by: Bob Birch <bob@example.org>\n"
    path = make_repository(tmp_path / "pair", [Planned(files={b"d/x.gpx": b"<gpx/>"}), Planned(message)])
    github = make_github(path)
    place = _head(github, "pair")

    commit = github.ask(
        """query($r: ID!) { node(id: $r) { ... on Repository { defaultBranchRef { target { ... on Commit {
        authors(first: 5) { nodes { name email } } parents(first: 5) { nodes { oid } } url
        file(path: "d/x.gpx") { name path extension type mode size }
        tree { entries { name type object { ... on Tree { entries { path object {
          ... on Blob { text isBinary isTruncated byteSize } } } } } } } } } } } } }""",
        r=place["repository"],
    )["node"]["defaultBranchRef"]["target"]

    assert [each["name"] for each in commit["authors"]["nodes"]] == ["Alice Ash", "Bob Birch"]
    assert [each["oid"] for each in commit["parents"]["nodes"]] == git(
        path, "log", "--format=%P"
    ).decode().split()
    assert commit["file"] == {
        "name": "x.gpx",
        "path": "d/x.gpx",
        "extension": ".gpx",
        "type": "blob",
        "mode": 33188,
        "size": 6,
    }
    (folder,) = commit["tree"]["entries"]
    (file,) = folder["object"]["entries"]
    assert file["path"] == "d/x.gpx"
    assert file["object"] == {"text": "<gpx/>", "isBinary": False, "isTruncated": False, "byteSize": 6}


def test_binary_content_has_no_text(github: GitHub) -> None:
    place = _head(github, "tricky")
    answer = github.ask(
        """query($r: ID!) { node(id: $r) { ... on Repository {
        object(expression: "HEAD:track.fit") { ... on Blob { text isBinary } } } } }""",
        r=place["repository"],
    )

    assert answer["node"]["object"] == {"text": None, "isBinary": True}


def test_what_git_does_not_have_is_null(github: GitHub) -> None:
    answer = github.ask(HISTORY, repository=github.repository("tricky").node_id, head="0" * 40, n=1)

    assert answer["node"]["object"] is None


def test_statistics_of_a_page_are_read_in_one_call_of_git(
    make_github: Callable[..., GitHub], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commits = [Planned(b"%d\n" % number, files={b"f": b"%d\n" % number}) for number in range(120)]
    github = make_github(make_repository(tmp_path / "r", commits))
    calls: list[int] = []
    read = gitlog.read_statistics

    def counted(git_dir: Path, oids: Iterable[str]) -> Any:
        wanted = list(oids)
        calls.append(len(wanted))
        return read(git_dir, wanted)

    monkeypatch.setattr(module, "read_statistics", counted)
    place = {"repository": github.repository("r").node_id, "head": github.repository("r").git.head}

    first = github.ask(HISTORY, n=100, **place)["node"]["object"]["history"]
    github.ask(HISTORY, n=100, **place)
    github.ask(HISTORY, n=100, after=first["pageInfo"]["endCursor"], **place)

    assert calls == [100, 20]


def test_a_page_of_a_made_up_history_is_answered_quickly(generated: GitHub) -> None:
    repository = generated.service.world.catalogue.repositories[0]
    place = {"repository": repository.node_id, "head": repository.git.head, "n": 100}
    generated.ask(HISTORY, **place)

    started = time.perf_counter()
    page = generated.ask(HISTORY, **place)["node"]["object"]["history"]
    took = time.perf_counter() - started

    assert len(page["edges"]) == 100
    assert took < 0.5  # 30 ms alone; the machine may be busy


def test_a_made_up_history_is_paged_to_its_end(generated: GitHub) -> None:
    repository = generated.service.world.catalogue.repositories[0]
    place = {"repository": repository.node_id, "head": repository.git.head}
    author = {"id": generated.member.node_id}

    oids, after = [], None
    while True:
        page = generated.ask(HISTORY, n=30, after=after, author=author, **place)["node"]["object"]["history"]
        oids += [edge["node"]["oid"] for edge in page["edges"]]
        if not page["pageInfo"]["hasNextPage"]:
            break
        after = page["pageInfo"]["endCursor"]

    assert len(oids) == len(set(oids)) == page["totalCount"]
    assert all(
        edge["node"]["author"]["user"] == {"id": generated.member.node_id, "login": "member"}
        for edge in page["edges"]
    )
