"""How long a first sync still takes, at the pace so far and within GitHub's hourly allowance. Pure."""

from dataclasses import dataclass
from datetime import timedelta

# Of the hour's points the rest is always left to the member's own tools.
OUR_SHARE = 0.8
# Before this nobody knows the pace.
FIRST_LOOK = timedelta(seconds=8)


@dataclass(frozen=True, slots=True)
class Pace:
    """What one run has done so far: the weeks it gained, what that took, and the weeks that are left."""

    elapsed: timedelta
    gained: int
    left: int
    points: int


def remaining(pace: Pace, hourly_limit: int) -> timedelta | None:
    """None while it cannot be known, and where nothing is left."""
    if pace.left <= 0 or pace.gained <= 0 or pace.elapsed < FIRST_LOOK:
        return None
    by_pace = pace.elapsed * pace.left / pace.gained
    points, points_an_hour = pace.points * pace.left / pace.gained, OUR_SHARE * hourly_limit
    if pace.points + points <= points_an_hour:
        return by_pace
    return max(by_pace, timedelta(hours=points / points_an_hour))


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
