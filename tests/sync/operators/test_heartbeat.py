"""The sign of life after each scan."""

import logging

import pytest
import requests
import responses
from django.core.cache import cache
from pytest_django import Settings

from sync import actors
from sync.operators import heartbeat
from sync.scanning import last_scan

URL = "https://monitor.test/ping/secret-of-ours"


@pytest.fixture(autouse=True)
def heart(settings: Settings) -> None:
    settings.HEARTBEAT_URL = URL
    cache.delete(heartbeat.FAILED_KEY)


@responses.activate
@pytest.mark.django_db(transaction=True)
def test_each_scan_is_told() -> None:
    beat = responses.get(URL)
    cache.clear()

    actors.scan.fn()
    actors.scan.fn()

    assert beat.call_count == 2
    assert last_scan() is not None


@responses.activate
def test_without_the_setting_nobody_is_called(settings: Settings) -> None:
    settings.HEARTBEAT_URL = ""
    heartbeat.beat()
    assert len(responses.calls) == 0


@responses.activate
def test_a_failure_is_logged_once_until_it_works_again(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    for outcome in (500, 500, 500, 200, 500):
        responses.get(URL, status=outcome)
    for _ in range(5):
        heartbeat.beat()

    assert [record.getMessage() for record in caplog.records] == [
        "HEARTBEAT_URL cannot be reached (HTTPError)."
    ] * 2
    assert "secret-of-ours" not in caplog.text


@responses.activate
@pytest.mark.django_db(transaction=True)
def test_a_monitor_that_is_down_does_not_fail_the_scan() -> None:
    responses.get(URL, body=requests.ConnectTimeout())

    actors.scan.fn()

    assert last_scan() is not None
