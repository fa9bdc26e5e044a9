"""The year's last week, New Year, dates that cannot be, and a clock that jumps."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, date, datetime, timedelta
from email.utils import format_datetime
from itertools import pairwise
from pathlib import Path
from typing import Any
from uuid import uuid4

import freezegun
import pytest
import requests
from django.utils import timezone
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import Settings

import github_client
from sandbox.github.generated_size import Size
from sandbox.github.service import Service
from sync import breaker, ledger, planner
from sync.consent import Choice
from sync.models import ProviderState, Subscription, SyncRun
from sync.weeks import Week, WeekState, held_state, weeks_of_year
from tests.faults.simulation import Clockwork, clockwork
from tests.faults.wire import Wire
from tests.repositories import Repository
from tests.sync.world import World, forget_budget, living

pytestmark = pytest.mark.django_db(transaction=True)

SIZE = Size(30, 4, 2, 3, 3, 3, 8, 1, 1, 1, 1)
Reviewing = Callable[[timedelta], AbstractContextManager[tuple[World, Clockwork, str]]]
Frozen = Callable[..., AbstractContextManager[tuple[World, Clockwork]]]
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


@pytest.fixture
def frozen(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Frozen:
    @contextmanager
    def start(now: str, *moments: str, **options: Any) -> Iterator[tuple[World, Clockwork]]:
        repository = Repository.create(tmp_path / "clocks", f"{uuid4().hex[:12]}@example.org")
        repository.add(moments, **options)
        with (
            living(tmp_path, settings, {"clocks": repository}) as world,
            clockwork(monkeypatch, datetime.fromisoformat(now)) as works,
        ):
            Subscription.objects.update(next_due_at=datetime.fromisoformat(now) - HOUR)
            yield world, works

    return start


def weeks_in(world: World, name: str) -> dict[str, int]:
    """Week -> commits in a year file, without weeks that have none."""
    weeks = world.years()[name]["weeks"]
    return {week: len(entry["commits"]) for week, entry in weeks.items() if entry.get("commits")}


# --- New Year -------------------------------------------------------------------------------------------


def test_new_years_eve_and_new_years_day_lie_in_week_53_of_the_old_year(frozen: Frozen) -> None:
    """2026 has 53 weeks: the last one ends on Sunday, 3 January 2027."""
    moments = ("2026-12-28T00:00:00+00:00", "2026-12-31T23:59:59+00:00", "2027-01-01T00:00:00+00:00")
    with frozen("2027-01-02T12:00:00+00:00", *moments) as (world, works):
        works.tick(HOUR)
        assert weeks_in(world, "github-2026.json") == {"2026-W53": 3}
        assert "github-2027.json" not in world.stored()
        world.subscription.refresh_from_db()
        assert world.weeks()["2026-W53"] == WeekState.OPEN
        assert max(world.weeks()) == "2026-W53"


def test_week_53_closes_and_the_new_year_begins_in_a_file_of_its_own(frozen: Frozen) -> None:
    with frozen("2027-01-02T12:00:00+00:00", "2026-12-29T10:00:00+00:00") as (world, works):
        works.tick(HOUR)
        world.repository.add(["2027-01-03T23:59:59+00:00", "2027-01-04T00:00:00+00:00"])
        works.run_for(6 * DAY, DAY)
        assert weeks_in(world, "github-2026.json") == {"2026-W53": 2}
        assert weeks_in(world, "github-2027.json") == {"2027-W01": 1}
        assert world.weeks()["2026-W53"] == WeekState.COMPLETE
        assert world.weeks()["2027-W01"] == WeekState.OPEN


def test_days_of_december_may_lie_in_the_first_week_of_the_next_year(frozen: Frozen) -> None:
    """2024-12-30 is the Monday of 2025-W01, and still a day of GitHub's calendar of 2024."""
    moments = ("2024-12-29T23:00:00+00:00", "2024-12-30T01:00:00+00:00", "2025-01-05T20:00:00-05:00")
    with frozen("2025-03-01T12:00:00+00:00", *moments) as (world, works):
        works.tick(HOUR)
        assert weeks_in(world, "github-2024.json") == {"2024-W52": 1}
        # The last one is Monday in UTC, whatever Sunday it was where it was written.
        assert weeks_in(world, "github-2025.json") == {"2025-W01": 1, "2025-W02": 1}
        days = world.years()["github-2025.json"]["weeks"]["2025-W01"]["calendar"]
        assert days["2024-12-30"] >= 1


# --- Dates that cannot be -------------------------------------------------------------------------------


def test_commits_of_1970_and_2099_get_files_of_their_own_and_cost_no_request_again(frozen: Frozen) -> None:
    now = "2026-11-20T12:00:00+00:00"
    moments = ("1970-01-01T00:00:00+00:00", "2099-12-31T23:59:59+00:00", "2026-11-10T00:00:00+00:00")
    with frozen(now, *moments, committed="2026-11-10T00:00:00+00:00") as (world, works):
        works.tick(HOUR)
        assert world.oids() == world.repository.oids()
        assert weeks_in(world, "github-1970.json") == {"1970-W01": 1}
        assert weeks_in(world, "github-2099.json") == {"2099-W53": 1}
        # 1970 is a year of contributions if GitHub says so; the future never is.
        assert "state" not in world.years()["github-2099.json"]["weeks"]["2099-W53"]
        assert max(world.weeks()) == "2026-W47"
        before = world.github.total
        assert world.sync().state == SyncRun.State.SUCCEEDED
        assert world.github.total - before == 1


def test_a_committer_whose_clock_was_wrong_hides_no_other_commit(frozen: Frozen) -> None:
    """A head from 2099, and one commit in the middle from 1971, by their committers' clocks."""
    with frozen("2026-11-20T12:00:00+00:00", "2026-09-01T00:00:00+00:00") as (world, works):
        wrong = (("2026-09-08", "1971-01-01"), ("2026-09-15", "2026-09-15"), ("2026-09-22", "2099-01-01"))
        for written, committed in wrong:
            world.repository.add([f"{written}T00:00:00+00:00"], committed=f"{committed}T00:00:00+00:00")
        works.tick(HOUR)
        assert world.oids() == world.repository.oids()
        assert set(SyncRun.objects.values_list("state", flat=True)) == {SyncRun.State.SUCCEEDED}


# --- A clock that jumps ---------------------------------------------------------------------------------


@pytest.mark.parametrize("jump", [3 * DAY, -3 * DAY, timedelta(days=400), -HOUR], ids=str)
def test_a_clock_that_jumps_between_two_steps_loses_nothing(
    frozen: Frozen, settings: Settings, jump: timedelta
) -> None:
    settings.SYNC_STEP_REQUESTS = 1
    moments = [f"2026-0{month}-10T00:00:00+00:00" for month in range(1, 9)]
    with frozen("2026-11-20T12:00:00+00:00", *moments) as (world, works):
        run = world.start()
        world.step(run)
        works.clock.tick(jump)
        world.finish(run)
        assert run.state == SyncRun.State.SUCCEEDED
        assert world.oids() == world.repository.oids()
        works.clock.tick(-jump)
        world.sync()
        assert world.oids() == world.repository.oids()


@pytest.mark.parametrize("work", ["all of it", "a step", "a limit"])
def test_what_was_done_while_the_clock_was_ahead_is_not_waited_for(
    frozen: Frozen, settings: Settings, work: str
) -> None:
    """A year ahead for an hour, then right again: due dates, leases and waits of then count for nothing."""
    settings.SYNC_STEP_REQUESTS = 1
    with frozen("2026-11-20T12:00:00+00:00", "2026-11-10T00:00:00+00:00") as (world, works):
        works.clock.tick(timedelta(days=365))
        run = world.start()
        if work == "all of it":
            world.finish(run)
        elif work == "a step":
            assert SyncRun.objects.claim(run.pk, 0, datetime.now(UTC)) is not None
        else:
            world.github.fault(refuse_after_requests={"after": 0, "for_seconds": 60, "form": "primary_403"})
            assert world.step(run) is not None
            world.github.reset()
            forget_budget(world.subscription)
        works.clock.tick(-timedelta(days=365))
        works.run_for(2 * HOUR, HOUR)
        assert SyncRun.objects.filter(state=SyncRun.State.SUCCEEDED, finished_at__year=2026).exists()
        assert world.oids() == world.repository.oids()


@pytest.fixture
def reviewing(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, wire: Wire) -> Reviewing:
    """An account with records of every kind, whose first run was made while only our clock was ahead."""
    ours_is_ahead = timedelta()

    def dated(response: requests.Response) -> requests.Response:
        response.headers["Date"] = format_datetime(timezone.now() - ours_is_ahead, usegmt=True)
        return response

    wire.watch = lambda _call: wire.arm_now(dated)

    @contextmanager
    def start(ahead: timedelta) -> Iterator[tuple[World, Clockwork, str]]:
        nonlocal ours_is_ahead
        with (
            living(tmp_path, settings, {}, account=SIZE, choice=Choice.PRIVATE) as world,
            clockwork(monkeypatch, datetime.fromisoformat("2026-11-20T12:00:00+00:00")) as works,
        ):
            ours_is_ahead = ahead
            works.clock.tick(ahead)
            assert world.sync().state == SyncRun.State.SUCCEEDED
            works.clock.tick(-ahead)
            ours_is_ahead = timedelta()
            service: Service = world.github.app.extensions["github_stand_in"]
            member = service.world.catalogue.member
            yield (
                world,
                works,
                next(
                    each.node_id for each in service.world.reviewed(member).items if each.author is not member
                ),
            )

    return start


@pytest.mark.parametrize("ahead", [HOUR, DAY, timedelta(days=365)], ids=str)
def test_what_is_reviewed_after_the_clock_was_set_right_is_found(
    reviewing: Reviewing, ahead: timedelta
) -> None:
    with reviewing(ahead) as (world, works, request):
        works.clock.tick(HOUR / 2)
        review = world.act("submit_review", on=request)["id"]
        works.clock.tick(4 * HOUR)
        world.sync()
        assert world.record("reviews", id=review)


def test_what_is_done_weekly_and_monthly_is_not_put_off_by_a_clock_that_was_ahead(
    reviewing: Reviewing,
) -> None:
    with reviewing(timedelta(days=365)) as (world, works, _request):
        release = world.act("publish_release", tag="v9")["id"]
        works.run_for(2 * DAY, DAY / 2)
        world.subscription.refresh_from_db()
        assert world.record("releases", id=release)
        seen = world.subscription.probe
        noted = [seen["compared_at"], seen["documents_at"], str(world.subscription.reconciled_at)]
        assert max(map(datetime.fromisoformat, noted)) < timezone.now()


def test_a_service_that_failed_while_the_clock_was_ahead_is_asked_within_a_minute(db: None) -> None:
    with freezegun.freeze_time("2026-11-20T12:00:00+00:00") as clock:
        clock.tick(DAY)
        for _ in range(breaker.OUTAGES_TO_OPEN):
            breaker.fails(breaker.Service.GITHUB, github_client.Unavailable("503"))
        clock.tick(-DAY)
        assert breaker.require(breaker.Service.GITHUB), "this is the probe"
        with pytest.raises(breaker.GitHubRests):
            breaker.require(breaker.Service.GITHUB)
        opened_at = ProviderState.objects.get(pk=breaker.Service.GITHUB).opened_at
        assert opened_at is not None
        assert opened_at <= timezone.now(), "what came after it counts from now on"


def test_who_wakes_up_after_a_jump_finds_that_others_have_taken_over(frozen: Frozen) -> None:
    """To a worker whose clock jumped over its lease, and to the others, it looks like one that died."""
    with frozen("2026-11-20T12:00:00+00:00", "2026-11-10T00:00:00+00:00") as (world, works):
        run = world.start()
        first = SyncRun.objects.claim(run.pk, 0, datetime.now(UTC))
        assert first is not None
        works.clock.tick(DAY)
        world.finish(run)
        checksums = world.checksums()
        assert run.state == SyncRun.State.SUCCEEDED
        with pytest.raises(Exception, match="no longer ours"):
            first.hold()
        assert world.checksums() == checksums


# --- Any moment at all ----------------------------------------------------------------------------------

moments = st.datetimes(datetime(2008, 1, 1), datetime(2105, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@given(now=moments, starts_on=st.dates(date(2008, 1, 1), date(2030, 1, 1)))
def test_the_ledger_is_every_week_once_and_ends_with_the_present_one(now: datetime, starts_on: date) -> None:
    weeks = ledger.known_weeks(starts_on, now)
    if now.date() < starts_on and Week.of(now) < Week.of(starts_on):
        assert weeks == []
        return
    assert weeks[0].starts_on <= starts_on <= weeks[0].ends_on
    assert weeks[-1].starts_at <= now < weeks[-1].ended_at
    assert all(after.starts_on - before.ends_on == DAY for before, after in pairwise(weeks))


@given(now=moments, later=st.timedeltas(timedelta(), timedelta(days=800)))
def test_time_only_ever_closes_a_week(now: datetime, later: timedelta) -> None:
    order = [WeekState.OPEN, WeekState.SETTLING, WeekState.COMPLETE]
    week, settling = Week.of(now), timedelta(hours=48)
    before, after = held_state(week, now, settling), held_state(week, now + later, settling)
    assert before == WeekState.OPEN
    assert order.index(after) >= order.index(before)


@given(now=moments, back=st.integers(0, 20))
def test_calendar_windows_hold_every_day_until_today_once(now: datetime, back: int) -> None:
    today = now.date()
    windows = planner.calendar_windows(range(today.year - back, today.year + 2), today)
    days = [since + n * DAY for since, until in windows for n in range((until - since).days + 1)]
    assert len(days) == len(set(days))
    assert min(days) == date(today.year - back, 1, 1)
    assert max(days) == today


@given(year=st.integers(1971, 2200))
def test_a_year_has_52_or_53_weeks_and_the_last_holds_28_december(year: int) -> None:
    weeks = weeks_of_year(year)
    assert len(weeks) in (52, 53)
    assert weeks[-1] == Week.of(date(year, 12, 28))
    assert weeks[-1].next() == weeks_of_year(year + 1)[0]
