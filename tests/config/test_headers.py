"""What every answer carries, whoever asks and whatever is answered."""

import re
from collections.abc import Callable
from unittest.mock import patch

import pytest
from django.conf import settings as the_settings
from django.db import OperationalError, connection
from django.http import HttpResponse, HttpResponseBase
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from sync.models import Subscription

PAGES = ("/", "/dashboard/", "/connect/", "/choices/", "/leaving/", "/your-data/", "/weeks/2026-W18/")
BACKEND = "django.contrib.auth.backends.ModelBackend"


@pytest.fixture
def https(settings: Settings) -> None:
    settings.SECURE_HSTS_SECONDS = 31_536_000
    settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = settings.SECURE_HSTS_PRELOAD = True


@pytest.mark.django_db
@pytest.mark.parametrize("path", [*PAGES, "/admin/login/", "/healthz", "/nothing/here/"])
def test_every_answer_is_guarded(client: Client, subscription: Subscription, https: None, path: str) -> None:
    client.force_login(subscription.user, backend=BACKEND)
    answer = client.get(path, secure=True)

    headers = answer.headers
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == "same-origin"
    assert "geolocation=()" in headers["Permissions-Policy"]
    assert headers["Strict-Transport-Security"] == "max-age=31536000; includeSubDomains; preload"
    policy = headers["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    for directive in policy.split("; "):
        name, *sources = directive.split()
        allowed = {"'self'", "'none'"}
        if name == "form-action":
            allowed |= {the_settings.OPENHUMANS_URL, the_settings.GITHUB_URL}
        assert set(sources) <= allowed, directive


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES[1:])
def test_pages_of_a_member_are_never_stored(client: Client, subscription: Subscription, path: str) -> None:
    client.force_login(subscription.user, backend=BACKEND)
    assert "no-store" in client.get(path).headers["Cache-Control"]


@pytest.mark.django_db
@pytest.mark.parametrize("path", PAGES)
def test_no_page_holds_script_or_style_of_its_own_or_of_others(
    client: Client, subscription: Subscription, path: str
) -> None:
    client.force_login(subscription.user, backend=BACKEND)
    page = client.get(path, follow=True).content.decode()
    assert not re.search(r"<script(?![^>]*\bsrc=\"/static/)", page)
    assert not re.search(r"<style|\sstyle=|\son[a-z]+=", page)
    assert not re.search(r"<(?:link|img|script)[^>]+(?:src|href)=\"(?:https?:)?//", page)


@pytest.mark.django_db
def test_cookies_are_for_this_site_and_out_of_reach_of_scripts(client: Client, operator: User) -> None:
    wish = {"username": operator.username, "password": "a long pass phrase of the operator"}
    answer = client.post("/admin/login/", wish)
    session = answer.cookies["sessionid"]
    assert session["httponly"]
    assert session["samesite"] == "Lax"


# --- Refusals ---------------------------------------------------------------------------------------------


def wrong_host(client: Client) -> HttpResponseBase:
    return client.get("/dashboard/", headers={"Host": "evil.example"}, secure=True)


def wrong_host_without_tls(client: Client) -> HttpResponseBase:
    return client.get("/dashboard/", headers={"Host": "evil.example"})


def no_csrf_token(client: Client) -> HttpResponseBase:
    client.handler.enforce_csrf_checks = True
    return client.post("/choices/", secure=True)


def no_such_page(client: Client) -> HttpResponseBase:
    return client.get("/files/77/nothing/", secure=True)


def wrong_method(client: Client) -> HttpResponseBase:
    return client.put("/choices/", secure=True)


def body_too_large(client: Client) -> HttpResponseBase:
    return client.post("/choices/", "a=" + "x" * 3_000_000, "application/x-www-form-urlencoded", secure=True)


def too_often(client: Client) -> HttpResponseBase:
    with patch("accounts.throttle.is_over_limit", return_value=True):
        return client.post("/accounts/openhumans/login/", secure=True)


def broken(client: Client) -> HttpResponseBase:
    with patch("sync.views.Dashboard.load", side_effect=RuntimeError("broken")):
        return client.get("/dashboard/", secure=True)


def postgres_away(client: Client) -> HttpResponseBase:
    with connection.execute_wrapper(refuse):
        return client.get("/dashboard/", secure=True)


def refuse(*_query: object) -> None:
    raise OperationalError("the server closed the connection unexpectedly")


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("act", "status"),
    [
        (wrong_host, 400),
        (wrong_host_without_tls, 400),
        (no_csrf_token, 403),
        (no_such_page, 404),
        (wrong_method, 405),
        (body_too_large, 400),
        (too_often, 429),
        (broken, 500),
        (postgres_away, 500),
    ],
)
def test_refusals_are_guarded_like_pages_and_say_nothing_of_the_member_to_a_cache(
    client: Client,
    subscription: Subscription,
    settings: Settings,
    act: Callable[[Client], HttpResponseBase],
    status: int,
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    client.force_login(subscription.user, backend=BACKEND)
    client.raise_request_exception = False

    answer = act(client)

    assert answer.status_code == status
    assert "default-src 'none'" in answer.headers["Content-Security-Policy"]
    assert answer.headers["X-Frame-Options"] == "DENY"
    assert "geolocation=()" in answer.headers["Permissions-Policy"]
    assert isinstance(answer, HttpResponse)
    names_the_member = b"Sign out" in answer.content
    assert not names_the_member or "no-store" in answer.headers["Cache-Control"]
    if act is not wrong_host_without_tls:  # refused before anything is known of the request
        assert answer.headers["Referrer-Policy"] == "same-origin"
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.django_db
def test_postgres_is_asked_no_second_time_for_the_page_that_says_it_is_away(
    client: Client, member: User
) -> None:
    client.force_login(member, backend=BACKEND)
    client.raise_request_exception = False
    asked: list[str] = []

    def count(execute: object, sql: str, *_more: object) -> None:
        asked.append(sql)
        raise OperationalError("the server closed the connection unexpectedly")

    with connection.execute_wrapper(count):
        answer = client.get("/dashboard/")

    assert (answer.status_code, len(asked)) == (500, 1)
    assert answer.headers["Cache-Control"] == "private, no-store"
