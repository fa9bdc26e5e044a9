"""What can be wrong with track files."""


class TrackError(Exception):
    """Base of all errors of this package."""


class NotReadable(TrackError):
    """A file from a repository cannot be read as tracks.

    `reason` is a sentence for the member, without names, coordinates or content of the file.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class BrokenTracksFile(TrackError):
    """A tracks file of ours cannot be read back, or would not be valid."""


class UnreadableTracksFile(BrokenTracksFile):
    """What should be a whole tracks file of ours is none."""
