"""The pictures of the README: `make screenshots` writes them to docs/screenshots."""

from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Page
from pytest_django.live_server_helper import LiveServer

from sync.models import Subscription
from tests.browser.check_pages import ALL, PHONE, sign_in, visit
from tests.browser.conftest import Visitor
from tests.sync.broker import sent as sent

FOLDER = Path(__file__).resolve().parent.parent.parent / "docs" / "screenshots"
MOST_BYTES = 300_000
# States whose names are those of their pictures.
PICTURES = ("landing", "connect", "dashboard", "week", "choices", "leaving")

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_taken(
    visitor: Visitor, live_server: LiveServer, subscription: Subscription, sent: Any, name: str
) -> None:
    state = ALL[name]
    state.prepare(subscription)
    if state.is_signed_in:
        sign_in(visitor.context, live_server, subscription)
    with state.during():
        assert visit(visitor.page, live_server, state) == state.expected
    keep(visitor.page, name)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_the_first_sync(
    visitor: Visitor,
    live_server: LiveServer,
    subscription: Subscription,
    sent: Any,
    scheme: Literal["light", "dark"],
) -> None:
    ALL["dashboard-first-sync"].prepare(subscription)
    sign_in(visitor.context, live_server, subscription)
    visitor.page.emulate_media(color_scheme=scheme)
    visitor.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    visit(visitor.page, live_server, ALL["dashboard-first-sync"])
    keep(visitor.page, f"phone-{scheme}")


def keep(page: Page, name: str) -> None:
    path = FOLDER / f"{name}.png"
    page.screenshot(path=path)
    assert 10_000 < path.stat().st_size < MOST_BYTES
