import pytest
from django.core.cache import cache
from django.test import RequestFactory
from pytest_django import Settings

from accounts.throttle import address_of, forget, is_over_limit


@pytest.fixture(autouse=True)
def nothing_counted_yet() -> None:
    cache.clear()


def test_so_many_acts_are_allowed_and_no_more() -> None:
    assert [is_over_limit("sign in", "192.0.2.1", 3, 60) for _ in range(5)] == [False] * 3 + [True] * 2


def test_each_purpose_and_each_subject_is_counted_apart() -> None:
    assert is_over_limit("sign in", "192.0.2.1", 0, 60)
    assert not is_over_limit("sign in", "192.0.2.2", 1, 60)
    assert not is_over_limit("webhook", "192.0.2.1", 1, 60)


def test_what_is_forgotten_counts_from_zero() -> None:
    is_over_limit("sign in", "192.0.2.1", 1, 60)
    forget("sign in", "192.0.2.1")
    assert not is_over_limit("sign in", "192.0.2.1", 1, 60)


def test_without_redis_nobody_is_shut_out(settings: Settings) -> None:
    backend = "django.core.cache.backends.redis.RedisCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "redis://127.0.0.1:1/0"}}

    assert not is_over_limit("sign in", "192.0.2.1", 0, 60)
    forget("sign in", "192.0.2.1")


@pytest.mark.parametrize(
    ("header", "sent", "address"),
    [
        ("", "203.0.113.9", "192.0.2.1"),
        ("X-Forwarded-For", "203.0.113.9", "203.0.113.9"),
        ("X-Forwarded-For", "10.1.1.1, 10.2.2.2,203.0.113.9", "203.0.113.9"),
        ("X-Forwarded-For", "", ""),
        ("X-Forwarded-For", "203.0.113.9:40312", "203.0.113.9"),
        ("X-Forwarded-For", "::ffff:203.0.113.9", "203.0.113.9"),
        ("X-Forwarded-For", "2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("X-Forwarded-For", "[2001:db8:1:2::7]", "2001:db8:1:2::/64"),
        ("X-Forwarded-For", "[2001:db8:1:2::8]:443", "2001:db8:1:2::/64"),
        ("X-Forwarded-For", "203.0.113.9, unknown", "unknown"),
    ],
)
def test_only_the_entry_of_our_own_proxy_is_believed(
    settings: Settings, header: str, sent: str, address: str
) -> None:
    settings.PROXY_ADDRESS_HEADER = header
    request = RequestFactory().get("/", REMOTE_ADDR="192.0.2.1", HTTP_X_FORWARDED_FOR=sent)
    assert address_of(request) == address
