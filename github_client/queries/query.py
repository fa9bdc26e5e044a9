"""One GraphQL request: document, values, and what it will cost. Names: https://docs.github.com/graphql/reference

All values travel as variables, so a document never depends on what is in the member's account.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

RATE = "rateLimit { cost limit used remaining resetAt }"

_LOGIN = re.compile(r"[A-Za-z0-9_-]+(\[bot\])?")


@dataclass(frozen=True, slots=True)
class Query:
    """`connections` is how many lists GitHub has to read for it, each parent list taken as full."""

    operation: str
    document: str
    variables: Mapping[str, object]
    connections: int = 0

    @property
    def points(self) -> int:
        """GitHub's price: a point per 100 connections, rounded to the nearest, at least one.

        https://docs.github.com/graphql/overview/rate-limits-and-query-limits-for-the-graphql-api
        """
        return max(1, (self.connections + 50) // 100)


@dataclass(frozen=True, slots=True)
class Selection:
    """A part of a query: fields, with what they need in the rest of the document."""

    fields: str = ""
    declarations: tuple[str, ...] = ()
    fragments: tuple[str, ...] = ()
    variables: Mapping[str, object] = field(default_factory=dict)
    connections: int = 0


def with_fragments(document: str, fragments: Iterable[str]) -> str:
    """The document with each fragment once: GitHub refuses one that is there twice."""
    return document + "".join(dict.fromkeys(fragments))


def checked_login(login: str) -> str:
    """A login goes into a search text, where anything else would be another search."""
    if not _LOGIN.fullmatch(login):
        raise ValueError("a GitHub login has letters, digits, hyphens and underscores, and is not empty")
    return login


def utc_text(moment: datetime) -> str:
    """GitHub's way to write a moment."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
