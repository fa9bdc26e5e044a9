"""A real Chromium whose complaints are errors."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Error, Page, expect, sync_playwright


def executable() -> str | None:
    """The environment's Chromium, the system's, or None for playwright's own."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")


# A busy machine is no defect: what is looked for has time to appear.
PATIENCE_MS = 30_000
expect.set_options(timeout=PATIENCE_MS)
ARGUMENTS = [
    "--no-sandbox",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
]


class Visitor:
    """A person at a browser: what the console says against our pages is kept."""

    def __init__(self, context: BrowserContext) -> None:
        self.context = context
        self.page: Page = context.new_page()
        self.complaints: list[str] = []
        self.page.on("console", self._hear)
        self.page.on("pageerror", lambda error: self.complaints.append(f"{self.page.url}: {error}"))

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.location['url'] or self.page.url}: {message.text}")

    def complaints_about(self, site: str) -> list[str]:
        return [complaint for complaint in self.complaints if complaint.startswith(site)]

    def keep_picture(self, name: str) -> None:
        """The page on a phone and on a desk, into the folder SCREENSHOTS names."""
        folder = os.environ.get("SCREENSHOTS")
        if not folder:
            return
        for width, height in ((360, 740), (1280, 800)):
            self.page.set_viewport_size({"width": width, "height": height})
            self.page.screenshot(path=Path(folder) / f"{name}-{width}.png", full_page=True)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One for all tests of a module; none of them reaches anything but this machine."""
    with sync_playwright() as playwright:
        try:
            browser = playwright.chromium.launch(executable_path=executable(), args=ARGUMENTS)
        except Error as error:
            if os.environ.get("CI") == "true":
                raise
            pytest.skip(f"NO BROWSER, so the main job is NOT tested in one: {error.message.splitlines()[0]}")
        with browser:
            yield browser


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[Visitor]:
    """Somebody with no cookies, and nothing in the cache."""
    with chromium.new_context(viewport={"width": 1280, "height": 800}) as context:
        yield Visitor(context)
