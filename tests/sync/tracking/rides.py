"""Rides for tests: GPX as devices write it, places around the Null Island quarter of the ocean."""

import json
from datetime import datetime, timedelta
from typing import Any

from sync.models import Subscription, TrackPlace
from sync.tracking import answers, scope
from tests.sync.world import World

# Off the coast, where nobody lives.
HOME = (1.5, 2.5)


def ride(
    starts_at: str = "2026-05-04T06:00:00Z",
    points: int = 30,
    start: tuple[float, float] = HOME,
    name: str = "A ride",
    step: float = 0.001,
) -> bytes:
    """North-east from `start` (longitude, latitude), a point every ten seconds, uphill."""
    moment = datetime.fromisoformat(starts_at)
    lines = [
        f'<trkpt lat="{start[1] + n * step:.6f}" lon="{start[0] + n * step:.6f}"><ele>{100 + n}</ele>'
        f"<time>{(moment + timedelta(seconds=10 * n)).strftime('%Y-%m-%dT%H:%M:%SZ')}</time></trkpt>"
        for n in range(points)
    ]
    return (
        '<?xml version="1.0" encoding="UTF-8"?><gpx version="1.1" creator="test" '
        'xmlns="http://www.topografix.com/GPX/1/1"><trk>'
        f"<name>{name}</name><trkseg>{''.join(lines)}</trkseg></trk></gpx>"
    ).encode()


def timeless(points: int = 10, start: tuple[float, float] = HOME) -> bytes:
    lines = "".join(f'<trkpt lat="{start[1] + n * 0.001:.6f}" lon="{start[0]:.6f}"/>' for n in range(points))
    return (
        '<gpx version="1.1" creator="test" xmlns="http://www.topografix.com/GPX/1/1"><trk><trkseg>'
        f"{lines}</trkseg></trk></gpx>"
    ).encode()


# --- What the member does -------------------------------------------------------------------------


def look(world: World, *, forks: bool = False, others: bool = False) -> None:
    answers.look(world.subscription, forks=forks, others=others)
    world.subscription.refresh_from_db()


def folders(subscription: Subscription) -> set[tuple[int, str]]:
    places = TrackPlace.objects.filter(repository__subscription=subscription)
    return {(place.repository_id, scope.folder_of(place.path)) for place in places}


def tick_all(world: World) -> None:
    shown = folders(world.subscription)
    answers.answer(world.subscription, shown, shown)


def sync(world: World) -> None:
    """The active run, or another one, to its end."""
    run = world.subscription.active_run
    finished = world.finish(run) if run else world.sync()
    assert finished.state == "succeeded", (finished.error_code, finished.error)


def collect_all(world: World) -> None:
    """Look, tick everything that is found, and have it written."""
    look(world)
    sync(world)
    tick_all(world)
    sync(world)


def remove_at_open_humans(world: World, name: str) -> None:
    files = world.state.files
    (file,) = [file for file in files.of_member(str(world.member.open_humans_id)) if file.basename == name]
    files.delete(file)


# --- What the member has --------------------------------------------------------------------------


def tracks_files(world: World) -> dict[str, dict[str, Any]]:
    return {
        name: json.loads(content) for name, content in world.stored().items() if name.endswith(".geojson")
    }


def features(world: World) -> list[dict[str, Any]]:
    return [feature for content in tracks_files(world).values() for feature in content["features"]]
