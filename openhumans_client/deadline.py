"""One moment by which several exchanges must be over, whoever has to wait for them."""

from __future__ import annotations

import time
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Deadline:
    """`until` is of the clock that only goes forward. Hand the same one to each client that shares it."""

    until: float

    @classmethod
    def after(cls, seconds: float) -> Deadline:
        return cls(time.monotonic() + seconds)

    @property
    def left(self) -> float:
        """Seconds, none if it has passed."""
        return max(self.until - time.monotonic(), 0.0)
