"""What the commands that act on members share: whom, why, and who it was."""

import os
import pwd
from argparse import ArgumentParser, ArgumentTypeError
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

# Acts send messages of actors.
import sync.actors  # noqa: F401
from sync.errors import SyncingStopped
from sync.models import OperatorAction
from sync.operators.operating import NotPossible

LONGEST_REASON = OperatorAction._meta.get_field("reason").max_length or 0
LONGEST_NAME = 100
# The shells of accounts that nobody logs in with.
NO_LOGIN = ("nologin", "false")


class ActingCommand(BaseCommand):
    """A command whose acts are written down. What is not possible ends it with exit code 1 and the reason.

    `handle` is given the `operator` as it is written down; a rehearsal needs none.
    """

    needs_reason = True

    def add_arguments(self, parser: CommandParser) -> None:
        why = "why; kept, and shown to the members it touches"
        parser.add_argument(
            "--reason", required=self.needs_reason, default="", type=self._reason, help=why, metavar="TEXT"
        )
        add_operator(parser)
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, do nothing")

    def _reason(self, text: str) -> str:
        given = text.strip()
        if len(given) > LONGEST_REASON or (self.needs_reason and not given):
            raise ArgumentTypeError(f"Say why, in at most {LONGEST_REASON} letters.")
        return given

    def add_member(self, parser: CommandParser) -> None:
        parser.add_argument("member", help="Open Humans id, GitHub id or GitHub login; oh:ID or gh:NAME")

    def execute(self, *args: Any, **options: Any) -> str | None:
        options["operator"] = "" if options["dry_run"] else who_acts(options["operator"])
        try:
            return super().execute(*args, **options)
        except NotPossible as error:
            raise CommandError(str(error)) from None
        except SyncingStopped as error:
            raise CommandError(f"All syncing is stopped; start_syncing lets it go on: {error}") from None


def add_operator(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--operator",
        type=_name,
        metavar="NAME",
        help="who you are; kept, and shown to the members it touches (default: the environment variable "
        "OPERATOR, then whoever called sudo, then the user of this system)",
    )


def who_acts(named: str | None) -> str:
    """Raise `CommandError` where nobody is known: behind a container's or a service's user is no person."""
    name = named or os.environ.get("OPERATOR", "").strip() or os.environ.get("SUDO_USER") or _person()
    if not name:
        raise CommandError(
            "Say who you are, with --operator NAME or the environment variable OPERATOR: what operators do "
            "is kept with their name, and nobody logs in as the user that runs this."
        )
    return f"{name[:LONGEST_NAME]} (command line)"


def _person() -> str:
    try:
        user = pwd.getpwuid(os.getuid())
    except KeyError:
        return ""  # a container's user may have no name
    return "" if Path(user.pw_shell).name in NO_LOGIN else user.pw_name


def _name(text: str) -> str:
    given = text.strip()
    if not given or len(given) > LONGEST_NAME:
        raise ArgumentTypeError(f"Say who you are, in at most {LONGEST_NAME} letters.")
    return given
