"""What syncing costs is held against what it may cost."""

import dataclasses
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from pytest_django import Settings

from sandbox.github.generated_size import Size
from sync.consent import Choice
from sync.models import SyncRun
from tests.benchmarks.costs import ACTIVE_DAYS, Cost, active_moments, measure
from tests.sync.world import living

BUSY = Size(200, 12, 1, 40, 60, 300, 20, 5, 1, 1, 1)
FULL_DAY = {"repositories": 10, "commits": 30, "issues": 1, "comments": 15, "reviews": 4}


@pytest.mark.parametrize(
    "now",
    [
        "2026-12-02T14:00:00Z",
        "2026-12-02T00:00:00Z",
        "2026-12-06T23:59:59Z",  # a Sunday
        "2026-12-07T00:20:00Z",
        "2027-01-01T00:20:00Z",
        "2027-01-01T00:20:00+02:00",
    ],
)
def test_no_active_day_spans_midnight_whenever_it_is_measured(now: str) -> None:
    """An act takes a minute, so the longest day is of this many of them."""
    longest = max(
        timedelta(minutes=sum(day.values()) - day["repositories"])
        for day in (*ACTIVE_DAYS.values(), FULL_DAY)
    )
    measured_at = datetime.fromisoformat(now)

    moments = active_moments(3, measured_at)

    days = {moment.date() for ends in moments for moment in (ends - longest, ends)}
    assert days == {measured_at.astimezone(UTC).date() - timedelta(days=1)}
    assert all(later - earlier > longest for earlier, later in pairwise(moments))


@pytest.mark.django_db(transaction=True)
def test_a_light_account_costs_no_more_than_it_may() -> None:
    assert measure("light").excess == []


def test_what_is_spent_beyond_is_said_part_by_part() -> None:
    cost = Cost("typical", 8000, 465, 20, (126, 230), 2, (1, 1), (3, 5), 100)
    assert cost.excess == []
    dear = dataclasses.replace(cost, first=(127, 230), idle=(2, 2))
    assert dear.excess == [
        "typical: 125 requests for the first backfill, at most 124",
        "typical: 2 requests for the idle day, at most 1",
    ]


@pytest.mark.django_db(transaction=True)
def test_a_full_day_is_a_probe_of_one_point_a_page_of_commits_and_a_search_for_reviews(
    tmp_path: Path, settings: Settings
) -> None:
    """What is new in the lists comes with the probe, also where it is a lot."""
    with living(tmp_path, settings, {}, account=BUSY, choice=Choice.PRIVATE) as world:
        world.subscription.agreement.pop("organizations", None)
        world.subscription.save()
        assert world.sync().state == SyncRun.State.SUCCEEDED
        comments = len(world.records("comments"))
        (moment,) = active_moments(1, datetime.now(UTC))
        world.act("active_day", at=moment.isoformat(), **FULL_DAY)
        run = world.sync()
        assert len(world.records("comments")) == comments + FULL_DAY["comments"]
        assert world.asked("Probe")[-1]["cost"] == 1
        assert run.requests == 3
