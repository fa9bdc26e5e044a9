"""Erasing in the middle of a running backfill, at each of its steps: no file is left, then or later.

Promise 12: an erasing cancels the active run and waits for its lease; what a worker that hung beyond its
lease had on its way arrives at nobody's.
"""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import Settings

from github_client import GitHubClient
from openhumans_client import OpenHumansClient
from sync import choices, scanning
from sync.actors import sync_step
from sync.errors import WaitForLimit
from sync.leaving import erasing
from sync.models import EraseScope, Receipt, RepositoryState, StagedBatch, Subscription, SyncRun, YearFile
from tests.repositories import Repository, days_ago
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)
SEVEN_HOURS = 7 * 60 * 60
# Whose request hangs, and the how manieth of them.
HANGING = [
    (OpenHumansClient, "list_files", 1),
    (OpenHumansClient, "start_upload", 1),
    (OpenHumansClient, "start_upload", 3),
    (OpenHumansClient, "put_upload", 1),
    (OpenHumansClient, "put_upload", 3),
    (OpenHumansClient, "complete_upload", 1),
    (OpenHumansClient, "complete_upload", 3),
    (GitHubClient, "ask_probe", 1),
    (GitHubClient, "fetch_contributions", 1),
    (GitHubClient, "fetch_commit_pages", 1),
    (GitHubClient, "fetch_commit_pages", 3),
]


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    """More than two years of commits, in pages that take several steps; nothing collected yet."""
    settings.SYNC_STEP_REQUESTS = 2
    repository = Repository.create(tmp_path / "trails", f"{uuid4().hex[:12]}@example.org")
    repository.add(days_ago(860 - 4 * n) for n in range(215))
    with living(tmp_path, settings, {"trails": repository}) as world:
        yield world


def erase_as_another_worker(world: World) -> Receipt:
    """From the click to the receipt. The lease of whoever hangs runs out meanwhile."""
    run = erasing.start(world.subscription, EraseScope.FILES)
    SyncRun.objects.exclude(pk=run.pk).update(lease_until=timezone.now())
    receipt: Receipt = run.receipt
    for _ in range(50):
        run.refresh_from_db()
        if not run.is_active:
            receipt.refresh_from_db()
            return receipt
        try:
            sync_step.fn(run.pk, run.step)
        except WaitForLimit:
            SyncRun.objects.filter(pk=run.pk).update(resume_at=timezone.now())
    raise AssertionError("The erasing does not come to an end.")


def require_nothing_left(world: World, receipt: Receipt) -> None:
    """Now, and when all uploads that were begun are too old to be completed."""
    assert (receipt.files, receipt.files_left) == (Receipt.Outcome.DONE, 0)
    for _ in range(2):
        assert world.stored() == {}
        for table in (YearFile, StagedBatch, RepositoryState):
            assert not table._default_manager.exists(), table
        assert not SyncRun.objects.active().exists()
        assert Subscription.objects.get().status == Subscription.Status.PAUSED
        world.state.advance(SEVEN_HOURS)
        scanned = scanning.scan(timezone.now() + timedelta(seconds=SEVEN_HOURS), 1000)
        assert (scanned.queued, scanned.nudged) == (0, 0)


def again(world: World) -> SyncRun:
    """The member changes their mind: a new backfill from nothing."""
    world.subscription.refresh_from_db()
    choices.resume(world.subscription)
    run = world.subscription.active_run
    assert run is not None
    return run


class Killed(BaseException):
    """What no handler of the app catches, as a `kill -9`."""


def run_until_killed(world: World, run: SyncRun, after: int) -> bool:
    """Work on the backfill and die at this sign of life; False when it ended before."""
    hold, left = SyncRun.hold, [after]

    def hold_or_die(self: SyncRun) -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1
        hold(self)

    with patch.object(SyncRun, "hold", hold_or_die):
        try:
            while run.is_active:
                world.step(run)
        except Killed:
            return True
    return False


def test_whoever_is_killed_at_any_point_of_a_backfill_leaves_nothing_behind(world: World) -> None:
    run, after, kills = world.start(), 0, 0
    while run_until_killed(world, run, after):
        require_nothing_left(world, erase_as_another_worker(world))
        run, kills = again(world), kills + 1
        # Each of the first requests, then every fifth: what follows repeats itself from file to file.
        after += 1 if after < 8 else 6
    assert kills > 10
    assert world.oids() == world.repository.oids()


@pytest.mark.parametrize(("client", "method", "nth"), HANGING)
def test_whoever_hangs_beyond_their_lease_changes_nothing_when_they_wake_up(
    world: World, client: type, method: str, nth: int
) -> None:
    """The request is sent after the erasing has ended, and its answer comes to somebody without a lease."""
    original: Callable[..., Any] = getattr(client, method)
    calls, receipts = [0], list[Receipt]()

    def late(self: Any, *arguments: Any, **options: Any) -> Any:
        calls[0] += 1
        if calls[0] == nth:
            receipts.append(erase_as_another_worker(world))
        return original(self, *arguments, **options)

    run = world.start()
    with patch.object(client, method, late):
        while run.is_active and not receipts:
            if world.step(run) is not None:
                world.pass_wait(run)
    require_nothing_left(world, receipts[0])
    run.refresh_from_db()
    assert run.state == SyncRun.State.CANCELLED


@pytest.mark.parametrize("method", ["put_upload", "complete_upload"])
def test_an_answer_that_comes_late_changes_nothing_either(world: World, method: str) -> None:
    """The request has arrived; before its answer does, everything is erased."""
    original: Callable[..., Any] = getattr(OpenHumansClient, method)
    calls, receipts = [0], list[Receipt]()

    def answer_late(self: Any, *arguments: Any, **options: Any) -> Any:
        answer = original(self, *arguments, **options)
        calls[0] += 1
        if calls[0] == 1:
            receipts.append(erase_as_another_worker(world))
        return answer

    run = world.start()
    with patch.object(OpenHumansClient, method, answer_late):
        while run.is_active and not receipts:
            world.step(run)
    require_nothing_left(world, receipts[0])


def test_bytes_that_arrive_hours_later_belong_to_no_file(world: World) -> None:
    """The worker is gone, its transfer is not: storage takes it, and nobody ever completes it."""
    sent: list[tuple[Any, bytes]] = []

    def lose(_self: Any, upload: Any, stream: Any, size: int, **_options: Any) -> None:
        sent.append((upload, stream.read(size)))
        raise Killed

    run = world.start()
    with patch.object(OpenHumansClient, "put_upload", lose), pytest.raises(Killed):
        world.finish(run)
    receipt = erase_as_another_worker(world)
    [(upload, content)] = sent
    file = world.state.files.by_id(upload.file_id)
    if file is not None:
        path = world.state.files.incoming(file)
        path.write_bytes(content)
        world.state.files.put(file, path, "etag")
    require_nothing_left(world, receipt)
