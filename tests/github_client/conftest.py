from __future__ import annotations

import os
import uuid
from collections.abc import Iterator

import freezegun
import pytest
import responses
from redis import Redis

# By default freezegun leaves alone every module whose name begins with "gi", and so this package.
IGNORED = ["_pytest.runner.", "_pytest.terminal.", "threading", "multiprocessing"]
freezegun.configure(default_ignore_list=IGNORED)


@pytest.fixture
def redis() -> Iterator[Redis]:
    """The test servers' Redis: `python -m config.run servers -- pytest` sets the address."""
    connection = Redis.from_url(os.environ["REDIS_URL"])
    yield connection
    connection.close()


@pytest.fixture
def key(redis: Redis) -> Iterator[str]:
    name = f"test:{uuid.uuid4().hex}:graphql"
    yield name
    for found in redis.scan_iter(f"{name.removesuffix(':graphql')}*"):
        redis.delete(found)


@pytest.fixture
def github() -> Iterator[responses.RequestsMock]:
    """GitHub's HTTP edge. What is not prepared is refused, what was prepared must be asked for."""
    with responses.RequestsMock() as mock:
        yield mock
