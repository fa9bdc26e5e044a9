"""Settings that fit each alone and not together: `manage.py check`, and the reason a process does not start.

A setting that is missing or malformed by itself is refused when it is read (environment.py).
"""

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Tags, register
from django.core.checks import Warning as Doubt
from django.core.exceptions import ImproperlyConfigured
from django.db import ProgrammingError
from django.urls import URLPattern, URLResolver, get_resolver

from config.environment import is_loopback

# What one request may take, and what dramatiq gives one message; see sync/actors.py.
REQUEST_SECONDS, MESSAGE_SECONDS = 120, 300
# After so long without a byte hosts cut an answer off; gunicorn's --timeout (Procfile, Dockerfile) is equal.
CUT_OFF_SECONDS = 30
SHORTEST_STATUS_TOKEN = 20
PROVIDERS = ("OPENHUMANS_URL", "GITHUB_URL", "GITHUB_API_URL")
REAL_GITHUB = {"GITHUB_URL": "https://github.com", "GITHUB_API_URL": "https://api.github.com"}


@register(Tags.security)
def check_settings(**_options: Any) -> list[CheckMessage]:
    return [*_settings_alone(), *_erasures()]


def _settings_alone() -> list[CheckMessage]:
    """Whatever does not depend on what the process may do on its machine."""
    return [*_providers(), *_keys(), *_proxy(), *_admin(), *_times()]


@register(Tags.security, deploy=True)
def check_deployment(**_options: Any) -> list[CheckMessage]:
    return list(_deployment())


@register(Tags.database)
def check_stored_tokens(databases: Sequence[str] | None = None, **_options: Any) -> Sequence[CheckMessage]:
    """Can what is stored be read with TOKEN_KEYS? Asked by `migrate` and `check --database default`."""
    if not databases:
        return []
    from accounts.encryption import DecryptionFailed
    from accounts.models import Credential

    try:
        newest = Credential.objects.select_related("identity").order_by("-pk").first()
        _ = newest and newest.access_token
    except ProgrammingError:
        return []  # not migrated yet
    except DecryptionFailed as error:
        hint = "Put the key back at the end of TOKEN_KEYS. Nothing is lost, and nobody is synced until then."
        return [Error(str(error), hint=hint, id="config.E020")]
    return []


def refuse_wrong_settings(*, erases: bool = True) -> None:
    """Raise `ImproperlyConfigured` with every error's text and hint; warnings stop nobody.

    A process that erases nobody need not be able to write the list of it.
    """
    found = check_settings() if erases else _settings_alone()
    errors = [message for message in found if message.level >= Error("").level]
    if errors:
        reasons = " ".join(f"{error.msg} {error.hint} ({error.id})" for error in errors)
        raise ImproperlyConfigured(reasons)


def _providers() -> Iterator[CheckMessage]:
    for name in PROVIDERS:
        url = getattr(settings, name)
        if url.startswith("http://") and not is_loopback(url):
            hint = f"Give {name} an https:// address."
            yield Error(
                f"{name} would send tokens unencrypted over the network.", hint=hint, id="config.E001"
            )
    are_real = {getattr(settings, name) == url for name, url in REAL_GITHUB.items()}
    if len(are_real) == 2:
        yield Error(
            "GITHUB_URL and GITHUB_API_URL belong to different servers.",
            hint="Set both or neither; tokens of one server would be sent to the other.",
            id="config.E002",
        )


def _keys() -> Iterator[CheckMessage]:
    if max(Counter(settings.TOKEN_KEYS).values()) > 1:
        hint = "The newest key comes first, each key once."
        yield Error("TOKEN_KEYS holds a key twice.", hint=hint, id="config.E003")
    if any(len(set(key)) < 8 for key in settings.TOKEN_KEYS):
        hint = "Make one with: python -c 'import base64, os; "
        hint += "print(base64.urlsafe_b64encode(os.urandom(32)).decode())'"
        yield Error("TOKEN_KEYS holds a key that is not random.", hint=hint, id="config.E004")
    if 0 < len(settings.STATUS_TOKEN) < SHORTEST_STATUS_TOKEN:
        hint = f"Give it at least {SHORTEST_STATUS_TOKEN} random characters, or leave it empty."
        yield Error("STATUS_TOKEN is too short.", hint=hint, id="config.E005")


def _proxy() -> Iterator[CheckMessage]:
    if settings.PROXY_HEADER and not settings.HAS_HTTPS:
        hint = "Begin SITE_URL with https://, or leave PROXY_SSL_HEADER empty."
        yield Error("PROXY_SSL_HEADER is set and SITE_URL is not https.", hint=hint, id="config.E006")


def _admin() -> Iterator[CheckMessage]:
    first, _, _ = settings.ADMIN_PATH.partition("/")
    if not re.fullmatch(r"([\w-]+/)+", settings.ADMIN_PATH) or first in _taken_paths():
        hint = "Give it letters, digits, - and /, and not the path of another page."
        yield Error("ADMIN_PATH cannot be used.", hint=hint, id="config.E011")


def _taken_paths() -> set[str]:
    """How the addresses of all other pages begin."""
    static = settings.STATIC_URL.strip("/").partition("/")[0]
    return {static, *_beginnings(get_resolver().url_patterns)}


def _beginnings(patterns: Iterable[URLPattern | URLResolver]) -> Iterator[str]:
    for pattern in patterns:
        found = re.match(r"\^?([\w-]+)", str(pattern.pattern))
        if isinstance(pattern, URLResolver) and pattern.app_name == "admin":
            continue
        if found is not None:
            yield found[1]
        elif isinstance(pattern, URLResolver):
            yield from _beginnings(pattern.url_patterns)


def _times() -> Iterator[CheckMessage]:
    if settings.SYNC_STEP_SECONDS + REQUEST_SECONDS >= MESSAGE_SECONDS:
        hint = f"Leave it below {MESSAGE_SECONDS - REQUEST_SECONDS}, so that the last request can end."
        yield Error("SYNC_STEP_SECONDS lets a step outlast its message.", hint=hint, id="config.E007")
    if settings.LEFT_ROWS_DAYS < settings.LEFT_ACCESS_DAYS:
        hint = "Credentials are given back first, and rows deleted later."
        yield Error("LEFT_ROWS_DAYS is shorter than LEFT_ACCESS_DAYS.", hint=hint, id="config.E008")
    if settings.WEB_ANSWER_SECONDS >= CUT_OFF_SECONDS:
        hint = f"Leave it well below {CUT_OFF_SECONDS}, so that the page that says so still arrives."
        yield Error("WEB_ANSWER_SECONDS lets a page be cut off.", hint=hint, id="config.E015")
    if settings.SYNC_LEASE_SECONDS <= REQUEST_SECONDS:
        hint = f"Give it more than {REQUEST_SECONDS}, or two workers may be at one member for a moment."
        yield Doubt("SYNC_LEASE_SECONDS is shorter than the longest request.", hint=hint, id="config.W001")


def _erasures() -> Iterator[CheckMessage]:
    if not settings.ERASURE_LIST:
        return
    path = Path(settings.ERASURE_LIST)
    if path.is_dir():
        hint = f"Name a file in it, such as {path / 'erasures'}."
        yield Error("ERASURE_LIST is a folder, and cannot be written.", hint=hint, id="config.E012")
    elif not (os.access(path, os.W_OK) if path.exists() else _takes_files(path.parent)):
        hint = "Name a file in a folder that exists and that web and workers may write to."
        yield Error("ERASURE_LIST cannot be written.", hint=hint, id="config.E012")


def _takes_files(folder: Path) -> bool:
    return folder.is_dir() and os.access(folder, os.W_OK | os.X_OK)


def _deployment() -> Iterator[CheckMessage]:
    if not settings.HAS_HTTPS and urlsplit(settings.SITE_URL).hostname:
        hint = "Put a proxy in front that ends TLS, and begin SITE_URL with https://."
        yield Error("SITE_URL is not https: sign-ins could be read on the way.", hint=hint, id="config.E009")
    if not (settings.OPERATOR_NAME and settings.OPERATOR_CONTACT):
        hint = "Set OPERATOR_NAME and OPERATOR_CONTACT: an e-mail address, or the address of a page."
        yield Error("Members are not told who runs this site.", hint=hint, id="config.E013")
    if settings.SANDBOX:
        yield Error("SANDBOX is on: nothing here is real.", hint="Unset it.", id="config.E010")
    if settings.HAS_HTTPS and not settings.PROXY_HEADER:
        hint = "Name the header your proxy sets to https, e.g. X-Forwarded-Proto."
        yield Doubt("PROXY_SSL_HEADER is empty.", hint=hint, id="config.W002")
    if settings.PROXY_HEADER and not settings.PROXY_ADDRESS_HEADER:
        hint = "Name the header your proxy puts the visitor's address in, e.g. X-Forwarded-For."
        yield Doubt(
            "All visitors share one limit: PROXY_ADDRESS_HEADER is empty.", hint=hint, id="config.W003"
        )
    if not (Path(settings.STATIC_ROOT) / "staticfiles.json").exists():
        hint = "Run manage.py collectstatic --noinput, with the STATIC_ROOT that web has."
        yield Error(
            "STATIC_ROOT holds no staticfiles.json: every page would fail.", hint=hint, id="config.E014"
        )
    yield from _advised()


def _advised() -> Iterator[CheckMessage]:
    """What a site can do without, and had better not."""
    if not settings.OPENHUMANS_WEBHOOK_SECRET:
        hint = "Set the secret of the project's deauthorization webhook, so that leaving is heard at once."
        yield Doubt("OPENHUMANS_WEBHOOK_SECRET is empty.", hint=hint, id="config.W004")
    if not settings.OTP_REQUIRED:
        hint = "Enrol each operator with manage.py add_authenticator, then take OTP_REQUIRED away."
        yield Doubt("OTP_REQUIRED is off: a pass phrase opens the admin.", hint=hint, id="config.W006")
    if not settings.ERASURE_LIST:
        hint = 'Name a file that no dump holds, or keep the log lines that begin with "Erasure:".'
        yield Doubt(
            "ERASURE_LIST is empty: a restored backup would bring back who was erased.",
            hint=hint,
            id="config.W007",
        )
    if not settings.STATUS_TOKEN:
        hint = "Set it to see /metrics and the details of /readyz."
        yield Doubt("STATUS_TOKEN is empty.", hint=hint, id="config.W005")
