"""Every way a file can lie in a repository, and what becomes of it; broken ones stop nobody."""

import gzip
import io
import zipfile

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import Settings

from sync.consent import Choice
from sync.models import RepositoryState, SyncRun, TrackBlob, TrackPlace, YearFile
from sync.tracks.reading import READERS
from tests.repositories import Repository, days_ago, git
from tests.sync.tracking.conftest import Live
from tests.sync.tracking.rides import (
    collect_all,
    features,
    look,
    ride,
    sync,
    tick_all,
    timeless,
    tracks_files,
)
from tests.sync.tracks import samples
from tests.sync.world import World

pytestmark = pytest.mark.django_db(transaction=True)
TUESDAY = "2026-05-05T06:00:00Z"


def endpoints(world: World, part: str) -> int:
    counted: dict[str, int] = world.github.accounting()["by_endpoint"]
    return sum(count for endpoint, count in counted.items() if part in endpoint)


def paths(world: World) -> set[str]:
    return {feature["properties"]["path"] for feature in features(world)}


def reasons(world: World) -> dict[str, str]:
    found = TrackBlob.objects.filter(state=TrackBlob.State.UNREADABLE)
    return {blob.path: blob.reason for blob in found}


def zipped(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return out.getvalue()


# --- Formats ---


def test_every_format_arrives(world: World) -> None:
    fixes = samples.ride()
    world.repository.write(
        {
            "all/a.gpx": samples.gpx([fixes]),
            "all/b.TCX": samples.tcx([fixes]),
            "all/c.kml": samples.kml_timed(fixes),
            "all/d.kmz": zipped({"doc.kml": samples.kml_timed(samples.ride(11))}),
            "all/e.geojson": samples.geojson(samples.ride(12)),
            "all/f.fit": samples.fit(samples.ride(13)),
            "all/g.gpx.gz": gzip.compress(ride(TUESDAY), mtime=0),
        },
        days_ago(5),
    )
    collect_all(world)
    held = {f["properties"]["path"]: f["properties"]["source_format"] for f in features(world)}
    assert {path: form for path, form in held.items() if path.startswith("all/")} == {
        "all/a.gpx": "gpx",
        "all/b.TCX": "tcx",
        "all/c.kml": "kml",
        "all/d.kmz": "kmz",
        "all/e.geojson": "geojson",
        "all/f.fit": "fit",
        "all/g.gpx.gz": "gpx",
    }


def test_binary_files_come_as_raw_bytes_and_texts_in_one_query(world: World) -> None:
    world.repository.write(
        {
            "2026/a.fit": samples.fit(samples.ride()),
            "2026/b.gpx": ride(TUESDAY),
            "2026/c.gpx": ride("2026-05-06T06:00:00Z"),
        },
        days_ago(5),
    )
    collect_all(world)
    assert len(features(world)) == 4
    assert len(world.asked("Files")) == 1
    assert endpoints(world, "git/blobs") == 1


def test_a_text_that_github_cuts_comes_as_raw_bytes(world: World) -> None:
    """Longer than what GitHub gives in a query, shorter than what is asked for at once as bytes."""
    world.repository.write({"2026/long.gpx": ride(TUESDAY, points=6000, step=0.00003)}, days_ago(5))
    collect_all(world)
    assert "2026/long.gpx" in paths(world)
    assert endpoints(world, "git/blobs") == 1


def test_a_text_in_another_encoding_comes_as_raw_bytes(world: World) -> None:
    latin = ride(TUESDAY, name="Über die Höhe").decode().replace("UTF-8", "ISO-8859-1").encode("latin-1")
    world.repository.write({"2026/latin.gpx": latin}, days_ago(5))
    collect_all(world)
    assert {f["properties"]["name"] for f in features(world)} == {"A ride", "Über die Höhe"}
    assert endpoints(world, "git/blobs") == 1


# --- Not readable ---


def test_what_cannot_be_read_has_a_reason_and_the_rest_goes_on(world: World) -> None:
    bomb = gzip.compress(b"<gpx>" + b" " * 60 * 1024 * 1024, mtime=0)
    entities = b'<!DOCTYPE gpx [<!ENTITY a "aa"><!ENTITY b "&a;&a;">]><gpx><trk><name>&b;</name></trk></gpx>'
    world.repository.write(
        {
            "2026/lfs.gpx": b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1234567\n",
            "2026/page.gpx": b"<!doctype html><html></html>",
            "2026/bomb.gpx.gz": bomb,
            "2026/entities.gpx": entities,
            "2026/nested.kmz": zipped({"doc.kmz": zipped({"doc.kml": b"<kml/>"})}),
            "2026/escape.kmz": zipped({"../../etc/passwd.kml": b"<kml/>"}),
            "2026/broken.fit": samples.fit(samples.ride())[:-1] + b"\0",
            "2026/area.geojson": b'{"type": "Polygon", "coordinates": [[[0, 0], [1, 1], [0, 1], [0, 0]]]}',
            "2026/nowhere.gpx": timeless(start=(500, 500)),
            "2026/empty.gpx": b"",
            "2026/not.kmz": b"PK\x03\x04 and no more",
            "2026/good.gpx": ride(TUESDAY),
        },
        days_ago(5),
    )
    collect_all(world)
    assert paths(world) == {"2026/monday.gpx", "2026/good.gpx"}
    found = reasons(world)
    assert set(found) == set(TrackPlace.objects.values_list("path", flat=True)) - paths(world)
    assert found["2026/lfs.gpx"].startswith("Its content is kept in Git LFS")
    assert found["2026/bomb.gpx.gz"] == "It is larger than 32 MB."
    assert all(reason and "/" not in reason for reason in found.values())


@pytest.mark.parametrize("error", [MemoryError, ValueError])
def test_what_no_reader_foresaw_is_this_files_alone_and_tells_nothing_of_it(
    world: World,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    error: type[Exception],
) -> None:
    def fail(_stream: object, _collector: object) -> None:
        raise error("lat=47.123 of Monday")

    monkeypatch.setattr("sync.tracks.reading.READERS", {**READERS, "tcx": fail})
    world.repository.write({"2026/bad.tcx": samples.tcx([samples.ride()])}, days_ago(5))
    collect_all(world)
    assert paths(world) == {"2026/monday.gpx"}
    assert reasons(world) == {"2026/bad.tcx": "We could not read it."}
    (record,) = [record for record in caplog.records if record.name == "sync.tracking.reading"]
    assert record.getMessage() == f"A reader of track files failed: {error.__name__}."
    assert record.exc_info is None


class Killed(BaseException):
    """As if the process were gone."""


def test_a_file_that_stops_its_worker_twice_is_not_begun_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = []

    def kill(_stream: object, _collector: object) -> None:
        begun.append(TrackBlob.objects.get(path="2026/bad.tcx").begun)
        raise Killed

    monkeypatch.setattr("sync.tracks.reading.READERS", {**READERS, "tcx": kill})
    world.repository.write({"2026/bad.tcx": samples.tcx([samples.ride()])}, days_ago(5))
    look(world)
    sync(world)
    tick_all(world)
    run = world.subscription.active_run
    assert run is not None
    for _ in range(2):
        with pytest.raises(Killed):
            world.finish(run)
        SyncRun.objects.filter(pk=run.pk).update(lease_until=None)
        run.refresh_from_db()
    fetches = endpoints(world, "git/blobs")
    sync(world)
    assert begun == [1, 2]
    assert paths(world) == {"2026/monday.gpx"}
    assert reasons(world) == {"2026/bad.tcx": "Reading it did not come to an end, twice."}
    assert endpoints(world, "git/blobs") == fetches
    assert set(TrackBlob.objects.values_list("begun", flat=True)) == {0}


def test_what_cannot_be_read_is_not_fetched_again(world: World) -> None:
    world.repository.write({"2026/page.gpx": b"<!doctype html><html></html>"}, days_ago(5))
    collect_all(world)
    asked = len(world.asked("Files"))
    sync(world)
    world.repository.write({"2026/moved.gpx": b"<!doctype html><html></html>"}, days_ago(4))
    sync(world)
    assert len(world.asked("Files")) == asked


def test_a_file_beyond_the_cap_is_not_fetched_at_all(world: World, settings: Settings) -> None:
    settings.TRACKS_FILE_MB = 1
    world.repository.write({"2026/huge.gpx": b" " * 1_200_000}, days_ago(5))
    collect_all(world)
    assert reasons(world) == {"2026/huge.gpx": "It is larger than 1 MB."}
    assert endpoints(world, "git/blobs") == 0


def test_too_many_points_are_refused(world: World, settings: Settings) -> None:
    settings.TRACKS_POINTS = 20
    collect_all(world)
    assert reasons(world) == {"2026/monday.gpx": "It holds more than 20 points."}


def test_files_beyond_the_cap_of_a_repository_are_counted_and_those_known_come_first(
    world: World, settings: Settings, client: Client
) -> None:
    settings.TRACKS_FILES_PER_REPOSITORY = 2
    collect_all(world)
    world.repository.write(
        {
            **{f"2025/{n}.gpx": ride(f"2026-06-0{n}T06:00:00Z") for n in range(1, 5)},
            "2026/monday.gpx": ride(TUESDAY),
        },
        days_ago(5),
    )
    sync(world)
    tick_all(world)
    sync(world)
    assert paths(world) == {"2025/1.gpx", "2026/monday.gpx"}
    (monday,) = [f["properties"] for f in features(world) if f["properties"]["path"] == "2026/monday.gpx"]
    assert monday["started_at"] == TUESDAY
    client.force_login(world.member, backend="django.contrib.auth.backends.ModelBackend")
    assert "3 more files: more than 2 in one repository." in client.get(reverse("tracks")).content.decode()
    world.repository.write({f"2025/{n}.gpx": None for n in range(2, 5)}, days_ago(4))
    sync(world)
    assert "more than 2" not in client.get(reverse("tracks")).content.decode()


def test_a_link_is_no_track(world: World) -> None:
    git(world.repository.path, "symbolic-ref", "HEAD", "refs/heads/main")
    git(world.repository.path, "reset", "-q", "--hard")
    (world.repository.path / "link.gpx").symlink_to("2026/monday.gpx")
    git(world.repository.path, "add", "link.gpx")
    name = ("-c", "user.name=Somebody", "-c", f"user.email={world.repository.email}")
    git(world.repository.path, *name, "commit", "-q", "-m", "A link")
    look(world)
    sync(world)
    assert "link.gpx" in git(world.repository.path, "ls-tree", "-r", "HEAD")
    assert [place.path for place in TrackPlace.objects.all()] == ["2026/monday.gpx"]


# --- Trees ---


def test_a_tree_that_github_cuts_off_is_walked_in_parts(world: World) -> None:
    for month in ("04", "05", "06"):
        world.repository.write({f"2026/{month}/a.gpx": ride(f"2026-{month}-10T06:00:00Z")}, days_ago(6))
    world.repository.write({"top.gpx": ride(TUESDAY)}, days_ago(5))
    world.github.fault(truncate_tree=7)
    collect_all(world)
    assert paths(world) == {"2026/monday.gpx", "2026/04/a.gpx", "2026/05/a.gpx", "2026/06/a.gpx", "top.gpx"}
    state = RepositoryState.objects.get()
    assert state.listed_tree_oid == state.tree_oid


def test_of_a_walked_tree_only_changed_parts_are_asked_for_again(world: World) -> None:
    for folder in ("a", "b", "c", "d"):
        world.repository.write(
            {f"{folder}/x.gpx": ride(f"2026-0{ord(folder) - 96}-10T06:00:00Z")}, days_ago(6)
        )
    world.github.fault(truncate_tree=6)
    collect_all(world)
    before = endpoints(world, "git/trees")
    world.repository.write({"b/y.gpx": ride(TUESDAY)}, days_ago(2))
    sync(world)
    assert "b/y.gpx" in paths(world)
    assert endpoints(world, "git/trees") - before == 2


def test_the_cap_counts_over_all_parts_of_a_walked_tree(world: World, settings: Settings) -> None:
    settings.TRACKS_FILES_PER_REPOSITORY = 2
    for folder in ("a", "b", "c", "d"):
        world.repository.write({f"{folder}/x.gpx": ride(TUESDAY)}, days_ago(6))
    world.github.fault(truncate_tree=6)
    look(world)
    sync(world)
    assert TrackPlace.objects.count() == 2
    assert sum(RepositoryState.objects.get().tracks_left_out.values()) == 3
    world.repository.write({"d/x.gpx": None, "c/y.gpx": ride("2026-05-06T06:00:00Z")}, days_ago(2))
    sync(world)
    assert TrackPlace.objects.count() == 2
    assert sum(RepositoryState.objects.get().tracks_left_out.values()) == 3


def test_a_folder_that_is_gone_from_a_walked_tree_is_forgotten_and_its_tracks_stay(world: World) -> None:
    for folder in ("a", "b", "c", "d"):
        world.repository.write(
            {f"{folder}/x.gpx": ride(f"2026-0{ord(folder) - 96}-10T06:00:00Z")}, days_ago(6)
        )
    world.github.fault(truncate_tree=6)
    collect_all(world)
    world.repository.write({"b/x.gpx": None}, days_ago(2))
    sync(world)
    assert not TrackPlace.objects.filter(path="b/x.gpx").exists()
    assert "b/x.gpx" in paths(world)


def test_a_repository_whose_tree_is_withheld_is_asked_again_only_when_it_changed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from github_client import GitHubClient, NotFound

    asked = []

    def refuse(_client: object, _number: int, oid: str, *, recursive: bool) -> None:
        asked.append(oid)
        raise NotFound("GET a tree: 404")

    monkeypatch.setattr(GitHubClient, "fetch_tree", refuse)
    look(world)
    sync(world)
    sync(world)
    assert len(asked) == 1
    world.repository.add([days_ago(1)])
    sync(world)
    assert len(asked) == 2


def test_what_github_is_too_slow_to_give_holds_nothing_up(world: World) -> None:
    """A tree is asked for again when it changed; a file has a reason."""
    world.github.fault(rest_status=502)
    look(world)
    sync(world)
    assert not TrackPlace.objects.exists()
    world.github.fault(rest_status=False)
    latin = ride(TUESDAY, name="Über die Höhe").decode().replace("UTF-8", "ISO-8859-1").encode("latin-1")
    world.repository.write({"2026/latin.gpx": latin}, days_ago(5))
    sync(world)
    tick_all(world)
    world.github.fault(rest_status=502)
    sync(world)
    assert paths(world) == {"2026/monday.gpx"}
    assert reasons(world) == {"2026/latin.gpx": "GitHub would not give it to us."}


# --- Which repositories ---


@pytest.fixture
def secret(tmp_path_factory: pytest.TempPathFactory, email: str) -> Repository:
    repository = Repository.create(tmp_path_factory.mktemp("private") / "secret", email)
    repository.write({"home.gpx": ride("2026-05-07T06:00:00Z")}, days_ago(30))
    return repository


def test_private_tracks_stand_in_files_of_their_own(
    live: Live, rides: Repository, secret: Repository
) -> None:
    with live(rides, secret, choice=Choice.PRIVATE, private=("secret",)) as world:
        collect_all(world)
        files = tracks_files(world)
    assert [f["properties"]["path"] for f in files["github-tracks-2026.geojson"]["features"]] == [
        "2026/monday.gpx"
    ]
    assert [f["properties"]["path"] for f in files["github-private-tracks-2026.geojson"]["features"]] == [
        "home.gpx"
    ]


def test_private_repositories_are_not_looked_at_without_that_choice(
    live: Live, rides: Repository, secret: Repository
) -> None:
    with live(rides, secret, private=("secret",)) as world:
        collect_all(world)
        assert set(tracks_files(world)) == {"github-tracks-2026.geojson"}
        assert not TrackPlace.objects.filter(path="home.gpx").exists()


def test_what_is_also_public_is_one_public_track(live: Live, rides: Repository, secret: Repository) -> None:
    secret.write({"copy.gpx": ride("2026-05-04T06:00:00Z")}, days_ago(20))
    with live(rides, secret, choice=Choice.PRIVATE, private=("secret",)) as world:
        collect_all(world)
        files = tracks_files(world)
    assert len(files["github-tracks-2026.geojson"]["features"]) == 1
    assert [f["properties"]["path"] for f in files["github-private-tracks-2026.geojson"]["features"]] == [
        "home.gpx"
    ]


def test_a_file_that_moves_from_public_to_private_names_no_private_place(
    live: Live, rides: Repository, secret: Repository
) -> None:
    with live(rides, secret, choice=Choice.PRIVATE, private=("secret",)) as world:
        collect_all(world)
        rides.write({"2026/monday.gpx": None}, days_ago(2))
        secret.write({"monday.gpx": ride("2026-05-04T06:00:00Z")}, days_ago(2))
        sync(world)
        tick_all(world)
        sync(world)
        public = tracks_files(world)["github-tracks-2026.geojson"]
    assert [f["properties"]["path"] for f in public["features"]] == ["2026/monday.gpx"]
    assert "secret" not in str(public)


@pytest.mark.parametrize("choice", [Choice.PUBLIC, Choice.PRIVATE])
def test_what_was_read_before_its_repository_turned_private_stays_public_and_the_rest_does_not(
    live: Live, rides: Repository, choice: Choice
) -> None:
    """As commits and other records do."""
    with live(rides, choice=choice) as world:
        collect_all(world)
        before = world.stored()["github-tracks-2026.geojson"]
        world.act("make_private", repository="rides")
        rides.write({"2026/new.gpx": ride(TUESDAY)}, days_ago(1))
        sync(world)
        assert world.stored()["github-tracks-2026.geojson"] == before
        private = tracks_files(world).get("github-private-tracks-2026.geojson", {"features": []})
        held = [f["properties"]["path"] for f in private["features"]]
        assert held == (["2026/new.gpx"] if choice is Choice.PRIVATE else [])


def test_a_second_repository_is_asked_about_and_its_tracks_join(
    live: Live, rides: Repository, tmp_path_factory: pytest.TempPathFactory, email: str
) -> None:
    flights = Repository.create(tmp_path_factory.mktemp("more") / "flights", email)
    flights.write({"glide.gpx": ride("2025-07-01T10:00:00Z")}, days_ago(100))
    with live(rides, flights) as world:
        collect_all(world)
        assert set(tracks_files(world)) == {"github-tracks-2025.geojson", "github-tracks-2026.geojson"}
        assert YearFile.objects.filter(kind=YearFile.Kind.TRACKS).count() == 2
