from datetime import timedelta
from typing import Any

import pytest

from sync.pages.estimate import USUAL_PACE, Commits, Estimate, estimate, pace_of

LISTS: dict[str, Any] = {
    "calendar": {"years": list(range(2012, 2027)), "windows": []},
    "repositories": {"total": 40, "cursor": None},
    "issues": {"said": 310},
    "stars": {"said": 990},
    "organizations": ["acme"],
    "legacy": {"files": {}},
}


def test_years_repositories_requests_and_minutes() -> None:
    # One probe, five of calendars, one of repositories, ten of lists, forty of commits.
    expected = Estimate(years=15, repositories=40, requests=57, minutes=2)
    assert estimate(LISTS, Commits(said=8000, unknown=0), timedelta(seconds=2)) == expected


def test_a_repository_whose_total_is_not_known_counts_as_a_usual_one() -> None:
    known = estimate(LISTS, Commits(said=8000, unknown=0), USUAL_PACE)
    more = estimate(LISTS, Commits(said=8000, unknown=30), USUAL_PACE)

    assert known is not None
    assert more is not None
    assert more.requests == known.requests + 3


@pytest.mark.parametrize("lists", [{}, {"repositories": {"total": 3}}])
def test_nothing_is_estimated_before_the_probe_has_answered(lists: dict[str, Any]) -> None:
    assert estimate(lists, Commits(0, 0), USUAL_PACE) is None


def test_the_pace_is_measured_once_there_is_something_to_measure() -> None:
    assert pace_of(timedelta(seconds=9), 2) == USUAL_PACE
    assert pace_of(timedelta(seconds=30), 10) == timedelta(seconds=3)
