from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.utils import timezone

# The scan sends messages of actors.
import sync.actors  # noqa: F401
from sync import scanning
from sync.operators import heartbeat


class Command(BaseCommand):
    help = (
        "Do one scan, for hosts that have a cron but no scheduler: queue every member who is due, and send "
        "again whatever is overdue. The workers do the rest."
    )

    def handle(self, *_args: Any, **_options: Any) -> None:
        found = scanning.scan(timezone.now(), settings.SYNC_SCAN_LIMIT)
        scanning.note_scan(timezone.now())
        heartbeat.beat()
        self.stdout.write(
            f"queued {found.queued}, sent again {found.nudged}, "
            f"waiting {scanning.waiting()}, skipped {scanning.left_alone()}"
        )
