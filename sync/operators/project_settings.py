"""How the project at Open Humans has to be set, above all when it was the project of the app before this one.

Its API tells a part of its settings; the others only a person can see.

https://www.openhumans.org/direct-sharing/oauth2-setup/
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.urls import reverse

from accounts.models import Credential, User
from accounts.oauth import callback_url
from openhumans_client import OpenHumansClient, Unauthorized, UnexpectedResponse
from openhumans_client.protocol import read_json
from sync import credentials
from sync.errors import OpenHumansAccessLost

# What Open Humans accepts as a webhook secret.
SECRET_LENGTHS = range(16, 65)


class NobodyToAskWith(Exception):
    """No token of any member works."""


class ProjectClient(OpenHumansClient):
    def fetch_settings(self) -> dict[str, Any]:
        """`GET project/` with every field it has. Raises as all methods do."""
        answer, request = self._ask("GET", "/api/direct-sharing/project/")
        decoded = read_json(answer, request)
        if not isinstance(decoded, dict) or not isinstance(decoded.get("id_label"), str):
            raise UnexpectedResponse(f"{request}: the answer is not a project")
        return decoded


@dataclass(frozen=True, slots=True)
class Point:
    """One thing to look at. `is_wrong` says that it is known to be wrong."""

    text: str
    is_wrong: bool = False


def fetch_project(token: str | None) -> dict[str, Any]:
    """With the given token, or with that of any member. Raise `NobodyToAskWith` when none works."""
    if token:
        return ProjectClient(settings.OPENHUMANS_URL, token).fetch_settings()
    for user in _members_with_access():
        try:
            return _fetch_as(user)
        except (OpenHumansAccessLost, Unauthorized):
            continue
    raise NobodyToAskWith("No member's token works.")


def _members_with_access() -> Iterator[User]:
    valid = Credential.objects.filter(identity__provider="openhumans", state=Credential.State.VALID)
    for credential in valid.select_related("identity__user").order_by("-updated_at")[:20]:
        yield credential.identity.user


def _fetch_as(user: User) -> dict[str, Any]:
    token = credentials.openhumans_token(user)
    try:
        return ProjectClient(settings.OPENHUMANS_URL, token).fetch_settings()
    except Unauthorized:
        token = credentials.openhumans_token(user, refused=token)
        return ProjectClient(settings.OPENHUMANS_URL, token).fetch_settings()


# --- What its answer says -------------------------------------------------------------------------


def compare(project: dict[str, Any]) -> Iterator[Point]:
    """What the API tells of the project, each point right or wrong."""
    yield _point(
        project.get("type") == "oauth2",
        "it is an OAuth2 project",
        f"it must be an OAuth2 project, and is of the type {project.get('type')!r}",
    )
    yield _point(project.get("active") is True, "it is active", "it is not active: nobody can join")
    is_approved = project.get("approved") is True
    yield Point("it is approved" if is_approved else "it is not approved: at most 20 members can join")
    sources = [*_listed(project, "requested_sources"), *_listed(project, "request_sources_access")]
    yield _point(
        not sources,
        "it requests no other sources",
        "it requests other sources: remove them all, no file of another project is ever read",
    )
    yield _point(
        project.get("request_username_access") is False,
        "it requests no user names",
        'it requests user names: take "request username access" away, nobody needs them',
    )


def _listed(project: dict[str, Any], name: str) -> list[Any]:
    value = project.get(name)
    return value if isinstance(value, list) else []


def _point(is_right: bool, right: str, wrong: str) -> Point:  # noqa: FBT001
    return Point(right) if is_right else Point(wrong, is_wrong=True)


# --- What only a person can see and enter ---------------------------------------------------------


def to_enter_at_openhumans() -> Iterator[Point]:
    """The API does not tell these; the webhook's secret is known to be wrong when it cannot be entered."""
    yield Point(f"Redirect URL: {callback_url('openhumans')}")
    if settings.LEGACY_CALLBACKS:
        own = settings.SITE_URL + reverse("openhumans_callback")
        yield Point(f"  later, to do without LEGACY_CALLBACKS, a space and then: {own}")
    yield Point(f"Enrollment URL: {settings.SITE_URL}/")
    yield Point(f"Deauthorization webhook URL: {settings.SITE_URL}{reverse('deauthorized')}")
    yield _webhook_secret()
    yield Point(
        "Erasure supported: on. With a webhook and without this, everybody who leaves sees an error page, "
        "and we are never told"
    )


def to_enter_at_github() -> Iterator[Point]:
    yield Point(f"Authorization callback URL: {callback_url('github')}")


def _webhook_secret() -> Point:
    secret: str = settings.OPENHUMANS_WEBHOOK_SECRET
    if not secret:
        return Point(
            "Webhook secret: OPENHUMANS_WEBHOOK_SECRET is not set, so nobody is believed to leave by it"
        )
    return _point(
        len(secret) in SECRET_LENGTHS,
        "Webhook secret: the value of OPENHUMANS_WEBHOOK_SECRET",
        "Webhook secret: OPENHUMANS_WEBHOOK_SECRET must have 16 to 64 characters",
    )


def settings_of_ours() -> Iterator[Point]:
    is_local = settings.SITE_URL.startswith(("http://127.0.0.1", "http://localhost"))
    yield _point(
        settings.HAS_HTTPS or is_local,
        f"SITE_URL is {settings.SITE_URL}",
        f"SITE_URL is {settings.SITE_URL}: it must begin with https://",
    )
