"""A member with one repository of rides, in the whole world of stand-ins."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pytest_django import Settings

from tests.repositories import Repository, days_ago
from tests.sync.tracking.rides import ride
from tests.sync.world import World, living

Live = Callable[..., AbstractContextManager[World]]


@pytest.fixture
def email() -> str:
    return f"{uuid4().hex[:12]}@example.org"


@pytest.fixture
def rides(tmp_path: Path, email: str) -> Repository:
    """A repository with some commits and one ride."""
    repository = Repository.create(tmp_path / "rides", email)
    repository.add(days_ago(60 - n) for n in range(5))
    repository.write({"2026/monday.gpx": ride("2026-05-04T06:00:00Z")}, days_ago(40))
    return repository


@pytest.fixture
def live(tmp_path: Path, settings: Settings) -> Live:
    def start(*repositories: Repository, **options: Any) -> AbstractContextManager[World]:
        return living(tmp_path, settings, {r.path.name: r for r in repositories}, **options)

    return start


@pytest.fixture
def world(live: Live, rides: Repository) -> Iterator[World]:
    with live(rides) as world:
        yield world
