from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock, create_autospec, patch
from uuid import uuid4

import pytest
from django.conf import settings as site
from django.urls import reverse
from django.utils import timezone
from freezegun import freeze_time
from pytest_django import Settings

import openhumans_client as openhumans
from accounts.models import User
from sync import actors, messages
from sync.errors import OpenHumansAccessLost
from sync.messages import FIRST, MANY_MEMBERS, TEXTS, Cause
from sync.models import PAUSED_BY_MEMBER, PAUSED_BY_OPERATOR, Subscription, SyncRun, YearFile
from tests.repositories import Repository
from tests.sync.broker import Sent
from tests.sync.factories import make_document, make_finished_run, make_run, make_subscription, make_year_file
from tests.sync.page_words import signed_in, words
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db
RECONNECT = Subscription.Status.RECONNECT_GITHUB


@pytest.fixture
def open_humans() -> Iterator[Mock]:
    client = create_autospec(openhumans.OpenHumansClient, instance=True)
    with patch("sync.credentials.openhumans_client", autospec=True, return_value=client):
        yield client


def subjects(client: Mock) -> list[str]:
    return [call.args[0] for call in client.send_message.call_args_list]


def subject(cause: Cause) -> str:
    return TEXTS[cause].subject


def fresh(subscription: Subscription) -> Subscription:
    return Subscription.objects.select_related("user").get(pk=subscription.pk)


def a_failed_run(subscription: Subscription, status: str = RECONNECT, **fields: Any) -> SyncRun:
    Subscription.objects.filter(pk=subscription.pk).update(status=status)
    values = {"state": "failed", "error_code": "github_access_lost"} | fields
    run = make_finished_run(subscription, timezone.now(), **values)
    run.subscription = fresh(subscription)
    return run


# --- Which message ---


def test_the_first_complete_archive_is_told_once(subscription: Subscription, open_humans: Mock) -> None:
    make_year_file(subscription, 2026)
    with freeze_time("2026-05-01"):
        messages.synced(subscription)
    with freeze_time("2026-06-01"):
        messages.synced(fresh(subscription))

    assert subjects(open_humans) == [subject(Cause.ARCHIVE_COMPLETE)]


def test_nothing_found_is_told_instead(subscription: Subscription, open_humans: Mock) -> None:
    make_document(subscription, YearFile.Kind.PROFILE)
    make_document(subscription, YearFile.Kind.DAILY)
    messages.synced(subscription)

    assert subjects(open_humans) == [subject(Cause.NOTHING_FOUND)]


def test_tracks_alone_are_found_as_well(subscription: Subscription, open_humans: Mock) -> None:
    make_year_file(subscription, 2026, kind=YearFile.Kind.TRACKS)
    messages.synced(subscription)

    assert subjects(open_humans) == [subject(Cause.ARCHIVE_COMPLETE)]


def test_nothing_is_said_to_be_missing_where_the_member_removed_it(
    subscription: Subscription, open_humans: Mock
) -> None:
    make_year_file(subscription, 2026, current_id=None, removed_by_member_at=timezone.now())
    messages.synced(subscription)

    assert subjects(open_humans) == []


def test_access_that_ended_is_told(subscription: Subscription, open_humans: Mock) -> None:
    messages.stopped(a_failed_run(subscription))

    assert subjects(open_humans) == [subject(Cause.CONNECT_GITHUB)]


def test_a_pause_after_failures_is_told(subscription: Subscription, open_humans: Mock) -> None:
    messages.stopped(a_failed_run(subscription, "paused", error_code="archive_archive_error"))

    assert subjects(open_humans) == [subject(Cause.PAUSED)]


@pytest.mark.parametrize("status", ["active", "disconnected", "reconnect_openhumans"])
def test_other_failures_are_not_told(subscription: Subscription, open_humans: Mock, status: str) -> None:
    messages.stopped(a_failed_run(subscription, status))

    assert subjects(open_humans) == []


def test_what_the_member_wished_for_is_not_told(subscription: Subscription, open_humans: Mock) -> None:
    Subscription.objects.update(reason=f"{PAUSED_BY_MEMBER}.")
    messages.stopped(a_failed_run(subscription, "paused"))
    Subscription.objects.update(reason="")
    messages.stopped(a_failed_run(subscription, "paused", trigger="erase", erase_scope="private"))

    assert subjects(open_humans) == []


# --- How often ---


def test_one_message_a_week_at_the_most(subscription: Subscription, open_humans: Mock) -> None:
    with freeze_time("2026-05-01 12:00"):
        messages.synced(subscription)
    for moment in ("2026-05-02 12:00", "2026-05-08 11:59", "2026-05-08 12:01", "2026-06-08 12:00"):
        with freeze_time(moment):
            messages.stopped(a_failed_run(subscription))

    assert subjects(open_humans) == [subject(Cause.NOTHING_FOUND), subject(Cause.CONNECT_GITHUB)]


def test_a_cause_that_was_mended_can_be_told_again(subscription: Subscription, open_humans: Mock) -> None:
    Subscription.objects.update(told={"causes": [Cause.NOTHING_FOUND]})
    for moment in ("2026-05-01", "2026-06-01"):
        with freeze_time(moment):
            messages.stopped(a_failed_run(subscription))
            messages.synced(fresh(subscription))

    assert subjects(open_humans) == [subject(Cause.CONNECT_GITHUB)] * 2
    assert fresh(subscription).told["causes"] == [Cause.NOTHING_FOUND]


def test_mending_does_not_shorten_the_week(subscription: Subscription, open_humans: Mock) -> None:
    Subscription.objects.update(told={"causes": [Cause.NOTHING_FOUND]})
    for moment in ("2026-05-01", "2026-05-03"):
        with freeze_time(moment):
            messages.stopped(a_failed_run(subscription))
            messages.synced(fresh(subscription))

    assert len(subjects(open_humans)) == 1


def test_nothing_is_sent_to_who_said_no(subscription: Subscription, open_humans: Mock) -> None:
    subscription.agreement = {**subscription.agreement, "messages": False}
    subscription.save()
    messages.synced(subscription)
    messages.stopped(a_failed_run(subscription))

    assert subjects(open_humans) == []
    assert fresh(subscription).told == {}


def test_what_befalls_many_is_not_told_to_anybody(subscription: Subscription, open_humans: Mock) -> None:
    others = [make_subscription() for _ in range(MANY_MEMBERS)]
    for other in others[1:]:
        a_failed_run(other)
    a_failed_run(others[0], error_code="something_else")
    run = a_failed_run(subscription)
    SyncRun.objects.filter(subscription=others[0]).update(error_code=run.error_code)
    messages.stopped(run)
    assert subjects(open_humans) == []

    SyncRun.objects.filter(subscription=others[0]).update(finished_at=timezone.now() - timedelta(hours=2))
    messages.stopped(run)
    assert subjects(open_humans) == [subject(Cause.CONNECT_GITHUB)]


def tidy(sent: Sent) -> None:
    """The hourly tidying, and whatever workers make of its messages."""
    before = len(sent.messages)
    actors.tidy.fn()
    for message, _ in sent.messages[before:]:
        if message.actor_name == "tell_member":
            actors.tell_member.fn(*message.args)


STOPS = [(Cause.CONNECT_GITHUB, RECONNECT, "github_access_lost"), (Cause.PAUSED, "paused", "archive_error")]


@pytest.mark.parametrize(("cause", "status", "code"), STOPS)
def test_what_happens_in_a_quiet_week_is_told_after_it(
    subscription: Subscription, open_humans: Mock, sent: Sent, cause: Cause, status: str, code: str
) -> None:
    with freeze_time("2026-05-01 12:00"):
        messages.synced(subscription)
    with freeze_time("2026-05-03 12:00"):
        messages.stopped(a_failed_run(subscription, status, error_code=code))
    with freeze_time("2026-05-08 11:59"):
        tidy(sent)
        assert subjects(open_humans) == [subject(Cause.NOTHING_FOUND)]
    for moment in ("2026-05-08 12:01", "2026-05-08 13:01", "2026-06-08 12:00"):
        with freeze_time(moment):
            tidy(sent)

    assert subjects(open_humans) == [subject(Cause.NOTHING_FOUND), subject(cause)]
    assert "owed" not in fresh(subscription).told


def test_a_message_that_open_humans_did_not_take_is_sent_by_the_next_tidying(
    subscription: Subscription, open_humans: Mock, sent: Sent
) -> None:
    open_humans.send_message.side_effect = openhumans.Unavailable("POST message: 503")
    messages.stopped(a_failed_run(subscription))
    tidy(sent)
    open_humans.send_message.side_effect = None
    open_humans.send_message.reset_mock()
    tidy(sent)
    tidy(sent)

    assert subjects(open_humans) == [subject(Cause.CONNECT_GITHUB)]


def test_a_message_that_may_have_arrived_is_not_owed(
    subscription: Subscription, open_humans: Mock, sent: Sent
) -> None:
    open_humans.send_message.side_effect = openhumans.Unavailable("POST message", is_timeout=True)
    messages.stopped(a_failed_run(subscription))
    tidy(sent)

    assert len(subjects(open_humans)) == 1


NO_LONGER_TRUE: list[dict[str, Any]] = [
    {"status": "active"},
    {"status": "disconnected"},
    {"status": "paused", "reason": f"{PAUSED_BY_MEMBER}."},
    {"status": "paused", "reason": f"{PAUSED_BY_OPERATOR} too much."},
    {"agreement": {"messages": False}},
]


@pytest.mark.parametrize("change", NO_LONGER_TRUE, ids=str)
def test_what_is_owed_is_sent_only_while_it_is_true_and_wanted(
    subscription: Subscription, open_humans: Mock, sent: Sent, change: dict[str, Any]
) -> None:
    with freeze_time("2026-05-01"):
        messages.synced(subscription)
    with freeze_time("2026-05-03"):
        messages.stopped(a_failed_run(subscription, "paused", error_code="archive_error"))
    Subscription.objects.update(**change)
    with freeze_time("2026-05-12"):
        tidy(sent)

    assert subjects(open_humans) == [subject(Cause.NOTHING_FOUND)]


def test_what_is_owed_is_forgotten_when_a_run_succeeds_or_after_four_weeks(
    subscription: Subscription, open_humans: Mock, sent: Sent
) -> None:
    open_humans.send_message.side_effect = openhumans.Unavailable("POST message: 503")
    with freeze_time("2026-05-01"):
        messages.stopped(a_failed_run(subscription))
    open_humans.send_message.reset_mock()
    with freeze_time("2026-05-30"):
        tidy(sent)
    assert open_humans.send_message.call_count == 0

    messages.synced(fresh(subscription))
    assert "owed" not in fresh(subscription).told


def test_what_turns_out_to_befall_many_is_not_told_later(
    subscription: Subscription, open_humans: Mock, sent: Sent
) -> None:
    with freeze_time("2026-05-01"):
        messages.synced(subscription)
    with freeze_time("2026-05-03 12:00"):
        messages.stopped(a_failed_run(subscription))
    with freeze_time("2026-05-03 12:30"):
        for _ in range(MANY_MEMBERS):
            a_failed_run(make_subscription())
    with freeze_time("2026-05-12"):
        tidy(sent)

    assert subjects(open_humans) == [subject(Cause.NOTHING_FOUND)]


# --- What it says ---


@pytest.mark.parametrize("cause", list(Cause))
def test_texts_are_fixed_and_lead_to_one_page(
    subscription: Subscription, open_humans: Mock, cause: Cause
) -> None:
    subscription.reason = "secret reason"
    assert messages.notify(subscription, cause)
    [(title, text)] = [call.args for call in open_humans.send_message.call_args_list]

    assert text.count("http") == 1
    assert text.splitlines()[-1].startswith(f"{site.SITE_URL}/")
    for private in ("octocat", "583231", "secret", subscription.user.username, "{{", "{%"):
        assert private not in title + text


# --- Sending fails ---

REFUSALS = [
    openhumans.Unavailable("POST message: 503"),
    openhumans.Unauthorized("POST message: 401", is_expired=False),
    openhumans.UnexpectedResponse("POST message: 400"),
    OpenHumansAccessLost("gone"),
    RuntimeError("anything"),
]


@pytest.mark.parametrize("error", REFUSALS)
def test_a_message_that_cannot_be_sent_harms_nothing_and_is_tried_again(
    subscription: Subscription, open_humans: Mock, error: Exception
) -> None:
    open_humans.send_message.side_effect = error
    messages.synced(subscription)
    assert fresh(subscription).told == {}

    open_humans.send_message.side_effect = None
    messages.synced(fresh(subscription))
    assert fresh(subscription).told["causes"] == [Cause.NOTHING_FOUND]


def test_a_message_that_may_have_been_sent_is_not_sent_twice(
    subscription: Subscription, open_humans: Mock
) -> None:
    open_humans.send_message.side_effect = openhumans.Unavailable("POST message", is_timeout=True)
    messages.synced(subscription)
    messages.synced(fresh(subscription))

    assert len(subjects(open_humans)) == 1


def test_two_workers_send_one_message(subscription: Subscription, open_humans: Mock) -> None:
    late = fresh(subscription)
    messages.synced(subscription)
    messages.synced(late)

    assert len(subjects(open_humans)) == 1


# --- From end to end ---


@pytest.fixture
def world(tmp_path: Path, settings: Settings, transactional_db: None) -> Iterator[World]:
    repository = Repository.create(tmp_path / "trails", f"{uuid4().hex[:12]}@example.org")
    repository.add([(datetime.now(UTC) - timedelta(days=5)).isoformat(timespec="seconds")])
    with living(tmp_path, settings, {"trails": repository}) as world:
        yield world


def test_a_member_hears_of_the_first_archive_and_then_of_nothing(world: World) -> None:
    world.sync()
    world.sync()

    [sent] = world.state.messages()
    assert sent["member"] == world.member.open_humans_id
    assert sent["subject"] == subject(Cause.ARCHIVE_COMPLETE)
    assert sent["message"].endswith(f"{site.SITE_URL}/dashboard/")


def test_a_member_without_activity_is_told_so_and_sees_so(
    tmp_path: Path, settings: Settings, transactional_db: None
) -> None:
    """A profile, a table by day and a year of empty weeks are written all the same, and are no activity."""
    repository = Repository.create(tmp_path / "idle", f"{uuid4().hex[:12]}@example.org")
    others = {"email": "somebody.else@example.org"}
    repository.add([(datetime.now(UTC) - timedelta(days=5)).isoformat(timespec="seconds")], **others)
    with living(tmp_path, settings, {"idle": repository}, foreign=("idle",)) as world:
        assert world.sync().state == SyncRun.State.SUCCEEDED

        assert {"github-profile.json", "github-daily.csv"} < set(world.stored())
        assert [sent["subject"] for sent in world.state.messages()] == [subject(Cause.NOTHING_FOUND)]
        page = words(signed_in(world.member).get(reverse("dashboard")).content)
        assert f"GitHub told us of no activity of {world.subscription.github_login}" in page
        assert "github-profile.json" in page


def test_a_member_whose_access_ended_hears_of_it(world: World) -> None:
    Subscription.objects.update(told={"causes": [*FIRST]})
    world.github.fault(revoke_tokens=True)
    run = world.sync()

    assert run.state == SyncRun.State.FAILED
    assert [sent["subject"] for sent in world.state.messages()] == [subject(Cause.CONNECT_GITHUB)]


def test_a_run_succeeds_though_the_message_does_not(world: World) -> None:
    with patch("openhumans_client.OpenHumansClient.send_message", side_effect=ValueError("odd")):
        assert world.sync().state == SyncRun.State.SUCCEEDED
    assert world.state.messages() == []


def test_operators_and_strangers_are_told_nothing(
    subscription: Subscription, stranger: User, open_humans: Mock
) -> None:
    make_run(stranger.subscription)
    messages.synced(subscription)

    assert stranger.subscription.told == {}
