"""Leaving, and its smaller parts: a run of its own that takes away what a member no longer wants kept.

It cancels what is under way and waits for its worker to let go, because a transfer in the middle would still
arrive. Then, whatever of it applies: files on Open Humans are completed where an upload was pending, deleted
by id, and listed again; GitHub's grant is given back; the membership at Open Humans ends; our rows go. Each
part is noted on the receipt before the next one begins, so a worker killed anywhere repeats at most one of
them, and all of them may be repeated.

Outages are waited out. Access that is gone is not: what could not be done then stands on the receipt.
"""

import logging
import time
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_datetime

import github_client as github
import openhumans_client as openhumans
from accounts.encryption import DecryptionFailed
from accounts.models import User
from openhumans_client import Deadline, OpenHumansClient
from sync import credentials, runs
from sync.errors import GitHubAccessLost, OpenHumansAccessLost, SyncError
from sync.leaving import erasures, forgetting
from sync.models import (
    PAUSED_BY_MEMBER,
    EraseScope,
    Receipt,
    Subscription,
    SyncRun,
    YearFile,
    new_receipt_key,
    next_nudge,
)
from sync.queues import send_step

logger = logging.getLogger(__name__)
PAUSED_BY_FILES = f"{PAUSED_BY_MEMBER}, when you deleted your files."
PAUSED_BY_ACCOUNT = f"{PAUSED_BY_MEMBER}: your account is being deleted."
LONGEST_WAIT_SECONDS = 900
# How often a worker that is still at the cancelled run is looked for.
LEASE_PAUSE = timedelta(seconds=2)
GRANT_ATTEMPTS = 5
ROUNDS = 3
COVERS = {
    EraseScope.GITHUB: {EraseScope.GITHUB},
    EraseScope.PRIVATE: {EraseScope.PRIVATE},
    EraseScope.FILES: {EraseScope.PRIVATE, EraseScope.FILES, EraseScope.FILE},
    # Not another one.
    EraseScope.FILE: set(),
    EraseScope.CHANGE: {EraseScope.GITHUB, EraseScope.CHANGE},
    EraseScope.REPLACE: set(EraseScope) - {EraseScope.ACCOUNT},
    EraseScope.ACCOUNT: set(EraseScope),
}
KEEPS_FILES = (EraseScope.GITHUB, EraseScope.CHANGE)
GIVES_GRANT_BACK = (EraseScope.GITHUB, EraseScope.CHANGE, EraseScope.REPLACE, EraseScope.ACCOUNT)
NO_OPENHUMANS = (OpenHumansAccessLost, openhumans.Unauthorized, DecryptionFailed)
NO_GITHUB = (GitHubAccessLost, github.Unauthorized, github.NotFound, DecryptionFailed)


@dataclass(frozen=True, slots=True)
class Order:
    """Which operator began an erasing, and for what sort of reason; both empty where the member did."""

    operator: str = ""
    cause: str = ""


BY_THE_MEMBER = Order()


class ErasingUnderWay(SyncError):
    """Another erasing has to end first; `receipt` tells how far it is."""

    def __init__(self, receipt: Receipt) -> None:
        super().__init__("Another erasing is under way.")
        self.receipt = receipt


def start(
    subscription: Subscription, scope: EraseScope, order: Order = BY_THE_MEMBER, *, file: str = ""
) -> SyncRun:
    """Queue the erasing and stop collecting in one transaction; the run's `receipt` tells how it goes.

    `file` is the name of the one that goes, where the scope is that. One that is under way and covers this
    is returned as it is, a smaller one is overtaken; raise `ErasingUnderWay` for one that is neither.
    """
    with transaction.atomic():
        # Nobody starts a run meanwhile: its row refers to this one.
        subscription = Subscription.objects.select_for_update(of=("self",)).get(pk=subscription.pk)
        active = subscription.active_run
        if active is not None and active.trigger == SyncRun.Trigger.ERASE:
            if _covers(active, scope, file):
                return active
            if active.erase_scope not in COVERS[scope]:
                raise ErasingUnderWay(active.receipt)
            active.receipt.delete()
        if active is not None:
            runs.stop(active)
        stop_collecting(subscription, scope)
        erasures.note_asked(subscription.user, erasures.act_of(scope))
        run = SyncRun.objects.create(
            subscription=subscription,
            trigger=SyncRun.Trigger.ERASE,
            erase_scope=scope,
            erase_file=file,
            is_interactive=True,
            nudge_at=next_nudge(),
        )
        Receipt.objects.create(subscription=subscription, run=run, scope=scope, **asdict(order))
        send_step(run)
    return run


def _covers(active: SyncRun, scope: EraseScope, file: str) -> bool:
    is_same = (active.erase_scope, active.erase_file) == (scope, file)
    return is_same or scope in COVERS[EraseScope(active.erase_scope)]


def stop_collecting(subscription: Subscription, scope: EraseScope) -> None:
    """What operators paused stays paused by them: leaving in part is no way round it."""
    if subscription.is_paused_by_operator:
        return
    match scope:
        case EraseScope.GITHUB | EraseScope.CHANGE | EraseScope.REPLACE:
            subscription.status, subscription.reason = Subscription.Status.DISCONNECTED, ""
        case EraseScope.FILES:
            subscription.status, subscription.reason = Subscription.Status.PAUSED, PAUSED_BY_FILES
        case EraseScope.ACCOUNT:
            subscription.status, subscription.reason = Subscription.Status.PAUSED, PAUSED_BY_ACCOUNT
        case EraseScope.PRIVATE | EraseScope.FILE:
            # The rest is collected as before, beginning with what was under way.
            subscription.next_due_at = timezone.now()
    subscription.save(update_fields=["status", "reason", "next_due_at"])


# --- The run ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Erasing:
    """One step of a claimed run, and what it may spend."""

    run: SyncRun
    receipt: Receipt
    began: float

    @property
    def subscription(self) -> Subscription:
        return self.run.subscription

    @property
    def scope(self) -> EraseScope:
        return EraseScope(self.run.erase_scope)

    def has_time(self) -> bool:
        return time.monotonic() - self.began < settings.SYNC_STEP_SECONDS

    def note(self, **facts: Any) -> None:
        """Keep what was done on the receipt, while the run is ours."""
        for name, value in facts.items():
            setattr(self.receipt, name, value)
        with transaction.atomic():
            self.run.hold()
            self.receipt.save(update_fields=list(facts))
            self.run.has_got_on()
            if self.run.outages:
                self.run.outages = 0
                self.run.save(update_fields=["outages"])


def perform(run: SyncRun) -> timedelta | None:
    """Do one step of a claimed erasing; return how long its message must wait, if it must."""
    erasing = Erasing(run, Receipt.objects.get(run=run), time.monotonic())
    busy_until = _busy_until(run)
    if busy_until is not None:
        return _wait(run, min(busy_until, timezone.now() + LEASE_PAUSE), "")
    try:
        _erase(erasing)
    except openhumans.OpenHumansError as error:
        return _wait_out(run, SyncRun.WaitReason.OPENHUMANS_UNAVAILABLE, error)
    except github.GitHubError as error:
        return _wait_out(run, SyncRun.WaitReason.GITHUB_UNAVAILABLE, error)
    return None


def _busy_until(run: SyncRun) -> datetime | None:
    """Until when the worker of a run that was cancelled may still be at it."""
    leases = SyncRun.objects.filter(
        subscription=run.subscription, state=SyncRun.State.CANCELLED, lease_until__gt=timezone.now()
    )
    return max((lease for lease in leases.values_list("lease_until", flat=True) if lease), default=None)


def _erase(erasing: Erasing) -> None:
    scope, receipt = erasing.scope, erasing.receipt
    if scope not in KEEPS_FILES and not receipt.files and not _delete_files(erasing):
        _next_step(erasing.run)
        return
    if scope in GIVES_GRANT_BACK and not receipt.grant:
        _give_grant_back(erasing)
    if scope == EraseScope.ACCOUNT:
        if not receipt.membership:
            _end_membership(erasing)
        forgetting.forget_member(erasing.run, receipt)
        return
    _finish(erasing)


# --- Files ---------------------------------------------------------------------------------------------


def _delete_files(erasing: Erasing) -> bool:
    """Delete what the scope covers; False when the step's time is over before that."""
    try:
        return credentials.with_openhumans(
            erasing.subscription.user,
            lambda client: _delete_until_none_is_listed(erasing, client),
            erasing.run.hold,
        )
    except NO_OPENHUMANS:
        known = _year_files(erasing).exclude(current_id=None)
        left = [{"id": file.current_id, "name": file.name} for file in known]
        erasing.note(files=Receipt.Outcome.NO_ACCESS, left=left, files_left=len(left))
        return True


def _delete_until_none_is_listed(erasing: Erasing, client: openhumans.OpenHumansClient) -> bool:
    for year_file in _year_files(erasing).exclude(pending=None):
        _complete_pending(client, year_file)
    for _round in range(ROUNDS):
        files = _listed(erasing, client)
        if not files:
            break
        _note_found(erasing, files)
        for file in files:
            client.delete_file(file.id)
            if not erasing.has_time():
                return False
    left = _listed(erasing, client)
    with transaction.atomic():
        erasing.note(
            files=Receipt.Outcome.REFUSED if left else Receipt.Outcome.DONE,
            left=[{"id": file.id, "name": file.basename} for file in left],
            files_left=len(left),
            files_deleted=len(erasing.receipt.found) - len(left),
            listed_at=timezone.now(),
        )
        if not left:
            _forget_files(erasing)
    return True


def _forget_files(erasing: Erasing) -> None:
    if erasing.scope == EraseScope.FILE:
        for year_file in _year_files(erasing):
            forgetting.forget_file(year_file)
    else:
        forgetting.forget_files(erasing.subscription, erasing.scope)


def _year_files(erasing: Erasing) -> QuerySet[YearFile]:
    files: QuerySet[YearFile] = erasing.subscription.year_files.all()
    match erasing.scope:
        case EraseScope.PRIVATE:
            return files.filter(kind__in=YearFile.PRIVATE_KINDS)
        case EraseScope.FILE:
            named = [file.pk for file in files.only("kind", "year") if file.name == erasing.run.erase_file]
            return files.filter(pk__in=named)
    return files


def _complete_pending(client: openhumans.OpenHumansClient, year_file: YearFile) -> None:
    """Open Humans deletes only completed files; one whose bytes never came is not there and never will be."""
    try:
        client.complete_upload((year_file.pending or {})["file_id"])
    except (openhumans.NotFound, openhumans.UnexpectedResponse, openhumans.Unavailable) as error:
        if isinstance(error, openhumans.Unavailable) and error.is_timeout:
            raise
    year_file.pending = None
    year_file.save(update_fields=["pending"])


def _note_found(erasing: Erasing, files: list[openhumans.File]) -> None:
    known = {found["id"] for found in erasing.receipt.found}
    new = [{"id": file.id, "name": file.basename} for file in files if file.id not in known]
    erasing.note(found=[*erasing.receipt.found, *new])


def _listed(erasing: Erasing, client: openhumans.OpenHumansClient) -> list[openhumans.File]:
    """Files of ours that the scope covers; with the account go those of an earlier GitHub account too."""
    label = client.fetch_project().id_label
    own = [file for file in client.list_files() if file.source == label]
    if erasing.scope == EraseScope.ACCOUNT:
        return own
    mine = str(erasing.subscription.github_id)
    # Files of the app that was here before this one do not say whose they are; they are this member's.
    own = [file for file in own if str(file.metadata.get("github_id", mine)) == mine]
    match erasing.scope:
        case EraseScope.PRIVATE:
            return [file for file in own if _is_private(file)]
        case EraseScope.FILE:
            return [file for file in own if file.basename == erasing.run.erase_file]
    return own


def _is_private(file: openhumans.File) -> bool:
    return file.metadata.get("kind") in YearFile.PRIVATE_KINDS or file.basename.startswith("github-private-")


# --- Access -------------------------------------------------------------------------------------------


def _give_grant_back(erasing: Erasing) -> None:
    """After a few vain attempts we forget our tokens all the same, and say how to take the grant back."""
    try:
        token = credentials.github_token(erasing.subscription.user)
        erasing.run.hold()
        credentials.github_oauth().delete_grant(token)
        outcome = Receipt.Outcome.DONE
    except NO_GITHUB:
        outcome = Receipt.Outcome.NO_ACCESS
    except github.GitHubError as error:
        if erasing.run.outages + 1 < GRANT_ATTEMPTS:
            raise
        logger.error("A grant could not be given back: %s", error, extra=erasing.run.detail)
        outcome = Receipt.Outcome.REFUSED
    with transaction.atomic():
        credentials.hold_tokens(erasing.subscription.user, "github")
        erasing.note(grant=outcome)
        forgetting.forget_github(erasing.subscription)


def _end_membership(erasing: Erasing) -> None:
    try:
        credentials.with_openhumans(
            erasing.subscription.user, OpenHumansClient.remove_member, erasing.run.hold
        )
        outcome = Receipt.Outcome.DONE
    except NO_OPENHUMANS:
        # Where files have just been deleted, it was an earlier step of this run that ended it.
        was_ours = erasing.receipt.files != Receipt.Outcome.NO_ACCESS
        outcome = Receipt.Outcome.DONE if was_ours else Receipt.Outcome.NO_ACCESS
    erasing.note(membership=outcome)


@dataclass(slots=True)
class Unconnected:
    """How far the account of a member without a subscription is deleted: `User.erasure` remembers it.

    `found` are ids of files, noted before the first is deleted; `is_ending` that the membership was asked to
    end, whatever came back; `receipt` the address that its receipt will have; the last two are of an `Order`.
    """

    found: list[int] = field(default_factory=list)
    listed_at: str = ""
    files_left: int = 0
    is_ending: bool = False
    receipt: str = field(default_factory=new_receipt_key)
    operator: str = ""
    cause: str = ""

    @property
    def has_begun(self) -> bool:
        return bool(self.found) or self.is_ending

    @property
    def files(self) -> Receipt.Outcome:
        if not self.listed_at:
            return Receipt.Outcome.NO_ACCESS
        return Receipt.Outcome.REFUSED if self.files_left else Receipt.Outcome.DONE


def asked_to_end() -> QuerySet[User]:
    """Members whose account is still to be deleted; who has connected GitHub since then thought better."""
    return User.objects.filter(erasure__isnull=False, subscription__isnull=True).order_by("pk")


def progress_of(user: User) -> Unconnected:
    return Unconnected(**(user.erasure or {}))


def end_unconnected(user: User, deadline: Deadline | None = None, order: Order = BY_THE_MEMBER) -> Receipt:
    """Delete the account of a member without a subscription: nothing was collected, so no run is needed.

    That it was asked for is noted first, and how far it is before each request that changes something. Raise
    an `OpenHumansError` during an outage, or when the deadline has passed. Whatever ends it midway, also the
    death of this process: it goes on from there when somebody asks again, and by itself within the hour.
    """
    so_far = progress_of(user)
    if user.erasure is None:  # otherwise somebody had begun it
        so_far.operator, so_far.cause = order.operator, order.cause
    _keep(user, so_far)
    try:
        credentials.with_openhumans(
            user, lambda client: _end_at_openhumans(user, client, so_far, deadline), deadline=deadline
        )
        membership = Receipt.Outcome.DONE
    except NO_OPENHUMANS:
        # Where it was asked to end, that is why there is no access any more.
        membership = Receipt.Outcome.DONE if so_far.is_ending else Receipt.Outcome.NO_ACCESS
    with transaction.atomic():
        credentials.hold_tokens(user)
        # One at a time: a second click, or the hourly tidying, may be at the same account.
        User.objects.select_for_update().filter(pk=user.pk).first()
        receipt, _ = Receipt.objects.get_or_create(
            key=so_far.receipt,
            defaults={
                "scope": EraseScope.ACCOUNT,
                "operator": so_far.operator,
                "cause": so_far.cause,
                "files": so_far.files,
                "files_left": so_far.files_left,
                "files_deleted": len(so_far.found) - so_far.files_left if so_far.listed_at else 0,
                "listed_at": parse_datetime(so_far.listed_at) if so_far.listed_at else None,
                "membership": membership,
                "finished_at": timezone.now(),
            },
        )
        forgetting.forget_user(user)
    return receipt


def _keep(user: User, so_far: Unconnected) -> None:
    user.erasure = asdict(so_far)
    User.objects.filter(pk=user.pk).update(erasure=user.erasure)


def _end_at_openhumans(
    user: User, client: OpenHumansClient, so_far: Unconnected, deadline: Deadline | None
) -> None:
    if not so_far.listed_at:
        _delete_own_files(user, client, so_far)
    if deadline and deadline.left < settings.WEB_ANSWER_SECONDS * credentials.LAST_SHARE:
        raise openhumans.Unavailable("No time is left to end the membership", is_timeout=True)
    so_far.is_ending = True
    _keep(user, so_far)
    client.remove_member()


def _delete_own_files(user: User, client: OpenHumansClient, so_far: Unconnected) -> None:
    label = client.fetch_project().id_label
    own = [file.id for file in client.list_files() if file.source == label]
    so_far.found = sorted({*so_far.found, *own})
    _keep(user, so_far)
    for file_id in own:
        client.delete_file(file_id)
    so_far.files_left = sum(file.source == label for file in client.list_files()) if own else 0
    so_far.listed_at = timezone.now().isoformat()


# --- How a step ends ----------------------------------------------------------------------------------


def _finish(erasing: Erasing) -> None:
    """What was being taken out when this came in between goes on afterwards.

    After one file comes the table by day, which tells what stood in it; before a first sync there is none.
    """
    run, now = erasing.run, timezone.now()
    is_done = erasing.receipt.files in ("", Receipt.Outcome.DONE)
    with transaction.atomic():
        if is_done and erasing.scope in (EraseScope.CHANGE, EraseScope.REPLACE):
            forgetting.forget_github_account(erasing.subscription)
        erasing.note(finished_at=now)
        run.state = SyncRun.State.SUCCEEDED if is_done else SyncRun.State.FAILED
        run.error_code = "" if is_done else f"erasing_{erasing.receipt.files}"
        run.finished_at, run.lease_until, run.nudge_at = now, None, None
        run.save(update_fields=["state", "error_code", "finished_at", "lease_until", "nudge_at"])
        has_followers = is_done and erasing.scope == EraseScope.FILE and erasing.subscription.synced_at
        if has_followers or erasing.subscription.year_files.filter(to_clean__gt=0).exists():
            runs.start(erasing.subscription, SyncRun.Trigger.REMOVE, is_interactive=True)
        erasures.note_done(erasing.subscription.user, erasures.act_of(erasing.scope))


def _next_step(run: SyncRun) -> None:
    with transaction.atomic():
        run.hold()
        run.advance()
        send_step(run)


def _wait_out(run: SyncRun, reason: SyncRun.WaitReason, error: Exception) -> timedelta:
    logger.warning("An erasing waits: %s", error, extra=run.detail)
    run.waits += 1
    return _wait(run, runs.back_off(run, LONGEST_WAIT_SECONDS), reason)


def _wait(run: SyncRun, resume_at: datetime, reason: SyncRun.WaitReason | str) -> timedelta:
    with transaction.atomic():
        run.hold()
        run.state, run.wait_reason, run.resume_at = SyncRun.State.WAITING, reason, resume_at
        run.lease_until, run.nudge_at = None, resume_at + timedelta(seconds=30)
        run.save(
            update_fields=["state", "wait_reason", "resume_at", "waits", "lease_until", "nudge_at", "outages"]
        )
    return max(resume_at - timezone.now(), timedelta())
