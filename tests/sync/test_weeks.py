from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sync.weeks import Week, WeekState, held_state, iter_weeks, weeks_of_year

DAYS = st.dates(min_value=date(1, 1, 8), max_value=date(9999, 12, 20))
SETTLING = timedelta(hours=48)


@pytest.mark.parametrize(
    ("day", "week"),
    [
        (date(2024, 12, 29), "2024-W52"),
        (date(2024, 12, 30), "2025-W01"),
        (date(2021, 1, 3), "2020-W53"),
        (date(2026, 1, 1), "2026-W01"),
        (date(1970, 1, 1), "1970-W01"),
        (date(2099, 12, 31), "2099-W53"),
    ],
)
def test_a_week_belongs_to_its_iso_year(day: date, week: str) -> None:
    assert str(Week.of(day)) == week


@given(DAYS)
def test_every_day_lies_in_exactly_the_week_that_names_it(day: date) -> None:
    week = Week.of(day)
    assert week.starts_on <= day <= week.ends_on
    assert week.starts_on.weekday() == 0
    assert (week.ends_on - week.starts_on).days == 6
    assert Week.parse(str(week)) == week


@given(DAYS)
def test_weeks_follow_each_other_without_a_gap(day: date) -> None:
    week = Week.of(day)
    assert week.next().starts_on == week.ends_on + timedelta(days=1)
    assert week < week.next()
    assert str(week) < str(week.next())


@given(
    st.datetimes(timezones=st.just(UTC)).filter(lambda moment: 1971 < moment.year < 2100),
    st.integers(min_value=-14 * 60, max_value=14 * 60),
)
def test_a_moment_counts_in_utc_whatever_its_offset(aware: datetime, minutes: int) -> None:
    elsewhere = aware.astimezone(timezone(timedelta(minutes=minutes)))
    assert Week.of(elsewhere) == Week.of(aware) == Week.of(aware.date())


def test_sunday_night_in_new_york_is_monday_in_utc() -> None:
    assert str(Week.of(datetime.fromisoformat("2026-05-03T21:00:00-04:00"))) == "2026-W19"


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="time zone"):
        Week.of(datetime(2026, 5, 3))  # noqa: DTZ001


@pytest.mark.parametrize("text", ["2026-W54", "2025-W53", "2026-W00", "2026W18", "2026-18", "", "2026-W1"])
def test_a_week_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"week|exist|invalid"):
        Week.parse(text)


@pytest.mark.parametrize(("year", "count"), [(2020, 53), (2024, 52), (2026, 53), (2025, 52)])
def test_a_year_has_52_or_53_weeks(year: int, count: int) -> None:
    weeks = weeks_of_year(year)
    assert len(weeks) == count
    assert {week.year for week in weeks} == {year}


def test_iterating_includes_both_ends() -> None:
    weeks = [str(week) for week in iter_weeks(Week(2020, 52), Week(2021, 1))]
    assert weeks == ["2020-W52", "2020-W53", "2021-W01"]


@pytest.mark.parametrize(
    ("now", "state"),
    [
        ("2026-04-27T00:00:00+00:00", WeekState.OPEN),
        ("2026-05-03T23:59:59+00:00", WeekState.OPEN),
        ("2026-05-04T00:00:00+00:00", WeekState.SETTLING),
        ("2026-05-05T23:59:59+00:00", WeekState.SETTLING),
        ("2026-05-06T00:00:00+00:00", WeekState.COMPLETE),
    ],
)
def test_a_week_is_open_until_it_ends_and_settles_for_48_hours(now: str, state: WeekState) -> None:
    assert held_state(Week(2026, 18), datetime.fromisoformat(now), SETTLING) == state
