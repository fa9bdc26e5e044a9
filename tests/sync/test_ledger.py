from datetime import UTC, date, datetime, timedelta

import pytest

from sync.ledger import Progress, WeekEntry, is_settled, known_weeks, progress, settle, settled_until
from sync.models import OfEachWeek, YearFile
from sync.weeks import WeekState
from tests.sync.factories import make_subscription, make_year_file

NOW = datetime(2026, 5, 6, 12, tzinfo=UTC)
SETTLING = timedelta(hours=48)


def test_the_ledger_runs_from_its_first_week_to_the_current_one() -> None:
    weeks = [str(week) for week in known_weeks(date(2026, 1, 1), NOW)]
    assert weeks[0] == "2026-W01"
    assert weeks[-1] == "2026-W19"
    assert len(weeks) == 19


def test_nothing_is_known_before_github_said_where_it_starts() -> None:
    assert known_weeks(None, NOW) == []
    assert progress(known_weeks(None, NOW), [{"2026-W18": {"state": "complete"}}]) == Progress(0, 0)


def test_only_held_weeks_of_the_ledger_count() -> None:
    ledger = {
        "2026-W18": {"state": "complete"},
        "2026-W19": {"state": "open"},
        "2026-W17": {"state": "unreadable"},
        "2003-W01": {},
    }
    assert progress(known_weeks(date(2026, 4, 20), NOW), [ledger]) == Progress(held=2, known=3)


def test_a_week_in_two_files_counts_once() -> None:
    ledger = {"2026-W18": {"state": "complete"}}
    assert progress(known_weeks(date(2026, 4, 27), NOW), [ledger, ledger]).held == 1


def test_percent_of_nothing_is_nothing() -> None:
    assert Progress(0, 0).percent == 0
    assert Progress(1, 3).percent == 33


def test_time_closes_open_and_settling_weeks() -> None:
    ledger: dict[str, WeekEntry] = {
        "2026-W17": {"state": "settling"},
        "2026-W18": {"state": "open", "counts": {"commits": 2}},
        "2026-W19": {"state": "open"},
    }
    settled = settle(ledger, NOW, SETTLING)
    assert settled["2026-W17"]["state"] == WeekState.COMPLETE
    assert settled["2026-W18"] == {"state": WeekState.COMPLETE, "counts": {"commits": 2}}
    assert settled["2026-W19"]["state"] == WeekState.OPEN


def test_complete_weeks_and_weeks_outside_the_ledger_stay_as_they_are() -> None:
    ledger: dict[str, WeekEntry] = {"2026-W10": {"state": "complete"}, "1999-W01": {"counts": {"commits": 1}}}
    assert settle(ledger, NOW, SETTLING) == ledger


@pytest.mark.parametrize(
    ("states", "is_so"),
    [
        ({}, True),
        ({"2026-W18": "unreadable"}, True),
        ({"2026-W18": "settling"}, False),
        ({"2026-W18": "open"}, False),
        ({"2026-W19": "settling"}, False),
        ({"2026-W10": "open"}, False),
    ],
)
def test_states_alone_tell_whether_there_is_anything_to_settle(states: dict[str, str], is_so: bool) -> None:
    known = known_weeks(date(2026, 4, 27), NOW)
    states = {"2026-W18": "complete", "2026-W19": "open"} | states
    ledger: dict[str, WeekEntry] = {week: {"state": state} for week, state in states.items()}
    ledger["1999-W01"] = {"counts": {"commits": 1}}
    assert is_settled(states, known, NOW, SETTLING) == (settle(ledger, NOW, SETTLING) == ledger) == is_so


@pytest.mark.django_db
def test_of_each_week_one_fact_is_read_where_there_is_one() -> None:
    weeks: dict[str, WeekEntry] = {
        "2026-W18": {"state": "complete", "counts": {"commits": 2}},
        "2026-W19": {"state": "open", "counts": {}},
        "1999-W01": {"counts": {"commits": 1}},
        "1998-W01": {"state": None},
    }
    make_year_file(make_subscription(), 2026, weeks=weeks)

    of_each_week = YearFile.objects.values_list(OfEachWeek("state"), OfEachWeek("counts"), OfEachWeek("days"))

    states = {"2026-W18": "complete", "2026-W19": "open"}
    counts = {"2026-W18": {"commits": 2}, "2026-W19": {}, "1999-W01": {"commits": 1}}
    assert of_each_week.get() == (states, counts, {})


@pytest.mark.parametrize("week", ["2026-W18", "2026-W19"])
def test_a_ledger_without_one_of_its_weeks_is_not_settled(week: str) -> None:
    states = {"2026-W18": "complete", "2026-W19": "open"}
    del states[week]
    assert not is_settled(states, known_weeks(date(2026, 4, 27), NOW), NOW, SETTLING)


@pytest.mark.parametrize(
    ("moment", "until"),
    [
        ("2026-05-06T12:00", "2026-05-11T00:00"),  # Wednesday: the week ends
        ("2026-05-04T00:00", "2026-05-06T00:00"),  # Monday: the last week has settled on Wednesday
        ("2026-05-05T23:59", "2026-05-06T00:00"),
        ("2026-05-06T00:00", "2026-05-11T00:00"),
    ],
)
def test_time_alone_changes_a_ledger_when_a_week_ends_or_has_settled(moment: str, until: str) -> None:
    now, then = (datetime.fromisoformat(text).replace(tzinfo=UTC) for text in (moment, until))
    assert settled_until(now, SETTLING) == then


def test_until_then_settling_again_changes_nothing_and_then_it_does() -> None:
    ledger: dict[str, WeekEntry] = {"2026-W18": {"state": "settling"}, "2026-W19": {"state": "open"}}
    now = datetime(2026, 5, 4, tzinfo=UTC)
    until = settled_until(now, SETTLING)
    assert settle(ledger, until - timedelta(seconds=1), SETTLING) == ledger
    assert settle(ledger, until, SETTLING) != ledger
