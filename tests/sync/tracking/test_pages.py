"""The members' pages about tracks, as a browser meets them."""

import re
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from sync.models import Subscription, TrackFolder, TrackPlace, TrackSettings, YearFile
from sync.tracking import zones
from tests.cast import make_member, subscribe
from tests.repositories import Repository, days_ago
from tests.sync.tracking.conftest import Live
from tests.sync.tracking.rides import HOME, collect_all, features, look, ride, sync
from tests.sync.world import World

pytestmark = pytest.mark.django_db(transaction=True)

BACKEND = "django.contrib.auth.backends.ModelBackend"
POSTS = ("tracks_look", "tracks_stop", "tracks_choose", "tracks_add_zone")


def words(html: bytes) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.decode()).split())


@pytest.fixture
def visitor(world: World, client: Client) -> Client:
    client.force_login(world.member, backend=BACKEND)
    return client


@pytest.fixture
def stranger() -> Client:
    """Another member, with an account of their own."""
    other = make_member("99999999")
    subscribe(other, 424242, "stranger")
    client = Client()
    client.force_login(other, backend=BACKEND)
    return client


def shown(page: Any) -> list[str]:
    return re.findall(r'name="shown" value="([^"]*)"', page.content.decode())


def ticked(page: Any) -> list[str]:
    return re.findall(r'name="folder" value="([^"]*)" checked', page.content.decode())


# --- Who may see what ---


@pytest.mark.parametrize("name", ["tracks"])
def test_anonymous_visitors_are_led_to_the_landing_page(client: Client, name: str, db: None) -> None:
    assert client.get(reverse(name))["Location"] == "/"


@pytest.mark.parametrize("name", POSTS)
def test_nobody_decides_anything_without_signing_in(client: Client, world: World, name: str) -> None:
    assert client.post(reverse(name), {"name": "Home", "place": "1, 2", "radius_m": "500"})["Location"] == "/"
    assert not TrackSettings.objects.exists()
    world.subscription.refresh_from_db()
    assert "tracks" not in world.subscription.agreement


@pytest.mark.parametrize("name", POSTS)
def test_deciding_wants_a_form_of_ours(visitor: Client, name: str) -> None:
    assert visitor.get(reverse(name)).status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(User.objects.get(open_humans_id__isnull=False), backend=BACKEND)
    assert strict.post(reverse(name)).status_code == 403


def test_another_member_sees_nothing_of_it(world: World, stranger: Client) -> None:
    collect_all(world)
    file = YearFile.objects.get(kind=YearFile.Kind.TRACKS)
    blob = features(world)[0]["properties"]["blob_oid"]
    assert stranger.get(reverse("track", args=[file.pk, blob, 0])).status_code == 404
    assert stranger.get(reverse("tracks_of_year", args=[2026])).status_code == 404
    assert stranger.get(reverse("download", args=[file.pk])).status_code == 404
    assert b"monday" not in stranger.get(reverse("tracks")).content


def test_another_member_cannot_answer_for_folders_that_are_not_theirs(world: World, stranger: Client) -> None:
    look(world)
    sync(world)
    other = Subscription.objects.get(github_login="stranger")
    Subscription.objects.filter(pk=other.pk).update(agreement={"tracks": {"look": True}})
    key = f"{TrackPlace.objects.get().repository_id}:2026"
    stranger.post(reverse("tracks_choose"), {"shown": [key], "folder": [key]})
    assert not TrackFolder.objects.exists()
    assert TrackPlace.objects.get().is_wanted is None


def test_another_member_cannot_take_a_zone_away(world: World, visitor: Client, stranger: Client) -> None:
    visitor.post(reverse("tracks_add_zone"), {"name": "Home", "place": "2.5, 1.5", "radius_m": "500"})
    (zone,) = zones.load(world.subscription).named
    stranger.post(reverse("tracks_remove_zone", args=[zone.key]))
    assert zones.load(world.subscription).named == (zone,)


# --- Looking and answering ---


def test_the_page_offers_to_look_and_does_nothing_by_itself(visitor: Client, world: World) -> None:
    page = visitor.get(reverse("tracks"))
    assert "We do not look for tracks now." in words(page.content)
    assert world.github.total == 0


def test_looking_starts_a_run_that_lists_folders(visitor: Client, world: World) -> None:
    assert visitor.post(reverse("tracks_look"))["Location"] == reverse("tracks")
    assert "We are still looking." in words(visitor.get(reverse("tracks")).content)
    sync(world)
    page = visitor.get(reverse("tracks"))
    text = words(page.content)
    assert "Nothing of these files has been read." in text
    assert "/rides" in text
    assert "2026 1 file" in text


def test_forks_tests_and_samples_begin_unticked(live: Live, rides: Repository, client: Client) -> None:
    rides.write({"tests/fixtures/a.gpx": ride("2026-04-01T06:00:00Z")}, days_ago(20))
    rides.write({"Sample rides/b.gpx": ride("2026-04-02T06:00:00Z")}, days_ago(19))
    with live(rides) as world:
        client.force_login(world.member, backend=BACKEND)
        look(world)
        sync(world)
        page = client.get(reverse("tracks"))
    pk = TrackPlace.objects.first().repository_id  # type: ignore[union-attr]
    assert sorted(shown(page)) == [f"{pk}:2026", f"{pk}:Sample rides", f"{pk}:tests/fixtures"]
    assert ticked(page) == [f"{pk}:2026"]


def test_the_answer_starts_the_reading(visitor: Client, world: World) -> None:
    look(world)
    sync(world)
    page = visitor.get(reverse("tracks"))
    visitor.post(reverse("tracks_choose"), {"shown": shown(page), "folder": ticked(page)})
    assert world.subscription.active_run is not None
    sync(world)
    assert len(features(world)) == 1


def test_an_unticked_folder_is_not_read(visitor: Client, world: World) -> None:
    look(world)
    sync(world)
    visitor.post(reverse("tracks_choose"), {"shown": shown(visitor.get(reverse("tracks"))), "folder": []})
    sync(world)
    assert features(world) == []
    assert world.asked("Files") == []


def test_what_the_page_did_not_show_is_not_answered(visitor: Client, world: World) -> None:
    look(world)
    sync(world)
    visitor.post(reverse("tracks_choose"), {"shown": [], "folder": ["1:2026"]})
    assert TrackPlace.objects.get().is_wanted is None


def test_odd_values_in_a_form_are_nobodys_folder(visitor: Client, world: World) -> None:
    look(world)
    odd = ["", "x:2026", "99999999999999999999:2026", "1", "1:\0"]
    assert visitor.post(reverse("tracks_choose"), {"shown": odd, "folder": odd}).status_code == 302
    assert not TrackFolder.objects.exists()


def test_a_new_folder_is_asked_about_on_the_dashboard(visitor: Client, world: World) -> None:
    collect_all(world)
    world.repository.write({"2027/first.gpx": ride("2026-05-05T06:00:00Z")}, days_ago(1))
    sync(world)
    assert len(features(world)) == 1
    assert "1 file that may hold tracks was found." in words(visitor.get(reverse("dashboard")).content)
    assert "1 file waits for your answer." in words(visitor.get(reverse("tracks")).content)


def test_a_folder_below_a_ticked_one_needs_no_new_answer(visitor: Client, world: World) -> None:
    collect_all(world)
    world.repository.write({"2026/alps/pass.gpx": ride("2026-05-05T06:00:00Z")}, days_ago(1))
    sync(world)
    assert len(features(world)) == 2


def test_tests_below_a_ticked_folder_that_come_later_are_asked_about(visitor: Client, world: World) -> None:
    world.repository.write({"top.gpx": ride("2026-05-05T06:00:00Z")}, days_ago(9))
    collect_all(world)
    world.repository.write({"src/tests/fixtures/x.gpx": ride("2026-05-06T06:00:00Z")}, days_ago(1))
    world.repository.write({"alps/y.gpx": ride("2026-05-07T06:00:00Z")}, days_ago(1))
    sync(world)
    assert len(features(world)) == 3
    page = visitor.get(reverse("tracks"))
    assert "1 file waits for your answer." in words(page.content)
    assert "src/tests/fixtures 1 file · new" in words(page.content)
    pk = TrackPlace.objects.first().repository_id  # type: ignore[union-attr]
    assert sorted(ticked(page)) == [f"{pk}:", f"{pk}:2026", f"{pk}:alps"]
    visitor.post(reverse("tracks_choose"), {"shown": shown(page), "folder": shown(page)})
    sync(world)
    assert len(features(world)) == 4


def test_who_stops_looking_keeps_the_files(visitor: Client, world: World) -> None:
    collect_all(world)
    visitor.post(reverse("tracks_stop"))
    world.repository.write({"2026/other.gpx": ride("2026-05-05T06:00:00Z")}, days_ago(1))
    world.github.reset()
    sync(world)
    assert len(features(world)) == 1
    assert not any("/git/" in endpoint for endpoint in world.github.accounting()["by_endpoint"])


def test_connecting_offers_to_look_and_is_off_unless_ticked(client: Client) -> None:
    member = make_member("77777777")
    client.force_login(member, backend=BACKEND)
    page = client.get(reverse("connect")).content.decode()
    assert 'name="tracks" value="on">' in page


# --- Zones ---


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({"name": ""}, "Give the place a name of your own."),
        ({"place": ""}, "Say where it is"),
        ({"place": "Berlin"}, "Write it as 52.5163, 13.3777."),
        ({"place": "1, 2, 3"}, "Write it as 52.5163, 13.3777."),
        ({"place": "91, 2"}, "This does not lie on the earth."),
        ({"place": "nan, 2"}, "This does not lie on the earth."),
        ({"radius_m": "10"}, "The radius is at least 50 metres."),
        ({"radius_m": "90000"}, "The radius is at most 20,000 metres."),
        ({"radius_m": "far"}, "The radius is a number of metres."),
    ],
)
def test_a_zone_that_cannot_be_one_is_refused_with_the_reason(
    visitor: Client, world: World, fields: dict[str, str], why: str
) -> None:
    form = {"name": "Home", "place": "2.5, 1.5", "radius_m": "500"} | fields
    page = visitor.post(reverse("tracks_add_zone"), form)
    assert page.status_code == 400
    assert why in words(page.content)
    assert zones.load(world.subscription).named == ()


def test_a_zone_is_shown_by_its_name_and_never_by_its_place(visitor: Client, world: World) -> None:
    form = {"name": "Home", "place": "2.51234, 1.56789", "radius_m": "500"}
    visitor.post(reverse("tracks_add_zone"), form)
    page = visitor.get(reverse("tracks")).content.decode()
    assert "Home" in page
    assert "500 m around it" in page
    assert "2.51234" not in page
    assert "1.56789" not in page


def test_there_is_an_end_to_zones(visitor: Client, world: World) -> None:
    for number in range(21):
        form = {"name": f"Place {number}", "place": f"{number}, 5", "radius_m": "100"}
        visitor.post(reverse("tracks_add_zone"), form)
    assert len(zones.load(world.subscription).named) == 20


# --- What is shown ---


def test_the_dashboard_draws_the_tracks_of_the_year(visitor: Client, world: World) -> None:
    collect_all(world)
    page = visitor.get(reverse("dashboard"), {"year": "2026"})
    text = words(page.content)
    assert "GPS tracks in 2026" in text
    assert "A ride" in text
    assert 'class="track-shape"' in page.content.decode()
    assert "1 track, 4.5 km, 5 min" in text


def test_a_year_without_tracks_says_so_only_to_who_looks(visitor: Client, world: World) -> None:
    sync(world)
    assert "GPS tracks in" not in words(visitor.get(reverse("dashboard")).content)
    look(world)
    assert "No tracks of" in words(visitor.get(reverse("dashboard")).content)


def test_each_track_has_a_page_with_its_profiles(visitor: Client, world: World) -> None:
    collect_all(world)
    (feature,) = features(world)
    file = YearFile.objects.get(kind=YearFile.Kind.TRACKS)
    page = visitor.get(reverse("track", args=[file.pk, feature["properties"]["blob_oid"], 0]))
    text = words(page.content)
    for fact in ("A ride", "4.5 km", "5 min", "29 m", "2026-W19", "2026/monday.gpx", "Elevation", "Speed"):
        assert fact in text
    assert visitor.get(reverse("track", args=[file.pk, "0" * 40, 0])).status_code == 404


def test_the_pages_of_tracks_tell_no_place_on_earth(visitor: Client, world: World) -> None:
    collect_all(world)
    (feature,) = features(world)
    file = YearFile.objects.get(kind=YearFile.Kind.TRACKS)
    url = reverse("track", args=[file.pk, feature["properties"]["blob_oid"], 0])
    for address in (url, reverse("dashboard"), reverse("tracks_of_year", args=[2026]), reverse("tracks")):
        content = visitor.get(address).content.decode()
        assert str(HOME[0] + 0.001) not in content
        assert str(HOME[1] + 0.001) not in content


def test_the_file_is_downloaded_as_geojson(visitor: Client, world: World) -> None:
    collect_all(world)
    file = YearFile.objects.get(kind=YearFile.Kind.TRACKS)
    answer = visitor.get(reverse("download", args=[file.pk]))
    assert answer["Content-Type"] == "application/geo+json"
    assert b"".join(answer.streaming_content) == world.stored()[file.name]  # type: ignore[attr-defined]


def test_files_that_are_not_readable_stand_there_with_the_reason(visitor: Client, world: World) -> None:
    world.repository.write({"2026/page.gpx": b"<!doctype html><html></html>"}, days_ago(2))
    collect_all(world)
    text = words(visitor.get(reverse("tracks")).content)
    assert "2026/page.gpx It is a web page (HTML), not what its name says." in text


def test_while_files_are_rewritten_no_track_is_shown(visitor: Client, world: World) -> None:
    collect_all(world)
    (feature,) = features(world)
    file = YearFile.objects.get(kind=YearFile.Kind.TRACKS)
    visitor.post(reverse("tracks_add_zone"), {"name": "Home", "place": "2.5, 1.5", "radius_m": "500"})
    url = reverse("track", args=[file.pk, feature["properties"]["blob_oid"], 0])
    assert visitor.get(url).status_code == 404
    assert visitor.get(reverse("tracks_of_year", args=[2026])).status_code == 404
    assert visitor.get(reverse("download", args=[file.pk])).status_code == 409
    text = words(visitor.get(reverse("dashboard"), {"year": "2026"}).content)
    assert "being rewritten for your new privacy zones" in text
    assert "A ride" not in text


def test_the_schema_of_tracks_files_is_public(client: Client) -> None:
    answer = client.get(reverse("github-tracks-schema"))
    assert answer.status_code == 200
    assert b"github-tracks/1" in answer.content
