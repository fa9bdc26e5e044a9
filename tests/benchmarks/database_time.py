"""How often and how long Postgres was asked."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

STATEMENT = re.compile(
    r"\s*(select|insert|update|delete)\b.*?(?:\b(?:from|into|update)\s+)\"?(\w+)\"?",
    re.IGNORECASE | re.DOTALL,
)
UPDATE = re.compile(r"\s*(update)\s+\"?(\w+)\"?", re.IGNORECASE)


@dataclass(slots=True)
class Asked:
    """Statements of one sort: how many, and the processor time that asking them took this thread."""

    count: int = 0
    cpu_seconds: float = 0.0


class DatabaseWatch:
    """For `connection.execute_wrapper`: seconds as seen from here, with the way there and back."""

    def __init__(self) -> None:
        self.queries, self.seconds, self.cpu_seconds = 0, 0.0, 0.0
        self.by_sort: dict[str, Asked] = {}

    def __call__(self, execute: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        began, cpu = time.perf_counter(), time.thread_time()
        try:
            return execute(sql, *arguments)
        finally:
            spent = time.thread_time() - cpu
            self.queries += 1
            self.seconds += time.perf_counter() - began
            self.cpu_seconds += spent
            asked = self.by_sort.setdefault(sort_of(str(sql)), Asked())
            asked.count += 1
            asked.cpu_seconds += spent


def sort_of(statement: str) -> str:
    """What it does to which table, `update sync_syncrun`; else its first word."""
    found = UPDATE.match(statement) or STATEMENT.match(statement)
    return f"{found[1]} {found[2]}".lower() if found else statement.split(None, 1)[0].lower()
