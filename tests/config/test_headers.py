"""What every answer carries, whoever asks and whatever is answered."""

import re

import pytest
from django.conf import settings as the_settings
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
