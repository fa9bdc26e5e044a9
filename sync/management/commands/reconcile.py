from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.db import transaction
from django.utils import timezone

import openhumans_client as openhumans
from accounts.encryption import DecryptionFailed
from accounts.progress import Progress
from sync import credentials, reconciling, runs, switch
from sync.errors import LeaseLost, OpenHumansAccessLost, SyncingStopped
from sync.management.acting import ActingCommand
from sync.models import OperatorAction, Subscription, SyncRun
from sync.operators import operating
from sync.operators.operating import NotPossible
from sync.publish import Publisher
from sync.reconciling import Report

NEEDS_SOMEBODY_EXIT_CODE, NOT_ASKED_EXIT_CODE = 2, 3
NOT_ASKED = (openhumans.OpenHumansError, OpenHumansAccessLost, DecryptionFailed, LeaseLost)


class Command(ActingCommand):
    help = (
        "Compare the ledger with the files that Open Humans lists, and set right what can be: uploads that "
        "were begun are finished, files unknown to the ledger adopted, two of one year united, those that a "
        "member removed marked as theirs. Files of the wrong size and files of ours that nobody can place "
        "are reported and left alone. Prints a line for each member. It happens every week by itself. "
        "Exit codes: 0 all is right now, 1 not possible or all syncing is stopped, 2 something is left that "
        "needs somebody to look, 3 not everybody's files could be asked for."
    )
    needs_reason = False

    def add_arguments(self, parser: CommandParser) -> None:
        whom = parser.add_mutually_exclusive_group(required=True)
        whom.add_argument("--member", metavar="ID", help="Open Humans id, GitHub id or GitHub login")
        whom.add_argument("--all", action="store_true", help="everybody who is active")
        super().add_arguments(parser)

    def handle(
        self, *_args: Any, member: str | None, reason: str, operator: str, dry_run: bool, **_options: Any
    ) -> None:
        if member and not (reason or dry_run):
            raise CommandError("Say why, with --reason: it is kept, and shown to the member.")
        switch.check()
        why = reason or "The files of everybody were compared."
        if not dry_run and not member:
            operating.note(operating.Kind.RECONCILE, None, operator, why)
        noted = Noted(operator, why, is_of_one=bool(member))
        act = look if dry_run else partial(reconcile, noted)
        active = Subscription.objects.filter(status=Subscription.Status.ACTIVE)
        chosen: Iterable[Subscription] = (
            [self._one(member)] if member else active.select_related("user").order_by("pk").iterator(100)
        )
        progress = Progress(self.stderr, 1 if member else active.count(), "members")
        needing, not_asked = 0, 0
        try:
            for subscription in chosen:
                report = self._look_at(subscription, act)
                progress.clear()
                self._tell(subscription, report, is_rehearsal=dry_run)
                progress.step()
                if isinstance(report, Exception):
                    not_asked += 1
                    continue
                needing += report is not None and report.needs_somebody
        finally:
            progress.end()
        self._end(needing, not_asked)

    def _one(self, member: str) -> Subscription:
        subscription = operating.find_member(member)
        self._refuse_if_not_active(subscription)
        return subscription

    def _refuse_if_not_active(self, subscription: Subscription) -> None:
        if subscription.status != Subscription.Status.ACTIVE:
            raise NotPossible(f"{subscription} is not active but: {subscription.get_status_display()}.")
        if subscription.active_run is not None:
            raise NotPossible(f"A run of {subscription} is under way; wait for its end.")

    def _look_at(
        self, subscription: Subscription, act: Callable[[Subscription], Report | None]
    ) -> Report | Exception | None:
        # Before its token is refreshed.
        switch.check()
        try:
            return act(subscription)
        except NOT_ASKED as error:
            return error

    def _tell(
        self, subscription: Subscription, found: Report | Exception | None, *, is_rehearsal: bool
    ) -> None:
        if isinstance(found, Exception):
            self.stdout.write(f"{subscription}: could not be asked: {found}")
        elif found is None:
            self.stdout.write(f"{subscription}: left alone, a run is under way")
        else:
            would = "would be " if is_rehearsal and found.in_words else ""
            self.stdout.write(f"{subscription}: {would}{found.in_words or 'right'}")

    def _end(self, needing: int, not_asked: int) -> None:
        if not_asked:
            raise CommandError(f"{not_asked} could not be asked.", returncode=NOT_ASKED_EXIT_CODE)
        if needing:
            raise CommandError(f"{needing} need somebody to look.", returncode=NEEDS_SOMEBODY_EXIT_CODE)


@dataclass(frozen=True, slots=True)
class Noted:
    """What stands in a member's history; after everybody's turn only where it did something."""

    operator: str
    why: str
    is_of_one: bool

    def begin(self, subscription: Subscription) -> OperatorAction:
        return operating.note(operating.Kind.RECONCILE, subscription, self.operator, self.why)

    def end(self, act: OperatorAction, report: Report) -> None:
        if not (self.is_of_one or report.has_changed_something):
            act.delete()


def look(subscription: Subscription) -> Report:
    """Nothing is written, not even the run that this would be."""
    run = SyncRun(subscription=subscription, trigger=SyncRun.Trigger.OPERATOR)
    return credentials.with_openhumans(
        subscription.user,
        lambda client: reconciling.look(Publisher(run, client, timezone.now())),
        switch.check,
    )


def reconcile(noted: Noted, subscription: Subscription) -> Report | None:
    """None where a run is under way. A run that comes to nothing does not stay in the member's history.

    What is noted does: files may have been changed before it broke off, or before it was killed.
    """
    with transaction.atomic():
        run = runs.take(subscription, SyncRun.Trigger.OPERATOR)
        if run is None:
            return None
        act = noted.begin(subscription)
    try:
        report = credentials.with_openhumans(
            run.subscription.user,
            lambda client: reconciling.reconcile(Publisher(run, client, timezone.now()), with_sizes=True),
            lambda: switch.check_run(run),
        )
    except LeaseLost:
        # A worker goes on with it, or somebody has stopped it.
        raise
    except (*NOT_ASKED, SyncingStopped):
        run.delete()
        raise
    with transaction.atomic():
        run.hold()
        runs.finish(run, SyncRun.State.SUCCEEDED, timezone.now())
        noted.end(act, report)
    return report
