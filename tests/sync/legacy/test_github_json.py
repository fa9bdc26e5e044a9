"""The old app's file, in all its variants and with all its traps. Pure: no database, no network."""

import copy
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from sandbox.github.ids import NodeId, parse_node_id
from sync import archive
from sync.legacy.github_json import (
    Found,
    LegacyFileRefused,
    Owner,
    Reason,
    iter_commits,
    placed,
    read_owner,
    yield_to_github,
)
from sync.records import KINDS, Record, record_entry

GITHUB_ID = 583231
Change = Callable[[dict[str, Any]], Any]


def oid(number: int) -> str:
    return f"{number:040x}"


def rest_commit(number: int, *, moment: str = "2019-08-05T12:00:00Z", **fields: Any) -> dict[str, Any]:
    """As GitHub's REST API lists a commit, and the old app stored it."""
    person = {"name": "The Octocat", "email": "octocat@example.org", "date": moment}
    return {
        "sha": oid(number),
        "node_id": f"C_{number}",
        "commit": {
            "author": dict(person),
            "committer": dict(person),
            "message": f"Commit {number}",
            "tree": {"sha": oid(number + 5000), "url": "https://api.github.com/x"},
            "url": "https://api.github.com/x",
            "comment_count": 0,
            "verification": {"verified": False, "reason": "unsigned", "signature": None, "payload": None},
        },
        "url": "https://api.github.com/x",
        "html_url": f"https://github.com/octocat/hello/commit/{oid(number)}",
        "comments_url": "https://api.github.com/x",
        "author": {"login": "octocat", "id": GITHUB_ID, "site_admin": False},
        "committer": None,
        "parents": [{"sha": oid(number + 1)}],
        **fields,
    }


def node_id_in(repository_id: str, oid: str) -> str:
    """Of a commit that was listed in the repository with this node id."""
    repository = parse_node_id(repository_id)
    assert repository is not None
    return str(NodeId("C", repository.database_id, oid))


def document(
    repositories: dict[str, list[Any]] | None = None, metadata: dict[str, Any] | None = None
) -> dict[str, Any]:
    found = {"octocat/hello": [rest_commit(1)]} if repositories is None else repositories
    return {
        "metadata": {"user_info": {"id": GITHUB_ID, "login": "octocat"}, "num_repos": len(found)}
        if metadata is None
        else metadata,
        "repo_data": {
            name: {"commits": commits, "last_commit_date": None, "num_commits": 999}
            for name, commits in found.items()
        },
    }


def written(content: Any) -> io.BytesIO:
    """As the old app wrote it: one line, everything beyond ASCII escaped."""
    return io.BytesIO(json.dumps(content).encode())


def commits_in(content: Any, found: Found | None = None) -> list[Record]:
    found = Found() if found is None else found
    return [commit.record for commit in iter_commits(written(content), GITHUB_ID, found)]


def reason_of(content: bytes) -> Reason:
    with pytest.raises(LegacyFileRefused) as refused:
        read_owner(io.BytesIO(content)).check(GITHUB_ID, "octocat")
    return refused.value.reason


# --- Whose file it is -------------------------------------------------------------------------------


def test_it_is_recognised_by_the_numeric_id_whatever_the_login_is_today() -> None:
    owner = read_owner(written(document()))
    assert owner == Owner(GITHUB_ID, "octocat")
    owner.check(GITHUB_ID, "renamed-since")


def test_the_same_login_with_another_id_is_another_account() -> None:
    content = document(metadata={"user_info": {"id": 1, "login": "octocat"}})
    assert reason_of(written(content).getvalue()) == Reason.ANOTHER_ACCOUNT


def test_a_file_that_names_only_a_login_needs_the_present_one() -> None:
    owner = read_owner(written(document(metadata={"username": "OctoCat"})))
    owner.check(GITHUB_ID, "octocat")
    with pytest.raises(LegacyFileRefused) as refused:
        owner.check(GITHUB_ID, "somebody-else")
    assert refused.value.reason == Reason.ANOTHER_ACCOUNT


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"user_info": {"message": "Bad credentials", "documentation_url": "https://docs.github.com"}},
        {"user_info": None},
        {"user_info": {"id": True}},
        {"user_info": {"id": "583231"}},
        {"username": ""},
        {"username": 5},
    ],
)
def test_a_file_that_names_nobody_is_refused(metadata: dict[str, Any]) -> None:
    assert reason_of(written(document(metadata=metadata)).getvalue()) == Reason.NO_ACCOUNT


def test_the_metadata_may_stand_last() -> None:
    content = document({f"octocat/{n}": [rest_commit(n)] for n in range(50)})
    turned = dict(reversed(content.items()))
    assert read_owner(written(turned)) == Owner(GITHUB_ID, "octocat")
    assert len(commits_in(turned)) == 50


@pytest.mark.parametrize("metadata", [None, [], "octocat", 5])
def test_metadata_of_another_type_names_nobody(metadata: Any) -> None:
    content = {"metadata": metadata, "repo_data": {}}
    assert reason_of(written(content).getvalue()) == Reason.NO_ACCOUNT


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'["data"]', Reason.KEYS_ONLY),
        (b"[]", Reason.EMPTY),
        (b"", Reason.EMPTY),
        (b"  \n", Reason.EMPTY),
        (b"{}", Reason.EMPTY),
        (b"[{}]", Reason.UNKNOWN),
        (b'{"data": {"viewer": {"login": "octocat", "starredRepositories": []}}}', Reason.PROTOTYPE),
        (b'{"data": {"user": {"login": "octocat"}}}', Reason.PROTOTYPE),
        (b'{"data": null, "errors": [{"message": "x"}]}', Reason.PROTOTYPE),
        (b'{"message": "Bad credentials", "documentation_url": "https://docs"}', Reason.ERROR_ANSWER),
        (b'{"errors": []}', Reason.ERROR_ANSWER),
        (b'{"format": "github-weeks/1", "year": 2026}', Reason.UNKNOWN),
        (b'"text"', Reason.UNKNOWN),
        (b"5", Reason.UNKNOWN),
        (b"<!DOCTYPE html><p>Sorry", Reason.UNKNOWN),
        (b'{"metadata": {"user_info"', Reason.BROKEN),
        (b'{"repo_data": {"a/b": {"commits": [', Reason.BROKEN),
        (b'{"metadata"', Reason.BROKEN),
        (b'["data', Reason.BROKEN),
        (b"{\xff\xfe", Reason.BROKEN),
    ],
)
def test_every_other_variant_is_told_by_its_name(content: bytes, reason: Reason) -> None:
    assert reason_of(content) == reason


# --- Its commits ------------------------------------------------------------------------------------


def test_a_commit_becomes_a_record_without_statistics_of_a_repository_nobody_can_see() -> None:
    assert commits_in(document()) == [
        {
            "repository_id": "legacy:octocat/hello",
            "repository": "octocat/hello",
            "oid": oid(1),
            "authored_at": "2019-08-05T12:00:00Z",
            "committed_at": "2019-08-05T12:00:00Z",
            "message": "Commit 1",
            "additions": None,
            "deletions": None,
            "changed_files": None,
            "url": f"https://github.com/octocat/hello/commit/{oid(1)}",
            "visibility": "private",
            "imported": True,
        }
    ]


def test_the_variant_with_only_commits_is_read() -> None:
    content = {
        "metadata": {"username": "octocat", "num_repos": 1},
        "repo_data": {"octocat/hello": {"commits": [rest_commit(1)]}},
    }
    assert [record["oid"] for record in commits_in(content)] == [oid(1)]


def test_a_commit_appended_twice_comes_once_and_counters_are_not_believed() -> None:
    found = Found()
    twice = [rest_commit(1), rest_commit(2), rest_commit(1), rest_commit(2), rest_commit(3)]
    records = commits_in(document({"octocat/hello": twice, "octocat/empty": []}), found)
    assert [record["oid"] for record in records] == [oid(1), oid(2), oid(3)]
    assert found == Found(repositories=2, commits=3, duplicates=2)


def test_the_same_commit_in_two_repositories_is_two_records() -> None:
    records = commits_in(document({"octocat/hello": [rest_commit(1)], "octocat/fork": [rest_commit(1)]}))
    assert [record["repository"] for record in records] == ["octocat/hello", "octocat/fork"]


def test_a_commit_that_github_gave_to_another_account_is_left_out() -> None:
    found = Found()
    others = [rest_commit(1, author={"id": 7}), rest_commit(2, author=None), rest_commit(3, author={})]
    assert [r["oid"] for r in commits_in(document({"octocat/hello": others}), found)] == [oid(2), oid(3)]
    assert found.foreign == 1


def without(*path: str) -> Change:
    def change(commit: dict[str, Any]) -> dict[str, Any]:
        inner = commit
        for name in path[:-1]:
            inner = inner[name]
        inner[path[-1]] = None
        return commit

    return change


@pytest.mark.parametrize(
    "change",
    [
        lambda commit: "message",
        lambda commit: None,
        lambda commit: [],
        lambda commit: {"message": "Not Found"},
        without("sha"),
        without("commit"),
        without("commit", "message"),
        lambda commit: {**commit, "sha": "abc"},
        lambda commit: {**commit, "sha": oid(1).upper()[:-1] + "G"},
        lambda commit: rest_commit(1, moment="yesterday"),
        lambda commit: rest_commit(1, moment="2019-02-30T00:00:00Z"),
        lambda commit: rest_commit(1, moment="2019-08-05"),
        lambda commit: rest_commit(1, moment="0000-01-01T00:00:00Z"),
        lambda commit: rest_commit(1, moment="9999-12-31T23:59:59-10:00"),
    ],
)
def test_an_item_that_is_no_commit_is_counted_and_left_out(change: Change) -> None:
    found = Found()
    records = commits_in(document({"octocat/hello": [change(rest_commit(1)), rest_commit(2)]}), found)
    assert [record["oid"] for record in records] == [oid(2)]
    assert found.broken == 1


def test_without_an_author_date_the_committers_is_the_next_best() -> None:
    commit = rest_commit(1)
    commit["commit"]["author"] = None
    assert commits_in(document({"a/b": [commit]}))[0]["authored_at"] == "2019-08-05T12:00:00Z"


def test_without_a_committer_date_the_authors_serves_in_utc() -> None:
    commit = rest_commit(1, moment="2019-08-05T01:00:00+02:00")
    commit["commit"]["committer"] = {"date": "nonsense"}
    record = commits_in(document({"a/b": [commit]}))[0]
    assert (record["authored_at"], record["committed_at"]) == (
        "2019-08-05T01:00:00+02:00",
        "2019-08-04T23:00:00Z",
    )


@pytest.mark.parametrize(
    "entry",
    [None, [], "x", {}, {"commits": None}, {"commits": {"message": "Git Repository is empty."}}],
)
def test_a_repository_that_could_not_be_read_has_no_commits(entry: Any) -> None:
    content = document()
    content["repo_data"] = {"octocat/broken": entry, **content["repo_data"]}
    assert [record["repository"] for record in commits_in(content)] == ["octocat/hello"]


@pytest.mark.parametrize("name", ["", "hello", "a/b/c", "a b/c", "/b", "a/", "x" * 101 + "/y"])
def test_a_name_that_no_repository_can_have_is_left_out(name: str) -> None:
    assert commits_in(document({name: [rest_commit(1)]})) == []


@pytest.mark.parametrize("repo_data", [None, [], "x", 7])
def test_repositories_of_another_type_hold_nothing(repo_data: Any) -> None:
    assert commits_in({"metadata": {}, "repo_data": repo_data}) == []


@pytest.mark.parametrize("share", [0.3, 0.5, 0.9, 0.999])
def test_a_file_cut_short_is_refused_even_after_good_commits(share: float) -> None:
    content = json.dumps(document({"a/b": [rest_commit(n) for n in range(100)]})).encode()
    with pytest.raises(LegacyFileRefused) as refused:
        list(iter_commits(io.BytesIO(content[: int(len(content) * share)]), GITHUB_ID, Found()))
    assert refused.value.reason == Reason.BROKEN


def test_every_record_is_valid_in_a_year_file() -> None:
    odd = rest_commit(2, moment="2019-12-30T23:59:59.5+14:00", html_url=None)
    odd["commit"]["message"] = "half a pair \ud83d, zero \u0000, 世界"
    for record in commits_in(document({"o/r": [rest_commit(1), odd]})):
        week = record_entry("commits", record).week
        content, new, _ = archive.merge_week(week, [], [record_entry("commits", record)], None)
        archive.check_week(int(week[:4]), week, content)
        assert new == 1


def test_a_record_of_a_repository_we_know_takes_its_place() -> None:
    record = placed(commits_in(document())[0], "R_1", "octocat/renamed", "public")
    assert (record["repository_id"], record["repository"]) == ("R_1", "octocat/renamed")
    assert (record["visibility"], record["imported"]) == ("public", True)


def test_memory_does_not_grow_with_the_file() -> None:
    """A repository of 30,000 commits is never in memory as a whole."""
    one = json.dumps(rest_commit(0))

    class Endless(io.RawIOBase):
        """The file as it is read, made on the way."""

        def __init__(self) -> None:
            start = '{"metadata": {}, "repo_data": {"a/b": {"commits": ['
            self._parts = iter(
                [start, one, *(f", {one}".replace(oid(0), oid(n)) for n in range(1, 30_000)), "]}}}"]
            )
            self.largest = 0

        def read(self, size: int = -1) -> bytes:
            self.largest = max(self.largest, size)
            piece = b""
            while len(piece) < size and (part := next(self._parts, None)) is not None:
                piece += part.encode()
            return piece

    source = Endless()
    assert sum(1 for _ in iter_commits(source, GITHUB_ID, Found())) == 30_000  # type: ignore[arg-type, misc]
    assert source.largest <= 512 * 1024


# --- Beside what GitHub says ------------------------------------------------------------------------


def from_github(number: int, **fields: Any) -> Record:
    return {
        "repository_id": "R_1",
        "repository": "octocat/hello",
        "oid": oid(number),
        "authored_at": "2019-08-05T14:00:00+02:00",
        "committed_at": "2019-08-05T12:00:00Z",
        "message": f"Commit {number}",
        "additions": 3,
        "deletions": 1,
        "changed_files": 1,
        "url": "https://github.com/octocat/hello/commit/x",
        "visibility": "public",
        **fields,
    }


def imported(number: int, **fields: Any) -> Record:
    return {**commits_in(document({"octocat/hello": [rest_commit(number)]}))[0], **fields}


def test_an_imported_commit_gives_way_to_the_same_one_read_from_github() -> None:
    assert yield_to_github([imported(1)], [from_github(1)]) == ([], [from_github(1)])
    assert yield_to_github([from_github(1)], [imported(1)]) == ([from_github(1)], [])
    assert yield_to_github([], [imported(1), from_github(1)]) == ([], [from_github(1)])


def test_it_gives_way_also_under_another_name_because_repositories_are_renamed() -> None:
    old = imported(1, repository="octocat/old", repository_id="legacy:octocat/old")
    assert yield_to_github([old], [from_github(1)]) == ([], [from_github(1)])


def test_an_imported_commit_of_a_known_repository_leaves_no_trace_in_githubs_own() -> None:
    known = placed(imported(1), "R_1", "octocat/hello", "public")
    held, read = yield_to_github([known], [from_github(1)])
    merged = KINDS["commits"]
    assert [merged.key_of(r) for r in (*held, *read)] == [("R_1", oid(1))]
    assert "imported" not in read[0]
    assert read[0]["authored_at"].endswith("+02:00")


def test_what_only_the_old_file_knows_stays() -> None:
    held, read = [imported(1), from_github(2)], [imported(3), from_github(4)]
    before = copy.deepcopy((held, read))
    assert yield_to_github(held, read) == (held, read)
    assert (held, read) == before


def test_dates_before_the_epoch_and_far_ahead_have_their_weeks() -> None:
    early, late = "1969-12-31T23:59:59Z", "2099-06-01T00:00:00Z"
    records = commits_in(document({"a/b": [rest_commit(1, moment=early), rest_commit(2, moment=late)]}))
    assert [record_entry("commits", record).week for record in records] == ["1970-W01", "2099-W23"]
    assert datetime.fromisoformat(records[0]["committed_at"]) < datetime(1970, 1, 1, tzinfo=UTC)
