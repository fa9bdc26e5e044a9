from datetime import timedelta

import pytest

from sync.pages.remaining import Pace, in_words, remaining

MINUTE = timedelta(minutes=1)


def test_the_pace_so_far_tells_the_rest() -> None:
    assert remaining(Pace(MINUTE, passed=100, known=400, points=20)) == 3 * MINUTE


@pytest.mark.parametrize(
    "pace",
    [
        Pace(MINUTE, passed=0, known=400, points=20),
        Pace(timedelta(seconds=2), passed=10, known=400, points=20),
        Pace(MINUTE, passed=400, known=400, points=20),
        Pace(MINUTE, passed=1, known=0, points=20),
    ],
)
def test_nothing_is_promised_that_is_not_known(pace: Pace) -> None:
    assert remaining(pace) is None


def test_the_hourly_allowance_is_part_of_it() -> None:
    pace = Pace(10 * MINUTE, passed=100, known=500, points=3000)
    assert remaining(pace) == timedelta(hours=3)


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
