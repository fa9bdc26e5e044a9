from datetime import date, timedelta
from itertools import pairwise

import pytest

from sync.pages.heatmap import (
    LEFT,
    PITCH,
    TOP,
    Heatmap,
    Square,
    days_of,
    draw_year,
    level_bounds,
    level_of,
)
from sync.weeks import Week, weeks_of_year

FAR_AHEAD = date(9999, 1, 1)


def squares_of(heatmap: Heatmap) -> list[Square]:
    return [square for half in heatmap.halves for square in half.squares]


@pytest.mark.parametrize(("year", "weeks"), [(2024, 52), (2026, 53), (2020, 53)])
def test_a_year_shows_each_day_of_its_iso_weeks_once(year: int, weeks: int) -> None:
    days = [square.day for square in squares_of(draw_year(year, {}, FAR_AHEAD))]

    assert len(days) == weeks * 7
    assert days == [day for week in weeks_of_year(year) for day in days_of(week)]


def test_a_year_of_53_weeks_fits_into_its_drawing() -> None:
    for half in draw_year(2026, {}, FAR_AHEAD).halves:
        assert max(square.x for square in half.squares) + PITCH <= half.width
        assert max(square.y for square in half.squares) + PITCH <= half.height


def test_columns_are_weeks_and_rows_are_weekdays() -> None:
    first_half = draw_year(2026, {}, FAR_AHEAD).halves[0]
    place = {square.day: (square.x, square.y) for square in first_half.squares}

    assert place[date(2025, 12, 29)] == (LEFT, TOP)
    assert place[date(2026, 1, 4)] == (LEFT, TOP + 6 * PITCH)
    assert place[date(2026, 1, 5)] == (LEFT + PITCH, TOP)


def test_the_second_half_starts_at_the_left_again() -> None:
    second_half = draw_year(2026, {}, FAR_AHEAD).halves[1]

    assert (second_half.squares[0].x, second_half.squares[0].y) == (LEFT, TOP)
    assert second_half.squares[0].day == second_half.starts_on == Week(2026, 27).starts_on


def test_days_to_come_are_not_drawn() -> None:
    today = date(2026, 5, 6)

    assert max(square.day for square in squares_of(draw_year(2026, {}, today))) == today


def test_a_day_without_contributions_is_not_the_same_as_a_day_not_collected() -> None:
    idle, unknown = date(2026, 3, 2), date(2026, 3, 3)
    levels = {square.day: square.level for square in squares_of(draw_year(2026, {idle: 0}, FAR_AHEAD))}

    assert levels[idle] == 0
    assert levels[unknown] is None


def test_an_empty_year_counts_nothing() -> None:
    heatmap = draw_year(2026, {}, FAR_AHEAD)

    assert (heatmap.contributions, heatmap.active_days) == (0, 0)


def test_contributions_and_active_days_are_those_of_the_year() -> None:
    calendar = {
        date(2025, 12, 28): 100,
        date(2025, 12, 29): 1,
        date(2026, 7, 1): 4,
        date(2026, 7, 2): 0,
        date(2027, 1, 3): 2,
        date(2027, 1, 4): 100,
    }
    heatmap = draw_year(2026, calendar, FAR_AHEAD)

    assert (heatmap.contributions, heatmap.active_days) == (7, 3)
    assert [half.contributions for half in heatmap.halves] == [1, 6]


def test_levels_are_quarters_of_the_active_days() -> None:
    bounds = level_bounds([0, 0, 1, 2, 3, 4, 5, 6, 7, 8])

    assert [level_of(count, bounds) for count in (0, 1, 2, 3, 4, 5, 6, 7, 8)] == [0, 1, 1, 2, 2, 3, 3, 4, 4]


def test_one_huge_day_does_not_make_the_others_look_idle() -> None:
    bounds = level_bounds([1, 2, 3, 4, 5, 6, 7, 5000])

    assert [level_of(count, bounds) for count in (2, 4, 6, 5000)] == [1, 2, 3, 4]


def test_a_year_of_equal_days_has_one_level() -> None:
    bounds = level_bounds([3] * 40)

    assert level_of(3, bounds) == 1


def test_no_active_day_has_no_levels() -> None:
    assert level_bounds([0, 0]) == ()
    assert level_of(0, ()) == 0
    assert level_of(None, ()) is None


@pytest.mark.parametrize("year", range(2004, 2034))
def test_month_names_never_overlap(year: int) -> None:
    for half in draw_year(year, {}, FAR_AHEAD).halves:
        places = [label.x for label in half.months]
        assert all(later - earlier >= 3 * PITCH for earlier, later in pairwise(places))
        assert 6 <= len(half.months) <= 7


def test_a_month_stands_over_the_week_that_holds_its_first_thursday() -> None:
    first_half = draw_year(2026, {}, FAR_AHEAD).halves[0]
    february = next(label for label in first_half.months if label.text == "Feb")
    column = (february.x - LEFT) // PITCH

    assert days_of(weeks_of_year(2026)[column])[3] == date(2026, 2, 5)


def test_days_of_a_week_run_from_monday_to_sunday() -> None:
    days = days_of(Week(2026, 18))

    assert days[0] == date(2026, 4, 27)
    assert days[-1] - days[0] == timedelta(days=6)
