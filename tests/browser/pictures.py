"""The pictures of the README: `make screenshots` writes them to docs/screenshots."""

from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from sync.models import Subscription
from tests.browser.check_pages import sign_in
from tests.browser.conftest import Visitor
from tests.browser.states import WEEK, archive, first_sync, on_open_humans, week_file
from tests.sync.broker import sent as sent

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "screenshots"
MOST_BYTES = 300_000
WEEK_PATH = f"/weeks/{WEEK}/"
PICTURES = {
    "landing": "/",
    "connect": "/connect/",
    "dashboard": "/dashboard/",
    "week": WEEK_PATH,
    "choices": "/choices/",
    "leaving": "/leaving/",
}

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.fixture
def page(visitor: Visitor, live_server: LiveServer, subscription: Subscription, sent: Any) -> Page:
    sign_in(visitor.context, live_server, subscription)
    archive(subscription)
    return visitor.page


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_taken(page: Page, visitor: Visitor, live_server: LiveServer, name: str) -> None:
    if name == "landing":
        visitor.context.clear_cookies()
    with on_open_humans(week_file()):
        page.goto(live_server.url + PICTURES[name])
    keep(page, name)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_first_sync(
    page: Page, live_server: LiveServer, subscription: Subscription, scheme: Literal["light", "dark"]
) -> None:
    first_sync(subscription)
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": 360, "height": 740})
    page.goto(f"{live_server.url}/dashboard/")
    keep(page, f"phone-{scheme}")


def keep(page: Page, name: str) -> None:
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    assert 10_000 < path.stat().st_size < MOST_BYTES
