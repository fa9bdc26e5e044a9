"""How much an account did: three profiles, or any size."""

import re
from dataclasses import dataclass

from sandbox.github.catalogue import SettingError

_CUSTOM = re.compile(r"(?P<commits>\d+):(?P<repositories>\d+):(?P<years>\d+)")


@dataclass(frozen=True)
class Size:
    """Commits, repositories and tracks in all; everything else a year."""

    commits: int
    repositories: int
    years: int
    issues: int
    pull_requests: int
    comments: int
    reviewed: int
    """Pull requests of others."""
    stars: int
    gists: int
    discussions: int
    releases: int
    tracks: int = 0
    binary_tracks: int = 0


PROFILES = {
    "light": Size(500, 5, 3, 10, 10, 40, 5, 20, 2, 1, 1, tracks=20, binary_tracks=2),
    "typical": Size(8_000, 40, 8, 60, 150, 500, 150, 100, 6, 6, 8, tracks=200, binary_tracks=20),
    "heavy": Size(
        150_000, 300, 12, 300, 1_000, 4_000, 1_500, 200, 12, 30, 60, tracks=1_000, binary_tracks=100
    ),
}


def size_of(text: str) -> Size:
    """A profile's name, or COMMITS:REPOSITORIES:YEARS, with the rest as typical for so many commits a year.

    Raises SettingError.
    """
    if text in PROFILES:
        return PROFILES[text]
    found = _CUSTOM.fullmatch(text)
    if not found:
        raise SettingError(f"--account {text}: {', '.join(PROFILES)} or COMMITS:REPOSITORIES:YEARS.")
    commits, repositories, years = (int(found[name]) for name in ("commits", "repositories", "years"))
    if not repositories or not years or commits < repositories:
        raise SettingError(f"--account {text}: at least one year, one repository, and a commit for each.")
    typical = PROFILES["typical"]
    share = commits / years / (typical.commits / typical.years)

    def scaled(amount: int) -> int:
        return max(1, round(amount * share))

    return Size(
        commits,
        repositories,
        years,
        issues=scaled(typical.issues),
        pull_requests=scaled(typical.pull_requests),
        comments=scaled(typical.comments),
        reviewed=scaled(typical.reviewed),
        stars=scaled(typical.stars),
        gists=scaled(typical.gists),
        discussions=scaled(typical.discussions),
        releases=scaled(typical.releases),
    )
