"""What a worker weighs that reads and publishes many large tracks, in a process of its own."""

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from django.conf import settings as site
from django.db import connection

from tests.repositories import Repository, days_ago
from tests.sync.tracking.conftest import Live
from tests.sync.tracking.rides import look, ride, sync, tick_all, tracks_files
from tests.sync.world import World

pytestmark = pytest.mark.django_db(transaction=True)

POINTS = 5_000
MOST_MB = 300
# More of them for a measurement by hand; 1,000 took 217 MB.
TRACKS = int(os.environ.get("TRACKS", "12"))


def worker(world: World, run: int) -> tuple[str, int, int]:
    """How the run ended, after how many steps, and the process' peak in megabytes."""
    database = urlsplit(os.environ["DATABASE_URL"])._replace(path=f"/{connection.settings_dict['NAME']}")
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "DATABASE_URL": database.geturl(),
        "GITHUB_URL": world.github.url,
        "GITHUB_API_URL": f"{world.github.url}/api",
        "OPENHUMANS_URL": world.openhumans.url,
        "GITHUB_CLIENT_ID": site.GITHUB_CLIENT_ID,
        "GITHUB_CLIENT_SECRET": site.GITHUB_CLIENT_SECRET,
        "OPENHUMANS_CLIENT_ID": site.OPENHUMANS_CLIENT_ID,
        "OPENHUMANS_CLIENT_SECRET": site.OPENHUMANS_CLIENT_SECRET,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.sync.tracking.worker", str(run)],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=3000,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    state, steps, megabytes = done.stdout.split()
    return state, int(steps), int(megabytes)


def test_many_large_tracks_fit_into_a_worker(live: Live, tmp_path: Path, email: str) -> None:
    repository = Repository.create(tmp_path / "rides", email)
    starts = datetime(2026, 1, 5, 6, tzinfo=UTC)
    for first in range(0, TRACKS, 50):
        repository.write(
            {
                f"rides/{number}.gpx": ride(
                    (starts + timedelta(hours=8 * number)).isoformat(),
                    POINTS,
                    start=(number / 100, 5 + number / 100),
                    step=0.00003,
                )
                for number in range(first, min(first + 50, TRACKS))
            },
            days_ago(10),
        )
    with live(repository) as world:
        look(world)
        sync(world)
        tick_all(world)
        run = world.subscription.active_run
        assert run is not None
        state, steps, megabytes = worker(world, run.pk)
        sys.stderr.write(f"{TRACKS} tracks: {steps} steps, {megabytes} MB\n")
        assert state == "succeeded"
        assert sum(len(content["features"]) for content in tracks_files(world).values()) == TRACKS
    assert megabytes < MOST_MB
