"""What happens to tracks when files change, move, go and come back."""

import pytest

from sync import choices
from sync.models import StagedBatch, TrackBlob, YearFile
from sync.tracking import answers, zones
from tests.repositories import days_ago
from tests.sync.tracking.rides import (
    HOME,
    collect_all,
    features,
    remove_at_open_humans,
    ride,
    sync,
    timeless,
    tracks_files,
)
from tests.sync.world import World

pytestmark = pytest.mark.django_db(transaction=True)
MONDAY = "2026/monday.gpx"


def fetched(world: World) -> int:
    """How many requests asked for what stands in files."""
    counted: dict[str, int] = world.github.accounting()["by_endpoint"]
    blobs = sum(count for endpoint, count in counted.items() if "/blobs/" in endpoint)
    return blobs + len(world.asked("Files"))


def test_a_changed_file_takes_the_place_of_its_older_version_and_says_so(world: World) -> None:
    collect_all(world)
    (old,) = features(world)
    world.repository.write({MONDAY: ride("2026-05-04T06:00:00Z", points=40)}, days_ago(2))
    sync(world)
    (new,) = features(world)
    assert new["properties"]["points"] == 40
    assert new["properties"]["replaces"] == old["properties"]["blob_oid"]
    assert new["properties"]["path"] == MONDAY


def test_a_change_that_moves_the_track_to_another_year_leaves_nothing_behind(world: World) -> None:
    collect_all(world)
    world.repository.write({MONDAY: ride("2025-05-05T06:00:00Z")}, days_ago(2))
    sync(world)
    assert [feature["properties"]["week"] for feature in features(world)] == ["2025-W19"]
    assert tracks_files(world)["github-tracks-2026.geojson"]["features"] == []


def test_two_changes_between_two_syncs_replace_the_version_that_was_read(world: World) -> None:
    collect_all(world)
    (old,) = features(world)
    world.repository.write({MONDAY: ride("2026-05-04T06:00:00Z", points=40)}, days_ago(3))
    world.repository.write({MONDAY: ride("2026-05-04T06:00:00Z", points=50)}, days_ago(2))
    sync(world)
    (new,) = features(world)
    assert (new["properties"]["points"], new["properties"]["replaces"]) == (50, old["properties"]["blob_oid"])


def test_a_new_version_that_cannot_be_read_does_not_take_the_old_one_away(world: World) -> None:
    collect_all(world)
    (old,) = features(world)
    world.repository.write({MONDAY: b"<gpx"}, days_ago(3))
    sync(world)
    assert features(world) == [old]
    world.repository.write({MONDAY: ride("2026-05-04T06:00:00Z", points=50)}, days_ago(2))
    sync(world)
    (new,) = features(world)
    assert new["properties"]["replaces"] == old["properties"]["blob_oid"]


def test_a_file_that_goes_back_to_an_older_version_has_that_one_again(world: World) -> None:
    collect_all(world)
    (first,) = features(world)
    world.repository.write({MONDAY: ride("2026-05-04T06:00:00Z", points=40)}, days_ago(3))
    sync(world)
    (second,) = features(world)
    world.repository.write({MONDAY: ride("2026-05-04T06:00:00Z")}, days_ago(2))
    sync(world)
    (third,) = features(world)
    assert third["geometry"] == first["geometry"]
    assert third["properties"]["replaces"] == second["properties"]["blob_oid"]


def test_a_file_that_changed_before_a_zone_is_taken_away_replaces_what_the_zone_had_cut(world: World) -> None:
    collect_all(world)
    answers.add_zone(world.subscription, zones.make("Home", *HOME, 400))
    sync(world)
    (cut,) = features(world)
    world.repository.write({MONDAY: ride("2026-05-04T06:00:00Z", points=40)}, days_ago(1))
    (zone,) = zones.load(world.subscription).named
    answers.remove_zone(world.subscription, zone.key)
    sync(world)
    (new,) = features(world)
    assert new["properties"]["points"] == 40
    assert new["properties"]["replaces"] == cut["properties"]["blob_oid"]


def test_a_file_that_changed_before_its_year_is_brought_back_is_one_track_in_it(world: World) -> None:
    """It stands in two years: in the one that is still there, the older version must go as well."""
    world.repository.write({MONDAY: two_years()}, days_ago(9))
    collect_all(world)
    assert {feature["properties"]["week"] for feature in features(world)} == {"2025-W19", "2026-W19"}
    remove_at_open_humans(world, "github-tracks-2026.geojson")
    world.repository.write({"2026/new.gpx": ride("2026-05-07T06:00:00Z")}, days_ago(2))
    sync(world)
    world.repository.write({MONDAY: two_years(points=40)}, days_ago(1))
    choices.bring_back(world.subscription, YearFile.objects.get(kind=YearFile.Kind.TRACKS, year=2026))
    sync(world)
    held = sorted(
        (feature["properties"]["week"], feature["properties"]["points"]) for feature in features(world)
    )
    assert held == [("2025-W19", 40), ("2026-W19", 30), ("2026-W19", 40)]


def two_years(points: int = 30) -> bytes:
    """A file with a ride in 2025 and another one in 2026."""
    first, second = ride("2025-05-05T06:00:00Z", points), ride("2026-05-04T06:00:00Z", points)
    return first.replace(b"</gpx>", second[second.index(b"<trk>") :])


def test_a_moved_file_is_the_same_track_and_is_not_fetched_again(world: World) -> None:
    collect_all(world)
    (old,) = features(world)
    before = fetched(world)
    world.repository.write(
        {MONDAY: None, "2026/may/monday ride.gpx": ride("2026-05-04T06:00:00Z")}, days_ago(2)
    )
    sync(world)
    (new,) = features(world)
    assert fetched(world) == before
    assert new["id"] == old["id"]
    assert new["properties"] == {**old["properties"], "path": "2026/may/monday ride.gpx"}
    assert new["geometry"] == old["geometry"]


def test_a_copy_is_one_track(world: World) -> None:
    collect_all(world)
    before = fetched(world)
    world.repository.write({"2026/copy.gpx": ride("2026-05-04T06:00:00Z")}, days_ago(2))
    sync(world)
    assert len(features(world)) == 1
    assert fetched(world) == before


def test_a_copy_that_is_changed_does_not_replace_its_original(world: World) -> None:
    world.repository.write({"2026/copy.gpx": ride("2026-05-04T06:00:00Z")}, days_ago(5))
    collect_all(world)
    world.repository.write({"2026/copy.gpx": ride("2026-05-06T06:00:00Z")}, days_ago(2))
    sync(world)
    assert len(features(world)) == 2
    assert {feature["properties"]["replaces"] for feature in features(world)} == {None}


def test_a_deleted_file_keeps_its_track(world: World) -> None:
    collect_all(world)
    before = world.checksums()
    world.repository.write({MONDAY: None}, days_ago(2))
    sync(world)
    name = "github-tracks-2026.geojson"
    assert world.checksums()[name] == before[name]


def test_a_deleted_file_that_comes_back_changes_nothing(world: World) -> None:
    collect_all(world)
    before, asked = tracks_files(world), fetched(world)
    world.repository.write({MONDAY: None}, days_ago(3))
    sync(world)
    world.repository.write({MONDAY: ride("2026-05-04T06:00:00Z")}, days_ago(2))
    sync(world)
    assert tracks_files(world) == before
    assert fetched(world) == asked


def test_a_track_without_times_has_the_week_of_the_commit_that_last_changed_it(world: World) -> None:
    world.repository.write({"2026/quiet.gpx": timeless()}, "2026-03-04T23:30:00-05:00")
    world.repository.add([days_ago(3)])
    collect_all(world)
    quiet = next(f["properties"] for f in features(world) if f["properties"]["path"] == "2026/quiet.gpx")
    assert (quiet["started_at"], quiet["week"]) == (None, "2026-W10")
    assert quiet["committed_at"] == "2026-03-05T04:30:00Z"


def test_running_again_changes_no_byte(world: World) -> None:
    collect_all(world)
    before = world.checksums()
    TrackBlob.objects.all().delete()  # as if nothing had ever been read
    sync(world)
    assert world.checksums() == before
    assert not StagedBatch.objects.exists()
