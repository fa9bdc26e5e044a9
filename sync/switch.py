"""Stopping all syncing, and letting it go on: for an operator who has seen something go wrong.

Every worker asks before each request and each publishing call, at most once in a few seconds. So does what is
done once an hour: no token is proved or refreshed, nobody is told anything or believed to have left. What
members delete is deleted all the same.
"""

import time
from datetime import timedelta

from django.db import transaction
from django.utils import timezone

from sync.errors import SyncingStopped
from sync.models import OperatorAction, SyncRun, SyncStop

# A stop is effective within this, in every process.
LOOK_SECONDS = 5.0
# A run that met the stop asks again after this, should nobody wake it.
PAUSE = timedelta(minutes=10)

_looked_at = float("-inf")
_seen: SyncStop | None = None


def current() -> SyncStop | None:
    """The stop that is in force, by what Postgres said a few seconds ago at most."""
    global _looked_at, _seen
    if time.monotonic() - _looked_at > LOOK_SECONDS:
        _seen = SyncStop.objects.first()
        _looked_at = time.monotonic()
    return _seen


def look_again() -> None:
    """Ask Postgres the next time, however recent the last answer is."""
    global _looked_at
    _looked_at = float("-inf")


def check() -> None:
    stop_in_force = current()
    if stop_in_force is not None:
        raise SyncingStopped(stop_in_force.reason)


def check_run(run: SyncRun) -> None:
    """Before each request to Open Humans: the run is still its worker's, and syncing goes on."""
    run.hold()
    if not run.is_deleting:
        check()


@transaction.atomic
def stop(reason: str, operator: str) -> None:
    """Stop all syncing, or give a stop that is in force another reason. Members read the reason."""
    SyncStop.objects.update_or_create(id=1, defaults={"reason": reason})
    OperatorAction.objects.create(kind=OperatorAction.Kind.STOP, reason=reason, operator=operator)
    look_again()


@transaction.atomic
def start(reason: str, operator: str) -> int:
    """Let syncing go on; return how many runs were waiting for it. The next scan sends their messages."""
    stopped, _ = SyncStop.objects.all().delete()
    if stopped:
        OperatorAction.objects.create(kind=OperatorAction.Kind.START, reason=reason, operator=operator)
    look_again()
    now = timezone.now()
    waiting = SyncRun.objects.filter(state=SyncRun.State.WAITING, wait_reason=SyncRun.WaitReason.SITE)
    return waiting.update(resume_at=now, nudge_at=now)
