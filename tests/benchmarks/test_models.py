"""The arithmetic of the benchmarks: what is the fewest, and what follows from what was measured."""

import pytest

from sandbox.github.generated_size import PROFILES, Size
from tests.benchmarks import floor
from tests.benchmarks.bench import PARTS
from tests.benchmarks.growth import scanned_tables
from tests.benchmarks.naive import last_page
from tests.benchmarks.waiting import Model


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


@pytest.mark.parametrize("name", PARTS)
def test_every_part_of_the_benchmarks_can_be_measured(name: str) -> None:
    assert callable(PARTS[name].measure)


def test_a_plan_tells_which_tables_are_read_from_end_to_end() -> None:
    index = {"Node Type": "Index Scan", "Relation Name": "sync_subscription"}
    whole = {"Node Type": "Seq Scan", "Relation Name": "sync_syncrun"}
    plan = {"Node Type": "Limit", "Plans": [{"Node Type": "Nested Loop", "Plans": [index, whole]}]}
    assert list(scanned_tables(plan)) == ["sync_syncrun"]
