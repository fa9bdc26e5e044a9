"""What a member deletes stays deleted: thirty days of scans beside new activity, then a comparison."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from sync import choices
from sync.leaving import erasing
from sync.models import EraseScope, Subscription, SyncRun, YearFile
from tests.faults.simulation import Clockwork, clockwork
from tests.repositories import Repository
from tests.sync.broker import Sent
from tests.sync.page_words import signed_in, words
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)

START = datetime(2026, 5, 6, 12, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
YEARS = (2024, 2025, 2026)


@pytest.fixture
def live(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[World, Clockwork]]:
    """A member with three years of files, up to date, and a clock set by hand."""
    repository = Repository.create(tmp_path / "trails", f"{uuid4().hex[:12]}@example.org")
    repository.add((START - timedelta(days=15 * n)).isoformat() for n in range(45, 0, -1))
    with living(tmp_path, settings, {"trails": repository}) as world, clockwork(monkeypatch, START) as works:
        Subscription.objects.update(next_due_at=START)
        works.tick(HOUR)
        assert {f"github-{year}.json" for year in YEARS} <= set(world.stored())
        yield world, works


def delete_at_openhumans(world: World, *names: str) -> None:
    """The member's own click there; without names, on all of them."""
    for file in world.state.files.of_member(str(world.member.open_humans_id)):
        if not names or file.basename in names:
            world.state.files.delete(file)


def thirty_days(world: World, works: Clockwork) -> set[str]:
    """New commits every five days, in this year and late ones in the last; give the names of all uploads."""
    uploaded: set[str] = set()

    def watch() -> None:
        uploaded.update(world.stored())

    for _ in range(6):
        now, late = (
            moment.isoformat("T", "seconds") for moment in (timezone.now(), timezone.now() - 200 * DAY)
        )
        world.repository.add([now])
        world.repository.add([late], committed=now)
        works.run_for(5 * DAY, DAY, watch)
    return uploaded


def uploads_begun(world: World) -> int:
    asked = world.openhumans.accounting()["by_endpoint"]
    return sum(count for endpoint, count in asked.items() if "upload/direct" in endpoint)


def compare(world: World) -> str:
    out = io.StringIO()
    whom = ("--member", str(world.member.open_humans_id))
    call_command("reconcile", *whom, "--reason", "a test", stdout=out)
    return out.getvalue()


# --- Deleted there ---


def test_one_year_deleted_at_open_humans_stays_deleted(live: tuple[World, Clockwork]) -> None:
    """Promise 6: only the member deletes, and no background run brings it back."""
    world, works = live
    delete_at_openhumans(world, "github-2025.json")
    uploaded = thirty_days(world, works)
    report = compare(world)

    assert "github-2025.json" not in uploaded
    assert "right" in report
    assert set(world.years()) == {"github-2024.json", "github-2026.json"}
    removed = world.subscription.year_files.get(year=2025)
    assert removed.removed_by_member_at is not None
    assert removed.removed_by_member_at < START + 8 * DAY
    # What is done in other years goes on.
    this_year = {oid for oid in world.oids() if oid in world.repository.oids()}
    assert len(this_year) > 12


def test_all_files_deleted_at_open_humans_stay_deleted(live: tuple[World, Clockwork]) -> None:
    """Promise 6, for all years and all other files at once."""
    world, works = live
    delete_at_openhumans(world)
    world.openhumans.reset()
    uploaded = thirty_days(world, works)
    compare(world)

    assert uploaded == set()
    assert world.stored() == {}
    assert uploads_begun(world) == 0
    rows = world.subscription.year_files.all()
    assert all(row.removed_by_member_at for row in rows)
    assert SyncRun.objects.filter(state=SyncRun.State.FAILED).count() == 0


def test_what_was_removed_is_no_reason_to_read_or_list_again_and_again(
    live: tuple[World, Clockwork],
) -> None:
    """No endless re-reading: a run without news is one request, weekly three, for releases and reviews."""
    world, works = live
    delete_at_openhumans(world, "github-2025.json", "github-2026.json")
    works.run_for(16 * DAY, DAY)
    runs = SyncRun.objects.filter(state=SyncRun.State.SUCCEEDED).order_by("-created_at")
    assert max(run.requests for run in runs[:3]) <= 3
    assert min(run.requests for run in runs[:3]) == 1
    world.openhumans.reset()
    Subscription.objects.update(next_due_at=START, reconciled_at=timezone.now())
    works.tick(HOUR)
    assert world.openhumans.total == 0


# --- Deleted here ---


def test_files_deleted_here_stay_deleted_and_nothing_is_asked(live: tuple[World, Clockwork]) -> None:
    """Promise 12: deleting the files pauses, and a paused member costs no request, nor a comparison."""
    world, works = live
    erasing.start(world.subscription, EraseScope.FILES)
    works.work()
    assert world.stored() == {}
    world.openhumans.reset()
    world.github.reset()
    assert thirty_days(world, works) == set()

    assert (world.openhumans.total, world.github.total) == (0, 0)
    assert Subscription.objects.get().status == Subscription.Status.PAUSED
    with pytest.raises(CommandError, match="not active"):
        compare(world)
    call_command("reconcile", "--all", "--reason", "a test", stdout=io.StringIO())
    works.work()
    assert world.stored() == {}


def delete_here(world: World, works: Clockwork, file: YearFile) -> None:
    signed_in(world.member).post(reverse("delete_file", args=[file.pk]))
    works.work()


def test_one_year_deleted_here_stays_deleted_and_once_left_out_is_not_asked_about(
    live: tuple[World, Clockwork],
) -> None:
    """Promise 6: what the member deletes here is as if deleted at Open Humans."""
    world, works = live
    file, browser = world.subscription.year_files.get(year=2025), signed_in(world.member)
    delete_here(world, works, file)
    assert "github-2025.json was removed by you on 6 May 2026." in words(
        browser.get(reverse("dashboard")).content
    )
    browser.post(reverse("leave_out", args=[file.pk]))
    uploaded = thirty_days(world, works)
    report = compare(world)

    assert "github-2025.json" not in uploaded
    assert "right" in report
    assert set(world.years()) == {"github-2024.json", "github-2026.json"}
    assert "github-2025.json" not in words(browser.get(reverse("dashboard")).content)
    world.subscription.refresh_from_db()
    assert choices.left_out_files(world.subscription) == ["github-2025.json"]
    # What is done in other years goes on.
    assert len({oid for oid in world.oids() if oid in world.repository.oids()}) > 12


def test_all_files_deleted_here_one_by_one_stay_deleted(live: tuple[World, Clockwork]) -> None:
    """Promise 6, for all years and all other files; nothing is paused by it."""
    world, works = live
    for file in world.subscription.year_files.exclude(current_id=None):
        delete_here(world, works, file)
    world.openhumans.reset()
    uploaded = thirty_days(world, works)
    compare(world)

    assert uploaded == set()
    assert world.stored() == {}
    assert uploads_begun(world) == 0
    assert Subscription.objects.get().status == Subscription.Status.ACTIVE
    assert not SyncRun.objects.filter(state=SyncRun.State.FAILED).exists()


class Interrupted(Exception):
    """Something fails after the pause was written."""


def test_deleting_files_pauses_in_the_same_transaction(subscription: Subscription, sent: Sent) -> None:
    """Whoever could see the erasing could see the pause; where it cannot be queued, neither is there."""
    erasing.start(subscription, EraseScope.FILES)
    subscription.refresh_from_db()
    assert subscription.status == Subscription.Status.PAUSED

    SyncRun.objects.all().delete()
    Subscription.objects.update(status=Subscription.Status.ACTIVE)
    with (
        patch("sync.leaving.erasing.Receipt.objects.create", side_effect=Interrupted),
        pytest.raises(Interrupted),
    ):
        erasing.start(subscription, EraseScope.FILES)
    assert Subscription.objects.get().status == Subscription.Status.ACTIVE
    assert not SyncRun.objects.exists()


# --- The member is asked ---


def removed_year(live: tuple[World, Clockwork]) -> YearFile:
    world, works = live
    delete_at_openhumans(world, "github-2025.json")
    works.run_for(8 * DAY, DAY)
    world.subscription.refresh_from_db()
    return world.subscription.year_files.get(year=2025)


def test_the_dashboard_says_when_it_was_removed_and_asks_both_ways(live: tuple[World, Clockwork]) -> None:
    world, _ = live
    file = removed_year(live)
    response = signed_in(world.member).get(reverse("dashboard"))

    assert "github-2025.json was removed by you on " in words(response.content)
    for name in ("bring_back", "leave_out"):
        assert reverse(name, args=[file.pk]) in response.content.decode()


def test_a_year_that_is_brought_back_is_as_it_was_and_others_are_not_touched(
    live: tuple[World, Clockwork],
) -> None:
    world, works = live
    before = world.checksums()
    file = removed_year(live)
    world.openhumans.reset()
    signed_in(world.member).post(reverse("bring_back", args=[file.pk]))
    works.work()

    after = world.checksums()
    assert after["github-2025.json"] == before["github-2025.json"]
    assert {name for name in after if after[name] != before.get(name)} <= {"github-2026.json"}
    assert words(signed_in(world.member).get(reverse("dashboard")).content).count("removed from") == 0
