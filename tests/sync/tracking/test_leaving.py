"""Tracks files are the member's: removed ones stay removed, erasing takes everything; nothing is lost."""

from typing import Any

import pytest

from sync import choices
from sync.consent import Choice
from sync.leaving import erasing
from sync.models import (
    EraseScope,
    StagedBatch,
    Subscription,
    SyncRun,
    TrackBlob,
    TrackFolder,
    TrackPlace,
    TrackSettings,
    TrackSheet,
    YearFile,
)
from sync.tracking import answers, zones
from tests.repositories import Repository, days_ago
from tests.sync.tracking.conftest import Live
from tests.sync.tracking.rides import collect_all, features, remove_at_open_humans, ride, sync, tracks_files
from tests.sync.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def erase(world: World, scope: EraseScope) -> SyncRun:
    run = erasing.start(world.subscription, scope)
    return world.finish(run)


def test_a_file_that_the_member_removed_is_not_written_again(world: World) -> None:
    collect_all(world)
    remove_at_open_humans(world, "github-tracks-2026.geojson")
    world.repository.write({"2026/new.gpx": ride("2026-05-06T06:00:00Z")}, days_ago(1))
    sync(world)
    assert tracks_files(world) == {}
    year_file = YearFile.objects.get(kind=YearFile.Kind.TRACKS)
    assert year_file.removed_by_member_at is not None
    assert not TrackSheet.objects.exists()
    assert not StagedBatch.objects.exists()


def test_a_removed_file_comes_back_whole_when_the_member_says_so(world: World) -> None:
    collect_all(world)
    before = tracks_files(world)
    remove_at_open_humans(world, "github-tracks-2026.geojson")
    world.repository.write({"2026/new.gpx": ride("2026-05-06T06:00:00Z")}, days_ago(1))
    sync(world)
    year_file = YearFile.objects.get(kind=YearFile.Kind.TRACKS)
    choices.bring_back(world.subscription, year_file)
    sync(world)
    (held,) = before["github-tracks-2026.geojson"]["features"]
    assert held in features(world)
    assert len(features(world)) == 2


def test_a_new_zone_does_not_bring_a_removed_file_back(world: World) -> None:
    collect_all(world)
    remove_at_open_humans(world, "github-tracks-2026.geojson")
    answers.add_zone(world.subscription, zones.make("Home", 1.5, 2.5, 300))
    sync(world)
    assert tracks_files(world) == {}
    assert TrackSettings.objects.get().confirmed_version == 1


def test_deleting_the_files_takes_everything_about_tracks(world: World) -> None:
    answers.add_zone(world.subscription, zones.make("Home", 1.5, 2.5, 300))
    collect_all(world)
    run = erase(world, EraseScope.FILES)
    assert run.state == SyncRun.State.SUCCEEDED
    assert world.stored() == {}
    assert "github-tracks-2026.geojson" in {file["name"] for file in run.receipt.found}
    for model in (TrackSettings, TrackFolder, TrackPlace, TrackBlob, TrackSheet, YearFile):
        assert not model.objects.exists()


def test_deleting_the_account_takes_everything_about_tracks(world: World) -> None:
    answers.add_zone(world.subscription, zones.make("Home", 1.5, 2.5, 300))
    collect_all(world)
    run = erasing.start(world.subscription, EraseScope.ACCOUNT)
    while SyncRun.objects.filter(pk=run.pk).exists():
        run.refresh_from_db()
        from sync.actors import sync_step

        sync_step.fn(run.pk, run.step)
    for model in (Subscription, TrackSettings, TrackFolder, TrackPlace, TrackBlob, TrackSheet):
        assert not model.objects.exists()


def test_leaving_private_repositories_out_deletes_their_tracks_and_keeps_the_others(
    live: Live, rides: Repository, tmp_path_factory: pytest.TempPathFactory, email: str
) -> None:
    secret = Repository.create(tmp_path_factory.mktemp("private") / "secret", email)
    secret.write({"home.gpx": ride("2026-05-07T06:00:00Z"), "broken.gpx": b"<gpx"}, days_ago(30))
    with live(rides, secret, choice=Choice.PRIVATE, private=("secret",)) as world:
        collect_all(world)
        assert "github-private-tracks-2026.geojson" in world.stored()
        run = choices.leave_out_private(world.subscription)
        world.finish(run)
        assert set(tracks_files(world)) == {"github-tracks-2026.geojson"}
        assert {blob.path for blob in TrackBlob.objects.all()} == {"2026/monday.gpx"}
        assert not TrackPlace.objects.exclude(path="2026/monday.gpx").exists()
        world.subscription.refresh_from_db()
        sync(world)
        assert set(tracks_files(world)) == {"github-tracks-2026.geojson"}


# --- Interrupted ---


class Killed(BaseException):
    """As if the process were gone."""


@pytest.mark.parametrize("call", ["start_upload", "put_upload", "complete_upload", "delete_file"])
@pytest.mark.parametrize("is_done", [False, True])
def test_a_worker_that_dies_while_publishing_leaves_one_whole_file(
    world: World, monkeypatch: pytest.MonkeyPatch, call: str, *, is_done: bool
) -> None:
    """Before a call to Open Humans or right after it; the next step ends as an undisturbed one."""
    from openhumans_client import OpenHumansClient

    collect_all(world)
    world.repository.write({"2026/monday.gpx": ride("2026-05-04T06:00:00Z", points=40)}, days_ago(1))
    original = getattr(OpenHumansClient, call)

    def die(client: Any, *arguments: Any, **named: Any) -> Any:
        if is_done:
            original(client, *arguments, **named)
        raise Killed

    run = world.start()
    monkeypatch.setattr(OpenHumansClient, call, die)
    with pytest.raises(Killed):
        world.step(run)
    monkeypatch.undo()
    SyncRun.objects.filter(pk=run.pk).update(lease_until=None)
    world.finish(run)
    sync(world)
    (feature,) = features(world)
    assert feature["properties"]["points"] == 40
    year_file = YearFile.objects.get(kind=YearFile.Kind.TRACKS)
    assert (year_file.superseded, year_file.pending) == ([], None)
    assert TrackSheet.objects.get().encrypted_pending is None


def test_a_limit_in_the_middle_changes_no_byte(world: World) -> None:
    world.repository.write(
        {f"2026/{n}.gpx": ride(f"2026-06-{n:02}T06:00:00Z") for n in range(1, 9)}, days_ago(9)
    )
    collect_all(world)
    undisturbed = tracks_files(world)
    TrackBlob.objects.all().delete()
    TrackPlace.objects.all().update(is_wanted=True)
    world.repository.add([days_ago(1)])
    run = world.start()
    world.github.fault(
        refuse_after_requests={"after": 0, "for_seconds": 60, "form": "primary_403", "resource": "rest"}
    )
    world.finish(run)
    assert run.waits >= 1
    assert tracks_files(world) == undisturbed
    assert world.github.accounting()["refused_while_blocked"] == 0
