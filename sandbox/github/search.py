"""Searching issues, pull requests and discussions by the qualifiers a collector uses.

`type:pr`, `type:issue`, `is:...`, `author:`, `commenter:`, `reviewed-by:`, `repo:owner/name`, `org:`,
`user:`, `updated:` and `created:` with `A..B`, `>=A`, `>A`, `<=A`, `<A` or one day; a `-` in front
turns one round.
`sort:updated-asc`, `sort:created-desc`, ...: without it the newest update comes first. Words are not searched
for. No more than 1,000 results can be read, whatever their number.
https://docs.github.com/search-github/searching-on-github/searching-issues-and-pull-requests
"""

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any, NamedTuple

from sandbox.github.faults import moment
from sandbox.github.items import Discussion, Issue, IssueComment, Item, PullRequest
from sandbox.github.reading import Reading
from sandbox.github.world import Ordered, ordered

MOST_RESULTS = 1_000
_QUALIFIER = re.compile(r"(?P<minus>-?)\b(?P<name>[a-z-]+):(?P<value>\S+)")
_DAY = timedelta(days=1)


class Found(NamedTuple):
    total: int
    items: Ordered[Any]
    """Ascending, and no more than can be read."""
    is_descending: bool


class _Condition(NamedTuple):
    name: str
    value: str
    is_not: bool


def search(reading: Reading, query: str, kinds: tuple[str, ...]) -> Found:
    """`kinds` are fields of Activity. Raises ValueError for a date that is none."""
    conditions = [
        _Condition(found["name"], found["value"], bool(found["minus"]))
        for found in _QUALIFIER.finditer(query)
    ]
    wanted = next((each.value for each in conditions if each.name == "sort"), "updated")
    sort, _, direction = wanted.partition("-")
    tests = [test for condition in conditions if (test := _test(condition))]

    def matching() -> Ordered[Item]:
        candidates = _candidates(reading, conditions, kinds)
        return candidates.where(lambda item: all(test(item) for test in tests))

    chosen = reading.seen((query, kinds), matching)
    if sort in {"created", "comments"}:
        chosen = ordered(chosen.items, sort)
    is_descending = direction != "asc"
    readable = slice(-MOST_RESULTS, None) if is_descending else slice(MOST_RESULTS)
    return Found(len(chosen.items), Ordered(chosen.keys[readable], chosen.items[readable]), is_descending)


def _candidates(reading: Reading, conditions: list[_Condition], kinds: tuple[str, ...]) -> Ordered[Any]:
    """All that can match, by `updated`, through the shortest list there is."""
    world = reading.world
    for name, value, is_not in conditions:
        account = reading.catalogue.account_by_login(value)
        if name == "reviewed-by" and account and not is_not and "pull_requests" in kinds:
            return world.reviewed(account)
        if name == "author" and account and not is_not:
            return _united([world.own(account, kind, "updated") for kind in kinds])
    return _united([world.everything(kind) for kind in kinds])


def _united(lists: list[Ordered[Any]]) -> Ordered[Any]:
    if len(lists) == 1:
        return lists[0]
    pairs = [pair for each in lists for pair in zip(each.keys, each.items, strict=True)]
    pairs.sort(key=lambda pair: pair[0])
    return Ordered([key for key, _ in pairs], [item for _, item in pairs])


def _test(condition: _Condition) -> Callable[[Item], bool] | None:
    """None for what does not choose."""
    name, value, is_not = condition
    if name in {"updated", "created"}:
        first, last = span(value)
        return lambda item: (first <= getattr(item, name) <= last) != is_not
    test = _TESTS.get(name)
    if test is None:
        return None
    lowered = value.lower()
    return lambda item: test(item, lowered) != is_not


def span(text: str) -> tuple[float, float]:
    """First and last second of `A..B`, `>=A`, `>A`, `<=A`, `<A`, a day or a moment; `*` is open."""
    if ".." in text:
        first, _, last = text.partition("..")
        return _bounds(first)[0], _bounds(last)[1]
    if text.startswith(">="):
        return _bounds(text[2:])[0], float("inf")
    if text.startswith("<="):
        return float("-inf"), _bounds(text[2:])[1]
    if text.startswith(">"):
        return _bounds(text[1:])[1] + 1, float("inf")
    if text.startswith("<"):
        return float("-inf"), _bounds(text[1:])[0] - 1
    return _bounds(text)


def _bounds(text: str) -> tuple[float, float]:
    """A day has many seconds, a moment one."""
    if text == "*":
        return float("-inf"), float("inf")
    start = moment(text)
    end = start if "T" in text else start + _DAY - timedelta(seconds=1)
    return start.timestamp(), end.timestamp()


def _is_type(item: Item, value: str) -> bool:
    kinds = {"pr": PullRequest, "pull-request": PullRequest, "issue": Issue, "discussion": Discussion}
    if value in kinds:
        return isinstance(item, kinds[value])
    if value in {"open", "closed", "merged"}:
        state = getattr(item, "state", "OPEN")
        return state == value.upper() or (value == "closed" and state == "MERGED")
    return value == ("private" if item.home.is_private else "public")


def _is_author(item: Item, login: str) -> bool:
    return item.author is not None and item.author.login.lower() == login


def _is_reviewed_by(item: Item, login: str) -> bool:
    reviews = item.reviews if isinstance(item, PullRequest) else []
    return any(_is_author(review, login) for review in reviews)


def _is_commented_by(item: Item, login: str) -> bool:
    comments: list[IssueComment] = getattr(item, "comments", [])
    return any(_is_author(comment, login) for comment in comments)


def _is_owned_by(item: Item, login: str) -> bool:
    return item.home.owner.login.lower() == login


_TESTS: dict[str, Callable[[Item, str], bool]] = {
    "type": _is_type,
    "is": _is_type,
    "author": _is_author,
    "commenter": _is_commented_by,
    "reviewed-by": _is_reviewed_by,
    "repo": lambda item, name: item.home.full_name.lower() == name,
    "org": _is_owned_by,
    "user": _is_owned_by,
}
