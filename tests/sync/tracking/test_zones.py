"""Privacy zones from the form to the files: what lies in one is in no file, page, log or temporary file."""

import io
import logging
import re
import tempfile
from typing import Any, ClassVar

import pytest
from django.test import Client
from django.urls import reverse
from geographiclib.geodesic import Geodesic

from sync.models import StagedBatch, TrackBlob, TrackSettings, TrackSheet, YearFile
from sync.tracking import answers, zones
from sync.tracks.zones import cut_of
from tests.repositories import days_ago
from tests.sync.tracking.rides import HOME, collect_all, features, look, ride, sync, tick_all, tracks_files
from tests.sync.world import World

pytestmark = pytest.mark.django_db(transaction=True)
RADIUS = 400.0


def hide(world: World, place: tuple[float, float] = HOME, radius: float = RADIUS) -> None:
    answers.add_zone(world.subscription, zones.make("Home", *place, radius))


def show(world: World) -> None:
    (zone,) = zones.load(world.subscription).named
    answers.remove_zone(world.subscription, zone.key)


def distances(content: dict[str, Any], place: tuple[float, float] = HOME) -> list[float]:
    """Of every point of a tracks file, in metres."""
    lines = [
        feature["geometry"]["coordinates"]
        if feature["geometry"]["type"] == "MultiLineString"
        else [feature["geometry"]["coordinates"]]
        for feature in content["features"]
    ]
    points = [point for multi in lines for line in multi for point in line]
    return [
        Geodesic.WGS84.Inverse(place[1], place[0], point[1], point[0], Geodesic.DISTANCE)["s12"]
        for point in points
    ]


def hidden_texts() -> list[str]:
    """How the points in the zone are written, there and in our files; the third is 315 m from home."""
    places = [(HOME[0] + n * 0.001, HOME[1] + n * 0.001) for n in range(3)]
    return [f"{lon:.3f}, {lat:.3f}" for lon, lat in places] + [
        f'lat="{lat:.6f}" lon="{lon:.6f}"' for lon, lat in places
    ]


def test_a_zone_is_cut_from_the_first_file_that_is_written(world: World) -> None:
    hide(world)
    collect_all(world)
    (content,) = tracks_files(world).values()
    assert min(distances(content)) > RADIUS
    (feature,) = content["features"]
    assert feature["properties"]["points"] < 30
    assert feature["properties"]["started_at"] > "2026-05-04T06:00:00Z"
    assert TrackBlob.objects.get().is_cut


def test_a_new_zone_rewrites_the_files_and_the_old_ones_are_confirmed_gone(world: World) -> None:
    collect_all(world)
    year_file = YearFile.objects.get(kind=YearFile.Kind.TRACKS)
    old_id, (whole,) = year_file.current_id, features(world)
    hide(world)
    sync(world)
    year_file.refresh_from_db()
    (cut,) = features(world)
    assert min(distances(tracks_files(world)[year_file.name])) > RADIUS
    assert year_file.current_id != old_id
    assert all(file.id != old_id for file in world.state.files.of_member(str(world.member.open_humans_id)))
    settings = TrackSettings.objects.get()
    assert settings.confirmed_version == settings.zones_version == year_file.zones_version == 1
    assert settings.confirmed_at is not None
    assert cut["properties"]["distance_m"] < whole["properties"]["distance_m"]
    assert cut["properties"]["duration_s"] < whole["properties"]["duration_s"]


def test_rewriting_asks_github_for_no_file(world: World) -> None:
    collect_all(world)
    asked = len(world.asked("Files"))
    hide(world)
    sync(world)
    assert len(world.asked("Files")) == asked


def test_numbers_and_pictures_follow_the_cut(world: World) -> None:
    collect_all(world)
    before = bytes(TrackSheet.objects.get().encrypted_content or b"")
    hide(world)
    sync(world)
    (feature,) = features(world)
    year_file = YearFile.objects.get(kind=YearFile.Kind.TRACKS)
    assert year_file.weeks["2026-W19"]["distance_m"] == feature["properties"]["distance_m"]
    assert bytes(TrackSheet.objects.get().encrypted_content or b"") != before


def test_a_track_that_lies_whole_in_a_zone_leaves_the_file(world: World) -> None:
    collect_all(world)
    hide(world, radius=10_000)
    sync(world)
    assert features(world) == []
    assert YearFile.objects.get(kind=YearFile.Kind.TRACKS).weeks == {}


def test_a_zone_that_is_taken_away_gives_back_what_it_hid(world: World) -> None:
    collect_all(world)
    (whole,) = features(world)
    hide(world)
    sync(world)
    show(world)
    sync(world)
    assert features(world) == [whole]
    settings = TrackSettings.objects.get()
    assert settings.confirmed_version == settings.zones_version == 2


def test_what_github_no_longer_has_stays_cut(world: World) -> None:
    collect_all(world)
    hide(world)
    sync(world)
    (cut,) = features(world)
    world.repository.write({"2026/monday.gpx": None}, days_ago(1))
    show(world)
    sync(world)
    assert features(world) == [cut]


def test_files_that_lose_no_point_are_not_uploaded_again(world: World) -> None:
    collect_all(world)
    before, uploads = world.checksums(), world.openhumans.accounting()["by_endpoint"]
    hide(world, place=(100.0, 10.0))
    sync(world)
    assert world.checksums() == before
    after = world.openhumans.accounting()["by_endpoint"]
    uploading = [name for name in after if "upload" in name]
    assert {name: after[name] for name in uploading} == {name: uploads[name] for name in uploading}
    assert YearFile.objects.get(kind=YearFile.Kind.TRACKS).zones_version == 1


def test_tracks_that_wait_staged_are_cut_before_they_are_written(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The zone comes between reading and publishing."""
    look(world)
    sync(world)
    tick_all(world)
    run = world.subscription.active_run
    assert run is not None
    monkeypatch.setattr("sync.steps._publish", lambda *_, **__: None)
    world.step(run)
    monkeypatch.undo()
    assert StagedBatch.objects.filter(kind=YearFile.Kind.TRACKS).exists()
    hide(world)
    sync(world)
    (content,) = tracks_files(world).values()
    assert min(distances(content)) > RADIUS


def test_a_zone_that_changes_while_a_run_ends_is_seen_before_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    collect_all(world)
    run = world.start()

    def publish_documents(_run: Any) -> None:
        monkeypatch.undo()
        hide(world)

    monkeypatch.setattr("sync.steps._publish_documents", publish_documents)
    world.step(run)
    assert run.is_active
    world.finish(run)
    assert min(distances(tracks_files(world)["github-tracks-2026.geojson"])) > RADIUS


# --- Nowhere --------------------------------------------------------------------------------------


class Watched(io.BytesIO):
    """A temporary file whose content stays to be searched."""

    kept: ClassVar[list["Watched"]] = []

    def __init__(self, *_: Any, **__: Any) -> None:
        super().__init__()
        self.kept.append(self)

    def close(self) -> None:
        """Stays open."""

    def whole(self) -> str:
        return self.getvalue().decode("utf-8", "replace")


@pytest.fixture
def temporary(monkeypatch: pytest.MonkeyPatch) -> list[Watched]:
    """Every temporary file of the engine from now on."""
    Watched.kept = []
    monkeypatch.setattr(tempfile, "TemporaryFile", Watched)
    monkeypatch.setattr(tempfile, "SpooledTemporaryFile", Watched)
    return Watched.kept


def test_no_point_in_a_zone_touches_a_temporary_file(
    world: World, temporary: list[Watched], caplog: pytest.LogCaptureFixture
) -> None:
    """Neither when a file is first written, nor when one from before the zone is rewritten."""
    collect_all(world)
    assert any(text in file.whole() for file in temporary for text in hidden_texts()), "the search works"
    Watched.kept.clear()
    caplog.set_level(logging.DEBUG)
    hide(world)
    sync(world)
    world.repository.write({"2026/tuesday.gpx": ride("2026-05-05T06:00:00Z")}, days_ago(1))
    sync(world)
    assert len(features(world)) == 2
    assert Watched.kept
    for file in Watched.kept:
        for text in hidden_texts():
            assert text not in file.whole()
    for text in (*hidden_texts(), str(HOME[0]), str(HOME[1])):
        assert text not in caplog.text


def test_no_point_in_a_zone_is_in_any_file_or_page(world: World, client: Client) -> None:
    hide(world)
    collect_all(world)
    client.force_login(world.member, backend="django.contrib.auth.backends.ModelBackend")
    year_file = YearFile.objects.get(kind=YearFile.Kind.TRACKS)
    (feature,) = features(world)
    track = reverse("track", args=[year_file.pk, feature["properties"]["blob_oid"], 0])
    pages = [client.get(url).content.decode() for url in (reverse("dashboard"), reverse("tracks"), track)]
    stored = [content.decode() for content in world.stored().values()]
    for text in hidden_texts():
        assert not any(text in content for content in [*pages, *stored])


def test_no_row_holds_a_zone_in_the_clear(world: World) -> None:
    hide(world, place=(13.377712, 52.516321))
    settings = TrackSettings.objects.get()
    stored = bytes(settings.encrypted_zones or b"")
    for secret in (b"13.3777", b"52.5163", b"Home"):
        assert secret not in stored
    assert "13.3777" not in f"{settings} {settings.__dict__} {zones.load(world.subscription)}"


def test_the_admin_knows_nothing_of_zones(world: World) -> None:
    from django.contrib import admin

    assert not {TrackSettings, TrackSheet} & set(admin.site._registry)


def test_a_file_that_the_ledger_has_lost_passes_the_zones_before_it_is_merged(world: World) -> None:
    """Nobody knows with which zones it was written, whatever the ledger says of the one it knows."""
    collect_all(world)
    hide(world)
    YearFile.objects.filter(kind=YearFile.Kind.TRACKS).update(current_id=None, zones_version=1)
    world.repository.write({"2026/far.gpx": ride("2026-05-06T06:00:00Z", start=(20, 30))}, days_ago(1))
    sync(world)
    assert len(features(world)) == 2
    (content,) = tracks_files(world).values()
    assert min(distances(content)) > RADIUS


def test_two_members_who_hide_the_same_place_cut_different_circles() -> None:
    first, second = (zones.make("Home", *HOME, RADIUS).zone for _ in range(2))
    assert first.secret != second.secret
    circles = [cut_of(zone) for zone in (first, second)]
    assert (circles[0].longitude, circles[0].latitude) != (circles[1].longitude, circles[1].latitude)
    for circle in circles:
        assert (circle.longitude, circle.latitude) != HOME
    assert not re.search(r"\d", f"{first!r} {second!r} {circles!r}")
