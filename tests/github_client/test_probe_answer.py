"""Which answers to a probe tell the same."""

import json
from datetime import UTC, date, datetime
from typing import Any

import pytest

from github_client.answers import Answer
from github_client.errors import UnexpectedResponse
from github_client.probe_answer import ProbeAnswer
from github_client.protocol import read_graphql

MONDAY, SUNDAY = date(2026, 4, 27), date(2026, 5, 3)
# What looks like a mark inside of a text is none.
BIO = 'I say "forkCount":1 and "rateLimit":{ and "errors":'


def viewer(**fields: Any) -> dict[str, Any]:
    days = [{"date": f"2026-04-{day}", "contributionCount": count} for day, count in ((27, 4), (28, 0))]
    calendar = {"totalContributions": 4, "weeks": [{"contributionDays": days}]}
    return {
        "databaseId": 1,
        "bio": BIO,
        "followers": {"totalCount": 7},
        "contributionsCollection": {"restrictedContributionsCount": 2, "contributionCalendar": calendar},
        "issues": {"totalCount": 3, "nodes": [{"id": "I_1", "title": "Größe ✓"}]},
        "repositories": {"totalCount": 1, "nodes": [{"id": "R_1", "stargazerCount": 5, "forkCount": 1}]},
        **fields,
    }


def rate(remaining: int) -> dict[str, Any]:
    return {"cost": 1, "limit": 5000, "used": 5000 - remaining, "remaining": remaining}


def answer(
    found: dict[str, Any],
    until: date = SUNDAY,
    *,
    remaining: int = 4000,
    indent: int | None = None,
    **more: Any,
) -> ProbeAnswer:
    document = {"data": {"viewer": found, "rateLimit": rate(remaining)}, **more}
    body = json.dumps(document, separators=(",", ":"), indent=indent).encode()
    result = read_graphql("probe", Answer(200, {}, body), datetime.now(UTC))
    return ProbeAnswer("probe", body, result, MONDAY, until, (), frozenset(), None)


def error(kind: str) -> list[dict[str, Any]]:
    return [{"type": kind, "path": ["viewer", "issues"], "message": f"{datetime.now(UTC)} {kind}"}]


SAME = answer(viewer()).digest


def test_what_is_left_of_the_limit_and_another_day_without_contributions_are_no_news() -> None:
    assert answer(viewer(), remaining=12).digest == SAME
    later = viewer()
    later["contributionsCollection"]["contributionCalendar"]["weeks"][0]["contributionDays"].append(
        {"date": "2026-05-04", "contributionCount": 0}
    )
    assert answer(later, date(2026, 5, 4)).digest == SAME


def test_what_others_did_is_no_news() -> None:
    starred = [{"id": "R_1", "stargazerCount": 1234, "forkCount": 0}]
    moved = viewer(followers={"totalCount": 800}, repositories={"totalCount": 1, "nodes": starred})
    assert answer(moved).digest == SAME


@pytest.mark.parametrize(
    "change",
    [
        {"bio": BIO.replace("1", "2")},
        {"issues": {"totalCount": 4, "nodes": [{"id": "I_1", "title": "Größe ✓"}]}},
        {"issues": {"totalCount": 3, "nodes": [{"id": "I_1", "title": "Größe ✗"}]}},
        {"repositories": {"totalCount": 2, "nodes": [{"id": "R_1", "stargazerCount": 5, "forkCount": 1}]}},
        {"repositories": {"totalCount": 1, "nodes": [{"id": "R_2", "stargazerCount": 5, "forkCount": 1}]}},
    ],
)
def test_whatever_else_differs_is_news(change: dict[str, Any]) -> None:
    assert answer(viewer(**change)).digest != SAME


def test_a_contribution_is_news_and_so_is_what_is_counted_beside_the_calendar() -> None:
    busy, private = viewer(), viewer()
    week = busy["contributionsCollection"]["contributionCalendar"]["weeks"][0]
    week["contributionDays"][1]["contributionCount"] = 1
    private["contributionsCollection"]["restrictedContributionsCount"] = 3
    assert SAME not in (answer(busy).digest, answer(private).digest)


def test_an_error_of_a_field_is_news_whose_words_do_not_count() -> None:
    first, second = (answer(viewer(), errors=error("FORBIDDEN")).digest for _ in range(2))
    assert first == second
    assert SAME not in (first, answer(viewer(), errors=error("NOT_FOUND")).digest)
    assert first != answer(viewer(), errors=error("NOT_FOUND")).digest


def test_an_answer_that_is_written_with_spaces_is_read_as_well() -> None:
    spaced = answer(viewer(), indent=1, remaining=1, extensions={"took": 1}).digest
    assert spaced == answer(viewer(), indent=1, remaining=2, extensions={"took": 2}).digest


def test_an_answer_without_a_calendar_is_refused() -> None:
    with pytest.raises(UnexpectedResponse, match="contributionCalendar"):
        _ = answer(viewer(contributionsCollection={})).digest
