"""Lists inside of what was asked for: what did not come with its parent is read on, nothing is cut silently.

We ask for 5 reviews of each pull request, 10 comments of each review (30 beyond the probe), 20 releases of
each repository and 100 repositories made in one window.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from sandbox.github.generated_size import Size
from sync import planner
from sync.collect import completeness
from sync.consent import Choice
from sync.models import SyncRun
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)
SIZE = Size(80, 8, 2, 5, 5, 8, 5, 2, 1, 1, 1)


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    with living(tmp_path, settings, {}, account=SIZE, choice=Choice.PRIVATE) as world:
        yield world


def reviews_of(world: World, pull_request: str) -> list[dict[str, Any]]:
    return [review for review in world.records("reviews") if review["pull_request_id"] == pull_request]


def test_more_reviews_of_ones_own_pull_request_than_came_with_it(world: World) -> None:
    request = world.act("create_pull_request", at="2026-02-03T10:00:00Z")["id"]
    made = [
        world.act("submit_review", on=request, at=f"2026-02-{n:02}T10:00:00Z")["id"] for n in range(4, 28)
    ]
    assert world.sync().state == SyncRun.State.SUCCEEDED
    assert [review["id"] for review in reviews_of(world, request)] == made
    assert len(world.asked("MoreReviews")) == 1


def test_more_reviews_of_somebody_elses_pull_request_than_came_with_the_search(world: World) -> None:
    world.sync()
    request = world.records("reviews")[-1]["pull_request_id"]
    known = {review["id"] for review in reviews_of(world, request)}
    made = {world.act("submit_review", on=request)["id"] for _ in range(9)}
    world.sync()
    assert {review["id"] for review in reviews_of(world, request)} == known | made
    assert world.asked("MoreReviews")


@pytest.mark.parametrize("comments", [31, 230])
def test_more_comments_of_a_review_than_came_with_it(world: World, comments: int) -> None:
    request = world.act("create_pull_request", at="2026-02-03T10:00:00Z")["id"]
    world.act("submit_review", on=request, comments=comments, at="2026-02-04T10:00:00Z")
    world.sync()
    (review,) = reviews_of(world, request)
    assert len({comment["id"] for comment in review["comments"]}) == comments
    assert len(world.asked("MoreReviewComments")) == -(-(comments - 10) // 100)


def test_more_releases_of_a_repository_than_one_page_holds(world: World) -> None:
    for n in range(45):
        world.act("publish_release", tag=f"extra-{n}", at=f"2026-03-{n % 28 + 1:02}T10:00:00Z")
    world.sync()
    tags = {release["tag"] for release in world.records("releases")}
    assert {f"extra-{n}" for n in range(45)} <= tags


def test_a_pull_request_that_is_gone_before_its_rest_was_read_stops_nothing(world: World) -> None:
    request = world.act("create_pull_request", at="2026-02-03T10:00:00Z")["id"]
    for n in range(4, 14):
        world.act("submit_review", on=request, at=f"2026-02-{n:02}T10:00:00Z")
    world.github.fault(unknown_node=[request])
    assert world.sync().state == SyncRun.State.SUCCEEDED
    assert len(reviews_of(world, request)) == 5
    assert world.subscription.lists["reviews"]["rests"] == []


def test_a_nested_list_that_github_is_too_slow_to_give_holds_nothing_up(world: World) -> None:
    """A page of all its reviews is of no other size. It is asked for again with the month's comparison."""
    request = world.act("create_pull_request", at="2026-02-03T10:00:00Z")["id"]
    for n in range(4, 14):
        world.act("submit_review", on=request, at=f"2026-02-{n:02}T10:00:00Z")
    world.github.fault(heavy_page_size=60)
    run = world.sync()
    assert (run.state, run.waits) == (SyncRun.State.SUCCEEDED, planner.MOST_TRIES - 1)
    assert len(reviews_of(world, request)) == 5
    world.github.fault(heavy_page_size=False)
    world.subscription.probe["compared_at"] = "2026-01-01T00:00:00+00:00"
    world.subscription.save(update_fields=["probe"])
    assert world.sync().state == SyncRun.State.SUCCEEDED
    assert len(reviews_of(world, request)) == 10


def test_histories_cut_silently_in_one_answer_are_read_again_by_themselves(world: World) -> None:
    """Above some number of aliases lists come with half the entries, half the total, and no error."""
    world.sync()
    before = world.oids()
    world.act("active_day", repositories=6, commits=18, issues=0, comments=0, reviews=0)
    world.github.fault(cut_nested_connections=2)
    world.sync()
    assert len(world.oids() - before) == 18
    assert not [commit for commit in world.commits() if "missed_on" in commit]
    compared = completeness.of_repositories(world.subscription.repositories.order_by("name"))
    assert compared.differing == []


def test_no_request_holds_more_lists_than_github_answers_in_full(world: World) -> None:
    """GitHub was seen to cut above 40: with less than that, a backfill is the same."""
    world.sync()
    before = world.checksums()
    world.start_over()
    world.github.fault(cut_nested_connections=25)
    world.sync()
    assert world.checksums() == before
