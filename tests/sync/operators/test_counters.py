"""Sums that all processes add to."""

import threading
from collections.abc import Iterator

import pytest
import redis
from django.conf import settings as the_settings

from sync.operators import counters


@pytest.fixture(autouse=True)
def nothing_counted_yet() -> Iterator[redis.Redis]:
    counters.flush()
    with redis.Redis.from_url(the_settings.METRICS_URL) as server:
        server.delete(counters.KEY)
        yield server
    counters.flush()


def test_what_is_counted_adds_up() -> None:
    counters.count("waits", "github_limit")
    counters.count("waits", "github_limit", amount=2)
    counters.count("waits", "github_unavailable")
    counters.count("weeks_fetched", amount=0)

    assert counters.read() == {("waits", "github_limit"): 3, ("waits", "github_unavailable"): 1}


def test_other_processes_add_to_the_same_sum(nothing_counted_yet: redis.Redis) -> None:
    counters.count("weeks_fetched", amount=2)
    counters.flush()
    nothing_counted_yet.hincrbyfloat(counters.KEY, "weeks_fetched", 40)

    assert counters.read() == {("weeks_fetched",): 42}


def test_a_process_adds_now_and_then_and_not_each_time(
    nothing_counted_yet: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    counters.count("weeks_fetched")
    assert not nothing_counted_yet.exists(counters.KEY)
    monkeypatch.setattr(counters, "FLUSH_SECONDS", 0)
    counters.count("weeks_fetched")
    assert nothing_counted_yet.hget(counters.KEY, "weeks_fetched") == b"2"


def test_what_is_added_soon_is_added_by_itself_and_once(
    nothing_counted_yet: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    counters.flush_last()
    counters.count("weeks_fetched")
    monkeypatch.setattr(counters, "FLUSH_SECONDS", 0.05)
    counters.flush_soon()
    counters.flush_soon()
    (planned,) = [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]
    planned.join()
    assert nothing_counted_yet.hget(counters.KEY, "weeks_fetched") == b"1"


def test_what_was_to_be_added_soon_is_added_before_the_process_ends(
    nothing_counted_yet: redis.Redis,
) -> None:
    counters.count("weeks_fetched")
    counters.flush_soon()
    assert not nothing_counted_yet.exists(counters.KEY)
    counters.flush_last()
    assert nothing_counted_yet.hget(counters.KEY, "weeks_fetched") == b"1"
    assert not [thread for thread in threading.enumerate() if isinstance(thread, threading.Timer)]


def test_without_redis_the_count_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    away = redis.Redis.from_url("redis://127.0.0.1:1/0")
    with monkeypatch.context() as patch:
        patch.setattr(counters, "_connection", lambda: away)
        counters.count("weeks_fetched")
        counters.flush()
        with pytest.raises(redis.RedisError):
            counters.read()

    assert counters.read() == {("weeks_fetched",): 1}


def test_what_an_older_version_counted_is_left_out(nothing_counted_yet: redis.Redis) -> None:
    nothing_counted_yet.hset(counters.KEY, mapping={"forgotten": 1, "waits": 2, "waits|a|b": 3, "waits|a": 4})

    assert counters.read() == {("waits", "a"): 4}


@pytest.mark.parametrize("labels", [(), ("a", "b")])
def test_labels_have_to_fit(labels: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="waits wants the labels"):
        counters.count("waits", *labels)


def test_a_name_nobody_knows_is_refused() -> None:
    with pytest.raises(KeyError):
        counters.count("octocat")
