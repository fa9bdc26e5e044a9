"""How long a first sync still takes, at the pace so far and within GitHub's hourly allowance. Pure."""

from dataclasses import dataclass
from datetime import timedelta

# Of the hour's points a share is always left to the member's own tools.
POINTS_AN_HOUR = 4000
# Before this nobody knows the pace.
FIRST_LOOK = timedelta(seconds=8)


@dataclass(frozen=True, slots=True)
class Pace:
    """What one run has done so far: weeks that are passed of those that are known, and what it took."""

    elapsed: timedelta
    passed: int
    known: int
    points: int


def remaining(pace: Pace) -> timedelta | None:
    """None while it cannot be known, and where nothing is left."""
    left = pace.known - pace.passed
    if left <= 0 or pace.passed <= 0 or pace.elapsed < FIRST_LOOK:
        return None
    by_pace = pace.elapsed * left / pace.passed
    points = pace.points * left / pace.passed
    if pace.points + points <= POINTS_AN_HOUR:
        return by_pace
    return max(by_pace, timedelta(hours=points / POINTS_AN_HOUR))


def in_words(left: timedelta) -> str:
    """Rounded up to what can be promised: `less than a minute`, `about 7 minutes`, `about 3 hours`."""
    seconds = left.total_seconds()
    if seconds < 50:
        return "less than a minute"
    minutes = int(-(-seconds // 60))
    if minutes < 2:
        return "about a minute"
    if minutes < 20:
        return f"about {minutes} minutes"
    if minutes < 90:
        return f"about {-(-minutes // 10) * 10} minutes"
    return f"about {-(-minutes // 60)} hours"
