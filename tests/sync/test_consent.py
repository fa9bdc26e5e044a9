from datetime import UTC, datetime

import pytest

from sync.consent import KINDS, SCOPES, Choice, agreement, scopes_for, wider_than_agreed

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)


def test_the_scopes_are_exactly_those_promised() -> None:
    assert SCOPES == {
        Choice.PUBLIC: ("read:user",),
        Choice.PRIVATE: ("read:user", "repo", "read:org"),
    }


def test_it_records_what_was_agreed_to_and_when() -> None:
    assert agreement(Choice.PUBLIC, ["read:user"], NOW) == {
        "text": "2026-12",
        "kinds": list(KINDS),
        "private": False,
        "secret_gists": False,
        "agreed_at": "2026-11-23T12:00:00+00:00",
    }


@pytest.mark.parametrize(
    ("choice", "granted", "is_private"),
    [
        (Choice.PRIVATE, ["read:org", "read:user", "repo"], True),
        (Choice.PRIVATE, ["repo"], True),
        (Choice.PRIVATE, ["read:user", "read:org"], False),
        (Choice.PRIVATE, ["public_repo", "read:user"], False),
        (Choice.PRIVATE, [], False),
        # A token may carry more than was asked for; only the choice widens.
        (Choice.PUBLIC, ["read:user", "repo", "read:org"], False),
    ],
)
def test_private_needs_both_the_choice_and_the_grant(
    choice: Choice, granted: list[str], is_private: bool
) -> None:
    assert agreement(choice, granted, NOW)["private"] is is_private


def test_two_agreements_share_nothing() -> None:
    first, second = (agreement(Choice.PUBLIC, [], NOW) for _ in range(2))
    first["kinds"].append("something new")

    assert second["kinds"] == list(KINDS)


@pytest.mark.parametrize(
    ("wanted", "granted", "agreed"),
    [(True, ["gist"], True), (True, [], False), (False, ["gist"], False)],
)
def test_secret_gists_need_both_the_choice_and_the_grant(
    wanted: bool, granted: list[str], agreed: bool
) -> None:
    record = agreement(Choice.PUBLIC, granted, NOW, secret_gists=wanted)
    assert record["secret_gists"] is agreed
    assert ("gist" in scopes_for(Choice.PUBLIC, secret_gists=wanted)) is wanted


@pytest.mark.parametrize(
    ("granted", "agreed", "wider"),
    [
        (["read:user"], {"private": False}, []),
        (["repo", "user"], {"private": False}, ["repo", "user"]),
        (["read:org", "read:user", "repo"], {"private": True}, []),
        (["read:org", "read:user", "repo", "repo:status"], {"private": True}, []),
        (["read:org", "read:user", "repo"], {"private": False}, ["read:org", "repo"]),
        (["gist", "read:user"], {"private": False, "secret_gists": True}, []),
        (["gist", "read:user"], {}, ["gist"]),
        # Less than agreed is not more.
        ([], {"private": True}, []),
    ],
)
def test_what_github_granted_beyond_the_choices_is_told(
    granted: list[str], agreed: dict[str, bool], wider: list[str]
) -> None:
    assert wider_than_agreed(granted, agreed) == wider
