"""What is left out goes from what is collected, from the files that are there, and comes back when wanted."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from pytest_django import Settings

from sync import choices, omitting
from sync.consent import Choice
from sync.leaving import erasing
from sync.models import EraseScope, StagedBatch, Subscription, SyncRun
from sync.records import KINDS
from tests.repositories import Repository
from tests.sync.broker import Sent
from tests.sync.factories import make_run, make_year_file
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)


def make_repository(folder: Path, name: str, message: str) -> Repository:
    repository = Repository.create(folder / name, "mona.leaving.out@example.org")
    start = datetime.now(UTC) - timedelta(days=420)
    dates = [(start + timedelta(days=20 * n)).isoformat(timespec="seconds") for n in range(20)]
    repository.add(dates, message=message)
    return repository


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    names = {"trails": "Mark the path", f"plan-{uuid4().hex[:8]}": "Plan B"}
    repositories = {name: make_repository(tmp_path, name, text) for name, text in names.items()}
    with living(tmp_path, settings, repositories) as world:
        world.sync()
        yield world


def change(world: World, **changes: object) -> SyncRun:
    """What a member confirms, worked off by the engine as far as the files go."""
    run = omitting.change_omissions(world.subscription, **changes)
    world.subscription.refresh_from_db()
    assert run is not None
    return world.finish(run)


def everything(world: World) -> str:
    return b"\n".join(world.stored().values()).decode()


def plan_of(world: World) -> dict[str, str]:
    [state] = world.subscription.repositories.filter(name__contains="/plan-")
    return {"id": state.node_id, "name": state.name}


def test_texts_leave_the_files_and_all_else_in_them_stays(world: World) -> None:
    before = world.commits()
    ids = {file.current_id for file in world.subscription.year_files.all()}
    asked = world.github.total
    run = change(world, texts=False)

    assert (run.state, run.trigger) == (SyncRun.State.SUCCEEDED, SyncRun.Trigger.REMOVE)
    assert world.github.total == asked
    assert world.commits() == [{**commit, "message": None} for commit in before]
    assert "Mark the path" not in everything(world)
    listed = {file.id for file in world.state.files.of_member(str(world.member.open_humans_id))}
    years = world.subscription.year_files.filter(kind="public").exclude(current_id=None)
    assert not {file.current_id for file in years} & ids
    assert listed == {file.current_id for file in world.subscription.year_files.exclude(current_id=None)}


def test_a_second_time_there_is_nothing_to_do(world: World) -> None:
    change(world, texts=False)
    before = world.checksums()

    assert omitting.change_omissions(world.subscription, texts=False) is None
    assert world.sync().uploads == 0
    assert world.checksums() == before


def test_what_is_new_comes_without_texts(world: World) -> None:
    change(world, texts=False)
    world.repository.add([datetime.now(UTC).isoformat(timespec="seconds")], message="Another path")
    world.sync()

    assert world.oids() == set().union(*(each.oids() for each in world.repositories.values()))
    assert "Another path" not in everything(world)


def test_texts_come_back_when_they_are_wanted_again(world: World) -> None:
    before = world.checksums()
    change(world, texts=False)
    change(world, texts=True)
    world.sync()

    assert world.checksums() == before


def test_a_repository_leaves_files_profile_and_our_own_rows(world: World) -> None:
    plan = plan_of(world)
    before = world.checksums()
    change(world, left_out=[plan])
    world.sync()

    assert {commit["repository"] for commit in world.commits()} == {
        state.name for state in world.subscription.repositories.all()
    }
    assert plan["name"] not in everything(world)
    assert not StagedBatch.objects.exists()
    change(world, left_out=[])
    world.sync()
    assert world.checksums() == before


def test_an_owner_leaves_with_every_repository(world: World) -> None:
    owner = plan_of(world)["name"].partition("/")[0]
    change(world, left_out=[{"owner": owner}])
    world.sync()

    assert world.commits() == []
    assert not world.subscription.repositories.exists()
    for content in world.years().values():
        for week in content["weeks"].values():
            assert not any(week.get(kind) for kind in KINDS if kind not in ("gists", "comments"))


def test_private_counts_leave_with_the_calendar_that_holds_them(world: World) -> None:
    assert any(json.loads(content).get("private_contributions") is not None for content in years(world))
    change(world, private_counts=False)
    world.sync()

    for content in years(world):
        year = json.loads(content)
        assert "private_contributions" not in year
        assert not any(week["calendar"] for week in year["weeks"].values())
    assert "restricted" not in world.subscription.probe
    assert world.sync().requests == 1


def years(world: World) -> list[bytes]:
    return [content for name, content in world.stored().items() if name in world.years()]


def test_a_sync_under_way_is_stopped_and_goes_on_afterwards(world: World) -> None:
    run = world.start()
    change(world, texts=False)

    run.refresh_from_db()
    assert run.state == SyncRun.State.CANCELLED
    assert world.subscription.next_due_at <= datetime.now(UTC)
    assert world.sync().state == SyncRun.State.SUCCEEDED


def test_a_paused_or_disconnected_members_files_follow_the_choice_too(world: World) -> None:
    choices.pause(world.subscription)
    change(world, texts=False)

    assert "Mark the path" not in everything(world)
    assert world.subscription.status == Subscription.Status.PAUSED


def test_what_goes_from_files_is_not_stopped_by_pausing(subscription: Subscription, sent: Sent) -> None:
    make_year_file(subscription, 2025)
    run = omitting.change_omissions(subscription, texts=False)
    with pytest.raises(choices.SyncUnderWay):
        choices.pause(subscription)

    assert subscription.active_run == run


def test_an_outage_is_waited_out(world: World) -> None:
    world.openhumans.fault(html_500=True)
    run = omitting.change_omissions(world.subscription, texts=False)
    assert run is not None
    world.subscription.refresh_from_db()
    assert world.step(run) is not None
    assert run.wait_reason == SyncRun.WaitReason.OPENHUMANS_UNAVAILABLE
    world.openhumans.fault(html_500=False)
    world.pass_wait(run)

    assert world.finish(run).state == SyncRun.State.SUCCEEDED
    assert "Mark the path" not in everything(world)


def test_a_sync_does_what_a_stopped_run_left_undone(world: World) -> None:
    run = omitting.change_omissions(world.subscription, texts=False)
    assert run is not None
    SyncRun.objects.filter(pk=run.pk).update(state=SyncRun.State.CANCELLED)
    world.sync()

    assert "Mark the path" not in everything(world)


def test_what_is_being_deleted_comes_first(subscription: Subscription, sent: Sent) -> None:
    erasing.start(subscription, EraseScope.PRIVATE)
    with pytest.raises(choices.SyncUnderWay):
        omitting.change_omissions(subscription, texts=False)
    assert "texts" not in Subscription.objects.get(pk=subscription.pk).agreement


def test_without_files_a_sync_under_way_begins_anew(subscription: Subscription, sent: Sent) -> None:
    old = make_run(subscription, state=SyncRun.State.RUNNING)
    run = omitting.change_omissions(subscription, texts=False)

    assert run is not None
    assert (run.trigger, run.pk != old.pk) == (SyncRun.Trigger.MEMBER, True)


def test_a_kind_that_is_switched_off_is_not_collected(world: World) -> None:
    choices.save_settings(world.subscription, ["stars"], messages=True)
    world.repository.add([datetime.now(UTC).isoformat(timespec="seconds")])
    before = world.oids()
    world.sync()

    assert world.oids() == before
    choices.save_settings(world.subscription, ["stars", "commits", "calendar"], messages=True)
    world.sync()
    assert len(world.oids()) == len(before) + 1


def test_private_repositories_of_an_organisation_come_when_ticked_and_go_when_unticked(
    tmp_path: Path, settings: Settings
) -> None:
    own, plan = (make_repository(tmp_path, name, name) for name in ("diary", "plan-b"))
    with living(
        tmp_path,
        settings,
        {"diary": own, "plan-b": plan},
        choice=Choice.PRIVATE,
        private=("diary", "plan-b"),
        organizations={"acme": ["plan-b"]},
    ) as world:
        world.sync()
        assert world.oids() == own.oids()
        assert "acme" not in everything(world)
        assert omitting.organizations_to_answer(world.subscription) == ["acme"]

        change(world, organizations=["acme"], organizations_out=[])
        world.sync()
        assert world.oids() == own.oids() | plan.oids()

        change(world, organizations=[], organizations_out=["acme"])
        world.sync()
        assert world.oids() == own.oids()
        assert "acme" not in everything(world)
        assert not world.subscription.repositories.filter(name__startswith="acme/").exists()
