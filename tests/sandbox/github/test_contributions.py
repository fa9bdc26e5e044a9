"""contributionsCollection: windows, days in the author's own zone, weeks that start on Sunday."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.github.conftest import GitHub
from tests.sandbox.github.histories import BOB, Planned, git, make_repository
from tests.sandbox.github.queries import WINDOW

YEAR = {"from": "2026-01-01T00:00:00Z", "to": "2026-12-31T23:59:59Z"}


def _window(github: GitHub, **window: str) -> Any:
    return github.ask(WINDOW, **window)["viewer"]["contributionsCollection"]


def _days(window: Any) -> dict[str, int]:
    weeks = window["contributionCalendar"]["weeks"]
    return {day["date"]: day["contributionCount"] for week in weeks for day in week["contributionDays"]}


def test_commits_per_day_equal_git_log_in_the_authors_zone(
    make_github: Callable[..., GitHub], tmp_path: Path
) -> None:
    moments = [b"1767223800 +0000", b"1767223800 -0100", b"1767225600 +0000", b"1780000000 +1345"]
    path = make_repository(tmp_path / "r", [Planned(moment=moment) for moment in moments])
    github = make_github(path)

    window = _window(github, **YEAR)

    days = git(path, "log", "--format=%ad", "--date=format:%Y-%m-%d").decode().split()
    (repository,) = window["commitContributionsByRepository"]
    assert {
        node["occurredAt"][:10]: node["commitCount"] for node in repository["contributions"]["nodes"]
    } == {day: days.count(day) for day in days if day >= "2026"}
    assert sorted(days)[:3] == ["2025-12-31", "2025-12-31", "2026-01-01"]
    assert window["totalCommitContributions"] == repository["contributions"]["totalCount"] == 2


def test_the_last_moment_of_a_window_is_inside(make_github: Callable[..., GitHub], tmp_path: Path) -> None:
    path = make_repository(tmp_path / "r", [Planned(moment=b"1772668799 +0000")])
    github = make_github(path)

    inside = _window(github, **{"from": "2026-03-04T00:00:00Z", "to": "2026-03-04T23:59:59Z"})
    outside = _window(github, **{"from": "2026-03-05T00:00:00Z", "to": "2026-03-05T23:59:59Z"})

    assert (inside["totalCommitContributions"], outside["totalCommitContributions"]) == (1, 0)
    assert inside["startedAt"] == "2026-03-04T00:00:00Z"
    assert inside["endedAt"] == "2026-03-04T23:59:59Z"


def test_weeks_start_on_sunday_and_the_first_may_be_short(github: GitHub) -> None:
    weeks = _window(github, **YEAR)["contributionCalendar"]["weeks"]

    assert weeks[0]["firstDay"] == "2026-01-01"  # a Thursday
    assert len(weeks[0]["contributionDays"]) == 3
    for week in weeks[1:]:
        assert date.fromisoformat(week["firstDay"]).isoweekday() == 7
        assert [day["weekday"] for day in week["contributionDays"]] == list(
            range(len(week["contributionDays"]))
        )
    assert sum(len(week["contributionDays"]) for week in weeks) == 365


def test_the_calendar_counts_commits_and_what_is_derived(github: GitHub) -> None:
    window = _window(github, **YEAR)

    assert window["contributionCalendar"]["totalContributions"] == (
        window["totalCommitContributions"]
        + window["totalRepositoryContributions"]
        + window["totalIssueContributions"]
        + window["totalPullRequestContributions"]
        + window["totalPullRequestReviewContributions"]
    )
    assert window["totalCommitContributions"] == 7
    assert sum(_days(window).values()) == window["contributionCalendar"]["totalContributions"]


def test_levels_are_quarters_of_the_busiest_day(make_github: Callable[..., GitHub], tmp_path: Path) -> None:
    busy = [Planned(moment=b"1767268800 +0000") for _ in range(4)]
    path = make_repository(
        tmp_path / "r", [Planned(moment=b"1600000000 +0000"), *busy, Planned(moment=b"1767355200 +0000")]
    )
    github = make_github(path)

    weeks = _window(github, **{"from": "2026-01-01T00:00:00Z", "to": "2026-01-03T23:59:59Z"})[
        "contributionCalendar"
    ]["weeks"]

    levels = [day["contributionLevel"] for day in weeks[0]["contributionDays"]]
    assert levels == ["FOURTH_QUARTILE", "FIRST_QUARTILE", "NONE"]


def test_years_with_activity_are_named_newest_first(github: GitHub) -> None:
    assert _window(github, **YEAR)["contributionYears"] == [2026, 2020]


def test_a_commit_in_two_repositories_counts_once(make_github: Callable[..., GitHub], tmp_path: Path) -> None:
    commits = [Planned(b"Same\n"), Planned(b"Same too\n")]
    one, two = (make_repository(tmp_path / name, commits) for name in ("one", "two"))
    github = make_github(one, two)

    window = _window(github, **YEAR)

    assert window["totalCommitContributions"] == 2
    assert window["totalRepositoriesWithContributedCommits"] == 1


@pytest.mark.parametrize(
    ("start", "end"),
    [("2025-01-01T00:00:00Z", "2026-01-01T00:00:01Z"), ("2024-02-29T00:00:00Z", "2025-03-01T00:00:00Z")],
)
def test_more_than_a_year_is_refused(github: GitHub, start: str, end: str) -> None:
    answer = github.post(WINDOW, **{"from": start, "to": end}).json

    (error,) = answer["errors"]
    assert error["message"] == "The total time spanned by 'from' and 'to' must not exceed 1 year"
    assert error["path"] == ["viewer", "contributionsCollection"]
    assert answer["data"] is None


def test_one_year_is_allowed_and_the_end_defaults_to_it(github: GitHub) -> None:
    assert _window(github, **{"from": "2025-01-01T00:00:00Z", "to": "2026-01-01T00:00:00Z"})
    window = _window(github, **{"from": "2020-06-01T00:00:00Z"})

    assert window["endedAt"] == "2021-06-01T00:00:00Z"


def test_private_work_is_only_a_number_without_the_scope(
    make_github: Callable[..., GitHub], tmp_path: Path
) -> None:
    open_one = make_repository(tmp_path / "open", [Planned()])
    closed = make_repository(tmp_path / "closed", [Planned(b"1\n"), Planned(b"2\n")])
    github = make_github(open_one, closed, private=["closed"])

    without = _window(github, **YEAR)
    github.sign_in("repo", "read:user")
    with_scope = _window(github, **YEAR)

    assert without["totalCommitContributions"] == 1
    assert without["restrictedContributionsCount"] == 3  # two commits and the repository itself
    assert [each["repository"]["name"] for each in without["commitContributionsByRepository"]] == ["open"]
    assert with_scope["totalCommitContributions"] == 3
    assert with_scope["restrictedContributionsCount"] == 0
    assert (
        without["contributionCalendar"]["totalContributions"]
        == with_scope["contributionCalendar"]["totalContributions"]
    )


def test_most_contributions_come_first_and_more_than_100_are_refused(
    make_github: Callable[..., GitHub], tmp_path: Path
) -> None:
    few = make_repository(tmp_path / "few", [Planned(b"few\n")])
    many = make_repository(tmp_path / "many", [Planned(b"%d\n" % number) for number in range(3)])
    github = make_github(few, many)

    names = [
        each["repository"]["name"] for each in _window(github, **YEAR)["commitContributionsByRepository"]
    ]
    (error,) = github.errors(
        """{ viewer { contributionsCollection {
        commitContributionsByRepository(maxRepositories: 101) { url } } } }"""
    )

    assert names == ["many", "few"]
    assert (error["type"], error["message"]) == ("ARGUMENT_LIMIT", "Only up to 100 repositories is supported")


def test_others_have_their_own(make_github: Callable[..., GitHub], tricky: Path) -> None:
    github = make_github(tricky)
    github.sign_in(login="bob")

    window = _window(github, **YEAR)

    assert window["totalCommitContributions"] == 4
    assert window["totalRepositoryContributions"] == 0
    assert BOB.endswith(b"<bob@example.org>")
