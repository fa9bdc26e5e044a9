#!/usr/bin/env python
"""Django's command line."""

import os
import signal
import sys

from django.conf import settings
from django.core.management import execute_from_command_line

# As shells tell it.
STOPPED_BY_SIGINT = 128 + signal.SIGINT


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    try:
        # Django itself goes on without settings, and then complains of something else.
        _ = settings.INSTALLED_APPS
        execute_from_command_line(sys.argv)
    except KeyboardInterrupt:
        sys.exit(STOPPED_BY_SIGINT)
    except Exception as error:
        from config.reasons import reason_of

        reason = reason_of(error)
        if reason is None or "--traceback" in sys.argv:
            raise
        sys.exit(reason)


if __name__ == "__main__":
    main()
