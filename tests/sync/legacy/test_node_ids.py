"""Which repository a commit's node id names."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.github.ids import NodeId
from sync.legacy.node_ids import repository_number

OID = "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d"


def old_form(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def new_form(packed: bytes) -> str:
    return f"C_{base64.urlsafe_b64encode(packed).decode().rstrip('=')}"


# The first two are commits of nodejs/node and of golang/go as GitHub's REST API lists them.
@pytest.mark.parametrize(
    ("node_id", "oid", "number"),
    [
        (
            "MDY6Q29tbWl0MjcxOTM3Nzk6OWE0NmNmYzMzNzk2YTVlZmZhZGU0YTBjNmRlOTU4MDdmMWZjYTdhZA==",
            "9a46cfc33796a5effade4a0c6de95807f1fca7ad",
            27193779,
        ),
        (
            "C_kwDOAWBuf9oAKGY0Y2VjNzkxN2NjNTNjOGM3ZWYyZWE0NTZiNGJmMDQ3NGM0MTE4OWE",
            "f4cec7917cc53c8c7ef2ea456b4bf0474c41189a",
            23096959,
        ),
        (old_form(f"06:Commit1296269:{OID}{OID[:24]}"), OID + OID[:24], 1296269),
        ("C_kwDOABPHjdoAKDdmZDFhNjBiMDFmOTFiMzE0ZjU5OTU1YTRlNGQ0ZTgwZDhlZGYxMWQ", OID, 1296269),
        (new_form(b"\x93\x00\xcf\x00\x00\x00\x01\x00\x00\x00\x00\xda\x00\x28" + OID.encode()), OID, 1 << 32),
        (new_form(b"\x93\x00\xcc\xff\xda\x00\x28" + OID.encode()), OID, 255),
        (new_form(b"\x93\x00\x07\xd9\x28" + OID.encode()), OID, 7),
    ],
)
def test_both_forms_of_a_commit_tell_its_repository(node_id: str, oid: str, number: int) -> None:
    assert repository_number(node_id, oid) == number


@pytest.mark.parametrize(
    "node_id",
    [
        "",
        "C_1",
        "C_kwDOABPHjQ",
        str(NodeId("C", 1296269, OID))[:-4],
        str(NodeId("C", 1296269, OID[:-1] + "0")),
        str(NodeId("C", 1296269, OID + "0")),
        str(NodeId("R", 1296269)),
        # Without the number, as in the examples of GitHub's documentation.
        old_form(f"06:Commit{OID}"),
        old_form("06:Commit1296269:master"),
        old_form("06:Commit1296269"),
        old_form(f"06:Commit1296269:{OID[:-1]}0"),
        old_form(f"010:Commit1296269:{OID}"),
        old_form("010:Repository1296269"),
        "ключ",
    ],
)
def test_what_is_not_this_commits_id_tells_no_repository(node_id: str) -> None:
    assert repository_number(node_id, OID) is None


@given(st.integers(0, 2**32 - 1), st.binary(min_size=20, max_size=20) | st.binary(min_size=32, max_size=32))
def test_every_number_and_every_oid_is_read(number: int, digest: bytes) -> None:
    oid = digest.hex()
    assert repository_number(str(NodeId("C", number, oid)), oid) == number
    assert repository_number(old_form(f"06:Commit{number}:{oid}"), oid) == number


@given(st.text() | st.binary().map(lambda packed: new_form(packed)))
def test_whatever_else_stands_there_tells_nothing_without_the_oid(text: str) -> None:
    assert repository_number(text, OID) is None
