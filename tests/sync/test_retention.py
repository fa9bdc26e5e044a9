"""How long runs and sessions are kept."""

from datetime import timedelta
from io import StringIO

import pytest
from django.contrib.sessions.models import Session
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from accounts.models import User
from sync import actors
from sync.models import Receipt, Subscription, SyncRun
from sync.retention import prune
from tests.sync.broker import Sent
from tests.sync.factories import make_finished_run, make_run, make_subscription


@pytest.fixture(autouse=True)
def keep_few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sync.retention.KEEP_NEWEST_RUNS", 2)


def made(subscription: Subscription, days: float, **fields: object) -> SyncRun:
    return make_finished_run(subscription, timezone.now() - timedelta(days=days), **fields)


def newer_ones(subscription: Subscription) -> list[SyncRun]:
    return [made(subscription, 0.1), made(subscription, 0.2)]


def with_old_runs(pks: range) -> None:
    for pk in pks:
        member = make_subscription(pk=pk)
        newer_ones(member)
        made(member, 8)


def is_any_left() -> bool:
    return SyncRun.objects.filter(finished_at__lt=timezone.now() - timedelta(days=7)).exists()


def test_idle_runs_are_kept_a_week_and_others_ninety_days(subscription: Subscription) -> None:
    kept = [*newer_ones(subscription), made(subscription, 6), made(subscription, 89, uploads=1)]
    made(subscription, 8)
    made(subscription, 91, uploads=1)
    failed = made(subscription, 8, state=SyncRun.State.FAILED)

    assert prune(timezone.now()) == 2
    assert set(SyncRun.objects.all()) == {*kept, failed}


def test_the_newest_of_each_member_stay_whatever_their_age(subscription: Subscription) -> None:
    other = make_subscription()
    old = [made(one, days) for one in (subscription, other) for days in (200, 300)]
    made(other, 400)

    assert prune(timezone.now()) == 1
    assert set(SyncRun.objects.all()) == set(old)


def test_a_run_under_way_is_never_taken_away(subscription: Subscription) -> None:
    long_ago = timezone.now() - timedelta(days=200)
    make_run(subscription, state=SyncRun.State.WAITING, created_at=long_ago, finished_at=None)
    newer_ones(subscription)

    assert prune(timezone.now()) == 0


def test_where_there_are_many_members_each_has_an_hour_of_the_day(
    subscription: Subscription, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.retention.MEMBERS_AN_HOUR", 1)
    monkeypatch.setattr("sync.retention.MOST_ROWS", 1)
    members = [subscription, make_subscription(), make_subscription()]
    for member in members:
        newer_ones(member)
        made(member, 8)
        made(member, 9)
    shares = max(member.pk for member in members) + 1
    pruned = [prune(timezone.now() + timedelta(hours=hour)) for hour in range(shares)]

    assert sorted(filter(None, pruned)) == [2, 2, 2]
    assert not is_any_left()


def test_a_daily_cron_comes_to_everybody(db: None, sent: Sent, monkeypatch: pytest.MonkeyPatch) -> None:
    """Always at the same hour, which of 24 shares would always be the same one."""
    monkeypatch.setattr("sync.retention.MEMBERS_AN_HOUR", 10)
    with_old_runs(range(5, 240, 10))
    out = StringIO()

    call_command("update_data", stdout=out)

    assert "old runs deleted 24," in out.getvalue()
    assert not is_any_left()


def test_of_more_than_a_day_can_do_the_next_day_does_the_rest(
    db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sync.retention.MEMBERS_AN_HOUR", 10)
    with_old_runs(range(5, 480, 10))

    assert [prune(timezone.now() + timedelta(days=day), hours=24) for day in range(2)] == [24, 24]
    assert not is_any_left()


def test_a_receipt_outlives_its_run(subscription: Subscription) -> None:
    newer_ones(subscription)
    receipt = Receipt.objects.create(subscription=subscription, run=made(subscription, 91), scope="files")

    assert prune(timezone.now()) == 1
    receipt.refresh_from_db()
    assert receipt.run is None


@pytest.mark.django_db(transaction=True)
def test_the_hourly_tidying_does_it(member: User, sent: Sent) -> None:
    Client().force_login(member)
    Session.objects.update(expire_date=timezone.now() - timedelta(minutes=1))

    actors.tidy.fn()

    assert not Session.objects.exists()
