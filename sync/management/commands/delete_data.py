from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

import openhumans_client as openhumans
from accounts.models import User
from sync.leaving import erasing
from sync.leaving.erasing import ErasingUnderWay, Order
from sync.management.acting import ActingCommand
from sync.management.following import add_wait, follow
from sync.models import EraseScope, Receipt
from sync.operators import operating


class Command(ActingCommand):
    help = (
        "Delete what a member asked to have deleted, as their own buttons would: private files, all files "
        "or the whole account. The workers do it; it ends in a receipt. There is no way back. The "
        "receipt keeps your name and the cause; the words of --reason go with the account."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_member(parser)
        scopes = (EraseScope.PRIVATE, EraseScope.FILES, EraseScope.ACCOUNT)
        parser.add_argument("--scope", required=True, choices=[scope.value for scope in scopes])
        causes = [cause for cause in Receipt.Cause if cause != Receipt.Cause.RESTORED]
        parser.add_argument(
            "--cause",
            choices=[cause.value for cause in causes],
            default=Receipt.Cause.ASKED.value,
            help="; ".join(f"{cause.value}: {cause.label}" for cause in causes) + " (default: %(default)s)",
        )
        add_wait(parser)
        super().add_arguments(parser)

    def handle(
        self,
        *_args: Any,
        member: str,
        scope: str,
        cause: str,
        reason: str,
        operator: str,
        dry_run: bool,
        wait: bool,
        **_options: Any,
    ) -> None:
        order = Order(operator, cause)
        unconnected = operating.find_unconnected(member)
        if unconnected is not None:
            self._end_unconnected(unconnected, EraseScope(scope), order, is_rehearsal=dry_run)
            return
        subscription = operating.find_member(member)
        what = EraseScope(scope).label
        if dry_run:
            files = subscription.year_files.count()
            self.stdout.write(f"Would delete {what} of {subscription}, who has {files} year files.")
            return
        try:
            with transaction.atomic():
                run = erasing.start(subscription, EraseScope(scope), order)
                operating.note(operating.Kind.DELETE, subscription, order.operator, reason)
        except ErasingUnderWay as error:
            raise operating.NotPossible(str(error)) from None
        self.stdout.write(f"Run {run.pk} deletes {what} of {subscription}; receipt {run.receipt.key}.")
        if wait:
            follow(run, self.stderr)
            self.stdout.write(f"Run {run.pk} is over; the receipt says what a listing confirmed.")

    def _end_unconnected(self, user: User, scope: EraseScope, order: Order, *, is_rehearsal: bool) -> None:
        """No run is needed of somebody who never connected GitHub: it happens here."""
        if scope != EraseScope.ACCOUNT:
            raise operating.NotPossible(
                "This member never connected GitHub: there is only the account to delete."
            )
        if is_rehearsal:
            self.stdout.write("Would delete the account of a member who never connected GitHub.")
            return
        try:
            receipt = erasing.end_unconnected(user, order=order)
        except openhumans.OpenHumansError as error:
            raise operating.NotPossible(
                f"Open Humans does not answer; the deletion goes on by itself: {error}"
            ) from None
        self.stdout.write(
            f"The account is deleted, with {receipt.files_deleted} files; receipt {receipt.key}."
        )
