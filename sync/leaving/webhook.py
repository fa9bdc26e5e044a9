"""Open Humans' word that a member has left (its `deauth_webhook`), believed only with its signature.

Open Humans calls once, inside the member's own request and without a time-out, so the answer is quick and
whatever talks to somebody else is left to a worker. It says the same of members we know and of others. See
https://www.openhumans.org/direct-sharing/oauth2-setup/ ("Deauthorization webhook").
"""

import logging
from datetime import timedelta

import dramatiq
import redis
from django.conf import settings
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from accounts.throttle import address_of, is_over_limit
from openhumans_client import Deauthorization, UnexpectedResponse
from openhumans_client.protocol import decode_deauthorization, verify_signature
from sync.leaving import departures

logger = logging.getLogger(__name__)
SIGNATURE_HEADER = "X-OpenHumans-Webhooks-Signature"
# The body that is documented has 109 bytes.
MOST_BYTES = 2048
# A minute, of one address: many members may leave at once, but nobody needs many wrong signatures.
MOST_SIGNED, MOST_UNSIGNED = 600, 20
# How far Open Humans' clock may be ahead of ours. Later words would outlast the next authorization.
CLOCK_MARGIN = timedelta(minutes=10)


@csrf_exempt
@never_cache
@require_POST
def deauthorized(request: HttpRequest) -> HttpResponse:
    secret: str = settings.OPENHUMANS_WEBHOOK_SECRET
    body = request.body if _content_length(request) <= MOST_BYTES else b""
    is_signed = verify_signature(secret, body, request.headers.get(SIGNATURE_HEADER, ""))
    purpose, most = ("signed webhooks", MOST_SIGNED) if is_signed else ("unsigned webhooks", MOST_UNSIGNED)
    if is_over_limit(purpose, address_of(request), most, seconds=60):
        return _answer(429, "Too many calls.")
    if secret and not is_signed:
        return _answer(403, "The signature is missing or wrong.")
    try:
        departure = decode_deauthorization(body)
    except UnexpectedResponse:
        return _answer(400, "This is not a deauthorization.")
    if departure.left_at > timezone.now() + CLOCK_MARGIN:
        return _answer(400, "The timestamp is in the future.")
    if is_signed:
        _believe(departure)
    else:
        _send("prove_alive", departures.key_of(departure.project_member_id))
    return _answer(200, "Thank you.")


def _content_length(request: HttpRequest) -> int:
    try:
        return int(request.headers.get("Content-Length") or 0)
    except ValueError:
        return MOST_BYTES + 1


def _believe(departure: Deauthorization) -> None:
    with transaction.atomic():
        user = departures.leave(
            departure.project_member_id, departure.left_at, erase=departure.is_erasure_requested
        )
        # An erasing has a message of its own. Each one that finds no Redis holds up the answer.
        if user is not None and not departures.is_being_erased(user):
            transaction.on_commit(lambda: _send("end_access", user.pk))


def _send(actor: str, user_id: int) -> None:
    """Without Redis nothing is lost: the hourly tidying finds what is left to do."""
    try:
        dramatiq.get_broker().get_actor(actor).send(user_id)
    except (redis.RedisError, dramatiq.errors.BrokerError):
        logger.warning("Redis is away; what follows a departure waits for the hourly tidying.")


def _answer(status: int, text: str) -> HttpResponse:
    return HttpResponse(text + "\n", status=status, content_type="text/plain")
