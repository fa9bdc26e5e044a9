from datetime import date, timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from github_client import Contributions
from sync.collect import completeness
from sync.collect.calendars import _note_cut
from sync.models import RepositoryState, Subscription, YearFile
from tests.sync.factories import make_contributions
from tests.sync.page_words import signed_in

pytestmark = pytest.mark.django_db


def entry(**facts: Any) -> dict[str, Any]:
    return {"state": "complete", "counts": {}, "days": {}, "calendar": {}, **facts}


def holding(
    subscription: Subscription, lists: dict[str, int], counts: dict[str, int], missed: dict[str, int]
) -> list[completeness.Comparison]:
    subscription.lists = {name: {"said": said, "reading": None} for name, said in lists.items()}
    return completeness.of_lists(subscription, [{"2026-W18": entry(counts=counts, missed=missed)}])


def test_lists_that_agree_need_no_words(subscription: Subscription) -> None:
    (issues,) = holding(subscription, {"issues": 7}, {"issues": 7}, {})
    assert (issues.name, issues.held, issues.said, issues.explanation) == ("issues opened", 7, 7, "")
    assert issues.agrees


def test_comments_of_all_sorts_are_one_kind(subscription: Subscription) -> None:
    (comments,) = holding(subscription, {"comments": 5, "gist_comments": 2}, {"comments": 7}, {})
    assert comments.agrees


@pytest.mark.parametrize(
    ("held", "missed", "said", "private", "words"),
    [
        (7, 2, 5, True, "2 were deleted on GitHub, or undone, since they were saved; they stay here"),
        (
            (
                5,
                0,
                9,
                False,
                "4 are in places that are not part of your choice, or GitHub does not give them to us",
            )
        ),
        (5, 0, 9, True, "GitHub counts 4 that it does not give to us"),
        (9, 0, 5, True, "4 are no longer counted by GitHub; they stay here"),
        (7, 2, 8, True, "they stay here; GitHub counts 3 that it does not give to us"),
    ],
)
def test_every_difference_is_explained(
    subscription: Subscription, held: int, missed: int, said: int, private: bool, words: str
) -> None:
    subscription.agreement["private"] = private
    (stars,) = holding(subscription, {"stars": said}, {"stars": held}, {"stars": missed} if missed else {})
    assert not stars.agrees
    assert stars.explanation.endswith(words)


@pytest.mark.parametrize(
    ("counted", "words"),
    [
        ({"unreadable": 4}, "GitHub withholds 4 from us"),
        ({"uncovered": 4}, "4 are in places that are not public, which are not part of your choice"),
        (
            {"unreadable": 1, "uncovered": 1, "left_out": 1},
            (
                "GitHub withholds 1 from us; "
                "1 are in places that are not public, which are not part of your choice; "
                "1 are in places that you left out or did not tick; "
                "1 are in places that are not part of your choice, or GitHub does not give them to us"
            ),
        ),
        ({"uncovered": 9}, "4 are in places that are not public, which are not part of your choice"),
    ],
)
def test_what_was_counted_while_reading_is_no_guess(
    subscription: Subscription, counted: dict[str, int], words: str
) -> None:
    subscription.lists = {"issues": {"said": 9, "reading": None, **counted}}
    (issues,) = completeness.of_lists(subscription, [{"2026-W18": entry(counts={"issues": 5})}])
    assert issues.explanation == words


def test_reviews_that_github_withholds_are_said_though_it_counts_none(subscription: Subscription) -> None:
    assert completeness.of_lists(subscription, [{"2026-W18": entry(counts={"reviews": 5})}]) == []
    subscription.lists = {"reviews": {"watermark": None, "reading": None, "unreadable": 2}}
    (reviews,) = completeness.of_lists(subscription, [{"2026-W18": entry(counts={"reviews": 5})}])
    assert (reviews.held, reviews.said, reviews.agrees) == (5, None, False)
    assert reviews.explanation == "GitHub withholds at least 2 pull requests with reviews of yours"
    subscription.agreement["kinds"] = ["issues"]
    assert completeness.of_lists(subscription, []) == []


def window(days: int, repositories: int) -> Contributions:
    """A window in which somebody committed to so many repositories; GitHub names a hundred at the most."""
    since = date(2026, 3, 2)
    names = [f"r{n}" for n in range(min(repositories, 100))]
    return make_contributions(since, since + timedelta(days=days - 1), names, repositories)


def test_a_week_in_more_repositories_than_github_names_is_said_until_it_names_all(
    subscription: Subscription,
) -> None:
    def read(answer: Contributions) -> None:
        calendar = subscription.lists.setdefault("calendar", {"windows": []})
        _note_cut(calendar, (answer.since, answer.until), answer)

    read(window(30, 130))
    assert completeness.of_lists(subscription, []) == [], "it is asked for in halves"
    read(window(7, 130))
    for _ in range(2):
        (line,) = completeness.of_lists(subscription, [])
        assert (line.name, line.held, line.said) == (
            "repositories worked in from 2026-03-02 to 2026-03-08",
            100,
            130,
        )
        read(window(7, 130))
    read(window(7, 99))
    assert completeness.of_lists(subscription, []) == []


def test_a_list_that_is_being_read_says_so(subscription: Subscription) -> None:
    subscription.lists = {"stars": {"said": 9, "reading": {"cursor": "c"}}}
    (stars,) = completeness.of_lists(subscription, [])
    assert stars.explanation == completeness.STILL_READ


def test_kinds_that_were_not_agreed_to_are_not_compared(subscription: Subscription) -> None:
    subscription.agreement["kinds"] = ["commits", "reviews"]
    assert holding(subscription, {"pull_requests": 4}, {}, {}) == []


def add_repository(subscription: Subscription, name: str, **facts: Any) -> None:
    RepositoryState.objects.create(
        subscription=subscription, node_id=name, name=name, visibility="public", is_read=True, **facts
    )


def test_repositories_that_differ_are_named_and_the_others_counted(subscription: Subscription) -> None:
    add_repository(subscription, "o/same", held=4, said=4)
    add_repository(subscription, "o/less", held=3, said=4)
    add_repository(subscription, "o/gone", held=3, said=None, not_readable="not found on GitHub any more")
    add_repository(subscription, "o/not-counted", held=0, said=None)
    found = completeness.of_repositories(subscription.repositories.order_by("name"))
    assert {line.name: line.explanation for line in found.differing} == {
        "o/gone": "not found on GitHub any more",
        "o/less": "GitHub's count and its list of commits differ",
    }
    assert (found.agreeing, found.total) == (1, 3)


def test_years_are_compared_by_calendar_days_newest_first(subscription: Subscription) -> None:
    weeks = {
        "2026-W01": entry(
            days={"2025-12-31": {"commits": 2, "stars": 5}, "2026-01-01": {"issues": 1}},
            calendar={"2025-12-31": 2, "2026-01-01": 3},
        )
    }
    files = [
        YearFile(subscription=subscription, kind="public", year=2026, weeks=weeks, private_contributions=2),
        YearFile(subscription=subscription, kind="private", year=2026, weeks={}),
        YearFile(subscription=subscription, kind="profile", year=0),
    ]
    newer, older = completeness.of_years(files)
    assert (newer.name, newer.held, newer.said) == ("2026", 1, 3)
    assert newer.explanation.startswith("2 of them private")
    assert (older.name, older.held, older.said, older.explanation) == ("2025", 2, 2, "")


def test_the_dashboard_shows_the_comparison_and_what_cannot_be_had(subscription: Subscription) -> None:
    counts = {"issues": 3, "reviews": 5}
    weeks = {"2026-W18": entry(counts=counts, days={"2026-04-27": counts})}
    YearFile.objects.create(
        subscription=subscription, kind="public", year=2026, weeks=weeks, current_id=1, size=1
    )
    withheld = {"watermark": None, "reading": None, "unreadable": 2}
    Subscription.objects.update(lists={"issues": {"said": 5, "reading": None}, "reviews": withheld})
    for n in range(3):
        add_repository(subscription, f"o/less-{n}", held=3, said=4)
    browser = signed_in(subscription.user)
    html = browser.get(reverse("dashboard")).content.decode()
    assert "2 are in places that are not part of your choice, or GitHub does not give them to us" in html
    assert "5</strong> reviews" in html
    assert "Commits agree in 0 of 3 repositories" in html
    assert "o/less-2" in html
    for words in ("other than the default one", "not linked to your GitHub account", "only a co-author"):
        assert words in html
    with CaptureQueriesContext(connection) as few:
        browser.get(reverse("dashboard"))
    for n in range(30):
        add_repository(subscription, f"o/same-{n}", held=4, said=4)
    with CaptureQueriesContext(connection) as many:
        browser.get(reverse("dashboard"))
    assert len(many) == len(few)


def test_a_stranger_sees_nothing_of_it(subscription: Subscription, stranger: Any, client: Client) -> None:
    add_repository(subscription, "o/less", held=3, said=4)
    assert "o/less" not in signed_in(stranger).get(reverse("dashboard")).content.decode()
    assert client.get(reverse("dashboard")).status_code == 302
