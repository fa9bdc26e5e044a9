"""Every kind of record from end to end, on what the stand-in derives from a history made for it."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import Settings

from sync.collect import completeness
from sync.consent import KINDS as AGREED
from sync.consent import Choice
from sync.models import Subscription, SyncRun
from sync.records import KINDS
from tests.repositories import Repository, days_ago, git
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)
Live = Callable[..., AbstractContextManager[World]]
OTHER = "somebody.else@example.org"


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    """Two years in which a bit of everything happened."""
    repository = Repository.create(tmp_path / "lively", f"{uuid4().hex[:12]}@example.org")
    repository.add(days_ago(700 - n) for n in range(5))
    for n in range(1, 9):
        repository.add([days_ago(650 - n)], message=f"See #{n}")
        repository.add([days_ago(600 - n)], message=f"More on #{n}")
        repository.add([days_ago(500 - n)], message=f"Add a thing (#{100 + n})")
    repository.add([days_ago(450)], message="discussion #40: where to?")
    repository.add([days_ago(440)], message="discussion #40: there")
    repository.add([days_ago(430)], message="A trick\n\n```\nprint(1)\n```")
    repository.add([days_ago(425)], message="Hidden\n\n    secret = 1\n    secret += 1")
    tip = git(repository.path, "rev-parse", "main").strip()
    repository.add([days_ago(420)], message=f"This reverts commit {tip}")
    repository.add([days_ago(410)], email=OTHER, branch="topic", onto="main")
    repository.merge("topic", days_ago(405))
    git(repository.path, "tag", "v1.0", "main")
    repository.add(days_ago(300 - n) for n in range(5))
    return repository


@pytest.fixture
def live(tmp_path: Path, settings: Settings) -> Live:
    def start(*repositories: Repository, **options: Any) -> AbstractContextManager[World]:
        return living(tmp_path, settings, {r.path.name: r for r in repositories}, **options)

    return start


@pytest.fixture
def world(live: Live, repository: Repository) -> Iterator[World]:
    with live(repository) as world:
        yield world


def records(world: World, kind: str) -> list[dict[str, Any]]:
    return [
        record
        for content in world.years().values()
        for week in content["weeks"].values()
        for record in week.get(kind, [])
    ]


def test_every_kind_that_the_history_hints_at_arrives_once(world: World) -> None:
    assert world.sync().state == SyncRun.State.SUCCEEDED
    for name, kind in KINDS.items():
        found = records(world, name)
        assert found, f"nothing of the kind {name}"
        keys = [kind.key_of(record) for record in found]
        assert len(keys) == len(set(keys))


def test_every_record_lies_in_the_week_of_its_own_moment(world: World) -> None:
    world.sync()
    for content in world.years().values():
        for week, entry in content["weeks"].items():
            for name, kind in KINDS.items():
                assert {str(kind.week_of(record)) for record in entry[name]} <= {week}


def test_held_equals_said_for_every_list_or_the_difference_is_explained(world: World) -> None:
    world.sync()
    compared = completeness.of_lists(world.subscription)
    assert {comparison.name for comparison in compared} == set(completeness.LABELS.values())
    for comparison in compared:
        assert comparison.agrees == (not comparison.explanation)
        assert comparison.said is not None
        assert comparison.held <= comparison.said
    compared_repositories = completeness.of_repositories(world.subscription.repositories.order_by("name"))
    assert (compared_repositories.differing, compared_repositories.agreeing) == ([], 1)


def test_a_second_sync_of_everything_still_costs_one_request(world: World) -> None:
    world.sync()
    before, github, openhumans = world.checksums(), world.github.total, world.openhumans.total
    world.sync()
    assert (world.github.total - github, world.openhumans.total - openhumans) == (1, 0)
    assert world.checksums() == before


def test_what_is_new_in_a_list_comes_with_the_probe(world: World) -> None:
    world.sync()
    comments = len(records(world, "comments"))
    world.repository.add([days_ago(0.01)], message="And again on #3")
    run = world.sync()
    assert len(records(world, "comments")) == comments + 1
    assert world.oids() == world.repository.oids()
    assert run.requests <= 3


def test_lists_longer_than_the_probe_are_read_to_their_watermark(world: World) -> None:
    world.sync()
    for n in range(30):
        world.repository.add([days_ago(0.05 - n / 1000)], message=f"Again #{n % 8 + 1}, part {n}")
    run = world.sync()
    assert run.state == SyncRun.State.SUCCEEDED
    held = {c.name: c for c in completeness.of_lists(world.subscription)}
    assert held["comments"].agrees


def test_only_the_kinds_agreed_to_are_asked_for_and_written(live: Live, repository: Repository) -> None:
    """Promise 11: no kind that was not agreed to."""
    with live(repository) as world:
        world.subscription.agreement["kinds"] = ["commits", "calendar", "stars"]
        world.subscription.save()
        world.sync()
        for content in world.years().values():
            for week in content["weeks"].values():
                assert {name for name in KINDS if name in week} == {"commits", "stars"}
        assert {"issues", "comments", "reviews", "releases"}.isdisjoint(world.subscription.lists)


def test_with_a_wide_token_and_the_public_choice_nothing_private_is_kept_anywhere(
    live: Live, repository: Repository
) -> None:
    with live(repository, private=("lively",)) as world:
        world.connect(Choice.PRIVATE)
        world.sync()
        for kind in set(KINDS) - {"gists", "comments"}:
            assert records(world, kind) == []
        assert not any(b"lively" in content for content in world.stored().values())


def test_private_things_of_every_kind_stand_in_private_files_only(live: Live, repository: Repository) -> None:
    with live(repository, private=("lively",), choice=Choice.PRIVATE) as world:
        world.sync()
        assert records(world, "issues")
        for name, content in world.stored().items():
            assert (b"lively" in content) == name.startswith("github-private-")
        assert "github-private-profile.json" in world.stored()


def test_secret_gists_stay_out_without_their_own_choice(world: World) -> None:
    world.sync()
    assert {gist["visibility"] for gist in records(world, "gists")} == {"public"}


def test_the_profile_and_the_daily_table_are_published_and_left_alone_when_unchanged(world: World) -> None:
    world.sync()
    stored = world.stored()
    assert {"github-profile.json", "github-daily.csv"} <= set(stored)
    assert stored["github-daily.csv"].decode().splitlines()[0].startswith("date,contributions,commits,issues")
    uploads = world.openhumans.accounting()["writes"]
    world.sync()
    assert world.openhumans.accounting()["writes"] == uploads


def test_a_limit_in_the_middle_changes_nothing_in_the_end(live: Live, repository: Repository) -> None:
    with live(repository) as world:
        for after in (2, 4, 6):
            world.github.fault(
                refuse_after_requests={"after": after, "for_seconds": 60, "form": "secondary_200", "times": 1}
            )
            run = world.start()
            world.step(run)
            if run.state == SyncRun.State.WAITING:
                world.pass_wait(run)
            world.github.fault(refuse_after_requests=False)
            world.finish(run)
        assert {kind for kind in KINDS if records(world, kind)} == set(KINDS)
        assert world.oids() == repository.oids()


def test_once_a_month_totals_and_calendars_are_compared_for_everything(world: World) -> None:
    world.sync()
    assert world.sync().requests == 1
    probe = {**world.subscription.probe, "compared_at": (timezone.now() - timedelta(days=31)).isoformat()}
    Subscription.objects.update(probe=probe)
    before = world.checksums()
    run = world.sync()
    assert 1 < run.requests <= 5
    assert world.checksums() == before
    assert world.sync().requests == 1


def test_kinds_and_files_name_the_same_things() -> None:
    assert set(AGREED) - {"calendar"} == set(KINDS)
