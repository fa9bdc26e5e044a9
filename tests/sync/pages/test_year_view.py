from datetime import date
from typing import Any

import pytest

from sync.models import YearFile
from sync.pages.year_view import view_year
from sync.weeks import Week, WeekState, iter_weeks
from tests.sync.factories import make_ledger

TODAY = date(2026, 5, 6)
KNOWN = list(iter_weeks(Week(2026, 1), Week(2026, 19)))


def year_file(kind: str = "public", year: int = 2026, **fields: Any) -> YearFile:
    return YearFile(kind=kind, year=year, **fields)


def entry(state: WeekState, **fields: Any) -> dict[str, dict[str, Any]]:
    return {"2026-W18": {"state": str(state), "counts": {"commits": 1}, **fields}}


def test_weeks_of_the_ledger_that_no_file_holds_are_missing() -> None:
    view = view_year(2026, [year_file(weeks=make_ledger(Week(2026, 3), Week(2026, 19)))], KNOWN, TODAY)

    assert view.state_counts == [(WeekState.COMPLETE, 17), (WeekState.MISSING, 2)]
    assert [str(line.week) for line in view.weeks][:2] == ["2026-W19", "2026-W18"]


def test_weeks_outside_the_ledger_are_shown_when_a_file_holds_them() -> None:
    view = view_year(2026, [year_file(weeks=make_ledger(Week(2026, 1), Week(2026, 20)))], [], TODAY)

    assert len(view.weeks) == 20


def test_other_years_stay_out() -> None:
    files = [year_file(year=2025, weeks=make_ledger(Week(2025, 1), Week(2025, 5)))]
    view = view_year(2026, files, [*KNOWN, Week(2025, 1)], TODAY)

    assert {line.week.year for line in view.weeks} == {2026}
    assert sum(line.records for line in view.weeks) == 0


@pytest.mark.parametrize(
    ("public", "private", "shown"),
    [
        (WeekState.COMPLETE, WeekState.SETTLING, WeekState.SETTLING),
        (WeekState.OPEN, WeekState.COMPLETE, WeekState.OPEN),
        (WeekState.COMPLETE, WeekState.UNREADABLE, WeekState.UNREADABLE),
        (WeekState.COMPLETE, WeekState.COMPLETE, WeekState.COMPLETE),
    ],
)
def test_a_week_in_two_files_is_as_far_as_the_one_behind(
    public: WeekState, private: WeekState, shown: WeekState
) -> None:
    files = [year_file(weeks=entry(public)), year_file("private", weeks=entry(private))]
    [line] = view_year(2026, files, [], TODAY).weeks

    assert (line.state, line.records) == (shown, 2)


def test_the_calendar_of_two_files_is_counted_once() -> None:
    calendar = {"2026-04-27": 4, "2026-04-29": 1}
    files = [
        year_file("private", weeks=entry(WeekState.COMPLETE, calendar=calendar)),
        year_file(weeks=entry(WeekState.COMPLETE, calendar=calendar)),
    ]
    view = view_year(2026, files, [], TODAY)

    assert view.heatmap.contributions == view.weeks[0].contributions == 5


def test_a_held_week_without_contributions_is_known_to_be_idle() -> None:
    view = view_year(2026, [year_file(weeks=entry(WeekState.COMPLETE))], KNOWN, TODAY)
    levels = {square.day: square.level for half in view.heatmap.halves for square in half.squares}

    assert [line.contributions for line in view.weeks][:3] == [None, 0, None]
    assert (levels[date(2026, 4, 27)], levels[date(2026, 4, 26)]) == (0, None)


def test_private_contributions_are_those_github_counted() -> None:
    files = [year_file(private_contributions=31), year_file("private")]

    assert view_year(2026, files, [], TODAY).private_contributions == 31
    assert view_year(2026, [year_file()], [], TODAY).private_contributions is None


def test_a_count_of_zero_private_contributions_is_a_count() -> None:
    assert view_year(2026, [year_file(private_contributions=0)], [], TODAY).private_contributions == 0
