"""How often one address may do something. Counted in the shared cache, in fixed windows."""

import hashlib
import logging
import re
from collections.abc import Callable
from functools import wraps
from ipaddress import IPv4Address, ip_address, ip_network

import redis
from django.conf import settings
from django.core.cache import cache
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import render

logger = logging.getLogger(__name__)
# What some proxies write: `192.0.2.1:40312`, `[2001:db8::1]` or `[2001:db8::1]:40312`.
WITH_PORT = re.compile(r"\[([^\]]+)\](?::\d+)?|([\d.]+):\d+")
# Of an IPv6 address the half that a provider gives out; the other one a visitor changes at will.
GIVEN_BITS = 64


def address_of(request: HttpRequest) -> str:
    """Where the visitor comes from. Of a proxy's list only the last entry was written by the proxy itself."""
    header: str = settings.PROXY_ADDRESS_HEADER
    if header:
        return _origin(request.headers.get(header, "").rpartition(",")[2].strip())
    return _origin(str(request.META.get("REMOTE_ADDR", "")))


def _origin(written: str) -> str:
    """The address without what each connection may choose anew; whatever is no address stays as it is."""
    found = WITH_PORT.fullmatch(written)
    try:
        address = ip_address(written if found is None else found[1] or found[2])
    except ValueError:
        return written
    if isinstance(address, IPv4Address):
        return str(address)
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ip_network((address.packed, GIVEN_BITS), strict=False))


def is_over_limit(purpose: str, subject: str, most: int, seconds: int) -> bool:
    """Count one act of `subject`; True once there were more than `most` in `seconds`.

    Without Redis nothing is counted: whoever needs the limit to hold checks something else as well.
    """
    key = _key(purpose, subject)
    try:
        cache.add(key, 0, seconds)
        return cache.incr(key) > most
    except ValueError:
        return False  # the window ended between the two calls
    except redis.RedisError:
        logger.warning("Redis is away; %s is not limited meanwhile.", purpose)
        return False


def limited(
    purpose: str, most: int, seconds: int
) -> Callable[[Callable[[HttpRequest], HttpResponseBase]], Callable[[HttpRequest], HttpResponseBase]]:
    """A view that one address may call `most` times in `seconds`, and then has to wait."""

    def limit(
        view: Callable[[HttpRequest], HttpResponseBase],
    ) -> Callable[[HttpRequest], HttpResponseBase]:
        @wraps(view)
        def counted(request: HttpRequest) -> HttpResponseBase:
            if is_over_limit(purpose, address_of(request), most, seconds):
                return render(request, "429.html", {"is_address": True}, status=429)
            return view(request)

        return counted

    return limit


def forget(purpose: str, subject: str) -> None:
    try:
        cache.delete(_key(purpose, subject))
    except redis.RedisError:
        logger.warning("Redis is away; a limit on %s stays until its time is over.", purpose)


def _key(purpose: str, subject: str) -> str:
    return f"throttle:{purpose.replace(' ', '-')}:{hashlib.sha256(subject.encode()).hexdigest()[:24]}"
