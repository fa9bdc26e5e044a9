"""Which repository a node id names."""

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.github.ids import NodeId
from sync.legacy.node_ids import repository_number

OID = "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d"


def old_form(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


@pytest.mark.parametrize(
    ("node_id", "number"),
    [
        ("MDEwOlJlcG9zaXRvcnkxMjk2MjY5", 1296269),
        (old_form(f"06:Commit1296269:{OID}"), 1296269),
        (old_form(f"06:Commit1296269:{OID}{OID[:24]}"), 1296269),
        ("R_kgDOABPHjQ", 1296269),
        ("C_kwDOABPHjdoAKDdmZDFhNjBiMDFmOTFiMzE0ZjU5OTU1YTRlNGQ0ZTgwZDhlZGYxMWQ", 1296269),
        ("R_kgAB", 1),
        ("R_kgDM_w", 255),
        ("R_kgDPAAAAAQAAAAA", 1 << 32),
    ],
)
def test_both_forms_of_repositories_and_commits_tell_it(node_id: str, number: int) -> None:
    assert repository_number(node_id) == number


@pytest.mark.parametrize(
    "node_id",
    [
        "",
        "C_1",
        "R_",
        "R_kgDO",
        "R_kgDOABP",
        "R_kwDOABPHjQ",
        "R_kgHOABPHjQ",
        "U_kgDOABPHjQ",
        "not base64 at all!",
        "MDQ6VXNlcjU4MzIzMQ==",
        old_form("06:Commit1296269:master"),
        old_form("06:Commit1296269"),
        "ключ",
    ],
)
def test_others_tell_nothing(node_id: str) -> None:
    assert repository_number(node_id) is None


@given(st.integers(0, 2**32 - 1))
def test_a_repository_and_its_commits_tell_the_same(number: int) -> None:
    assert repository_number(str(NodeId("R", number))) == number
    assert repository_number(str(NodeId("C", number, OID))) == number
    assert repository_number(old_form(f"010:Repository{number}")) == number


@given(st.text())
def test_whatever_stands_there_nothing_breaks(text: str) -> None:
    found = repository_number(text)
    assert found is None or found >= 0
