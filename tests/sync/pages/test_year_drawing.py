"""What is put together without a template is what the template would say, and escapes what it must."""

import re
from datetime import date

from sync.pages.heatmap import draw_year
from sync.pages.year_view import WeekLine
from sync.templatetags.year_drawing import squares, week_lines
from sync.weeks import Week, WeekState

WEEK = Week(2026, 18)


def line(**fields: object) -> str:
    values: dict[str, object] = {
        "week": WEEK,
        "state": WeekState.COMPLETE,
        "counts": {},
        "contributions": None,
    }
    return str(week_lines([WeekLine(**{**values, **fields})]))  # type: ignore[arg-type]


def test_each_day_is_a_square_with_its_level_and_words() -> None:
    half = draw_year(2026, {date(2026, 1, 5): 3, date(2026, 1, 6): 0}, date(2026, 1, 7)).halves[0]
    drawn = str(squares(half.squares))
    assert drawn.count("<rect ") == len(half.squares)
    assert "<title>5 Jan: 3</title>" in drawn
    assert "<title>6 Jan: 0</title>" in drawn
    assert '<rect class="level-unknown"' in drawn
    assert "<title>7 Jan: not collected</title>" in drawn


def test_a_week_with_something_in_it_is_a_link() -> None:
    assert '<a class="week-name" href="/weeks/2026-W18/">W18</a>' in line(counts={"commits": 2})
    assert "2 commits" in line(counts={"commits": 2})
    assert "<a " in line(contributions=1)


def test_a_week_with_nothing_in_it_is_none() -> None:
    empty = line(contributions=0)
    assert "<a " not in empty
    assert "no records" in empty
    assert "0 contributions, " in empty


def test_its_days_and_state_are_told() -> None:
    text = re.sub("<[^>]+>", " ", line(state=WeekState.MISSING))
    assert "27 Apr" in text
    assert "3 May" in text
    assert "missing" in text


def test_a_kind_nobody_knows_is_escaped() -> None:
    assert "<b>" not in line(counts={"<b>kind</b>": 1})
