from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db.models import Model

from accounts.progress import Progress
from accounts.rotation import Rotated, encrypted_models, outdated, rotate


class Command(BaseCommand):
    help = (
        "Encrypt all stored tokens and staged records anew with the newest key, the first of TOKEN_KEYS. Put "
        "the new key in front of the old one, restart everything, run this, and only then take the old key "
        "away. May be interrupted and started again. Exit code 1 when something could not be read."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--dry-run", action="store_true", help="try every value, change nothing")

    def handle(self, *_args: Any, dry_run: bool, **_options: Any) -> None:
        unreadable: dict[str, int] = {}
        for model in encrypted_models():
            done = self._rotate(model, is_rehearsal=dry_run)
            verb = "would be renewed" if dry_run else "renewed"
            self.stdout.write(f"{model._meta.label}: {done.renewed} {verb}")
            for reason, number in done.unreadable.items():
                unreadable[reason] = unreadable.get(reason, 0) + number
        if unreadable:
            reasons = "\n".join(f"  {number} times: {reason}" for reason, number in unreadable.items())
            raise CommandError(
                f"Some values cannot be read and were left as they are:\n{reasons}\n"
                "Nothing is lost: add the missing key at the end of TOKEN_KEYS and run this again."
            )

    def _rotate(self, model: type[Model], *, is_rehearsal: bool) -> Rotated:
        progress = Progress(self.stderr, outdated(model).count(), model._meta.label)
        done = Rotated()
        for _row in rotate(model, done, is_rehearsal=is_rehearsal):
            progress.step()
        progress.end()
        return done
