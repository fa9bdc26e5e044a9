"""What GitHub tells late of histories and calendars: files change when and only when they should."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import Settings

from github_client import Commit, CommitPage, CommitPageRequest, CommitTotal
from sync.collect.histories import _take_total, take_page
from sync.consent import Choice
from sync.models import RepositoryState, Subscription, SyncRun
from tests.repositories import Repository, days_ago
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)
Live = Callable[..., AbstractContextManager[World]]
NOW = datetime(2026, 5, 6, 12, tzinfo=UTC)


@pytest.fixture
def live(tmp_path: Path, settings: Settings) -> Live:
    def start(*names: str, **options: Any) -> AbstractContextManager[World]:
        email = f"{uuid4().hex[:12]}@example.org"
        repositories = {name: Repository.create(tmp_path / name, email) for name in names}
        for repository in repositories.values():
            repository.add(days_ago(700 - 20 * n) for n in range(34))
        return living(tmp_path, settings, repositories, **options)

    return start


@pytest.fixture
def world(live: Live) -> Iterator[World]:
    with live("trails") as world:
        world.sync()
        yield world


def a_month_passes(world: World) -> SyncRun:
    """The next run compares everything, whatever the probe says."""
    world.subscription.refresh_from_db()
    world.subscription.probe["compared_at"] = (datetime.now(UTC) - timedelta(days=31)).isoformat()
    world.subscription.save()
    run = world.sync()
    assert run.state == SyncRun.State.SUCCEEDED
    return run


def years_changed(world: World, before: dict[str, str]) -> set[str]:
    after = world.checksums()
    return {name for name in world.years() if after[name] != before.get(name)}


def without_news(world: World) -> None:
    before, requests = world.checksums(), world.github.total
    world.sync()
    assert world.github.total - requests == 1
    assert world.checksums() == before


# --- Once a month everything is compared ---


def test_a_month_in_which_nothing_was_late_changes_no_file(world: World) -> None:
    before = world.checksums()
    for _ in range(2):
        run = a_month_passes(world)
        assert (run.uploads, run.records_new, run.records_changed) == (0, 0, 0)
        assert run.requests <= 4, "the probe, the calendars, one page of each history, the releases"
    assert world.checksums() == before
    without_news(world)


def test_quiet_weeks_since_then_need_no_file_either(world: World) -> None:
    """Weeks that ended without a contribution stand in the ledger alone; a calendar read again adds none."""
    year = world.subscription.year_files.filter(kind="public").order_by("year")[0]
    quiet = {week for week, entry in year.weeks.items() if not any(entry["counts"].values())}
    held = world.years()[year.name]["weeks"]
    assert quiet
    a_month_passes(world)
    assert world.years()[year.name]["weeks"] == held


# --- Private work made visible ---


def test_a_repository_that_became_public_is_read_whole_and_only_its_weeks_change(live: Live) -> None:
    with live("trails", "diary", private=("diary",)) as world:
        world.connect(Choice.PRIVATE)  # the token could read it; the member did not choose that
        world.sync()
        before = world.years()
        assert world.oids() == world.repositories["trails"].oids()
        world.act("make_public", repository="diary")
        world.sync()

        assert world.oids() == {*world.repositories["trails"].oids(), *world.repositories["diary"].oids()}
        assert {commit["visibility"] for commit in world.commits()} == {"public"}
        touched = {
            (name, week)
            for name, content in world.years().items()
            for week, entry in content["weeks"].items()
            if entry["commits"] != before[name]["weeks"].get(week, {}).get("commits", [])
        }
        mine = [commit for commit in world.commits() if commit["repository"].endswith("/diary")]
        assert len(touched) == len({(c["authored_at"][:4], c["oid"]) for c in mine})
        without_news(world)


def test_one_that_became_public_and_was_collected_before_stands_nowhere_twice(live: Live) -> None:
    """What was saved while it was private stays in the private file; what comes now is public."""
    with live("trails", "diary", private=("diary",), choice=Choice.PRIVATE) as world:
        world.sync()
        before, oids = world.checksums(), sorted(commit["oid"] for commit in world.commits())
        world.act("make_public", repository="diary")
        world.sync()
        assert years_changed(world, before) == set()
        world.repositories["diary"].add([days_ago(0.01)])
        world.sync()

        assert len(world.commits()) == len(oids) + 1
        assert set(oids) < world.oids()
        [new] = [commit for commit in world.commits() if commit["oid"] not in oids]
        assert new["visibility"] == "public"


# --- Addresses linked later ---


def test_commits_of_an_address_that_was_linked_later_are_found_within_a_month(live: Live) -> None:
    with live("trails") as world:
        other = "old.address@example.org"
        world.repository.add([days_ago(600.5), days_ago(599.5)], email=other, branch="old", onto="main~20")
        world.repository.merge("old", days_ago(3))
        world.sync()
        known = world.oids()
        world.act("link_email", email=other)
        a_month_passes(world)

        assert len(world.oids() - known) == 2
        without_news(world)


# --- Histories that were rewritten ---


def test_a_history_that_was_replaced_altogether_keeps_the_old_one_beside_it(world: World) -> None:
    known = world.oids()
    world.repository.add((days_ago(400 - 20 * n) for n in range(12)), onto="")
    world.sync()

    assert world.oids() == known | world.repository.oids()
    missed = {commit["oid"] for commit in world.commits() if "missed_on" in commit}
    assert missed == known - world.repository.oids()
    without_news(world)


def test_what_a_force_push_took_away_and_a_later_one_brings_back_is_missed_no_more(world: World) -> None:
    before = world.checksums()
    world.repository.drop(2)
    world.sync()
    assert len([commit for commit in world.commits() if "missed_on" in commit]) == 2
    world.repository.restore()
    world.sync()

    assert not [commit for commit in world.commits() if "missed_on" in commit]
    assert years_changed(world, before) == set()


# --- Totals that can never agree ---


def commits(*numbers: int) -> tuple[Commit, ...]:
    """The newer ones have the greater numbers; one a week."""
    return tuple(a_commit(number) for number in numbers)


def a_commit(number: int) -> Commit:
    moment = NOW - timedelta(weeks=100 - number)
    return Commit(
        oid=f"{number:012x}".ljust(40, "0"),
        node_id=f"C_{number}",
        committed_at=moment,
        authored_at=moment.isoformat(),
        message=f"Commit {number}",
        additions=1,
        deletions=0,
        changed_files=1,
        url="https://github.com/o/r",
    )


def page(state: RepositoryState, found: tuple[Commit, ...], total: int, cursor: str | None) -> CommitPage:
    request = CommitPageRequest(state.node_id, state.head_oid, state.cursor or None, len(found))
    return CommitPage(request, "o/r", total, found, 0, cursor, cursor is not None, "read")


@pytest.fixture
def state(subscription: Subscription) -> RepositoryState:
    """Six commits counted, five given: read to the end."""
    state = RepositoryState.objects.create(
        subscription=subscription, node_id="R_1", name="o/r", visibility="public", head_oid="a" * 40
    )
    take_page(state, page(state, commits(6, 5, 4), 6, "more"))
    take_page(state, page(state, commits(3, 2), 6, None))
    assert (state.is_read, state.held, state.said) == (True, 5, 6)
    return state


def test_a_commit_that_is_counted_and_never_given_makes_no_history_be_read_again(
    state: RepositoryState,
) -> None:
    """Otherwise each push would page the whole history once more."""
    state.head_oid, state.is_read = "b" * 40, False
    staged = take_page(state, page(state, commits(7, 6, 5), 7, "more"))

    assert state.is_read
    assert (state.held, state.said) == (6, 7)
    assert [entry.data["oid"] for _, entry in staged] == [a_commit(7).oid]


def test_a_total_that_did_not_move_is_believed_in_spite_of_it(state: RepositoryState) -> None:
    state.head_oid, state.is_read = "b" * 40, False
    _take_total(state, CommitTotal(state.node_id, "o/r", "b" * 40, 6, state.newest_oid))
    assert state.is_read


def test_once_it_is_given_everything_agrees_again(state: RepositoryState) -> None:
    """Within a month: then nothing is remembered of it, and the history is read to its end."""
    state.head_oid, state.is_read, state.reading = "b" * 40, False, {}
    take_page(state, page(state, commits(6, 5, 4), 6, "more"))
    assert not state.is_read
    staged = take_page(state, page(state, commits(3, 2, 1), 6, None))

    assert (state.is_read, state.held, state.reading) == (True, 6, {})
    assert [entry.data["oid"] for _, entry in staged] == [a_commit(1).oid]


def test_a_page_of_which_nothing_can_be_read_is_read_past(state: RepositoryState) -> None:
    """It tells no moment; the one after it does."""
    state.head_oid, state.is_read = "b" * 40, False
    assert take_page(state, page(state, (), 8, "more")) == []
    assert (state.is_read, state.cursor) == (False, "more")
    staged = take_page(state, page(state, commits(8, 7, 6, 5), 8, "still more"))

    assert state.is_read
    assert [entry.data["oid"] for _, entry in staged] == [a_commit(8).oid, a_commit(7).oid]
