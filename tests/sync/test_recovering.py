"""A lost database: who signs in and connects again is rebuilt from their own files on Open Humans."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from sandbox.github.generated_size import Size
from sync import recovering
from sync.collect import agreement
from sync.consent import Choice
from sync.models import RepositoryState, SyncRun, YearFile
from sync.weeks import Week
from tests.cast import make_member, subscribe
from tests.repositories import Repository, days_ago
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)
SIZE = Size(400, 6, 3, 30, 30, 120, 20, 20, 4, 6, 4)
COMMITS = 150
Live = Callable[..., AbstractContextManager[World]]


@pytest.fixture
def live(tmp_path: Path, settings: Settings) -> Live:
    def start(*names: str, commits: int = COMMITS, **options: Any) -> AbstractContextManager[World]:
        email = f"{uuid4().hex[:12]}@example.org"
        repositories = {name: Repository.create(tmp_path / name, email) for name in names}
        for number, repository in enumerate(repositories.values()):
            repository.add(days_ago(900 - 900 / commits * n - number / 10) for n in range(commits))
        return living(tmp_path, settings, repositories, **options)

    return start


@pytest.fixture
def world(live: Live) -> Iterator[World]:
    with live("trails", "diary") as world:
        world.sync()
        yield world


def lose_everything(world: World, choice: Choice = Choice.PUBLIC) -> None:
    """The database is empty; the same person signs in and connects the same account."""
    open_humans_id = str(world.member.open_humans_id)
    old = world.subscription
    User.objects.all().delete()
    assert not SyncRun.objects.exists()
    world.subscription = subscribe(make_member(open_humans_id), old.github_id, old.github_login, choice)
    world.connect(choice)


def file_ids(world: World) -> set[int]:
    return {file.id for file in world.state.files.of_member(str(world.member.open_humans_id))}


def cost(world: World) -> tuple[SyncRun, int]:
    """A run to its end, and how many requests it took GitHub to answer, by GitHub's own accounting."""
    before = world.github.total
    run = world.sync()
    assert run.state == SyncRun.State.SUCCEEDED
    return run, world.github.total - before


def ledger(world: World) -> dict[str, Any]:
    rows = world.subscription.year_files.exclude(current_id=None)
    return {
        row.name: (row.current_id, row.size, row.md5, row.generation, row.private_contributions)
        for row in rows
    }


# --- What it costs, and what it leaves as it was ---


def test_a_rebuilt_member_has_the_same_files_and_nothing_is_uploaded(world: World) -> None:
    ids, before, known = file_ids(world), world.checksums(), ledger(world)
    weeks = world.weeks()
    lose_everything(world)
    run, _ = cost(world)

    assert (run.uploads, run.records_new, run.records_changed) == (0, 0, 0)
    assert world.checksums() == before
    assert file_ids(world) == ids, "not one file was replaced"
    assert ledger(world) == known
    assert world.weeks() == weeks
    assert world.oids() == set().union(*(r.oids() for r in world.repositories.values()))


def test_a_rebuilt_member_costs_a_small_part_of_a_first_backfill(live: Live) -> None:
    """Counted by the stand-in: complete weeks are not fetched again, not one page of old history is read."""
    with live("trails", "diary", "notes", "maps", commits=600) as world:
        _, first = cost(world)
        pages = len(world.asked("CommitPages"))
        lose_everything(world)
        _, again = cost(world)

        assert again <= 5, "probe, calendar of the unfinished year, one look at histories, reviews, releases"
        assert first >= 3 * again
        assert pages >= 4 * 600 / 200
        assert len(world.asked("CommitPages")) - pages <= 1


def test_lists_are_read_only_down_to_what_is_known(tmp_path: Path, settings: Settings) -> None:
    with living(tmp_path, settings, {}, account=SIZE) as world:
        _, first = cost(world)
        read = len(world.asked("Lists")) + len(world.asked("Pages"))
        before = world.checksums()
        lose_everything(world)
        run, again = cost(world)

        assert world.checksums() == before
        assert run.uploads == 0
        again_read = len(world.asked("Lists")) + len(world.asked("Pages"))
        assert again_read == read, "the probe's own newest entries were enough"
        assert again < first / 2


def test_afterwards_a_run_without_news_is_one_request(world: World) -> None:
    lose_everything(world)
    world.sync()
    openhumans = world.openhumans.total
    assert cost(world)[1] == 1
    assert world.openhumans.total == openhumans


def test_what_was_restored_is_what_the_lost_rows_said(world: World) -> None:
    facts = ("name", "visibility", "is_fork", "held", "held_by_week", "newest_oid", "not_readable", "details")
    before = list(RepositoryState.objects.order_by("node_id").values(*facts))
    lose_everything(world)
    world.sync()

    assert list(RepositoryState.objects.order_by("node_id").values(*facts)) == before


# --- What happened meanwhile is found ---


def test_what_was_done_since_is_found(world: World) -> None:
    lose_everything(world)
    world.repositories["trails"].add([days_ago(1), days_ago(0.5)])
    world.repositories["diary"].add([days_ago(300.5)], branch="late", onto="main~100")
    world.repositories["diary"].merge("late", days_ago(0.01))
    world.sync()

    assert world.oids() == set().union(*(r.oids() for r in world.repositories.values()))


@pytest.mark.parametrize("dropped", [1, 3, 40])
def test_a_history_that_was_rewritten_since_is_read_as_far_as_needed(world: World, dropped: int) -> None:
    """As many commits as before, others than before: a count alone would agree."""
    known = world.oids()
    repository = world.repositories["trails"]
    lose_everything(world)
    repository.drop(dropped)
    repository.add(days_ago(62 + 3 * dropped - 3 * n) for n in range(dropped))
    world.sync()

    assert world.oids() == known | repository.oids()
    missed = {commit["oid"] for commit in world.commits() if "missed_on" in commit}
    assert missed == known - repository.oids() - world.repositories["diary"].oids()


def test_a_list_that_changed_since_is_as_without_the_loss(tmp_path: Path, settings: Settings) -> None:
    with living(tmp_path, settings, {}, account=SIZE) as world:
        world.sync()
        comments = [each for each in world.records("comments") if each["on"] == "issue"]
        lose_everything(world)
        made = world.act("create_issue", title="It broke meanwhile")
        world.act("edit_comment", id=comments[0]["id"], body="Once more")
        world.act("delete_comment", id=comments[1]["id"])
        world.sync()

        assert world.record("issues", id=made["id"])["title"] == "It broke meanwhile"
        assert world.record("comments", id=comments[0]["id"])["body"] == "Once more"
        assert "missed_on" in world.record("comments", id=comments[1]["id"])


# --- Where not everything can be believed ---


def forget_file(world: World, *names: str) -> None:
    for file in world.state.files.of_member(str(world.member.open_humans_id)):
        if file.basename in names:
            world.state.files.delete(file)


def test_a_year_the_member_removed_is_not_brought_back_by_the_loss(world: World) -> None:
    year = datetime.now(UTC).year - 1
    forget_file(world, f"github-{year}.json")
    before = world.checksums()
    lose_everything(world)
    world.sync()

    assert f"github-{year}.json" not in world.stored()
    row = world.subscription.year_files.get(kind="public", year=year)
    assert row.removed_by_member_at is not None
    rest = {name: md5 for name, md5 in world.checksums().items() if name in world.years()}
    assert rest == {name: before[name] for name in rest}


def test_a_year_that_one_list_lacks_is_not_taken_for_removed(world: World) -> None:
    """Promise 6: the second list has it, and all is as if the first had had it too."""
    before = world.checksums()
    lose_everything(world)
    world.openhumans.fault(list_without={"times": 1, "value": f"github-{datetime.now(UTC).year - 1}.json"})
    run, _ = cost(world)

    assert not YearFile.objects.exclude(removed_by_member_at=None).exists()
    assert world.checksums() == before
    assert run.uploads == 0


def test_without_a_profile_everything_is_read_and_united(world: World) -> None:
    before = {name: md5 for name, md5 in world.checksums().items() if name in world.years()}
    forget_file(world, "github-profile.json")
    lose_everything(world)
    run, _ = cost(world)

    assert {name: world.checksums()[name] for name in before} == before
    assert run.records_new == 0


def test_a_damaged_year_makes_everything_be_read(world: World) -> None:
    """Nothing is believed, and nothing is published over what cannot be read."""
    [file] = [
        file
        for file in world.state.files.of_member(str(world.member.open_humans_id))
        if file.basename == f"github-{datetime.now(UTC).year - 1}.json"
    ]
    path = world.state.files.content(file)
    assert path is not None
    path.write_bytes(path.read_bytes()[:-500])
    lose_everything(world)
    world.step(world.start())

    assert not RepositoryState.objects.exclude(held=0).filter(held__gt=0, head_oid="").exists()
    assert path.exists()


def test_where_profile_and_years_differ_the_history_is_read_to_its_end(world: World) -> None:
    """As when the database was lost between the publishing of a year and that of the profile."""
    [file] = [
        file
        for file in world.state.files.of_member(str(world.member.open_humans_id))
        if file.basename == "github-profile.json"
    ]
    path = world.state.files.content(file)
    assert path is not None
    profile = json.loads(path.read_bytes())
    profile["repositories"][0]["commits"] -= 1
    node_id = profile["repositories"][0]["repository_id"]
    path.write_bytes(json.dumps(profile).encode())
    before = {name: md5 for name, md5 in world.checksums().items() if name in world.years()}
    lose_everything(world)
    pages = [variables for entry in world.asked("CommitPages") for variables in [entry["variables"]]]
    world.sync()

    read = [entry["variables"] for entry in world.asked("CommitPages")][len(pages) :]
    assert sum(node_id in json.dumps(variables) for variables in read) > 1
    assert {name: world.checksums()[name] for name in before} == before


def test_with_a_wider_choice_than_before_the_lists_are_read_from_their_top(live: Live) -> None:
    with live("trails", "diary", private=("diary",)) as world:
        world.sync()
        assert world.oids() == world.repositories["trails"].oids()
        lose_everything(world, Choice.PRIVATE)
        world.sync()

        assert world.oids() == set().union(*(r.oids() for r in world.repositories.values()))
        assert {row.kind for row in YearFile.objects.exclude(current_id=None)} >= {"public", "private"}


def test_with_a_narrower_choice_private_files_stay_known_and_nothing_private_is_read(live: Live) -> None:
    with live("trails", "diary", private=("diary",), choice=Choice.PRIVATE) as world:
        world.sync()
        before = world.checksums()
        lose_everything(world)
        world.sync()

        assert not RepositoryState.objects.exclude(visibility="public").exists()
        assert world.checksums() == before
        assert YearFile.objects.filter(kind="private").exclude(current_id=None).exists()


def test_killed_in_the_middle_it_is_done_again(world: World) -> None:
    before = world.checksums()
    lose_everything(world)
    run = world.start()
    hold = SyncRun.hold
    left = [7]

    class Killed(BaseException):
        pass

    def die(self: SyncRun) -> None:
        left[0] -= 1
        if not left[0]:
            raise Killed
        hold(self)

    SyncRun.hold = die  # type: ignore[method-assign]
    try:
        with pytest.raises(Killed):
            world.step(run)
    finally:
        SyncRun.hold = hold  # type: ignore[method-assign]
    SyncRun.objects.update(lease_until=timezone.now())
    finished = world.finish(run)

    assert finished.uploads == 0
    assert world.checksums() == before


def test_a_member_without_files_is_simply_new(live: Live) -> None:
    with live("trails") as world:
        run, _ = cost(world)
        assert run.records_new >= COMMITS
        assert not recovering.is_wanted(world.start())


def test_tallies_are_made_as_the_engine_makes_them() -> None:
    holdings = recovering.Holdings()
    commits = [
        {"repository_id": "R", "oid": f"{number:040x}", "committed_at": f"2026-05-0{number}T10:00:00Z"}
        for number in (1, 4, 6)
    ]
    dead = {**commits[0], "oid": "f" * 40, "missed_on": "2026-06-01"}
    imported = {**commits[0], "oid": "e" * 40, "imported": True}
    holdings.visit({"commits": [*commits, dead, imported]})
    weeks = [(str(Week.of(datetime.fromisoformat(c["committed_at"]))), c["oid"]) for c in commits]

    assert holdings.tallies["R"] == agreement.tally(weeks)
    assert holdings.newest["R"] == (commits[2]["committed_at"], commits[2]["oid"])
