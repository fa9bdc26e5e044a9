"""What can go wrong while starting and running, in words a person can act on."""


class RunError(Exception):
    """The run cannot start or go on; the message says what to do."""

    exit_code = 1


class UsageError(RunError):
    """A setting or an argument is wrong, so nothing was started."""

    exit_code = 2


class Interrupted(RunError):
    """A person (Ctrl-C) or the system (SIGTERM) asked us to stop; not a failure."""

    exit_code = 0
