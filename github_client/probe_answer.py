"""The answer to a probe before it is decoded: most days bring the same one, and nobody needs its fields."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from functools import cached_property

from github_client import decoding
from github_client.activity import ListRequest
from github_client.node import Node
from github_client.protocol import GraphQLResult
from github_client.types import Probe, Rate

# What others move: the member did nothing. A name in quotes without a backslash is never inside of a text.
COUNTERS = re.compile(r'"(?:stargazerCount|forkCount)":\d+|"(?:followers|following)":\{"totalCount":\d+\}')


@dataclass(frozen=True)
class ProbeAnswer:
    """One answer; `decoded` raises what is wrong with it. Slots would leave no room for what is cached."""

    call: str
    result: GraphQLResult
    since: date
    until: date
    lists: Sequence[ListRequest]
    scopes: frozenset[str]
    rate: Rate | None

    @cached_property
    def database_id(self) -> int:
        """Whose token it was."""
        return decoding.decode(
            self.call, self.result, "viewer", lambda root: root.node("viewer").count("databaseId")
        )

    @cached_property
    def digest(self) -> str:
        """Equal for answers that tell the same, by any day: days without contributions count for nothing."""
        return decoding.decode(self.call, self.result, "viewer", self._digest)

    def decoded(self) -> Probe:
        return decoding.decode(
            self.call,
            self.result,
            "viewer",
            lambda root: decoding.probe(root, self.since, self.until, self.lists, self.scopes, self.rate),
        )

    def _digest(self, root: Node) -> str:
        viewer = root.node("viewer")
        collection = viewer.node("contributionsCollection")
        days = decoding.days(collection.node("contributionCalendar"), self.since, self.until)
        told = {
            "window": [self.since.isoformat(), self.until.year],
            "days": {day.isoformat(): count for day, count in days.items()},
            "collection": collection.without("contributionCalendar"),
            "viewer": viewer.without("contributionsCollection"),
            "errors": [[error.kind, error.path, error.reason] for error in self.result.errors],
        }
        text = json.dumps(told, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(COUNTERS.sub("", text).encode()).hexdigest()
