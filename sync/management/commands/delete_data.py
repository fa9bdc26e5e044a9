from typing import Any

from django.core.management.base import CommandParser
from django.db import transaction

from sync.leaving import erasing
from sync.leaving.erasing import ErasingUnderWay
from sync.management.acting import ActingCommand, operator
from sync.management.following import add_wait, follow
from sync.models import EraseScope
from sync.operators import operating


class Command(ActingCommand):
    help = (
        "Delete what a member asked to have deleted, as their own buttons would: private files, all files "
        "or the whole account. The workers do it; it ends in a receipt. There is no way back."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_member(parser)
        scopes = (EraseScope.PRIVATE, EraseScope.FILES, EraseScope.ACCOUNT)
        parser.add_argument("--scope", required=True, choices=[scope.value for scope in scopes])
        add_wait(parser)
        super().add_arguments(parser)

    def handle(
        self, *_args: Any, member: str, scope: str, reason: str, dry_run: bool, wait: bool, **_options: Any
    ) -> None:
        subscription = operating.find_member(member)
        what = EraseScope(scope).label
        if dry_run:
            files = subscription.year_files.count()
            self.stdout.write(f"Would delete {what} of {subscription}, who has {files} year files.")
            return
        try:
            with transaction.atomic():
                run = erasing.start(subscription, EraseScope(scope))
                operating.note_deletion(subscription, operator(), reason)
        except ErasingUnderWay as error:
            raise operating.NotPossible(str(error)) from None
        self.stdout.write(f"Run {run.pk} deletes {what} of {subscription}; receipt {run.receipt.key}.")
        if wait:
            follow(run, self.stderr)
            self.stdout.write(f"Run {run.pk} is over; the receipt says what a listing confirmed.")
