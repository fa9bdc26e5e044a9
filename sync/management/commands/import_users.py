import signal
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from accounts.progress import Progress
from sync.legacy.members import OldMember, SourceRefused, read_csv, read_database
from sync.legacy.moving import Finding, MoveStopped, Verdict, bring_all, look_at_all

STOPPED_EXIT_CODE = 3
EXAMPLE = "postgres://reader@host/name"


class Command(BaseCommand):
    help = (
        "Bring the members of the app before this one over, with their tokens, out of its database or a CSV "
        "with the same columns. Refreshing their tokens at Open Humans makes those that the old app holds "
        "worthless, so there is no way back: see docs/migrating.md. Whoever is here already is left alone, "
        "so a run that was stopped is simply started again. "
        "Exit codes: 0 done, 1 refused before anything was done, 3 stopped or not all could be checked."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        source = parser.add_mutually_exclusive_group(required=True)
        source.add_argument(
            "--database", metavar="URL", help=f"the old app's Postgres, {EXAMPLE}; password best in ~/.pgpass"
        )
        source.add_argument("--csv", type=Path, metavar="FILE", help="readable by nobody else (chmod 600)")
        parser.add_argument(
            "--dry-run",
            action="store_true",
            help="ask GitHub whose each token is and print what would be done; Open Humans is not asked",
        )
        parser.add_argument(
            "--old-app-stopped",
            action="store_true",
            help="the old app's web, worker and scheduler are stopped for good, and its queue is empty",
        )

    def handle(self, *_args: Any, **options: Any) -> None:
        if not options["dry_run"] and not options["old_app_stopped"]:
            raise CommandError(
                "This makes the tokens of the old app worthless. Stop it first (docs/migrating.md says how), "
                "then add --old-app-stopped; or look first with --dry-run."
            )
        try:
            members = read_csv(options["csv"]) if options["csv"] else read_database(options["database"])
        except SourceRefused as error:
            raise CommandError(str(error)) from None
        found = look_at_all(members) if options["dry_run"] else bring_all(members, timezone.now())
        counts = self._tell(members, found)
        if counts[Verdict.UNKNOWN]:
            raise CommandError("Not all could be checked.", returncode=STOPPED_EXIT_CODE)

    def _tell(
        self, members: Sequence[OldMember], found: Iterator[tuple[OldMember, Finding]]
    ) -> Counter[Verdict]:
        """A line for each member as it is done, and the counts at the end, whatever the end is."""
        counts: Counter[Verdict] = Counter()
        progress = Progress(self.stderr, len(members), "members")
        try:
            with between_members() as is_asked_to_stop:
                for old, finding in found:
                    counts[finding.verdict] += 1
                    progress.clear()
                    reason = f" ({finding.reason})" if finding.reason else ""
                    self.stdout.write(f"{old.open_humans_id} {finding.verdict}{reason}")
                    progress.step()
                    if is_asked_to_stop() and counts.total() < len(members):
                        raise MoveStopped("Stopped as asked; start it again to go on.")
        except MoveStopped as stop:
            raise CommandError(str(stop), returncode=STOPPED_EXIT_CODE) from None
        finally:
            progress.end()
            parts = [f"{verdict} {counts[verdict]}" for verdict in Verdict if counts[verdict]]
            self.stdout.write(f"{len(members)} members: {', '.join(parts) or 'nothing done'}")
        return counts


@contextmanager
def between_members() -> Iterator[Callable[[], bool]]:
    """Ctrl-C and a polite kill wait for the member under way: a refresh that was cut off loses its tokens."""
    asked: list[int] = []
    before = {
        number: signal.signal(number, lambda given, _frame: asked.append(given))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield lambda: bool(asked)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
