"""What the commands that act on members share: whom, why, and who it was."""

import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

# Acts send messages of actors.
import sync.actors  # noqa: F401
from sync.operators.operating import NotPossible


class ActingCommand(BaseCommand):
    """A command whose acts are written down. What is not possible ends it with exit code 1 and the reason."""

    needs_reason = True

    def add_arguments(self, parser: CommandParser) -> None:
        why = "why; kept, and shown to the members it touches"
        parser.add_argument("--reason", required=self.needs_reason, default="", help=why)
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")

    def add_member(self, parser: CommandParser) -> None:
        parser.add_argument("member", help="Open Humans id, GitHub id or GitHub login; oh:ID or gh:NAME")

    def execute(self, *args: Any, **options: Any) -> str | None:
        try:
            return super().execute(*args, **options)
        except NotPossible as error:
            raise CommandError(str(error)) from None


def operator() -> str:
    try:
        return f"{getpass.getuser()} (command line)"
    except (KeyError, OSError):
        return "command line"  # a container's user may have no name
