from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
import responses

from github_client import FileAnswer, FileRequest, GitHubClient, Tree, TreeEntry, Unreadable, is_content_of
from github_client.errors import Forbidden, NotFound, TooHeavy, Unavailable, UnexpectedResponse
from tests.github_client.answers import API, TOKEN, answer_graphql, data, errors, sent

TREE = "a" * 40
TREE_URL = f"{API}/repositories/7/git/trees/{TREE}"
CONTENT = b"<gpx/>"
OID = hashlib.sha1(b"blob 6\0" + CONTENT, usedforsecurity=False).hexdigest()
BLOB_URL = f"{API}/repositories/7/git/blobs/{OID}"
REQUEST = FileRequest("R_1", "b" * 40, "rides/a.gpx", OID)


@pytest.fixture
def client() -> GitHubClient:
    return GitHubClient(API, TOKEN)


def entry(path: Any = "rides/a.gpx", **fields: Any) -> dict[str, Any]:
    return {"path": path, "mode": "100644", "type": "blob", "sha": OID, "size": 6, "url": "x"} | fields


def tree(*entries: Any, truncated: Any = False) -> dict[str, Any]:
    return {"sha": TREE, "url": "x", "tree": list(entries), "truncated": truncated}


# --- Trees ---


def test_a_tree(client: GitHubClient, github: responses.RequestsMock) -> None:
    folder = {"path": "rides", "mode": "040000", "type": "tree", "sha": TREE, "url": "x"}
    github.get(TREE_URL, json=tree(folder, entry()))
    assert client.fetch_tree(7, TREE) == Tree(
        (TreeEntry("rides", "tree", "040000", TREE, 0), TreeEntry("rides/a.gpx", "blob", "100644", OID, 6)),
        is_truncated=False,
    )
    assert github.calls[0].request.url == f"{TREE_URL}?recursive=1"


def test_one_level_of_a_tree_is_asked_for_without_the_word(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    """GitHub takes any value of `recursive` for true, even 0."""
    github.get(TREE_URL, json=tree(truncated=True))
    assert client.fetch_tree(7, TREE, recursive=False) == Tree((), is_truncated=True)
    assert github.calls[0].request.url == TREE_URL


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (404, NotFound),
        (409, NotFound),
        (422, NotFound),
        (403, Forbidden),
        (502, TooHeavy),
        (500, Unavailable),
    ],
)
def test_a_tree_that_does_not_come(
    client: GitHubClient, github: responses.RequestsMock, status: int, error: type[Exception]
) -> None:
    github.get(TREE_URL, status=status, json={"message": "No"})
    with pytest.raises(error):
        client.fetch_tree(7, TREE)


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        tree(truncated="no"),
        tree({"path": "a"}),
        tree("a"),
        tree(entry(path=None)),
        tree(entry(sha=1)),
        tree(entry(mode=100644)),
        tree(entry(type="link")),
        tree(entry(size=-1)),
        tree(entry(size=1.5)),
        tree(entry(size=True)),
    ],
)
def test_a_tree_of_another_shape_is_not_believed(
    client: GitHubClient, github: responses.RequestsMock, answer: Any
) -> None:
    github.get(TREE_URL, json=answer)
    with pytest.raises(UnexpectedResponse):
        client.fetch_tree(7, TREE)


# --- Files ---


def node(text: Any = "<gpx/>", commits: Any = None, **fields: Any) -> dict[str, Any]:
    blob = {"__typename": "Blob", "oid": OID, "byteSize": 6, "isTruncated": False, "text": text} | fields
    history = {"nodes": [{"oid": "c" * 40, "committedDate": "2026-05-01T10:00:00+02:00"}]}
    head = {"__typename": "Commit", "history": history if commits is None else {"nodes": commits}}
    return {"__typename": "Repository", "file": blob, "head": head}


def test_a_text_with_the_commit_that_last_changed_it(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    answer_graphql(github, data(f0=node()))
    assert client.fetch_files([REQUEST]) == (
        FileAnswer(REQUEST, "<gpx/>", 6, False, "c" * 40, datetime(2026, 5, 1, 8, tzinfo=UTC)),
    )
    assert sent(github)["variables"] == {
        "r0": "R_1",
        "o0": OID,
        "h0": "b" * 40,
        "p0": "rides/a.gpx",
        "t0": True,
    }


def test_a_binary_file_has_no_text(client: GitHubClient, github: responses.RequestsMock) -> None:
    answer_graphql(github, data(f0=node(text=None)))
    (answer,) = client.fetch_files([REQUEST])
    assert isinstance(answer, FileAnswer)
    assert answer.text is None


def test_a_path_without_a_commit_has_no_date(client: GitHubClient, github: responses.RequestsMock) -> None:
    answer_graphql(github, data(f0=node(commits=[])))
    (answer,) = client.fetch_files([REQUEST])
    assert isinstance(answer, FileAnswer)
    assert (answer.commit_oid, answer.committed_at) == (None, None)


def test_each_file_has_its_own_outcome(client: GitHubClient, github: responses.RequestsMock) -> None:
    withheld = errors({"type": "FORBIDDEN", "path": ["f1"], "message": "no"})
    gone = {**node(), "file": None}
    answer_graphql(github, data(f0=None, f1=None, f2=gone, f3=node()) | withheld)
    first, second, third, fourth = client.fetch_files([REQUEST] * 4)
    assert first == Unreadable("R_1", "not_found")
    assert second == Unreadable("R_1", "forbidden")
    assert third == Unreadable("R_1", "not_found")
    assert isinstance(fourth, FileAnswer)


def test_nothing_is_sent_for_no_file(client: GitHubClient, github: responses.RequestsMock) -> None:
    assert client.fetch_files([]) == ()
    assert not github.calls


# --- Bytes ---


def test_the_bytes_of_a_file(client: GitHubClient, github: responses.RequestsMock) -> None:
    github.get(BLOB_URL, body=CONTENT, content_type="application/vnd.github.raw+json")
    assert client.fetch_blob(7, OID) == CONTENT
    assert github.calls[0].request.headers["Accept"] == "application/vnd.github.raw+json"


def test_bytes_with_another_address_are_not_believed(
    client: GitHubClient, github: responses.RequestsMock
) -> None:
    github.get(BLOB_URL, body=b"<html>")
    with pytest.raises(UnexpectedResponse, match="another address"):
        client.fetch_blob(7, OID)


def test_bytes_that_do_not_come(client: GitHubClient, github: responses.RequestsMock) -> None:
    github.get(BLOB_URL, status=404, json={"message": "Not Found"})
    with pytest.raises(NotFound):
        client.fetch_blob(7, OID)


def test_the_address_of_bytes_by_both_of_gits_hashes() -> None:
    sha256 = hashlib.sha256(b"blob 6\0" + CONTENT).hexdigest()
    assert is_content_of(OID, CONTENT)
    assert is_content_of(sha256, CONTENT)
    assert not is_content_of(OID, CONTENT + b" ")
