"""What a member can agree to, what GitHub is asked for then, and the record of it. Pure."""

from collections.abc import Iterable
from datetime import datetime
from enum import StrEnum
from typing import Any

# The wording of templates/sync/connect.html. A change of what it promises gets a new version here.
TEXT_VERSION = "2026-12"
# Kinds of records that this wording names. A kind added later starts off for those already here.
KINDS = (
    "commits",
    "calendar",
    "issues",
    "pull_requests",
    "reviews",
    "comments",
    "discussions",
    "stars",
    "gists",
    "releases",
    "repositories_created",
)


class Choice(StrEnum):
    PUBLIC = "public"
    PRIVATE = "private"


# GitHub has no read-only scope for private repositories: `repo` is the least that can read them.
SCOPES = {
    Choice.PUBLIC: ("read:user",),
    Choice.PRIVATE: ("read:user", "repo", "read:org"),
}


# Secret gists are readable with this scope only, and it is asked for only when they are chosen.
GIST_SCOPE = "gist"


# What GitHub counts as part of a scope, and may name beside it.
PARTS = {
    "repo": {"public_repo", "repo:status", "repo_deployment", "repo:invite", "security_events"},
}


def scopes_for(choice: Choice, *, secret_gists: bool) -> list[str]:
    return [*SCOPES[choice], *([GIST_SCOPE] if secret_gists else [])]


def wider_than_agreed(granted: Iterable[str], agreement: dict[str, Any]) -> list[str]:
    """Scopes that GitHub granted and that the member's choices do not call for, in order."""
    choice = Choice.PRIVATE if agreement.get("private") else Choice.PUBLIC
    called_for = set(scopes_for(choice, secret_gists=bool(agreement.get("secret_gists"))))
    parts = {part for scope in called_for for part in PARTS.get(scope, ())}
    return sorted(set(granted) - called_for - parts)


def agreement(
    choice: Choice,
    granted_scopes: Iterable[str],
    now: datetime,
    *,
    secret_gists: bool = False,
    tracks: bool = False,
    private_counts: bool = True,
) -> dict[str, Any]:
    """The record to store: private things only if the member chose them here and granted them at GitHub."""
    granted = set(granted_scopes)
    looking = {"look": True, "forks": False, "others": False, "agreed_at": now.isoformat()}
    # Private repositories of others are ticked one by one, once they are known.
    ticked: dict[str, Any] = {"organizations": []} if choice is Choice.PRIVATE else {}
    return {
        **ticked,
        "text": TEXT_VERSION,
        "kinds": list(KINDS),
        "private": choice is Choice.PRIVATE and "repo" in granted,
        "secret_gists": secret_gists and GIST_SCOPE in granted,
        "agreed_at": now.isoformat(),
        **({"tracks": looking} if tracks else {}),
        **({} if private_counts else {"private_counts": False}),
    }
