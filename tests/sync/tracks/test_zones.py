import math
import statistics

import pytest
from geographiclib.geodesic import Geodesic
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sync.tracks.feature import Origin, decode_track, encode_track
from sync.tracks.geometry import destination, distance_m, summarise
from sync.tracks.types import Segment, Track
from sync.tracks.zones import GROWTH, MAX_SHIFT, Zone, cut_of, cut_track
from tests.sync.tracks.samples import START, ride, segment_of
from tests.sync.tracks.strategies import latitudes, longitudes, walks

SECRET = bytes(range(32))
zones = st.builds(
    Zone,
    longitudes,
    latitudes,
    st.sampled_from([50.0, 200.0, 1000.0, 20_000.0]),
    st.binary(min_size=16, max_size=32),
)


def distance_to(zone: Zone, longitude: float, latitude: float) -> float:
    return float(Geodesic.WGS84.Inverse(zone.latitude, zone.longitude, latitude, longitude)["s12"])


def line(*places: tuple[float, float]) -> Track:
    segment = Segment()
    for index, (longitude, latitude) in enumerate(places):
        segment.append(longitude, latitude, 400.0, START.timestamp() + 60 * index)
    return Track([segment])


@given(st.data(), zones, st.floats(0.001, 0.2))
def test_no_point_inside_any_zone_remains(data: st.DataObject, zone: Zone, spread: float) -> None:
    """Walks around the zone's own centre, so that most of them do lead through it."""
    walk = data.draw(walks(around=(zone.longitude, zone.latitude), spread=spread, min_size=5))
    other = Zone(zone.longitude, zone.latitude, 100.0, SECRET)
    cut = cut_track(Track([walk]), [zone, other])
    if cut is None:
        return
    written, _ = decode_track(encode_track(cut, Origin("o/r", "a.gpx", "a" * 40, committed_at=START), "gpx"))
    for track in (cut, written):
        for segment in track.segments:
            for place in segment.positions():
                assert distance_to(zone, *place) > zone.radius_m
                assert distance_to(other, *place) > other.radius_m


@given(zones)
@example(Zone(0.0, 90.0, 20_000.0, SECRET))
@example(Zone(180.0, -89.99, 20_000.0, SECRET))
@example(Zone(-180.0, 0.0, 50.0, SECRET))
def test_the_cut_holds_the_whole_zone(zone: Zone) -> None:
    cut = cut_of(zone)
    shift = distance_to(zone, cut.longitude, cut.latitude)
    assert cut.radius_m == pytest.approx(zone.radius_m * (1 + GROWTH))
    assert shift + zone.radius_m < cut.radius_m
    for azimuth in range(0, 360, 30):
        edge = destination(zone.longitude, zone.latitude, azimuth, zone.radius_m)
        assert distance_m(cut.longitude, cut.latitude, *edge) < cut.radius_m


def test_the_middle_of_the_cut_does_not_tell_the_centre() -> None:
    """Over many secrets the centre lies anywhere in the disc around the middle, with no place preferred."""
    shares, azimuths = [], []
    for number in range(2000):
        zone = Zone(8.0, 47.0, 500.0, number.to_bytes(16, "big"))
        cut = cut_of(zone)
        found = Geodesic.WGS84.Inverse(zone.latitude, zone.longitude, cut.latitude, cut.longitude)
        shares.append((found["s12"] / (MAX_SHIFT * zone.radius_m)) ** 2)
        azimuths.append(found["azi1"])
    assert max(shares) <= 1.0001
    assert statistics.mean(shares) == pytest.approx(0.5, abs=0.03)
    assert statistics.mean(share < 0.1 for share in shares) == pytest.approx(0.1, abs=0.03)
    assert abs(statistics.mean(math.sin(math.radians(azimuth)) for azimuth in azimuths)) < 0.05
    assert abs(statistics.mean(math.cos(math.radians(azimuth)) for azimuth in azimuths)) < 0.05


def test_the_cut_of_a_zone_never_moves() -> None:
    """A cut that moved from ride to ride would tell the centre by its mean."""
    assert cut_of(Zone(8.0, 47.0, 300.0, SECRET)) == cut_of(Zone(8.0, 47.0, 300.0, SECRET))
    assert cut_of(Zone(8.0, 47.0, 300.0, SECRET)) != cut_of(Zone(8.0, 47.0, 300.0, SECRET[::-1]))


def test_a_track_is_split_where_it_was_cut() -> None:
    track = Track([segment_of(ride(200))])
    cut = cut_track(track, [Zone(8.01, 47.01, 200.0, SECRET)])
    assert cut is not None
    first, second = cut.segments
    assert first.longitudes[0] == 8.0
    assert second.longitudes[-1] == track.segments[0].longitudes[-1]
    assert len(first) + len(second) < 200
    assert summarise(cut).distance_m < summarise(track).distance_m - 400


def test_start_end_and_distance_are_those_of_what_is_left() -> None:
    track = Track([segment_of(ride(200))])
    cut = cut_track(track, [Zone(8.0, 47.0, 200.0, SECRET)])
    assert cut is not None
    assert cut.started_at is not None
    assert cut.started_at > START
    assert summarise(cut).started_at == cut.started_at


def test_a_line_that_leads_through_a_zone_is_split_though_no_point_lies_in_it() -> None:
    zone = Zone(8.05, 47.0, 200.0, SECRET)
    through = line((8.0, 47.0), (8.01, 47.0), (8.09, 47.0), (8.1, 47.0))
    cut = cut_track(through, [zone])
    assert cut is not None
    assert [list(segment.longitudes) for segment in cut.segments] == [[8.0, 8.01], [8.09, 8.1]]


@pytest.mark.parametrize("north", [0.02, -0.02])
def test_a_line_that_leads_by_stays_whole(north: float) -> None:
    by = line((8.0, 47.0 + north), (8.01, 47.0 + north), (8.09, 47.0 + north), (8.1, 47.0 + north))
    cut = cut_track(by, [Zone(8.05, 47.0, 200.0, SECRET)])
    assert cut is not None
    assert len(cut.segments) == 1


def test_a_line_over_the_antimeridian_is_split_as_well() -> None:
    through = line((179.9, 10.0), (179.95, 10.0), (-179.95, 10.0), (-179.9, 10.0))
    for longitude in (180.0, -180.0, 179.99, -179.99):
        cut = cut_track(through, [Zone(longitude, 10.0, 200.0, SECRET)])
        assert cut is not None
        assert [len(segment) for segment in cut.segments] == [2, 2]


def test_a_flight_line_over_a_zone_is_split() -> None:
    flight = line((0.0, 50.0), (0.1, 50.0), (20.0, 50.0), (20.1, 50.0))
    cut = cut_track(flight, [Zone(10.0, 50.0, 500.0, SECRET)])
    assert cut is not None
    assert [len(segment) for segment in cut.segments] == [2, 2]


def test_a_track_inside_a_zone_is_gone() -> None:
    assert cut_track(line((8.0, 47.0), (8.0001, 47.0)), [Zone(8.0, 47.0, 200.0, SECRET)]) is None


def test_a_single_point_outside_is_no_line() -> None:
    assert cut_track(line((8.0, 47.0), (8.0, 47.1)), [Zone(8.0, 47.0, 200.0, SECRET)]) is None


def test_without_zones_a_track_stays_as_it_is() -> None:
    track = line((8.0, 47.0), (8.1, 47.0))
    assert cut_track(track, []) is track


@settings(max_examples=20)
@given(walks())
def test_cutting_again_changes_nothing(walk: Segment) -> None:
    zone = Zone(walk.longitudes[0], walk.latitudes[0], 500.0, SECRET)
    once = cut_track(Track([walk]), [zone])
    if once is not None:
        assert repr(cut_track(once, [zone])) == repr(once)


def test_a_zone_is_never_printed() -> None:
    zone = Zone(8.123456, 47.654321, 321.0, SECRET)
    for text in (repr(zone), str(zone), f"{[zone]}", repr(cut_of(zone))):
        assert not any(part in text for part in ("8.12", "47.65", "321", "x01"))


@pytest.mark.parametrize(
    ("longitude", "latitude", "radius", "secret"),
    [
        (181.0, 0.0, 100.0, SECRET),
        (0.0, math.nan, 100.0, SECRET),
        (0.0, 0.0, 49.0, SECRET),
        (0.0, 0.0, 20_001.0, SECRET),
        (0.0, 0.0, math.nan, SECRET),
        (0.0, 0.0, 100.0, b"short"),
    ],
)
def test_a_zone_that_could_not_protect_is_refused(
    longitude: float, latitude: float, radius: float, secret: bytes
) -> None:
    with pytest.raises(ValueError, match="zone"):
        Zone(longitude, latitude, radius, secret)
