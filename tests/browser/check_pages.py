"""Every page in every state, in a real Chromium: `make browser`."""

import os
from collections.abc import Iterator
from itertools import count, product
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.db.models import F
from playwright.sync_api import BrowserContext, Locator, Page, expect
from pytest_django.live_server_helper import LiveServer

from sync.models import Subscription, SyncRun
from tests.browser.conftest import Visitor
from tests.browser.refusal_states import REFUSALS
from tests.browser.states import STATES, WEEK, State, archive, syncing, with_something_left_out
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


ALL = {state.name: state for state in (*STATES, *REFUSALS)}


@pytest.mark.parametrize("state", ALL.values(), ids=ALL)
def test_a_page_is_fit_for_everybody(
    page: Page, visitor: Visitor, live_server: LiveServer, subscription: Subscription, state: State
) -> None:
    state.prepare(subscription)
    if not state.is_signed_in:
        visitor.context.clear_cookies()
    with state.during():
        assert visit(page, live_server, state) == state.expected
        for scheme, size in product(("light", "dark"), (PHONE, DESK)):
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.set_viewport_size(size)  # type: ignore[arg-type]
            assert sideways(page) <= 0
            assert violations(page) == []
        page.set_viewport_size(PHONE)  # type: ignore[arg-type]
        assert too_small(page) == []
        keep_pictures(page, visitor, state.name)


def visit(page: Page, live_server: LiveServer, state: State) -> int:
    """To where the state is seen; its HTTP status."""
    response = page.goto(live_server.url + state.path)
    if state.then is not None:
        with page.expect_navigation() as reached:
            state.then(page)
        response = reached.value
    assert response is not None
    return response.status


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


# A state of the dashboard, its headline, and by its role and name what is to be seen beside it.
FIRST_SEEN = (
    ("dashboard", "Up to date", "button", "Update now"),
    ("dashboard-new", "Nothing has been collected yet", "button", "Update now"),
    ("dashboard-queued", "An update is about to start", "progressbar", None),
    ("dashboard-syncing", "Syncing", "progressbar", None),
    ("dashboard-first-minute", "Syncing", "progressbar", None),
    ("dashboard-first-sync", "Syncing", "progressbar", None),
    ("dashboard-waiting", "Waiting for GitHub until", "progressbar", None),
    ("dashboard-github-away", "GitHub is not answering", "progressbar", None),
    ("dashboard-openhumans-away", "Open Humans is not answering", "progressbar", None),
    ("dashboard-site-waits", "Updates have stopped for a while", "progressbar", None),
    ("dashboard-all-stopped", "Up to date", "button", "Update now"),
    ("dashboard-failed", "We could not read GitHub's answer", "button", "Update now"),
    ("dashboard-cancelled", "The last update was stopped", "button", "Update now"),
    ("dashboard-given-up", "Paused", "button", "Try again"),
    ("dashboard-paused", "Paused", "button", "Go on collecting"),
    ("dashboard-paused-by-operator", "Paused", None, None),
    ("dashboard-connect-again", "Connect GitHub again", "link", "Connect GitHub again"),
    ("dashboard-sign-in-again", "Sign in with Open Humans again", "button", "Sign in with Open Humans again"),
    ("dashboard-disconnected", "GitHub is not connected", "link", "Connect GitHub again"),
    ("dashboard-another-account", "GitHub is not connected", "link", "Connect GitHub"),
    ("dashboard-deleting", "Deleting your files", "link", "See the receipt"),
    ("dashboard-rewriting", "Taking out what you removed", None, None),
)


@pytest.mark.parametrize(
    ("name", "headline", "role", "label"), FIRST_SEEN, ids=[name for name, *_ in FIRST_SEEN]
)
def test_state_and_next_action_are_the_first_thing_on_a_phone(
    page: Page,
    live_server: LiveServer,
    subscription: Subscription,
    name: str,
    headline: str,
    role: Any,
    label: str | None,
) -> None:
    ALL[name].prepare(subscription)
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    with ALL[name].during():
        visit(page, live_server, ALL[name])
    status = page.locator("#status")
    seen = [status.get_by_role("heading", level=1, name=headline)]
    seen += [status.get_by_role(role, name=label)] if role else []
    for each in seen:
        box = each.bounding_box()
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
    else:
        subscription.runs.update(requests=F("requests") + 1)
    expect(page.locator(f"#{is_swapped}[data-old]")).to_have_count(0)

    expect(weeks).to_have_attribute("open", "")
    expect(summary).to_be_focused()


# --- Impatient hands ---

PRESSED = (
    "landing",
    "new-here",
    "connect",
    "connect-again",
    "dashboard",
    "dashboard-removed",
    "dashboard-paused",
    "dashboard-given-up",
    "dashboard-sign-in-again",
    "choices",
    "choices-removed",
    "left-out-places",
    "confirm-places",
    "confirm-texts",
    "organizations",
    "confirm-organizations",
    "change-account",
    "leave-out-private",
    "remove-record",
    "remove-repository",
    "tracks-off",
    "tracks-found",
    "tracks",
    "leave-github",
    "leave-files",
    "leave-account",
)


@pytest.mark.parametrize("name", PRESSED)
def test_a_double_click_on_any_button_does_it_once_and_breaks_nothing(
    page: Page, visitor: Visitor, live_server: LiveServer, subscription: Subscription, name: str
) -> None:
    state = ALL[name]
    state.prepare(subscription)
    answers: list[int] = []
    page.on("response", lambda answer: answers.append(answer.status))
    with state.during():
        for number in count():
            visitor.context.clear_cookies()
            if state.is_signed_in:
                sign_in(visitor.context, live_server, subscription)
            visit(page, live_server, state)
            if name == "change-account":
                page.get_by_role("radio").first.check()
            if number >= page.get_by_role("button").count():
                break
            double_click(page, page.get_by_role("button").nth(number))
            assert max(answers) < 400
            assert SyncRun.objects.active().count() <= 1


def double_click(page: Page, button: Locator) -> None:
    """Until another page has come."""
    page.evaluate("document.documentElement.dataset.old = ''")
    button.dblclick()
    expect(page.locator("html[data-old]")).to_have_count(0)
    page.wait_for_load_state()


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
