from typing import Any

from django.core.management.base import CommandParser

from sync.management.acting import ActingCommand
from sync.management.following import add_wait, follow
from sync.operators import operating


class Command(ActingCommand):
    help = "Bring one member up to date now. The workers do it; this queues the run, and waits with --wait."

    def add_arguments(self, parser: CommandParser) -> None:
        self.add_member(parser)
        add_wait(parser)
        super().add_arguments(parser)

    def handle(
        self,
        *_args: Any,
        member: str,
        reason: str,
        operator: str,
        dry_run: bool,
        wait: bool,
        **_options: Any,
    ) -> None:
        subscription = operating.find_member(member)
        if dry_run:
            self.stdout.write(f"Would queue a run for {subscription}, who is {subscription.status}.")
            return
        run = operating.run(subscription, operator, reason)
        self.stdout.write(f"Run {run.pk} of {subscription} is {run.state}.")
        if wait:
            follow(run, self.stderr)
            self.stdout.write(f"Run {run.pk} succeeded.")
