"""What tracks cost at GitHub, in requests: the bars of the project."""

import os
from math import ceil
from pathlib import Path

import pytest

from tests.repositories import Repository, days_ago
from tests.sync.tracking.conftest import Live
from tests.sync.tracking.rides import collect_all, features, look, ride, sync, tick_all
from tests.sync.tracks import samples
from tests.sync.world import World

pytestmark = pytest.mark.django_db(transaction=True)

# By hand with 1,000: 20 trees, 50 queries and the bytes of 100 files.
TRACKS = int(os.environ.get("TRACKS", "200"))
REPOSITORIES = TRACKS // 50
BINARY = TRACKS // 10


def spent(world: World) -> int:
    """Requests for tracks alone: trees, files, bytes."""
    counted: dict[str, int] = world.github.accounting()["by_endpoint"]
    rest = sum(count for endpoint, count in counted.items() if "/git/" in endpoint)
    return rest + len(world.asked("Files"))


def test_an_unchanged_repository_costs_nothing(world: World) -> None:
    collect_all(world)
    before, total = spent(world), world.github.total
    sync(world)
    assert (spent(world) - before, world.github.total - total) == (0, 1)


def test_a_change_elsewhere_in_a_repository_costs_one_tree(world: World) -> None:
    collect_all(world)
    before = spent(world)
    world.repository.add([days_ago(1)])
    sync(world)
    assert spent(world) - before == 1


def test_one_new_text_costs_two_requests(world: World) -> None:
    collect_all(world)
    before = spent(world)
    world.repository.write({"2026/new.gpx": ride("2026-05-06T06:00:00Z")}, days_ago(1))
    sync(world)
    assert len(features(world)) == 2
    assert spent(world) - before == 2


def test_one_new_binary_file_costs_three_requests(world: World) -> None:
    collect_all(world)
    before = spent(world)
    world.repository.write({"2026/new.fit": samples.fit(samples.ride())}, days_ago(1))
    sync(world)
    assert len(features(world)) == 2
    assert spent(world) - before == 3


def test_repositories_without_tracks_are_listed_once(live: Live, rides: Repository, tmp_path: Path) -> None:
    plain = Repository.create(tmp_path / "plain", rides.email)
    plain.add(days_ago(40 - n) for n in range(3))
    with live(rides, plain) as world:
        look(world)
        sync(world)
        assert spent(world) == 2
        sync(world)
        assert spent(world) == 2


def test_many_tracks_in_many_repositories(live: Live, tmp_path: Path, email: str) -> None:
    """A tree for each repository, a query for 20 files with their dates, and the bytes of what is binary.

    The bar is a query for 20 texts and another for 50 dates.
    """
    repositories = []
    each = TRACKS // REPOSITORIES
    for number in range(REPOSITORIES):
        repository = Repository.create(tmp_path / f"rides-{number}", email)
        texts = {
            f"rides/{n}.gpx": ride(
                f"2026-{1 + n % 9:02}-{1 + n % 27:02}T{number:02}:00:00Z", points=3, start=(number, n)
            )
            for n in range(each - BINARY // REPOSITORIES)
        }
        binary = {
            f"flights/{n}.fit": samples.fit(samples.ride(3 + n, longitude=float(number)))
            for n in range(BINARY // REPOSITORIES)
        }
        repository.write({**texts, **binary}, days_ago(10))
        repositories.append(repository)
    with live(*repositories) as world:
        look(world)
        sync(world)
        trees = spent(world)
        tick_all(world)
        sync(world)
        assert len(features(world)) == TRACKS
        queries = len(world.asked("Files"))
        assert trees == REPOSITORIES
        assert queries <= ceil((TRACKS - BINARY) / 20) + ceil(TRACKS / 50)
        assert spent(world) - queries - trees == BINARY
        assert world.github.accounting()["writes"] == 0
        before, total = spent(world), world.github.total
        sync(world)
        assert (spent(world) - before, world.github.total - total) == (0, 1)
