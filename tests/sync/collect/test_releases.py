"""Releases, week after week: what was published late is found, and what is known is not read again."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import Settings

from sync import removing
from sync.collect import releases
from sync.models import SyncRun
from tests.repositories import Repository, days_ago
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)
PAGES = 3


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    """Three pages of releases that are known, and a draft on the last of them."""
    repository = Repository.create(tmp_path / "trails", f"{uuid4().hex[:12]}@example.org")
    repository.add([days_ago(500)])
    with living(tmp_path, settings, {"trails": repository}) as world:
        for n in range(releases.PAGE * PAGES - 5):
            world.act("publish_release", tag=f"v{n}", at=days_ago(400 - n))
        world.act("draft_release", tag="long-awaited", at=days_ago(399.5))
        world.sync()
        assert len(world.records("releases")) == releases.PAGE * PAGES - 5
        assert len(world.asked("Releases")) == PAGES
        yield world


def draft(world: World) -> str:
    (known,) = world.subscription.lists["releases"]["held"].values()
    (node_id,) = known["drafts"]
    return str(node_id)


def a_week_later(world: World) -> int:
    """How many requests went to releases in the next run."""
    asked = len(world.asked("Releases"))
    world.subscription.refresh_from_db()
    world.subscription.lists["releases"]["checked_at"] = (timezone.now() - releases.EVERY).isoformat()
    world.subscription.save(update_fields=["lists"])
    assert world.sync().state == SyncRun.State.SUCCEEDED
    return len(world.asked("Releases")) - asked


def publish_draft(world: World) -> str:
    world.act("publish_release", id=draft(world), at=days_ago(2))
    return "long-awaited"


def publish_backdated(world: World) -> str:
    world.act("publish_release", tag="of an old commit", created_at=days_ago(398.5), at=days_ago(2))
    return "of an old commit"


def publish_both(world: World) -> str:
    publish_new(world)
    publish_draft(world)
    return publish_backdated(world)


def publish_new(world: World) -> str:
    for n in range(3):
        world.act("publish_release", tag=f"new-{n}", at=days_ago(n + 1))
    return "new-2"


def publish_more_than_a_page(world: World) -> str:
    for n in range(releases.PAGE + 1):
        world.act("publish_release", tag=f"new-{n}", at=days_ago(3 - n / 100))
    return "new-0"


def publish_what_was_first(world: World) -> str:
    """A new draft stands first, and is published a week later."""
    made = world.act("draft_release", tag="next", at=days_ago(3))["id"]
    assert a_week_later(world) == 1
    world.act("publish_release", id=made, at=days_ago(1))
    return "next"


def nothing(_world: World) -> str:
    return "v1"


# How many pages are read, by what happened in that week.
WEEKS: dict[str, tuple[Callable[[World], str], int]] = {
    "nothing": (nothing, 1),
    "new ones": (publish_new, 1),
    "more new ones than a page holds": (publish_more_than_a_page, 2),
    "an old draft": (publish_draft, 1),
    "the draft that stood first": (publish_what_was_first, 1),
    "one of an old commit": (publish_backdated, PAGES),
    "all of these": (publish_both, PAGES),
}


@pytest.mark.parametrize("week", WEEKS)
def test_what_was_published_is_found_wherever_it_stands_and_what_is_known_is_not_paged(
    world: World, week: str
) -> None:
    happen, pages = WEEKS[week]
    before = {release["id"] for release in world.records("releases")}
    tag = happen(world)
    assert a_week_later(world) == pages
    world.record("releases", tag=tag)
    assert before <= {release["id"] for release in world.records("releases")}
    assert a_week_later(world) == 1, "all of it is known now"


def test_a_draft_that_was_published_is_asked_for_no_more(world: World) -> None:
    publish_draft(world)
    a_week_later(world)
    (known,) = world.subscription.lists["releases"]["held"].values()
    assert known["drafts"] == []


def test_once_a_month_every_list_is_read_to_its_end(world: World) -> None:
    """One that was deleted and made again stands where it stood, and the total is what it was."""
    old = world.record("releases", tag="v7")
    world.act("delete_comment", id=old["id"])
    world.act("publish_release", tag="v7", created_at=old["published_at"], at=days_ago(2))
    assert a_week_later(world) == 1
    world.subscription.probe["compared_at"] = days_ago(31)
    world.subscription.save(update_fields=["probe"])
    assert a_week_later(world) == PAGES
    assert len([each for each in world.records("releases") if each["tag"] == "v7"]) == 2


def test_a_worker_that_dies_between_two_pages_reads_on_from_the_second(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    publish_backdated(world)
    goes_on = releases._goes_on
    monkeypatch.setattr(releases, "_goes_on", dying_after(1, goes_on))
    with pytest.raises(Died):
        a_week_later(world)
    monkeypatch.setattr(releases, "_goes_on", goes_on)
    (run,) = SyncRun.objects.active()
    SyncRun.objects.filter(pk=run.pk).update(lease_until=timezone.now())
    asked = len(world.asked("Releases"))
    world.finish(run)
    assert len(world.asked("Releases")) - asked == PAGES - 1, "the page in hand is asked for again"
    world.record("releases", tag="of an old commit")
    assert a_week_later(world) == 1


class Died(BaseException):
    """What no handler of the app catches."""


def dying_after(number: int, act: Callable[..., Any]) -> Callable[..., Any]:
    left = [number]

    def acting(*arguments: Any) -> Any:
        if not left[0]:
            raise Died
        left[0] -= 1
        return act(*arguments)

    return acting


def test_of_a_repository_that_was_taken_out_nothing_is_remembered(world: World) -> None:
    (node_id,) = world.subscription.lists["releases"]["held"]
    removing.remove_repository(world.subscription, [node_id], ["trails"])
    world.subscription.refresh_from_db()
    assert node_id not in str(world.subscription.lists["releases"])
