"""What the commands that act on members share: whom, why, and who it was."""

import getpass
from argparse import ArgumentTypeError
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

# Acts send messages of actors.
import sync.actors  # noqa: F401
from sync.errors import SyncingStopped
from sync.models import OperatorAction
from sync.operators.operating import NotPossible

LONGEST_REASON = OperatorAction._meta.get_field("reason").max_length or 0


class ActingCommand(BaseCommand):
    """A command whose acts are written down. What is not possible ends it with exit code 1 and the reason."""

    needs_reason = True

    def add_arguments(self, parser: CommandParser) -> None:
        why = "why; kept, and shown to the members it touches"
        parser.add_argument(
            "--reason", required=self.needs_reason, default="", type=self._reason, help=why, metavar="TEXT"
        )
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")

    def _reason(self, text: str) -> str:
        given = text.strip()
        if len(given) > LONGEST_REASON or (self.needs_reason and not given):
            raise ArgumentTypeError(f"Say why, in at most {LONGEST_REASON} letters.")
        return given

    def add_member(self, parser: CommandParser) -> None:
        parser.add_argument("member", help="Open Humans id, GitHub id or GitHub login; oh:ID or gh:NAME")

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except NotPossible as error:
            raise CommandError(str(error)) from None
        except SyncingStopped as error:
            raise CommandError(f"All syncing is stopped; start_syncing lets it go on: {error}") from None


def operator() -> str:
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):
        return "command line"  # a container's user may have no name
