"""What can go wrong between us and Open Humans, one class per way a caller reacts.

Messages name the method, the path and the status. They never hold a token, a query string, a presigned
address or text of the other side's answer, so they may be logged and shown to operators.
"""

from __future__ import annotations

from datetime import datetime


class OpenHumansError(Exception):
    """Base of everything this package raises on purpose."""


class Unauthorized(OpenHumansError):
    """401 with the words of Open Humans: the access token is expired (`is_expired`), or unknown.

    An unknown token may have been replaced by another process a moment ago: read the stored one again, then
    refresh it. Only an `InvalidGrant` after that means that the member has left.
    """

    def __init__(self, message: str, *, is_expired: bool) -> None:
        super().__init__(message)
        self.is_expired = is_expired


class NotFound(OpenHumansError):
    """The thing is not there: no such path, no such stored object, or nothing was uploaded yet.

    `is_link_expired` says that only the temporary link is too old: list the files again for a fresh one.
    """

    def __init__(self, message: str, *, is_link_expired: bool = False) -> None:
        super().__init__(message)
        self.is_link_expired = is_link_expired


class RateLimited(OpenHumansError):
    """429: ask again at `retry_at` (UTC). Open Humans itself has no limits; what stands before it may."""

    def __init__(self, message: str, *, retry_at: datetime) -> None:
        super().__init__(f"{message}; wait until {retry_at.isoformat(timespec='seconds')}")
        self.retry_at = retry_at


class TooHeavy(OpenHumansError):
    """More than one side accepts at once: a smaller file or page is needed, the same again is of no use."""


class Unavailable(OpenHumansError):
    """An outage: 5xx, HTML where JSON belongs, no connection, or no whole answer in time (`is_timeout`).

    Says nothing about the member or the token. What was asked may have been done nevertheless.
    """

    def __init__(self, message: str, *, is_timeout: bool = False) -> None:
        super().__init__(message)
        self.is_timeout = is_timeout


class UnexpectedResponse(OpenHumansError):
    """An answer this client does not understand: broken JSON, wrong types, an unknown refusal."""


class InvalidGrant(OpenHumansError):
    """The code or refresh token is unknown, used or revoked.

    Two refreshes at once give a false one to the loser: read the stored token again before believing it.
    """


class InvalidClient(OpenHumansError):
    """The client id or secret of this installation is wrong: an operator must act, no member can."""


class InvalidMetadata(OpenHumansError, ValueError):
    """Refused before sending: Open Humans would answer 400 or 500. `key` names what is wrong."""

    def __init__(self, key: str, reason: str) -> None:
        super().__init__(f"{key}: {reason}")
        self.key = key
