"""What the client returns becomes records; what the choice does not cover becomes nothing."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from github_client import (
    Comment,
    Discussion,
    Gist,
    Issue,
    ListItem,
    PullRequest,
    Release,
    Repository,
    RepositoryRef,
    Review,
    ReviewComment,
    Star,
)
from sync import archive
from sync.collect.github_records import (
    is_covered,
    list_entries,
    release_entry,
    repository_created,
    review_entry,
)
from sync.consent import KINDS as AGREED
from sync.models import Subscription
from sync.records import KINDS, Entry

AT = datetime(2026, 4, 27, 9, 12, 1, tzinfo=UTC)
LATER = datetime(2026, 4, 28, 9, 0, tzinfo=UTC)
PUBLIC = RepositoryRef("R_1", "octocat/hello", "public")
PRIVATE = RepositoryRef("R_2", "octocat/secret", "private")
UNKNOWN = RepositoryRef("R_3", "octocat/strange", "unknown")

ISSUE = Issue("I_1", 7, "A title", "A body", "CLOSED", "COMPLETED", AT, LATER, "https://x/7", PUBLIC, LATER)
REMARK = ReviewComment("PRRC_1", AT, "README.md", "A typo", "https://x/r1")
REVIEW = Review(
    "PRR_1",
    "APPROVED",
    AT,
    "Fine",
    "https://x/8#r",
    "a" * 40,
    "PR_1",
    8,
    "A change",
    PUBLIC,
    LATER,
    (REMARK,),
    1,
    None,
)
PULL_REQUEST = PullRequest(
    "PR_1", 8, "A change", "Why", "MERGED", False, True, LATER, AT, LATER, 3, 1, 2, "main", "topic", "b" * 40,
    "https://x/8", PUBLIC, LATER, (), 0, None,
)  # fmt: skip
COMMENT = Comment("IC_1", "issue", "I_1", 7, "A title", AT, "Me too", "https://x/7#c", PUBLIC, True, LATER)
GIST = Gist("G_1", "abc", None, True, False, ("a.py",), AT, "https://x/g", LATER)
DISCUSSION = Discussion("D_1", 9, "A question", "Why?", AT, "https://x/9", PUBLIC, LATER)
RELEASE = Release("RE_1", "v1", "One", None, AT, False, "https://x/v1", PUBLIC, "U_1")
STAR = Star(PUBLIC, AT)
ITEMS: list[tuple[str, ListItem]] = [
    ("issues", ISSUE),
    ("pull_requests", PULL_REQUEST),
    ("comments", COMMENT),
    ("stars", STAR),
    ("gists", GIST),
    ("discussions", DISCUSSION),
]


def member(
    *, private: bool = False, secret_gists: bool = False, kinds: tuple[str, ...] = AGREED
) -> Subscription:
    agreement = {"kinds": list(kinds), "private": private, "secret_gists": secret_gists}
    return Subscription(github_id=1, github_node_id="U_1", agreement=agreement)


def only(staged: list[tuple[str, Entry]]) -> Entry:
    assert len(staged) == 1
    return staged[0][1]


@pytest.mark.parametrize(("kind", "item"), ITEMS)
def test_every_kind_falls_in_the_week_it_was_made_and_is_valid(kind: str, item: ListItem) -> None:
    entry = only(list_entries(member(), [item]))
    assert (entry.kind, entry.week) == (kind, "2026-W18")
    content, _, _ = archive.merge_week(entry.week, [], [entry], "complete")
    archive.check_week(2026, entry.week, content)


@pytest.mark.parametrize(("kind", "item"), ITEMS)
def test_a_kind_that_was_not_agreed_to_is_not_staged(kind: str, item: ListItem) -> None:
    others = tuple(name for name in AGREED if name != kind)
    assert list_entries(member(kinds=others), [item]) == []


@pytest.mark.parametrize(("kind", "item"), ITEMS)
def test_nothing_that_others_move_stands_in_a_record(kind: str, item: Any) -> None:
    """An item that only somebody else's comment changed gives the same record."""
    if isinstance(item, Star):
        return
    moved = replace(item, updated_at=datetime(2026, 11, 1, tzinfo=UTC))
    assert only(list_entries(member(), [moved])) == only(list_entries(member(), [item]))


@pytest.mark.parametrize(
    "item",
    [
        replace(ISSUE, repository=PRIVATE),
        replace(PULL_REQUEST, repository=PRIVATE),
        replace(COMMENT, repository=PRIVATE),
        replace(DISCUSSION, repository=PRIVATE),
        replace(STAR, repository=PRIVATE),
    ],
)
def test_private_things_are_dropped_before_staging_unless_chosen(item: ListItem) -> None:
    assert list_entries(member(), [item]) == []
    kind, _ = list_entries(member(private=True), [item])[0]
    assert kind == "private"


def test_unknown_visibility_is_dropped_whatever_was_chosen() -> None:
    item = replace(ISSUE, repository=UNKNOWN)
    assert list_entries(member(private=True), [item]) == []


def test_secret_gists_and_comments_on_them_need_their_own_choice() -> None:
    secret: list[ListItem] = [
        replace(GIST, is_public=False),
        replace(COMMENT, on="gist", repository=None, is_public=False),
    ]
    assert list_entries(member(private=True), secret) == []
    assert [kind for kind, _ in list_entries(member(secret_gists=True), secret)] == ["private", "private"]


def test_a_comment_on_a_public_gist_is_public() -> None:
    comment = replace(COMMENT, on="gist", repository=None)
    assert [kind for kind, _ in list_entries(member(), [comment])] == ["public"]


def test_reviews_of_own_pull_requests_come_with_them() -> None:
    staged = list_entries(member(), [replace(PULL_REQUEST, reviews=(REVIEW,), reviews_total=1)])
    assert [entry.kind for _, entry in staged] == ["pull_requests", "reviews"]


def test_a_review_holds_its_comments() -> None:
    staged = review_entry(member(), REVIEW)
    assert staged is not None
    assert [part["id"] for part in staged[1].data["comments"]] == ["PRRC_1"]
    content, _, _ = archive.merge_week("2026-W18", [], [staged[1]], None)
    archive.check_week(2026, "2026-W18", content)


def test_a_review_that_is_read_again_is_the_same_whatever_the_order_of_its_comments() -> None:
    """GitHub gives no order to those that were submitted together."""
    other = replace(REMARK, node_id="PRRC_0")
    both = [
        review_entry(member(), replace(REVIEW, comments=comments))
        for comments in ((REMARK, other), (other, REMARK))
    ]
    assert both[0] == both[1]
    assert both[0] is not None
    entry = both[0][1]
    once, _, _ = archive.merge_week("2026-W18", [], [entry], None)
    again, _, changed = archive.merge_week("2026-W18", [], [entry, entry], None)
    assert (again, changed) == (once, 0)


def test_a_pending_review_is_not_a_review_yet() -> None:
    assert review_entry(member(), replace(REVIEW, submitted_at=None)) is None


def test_comments_that_came_later_are_joined_to_their_review() -> None:
    staged = review_entry(member(), REVIEW)
    assert staged is not None
    rest = {
        "id": "PRR_1",
        "submitted_at": "2026-04-27T09:12:01Z",
        "comments": [{**staged[1].data["comments"][0], "id": "PRRC_2"}],
    }
    content, new, changed = archive.merge_week(
        "2026-W18", [], [staged[1], Entry("reviews", "2026-W18", rest)], None
    )
    assert [part["id"] for part in content["reviews"][0]["comments"]] == ["PRRC_1", "PRRC_2"]
    assert (new, changed) == (1, 1)
    archive.check_week(2026, "2026-W18", content)


def test_a_release_falls_in_the_week_it_was_published() -> None:
    staged = release_entry(member(), RELEASE)
    assert staged is not None
    content, _, _ = archive.merge_week("2026-W18", [], [staged[1]], None)
    archive.check_week(2026, "2026-W18", content)


def test_making_a_repository_is_a_record() -> None:
    made = Repository(
        "R_1", 1, "octocat/hello", "public", False, False, None, None, None, created_at=AT, owner_id="U_1"
    )
    staged = repository_created(member(), made)
    assert staged is not None
    content, _, _ = archive.merge_week("2026-W18", [], [staged[1]], None)
    archive.check_week(2026, "2026-W18", content)
    assert repository_created(member(), replace(made, created_at=None)) is None
    assert repository_created(member(), replace(made, visibility="private")) is None


def test_lone_surrogates_never_reach_a_file() -> None:
    entry = only(list_entries(member(), [replace(ISSUE, title="\ud800", body="ok \udfff")]))
    assert (entry.data["title"], entry.data["body"]) == ("?", "ok ?")


@pytest.mark.parametrize(
    ("visibility", "private", "covered"),
    [
        ("public", False, True),
        ("private", False, False),
        ("internal", False, False),
        ("unknown", False, False),
        ("private", True, True),
        ("internal", True, True),
        ("unknown", True, False),
    ],
)
def test_what_the_choice_covers(visibility: str, private: bool, covered: bool) -> None:
    assert is_covered(member(private=private), visibility) is covered


def test_every_kind_of_the_agreement_is_known_to_the_files() -> None:
    assert set(AGREED) == {*KINDS, "calendar"}
