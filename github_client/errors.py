"""What can go wrong between us and GitHub, one class per way a caller reacts.

Messages name the method, the path, the status and GitHub's own short reason. They never hold a token,
a query variable or a URL with a query string, so they may be logged and shown to operators.
"""

# The names are the field's own words and only ever raised and caught:
# an "Error" suffix adds nothing.

from __future__ import annotations

from datetime import datetime
from typing import Literal

LimitKind = Literal["primary", "secondary", "budget"]


class GitHubError(Exception):
    """Base of everything this package raises on purpose."""


class Unauthorized(GitHubError):
    """401: the token is unknown, expired or revoked. Refresh it once, else the member must reconnect."""


class NotFound(GitHubError):
    """404, 410, 451 or NOT_FOUND: gone, blocked for legal reasons, or not visible to this token."""


class Forbidden(GitHubError):
    """The token is good but may not read this.

    `reason` is "organization" (its OAuth App restrictions), "saml" (single sign-on is required), "blocked"
    (GitHub blocked the repository or suspended the account), "scopes" (a scope was not granted) or
    "forbidden" (GitHub did not say).
    """

    def __init__(self, message: str = "", reason: str = "forbidden") -> None:
        super().__init__(message or f"GitHub does not allow this ({reason})")
        self.reason = reason


class RateLimited(GitHubError):
    """No request may be sent for this member before `retry_at` (UTC).

    `kind` is "primary" (the hourly limit), "secondary" (GitHub's abuse protection) or "budget" (our own
    count says the request would go beyond what we allow ourselves; nothing was sent). `resource` is GitHub's
    name of the bucket: "graphql" or "core". `is_moment_known` is False where GitHub named no moment and
    `retry_at` is its minimum of one minute: a caller that meets this again must wait twice as long each time.
    """

    def __init__(
        self,
        retry_at: datetime,
        kind: LimitKind,
        resource: str,
        message: str = "",
        *,
        is_moment_known: bool = True,
    ) -> None:
        until = retry_at.isoformat(timespec="seconds")
        super().__init__(f"{message or f'GitHub {kind} limit of {resource}'}; wait until {until}")
        self.retry_at = retry_at
        self.kind: LimitKind = kind
        self.resource = resource
        self.is_moment_known = is_moment_known


class TooHeavy(GitHubError):
    """GitHub gave up on the query (10 s, resource or node limits): ask for less, never for the same."""


class Unavailable(GitHubError):
    """An outage: 500, 503, no connection, or HTML where JSON belongs. Says nothing about the member."""


class UnexpectedResponse(GitHubError):
    """GitHub answered something this client does not understand. Nothing of the answer may be used."""


class InvalidGrant(GitHubError):
    """The code or refresh token is wrong, used or expired.

    Two refreshes at once give a false one to the loser: read the stored token again before believing it.
    """


class InvalidClient(GitHubError):
    """The client id or secret of this installation is wrong: an operator must act, no member can."""
