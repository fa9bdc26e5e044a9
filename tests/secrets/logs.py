"""Log lines as they are written, before the filter that takes secrets out of them."""

import io
import logging
from collections.abc import Iterator
from contextlib import contextmanager

# Loggers with handlers of their own, see LOGGING in the settings.
LOGGERS = ("", "django")


@contextmanager
def unscrubbed() -> Iterator[io.StringIO]:
    """Everything logged while the block runs: the filter must not help what is searched for to hide."""
    written = io.StringIO()
    first = logging.StreamHandler(written)
    for name in LOGGERS:
        logging.getLogger(name).handlers.insert(0, first)
    try:
        yield written
    finally:
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(first)
