"""What follows when a member left: with GitHub told, tokens gone, and rows after their time."""

from collections.abc import Callable
from datetime import timedelta
from io import StringIO

import pytest
import redis
import responses
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

import github_client as github
from accounts.logins import delete_sessions
from accounts.models import Credential, User
from sync import actors
from sync.leaving import departures, erasing
from sync.models import EraseScope, Receipt, Subscription, SyncRun
from tests.cast import connect_identity
from tests.providers import EXCHANGE_MEMBER, GITHUB_API_URL, OPENHUMANS_TOKEN, Providers, exchange_member
from tests.sync.broker import Sent
from tests.sync.factories import make_run

pytestmark = pytest.mark.django_db(transaction=True)
GRANT = f"{GITHUB_API_URL}/applications/test-github-client/grant"

MEMBER = exchange_member()


@pytest.fixture
def left(subscription: Subscription, providers: Providers) -> User:
    departures.leave("12345678", timezone.now(), erase=False)
    return User.objects.get(open_humans_id="12345678")


def tokens_of(user: User) -> int:
    return Credential.objects.filter(identity__user=user).count()


# --- Ending access -----------------------------------------------------------------------------------------


def test_the_github_grant_is_given_back_and_every_token_forgotten(left: User, providers: Providers) -> None:
    revoked = providers.http.delete(GRANT, status=204)

    actors.end_access.fn(left.pk)

    assert revoked.call_count == 1
    assert tokens_of(left) == 0
    assert User.objects.filter(pk=left.pk).exists()
    assert Subscription.objects.filter(user=left).exists()


@pytest.mark.parametrize("status", [404, 422])
def test_a_grant_that_github_no_longer_knows_is_given_back_already(
    left: User, providers: Providers, status: int
) -> None:
    providers.http.delete(GRANT, status=status, json={"message": "Not Found"})

    actors.end_access.fn(left.pk)

    assert tokens_of(left) == 0


@pytest.mark.parametrize(("status", "error"), [(503, github.Unavailable), (401, github.InvalidClient)])
def test_while_github_cannot_be_told_the_token_is_kept_to_tell_it_later(
    left: User, providers: Providers, status: int, error: type[Exception]
) -> None:
    providers.http.delete(GRANT, status=status, json={"message": "no"})

    with pytest.raises(error):
        actors.end_access.fn(left.pk)

    assert tokens_of(left) == 2
    assert left in departures.to_end_access(timezone.now())


def test_a_token_that_no_key_opens_any_more_is_forgotten(
    left: User, providers: Providers, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.TOKEN_KEYS = (bytes(range(32)),)

    actors.end_access.fn(left.pk)

    assert tokens_of(left) == len(providers.http.calls) == 0
    assert "No grant was given back" in caplog.text


@pytest.mark.parametrize(("status", "days"), [(401, 0), (400, 0), (503, 1)])
def test_when_their_time_has_come_rows_go_whatever_github_says(
    left: User, providers: Providers, status: int, days: int, caplog: pytest.LogCaptureFixture
) -> None:
    """A moment before they do not, so that GitHub is still told if it can be."""
    providers.http.delete(GRANT, status=status, json={"message": "no"})
    time_over = timezone.now() - timedelta(days=days)
    User.objects.update(rows_until=time_over + timedelta(minutes=5))
    with pytest.raises(github.GitHubError):
        actors.end_access.fn(left.pk)
    assert tokens_of(left) == 2
    User.objects.update(rows_until=time_over)

    actors.end_access.fn(left.pk)

    assert not User.objects.exists()
    assert not Credential.objects.exists()
    assert [record.levelname for record in caplog.records if "forgotten" in record.message] == ["ERROR"]


def test_without_a_github_account_there_is_nothing_to_give_back(member: User, providers: Providers) -> None:
    departures.leave("12345678", timezone.now(), erase=False)

    actors.end_access.fn(member.pk)

    assert tokens_of(member) == 0
    assert len(providers.http.calls) == 0


def test_everything_goes_at_once_when_erasure_was_asked_for(
    subscription: Subscription, stranger: User, providers: Providers
) -> None:
    """By an erasing like any other, so that its receipt stays; Open Humans is not even asked."""
    departures.leave("12345678", timezone.now(), erase=True)
    revoked = providers.http.delete(GRANT, status=204)
    actors.end_access.fn(subscription.user_id)
    assert revoked.call_count == 0

    actors.sync_step.fn(SyncRun.objects.get(trigger=SyncRun.Trigger.ERASE).pk, 0)

    assert revoked.call_count == len(providers.http.calls) == 1
    assert list(User.objects.all()) == [stranger]
    assert list(Subscription.objects.values_list("user", flat=True)) == [stranger.pk]
    receipt = Receipt.objects.get()
    assert (receipt.grant, receipt.subscription) == (Receipt.Outcome.DONE, None)


def test_rows_of_whoever_connected_nothing_go_at_once_as_well(member: User, providers: Providers) -> None:
    departures.leave("12345678", timezone.now(), erase=True)

    actors.end_access.fn(member.pk)

    assert not User.objects.exists()


def test_rows_go_when_their_time_is_over(left: User, operator: User, providers: Providers) -> None:
    Credential.objects.all().delete()
    assert left not in departures.to_end_access(timezone.now() + timedelta(days=89))
    assert left in departures.to_end_access(timezone.now() + timedelta(days=91))
    User.objects.update(rows_until=timezone.now())

    forgotten = LogEntry.objects.create(
        user=operator,
        action_flag=2,
        object_id=str(left.subscription.pk),
        object_repr="octocat",
        content_type=ContentType.objects.get_for_model(Subscription),
    )

    actors.end_access.fn(left.pk)

    assert list(User.objects.all()) == [operator]
    forgotten.refresh_from_db()
    assert "octocat" not in forgotten.object_repr


def test_whoever_came_back_keeps_everything(left: User, providers: Providers) -> None:
    SocialAccount.objects.get(user=left, provider="openhumans").delete()
    connect_identity(left, "openhumans", "12345678", {"scopes": ["read", "write"]})
    left.refresh_from_db()
    assert (left.left_at, left.rows_until) == (None, None)

    actors.end_access.fn(left.pk)

    assert tokens_of(left) == 2
    assert len(providers.http.calls) == 0


def test_sessions_of_the_one_who_left_are_deleted(member: User, stranger: User) -> None:
    for user in (member, member, stranger):
        Client().force_login(user)

    assert delete_sessions(member) == 2
    assert Session.objects.count() == 1


# --- Proving a token alive ---------------------------------------------------------------------------------


def age_tokens(days: float) -> None:
    Credential.objects.update(updated_at=timezone.now() - timedelta(days=days))


def test_a_token_is_checked_after_a_week_of_silence(
    subscription: Subscription, stranger: User, left: User
) -> None:
    assert not departures.to_prove_alive(timezone.now()).exists()
    age_tokens(8)
    assert list(departures.to_prove_alive(timezone.now())) == [stranger]


def test_a_living_token_is_noted_as_proved(subscription: Subscription, providers: Providers) -> None:
    age_tokens(8)
    providers.http.get(EXCHANGE_MEMBER, json=MEMBER)

    actors.prove_alive.fn(subscription.user_id)

    assert not departures.to_prove_alive(timezone.now()).exists()
    subscription.refresh_from_db()
    assert subscription.status == Subscription.Status.ACTIVE


def dead_at_openhumans(providers: Providers) -> None:
    providers.http.get(EXCHANGE_MEMBER, status=401, json={"detail": "Invalid token."})
    providers.http.post(OPENHUMANS_TOKEN, status=400, json={"error": "invalid_grant"})


def test_a_dead_token_stops_syncing_and_deletes_nothing(
    subscription: Subscription, providers: Providers
) -> None:
    run = make_run(subscription, state=SyncRun.State.QUEUED)
    dead_at_openhumans(providers)

    actors.prove_alive.fn(subscription.user_id)

    subscription.refresh_from_db()
    run.refresh_from_db()
    assert subscription.status == Subscription.Status.RECONNECT_OPENHUMANS
    assert run.state == SyncRun.State.CANCELLED
    assert tokens_of(subscription.user) == 2
    assert User.objects.get(pk=subscription.user_id).left_at is None


def test_a_paused_member_stays_paused(subscription: Subscription, providers: Providers) -> None:
    Subscription.objects.update(status=Subscription.Status.PAUSED)
    dead_at_openhumans(providers)

    actors.prove_alive.fn(subscription.user_id)

    subscription.refresh_from_db()
    assert subscription.status == Subscription.Status.PAUSED


def test_an_outage_proves_nothing(subscription: Subscription, providers: Providers) -> None:
    age_tokens(8)
    providers.http.get(EXCHANGE_MEMBER, status=503)

    actors.prove_alive.fn(subscription.user_id)

    subscription.refresh_from_db()
    assert subscription.status == Subscription.Status.ACTIVE
    assert departures.to_prove_alive(timezone.now()).count() == 1


@responses.activate
def test_numbers_that_we_do_not_know_are_not_asked_about(db: None) -> None:
    actors.prove_alive.fn(0)
    assert len(responses.calls) == 0


def test_fourteen_days_after_a_token_died_its_owner_has_left(
    subscription: Subscription, stranger: User, settings: Settings
) -> None:
    settings.LEFT_ACCESS_DAYS = 14
    Credential.objects.filter(identity__user=subscription.user, identity__provider="openhumans").update(
        state=Credential.State.REFUSED
    )
    age_tokens(13)
    assert departures.believe_dead_tokens(timezone.now(), 10) == 0
    age_tokens(15)
    assert departures.believe_dead_tokens(timezone.now(), 10) == 1

    assert User.objects.filter(left_at__isnull=False).get() == subscription.user
    assert departures.believe_dead_tokens(timezone.now(), 10) == 0


# --- Once an hour ------------------------------------------------------------------------------------------


def hourly() -> None:
    actors.tidy.fn()


def by_cron() -> None:
    call_command("update_data", stdout=StringIO())


@pytest.mark.parametrize("tidy", [hourly, by_cron])
def test_tidying_sends_what_is_left_to_do_with_a_scheduler_and_without(
    left: User, stranger: User, sent: Sent, tidy: Callable[[], None]
) -> None:
    age_tokens(8)
    Subscription.objects.update(next_due_at=timezone.now() + timedelta(days=1))

    tidy()

    assert [(message.actor_name, message.args) for message, _ in sent.messages] == [
        ("end_access", (left.pk,)),
        ("prove_alive", (stranger.pk,)),
    ]


def test_without_a_scheduler_a_long_dead_token_and_an_ended_login_end_too(
    subscription: Subscription, sent: Sent
) -> None:
    Subscription.objects.update(next_due_at=timezone.now() + timedelta(days=1))
    Session.objects.create(session_key="old", session_data="", expire_date=timezone.now() - timedelta(1))
    Credential.objects.filter(identity__provider="openhumans").update(state=Credential.State.REFUSED)
    age_tokens(15)
    out = StringIO()

    call_command("update_data", stdout=out)

    assert User.objects.get(pk=subscription.user_id).left_at is not None
    assert not Session.objects.exists()
    assert (
        "believed to have left 1, access to end 1, accounts to delete 0, access to prove 0" in out.getvalue()
    )


def test_tidying_without_redis_loses_nothing(left: User, stranger: User, sent: Sent) -> None:
    sent.error = redis.ConnectionError("away")
    by_cron()

    assert left in departures.to_end_access(timezone.now())


def test_an_erasing_run_goes_on_after_its_member_left(subscription: Subscription) -> None:
    run = erasing.start(subscription, EraseScope.ACCOUNT)

    departures.leave("12345678", timezone.now(), erase=True)

    assert SyncRun.objects.active().get() == run
