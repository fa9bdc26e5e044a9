"""The parts of a running stand-in, as the request handlers share them."""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from flask import current_app, request

from sandbox.accounting import Accounting
from sandbox.github.faults import GitHubFaults
from sandbox.github.hosted import Account
from sandbox.github.limits import Limits
from sandbox.github.reading import Reading
from sandbox.github.tokens import TokenStore
from sandbox.github.world import World

_LOG_LENGTH = 10_000


@dataclass(frozen=True)
class OAuthApp:
    """The one registered application. None and nothing: any is accepted, from loopback."""

    client_id: str | None = None
    client_secret: str | None = field(default=None, repr=False)
    redirect_uris: Sequence[str] = ()


class GraphQLLog:
    """`GET /_sandbox/graphql_log`: what was asked of GraphQL, in order."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: deque[dict[str, Any]] = deque(maxlen=_LOG_LENGTH)

    def add(self, operation: str | None, variables: dict[str, Any], cost: int, status: int) -> None:
        entry = {"operation": operation, "variables": variables, "cost": cost, "status": status}
        with self._lock:
            self._entries.append(entry)

    def entries(self) -> list[dict[str, Any]]:
        with self._lock:
            return list(self._entries)

    def clear(self) -> None:
        with self._lock:
            self._entries.clear()


@dataclass(frozen=True)
class Service:
    world: World
    oauth_app: OAuthApp
    tokens: TokenStore
    faults: GitHubFaults
    limits: Limits
    accounting: Accounting
    graphql_log: GraphQLLog

    def reading(self, account: Account, scopes: frozenset[str]) -> Reading:
        web_url = request.host_url.rstrip("/")
        return Reading(self.world, account, scopes, web_url, self.faults.obstacles())


def current_service() -> Service:
    return cast(Service, current_app.extensions["github_stand_in"])
