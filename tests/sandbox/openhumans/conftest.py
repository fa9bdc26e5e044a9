from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sandbox.openhumans.app import create_app
from sandbox.openhumans.options import Options
from sandbox.server import running
from tests.sandbox.openhumans.member import Alice


@pytest.fixture
def app(tmp_path: Path) -> Flask:
    return create_app(Options(folder=tmp_path))


@pytest.fixture
def make_app(tmp_path: Path) -> Callable[..., Flask]:
    return lambda **options: create_app(Options(folder=tmp_path, **options))


@pytest.fixture
def alice(app: Flask) -> Alice:
    """A member who has just signed in."""
    return Alice(app.test_client())


@pytest.fixture
def http(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def base_url(app: Flask) -> Iterator[str]:
    with running(app) as base_url:
        yield base_url
