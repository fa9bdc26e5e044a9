"""Open Humans failing at each step of the upload protocol, slow, or losing its answer; and our own disk."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from django.utils import timezone
from pytest_django import Settings

from openhumans_client import OpenHumansClient
from sync import archive, choices, credentials, removing
from sync.archive import ArchiveError
from sync.leaving import erasing
from sync.models import EraseScope, RepositoryState, Subscription, SyncRun, YearFile
from sync.pages.status import Action, status_of
from tests.faults.crowd import crowd
from tests.faults.summary import IS_LONG, say
from tests.faults.wire import Wire, made_answer
from tests.repositories import Repository
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)

FAULTS: dict[str, Any] = {
    "fail_list": True,
    "fail_start": True,
    "fail_put": True,
    "fail_complete": True,
    "lose_complete_answer": True,
    "fail_delete": True,
    "fail_download": True,
    "truncate_download": True,
    "truncate_body": "hang_up",
    "html_500": True,
}
COMPLETE = "/api/direct-sharing/project/files/upload/complete/"
THIS_YEAR = f"github-{datetime.now(UTC).isocalendar().year}.json"


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    """A member whose files are there, and a commit that asks for one of them to be replaced."""
    repository = Repository.create(tmp_path / "steps", f"{uuid4().hex[:12]}@example.org")
    now = datetime.now(UTC).replace(microsecond=0)
    repository.add((now - timedelta(days=400 - 30 * n)).isoformat() for n in range(13))
    with living(tmp_path, settings, {"steps": repository}) as world:
        world.sync()
        commit(world)
        yield world


def commit(world: World) -> None:
    world.repository.add([datetime.now(UTC).replace(microsecond=0).isoformat()])


def require_all_is_well(world: World) -> None:
    """One whole file per name, nothing pending, nothing left to delete, every commit there."""
    assert world.oids() == world.repository.oids()
    assert not YearFile.objects.exclude(pending=None).exists()
    assert not YearFile.objects.exclude(superseded=[]).exists()
    stored = world.stored()
    for year_file in YearFile.objects.exclude(current_id=None):
        assert len(stored[year_file.name]) == year_file.size


@pytest.mark.parametrize("times", [1, 3] if IS_LONG else [2])
def test_at_every_instant_there_is_one_whole_copy_of_each_file(world: World, wire: Wire, times: int) -> None:
    """Promise 4, with Open Humans failing at each step: nothing is deleted before its successor is there."""
    names = set(world.stored())
    files, person = world.state.files, str(world.member.open_humans_id)

    def watch(_call: str) -> None:
        complete = [file for file in files.of_member(person) if file.basename.endswith(".json")]
        whole = {
            file.basename for file in complete if json.loads((files.content(file) or Path()).read_bytes())
        }
        assert {name for name in names if name.endswith(".json")} <= whole

    wire.watch = watch
    for fault, value in FAULTS.items():
        say(fault)
        commit(world)
        world.openhumans.fault(**{fault: {"times": times, "value": value}})
        run = world.sync()
        world.openhumans.fault(**{fault: False})
        assert run.state == SyncRun.State.SUCCEEDED
        assert run.waits, "it was met"
        require_all_is_well(world)


def test_a_size_that_differs_is_not_confirmed(world: World, wire: Wire) -> None:
    """Promise 3: completed is not enough, the sizes must be equal. The old file stays, the new one goes."""
    before = YearFile.objects.get(year=int(THIS_YEAR[7:11]), kind="public")

    def shorter(response: requests.Response) -> requests.Response:
        answer = {**response.json(), "size": 17}
        return made_answer(response, 200, json.dumps(answer).encode(), "application/json")

    def watch(call: str) -> None:
        if call.endswith(COMPLETE) and not wire.hits:
            wire.arm_now(shorter)

    wire.watch = watch
    run = world.start()
    world.step(run)
    assert (run.state, run.error_code) == (SyncRun.State.FAILED, "archive_upload_refused")
    after = YearFile.objects.get(pk=before.pk)
    assert (after.current_id, after.weeks) == (before.current_id, before.weeks)
    assert world.sync().state == SyncRun.State.SUCCEEDED
    require_all_is_well(world)


@pytest.mark.parametrize("hours", [0, 7])
def test_an_unfinished_upload_is_finished_or_forgotten_however_late(world: World, hours: int) -> None:
    """Its address is good for six hours; what was put may be completed even after that."""
    for fault in ("fail_put", "fail_complete", "lose_complete_answer"):
        say(fault)
        commit(world)
        leave_an_upload_unfinished(world, fault, hours)


def leave_an_upload_unfinished(world: World, fault: str, hours: int) -> None:
    world.openhumans.fault(**{fault: {"times": 1}})
    run = world.start()
    assert world.step(run) is not None
    assert YearFile.objects.exclude(pending=None).exists()
    world.state.advance(hours * 3600)
    uploads = world.openhumans.accounting()["by_endpoint"].get("PUT /storage/<path:name>", 0)
    world.pass_wait(run)
    world.finish(run)
    assert run.state == SyncRun.State.SUCCEEDED
    require_all_is_well(world)
    if fault != "fail_put":
        again = world.openhumans.accounting()["by_endpoint"]["PUT /storage/<path:name>"]
        documents = YearFile.objects.filter(kind__in=YearFile.DOCUMENTS).count()
        assert again - uploads <= documents, "the bytes were there and were sent again"


def test_an_open_humans_too_slow_to_answer_is_waited_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    impatient = partial(OpenHumansClient, timeout=(1, 0.2), deadline=0.4)
    monkeypatch.setattr(credentials, "OpenHumansClient", impatient)
    world.openhumans.fault(slow_seconds=0.5)
    run = world.start()
    for _ in range(3):
        assert world.step(run) is not None
        assert run.wait_reason == SyncRun.WaitReason.OPENHUMANS_UNAVAILABLE
        world.pass_wait(run)
    world.openhumans.fault(slow_seconds=False)
    world.finish(run)
    assert run.state == SyncRun.State.SUCCEEDED
    require_all_is_well(world)


def test_too_many_requests_is_no_failure(world: World, wire: Wire) -> None:
    """Open Humans itself has no limits; what stands before it may."""

    def refuse(response: requests.Response) -> requests.Response:
        return made_answer(response, 429, b"slow down", "text/plain")

    wire.watch = lambda call: None if wire.hits or "direct-sharing" not in call else wire.arm_now(refuse)
    run = world.start()
    assert world.step(run) is not None
    assert (run.state, run.wait_reason) == (
        SyncRun.State.WAITING,
        SyncRun.WaitReason.OPENHUMANS_UNAVAILABLE,
    )
    world.pass_wait(run)
    world.finish(run)
    require_all_is_well(world)


# --- Ourselves ------------------------------------------------------------------------------------------


def test_a_full_disk_is_nobodys_failure_and_the_old_file_stays(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = world.checksums()

    def full(*_arguments: object, **_options: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(archive, "write_year", full)
        run = world.start()
        assert world.step(run) is not None
    assert (run.state, run.wait_reason) == (SyncRun.State.WAITING, SyncRun.WaitReason.SITE)
    assert world.subscription.failures == 0
    assert world.checksums() == before
    world.pass_wait(run)
    world.finish(run)
    require_all_is_well(world)


def test_a_week_that_would_not_be_valid_is_not_published(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = world.checksums()

    def invalid(_year: int, week: str, _content: object) -> None:
        raise ArchiveError("The week would not be valid at commits/0.", week)

    with monkeypatch.context() as patched:
        patched.setattr(archive, "check_week", invalid)
        run = world.sync()
    assert (run.state, run.error_code) == (SyncRun.State.FAILED, "archive_archive_error")
    assert world.checksums() == before
    assert world.sync().state == SyncRun.State.SUCCEEDED
    require_all_is_well(world)


def test_a_damaged_file_is_named_and_its_member_has_it_collected_anew(world: World) -> None:
    """Promise 10: the fifth failure pauses with a reason, and the way out is a way."""
    world.sync()
    commit(world)
    damage(world, THIS_YEAR)
    for _ in range(5):
        run = world.sync()
        assert (run.state, run.error_code) == (SyncRun.State.FAILED, "archive_damaged_file")
    status = status_of(world.subscription, run, timezone.now(), run.error_code)
    assert f"{THIS_YEAR} at Open Humans is damaged" in status.text
    assert status.action == Action.TRY_AGAIN

    delete_here(world, THIS_YEAR)
    choices.bring_back(world.subscription, YearFile.objects.get(kind="public", year=int(THIS_YEAR[7:11])))
    choices.resume(world.subscription)
    again = world.subscription.active_run
    assert again is not None
    world.finish(again)
    assert again.state == SyncRun.State.SUCCEEDED
    require_all_is_well(world)


def test_a_damaged_file_keeps_no_other_one_from_being_cleaned(world: World) -> None:
    """Promise 12: what the member took out leaves all the others, and they learn which one it stays in."""
    world.sync()
    damage(world, THIS_YEAR)
    repository = RepositoryState.objects.get()
    run = removing.remove_repository(world.subscription, [repository.node_id], [repository.name])
    while world.step(run) is None:
        assert run.is_active
    assert [file.name for file in YearFile.objects.filter(to_clean__gt=0)] == [THIS_YEAR]
    status = status_of(world.subscription, run, timezone.now())
    assert (status.headline, run.error_code) == ("One of your files is damaged", "archive_damaged_file")
    assert THIS_YEAR in status.text

    delete_here(world, THIS_YEAR)
    assert not YearFile.objects.filter(to_clean__gt=0).exists()
    assert world.oids() == set()


def delete_here(world: World, name: str) -> None:
    """And whatever follows from it."""
    erasing.start(world.subscription, EraseScope.FILE, file=name)
    for _ in range(50):
        run = world.subscription.active_run
        if run is None:
            return
        world.step(run)
    raise AssertionError("It does not come to an end.")


def damage(world: World, name: str) -> None:
    """The bytes at Open Humans are no longer whole, though as many were promised and sent."""
    for file in world.state.files.of_member(str(world.member.open_humans_id)):
        path = world.state.files.content(file)
        if file.basename == name and path is not None:
            content = path.read_bytes()
            path.write_bytes(content.replace(b'": {', b'": [', 2))


def test_a_failure_that_many_meet_pauses_none_of_them(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """A mistake of ours, deployed to all: promise 10 counts only what is the member's own."""
    Subscription.objects.update(failures=4)
    failed = {"trigger": "stale", "state": "failed", "error_code": "internal_error"}
    for other in crowd(5, timezone.now() + timedelta(days=1)):
        SyncRun.objects.create(subscription=other, finished_at=timezone.now(), **failed)

    def mistake(*_arguments: object, **_options: object) -> None:
        raise ZeroDivisionError

    with monkeypatch.context() as patched:
        patched.setattr(archive, "write_year", mistake)
        run = world.sync()
    assert run.error_code == "internal_error"
    assert world.subscription.failures == 5
    assert world.subscription.status == Subscription.Status.ACTIVE
    assert world.sync().state == SyncRun.State.SUCCEEDED
    require_all_is_well(world)
