from __future__ import annotations

from datetime import UTC, datetime

import pytest

from github_client import errors
from github_client.errors import Forbidden, GitHubError, RateLimited


@pytest.mark.parametrize(
    "name",
    [
        "Unauthorized",
        "NotFound",
        "Forbidden",
        "RateLimited",
        "TooHeavy",
        "Unavailable",
        "UnexpectedResponse",
        "InvalidGrant",
        "InvalidClient",
    ],
)
def test_every_error_is_a_github_error(name: str) -> None:
    assert issubclass(getattr(errors, name), GitHubError)


def test_a_limit_says_until_when() -> None:
    moment = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)
    limit = RateLimited(moment, "primary", "graphql")
    assert str(limit) == "GitHub primary limit of graphql; wait until 2026-11-23T14:05:00+00:00"
    assert limit.retry_at == moment
    assert limit.is_moment_known


def test_forbidden_always_has_a_reason() -> None:
    assert Forbidden().reason == "forbidden"
    assert str(Forbidden(reason="saml")) == "GitHub does not allow this (saml)"
