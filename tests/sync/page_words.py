"""What tests of pages share: a signed-in browser, and the text a reader sees."""

import re

from django.test import Client

from accounts.models import User

BACKEND = "django.contrib.auth.backends.ModelBackend"


def signed_in(user: User, *, checks_forms: bool = False) -> Client:
    browser = Client(enforce_csrf_checks=checks_forms)
    browser.force_login(user, backend=BACKEND)
    return browser


def words(html: bytes) -> str:
    return " ".join(re.sub(r"<[^>]+>", " ", html.decode()).split())
