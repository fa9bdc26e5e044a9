"""One file deleted by its member's click: it goes, stays away, and comes back whole when they say so.

Promises 6 and 12: to whatever comes later it is as if the member had removed it at Open Humans.
"""

import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
import responses
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from openhumans_client import OpenHumansClient
from sync import choices, credentials
from sync.consent import Choice
from sync.leaving import erasing
from sync.models import EraseScope, Receipt, StagedBatch, Subscription, SyncRun, TrackSheet, YearFile
from tests.repositories import Repository, days_ago
from tests.sync.broker import Sent
from tests.sync.factories import make_year_file
from tests.sync.leaving.test_erasing import Killed, dying, step
from tests.sync.page_words import signed_in, words
from tests.sync.tracking.rides import collect_all, ride
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)
DONE, NO_ACCESS, REFUSED = Receipt.Outcome.DONE, Receipt.Outcome.NO_ACCESS, Receipt.Outcome.REFUSED
ACTIVE, PAUSED = Subscription.Status.ACTIVE, Subscription.Status.PAUSED
DAILY = "github-daily.csv"
FILE_KINDS = {
    "github-2026.json",
    "github-private-2026.json",
    "github-profile.json",
    "github-private-profile.json",
    DAILY,
    "github-tracks-2026.geojson",
}


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    """A member with a few years of public files, up to date."""
    trails = Repository.create(tmp_path / "trails", f"{uuid4().hex[:12]}@example.org")
    trails.add([*(days_ago(400 - 30 * n) for n in range(13)), days_ago(0.2)])
    with living(tmp_path, settings, {"trails": trails}) as world:
        world.sync()
        yield world


def newest_year(world: World) -> YearFile:
    file: YearFile = world.subscription.year_files.filter(kind=YearFile.Kind.PUBLIC).latest("year")
    return file


def click(world: World, file: YearFile) -> Receipt:
    """The form on the page that asks; the receipt is where it leads to."""
    location = signed_in(world.member).post(reverse("delete_file", args=[file.pk]))["Location"]
    return Receipt.objects.get(key=location.rstrip("/").rpartition("/")[2])


def work(world: World) -> None:
    """Whatever is active, and what follows from it, to its end."""
    for _ in range(60):
        run = SyncRun.objects.active().filter(subscription=world.subscription).first()
        if run is None:
            world.subscription.refresh_from_db()
            return
        step(run)
    raise AssertionError("It does not come to an end.")


def delete(world: World, file: YearFile) -> Receipt:
    receipt = click(world, file)
    work(world)
    receipt.refresh_from_db()
    file.refresh_from_db()
    return receipt


def require_deleted(world: World, file: YearFile) -> None:
    """At Open Humans and here, and no update changes that."""
    for _ in range(2):
        assert file.name not in world.stored()
        file.refresh_from_db()
        assert file.removed_by_member_at is not None
        assert (file.current_id, file.weeks, file.pending, file.superseded) == (None, {}, None, [])
        assert not StagedBatch.objects.filter(kind=file.kind, year=file.year).exists()
        world.sync()


# --- It goes, and comes back ---


def test_a_file_of_each_kind_is_deleted_for_good_and_brought_back_whole(
    tmp_path: Path, settings: Settings
) -> None:
    settings.ERASURE_LIST = str(tmp_path / "erasures")
    email = f"{uuid4().hex[:12]}@example.org"
    trails, plans = (Repository.create(tmp_path / name, email) for name in ("trails", "secret-plans"))
    trails.add(f"2026-03-{day:02}T12:00:00+00:00" for day in range(1, 9))
    trails.write({"2026/monday.gpx": ride("2026-05-04T06:00:00Z")}, "2026-05-05T12:00:00+00:00")
    plans.add(["2026-03-20T12:00:00+00:00"])
    both = {"trails": trails, "secret-plans": plans}
    with living(tmp_path, settings, both, choice=Choice.PRIVATE, private=("secret-plans",)) as world:
        collect_all(world)
        before = world.checksums()
        assert set(before) >= FILE_KINDS
        files = {file.name: file for file in YearFile.objects.all() if file.name in FILE_KINDS}
        for name, file in files.items():
            kept = world.checksums()
            receipt = delete(world, file)
            assert (receipt.files, receipt.files_deleted, receipt.files_left) == (DONE, 1, 0)
            assert [found["name"] for found in receipt.found] == [name]
            # The table by day tells of each public year, and follows.
            changed = {other for other, known in kept.items() if world.checksums().get(other) != known}
            assert {name} <= changed <= ({name, DAILY} if name == "github-2026.json" else {name})
            assert world.subscription.status == ACTIVE
        assert not TrackSheet.objects.exists()
        lines = Path(settings.ERASURE_LIST).read_text()
        assert lines.count(" removed ") >= len(files)
        assert not any(name in lines for name in files)

        trails.add(["2026-03-09T12:00:00+00:00"], committed=days_ago(0.1))
        world.sync()
        assert not set(world.stored()) & FILE_KINDS
        page = words(signed_in(world.member).get(reverse("dashboard")).content)
        for name, file in files.items():
            file.refresh_from_db()
            assert f"{name} was removed by you on {file.removed_by_member_at:%-d %b %Y}." in page

        for file in files.values():
            choices.bring_back(world.subscription, file)
            work(world)
        after = world.checksums()
        assert set(after) == set(before)
        assert world.oids() == trails.oids() | plans.oids()
        same = ("github-private-2026.json", "github-private-profile.json", "github-tracks-2026.geojson")
        assert {name: after[name] for name in same} == {name: before[name] for name in same}


def test_the_receipt_says_which_file_and_what_a_listing_showed(world: World) -> None:
    file = newest_year(world)
    browser, receipt = signed_in(world.member), click(world, file)
    address = reverse("receipt", args=[receipt.key])
    assert "Deleting a file" in words(browser.get(address).content)
    assert "Deleting a file" in words(browser.get(reverse("dashboard")).content)
    work(world)

    page = words(browser.get(address).content)
    assert f"The file is deleted The file {file.name} Files deleted 1" in page
    assert "did not show it any more" in page
    assert "Ask once more" not in page
    history = words(browser.get(reverse("dashboard")).content)
    assert f"You asked to delete the file {file.name} : done" in history


# --- What is under way when it is asked for ---


def test_a_worker_killed_at_any_point_leaves_something_to_go_on_with(world: World) -> None:
    """Before each of its steps, and between the deletion at Open Humans and our mark."""
    file, hold, delete_there = newest_year(world), SyncRun.hold, OpenHumansClient.delete_file
    run, kills, killed_after_deletion = click(world, file).run, 0, False
    assert run is not None
    was_deleted = [False]

    def delete_and_tell(client: OpenHumansClient, file_id: int) -> bool:
        was_deleted[0] = True
        return delete_there(client, file_id)

    with patch.object(OpenHumansClient, "delete_file", delete_and_tell):
        while SyncRun.objects.active().filter(pk=run.pk).exists():
            with patch.object(SyncRun, "hold", dying(hold, after=kills)):
                try:
                    step(run)
                except Killed:
                    kills += 1
                    file.refresh_from_db()
                    killed_after_deletion |= was_deleted[0] and file.removed_by_member_at is None
                    SyncRun.objects.filter(pk=run.pk).update(lease_until=timezone.now())
    work(world)

    receipt = Receipt.objects.get(run=run)
    assert kills >= 4
    assert killed_after_deletion
    assert (receipt.files, receipt.files_deleted, receipt.is_finished) == (DONE, 1, True)
    require_deleted(world, file)


@pytest.mark.parametrize("is_answered_first", [False, True])
def test_an_update_that_hangs_in_the_upload_of_that_file_does_not_bring_it_back(
    world: World, *, is_answered_first: bool
) -> None:
    """Its worker wakes up when its lease has run out and the file is deleted."""
    file = newest_year(world)
    for method in ("start_upload", "put_upload", "complete_upload"):
        world.repository.add([days_ago(0.01)])
        busy = world.start()
        with patch.object(OpenHumansClient, method, deleting(world, file, method, first=is_answered_first)):
            while busy.is_active:
                world.step(busy)
        assert busy.state == SyncRun.State.CANCELLED
        require_deleted(world, file)
        choices.bring_back(world.subscription, file)
        work(world)
        assert world.oids() == world.repository.oids()


def deleting(world: World, file: YearFile, method: str, *, first: bool) -> Callable[..., Any]:
    """A request that hangs for so long that its file is deleted, before it or before its answer."""
    original: Callable[..., Any] = getattr(OpenHumansClient, method)

    def hang(self: OpenHumansClient, *arguments: Any, **options: Any) -> Any:
        is_mine = world.subscription.active_run is not None and not world.subscription.active_run.is_deleting
        answer = original(self, *arguments, **options) if first else None
        if is_mine:
            receipt = click(world, file)
            assert receipt.run is not None
            SyncRun.objects.exclude(pk=receipt.run.pk).update(lease_until=timezone.now())
            work(world)
            assert file.name not in world.stored()
        return answer if first else original(self, *arguments, **options)

    return hang


def test_what_was_pending_and_staged_for_that_file_goes_with_it(world: World) -> None:
    """An upload whose bytes have arrived would be finished by the next update."""
    file = newest_year(world)
    client = credentials.openhumans_client(world.member)
    metadata = {"description": "x", "tags": [], "github_id": world.subscription.github_id}
    upload = client.start_upload(file.name, metadata)
    client.put_upload(upload, io.BytesIO(b"{}"), 2)
    pending = {"file_id": upload.file_id, "size": 2, "batches": []}
    YearFile.objects.filter(pk=file.pk).update(pending=pending, to_clean=1)
    StagedBatch.objects.create(
        subscription=world.subscription, kind=file.kind, year=file.year, encrypted_content=b"x", weeks=[]
    )
    receipt = delete(world, file)

    assert (receipt.files, receipt.files_deleted) == (DONE, 2)
    require_deleted(world, file)


def test_what_an_update_had_in_hand_of_other_files_is_collected_afterwards(world: World) -> None:
    world.repository.add([days_ago(0.01)])
    busy, file = world.start(), world.subscription.year_files.filter(kind="public").earliest("year")
    Subscription.objects.update(next_due_at=timezone.now() + timedelta(days=4))
    receipt = delete(world, file)
    busy.refresh_from_db()

    assert (busy.state, receipt.files) == (SyncRun.State.CANCELLED, DONE)
    assert Subscription.objects.get().next_due_at <= timezone.now()


# --- Open Humans does not do its part ---


def test_what_open_humans_refuses_is_tried_again_and_not_called_deleted(world: World) -> None:
    file = newest_year(world)
    receipt = click(world, file)
    assert receipt.run is not None
    for status in (403, 404, 500):
        with responses.RequestsMock() as answers:
            answers.add_passthru(world.openhumans.url)
            answers.post(
                f"{world.openhumans.url}/api/direct-sharing/project/files/delete/",
                status=status,
                json={"detail": "no"},
            )
            step(receipt.run)
        receipt.run.refresh_from_db()
        file.refresh_from_db()
        assert (receipt.run.state, file.removed_by_member_at) == (SyncRun.State.WAITING, None)
        assert file.name in world.stored()
        assert not Receipt.objects.get().is_finished
    work(world)
    assert Receipt.objects.get().files == DONE
    require_deleted(world, file)


def test_what_is_still_listed_or_cannot_be_reached_is_said_and_kept_up_to_date(world: World) -> None:
    """The receipt calls nothing deleted that is not, and asking once more is possible."""
    file, browser = newest_year(world), signed_in(world.member)
    with patch("openhumans_client.OpenHumansClient.delete_file", return_value=False):
        refused = delete(world, file)
    assert (refused.files, refused.files_deleted, refused.files_left) == (REFUSED, 0, 1)
    page = words(browser.get(reverse("receipt", args=[refused.key])).content)
    assert "Not everything could be done" in page
    assert "still showed 1 file of ours" in page
    world.repository.add([days_ago(0.01)])
    world.sync()
    assert world.oids() == world.repository.oids()

    world.state.grants.leave(str(world.member.open_humans_id), is_erasure_requested=False)
    unreached = delete(world, file)
    assert (unreached.files, unreached.files_left) == (NO_ACCESS, 1)
    assert "1 file could not be deleted by us" in words(
        browser.get(reverse("receipt", args=[unreached.key])).content
    )
    assert file.removed_by_member_at is None

    world.connect(Choice.PUBLIC)
    assert delete(world, file).files == DONE
    require_deleted(world, file)


# --- Who may, and what comes first ---


def test_a_paused_member_deletes_a_file_and_stays_paused(world: World) -> None:
    choices.pause(world.subscription)
    file = newest_year(world)
    today = days_ago(0.2)[:10].encode()
    assert today in world.stored()[DAILY]
    assert "are kept up to date" not in words(
        signed_in(world.member).get(reverse("delete_file", args=[file.pk])).content
    )
    assert delete(world, file).files == DONE

    assert file.name not in world.stored()
    assert file.removed_by_member_at is not None
    assert today not in world.stored()[DAILY]
    assert Subscription.objects.get().status == PAUSED


def test_the_page_asks_and_only_its_form_deletes(
    subscription: Subscription, stranger: User, client: Client, sent: Sent
) -> None:
    file = make_year_file(subscription, 2025)
    address, visitor = reverse("delete_file", args=[file.pk]), signed_in(subscription.user)
    page = words(visitor.get(address).content)
    assert "Delete this file? github-2025.json" in page
    assert "No sync brings it back." in page
    assert client.post(address)["Location"] == "/"
    assert signed_in(stranger).get(address).status_code == 404
    assert signed_in(stranger).post(address).status_code == 404
    assert signed_in(subscription.user, checks_forms=True).post(address).status_code == 403
    assert not SyncRun.objects.exists()

    visitor.post(address)
    run = SyncRun.objects.get()
    assert (run.erase_scope, run.erase_file) == (EraseScope.FILE, "github-2025.json")
    subscription.refresh_from_db()
    assert subscription.status == ACTIVE

    YearFile.objects.update(current_id=None, removed_by_member_at=timezone.now())
    for again in (visitor.get(address), visitor.post(address)):
        assert again["Location"] == reverse("dashboard")


def test_one_erasing_at_a_time_and_a_greater_one_comes_first(subscription: Subscription, sent: Sent) -> None:
    for year in (2025, 2026):
        make_year_file(subscription, year)
    first = erasing.start(subscription, EraseScope.FILE, file="github-2025.json")
    assert erasing.start(subscription, EraseScope.FILE, file="github-2025.json") == first
    with pytest.raises(erasing.ErasingUnderWay):
        erasing.start(subscription, EraseScope.FILE, file="github-2026.json")
    with pytest.raises(erasing.ErasingUnderWay):
        erasing.start(subscription, EraseScope.PRIVATE)
    with pytest.raises(choices.SyncUnderWay):
        choices.pause(subscription)

    everything = erasing.start(subscription, EraseScope.FILES)
    first.refresh_from_db()
    assert first.state == SyncRun.State.CANCELLED
    assert erasing.start(subscription, EraseScope.FILE, file="github-2026.json") == everything

    # Of somebody who is leaving altogether the file goes with the account.
    account = erasing.start(subscription, EraseScope.ACCOUNT)
    assert erasing.start(subscription, EraseScope.FILE, file="github-2026.json") == account
    assert Receipt.objects.count() == 1
