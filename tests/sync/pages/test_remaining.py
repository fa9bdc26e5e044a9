from datetime import timedelta

import pytest

from sync.pages.remaining import Pace, in_words, remaining

MINUTE = timedelta(minutes=1)
LIMIT = 5000


def test_the_pace_so_far_tells_the_rest() -> None:
    assert remaining(Pace(MINUTE, gained=100, left=300, points=20), LIMIT) == 3 * MINUTE


@pytest.mark.parametrize(
    "pace",
    [
        Pace(MINUTE, gained=0, left=400, points=20),
        Pace(timedelta(seconds=2), gained=10, left=390, points=20),
        Pace(MINUTE, gained=400, left=0, points=20),
        Pace(MINUTE, gained=1, left=-1, points=20),
    ],
)
def test_nothing_is_promised_that_is_not_known(pace: Pace) -> None:
    assert remaining(pace, LIMIT) is None


def test_the_hourly_allowance_is_part_of_it() -> None:
    pace = Pace(10 * MINUTE, gained=100, left=400, points=3000)

    assert remaining(pace, LIMIT) == timedelta(hours=3)
    assert remaining(pace, 3 * LIMIT) == timedelta(hours=1)
    assert remaining(pace, 10 * LIMIT) == 40 * MINUTE


@pytest.mark.parametrize(
    ("minutes", "words"),
    [
        (0.1, "less than a minute"),
        (0.9, "about a minute"),
        (1.1, "about 2 minutes"),
        (19, "about 19 minutes"),
        (20.5, "about 30 minutes"),
        (80, "about 80 minutes"),
        (91, "about 2 hours"),
        (179, "about 3 hours"),
    ],
)
def test_words_promise_no_more_than_is_known(minutes: float, words: str) -> None:
    assert in_words(minutes * MINUTE) == words
