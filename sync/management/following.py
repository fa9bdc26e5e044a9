"""Staying with a run until it is over, with a bar on a terminal. Ctrl-C leaves the run to the workers."""

import time
from typing import Any

from django.core.management.base import CommandError, CommandParser
from django.utils import timezone

from accounts.progress import Progress
from sync import ledger
from sync.models import EraseScope, Receipt, SyncRun

LOOK_SECONDS = 1.0


def add_wait(parser: CommandParser) -> None:
    parser.add_argument(
        "--wait", action="store_true", help="stay until the run is over; exit code 1 if it did not succeed"
    )


def follow(run: SyncRun, stream: Any) -> None:
    """Raise `CommandError` when the run ends otherwise than well. One that is gone deleted its account."""
    receipt = Receipt.objects.filter(run=run).first()
    bar = Progress(stream, 1, "weeks" if receipt is None else "parts")
    try:
        while True:
            current = SyncRun.objects.select_related("subscription").filter(pk=run.pk).first()
            if current is None:
                return
            bar.at(*(_weeks(current) if receipt is None else _parts(receipt)))
            if not current.is_active:
                break
            time.sleep(LOOK_SECONDS)
    finally:
        bar.end()
    if current.state != SyncRun.State.SUCCEEDED:
        why = f" ({current.error_code})" if current.error_code else ""
        raise CommandError(f"Run {current.pk} is {current.state}{why}.")


def _weeks(run: SyncRun) -> tuple[int, int]:
    """Held and known."""
    subscription = run.subscription
    known = ledger.known_weeks(subscription.ledger_starts_on, timezone.now())
    progress = ledger.progress(known, subscription.year_files.values_list("weeks", flat=True))
    return progress.held, progress.known


def _parts(receipt: Receipt) -> tuple[int, int]:
    """Of an erasing: files, GitHub's grant, the membership."""
    receipt.refresh_from_db()
    all_parts = {"files": receipt.files, "grant": receipt.grant, "membership": receipt.membership}
    wanted = all_parts if receipt.scope == EraseScope.ACCOUNT else {"files": receipt.files}
    return sum(bool(outcome) for outcome in wanted.values()), len(wanted)
