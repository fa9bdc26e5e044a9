from argparse import ArgumentParser, ArgumentTypeError
from collections import Counter
from datetime import datetime
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

import github_client as github
import openhumans_client as openhumans
from accounts.encryption import DecryptionFailed
from accounts.progress import Progress
from sync.leaving import erasures
from sync.leaving.erasures import Erasure
from sync.management.acting import add_operator, who_acts
from sync.operators import restoring

NOT_ASKED_EXIT_CODE = 3
PROVIDERS = {"openhumans": "Open Humans", "github": "GitHub"}


def moment(text: str) -> datetime:
    given = datetime.fromisoformat(text)
    if given.tzinfo is None:
        raise ArgumentTypeError("Say its offset as well, as in 2026-11-24T03:00:00+00:00.")
    return given


class Command(BaseCommand):
    help = (
        "After a backup was restored (docs/backup.md): erase again whoever was erased since, let the time "
        "of those who had left or were refused begin anew, end all logins, "
        "and try every stored token, so that members whose token died are asked for a new one and all others "
        "go on. May be interrupted and started again. Exit codes: 0 done, 1 refused, 3 a service did not "
        "answer."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "--list",
            action="append",
            type=Path,
            metavar="FILE",
            help="erasures: a copy of ERASURE_LIST (the default), or a log; may be given several times",
        )
        parser.add_argument("--no-list", action="store_true", help="nobody was erased since the dump")
        parser.add_argument(
            "--dump-of",
            type=moment,
            metavar="MOMENT",
            help="when the dump was taken (ISO 8601 with its offset); by default until when the database "
            "knows what happened. Needed where the site ran after the restore, or another list comes later",
        )
        parser.add_argument(
            "--believe-all",
            action="store_true",
            help="the client ids and secrets are right, even though not one token of a service works",
        )
        add_operator(parser)
        parser.add_argument("--dry-run", action="store_true", help="say what would be done, ask nobody")

    def handle(self, *_args: Any, **options: Any) -> None:
        operator = "" if options["dry_run"] else who_acts(options["operator"])
        dumped_at = options["dump_of"] or restoring.newest_moment()
        self.stdout.write(
            f"The dump knows what happened until {dumped_at.isoformat() if dumped_at else 'never'}"
        )
        repeated = restoring.erasures_to_repeat(self._known(options), dumped_at)
        acts = Counter(erasure.act for _, erasure in repeated)
        told = ", ".join(f"{act} {number}" for act, number in sorted(acts.items())) or "none"
        if options["dry_run"]:
            self.stdout.write(f"Erasures that would be repeated: {told}")
            waiting = restoring.refused().count() + restoring.left(dumped_at).count()
            self.stdout.write(f"Members with a dead token or gone who would get their time anew: {waiting}")
            for provider, name in PROVIDERS.items():
                self.stdout.write(f"Tokens of {name} to try: {restoring.to_prove(provider).count()}")
            return
        with transaction.atomic():
            # What either leaves in the database would make the dump look younger to the other.
            restoring.repeat_all(repeated, operator)
            waiting = restoring.give_time(dumped_at)
        self.stdout.write(f"Erasures repeated: {told}")
        self.stdout.write(f"Members with a dead token or gone who got their time anew: {waiting}")
        self.stdout.write(f"Logins ended: {restoring.end_all_logins()}")
        for provider in PROVIDERS:
            self._prove(provider, operator, believe_all=options["believe_all"])

    def _known(self, options: dict[str, Any]) -> list[Erasure]:
        if options["no_list"]:
            return []
        paths = options["list"] or ([Path(settings.ERASURE_LIST)] if settings.ERASURE_LIST else [])
        if not paths:
            raise CommandError(
                "Who was erased since the dump? Name the list, or a log, with --list; or say --no-list."
            )
        try:
            lines = [line for path in paths for line in path.read_text(errors="replace").splitlines()]
        except OSError as error:
            raise CommandError(f"The list of erasures cannot be read: {error.strerror}.") from None
        known = erasures.read(lines)
        unknown = erasures.unknown_keys(known)
        if unknown:
            raise CommandError(
                f"The list was written with keys that TOKEN_KEYS lacks: {', '.join(sorted(unknown))}. Put "
                "them at its end while you restore, or leave out lines that are older than the dump."
            )
        return known

    def _prove(self, provider: str, operator: str, *, believe_all: bool) -> None:
        name = PROVIDERS[provider]
        progress = Progress(self.stderr, restoring.to_prove(provider).count(), f"tokens of {name}")
        counts = {True: 0, False: 0}
        try:
            for _credential, is_alive in restoring.prove_all(provider, operator, believe_all=believe_all):
                counts[is_alive] += 1
                progress.step()
        except restoring.NoneAlive as error:
            raise CommandError(
                f"{error} Look at the client id and secret; if they are right, add --believe-all."
            ) from None
        except DecryptionFailed as error:
            raise CommandError(f"{error} Put the key back, then start this again.") from None
        except (github.GitHubError, openhumans.OpenHumansError) as error:
            text = f"{name} cannot be asked: {error} Start this again later."
            raise CommandError(text, returncode=NOT_ASKED_EXIT_CODE) from None
        finally:
            progress.end()
        self.stdout.write(f"Tokens of {name}: {counts[True]} work, {counts[False]} are dead")
