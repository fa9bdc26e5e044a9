"""Made-up words: messages, titles and comments of varying length, the same for the same number."""

import random
from functools import cache

_VERBS = (
    "Add",
    "Fix",
    "Remove",
    "Rename",
    "Split",
    "Test",
    "Document",
    "Simplify",
    "Cache",
    "Retry",
    "Check",
)
_THINGS = (
    "parser",
    "cursor",
    "reader",
    "writer",
    "session",
    "token",
    "budget",
    "calendar",
    "archive",
    "index",
    "schema",
    "route",
    "template",
    "worker",
    "queue",
    "client",
    "header",
    "fixture",
    "build",
)
_PLACES = (
    "on start",
    "after a failure",
    "for old files",
    "in the worker",
    "without a network",
    "at midnight",
)
_SENTENCES = (
    "The old way lost the last line when the file did not end with one.",
    "It is called once per request now, not once per row.",
    "Nobody used this since the last release.",
    "Measured on the largest account we have: half the time, a third of the memory.",
    "A comment said why, but the reason is gone.",
    "See the discussion for what else was tried.",
    "This is the first step; the next one removes the switch.",
    "Looks good to me, thank you!",
    "Could you add a test for the empty list?",
    "I can reproduce this with the newest version.",
)
_POOL = 4_096


def headline(number: int) -> str:
    return _headlines()[number % _POOL]


def text(number: int) -> str:
    """One to eight sentences; most are short."""
    return _texts()[number % _POOL]


def message(number: int) -> str:
    """Of a commit: two of three are only a headline."""
    if number % 3:
        return headline(number // 3)
    return f"{headline(number // 3)}\n\n{text(number // 5)}"


@cache
def _headlines() -> list[str]:
    chance = random.Random("headlines")
    return [_headline(chance) for _ in range(_POOL)]


@cache
def _texts() -> list[str]:
    chance = random.Random("texts")
    return [
        " ".join(chance.choice(_SENTENCES) for _ in range(min(8, 1 + int(chance.expovariate(0.7)))))
        for _ in range(_POOL)
    ]


def _headline(chance: random.Random) -> str:
    words = [chance.choice(_VERBS), "the", chance.choice(_THINGS), chance.choice(_THINGS)]
    if chance.random() < 0.4:
        words.append(chance.choice(_PLACES))
    return " ".join(words)
