"""The answer to a probe before it is decoded: most days bring the same one, and nobody needs its fields."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import cached_property

from github_client import decoding
from github_client.activity import ListRequest
from github_client.node import Node
from github_client.protocol import GraphQLResult
from github_client.types import Probe, Rate

# A name in quotes without a backslash before a colon is never inside of a text.
# What others move: the member did nothing.
COUNTERS = ('"stargazerCount":', '"forkCount":', '"followers":{"totalCount":', '"following":{"totalCount":')
# What differs from day to day, or is told apart from the rest.
APART = ('"contributionCalendar":', '"rateLimit":', '"errors":', '"extensions":')
_json = json.JSONDecoder()


@dataclass(frozen=True)
class ProbeAnswer:
    """One answer; `decoded` raises what is wrong with it. Slots would leave no room for what is cached."""

    call: str
    body: bytes
    result: GraphQLResult
    since: date
    until: date
    lists: Sequence[ListRequest]
    scopes: frozenset[str]
    rate: Rate | None
    # When GitHub gave it, by its own clock, where it says so.
    told_at: datetime | None = None

    @cached_property
    def database_id(self) -> int:
        """Whose token it was."""
        return decoding.decode(
            self.call, self.result, "viewer", lambda root: root.node("viewer").count("databaseId")
        )

    @cached_property
    def digest(self) -> str:
        """Equal for answers that tell the same, by any day: days without contributions count for nothing.

        Made of the answer as it came, whose fields stand in the order in which they were asked for: to write
        it anew would take longer than to read it.
        """
        return decoding.decode(self.call, self.result, "viewer", self._digest)

    def decoded(self) -> Probe:
        return decoding.decode(
            self.call,
            self.result,
            "viewer",
            lambda root: decoding.probe(root, self.since, self.until, self.lists, self.scopes, self.rate),
        )

    def _digest(self, root: Node) -> str:
        collection = root.node("viewer").node("contributionsCollection")
        days = decoding.days(collection.node("contributionCalendar"), self.since, self.until)
        told = {
            "window": [self.since.isoformat(), self.until.year],
            "days": {day.isoformat(): count for day, count in days.items()},
            "errors": [[error.kind, error.path, error.reason] for error in self.result.errors],
        }
        # One character for each byte: what lies between the marks is only compared.
        text = self.body.decode("latin-1")
        for mark in APART:
            text = _without_value(text, mark)
        for mark in COUNTERS:
            text = _without_numbers(text, mark)
        digest = hashlib.sha256(json.dumps(told, sort_keys=True).encode())
        digest.update(text.encode("latin-1"))
        return digest.hexdigest()


def _without_value(text: str, mark: str) -> str:
    """Without what follows the first mark: any value of JSON."""
    before, _, after = text.partition(mark)
    if not after:
        return text
    _, end = _json.raw_decode(after, len(after) - len(after.lstrip()))
    return before + after[end:]


def _without_numbers(text: str, mark: str) -> str:
    """Without the number that follows each mark."""
    first, *others = text.split(mark)
    return mark.join([first, *(other.lstrip("0123456789") for other in others)])
