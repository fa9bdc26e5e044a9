"""What can end or interrupt a step, apart from the clients' own errors."""

from dramatiq.errors import Retry


class SyncError(Exception):
    """Base of everything the engine raises on purpose."""


class SyncingStopped(SyncError):
    """The people who run this site have stopped syncing for everybody, for now."""


class LeaseLost(SyncError):
    """Another worker, or a cancellation, has taken this run over: stop at once, write nothing."""


class GitHubAccessLost(SyncError):
    """The member's GitHub token is refused and cannot be refreshed: they must connect again."""


class GitHubGivesUp(SyncError):
    """GitHub answers, but time after time not the smallest request without which nothing goes on."""


class OpenHumansAccessLost(SyncError):
    """The member's Open Humans token is refused and cannot be refreshed: they must sign in again."""


class DamagedFile(SyncError):
    """What lies at Open Humans can no longer be read, so nothing may be written in its place: `name`."""

    def __init__(self, name: str, problem: str) -> None:
        super().__init__(
            f"{name} at Open Humans is damaged. {problem} Delete it on the page that looks inside it, bring"
            " it back, and try again: it is collected anew, as far as GitHub still has it."
        )
        self.name = name


class UploadRefused(SyncError):
    """Open Humans confirmed another size than was sent; the old file stays."""


class WorkerLost(SyncError):
    """Workers were lost one after the other in the same step: killed, or hung beyond their lease."""


class WaitForLimit(Retry):
    """The message comes back after `delay` milliseconds. Waiting is no failure and costs no attempt."""
