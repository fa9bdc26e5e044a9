"""From a repository on GitHub to a tracks file on Open Humans: both stand-ins, real Postgres and Valkey."""

import hashlib
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest

from sync.models import StagedBatch, TrackBlob, TrackPlace, YearFile
from sync.pages.your_data import TRACK_LINES
from sync.tracks.feature import SCHEMA_FILE
from tests.sync.tracking.rides import collect_all, features, look, sync, tick_all, tracks_files
from tests.sync.world import World

pytestmark = pytest.mark.django_db(transaction=True)


def test_nobody_is_looked_for_who_did_not_ask(world: World) -> None:
    world.sync()
    endpoints = world.github.accounting()["by_endpoint"]
    assert not any("/git/" in endpoint for endpoint in endpoints)
    assert not TrackPlace.objects.exists()


def test_what_is_found_waits_for_the_members_answer(world: World) -> None:
    look(world)
    sync(world)
    assert [place.path for place in TrackPlace.objects.all()] == ["2026/monday.gpx"]
    assert not TrackBlob.objects.exists()
    assert tracks_files(world) == {}
    assert not any("git/blobs" in endpoint for endpoint in world.github.accounting()["by_endpoint"])
    assert world.asked("Files") == []


def test_a_ticked_ride_arrives_in_the_file_of_its_year(world: World) -> None:
    collect_all(world)
    (name,) = tracks_files(world)
    content = tracks_files(world)[name]
    assert name == "github-tracks-2026.geojson"
    jsonschema_rs.validator_for(SCHEMA_FILE.read_text(encoding="utf-8")).validate(content)
    (feature,) = content["features"]
    facts = feature["properties"]
    assert (facts["week"], facts["started_at"]) == ("2026-W19", "2026-05-04T06:00:00Z")
    assert (facts["path"], facts["source_format"], facts["points"]) == ("2026/monday.gpx", "gpx", 30)
    assert facts["commit_oid"] == world.repository.head
    assert len(feature["geometry"]["coordinates"]) == 30


def test_the_file_is_confirmed_and_nothing_stays_staged(world: World) -> None:
    collect_all(world)
    year_file = YearFile.objects.get(kind=YearFile.Kind.TRACKS)
    stored = world.stored()[year_file.name]
    assert (year_file.size, year_file.md5) == (
        len(stored),
        hashlib.md5(stored, usedforsecurity=False).hexdigest(),
    )
    assert year_file.superseded == []
    assert year_file.pending is None
    assert year_file.weeks["2026-W19"]["counts"] == {"tracks": 1}
    assert not StagedBatch.objects.exists()


def test_a_second_sync_costs_one_request_and_no_upload(world: World) -> None:
    collect_all(world)
    before, github, openhumans = world.checksums(), world.github.total, world.openhumans.total
    sync(world)
    assert (world.github.total - github, world.openhumans.total - openhumans) == (1, 0)
    assert world.checksums() == before


def test_the_lines_of_pandas_read_a_file(
    world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    collect_all(world)
    (tmp_path / "github-tracks-2026.geojson").write_bytes(world.stored()["github-tracks-2026.geojson"])
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    exec(TRACK_LINES, names)  # noqa: S102 - the lines are ours
    (feature,) = features(world)
    assert list(names["tracks"]["blob_oid"]) == [feature["properties"]["blob_oid"]]
    assert dict(names["weekly"]["distance_m"]) == {"2026-W19": feature["properties"]["distance_m"]}


def test_the_lines_on_the_page_are_those_of_the_docs() -> None:
    page = Path(__file__).parents[3] / "docs" / "tracks.md"
    assert TRACK_LINES in page.read_text(encoding="utf-8")


def test_tracks_whose_confirmation_was_lost_are_not_looked_for_in_what_was_staged(world: World) -> None:
    """Promise 4: the upload that was begun is finished first, and with it goes what was staged for it."""
    look(world)
    sync(world)
    tick_all(world)
    world.openhumans.fault(lose_complete_answer={"times": 1})
    sync(world)
    assert [feature["properties"]["path"] for feature in features(world)] == ["2026/monday.gpx"]
    assert not world.subscription.staged_batches.exists()
    assert not world.subscription.year_files.exclude(pending=None).exists()
