"""How often and how long Postgres was asked."""

import time
from collections.abc import Callable
from typing import Any


class DatabaseWatch:
    """For `connection.execute_wrapper`: seconds as seen from here, with the way there and back."""

    def __init__(self) -> None:
        self.queries, self.seconds = 0, 0.0

    def __call__(self, execute: Callable[..., Any], *arguments: Any) -> Any:
        began = time.perf_counter()
        try:
            return execute(*arguments)
        finally:
            self.queries += 1
            self.seconds += time.perf_counter() - began
