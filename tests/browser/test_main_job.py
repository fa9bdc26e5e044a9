"""The whole main job as a person meets it: real processes, real history, a real browser."""

import json
import re
import signal
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Visitor
from tests.browser.history import COMMITS, make_repository
from tests.browser.service import (
    STOP_SECONDS,
    Service,
    descendants_of,
    is_alive,
    is_free,
    running_service,
    temporary_folder_of,
    wait_until,
)

MEMBER = "12345678"
SYNC_MS = 60_000
# Slow enough that a sync of sixty commits can be watched, and each of its files by itself.
LATENCY_MS = 600
FILES_LATENCY_MS = 400
# All that the status says from now on, by its own swaps: another page would know nothing of it.
KEEP_READINGS = """() => {
  const read = () => window.readings.push(document.getElementById("status").innerText);
  window.readings = [];
  new MutationObserver(read).observe(document.body, {childList: true, subtree: true});
  read();
}"""

pytestmark = pytest.mark.browser


@pytest.fixture
def service(visitor: Visitor, tmp_path: Path) -> Iterator[Service]:
    """The browser comes first: without one there is no reason to start anything."""
    with running_service(tmp_path / "data", make_repository(tmp_path / "diary")) as service:
        yield service


def test_a_stranger_signs_in_connects_github_and_watches_the_archive_grow(
    service: Service, visitor: Visitor
) -> None:
    page = visitor.page
    sign_in(service, visitor)
    choose_public(service, visitor)
    authorize_github(service, page)
    watch_the_sync(service, visitor)
    look_at_the_archive(page)
    visitor.keep_picture("dashboard")
    download_every_file(page)
    assert visitor.complaints_about(service.url) == []

    kinds = {"code", "state", "code_verifier", "authorization", "signature", "key"}
    assert kinds <= set(service.heard.values())
    service.require_no_leak()
    processes = [service.process.pid, *descendants_of(service.process.pid)]
    assert len(processes) > 5
    named = {temporary_folder_of(pid) for pid in processes} - {None}
    assert named == {str(service.data_folder / "tmp")}, "what they leave there is searched as well"
    stop(service)
    wait_until(lambda: not any(map(is_alive, processes)), 10, lambda: f"still there: {processes}")
    assert all(map(is_free, service.ports.values()))


def sign_in(service: Service, visitor: Visitor) -> None:
    page = visitor.page
    page.goto(service.url)
    expect(page.get_by_text("Sandbox: not real data")).to_be_visible()
    visitor.keep_picture("landing")
    page.get_by_role("button", name="Sign in with Open Humans").click()

    expect(page).to_have_url(re.compile(re.escape(service.openhumans.url)))
    asked = parse_qs(urlsplit(page.url).query)
    assert asked["state"]
    assert asked["code_challenge_method"] == ["S256"]
    page.get_by_label("Who are you?").fill(MEMBER)
    page.get_by_role("button", name="Authorize project").click()


def choose_public(service: Service, visitor: Visitor) -> None:
    page = visitor.page
    expect(page).to_have_url(f"{service.url}/connect/")
    visitor.keep_picture("connect")
    expect(page.get_by_role("radio", name=re.compile("^Public activity"))).to_be_checked()
    page.get_by_role("button", name="Continue to GitHub").click()


def authorize_github(service: Service, page: Page) -> None:
    expect(page).to_have_url(re.compile(re.escape(service.github.url)))
    asked = parse_qs(urlsplit(page.url).query)
    assert asked["scope"] == ["read:user"]
    assert asked["state"]
    service.switch("SANDBOX_GITHUB_PORT", latency_ms=LATENCY_MS)
    service.switch("SANDBOX_OPENHUMANS_PORT", latency_ms=FILES_LATENCY_MS)
    page.get_by_role("button", name="Authorize").click()


def watch_the_sync(service: Service, visitor: Visitor) -> None:
    """From the first run to its end on one and the same page: a reload would forget the readings."""
    page = visitor.page
    expect(page).to_have_url(f"{service.url}/dashboard/")
    page.evaluate(KEEP_READINGS)
    expect(page.get_by_role("progressbar")).to_be_visible()
    expect(page.get_by_text("You can close this page")).to_be_visible()
    visitor.keep_picture("dashboard-syncing")

    expect(page.get_by_role("heading", name="Up to date")).to_be_visible(timeout=SYNC_MS)
    expect(page.get_by_role("progressbar")).to_have_count(0)
    expect(page.get_by_role("heading", name="Your files on Open Humans")).to_be_visible()
    expect(page.locator("table.files tbody tr").first).to_be_visible()
    readings = "\n".join(page.evaluate("window.readings"))
    require_rise(readings, r"([\d,]+) of [\d,]+ weeks? saved")
    require_rise(readings, r"([\d,]+) requests? to GitHub so far")
    service.switch("SANDBOX_OPENHUMANS_PORT", latency_ms=0)
    assert service.requests_counted("SANDBOX_GITHUB_PORT")["writes"] == 0


def require_rise(readings: str, pattern: str) -> None:
    """The number was seen to move, and only upwards."""
    numbers = [int(number.replace(",", "")) for number in re.findall(pattern, readings)]
    assert len(set(numbers)) > 1, f"{pattern} stood still: {numbers}"
    assert numbers == sorted(numbers)


def look_at_the_archive(page: Page) -> None:
    state = page.request.get(urljoin(page.url, "status.json")).json()
    assert (state["state"], state["is_running"], state["error"]) == ("succeeded", False, None)
    assert state["weeks_held"] == state["weeks_known"] > 50

    maps = page.get_by_role("img", name=re.compile("contributions? on"))
    expect(maps).to_have_count(2)
    assert maps.first.bounding_box() is not None
    assert maps.locator(".level-1, .level-2, .level-3, .level-4").count() > 0
    page.get_by_text("Week by week").click()
    expect(page.locator(".week-list .state.complete").first).to_be_visible()
    expect(page.get_by_text("You connected GitHub")).to_be_visible()


def download_every_file(page: Page) -> None:
    """Through the links a person sees; all commits are in the files of the years, once."""
    contents: dict[str, str] = {}
    links = page.locator("table.files").get_by_role("link", name="Download")
    for number in range(links.count()):
        with page.expect_download() as started:
            links.nth(number).click()
        contents[started.value.suggested_filename] = Path(started.value.path()).read_text(encoding="utf-8")
    assert contents.pop("github-daily.csv").startswith("date,contributions,commits")
    assert json.loads(contents.pop("github-profile.json"))["format"] == "github-profile/1"
    oids = []
    for name, content in contents.items():
        year = json.loads(content)
        assert (name, year["format"]) == (f"github-{year['year']}.json", "github-weeks/1")
        oids += [commit["oid"] for week in year["weeks"].values() for commit in week["commits"]]
    assert len(oids) == len(set(oids)) == COMMITS


def stop(service: Service) -> None:
    service.process.send_signal(signal.SIGINT)
    assert service.process.wait(STOP_SECONDS) in {0, 130}
