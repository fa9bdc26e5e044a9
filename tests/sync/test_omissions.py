from typing import Any

import pytest

from sync.omissions import Omissions
from sync.records import CALENDAR, Entry

COMMIT: dict[str, Any] = {"repository_id": "R_1", "repository": "Octo/trails", "message": "Mark the path"}
REVIEW: dict[str, Any] = {
    "repository_id": "R_2",
    "repository": "acme/secret-plan",
    "pull_request_title": "Plan B",
    "body": "Fine",
    "comments": [{"id": "1", "path": "a.txt", "body": "Why?"}],
}
WEEK = {"state": "complete", "calendar": {"2026-04-27": 3}, "commits": [COMMIT], "reviews": [REVIEW]}


def left_out(**agreement: Any) -> Omissions:
    return Omissions.of(agreement)


def test_nothing_is_left_out_unless_the_member_says_so() -> None:
    assert left_out() == Omissions()
    assert left_out().without(WEEK) == WEEK


def test_texts_become_null_also_inside_reviews_and_all_else_stays() -> None:
    week = left_out(texts=False).without(WEEK)

    assert week["commits"] == [{**COMMIT, "message": None}]
    assert week["reviews"][0]["comments"] == [{"id": "1", "path": "a.txt", "body": None}]
    assert (week["reviews"][0]["body"], week["reviews"][0]["pull_request_title"]) == (None, None)
    assert COMMIT["message"] == "Mark the path"


def test_private_counts_take_the_calendar_with_them() -> None:
    assert left_out(private_counts=False).without(WEEK) == {**WEEK, CALENDAR: {}}


@pytest.mark.parametrize("item", [{"id": "R_1", "name": "octo/trails"}, {"owner": "OCTO"}])
def test_records_of_a_repository_or_an_owner_vanish(item: dict[str, str]) -> None:
    week = left_out(left_out=[item]).without(WEEK)

    assert week["commits"] == []
    assert week["reviews"] == [REVIEW]


def test_what_is_staged_is_left_out_too() -> None:
    entries = [
        ("public", Entry(CALENDAR, "2026-W18", {"2026-04-27": 3})),
        ("public", Entry("commits", "2026-W18", COMMIT)),
        ("private", Entry("reviews", "2026-W18", REVIEW)),
    ]
    out = left_out(texts=False, private_counts=False, left_out=[{"owner": "acme"}])

    assert list(out.entries(entries, "octo")) == [
        ("public", Entry("commits", "2026-W18", {**COMMIT, "message": None}))
    ]


def test_a_record_outside_of_repositories_has_no_owner() -> None:
    comment = {"id": "C", "repository_id": None, "repository": None, "subject_title": "x", "body": "y"}
    assert left_out(left_out=[{"owner": "none"}]).without({"comments": [comment]}) == {"comments": [comment]}


def test_the_same_things_are_equal_in_any_order() -> None:
    one = left_out(left_out=[{"owner": "a"}, {"id": "R_2", "name": "b/c"}])
    other = left_out(left_out=[{"id": "R_2", "name": "b/renamed"}, {"owner": "A"}])

    assert one == other != left_out(texts=False)


def test_more_is_told_from_less() -> None:
    nothing, texts, owner = left_out(), left_out(texts=False), left_out(left_out=[{"owner": "a"}])

    assert texts.adds_to(nothing)
    assert owner.adds_to(texts)
    assert not nothing.adds_to(owner)
    assert not texts.adds_to(texts)


# --- Organisations, one by one ---

PLAN: dict[str, Any] = {"repository_id": "R_9", "repository": "Acme/plan", "visibility": "private"}


def may_be_staged(out: Omissions, record: dict[str, Any]) -> bool:
    return bool(list(out.entries([("private", Entry("stars", "2026-W18", record))], "Octo")))


@pytest.mark.parametrize(
    ("record", "is_staged"),
    [
        (PLAN, False),
        ({**PLAN, "visibility": "internal"}, False),
        ({**PLAN, "visibility": "public"}, True),
        ({**PLAN, "repository": "octo/diary"}, True),
        ({**PLAN, "repository": "globex/plan"}, True),
        ({**PLAN, "repository": None, "visibility": "secret"}, True),
    ],
)
def test_of_private_repositories_only_own_ones_and_those_of_ticked_owners_are_staged(
    record: dict[str, Any], is_staged: bool
) -> None:
    assert may_be_staged(left_out(organizations=["Globex"]), record) is is_staged


def test_who_was_never_asked_is_not_narrowed() -> None:
    assert may_be_staged(left_out(), PLAN)


def test_only_an_unticked_owner_goes_from_files_and_only_what_is_private() -> None:
    week = {"stars": [PLAN, {**PLAN, "visibility": "public"}]}

    assert left_out(organizations=[]).without(week) == week
    assert left_out(organizations_out=["acme"]).without(week) == {"stars": week["stars"][1:]}


def test_a_tick_less_is_more_left_out() -> None:
    both, one = left_out(organizations=["a", "b"]), left_out(organizations=["a"])

    assert one.adds_to(both)
    assert not both.adds_to(one)
    assert one.adds_to(left_out())
