from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandParser
from django.utils import timezone

# The scan sends messages of actors.
import sync.actors  # noqa: F401
from sync import scanning, tidying
from sync.models import Subscription, SyncRun
from sync.operators import heartbeat


class Command(BaseCommand):
    help = (
        "Do a day's scan, for hosts that have a cron but no scheduler: queue every member who is due, send "
        "again whatever is overdue, and tidy: tokens are proved alive, access of those who left is ended, "
        "old rows go. The workers do the rest."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="count who is due and what is overdue")

    def handle(self, *_args: Any, dry_run: bool, **_options: Any) -> None:
        now = timezone.now()
        if dry_run:
            due, overdue = Subscription.objects.due(now).count(), SyncRun.objects.to_nudge(now).count()
            self.stdout.write(f"would queue {due}, send again {overdue}")
            return
        found = scanning.scan(now, settings.SYNC_SCAN_LIMIT, scanning.PARTS_OF_A_DAY)
        scanning.note_scan(timezone.now())
        heartbeat.beat()
        self.stdout.write(
            f"queued {found.queued}, sent again {found.nudged}, "
            f"waiting {scanning.waiting()}, skipped {scanning.left_alone()}"
        )
        tidied = tidying.tidy(timezone.now(), tidying.HOURS_OF_A_DAY)
        self.stdout.write(
            f"old runs deleted {tidied.pruned}, believed to have left {tidied.left}, "
            f"access to end {tidied.ending}, accounts to delete {tidied.deleting}, "
            f"access to prove {tidied.proving}"
        )
