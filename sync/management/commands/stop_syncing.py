from typing import Any

from sync import switch
from sync.management.acting import ActingCommand


class Command(ActingCommand):
    help = (
        "Stop all syncing, in all processes, within ten seconds. Members see the reason on every page. "
        "Deleting goes on. start_syncing undoes it."
    )

    def handle(self, *_args: Any, reason: str, operator: str, dry_run: bool, **_options: Any) -> None:
        if dry_run:
            self.stdout.write(f"Would stop all syncing and tell members: {reason}")
            return
        switch.stop(reason, operator)
        self.stdout.write(f"Syncing stops within {2 * switch.LOOK_SECONDS:.0f} seconds.")
