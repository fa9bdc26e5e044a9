"""The standing cast: a member with GitHub connected, a stranger who may see none of it, an operator.

Imports of Django stand inside the fixtures, so that the clients' tests run without it (`-p no:django`).
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import responses
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings

if TYPE_CHECKING:
    from pytest_django import Settings

    from accounts.models import User
    from sync.models import Subscription
    from tests.providers import Providers


# How long an example takes tells of the machine and of who else uses it, not of the code.
hypothesis_settings.register_profile("shared", deadline=None, suppress_health_check=[HealthCheck.too_slow])
hypothesis_settings.load_profile("shared")


def pytest_configure(config: pytest.Config) -> None:
    """Each process of a parallel run counts, remembers and limits in Redis databases of its own."""
    worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
    if config.pluginmanager.hasplugin("django"):
        from django.conf import settings

        first = 3 * (int(worker.removeprefix("gw")) % 5)
        settings.BUDGET_URL = urlsplit(settings.BUDGET_URL)._replace(path=f"/{first + 1}").geturl()
        settings.METRICS_URL = urlsplit(settings.METRICS_URL)._replace(path=f"/{first + 2}").geturl()
        settings.CACHES["default"]["LOCATION"] = settings.METRICS_URL


@pytest.fixture(autouse=True)
def static_files_as_they_are(request: pytest.FixtureRequest) -> None:
    """Pages are rendered without `collectstatic` and its manifest."""
    if request.config.pluginmanager.hasplugin("django"):
        settings: Settings = request.getfixturevalue("settings")
        plain = {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}
        settings.STORAGES = {**settings.STORAGES, "staticfiles": plain}


@pytest.fixture(autouse=True)
def pass_phrases_are_checked_in_no_time(request: pytest.FixtureRequest) -> None:
    """What makes guessing slow would take a tenth of the whole suite's time."""
    if request.config.pluginmanager.hasplugin("django"):
        settings: Settings = request.getfixturevalue("settings")
        settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]


@pytest.fixture
def member(db: None) -> User:
    from tests.cast import make_member

    return make_member("12345678")


@pytest.fixture
def subscription(member: User) -> Subscription:
    from tests.cast import subscribe

    return subscribe(member, 583231, "octocat")


@pytest.fixture
def stranger(db: None) -> User:
    """Another member, with another GitHub account."""
    from tests.cast import make_member, subscribe

    stranger = make_member("87654321")
    subscribe(stranger, 9919, "hubot")
    return stranger


@pytest.fixture
def operator(db: None) -> User:
    from tests.cast import make_operator

    return make_operator()


@pytest.fixture
def providers(settings: Settings) -> Iterator[Providers]:
    """Open Humans and GitHub as a browser and our clients meet them; no other request leaves."""
    from django.core.cache import cache

    from tests.providers import GITHUB_API_URL, GITHUB_URL, OPENHUMANS_URL, Providers

    # All tests come from one address, and sign-ins are limited per address.
    cache.clear()
    settings.OPENHUMANS_URL = OPENHUMANS_URL
    settings.GITHUB_URL = GITHUB_URL
    settings.GITHUB_API_URL = GITHUB_API_URL
    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        yield Providers(http)
