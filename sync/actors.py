"""Dramatiq actors. `dramatiq sync.actors` runs them, `periodiq sync.actors` sends the scan every minute."""

import os

import django
from django.apps import apps

if not apps.ready and not apps.models_ready:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()

import logging

import dramatiq
import redis
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection, transaction
from django.utils import timezone
from periodiq import cron

from accounts.models import User
from sync import messages, runs, scanning, steps, tidying
from sync.errors import LeaseLost, WaitForLimit
from sync.leaving import departures, erasing
from sync.models import Subscription, SyncRun
from sync.operators import heartbeat
from sync.queues import BACKGROUND, INTERACTIVE, STEP_ACTOR

logger = logging.getLogger(__name__)
TIME_LIMIT_MS = 5 * 60 * 1000
# A message that comes a moment before its time waits for the rest; much earlier ones are somebody else's.
EARLY_SECONDS = 60

dramatiq.get_broker().declare_queue(INTERACTIVE)


@dramatiq.actor(actor_name=STEP_ACTOR, queue_name=BACKGROUND, time_limit=TIME_LIMIT_MS, max_retries=3)
def sync_step(run_id: int, step: int) -> None:
    """Do the run's next step, if it is still this message's to do."""
    run = SyncRun.objects.claim(run_id, step, timezone.now())
    if run is None:
        _come_back_if_early(run_id, step)
        return
    try:
        wait = steps.perform(run) if steps.may_perform(run) else steps.lose_workers(run)
    except LeaseLost as lost:
        logger.info("%s", lost, extra=run.detail)
        runs.let_go(run)
        return
    except (redis.RedisError, InterfaceError, OperationalError):
        # Nothing may be sent without the budget, and nothing is remembered without Postgres.
        _give_back(run)
        raise
    except Exception as error:
        logger.exception("A step failed unexpectedly.", extra=run.detail)
        wait = steps.fail(run, "internal_error", error)
    if wait is not None:
        raise WaitForLimit(f"Run {run_id} waits.", delay=int(wait.total_seconds() * 1000) + 1)


def _give_back(run: SyncRun) -> None:
    """The message is retried and claims the run anew; while Postgres is away, its lease has to run out."""
    connection.close_if_unusable_or_obsolete()
    try:
        run.release()
    except (InterfaceError, OperationalError):
        logger.warning("Postgres is away; a scan sends the step again.", extra=run.detail)


def _come_back_if_early(run_id: int, step: int) -> None:
    run = SyncRun.objects.filter(pk=run_id, step=step, state=SyncRun.State.WAITING).first()
    if run is None or run.resume_at is None:
        return
    left = (run.resume_at - timezone.now()).total_seconds()
    if 0 < left < EARLY_SECONDS:
        raise WaitForLimit(f"Run {run_id} still waits.", delay=int(left * 1000) + 1)


@dramatiq.actor(
    actor_name="scan", queue_name=INTERACTIVE, periodic=cron("* * * * *"), max_retries=0, time_limit=60_000
)
def scan() -> None:
    """Send again what is due or may be lost; a second scan at once finds the lock taken and ends."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select pg_try_advisory_xact_lock(%s)", [scanning.LOCK])
        is_alone = cursor.fetchone() == (True,)
        if is_alone:
            scanning.scan(timezone.now(), settings.SYNC_SCAN_LIMIT)
    if is_alone:
        scanning.note_scan(timezone.now())
        heartbeat.beat()


@dramatiq.actor(actor_name="end_access", queue_name=BACKGROUND, max_retries=5, time_limit=TIME_LIMIT_MS)
def end_access(user_id: int) -> None:
    """Give back and forget the access of a member who left."""
    user = User.objects.filter(pk=user_id).first()
    if user is not None:
        departures.end_access(user)


@dramatiq.actor(actor_name="end_account", queue_name=BACKGROUND, max_retries=0, time_limit=TIME_LIMIT_MS)
def end_account(user_id: int) -> None:
    """Go on deleting the account of a member who never connected GitHub; the next tidying tries again."""
    user = erasing.asked_to_end().filter(pk=user_id).first()
    if user is not None:
        departures.end_account(user)


@dramatiq.actor(actor_name="prove_alive", queue_name=BACKGROUND, max_retries=0, time_limit=TIME_LIMIT_MS)
def prove_alive(user_id: int) -> None:
    """Ask Open Humans whether this member's token still works; numbers that we do not know end here."""
    user = User.objects.filter(pk=user_id, open_humans_id__isnull=False, left_at__isnull=True).first()
    if user is not None:
        departures.prove_alive(user)


@dramatiq.actor(actor_name="tell_member", queue_name=BACKGROUND, max_retries=0, time_limit=TIME_LIMIT_MS)
def tell_member(subscription_id: int) -> None:
    """Send the message that could not be sent when there was reason for it; the next tidying tries again."""
    subscription = Subscription.objects.select_related("user").filter(pk=subscription_id).first()
    if subscription is not None:
        messages.send_owed(subscription)


@dramatiq.actor(
    actor_name="tidy", queue_name=BACKGROUND, periodic=cron("17 * * * *"), max_retries=0, time_limit=60_000
)
def tidy() -> None:
    tidying.tidy(timezone.now())
