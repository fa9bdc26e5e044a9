"""The arithmetic of the benchmarks: what is the fewest, and what follows from what was measured."""

import os
import signal
import subprocess
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from sandbox.github.generated_size import PROFILES, Size
from tests.benchmarks import floor, processors
from tests.benchmarks.bench import PARTS
from tests.benchmarks.database_time import sort_of
from tests.benchmarks.growth import read_by
from tests.benchmarks.journeys import require_all, until_first_file
from tests.benchmarks.naive import NaiveSync, last_page
from tests.benchmarks.own_cost import Day, limits_of, mean_day, of_active_day_in_a_year, with_what_recurs
from tests.benchmarks.processors import Spent
from tests.benchmarks.quiet_days import QuietDay, QuietDays
from tests.benchmarks.scale_out import near_linear, steady_pace
from tests.benchmarks.waiting import Model, recurring


def test_the_floor_of_a_backfill_is_full_pages() -> None:
    size = Size(400, 10, 1, 100, 101, 0, 1, 0, 0, 0, 0)
    # Two requests of commits; repositories, issues and reviews a page each; two of pull requests; a year.
    assert floor.of_backfill(size) == 2 + 1 + 1 + 1 + 2 + 1


@pytest.mark.parametrize("profile", PROFILES)
def test_larger_accounts_cannot_do_with_fewer(profile: str) -> None:
    size = PROFILES[profile]
    larger = Size(**{name: 2 * getattr(size, name) for name in Size.__dataclass_fields__})
    assert floor.of_backfill(larger) > floor.of_backfill(size) >= 1


def test_the_floor_of_a_year_is_one_question_a_day_and_one_more_on_active_ones() -> None:
    assert floor.of_a_year(active_days=0) == 365
    assert floor.of_a_year(active_days=200) == 565


def quiet_day(requests: int, cpu_seconds: float, *, is_monthly: bool = False) -> QuietDay:
    return QuietDay(requests, requests, 0, 0, 0, cpu_seconds, is_monthly)


def test_a_year_holds_what_recurs_weekly_and_twelve_times_what_recurs_monthly() -> None:
    week = [quiet_day(1, 0.01)] * 6 + [quiet_day(8, 0.05)]
    monthly = quiet_day(61, 0.61, is_monthly=True)
    days = QuietDays([*week, monthly, *week])
    mean = (29 * 2 + 61) / 30
    assert days.mean(lambda day: day.requests) == pytest.approx(mean)
    assert QuietDays(week).mean(lambda day: day.requests) == pytest.approx(2)
    year = days.of_a_year(lambda day: day.requests, idle=1, active=3, active_days=200)
    assert year == round(365 * mean) + 400
    assert days.times_bare == pytest.approx((29 * 0.11 / 7 + 0.61) / 30 / 0.01)


def test_capacity_is_reckoned_with_what_recurs_on_idle_days_and_on_active_ones() -> None:
    quiet = QuietDays([quiet_day(1, 0.01), quiet_day(1, 0.01), quiet_day(4, 0.04)])
    bare, active = Day(Spent(0.01, 0.002, 0.001), 0.001, 1), Day(Spent(0.1, 0.02, 0.01), 0.001, 30)
    idle = with_what_recurs(bare, quiet)
    assert [idle.requests, idle.spent.worker] == pytest.approx([2, 0.02])
    busy = of_active_day_in_a_year(bare, active, idle)
    assert [busy.requests, busy.spent.worker] == pytest.approx([31, 0.11])
    model = recurring(Model(1, 0.1), Model(30, 6.0), quiet)
    assert [model.requests, model.other_seconds] == pytest.approx([365, 73])


def test_the_floor_in_bytes_is_every_record_once_each_way() -> None:
    assert floor.bytes_of_backfill(490_000) == (490_000, 490_000)


def test_the_requests_to_first_data_end_with_the_first_file() -> None:
    def log(*entries: tuple[str, str]) -> list[dict[str, str]]:
        return [{"path": path, "moment": f"2026-11-28T10:00:0{moment}+00:00"} for path, moment in entries]

    github = log(("/api/graphql", "1"), ("/api/graphql", "2"), ("/api/graphql", "5"))
    complete = "/api/direct-sharing/project/files/upload/complete/"
    openhumans = log(("/storage/x", "3"), (complete, "4"), ("/storage/y", "5"), (complete, "6"))
    assert until_first_file(github, openhumans) == 4
    assert until_first_file(github, []) == 3, "all of them, where no file was completed"


def test_commits_that_only_the_naive_way_has_found_end_the_run() -> None:
    naive = {"o/r": [{"sha": "a"}, {"sha": "b"}]}
    require_all({"a", "b", "c"}, naive)
    with pytest.raises(SystemExit, match="lack 1 commits"):
        require_all({"a", "c"}, naive)


def test_the_last_page_stands_in_the_link() -> None:
    link = (
        '<https://x/repos/o/r/commits?author=a&page=2>; rel="next", <https://x?author=a&page=17>; rel="last"'
    )
    assert last_page(link) == 17
    assert last_page("") == 1


def test_the_model_of_waiting_adds_the_latency_of_every_request() -> None:
    model = Model(requests=100, other_seconds=5.0)
    assert model.seconds(0) == 5.0
    assert model.seconds(150) == pytest.approx(20.0)
    assert model.share_of_waiting(150) == pytest.approx(0.75)


def test_the_pace_leaves_out_where_it_begins_and_where_it_ends() -> None:
    began = datetime(2026, 11, 28, tzinfo=UTC)
    seconds = [0.0, *(5.0 + n / 10 for n in range(18)), 60.0]
    ends = [began + timedelta(seconds=each) for each in reversed(seconds)]
    assert steady_pace(ends) == pytest.approx(10.0)
    assert steady_pace(ends[:1]) == 0.0


@pytest.mark.parametrize("name", PARTS)
def test_every_part_of_the_benchmarks_can_be_measured(name: str) -> None:
    assert callable(PARTS[name].measure)


def test_what_is_busy_are_the_processes_of_this_run_and_theirs() -> None:
    """What somebody else's do would make the bar of more workers a low one."""
    with subprocess.Popen(["/bin/sh", "-c", "sleep 60 & echo $!; wait"], stdout=subprocess.PIPE) as shell:
        assert shell.stdout is not None
        grandchild = int(shell.stdout.readline())
        assert {shell.pid, grandchild} <= set(processors.descendants(os.getpid()))
        assert processors.descendants(shell.pid) == [grandchild]
        os.kill(grandchild, signal.SIGKILL)
        shell.wait()
        assert processors.descendants(shell.pid) == []


def test_processes_are_to_help_until_the_cores_are_busy() -> None:
    assert near_linear(2, cores=2, busy_with_one=0.5) == pytest.approx(0.8 * 2)
    assert near_linear(4, cores=2, busy_with_one=1.0) == pytest.approx(0.8 * 2)
    assert near_linear(4, cores=2, busy_with_one=2.5) == pytest.approx(0.8)


def test_the_model_of_a_year_adds_its_days() -> None:
    year = Model(requests=1, other_seconds=0.1).times(165) + Model(requests=6, other_seconds=1.0).times(200)
    assert year.requests == 1365
    assert year.other_seconds == pytest.approx(216.5)


def test_the_smallest_limit_breaks_first() -> None:
    day = Day(Spent(worker=0.02, postgres=0.01, redis=0.001), scan_seconds=0.001, requests=1)
    limits = limits_of(day)
    assert len(limits) == 5
    assert limits["taking away old runs, of 50,000 members an hour"] == 1_200_000
    assert limits["the processor time of 2 cores"] == pytest.approx(2 * 86_400 / 0.032)
    busy = mean_day(day, Day(Spent(0.2, 0.02, 0.01), 0.001, requests=20))
    assert min(limits_of(busy), key=limits_of(busy).__getitem__).startswith("16 threads")


@pytest.mark.parametrize(
    ("statement", "sort"),
    [
        ('SELECT "a"."id" FROM "sync_syncrun" WHERE 1', "select sync_syncrun"),
        ('UPDATE "sync_subscription" SET "fence" = 1', "update sync_subscription"),
        ('INSERT INTO "sync_stagedbatch" ("x") VALUES (1)', "insert sync_stagedbatch"),
        ("SAVEPOINT x", "savepoint"),
    ],
)
def test_statements_are_told_apart_by_what_they_do_to_which_table(statement: str, sort: str) -> None:
    assert sort_of(statement) == sort


def test_a_large_account_is_estimated_from_its_first_pages() -> None:
    sync = NaiveSync.__new__(NaiveSync)
    sync.pages_of, sync._first_pages = {"a": 1, "b": 3}, {"a": 40, "b": 100}
    sync._read_bytes, sync._file_bytes = 140, 280
    assert sync.bytes_of_commits() == 40 + 250
    assert sync.bytes_of_file() == 2 * 290


def node(sort: str, rows: int, **more: Any) -> dict[str, Any]:
    plan = {"Node Type": sort, "Relation Name": "sync_syncrun", "Actual Rows": rows, "Actual Loops": 1}
    return plan | more


@pytest.mark.parametrize(
    ("read", "is_by_need"),
    [
        (node("Index Scan", 1, **{"Index Cond": "(x)", "Actual Loops": 1000}), True),
        (node("Index Only Scan", 1000, **{"Index Cond": "(x)"}), True),
        (
            node(
                "Bitmap Heap Scan",
                900,
                Plans=[
                    {
                        "Node Type": "Bitmap Index Scan",
                        "Index Name": "i",
                        "Index Cond": "(x)",
                        "Actual Rows": 1000,
                        "Actual Loops": 1,
                    }
                ],
            ),
            True,
        ),
        (node("Seq Scan", 10), False),
        (node("Index Scan", 1000), False),
        (node("Index Scan", 1000, **{"Index Name": "of_active_ones"}), True),
        (node("Index Scan", 4000, **{"Index Name": "of_active_ones"}), False),
        (node("Index Scan", 1000, **{"Index Name": "of_all"}), False),
        (node("Index Only Scan", 10, **{"Rows Removed by Filter": 999_990, "Index Cond": "(x)"}), False),
        (node("Index Scan", 4, **{"Index Cond": "(x)", "Actual Loops": 1000}), False),
    ],
)
def test_a_plan_tells_whether_it_looks_at_what_is_due_only(read: dict[str, Any], is_by_need: bool) -> None:
    """An index that is read from end to end costs as much as the table, unless it holds few rows only."""
    plan = {"Node Type": "Limit", "Plans": [{"Node Type": "Nested Loop", "Plans": [read]}]}
    (reading,) = read_by(plan, {"of_active_ones"})
    assert reading.table == "sync_syncrun"
    assert reading.is_by_need(3000) is is_by_need
