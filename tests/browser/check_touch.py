"""One walk by touch alone, on a phone, through fifteen years: from the landing page to the last receipt."""

import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import Locator, Page, expect

from tests.browser.conftest import Visitor
from tests.browser.history import git
from tests.browser.service import Service, running_service
from tests.secrets.planted import FOLDER, MESSAGE, PRIVATE_NAMES

MEMBER = "24681357"
FIRST = datetime(2011, 3, 15, 12, tzinfo=UTC)
DAYS_BETWEEN = 21
SYNC_MS = 180_000
LOOK_MS = 500
PHONE = {"width": 360, "height": 740}

pytestmark = pytest.mark.browser


def make_long_history(folder: Path) -> Path:
    """One commit each three weeks since March 2011."""
    folder.mkdir(parents=True)
    git(folder, "init", "--quiet", "--initial-branch=main")
    at, number = FIRST, 0
    while at < datetime.now(UTC):
        git(folder, "commit", "--quiet", "--allow-empty", "--message", f"Walk {number}", at=at)
        at, number = at + timedelta(days=DAYS_BETWEEN), number + 1
    return folder


@pytest.fixture
def service(visitor: Visitor, tmp_path: Path) -> Iterator[Service]:
    with running_service(tmp_path / "data", make_long_history(tmp_path / "walks")) as service:
        yield service


@pytest.fixture
def phone(visitor: Visitor) -> Iterator[Page]:
    browser = visitor.context.browser
    assert browser is not None
    with browser.new_context(has_touch=True, is_mobile=True, viewport=PHONE) as context:  # type: ignore[arg-type]
        yield context.new_page()


def test_fifteen_years_by_touch_alone(service: Service, phone: Page) -> None:
    arrive(service, phone)
    sync(phone)
    look_at_a_week_of_2011(phone)
    collect_tracks(phone)
    # Searched while there is something that could stand in a wrong place: in the end all of it is gone.
    assert service.private_words_held(MEMBER) == {*PRIVATE_NAMES, MESSAGE}
    service.require_no_leak()
    leave(phone, "Disconnect GitHub", "GitHub is disconnected")
    leave(phone, "Delete my files", "Your files are deleted")
    leave(phone, "Delete my account", "Your account is deleted")
    expect(phone.get_by_text("This page is the receipt, without your name on it.")).to_be_visible()
    assert service.requests_counted("SANDBOX_GITHUB_PORT")["writes"] == 0


def tap_button(phone: Page, name: str) -> None:
    phone.get_by_role("button", name=name, exact=True).tap()


def arrive(service: Service, phone: Page) -> None:
    phone.goto(service.url)
    tap_button(phone, "Sign in with Open Humans")
    phone.get_by_label("Who are you?").fill(MEMBER)
    tap_button(phone, "Authorize project")
    phone.get_by_role("radio", name=re.compile("^Also private repositories")).tap()
    tap_button(phone, "Continue to GitHub")
    phone.get_by_role("button", name="Authorize").tap()


def sync(phone: Page) -> None:
    expect(phone.get_by_role("heading", name="Up to date")).to_be_visible(timeout=SYNC_MS)
    assert sideways(phone) <= 0


def look_at_a_week_of_2011(phone: Page) -> None:
    phone.get_by_role("navigation", name="Year").get_by_role("link", name="2011").tap()
    expect(phone.get_by_role("heading", name="2011", exact=True)).to_be_visible()
    phone.get_by_text("Week by week").tap()
    phone.get_by_role("link", name=re.compile("^W11")).tap()
    expect(phone.get_by_role("heading", name="Week 11 of 2011")).to_be_visible()
    expect(phone.get_by_role("link", name="Walk 0", exact=True)).to_be_visible()
    assert sideways(phone) <= 0


def collect_tracks(phone: Page) -> None:
    """Looked for, shown and read: there is one folder with one ride, and it is offered ticked."""
    phone.get_by_role("navigation", name="Your pages").get_by_role("link", name="Choices").tap()
    phone.get_by_role("link", name=re.compile("^Look for GPS tracks")).tap()
    tap_button(phone, "Look for tracks")
    folder = phone.get_by_role("checkbox", name=re.compile(FOLDER))
    wait_on(phone, folder)
    expect(folder).to_be_checked()
    tap_button(phone, "Read the ticked folders")
    wait_on(phone, phone.get_by_role("heading", name="What your files hold"))
    assert sideways(phone) <= 0


def wait_on(phone: Page, wanted: Locator) -> None:
    """This page does not grow by itself: a person opens it again."""
    deadline = time.monotonic() + SYNC_MS / 1000
    while not wanted.is_visible():
        assert time.monotonic() < deadline, phone.locator("main").inner_text()
        phone.wait_for_timeout(LOOK_MS)
        phone.goto(phone.url)


def leave(phone: Page, act: str, receipt: str) -> None:
    """Each act by its own page: the list of acts, the question, the receipt."""
    phone.get_by_role("navigation", name="Your pages").get_by_role("link", name="Leaving").tap()
    phone.get_by_role("link", name=re.compile(f"^{act}")).tap()
    tap_button(phone, act)
    expect(phone.get_by_role("heading", name=receipt)).to_be_visible(timeout=SYNC_MS)
    assert sideways(phone) <= 0


def sideways(phone: Page) -> int:
    return int(phone.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))
