"""The pages that say no: what went wrong, and what a visitor can do about it."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict
from typing import Any
from unittest.mock import patch

from django.utils import timezone
from playwright.sync_api import Page

import openhumans_client as openhumans
from accounts import failures
from accounts.failures import SignInFailed
from accounts.models import User
from sync.leaving.erasing import Unconnected
from sync.models import Subscription
from sync.pages.downloads import FileGone, TooManyStreams
from tests.browser import track_states
from tests.browser.states import WEEK, State, archive, ask, file_of_week, never_connected, on_open_humans
from tests.sync.factories import make_finished_run

FILE, WEEK_PAGE = "/files/77/look/", f"/weeks/{WEEK}/"
CALLBACKS = {name: f"/accounts/{name}/login/callback/" for name in ("openhumans", "github")}
GONE = FileGone()
ENDED = openhumans.Unauthorized("GET /api/direct-sharing/project/ answered 401", is_expired=False)
AWAY = openhumans.Unavailable("GET /api/direct-sharing/project/ answered 503")
SLOW = openhumans.Unavailable("GET /api/direct-sharing/project/ took too long", is_timeout=True)


def raising(function: str, error: Exception) -> Callable[[], AbstractContextManager[Any]]:
    return lambda: patch(function, side_effect=error)


def fetching(error: Exception) -> Callable[[], AbstractContextManager[Any]]:
    return raising("sync.pages.downloads.fetch", error)


def ended_by(failure: SignInFailed) -> Callable[[], AbstractContextManager[Any]]:
    """A way back from a provider that ends like this, whatever it would have ended like."""
    return lambda: patch("accounts.failures.unknown_state", return_value=failure)


def leaving_midway() -> AbstractContextManager[Any]:
    """The membership was about to end when Open Humans became slow."""

    def end(member: User, *_args: object) -> None:
        member.erasure = asdict(Unconnected(is_ending=True))
        raise SLOW

    return patch("sync.leaving.erasing.end_unconnected", end)


def as_an_operator(subscription: Subscription) -> None:
    never_connected(subscription)
    User.objects.filter(pk=subscription.user_id).update(open_humans_id=None, is_staff=True)


def update_from_an_old_tab(page: Page) -> None:
    """The update that ends meanwhile is not seen on the page that is open."""
    make_finished_run(Subscription.objects.get(), timezone.now())
    ask("Update now")(page)


def send_an_expired_form(page: Page) -> None:
    page.context.clear_cookies(name="csrftoken")
    ask("Sign in with Open Humans")(page)


def send_too_many_fields(page: Page) -> None:
    page.evaluate(
        """() => {
            const form = document.querySelector("main form");
            for (let number = 0; number < 1001; number += 1) {
                const field = document.createElement("input");
                Object.assign(field, {type: "hidden", name: `field-${number}`});
                form.append(field);
            }
        }"""
    )
    ask("Sign in with Open Humans")(page)


REFUSALS = (
    State("error-400", "/", is_signed_in=False, expected=400, then=send_too_many_fields),
    State("error-403", "/connect/", as_an_operator, expected=403),
    State("error-403-form", "/", is_signed_in=False, expected=403, then=send_an_expired_form),
    State("error-404", "/nowhere/", is_signed_in=False, expected=404),
    State("error-405", "/choices/pause/", expected=405),
    State("error-429-update", "/dashboard/", archive, expected=429, then=update_from_an_old_tab),
    State(
        "error-429-address", "/",
        during=lambda: patch("accounts.throttle.is_over_limit", return_value=True),
        is_signed_in=False, expected=429, then=ask("Sign in with Open Humans"),
    ),
    State(
        "error-500", "/",
        during=raising("sync.views.example_year", RuntimeError("broken on purpose")),
        is_signed_in=False, expected=500,
    ),
    State("account-inactive", "/accounts/inactive/", is_signed_in=False),
    State("sign-in-too-old", CALLBACKS["openhumans"], is_signed_in=False, expected=400),
    State(
        "sign-in-not-answering", CALLBACKS["openhumans"],
        during=ended_by(failures.not_answering("openhumans")), is_signed_in=False, expected=502,
    ),
    State(
        "sign-in-not-accepted", CALLBACKS["openhumans"],
        during=ended_by(failures.not_accepted("openhumans")), is_signed_in=False, expected=503,
    ),
    State(
        "connect-denied", CALLBACKS["github"], never_connected,
        ended_by(failures.consent_denied("github")), expected=403,
    ),
    State(
        "connect-with-another-account", CALLBACKS["github"], archive,
        ended_by(failures.another_account("octocat", "hubot")), expected=409,
    ),
    State(
        "connect-anothers-account", CALLBACKS["github"], never_connected,
        ended_by(failures.connected_to_another_member("octocat")), expected=409,
    ),
    State("file-gone", FILE, file_of_week, fetching(GONE), expected=404),
    State("file-sign-in", FILE, file_of_week, fetching(ENDED), expected=403),
    State("file-unavailable", FILE, file_of_week, fetching(AWAY), expected=502),
    State("file-slow", FILE, file_of_week, fetching(SLOW), expected=504),
    State(
        "file-busy", "/files/77/", file_of_week,
        raising("sync.pages.downloads.FileStream", TooManyStreams()), expected=503,
    ),
    State("file-rewritten", f"/files/{track_states.FILE}/look/", track_states.rewriting, expected=409),
    State("week-gone", WEEK_PAGE, archive, fetching(GONE), expected=404),
    State("week-sign-in", WEEK_PAGE, archive, fetching(ENDED), expected=403),
    State("week-unavailable", WEEK_PAGE, archive, fetching(AWAY), expected=502),
    State("week-slow", WEEK_PAGE, archive, fetching(SLOW), expected=504),
    State("week-unreadable", WEEK_PAGE, archive, lambda: on_open_humans(b"{}"), expected=502),
    State(
        "leave-later", "/leaving/account/", never_connected,
        raising("sync.leaving.erasing.end_unconnected", AWAY),
        expected=502, then=ask("Delete my account"),
    ),
    State(
        "leave-later-midway", "/leaving/account/", never_connected, leaving_midway,
        expected=504, then=ask("Delete my account"),
    ),
)  # fmt: skip
