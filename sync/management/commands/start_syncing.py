from typing import Any

from sync import switch
from sync.management.acting import ActingCommand


class Command(ActingCommand):
    help = "Let syncing go on after stop_syncing, or after wrong TOKEN_KEYS were set right."

    needs_reason = False

    def handle(self, *_args: Any, reason: str, operator: str, dry_run: bool, **_options: Any) -> None:
        if dry_run:
            self.stdout.write("Would let syncing go on.")
            return
        woken = switch.start(reason, operator)
        self.stdout.write(f"Syncing goes on; {woken} runs were waiting for it.")
