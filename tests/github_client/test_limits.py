from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from github_client.answers import Answer
from github_client.limits import limit_error, rate_in_body, rate_of, told_at
from github_client.types import Rate
from tests.github_client.answers import EXHAUSTED, HEADERS, NOW, RESET, answer, data

ONE_SECOND = timedelta(seconds=1)


def test_retry_after_in_seconds_wins_over_the_reset() -> None:
    limit = limit_error("secondary", EXHAUSTED | {"retry-after": "90"}, "core", NOW, "x")
    assert limit.retry_at == NOW + timedelta(seconds=90)
    assert limit.is_moment_known


def test_retry_after_may_be_an_http_date() -> None:
    headers = {"retry-after": "Mon, 23 Nov 2026 12:05:00 GMT"}
    limit = limit_error("secondary", headers, "core", NOW, "x")
    assert NOW + timedelta(minutes=5) <= limit.retry_at <= NOW + timedelta(minutes=5, seconds=1)


@pytest.mark.parametrize("header", ["0", "Mon, 23 Nov 2026 11:00:00 GMT"])
def test_a_retry_after_in_the_past_still_waits_a_second(header: str) -> None:
    assert limit_error("secondary", {"retry-after": header}, "core", NOW, "x").retry_at == NOW + ONE_SECOND


def test_a_broken_retry_after_cannot_park_a_member_for_years() -> None:
    limit = limit_error("secondary", {"retry-after": "999999999999"}, "core", NOW, "x")
    assert limit.retry_at == NOW + timedelta(days=1)


def test_nothing_remaining_means_waiting_for_the_reset() -> None:
    assert limit_error("secondary", EXHAUSTED, "core", NOW, "x").retry_at == RESET + ONE_SECOND


def test_the_primary_limit_waits_for_the_reset_even_if_a_little_remains() -> None:
    headers = HEADERS | {"x-ratelimit-remaining": "4"}
    assert limit_error("primary", headers, "graphql", NOW, "x").retry_at == RESET + ONE_SECOND


def test_a_reset_that_has_passed_never_gives_a_moment_in_the_past() -> None:
    later = RESET + timedelta(minutes=1)
    assert limit_error("primary", EXHAUSTED, "graphql", later, "x").retry_at == later + ONE_SECOND


@pytest.mark.parametrize("wrong", [timedelta(hours=-3), timedelta(minutes=30), timedelta(days=400)], ids=str)
@pytest.mark.parametrize("named", [EXHAUSTED, {"retry-after": format_datetime(RESET, usegmt=True)}])
def test_a_moment_of_githubs_is_waited_for_by_githubs_clock(named: dict[str, str], wrong: timedelta) -> None:
    """By ours alone, were it ahead, the same request would be sent again and again while blocked."""
    headers = named | {"date": format_datetime(NOW, usegmt=True)}
    assert limit_error("primary", headers, "graphql", NOW + wrong, "x").retry_at == RESET + wrong + ONE_SECOND


@pytest.mark.parametrize("moment", ["", "yesterday", "Mon, 99 Nov 2026 12:00:00 GMT"])
def test_without_a_date_of_githubs_ours_has_to_do(moment: str) -> None:
    assert told_at({"date": moment}) is None
    headers = EXHAUSTED | {"date": moment}
    assert limit_error("primary", headers, "graphql", NOW, "x").retry_at == RESET + ONE_SECOND


@pytest.mark.parametrize("headers", [HEADERS, {}, {"retry-after": "soon"}, {"retry-after": ""}])
def test_without_a_named_moment_it_waits_a_minute_and_says_that_it_guessed(headers: dict[str, str]) -> None:
    limit = limit_error("secondary", headers, "core", NOW, "x")
    assert limit.retry_at == NOW + timedelta(seconds=60)
    assert not limit.is_moment_known


def test_the_rate_is_read_from_the_headers() -> None:
    assert rate_of(answer(200, {}), "core") == Rate("graphql", 5000, 4990, 10, RESET)


def test_used_is_derived_where_the_header_is_missing() -> None:
    headers = {name: value for name, value in HEADERS.items() if name != "x-ratelimit-used"}
    rate = rate_of(answer(200, {}, headers), "core")
    assert rate is not None
    assert rate.used == 10


@pytest.mark.parametrize("name", ["x-ratelimit-limit", "x-ratelimit-remaining", "x-ratelimit-reset"])
@pytest.mark.parametrize("value", ["", "-1", "1e3", "²", "9" * 40])
def test_a_header_that_is_no_number_gives_no_rate(name: str, value: str) -> None:
    assert rate_of(Answer(200, HEADERS | {name: value}, b""), "core") is None


def test_a_reset_beyond_the_calendar_gives_no_rate() -> None:
    assert rate_of(Answer(200, HEADERS | {"x-ratelimit-reset": "999999999999"}, b""), "core") is None


def test_the_rate_can_stand_in_the_body() -> None:
    assert rate_in_body(answer(200, data())) == Rate("graphql", 5000, 4990, 10, RESET)


@pytest.mark.parametrize("document", [b"{", {}, {"data": None}, {"data": {"rateLimit": {"limit": "5000"}}}])
def test_a_body_without_a_rate_gives_none(document: object) -> None:
    assert rate_in_body(answer(200, document)) is None


def test_moments_are_utc() -> None:
    rate = rate_of(answer(200, {}), "core")
    assert rate is not None
    assert rate.reset_at == datetime(2026, 11, 23, 12, 40, tzinfo=UTC)
    assert rate.reset_at.tzinfo is UTC
