"""Hosts cut an answer off after 30 seconds: no page waits longer for Open Humans, however often it asks."""

import io
import re
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from unittest.mock import patch

import pytest
from allauth.socialaccount.models import SocialAccount
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

import openhumans_client as openhumans
from accounts.models import Credential, User
from openhumans_client import Deadline, OpenHumansClient
from sandbox.openhumans.app import create_app
from sandbox.openhumans.options import Options
from sandbox.openhumans.state import State
from sandbox.server import running
from sync import actors, credentials
from sync.leaving import erasing
from sync.models import Receipt, Subscription, YearFile
from tests.cast import connect_identity, make_member, subscribe
from tests.sync.broker import Sent
from tests.sync.factories import make_year_file
from tests.sync.page_words import signed_in, words
from tests.sync.world import StandIn, keep

WEEK = "2026-W18"
# Less than one silence that a client bears by itself.
FAR_TOO_LONG = 15

pytestmark = pytest.mark.django_db


@pytest.fixture
def silence(settings: Settings) -> Iterator[None]:
    """An Open Humans that takes every question and answers none."""
    settings.WEB_ANSWER_SECONDS = 0.3
    with socket.create_server(("127.0.0.1", 0), backlog=50) as listener:
        settings.OPENHUMANS_URL = f"http://127.0.0.1:{listener.getsockname()[1]}"
        yield


@pytest.fixture
def file(subscription: Subscription) -> YearFile:
    entry = {"state": "complete", "counts": {"commits": 1}, "calendar": {}}
    return make_year_file(subscription, 2026, current_id=77, weeks={WEEK: entry})


def expire(user: User) -> None:
    soon = timezone.now() + timedelta(minutes=1)
    Credential.objects.filter(identity__user=user, identity__provider="openhumans").update(expires_at=soon)


@pytest.mark.parametrize("is_expired", [False, True])
def test_no_page_of_files_waits_longer_than_a_host_does(
    subscription: Subscription, file: YearFile, silence: None, is_expired: bool
) -> None:
    if is_expired:
        expire(subscription.user)
    visitor, began = signed_in(subscription.user), time.monotonic()
    for address in (
        reverse("download", args=[file.pk]),
        reverse("preview", args=[file.pk]),
        reverse("week", args=[WEEK]),
        reverse("remove_record", args=[WEEK, "a" * 16]),
    ):
        response = visitor.get(address)
        assert response.status_code == 504
        assert "Open Humans is slow" in words(response.content)
        assert "try again" in words(response.content).lower()
        assert "no-store" in response["Cache-Control"]
    assert time.monotonic() - began < FAR_TOO_LONG


@pytest.mark.django_db(transaction=True)
def test_a_token_that_another_process_is_refreshing_is_not_waited_for_for_ever(
    subscription: Subscription, silence: None
) -> None:
    expire(subscription.user)
    is_held, is_over = threading.Event(), threading.Event()

    def hold() -> None:
        with transaction.atomic():
            list(Credential.objects.select_for_update())
            is_held.set()
            is_over.wait(FAR_TOO_LONG)
        connection.close()

    worker = threading.Thread(target=hold)
    worker.start()
    assert is_held.wait(FAR_TOO_LONG)
    began = time.monotonic()
    with pytest.raises(openhumans.Unavailable, match="being refreshed") as caught:
        credentials.openhumans_token(subscription.user, deadline=credentials.page_deadline())
    assert caught.value.is_timeout
    assert time.monotonic() - began < FAR_TOO_LONG
    is_over.set()
    worker.join()
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone() == ("0",), "what comes later on this connection waits as before"


def test_a_refresh_is_not_begun_in_the_last_moments(subscription: Subscription, silence: None) -> None:
    """Its lost answer would end our access to the member's files."""
    expire(subscription.user)
    with pytest.raises(openhumans.Unavailable, match="No time is left to refresh"):
        credentials.openhumans_token(subscription.user, deadline=Deadline.after(0.05))


# --- Leaving without ever having connected GitHub ---


@pytest.fixture
def open_humans(tmp_path: Path, settings: Settings) -> Iterator[StandIn]:
    app = create_app(Options(folder=tmp_path))
    with running(app) as url:
        settings.OPENHUMANS_URL = url
        yield StandIn(url, app)


@pytest.fixture
def unconnected(open_humans: StandIn, settings: Settings) -> User:
    """A member without a subscription, who has three files of ours."""
    member = make_member("11112222")
    state: State = open_humans.app.extensions["state"]
    state.grants.join("11112222")
    code = state.grants.issue_code(settings.OPENHUMANS_CLIENT_ID, "11112222", "", "", "", "")
    pair = state.grants.spend_code(code)
    assert pair is not None
    assert pair.access is not None
    keep(SocialAccount.objects.get(user=member), pair.access, pair.refresh)
    client = credentials.openhumans_client(member)
    for number in range(3):
        upload = client.start_upload(f"old-{number}.json", {"description": "x", "tags": []})
        client.put_upload(upload, io.BytesIO(b"{}"), 2)
        client.complete_upload(upload.file_id)
    return member


def test_an_account_is_deleted_in_as_many_clicks_as_a_slow_open_humans_needs(
    unconnected: User, open_humans: StandIn, settings: Settings
) -> None:
    """What was done stays done; the receipt at the end tells of all of it, as if it had been one click."""
    visitor, address = signed_in(unconnected), reverse("leave", args=["account"])
    open_humans.fault(latency_ms=150)
    settings.WEB_ANSWER_SECONDS = 0.7
    answers = [visitor.post(address)]
    assert answers[0].status_code == 504
    assert "Open Humans is slow" in words(answers[0].content)
    assert "it goes on where it stopped" in words(answers[0].content)
    assert User.objects.filter(pk=unconnected.pk).exists()
    assert not Receipt.objects.exists()

    # However slow this machine is, so that the number of clicks does not matter.
    while answers[-1].status_code == 504:
        settings.WEB_ANSWER_SECONDS *= 1.2
        answers.append(visitor.post(address))
    receipt = Receipt.objects.get()
    assert answers[-1]["Location"] == reverse("receipt", args=[receipt.key])
    assert (receipt.files, receipt.files_deleted, receipt.files_left) == ("done", 3, 0)
    assert receipt.membership == "done"
    assert receipt.listed_at is not None
    assert not User.objects.filter(pk=unconnected.pk).exists()


def test_a_membership_that_ended_unheard_is_not_called_out_of_reach(unconnected: User) -> None:
    """Open Humans ended it, and its answer was lost: the token is dead when the member asks again."""
    visitor, address = signed_in(unconnected), reverse("leave", args=["account"])
    remove = OpenHumansClient.remove_member

    def lose_the_answer(client: OpenHumansClient) -> None:
        remove(client)
        raise openhumans.Unavailable("POST remove-members: no answer in time", is_timeout=True)

    with patch.object(OpenHumansClient, "remove_member", autospec=True, side_effect=lose_the_answer):
        first = visitor.post(address)
    assert first.status_code == 504
    assert "A part may be done already" in words(first.content)
    visitor.post(address)

    receipt = Receipt.objects.get()
    assert (receipt.files, receipt.files_deleted, receipt.membership) == ("done", 3, "done")


# Each request to Open Humans that changes something, in order.
CHANGES = ["delete_file", "remove_member"]


class Killed(BaseException):
    """Nothing in the code can know that its process has ended."""


@contextmanager
def killed_after(method: str) -> Iterator[None]:
    """What was asked of Open Humans is done; nobody here hears it."""
    ask = getattr(OpenHumansClient, method)

    def end(client: OpenHumansClient, *args: object) -> None:
        ask(client, *args)
        raise Killed

    with patch.object(OpenHumansClient, method, autospec=True, side_effect=end), pytest.raises(Killed):
        yield


def tidied(sent: Sent) -> list[int]:
    """The accounts that the hourly tidying has workers go on with."""
    sent.messages.clear()
    actors.tidy.fn()
    return [message.args[0] for message, _ in sent.messages if message.actor_name == "end_account"]


@pytest.mark.parametrize("method", CHANGES)
def test_an_account_half_deleted_by_a_process_that_died_is_deleted_all_the_same(
    unconnected: User, sent: Sent, method: str
) -> None:
    """Nobody clicks again: the tab is closed, and the next hour does it."""
    with killed_after(method):
        signed_in(unconnected).post(reverse("leave", args=["account"]))
    assert User.objects.filter(pk=unconnected.pk).exists()

    assert tidied(sent) == [unconnected.pk]
    actors.end_account.fn(unconnected.pk)

    receipt = Receipt.objects.get()
    assert (receipt.files, receipt.files_deleted, receipt.membership) == ("done", 3, "done")
    assert not User.objects.filter(pk=unconnected.pk).exists()
    assert tidied(sent) == []
    actors.end_account.fn(unconnected.pk)
    assert Receipt.objects.count() == 1


def test_after_an_outage_it_is_done_within_the_hour_and_the_page_says_where_the_receipt_will_be(
    unconnected: User, open_humans: StandIn, settings: Settings, sent: Sent, client: Client
) -> None:
    there, settings.OPENHUMANS_URL = settings.OPENHUMANS_URL, "http://127.0.0.1:9"
    page = signed_in(unconnected).post(reverse("leave", args=["account"]))
    assert page.status_code == 502
    assert "we go on by ourselves until it is done" in words(page.content)
    address = re.search(r'href="(/receipts/[^"]+)"', page.content.decode())
    assert address is not None
    assert client.get(address[1]).status_code == 404
    actors.end_account.fn(unconnected.pk)
    assert tidied(sent) == [unconnected.pk], "an outage that goes on ends nothing"

    settings.OPENHUMANS_URL = there
    actors.end_account.fn(unconnected.pk)

    assert "Your account is deleted" in words(client.get(address[1]).content)
    assert not User.objects.filter(pk=unconnected.pk).exists()


def test_who_signs_in_again_or_connects_meanwhile_stays(
    unconnected: User, open_humans: StandIn, settings: Settings, sent: Sent
) -> None:
    settings.OPENHUMANS_URL = "http://127.0.0.1:9"
    for come_back in (
        lambda: connect_identity(unconnected, "openhumans", "11112222", {"scopes": ["read", "write"]}),
        lambda: subscribe(unconnected, 583231, "octocat"),
    ):
        signed_in(unconnected).post(reverse("leave", args=["account"]))
        assert tidied(sent) == [unconnected.pk]
        SocialAccount.objects.filter(user=unconnected).delete()
        come_back()
        assert tidied(sent) == []
        actors.end_account.fn(unconnected.pk)
        assert User.objects.filter(pk=unconnected.pk).exists()


def test_two_at_one_account_write_one_receipt(unconnected: User) -> None:
    """A click, and the hourly tidying that was faster."""
    remove = OpenHumansClient.remove_member

    def be_overtaken(client: OpenHumansClient) -> None:
        remove(client)
        other = User.objects.get(pk=unconnected.pk)
        with patch.object(OpenHumansClient, "remove_member", remove):
            erasing.end_unconnected(other)

    with patch.object(OpenHumansClient, "remove_member", autospec=True, side_effect=be_overtaken):
        answer = signed_in(unconnected).post(reverse("leave", args=["account"]))

    assert answer["Location"] == reverse("receipt", args=[Receipt.objects.get().key])
    assert not User.objects.exists()
