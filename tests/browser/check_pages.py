"""Every page in every state, in a real Chromium: `make browser`."""

import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import BrowserContext, Page, expect
from pytest_django.live_server_helper import LiveServer

from sync.models import Subscription
from tests.browser.conftest import Visitor
from tests.browser.states import STATES, WEEK, State, archive, syncing, with_private, with_something_left_out
from tests.secrets.pages import searched as searched
from tests.sync.broker import sent as sent
from tests.sync.page_words import signed_in

# Playwright's loop runs in this thread while Django's rows are made in it.
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
PHONE, DESK = {"width": 360, "height": 740}, {"width": 1280, "height": 800}
RULES = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice")
SMALLEST_TARGET = 24
SMALLEST_BUTTON = 44

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]


def sign_in(context: BrowserContext, live_server: LiveServer, subscription: Subscription) -> None:
    key = signed_in(subscription.user).session.session_key
    context.add_cookies([{"name": "sessionid", "value": str(key), "url": live_server.url}])


@pytest.fixture
def page(visitor: Visitor, live_server: LiveServer, subscription: Subscription, sent: Any) -> Iterator[Page]:
    """A member's browser; whatever its console says against our pages fails the test."""
    sign_in(visitor.context, live_server, subscription)
    yield visitor.page
    assert [
        line for line in visitor.complaints_about(live_server.url) if "the server responded" not in line
    ] == []


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.name)
def test_a_page_is_fit_for_everybody(
    page: Page, visitor: Visitor, live_server: LiveServer, subscription: Subscription, state: State
) -> None:
    state.prepare(subscription)
    if not state.is_signed_in:
        visitor.context.clear_cookies()
    with state.during():
        response = page.goto(live_server.url + state.path)
        assert response is not None
        assert response.status == state.expected
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            for size in (PHONE, DESK):
                page.set_viewport_size(size)  # type: ignore[arg-type]
                assert sideways(page) <= 0
            assert violations(page) == []
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        assert too_small(page) == []
        keep_pictures(page, visitor, state.name)


def violations(page: Page) -> list[str]:
    options = {"runOnly": {"type": "tag", "values": list(RULES)}}
    found = Axe().run(page, options=options).response["violations"]
    return [f"{item['id']}: {node['html'][:120]}" for item in found for node in item["nodes"]]


def sideways(page: Page) -> int:
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def too_small(page: Page) -> list[str]:
    """Targets a finger would miss; links inside a sentence may be as small as its letters (WCAG 2.5.8).

    A link alone in its paragraph is inside no sentence: what a reader sees beside it makes one.
    """
    small: list[str] = page.evaluate(
        """([target, button]) => [...document.querySelectorAll("a, button, input, summary")]
            .filter((element) => element.checkVisibility() && !element.matches(".skip"))
            .filter((element) => {
                const around = element.closest("p, dd, li");
                if (element.matches(".button") || !element.matches("a") || !around) return true;
                return around.innerText.trim() === element.innerText.trim();
            })
            .map((element) => [element, (element.closest("label") ?? element).getBoundingClientRect()])
            .filter(([element, box]) => {
                const least = element.matches(".button, button") ? button : target;
                return box.width > 0 && (box.height < least || box.width < target);
            })
            .map(([element, box]) => `${element.outerHTML.slice(0, 90)} ${box.width}x${box.height}`)""",
        [SMALLEST_TARGET, SMALLEST_BUTTON],
    )
    return small


def keep_pictures(page: Page, visitor: Visitor, name: str) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        visitor.keep_picture(f"{name}-{scheme}")


# --- What happens while somebody looks ---


def test_state_and_next_action_are_the_first_thing_on_a_phone(
    page: Page, live_server: LiveServer, subscription: Subscription
) -> None:
    archive(subscription)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.goto(f"{live_server.url}/dashboard/")
    for seen in (page.get_by_role("heading", level=1), page.get_by_role("button", name="Update now")):
        box = seen.bounding_box()
        assert box is not None
        assert box["y"] + box["height"] < PHONE["height"]


@pytest.mark.parametrize(
    ("change", "headline"),
    [
        ({"status": "reconnect_github"}, "Connect GitHub again"),
        ({"status": "reconnect_openhumans"}, "Sign in with Open Humans again"),
    ],
)
def test_access_that_ends_is_shown_to_who_is_looking(
    page: Page, live_server: LiveServer, subscription: Subscription, change: dict[str, str], headline: str
) -> None:
    syncing(subscription)
    page.goto(f"{live_server.url}/dashboard/")
    expect(page.get_by_role("heading", name="Syncing")).to_be_visible()
    subscription.runs.active().update(state="failed")
    Subscription.objects.update(**change)

    expect(page.get_by_role("heading", name=headline)).to_be_visible()
    expect(page.get_by_role("progressbar")).to_have_count(0)


def test_the_limit_strikes_while_somebody_looks_in_two_tabs(
    page: Page, visitor: Visitor, live_server: LiveServer, subscription: Subscription
) -> None:
    syncing(subscription)
    tabs = [page, visitor.context.new_page()]
    for tab in tabs:
        tab.goto(f"{live_server.url}/dashboard/")
    subscription.runs.active().update(state="waiting", wait_reason="github_limit")

    for tab in tabs:
        expect(tab.get_by_role("heading", name="Waiting for GitHub")).to_be_visible()


def test_an_erasing_is_followed_to_its_end_by_the_receipt(
    page: Page, live_server: LiveServer, subscription: Subscription
) -> None:
    archive(subscription)
    page.goto(f"{live_server.url}/leaving/")
    page.get_by_role("link", name="Delete my files").click()
    page.get_by_role("button", name="Delete my files").dblclick()
    expect(page.get_by_role("heading", name="Deleting your files")).to_be_visible()
    assert subscription.runs.filter(trigger="erase").count() == 1

    run = subscription.runs.get(trigger="erase")
    receipt = run.receipt
    receipt.files, receipt.files_deleted = "done", 15
    receipt.listed_at = receipt.finished_at = receipt.created_at
    receipt.save()
    expect(page.get_by_role("heading", name="Your files are deleted")).to_be_visible()
    expect(page.get_by_text("showed no file of ours any more")).to_be_visible()


@pytest.mark.parametrize("is_scripted", [True, False])
def test_everything_works_by_keyboard_and_forms_with_and_without_script(
    page: Page, visitor: Visitor, live_server: LiveServer, subscription: Subscription, *, is_scripted: bool
) -> None:
    archive(subscription)
    browser = visitor.context.browser
    assert browser is not None
    with browser.new_context(java_script_enabled=is_scripted) as context:
        sign_in(context, live_server, subscription)
        tab = context.new_page()
        tab.goto(f"{live_server.url}/choices/")
        tab.get_by_role("button", name="Pause").press("Enter")
        expect(tab.get_by_role("heading", name="Paused")).to_be_visible()
        tab.get_by_role("button", name="Go on collecting").press("Enter")
        expect(tab.get_by_role("heading", name="about to start")).to_be_visible()
        tab.go_back()
        tab.goto(f"{live_server.url}/choices/")
        tab.get_by_role("checkbox", name="Write to me").uncheck()
        tab.get_by_role("button", name="Save").click()
        expect(tab.get_by_text("Your choices are saved.")).to_be_visible()
    assert Subscription.objects.get().agreement["messages"] is False


def test_times_are_the_readers_own_with_utc_on_hover(
    visitor: Visitor, live_server: LiveServer, subscription: Subscription, sent: Any
) -> None:
    archive(subscription)
    browser = visitor.context.browser
    assert browser is not None
    with browser.new_context(timezone_id="Pacific/Auckland") as context:
        sign_in(context, live_server, subscription)
        tab = context.new_page()
        tab.goto(f"{live_server.url}/dashboard/")
        shown = tab.locator("time").first
        synced_at = Subscription.objects.get().synced_at
        assert synced_at is not None
        assert "UTC" not in (shown.text_content() or "UTC")
        assert shown.get_attribute("title") == f"{synced_at:%Y-%m-%d %H:%M:%S} UTC"


@pytest.mark.parametrize("is_swapped", ["archive", "status"])
def test_what_is_open_and_where_the_keyboard_is_outlast_news(
    page: Page, live_server: LiveServer, subscription: Subscription, is_swapped: str
) -> None:
    syncing(subscription)
    page.goto(f"{live_server.url}/dashboard/")
    weeks = page.locator("details.weeks")
    weeks.locator("summary").click()
    summary = page.locator("#older-files > summary")
    summary.focus()
    page.evaluate(
        "document.querySelectorAll('#status, #archive').forEach((part) => { part.dataset.old = ''; })"
    )
    if is_swapped == "archive":
        subscription.year_files.filter(year=WEEK.year).update(generation=99)
    expect(page.locator(f"#{is_swapped}[data-old]")).to_have_count(0)

    expect(weeks).to_have_attribute("open", "")
    expect(summary).to_be_focused()


# --- Impatient hands ---

BUTTONS = (
    ("/dashboard/", archive),
    ("/choices/", archive),
    ("/choices/repositories/", with_something_left_out),
    ("/choices/account/", archive),
    ("/choices/private/", with_private),
    ("/leaving/github/", archive),
    ("/leaving/files/", archive),
    ("/leaving/account/", archive),
    ("/connect/", archive),
)


@pytest.mark.parametrize(("path", "prepare"), BUTTONS, ids=[path for path, _ in BUTTONS])
def test_a_double_click_on_any_button_does_it_once_and_breaks_nothing(
    page: Page,
    visitor: Visitor,
    live_server: LiveServer,
    subscription: Subscription,
    path: str,
    prepare: Callable[[Subscription], None],
) -> None:
    prepare(subscription)
    broken: list[str] = []
    page.on("response", lambda answer: broken.append(answer.url) if answer.status >= 500 else None)
    page.route(re.compile("/login/oauth/authorize"), lambda route: route.fulfill(body="GitHub"))
    page.goto(live_server.url + path)
    for number in range(page.get_by_role("button").count()):
        sign_in(visitor.context, live_server, subscription)
        page.goto(live_server.url + path)
        button = page.get_by_role("button").nth(number)
        if not button.count():
            break  # the page offers less now: something was asked for
        if path == "/choices/account/":
            page.get_by_role("radio").first.check()
        button.dblclick()
        page.wait_for_load_state()
        assert broken == []
        assert subscription.runs.active().count() <= 1


def test_back_shows_what_is_true_now(page: Page, live_server: LiveServer, subscription: Subscription) -> None:
    archive(subscription)
    page.goto(f"{live_server.url}/choices/")
    page.goto(f"{live_server.url}/dashboard/")
    expect(page.get_by_role("heading", name="Up to date")).to_be_visible()
    page.goto(f"{live_server.url}/choices/")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_role("heading", name="Paused")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("button", name="Go on collecting")).to_be_visible()
    page.go_back()
    expect(page.get_by_role("heading", name="Paused")).to_be_visible()


def test_a_choice_is_asked_about_and_the_way_back_changes_nothing(
    page: Page, live_server: LiveServer, subscription: Subscription
) -> None:
    archive(subscription)
    page.goto(f"{live_server.url}/choices/")
    page.get_by_role("checkbox", name="Messages, titles and texts").check()
    page.get_by_role("button", name="Continue …").click()
    expect(page.get_by_role("heading", name="Leave this out?")).to_be_visible()
    assert violations(page) == []
    page.get_by_role("link", name="No, go back").click()
    expect(page.get_by_role("heading", name="Your choices")).to_be_visible()
    assert "texts" not in Subscription.objects.get().agreement
    page.get_by_role("checkbox", name="Messages, titles and texts").check()
    page.get_by_role("button", name="Continue …").click()
    page.get_by_role("button", name="Leave it out").click()
    expect(page.get_by_role("heading", name="Taking out what you removed")).to_be_visible()
    assert Subscription.objects.get().agreement["texts"] is False


def test_reduced_motion_is_respected(page: Page, live_server: LiveServer, subscription: Subscription) -> None:
    syncing(subscription)
    page.emulate_media(reduced_motion="reduce")
    page.goto(f"{live_server.url}/dashboard/")
    moving = "document.getAnimations().filter((each) => each.playState === 'running').length"
    assert page.evaluate(moving) == 0
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(moving) > 0


@pytest.mark.parametrize("width", [320, 1920, 3840])
def test_nothing_scrolls_sideways_from_the_smallest_phone_to_4k(
    page: Page, live_server: LiveServer, subscription: Subscription, width: int
) -> None:
    with_something_left_out(subscription)
    page.set_viewport_size({"width": width, "height": 900})
    for path in ("/dashboard/", "/choices/", "/choices/repositories/", "/your-data/"):
        page.goto(live_server.url + path)
        assert sideways(page) <= 0
