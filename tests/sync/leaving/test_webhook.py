"""Open Humans' word that a member left, as it arrives over HTTP."""

import hashlib
import hmac
import json
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from threading import Thread
from typing import Any

import dramatiq
import pytest
import redis
from django.core.cache import cache
from django.db import connection, connections
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Credential, User
from config.worker import answer_soon
from sync import actors
from sync.leaving import departures, erasing
from sync.models import EraseScope, Receipt, Subscription, SyncRun
from sync.operators import counters
from tests.providers import GITHUB_API_URL, Providers
from tests.sync.broker import Sent
from tests.sync.factories import make_run
from tests.sync.locks import waits_for

pytestmark = pytest.mark.django_db(transaction=True)
SECRET = "test-webhook-secret"
GRANT = f"{GITHUB_API_URL}/applications/test-github-client/grant"


@pytest.fixture(autouse=True)
def no_calls_counted_yet(settings: Settings) -> Iterator[None]:
    settings.OPENHUMANS_WEBHOOK_SECRET = SECRET
    cache.clear()
    yield
    cache.clear()


def body_of(member_id: str, left_at: datetime | None = None, *, erase: bool = False) -> bytes:
    """Spelled as Open Humans spells it."""
    moment = (left_at or datetime.now(UTC)).isoformat()
    said = {"project_member_id": member_id, "erasure_requested": erase, "timestamp": moment}
    return json.dumps(said).encode()


def call(
    client: Client, body: bytes, secret: str | None = SECRET, path: str = "/openhumans/deauth/", **more: Any
) -> Any:
    headers = {}
    if secret is not None:
        headers["X-OpenHumans-Webhooks-Signature"] = (
            "sha1=" + hmac.new(secret.encode(), body, hashlib.sha1).hexdigest()
        )
    return client.post(path, body, content_type="application/json", headers=headers, **more)


def in_a_thread_of_its_own(act: Callable[[Subscription], None], subscription: Subscription) -> None:
    try:
        act(subscription)
    finally:
        connections.close_all()


def names(sent: Sent) -> list[tuple[str, Any]]:
    return [(message.actor_name, message.args[0]) for message, _ in sent.messages]


# --- A signed word ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/openhumans/deauth", "/openhumans/deauth/"])
def test_syncing_and_logins_end_at_once(
    client: Client, subscription: Subscription, sent: Sent, path: str
) -> None:
    member, run = subscription.user, make_run(subscription, state=SyncRun.State.RUNNING)
    browser = Client()
    browser.force_login(member)
    assert browser.get("/dashboard/").status_code == 200
    sent.messages.clear()

    answer = call(client, body_of("12345678"), path=path)

    assert answer.status_code == 200
    subscription.refresh_from_db()
    run.refresh_from_db()
    assert subscription.status == Subscription.Status.DISCONNECTED
    assert run.state == SyncRun.State.CANCELLED
    assert browser.get("/dashboard/").status_code == 302
    assert names(sent) == [("end_access", member.pk)]


def test_it_is_heard_without_cookies_or_a_csrf_token(subscription: Subscription, sent: Sent) -> None:
    assert call(Client(enforce_csrf_checks=True), body_of("12345678")).status_code == 200


def test_other_members_are_left_alone(
    client: Client, subscription: Subscription, stranger: User, sent: Sent
) -> None:
    call(client, body_of("12345678"))

    assert Subscription.objects.get(user=stranger).status == Subscription.Status.ACTIVE
    assert User.objects.get(pk=stranger.pk).left_at is None


def test_members_and_others_get_the_same_answer(
    client: Client, subscription: Subscription, sent: Sent
) -> None:
    known, unknown = call(client, body_of("12345678")), call(client, body_of("99999999"))

    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert known.headers == unknown.headers


def test_the_rows_stay_for_a_while_unless_erasure_was_asked_for(
    client: Client, subscription: Subscription, stranger: User, sent: Sent
) -> None:
    call(client, body_of("12345678"))
    call(client, body_of("87654321", erase=True))

    stays, goes = (User.objects.get(open_humans_id=i).rows_until for i in ("12345678", "87654321"))
    assert stays is not None
    assert timedelta(days=89) < stays - timezone.now() < timedelta(days=91)
    assert goes is not None
    assert goes <= timezone.now()


def test_hearing_it_again_changes_nothing(client: Client, subscription: Subscription, sent: Sent) -> None:
    body = body_of("12345678")
    call(client, body)
    before = User.objects.values("left_at", "rows_until", "password").get(open_humans_id="12345678")

    assert call(client, body).status_code == 200
    assert User.objects.values("left_at", "rows_until", "password").get(open_humans_id="12345678") == before
    assert len(sent.messages) == 1


def test_erasure_may_still_be_asked_for_after_leaving(
    client: Client, subscription: Subscription, sent: Sent
) -> None:
    call(client, body_of("12345678"))
    call(client, body_of("12345678", erase=True))

    rows_until = User.objects.get(open_humans_id="12345678").rows_until
    assert rows_until is not None
    assert rows_until <= timezone.now()
    run = SyncRun.objects.get(trigger=SyncRun.Trigger.ERASE)
    assert run.erase_scope == EraseScope.ACCOUNT
    assert names(sent) == [("end_access", run.subscription.user_id), ("sync_step", run.pk)]


def test_an_old_word_sent_again_does_not_touch_who_authorized_since(
    client: Client, subscription: Subscription, sent: Sent
) -> None:
    authorized_at = Credential.objects.get(identity__provider="openhumans").authorized_at

    for left_at in (authorized_at, authorized_at - timedelta(days=3), datetime(2020, 6, 30, 20, tzinfo=UTC)):
        assert call(client, body_of("12345678", left_at, erase=True)).status_code == 200

    subscription.refresh_from_db()
    assert subscription.status == Subscription.Status.ACTIVE
    assert User.objects.get(open_humans_id="12345678").left_at is None
    assert sent.messages == []


def test_a_word_from_the_future_is_refused(client: Client, subscription: Subscription, sent: Sent) -> None:
    answer = call(client, body_of("12345678", datetime.now(UTC) + timedelta(hours=1)))

    assert answer.status_code == 400
    assert User.objects.get(open_humans_id="12345678").left_at is None


def test_redis_away_loses_nothing(client: Client, subscription: Subscription, sent: Sent) -> None:
    sent.error = redis.ConnectionError("away")

    assert call(client, body_of("12345678")).status_code == 200
    assert User.objects.get(open_humans_id="12345678").left_at is not None


def test_the_answer_takes_less_than_a_second(client: Client, subscription: Subscription, sent: Sent) -> None:
    for _ in range(5):
        browser = Client()
        browser.force_login(subscription.user)
    began = time.monotonic()
    call(client, body_of("12345678"))
    assert time.monotonic() - began < 1


def test_a_refresh_in_flight_holds_up_no_answer(
    client: Client, subscription: Subscription, sent: Sent
) -> None:
    """Who refreshes holds the row while Open Humans is asked, which may take a minute."""
    mine = Credential.objects.filter(identity__user=subscription.user, identity__provider="openhumans")
    other = connection.copy()
    try:
        other.set_autocommit(False)
        with other.cursor() as cursor:
            cursor.execute("select 1 from accounts_credential where id = %s for update", [mine.get().pk])
        with connection.cursor() as cursor:
            cursor.execute("set lock_timeout = '500ms'")

        assert call(client, body_of("12345678")).status_code == 200

        member = User.objects.get(open_humans_id="12345678")
        assert member.left_at is not None
        assert Subscription.objects.get().status == Subscription.Status.DISCONNECTED
        assert mine.get().state == Credential.State.VALID, "whoever holds it hears it from Open Humans"
        assert names(sent) == [("end_access", member.pk)]
    finally:
        other.close()
        connection.close()


def end_access(subscription: Subscription) -> None:
    departures.leave("12345678", timezone.now(), erase=False)
    actors.end_access.fn(subscription.user_id)


def disconnect(subscription: Subscription) -> None:
    actors.sync_step.fn(erasing.start(subscription, EraseScope.GITHUB).pk, 0)


def delete_account(subscription: Subscription) -> None:
    departures.leave("12345678", timezone.now(), erase=True)
    actors.sync_step.fn(SyncRun.objects.get().pk, 0)


def delete_unconnected(subscription: Subscription) -> None:
    subscription.delete()
    erasing.end_unconnected(subscription.user)


@pytest.mark.parametrize(
    ("act", "refreshed"),
    [
        (end_access, "openhumans"),
        (disconnect, "github"),
        (delete_account, "openhumans"),
        (delete_unconnected, "openhumans"),
    ],
)
def test_whoever_forgets_tokens_holds_up_no_answer_while_one_is_refreshed(
    client: Client,
    subscription: Subscription,
    providers: Providers,
    sent: Sent,
    act: Callable[[Subscription], None],
    refreshed: str,
) -> None:
    """They wait for the refresh, as long as it takes, and hold nothing that the webhook needs."""
    member = subscription.user
    providers.http.delete(GRANT, status=204)
    Credential.objects.filter(identity__provider="openhumans").update(state=Credential.State.REFUSED)
    key = Credential.objects.get(identity__user=member, identity__provider=refreshed).pk
    refresh = connection.copy()
    forgetting = Thread(target=in_a_thread_of_its_own, args=(act, subscription))
    try:
        refresh.set_autocommit(False)
        with refresh.cursor() as cursor:
            cursor.execute("select 1 from accounts_credential where id = %s for update", [key])
        forgetting.start()
        while not waits_for(refresh):
            assert forgetting.is_alive()
            forgetting.join(0.01)
        with connection.cursor() as cursor:
            cursor.execute("set lock_timeout = '500ms'")

        assert call(client, body_of("12345678", erase=True)).status_code == 200
    finally:
        refresh.close()
        forgetting.join()
        connection.close()
    assert Receipt.objects.exists(), "whoever began, the erasure ends in a receipt"


@pytest.fixture(params=["no connection", "no answer"])
def unreachable(
    request: pytest.FixtureRequest, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """All that a page asks Redis for goes where nobody answers, in a process that serves pages."""
    is_full = request.param == "no connection"
    pool = dramatiq.get_broker().client.connection_pool  # type: ignore[attr-defined]
    with socket.create_server(("127.0.0.1", 0), backlog=0 if is_full else 8) as nobody, ExitStack() as held:
        port = nobody.getsockname()[1]
        if is_full:  # the kernel answers nobody else until somebody accepts
            held.enter_context(socket.create_connection(("127.0.0.1", port)))
        address = f"redis://127.0.0.1:{port}/0"
        before = settings.CACHES
        settings.CACHES = {"default": {**settings.CACHES["default"], "LOCATION": address}}
        settings.METRICS_URL = address
        counters._connection.cache_clear()
        monkeypatch.setattr(counters, "_flushed_at", 0.0)
        there = {"host": "127.0.0.1", "port": port}
        monkeypatch.setattr(pool, "connection_kwargs", {**pool.connection_kwargs, **there})
        answer_soon(dramatiq.get_broker())
        pool.reset()
        yield
    monkeypatch.undo()
    settings.CACHES = before
    pool.reset()
    counters._connection.cache_clear()


@pytest.mark.usefixtures("unreachable")
@pytest.mark.parametrize("erase", [False, True])
def test_a_redis_that_nobody_reaches_holds_up_no_answer(
    client: Client, subscription: Subscription, caplog: pytest.LogCaptureFixture, erase: bool
) -> None:
    began = time.monotonic()

    assert call(client, body_of("12345678", erase=erase)).status_code == 200

    assert time.monotonic() - began < 1
    assert User.objects.get(open_humans_id="12345678").left_at is not None
    assert caplog.text.count("Redis is away") == 2, "neither counted nor sent, and each is tried once"
    assert SyncRun.objects.to_nudge(timezone.now()).exists() is erase, "the next scan sends it"


# --- What is not believed ---------------------------------------------------------------------------------


@pytest.mark.parametrize("secret", [None, "another secret", ""])
def test_without_the_right_signature_nothing_happens(
    client: Client, subscription: Subscription, sent: Sent, secret: str | None
) -> None:
    assert call(client, body_of("12345678"), secret).status_code == 403
    assert User.objects.get(open_humans_id="12345678").left_at is None
    assert sent.messages == []


def test_a_signature_is_of_these_very_bytes(client: Client, subscription: Subscription, sent: Sent) -> None:
    signed = body_of("87654321")
    digest = hmac.new(SECRET.encode(), signed, hashlib.sha1).hexdigest()

    answer = client.post(
        "/openhumans/deauth/",
        body_of("12345678"),
        content_type="application/json",
        headers={"X-OpenHumans-Webhooks-Signature": f"sha1={digest}"},
    )

    assert answer.status_code == 403


@pytest.mark.parametrize(
    "body", [b"", b"{}", b"not json", b"[]", body_of("12 or 1=1"), b'{"project_member_id": "1"}', b"\xff\xfe"]
)
def test_a_body_that_is_no_deauthorization_is_refused(client: Client, sent: Sent, body: bytes) -> None:
    assert call(client, body).status_code == 400
    assert sent.messages == []


def test_a_long_body_is_not_even_read(client: Client, subscription: Subscription, sent: Sent) -> None:
    assert call(client, body_of("12345678") + b" " * 5000).status_code == 403


@pytest.mark.parametrize(
    "said",
    [
        "1e9999",
        "NaN",
        "1780000000.5",
        '"2026-13-01T00:00:00+00:00"',
        '"0001-01-01T00:00:00+14:00"',
        '"9999-12-31T23:59:59-14:00"',
        '"2026-05-04T10:00:00"',
        '"\\ud800"',
    ],
)
def test_a_timestamp_that_is_no_moment_is_refused(
    client: Client, subscription: Subscription, sent: Sent, said: str
) -> None:
    start = '{"project_member_id": "12345678", "erasure_requested": true, "timestamp": '
    assert call(client, f"{start}{said}}}".encode()).status_code == 400
    assert User.objects.get(open_humans_id="12345678").left_at is None


@pytest.mark.parametrize("body", [b"[" * 2000, b'{"a":' * 400, b'"' + b"\\u0000" * 300 + b'"', b"9" * 2000])
def test_a_body_made_to_break_its_reader_is_refused(client: Client, sent: Sent, body: bytes) -> None:
    assert call(client, body).status_code == 400


def test_a_signature_of_other_letters_is_a_wrong_one(client: Client, subscription: Subscription) -> None:
    for given in ("sha1=\xe9", "sha1=" + "\xb2" * 40, "=", "sha1=" + "0" * 39):
        answer = client.post(
            "/openhumans/deauth/",
            body_of("12345678"),
            content_type="text/plain",
            headers={"X-OpenHumans-Webhooks-Signature": given},
        )
        assert answer.status_code == 403


def test_a_body_without_a_length_is_not_waited_for(client: Client, subscription: Subscription) -> None:
    """Chunked: nobody says how much comes, and nothing of it is read."""
    body = body_of("12345678")
    digest = hmac.new(SECRET.encode(), body, hashlib.sha1).hexdigest()
    for length in ("", "many", "-1"):
        answer = client.post(
            "/openhumans/deauth/",
            body,
            content_type="application/json",
            headers={"X-OpenHumans-Webhooks-Signature": f"sha1={digest}"},
            CONTENT_LENGTH=length,
        )
        assert answer.status_code == 403
    assert User.objects.get(open_humans_id="12345678").left_at is None


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_only_post_is_heard(client: Client, sent: Sent, method: str) -> None:
    assert getattr(client, method)("/openhumans/deauth/").status_code == 405


# --- Without a secret --------------------------------------------------------------------------------------


def test_without_a_secret_it_only_has_the_token_checked(
    client: Client, subscription: Subscription, sent: Sent, settings: Settings
) -> None:
    settings.OPENHUMANS_WEBHOOK_SECRET = ""
    body = body_of("12345678", erase=True)

    assert call(client, body, secret=None).status_code == 200
    # Open Humans' second call holds the JSON inside a JSON text.
    assert call(client, json.dumps(body.decode()).encode(), secret=None).status_code == 200

    subscription.refresh_from_db()
    assert subscription.status == Subscription.Status.ACTIVE
    assert User.objects.get(open_humans_id="12345678").left_at is None
    assert names(sent) == [("prove_alive", subscription.user_id)] * 2


def test_without_a_secret_members_and_others_are_treated_alike(
    client: Client, subscription: Subscription, sent: Sent, settings: Settings
) -> None:
    settings.OPENHUMANS_WEBHOOK_SECRET = ""

    known, unknown = (call(client, body_of(i), secret=None) for i in ("12345678", "99999999"))

    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert names(sent) == [("prove_alive", subscription.user_id), ("prove_alive", 0)]


def test_a_signature_made_with_an_empty_secret_is_none(
    client: Client, subscription: Subscription, sent: Sent, settings: Settings
) -> None:
    settings.OPENHUMANS_WEBHOOK_SECRET = ""

    call(client, body_of("12345678"), secret="")

    assert User.objects.get(open_humans_id="12345678").left_at is None


# --- Limits ------------------------------------------------------------------------------------------------


def test_wrong_signatures_are_limited_per_address(
    client: Client, subscription: Subscription, sent: Sent
) -> None:
    body = body_of("12345678")
    statuses = [call(client, body, "wrong").status_code for _ in range(21)]

    assert statuses == [403] * 20 + [429]
    assert call(client, body, "wrong", REMOTE_ADDR="192.0.2.7").status_code == 403
    assert call(client, body).status_code == 200  # Open Humans itself is still heard


def test_behind_a_proxy_the_limit_is_of_the_address_that_the_proxy_saw(
    client: Client, sent: Sent, settings: Settings
) -> None:
    settings.PROXY_ADDRESS_HEADER = "X-Forwarded-For"
    forged = [f"10.0.0.{n}, 192.0.2.7" for n in range(20)]
    for addresses in forged:
        call(client, body_of("1"), "wrong", HTTP_X_FORWARDED_FOR=addresses)

    answer = call(client, body_of("1"), "wrong", HTTP_X_FORWARDED_FOR="10.0.0.99, 192.0.2.7")

    assert answer.status_code == 429


def test_signed_calls_are_limited_too(client: Client, sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.leaving.webhook.MOST_SIGNED", 3)

    assert [call(client, body_of("1")).status_code for _ in range(4)] == [200, 200, 200, 429]
