"""A progress bar for commands, on a terminal only."""

from typing import Any

WIDTH = 30


class Progress:
    def __init__(self, stream: Any, total: int, what: str) -> None:
        self._stream = stream
        self._total = total
        self._what = what
        self._done = 0
        self._is_shown = total > 0 and stream.isatty()

    def step(self) -> None:
        self._done += 1
        if self._is_shown:
            filled = WIDTH * min(self._done, self._total) // self._total
            bar = "#" * filled + "." * (WIDTH - filled)
            self._write(f"\r[{bar}] {self._done}/{self._total} {self._what}")

    def at(self, done: int, total: int) -> None:
        """Where both are known only as time goes by."""
        self._done, self._total = done - 1, max(total, 1)
        self._is_shown = bool(self._stream.isatty())
        self.step()

    def clear(self) -> None:
        """Before a line is printed; the next step draws the bar again below it."""
        if self._is_shown:
            self._write("\r\033[K")

    def end(self) -> None:
        if self._is_shown:
            self._write("\n")

    def _write(self, text: str) -> None:
        # Django's OutputWrapper would end each text with a new line of its own.
        stream = getattr(self._stream, "_out", self._stream)
        stream.write(text)
        stream.flush()
