"""Another review of the same pull request: GitHub counts one of each, so no count tells of it."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_django import Settings

from sandbox.github.generated_size import Size
from sandbox.github.service import Service
from sync.consent import Choice
from sync.models import SyncRun
from tests.repositories import days_ago
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)
SIZE = Size(30, 4, 2, 3, 3, 3, 8, 1, 1, 1, 1)


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    with living(tmp_path, settings, {}, account=SIZE, choice=Choice.PRIVATE) as world:
        yield world


def somebody_elses(world: World) -> str:
    service: Service = world.github.app.extensions["github_stand_in"]
    member = service.world.catalogue.member
    found = service.world.reviewed(member).items
    return next(each.node_id for each in found if each.author is not member)


def reviews_of(world: World, request: str) -> set[str]:
    return {review["id"] for review in world.records("reviews") if review["pull_request_id"] == request}


def a_week_passes(world: World) -> SyncRun:
    """Since the last reading of the reviews began."""
    world.subscription.refresh_from_db()
    world.subscription.lists["reviews"]["watermark"] = days_ago(7.1)
    world.subscription.save(update_fields=["lists"])
    return world.sync()


def test_one_on_another_day_moves_the_contribution_and_is_found_at_once(world: World) -> None:
    request = somebody_elses(world)
    first = world.act("submit_review", on=request, at=days_ago(5))["id"]
    world.sync()
    assert first in reviews_of(world, request)
    second = world.act("submit_review", on=request)["id"]
    run = world.sync()
    assert {first, second} <= reviews_of(world, request)
    assert run.requests == 2, "the probe and one search"


def test_one_on_the_same_day_is_found_within_a_week(world: World) -> None:
    request = somebody_elses(world)
    first = world.act("submit_review", on=request)["id"]
    world.sync()
    second = world.act("submit_review", on=request)["id"]
    world.sync()
    run = a_week_passes(world)
    assert {first, second} <= reviews_of(world, request)
    assert run.requests == 2, "the probe and one search"
    assert world.sync().requests == 1, "not again before the next week"


def test_days_that_the_counts_explain_cause_no_search(world: World) -> None:
    """An issue that was deleted leaves its day as a moved review does, but is counted."""
    issue = world.act("create_issue", at=days_ago(4))["id"]
    world.act("submit_review", on=somebody_elses(world), at=days_ago(3))
    world.sync()
    asked = len(world.asked("Reviews"))
    world.act("delete_comment", id=issue)
    world.act("create_discussion")
    world.sync()
    assert len(world.asked("Reviews")) == asked
