"""Everything that is claimed of cost, speed, memory and scale, measured on the stand-ins in one run.

    python -m config.run servers -- python -m tests.benchmarks.bench [--only NAME] [--write]

One table is printed, and with `--write` put into docs/benchmarks.md, where a part that is measured alone
replaces its own section. No figure is typed by hand, and none is asserted by a test: machines differ.
"""

import argparse
import logging
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import django

from tests.benchmarks import figures
from tests.benchmarks.figures import Report

ROOT = Path(__file__).parent.parent.parent
PAGE = "docs/benchmarks.md"
HEAD = """# Benchmarks

Written by `make bench`, on the stand-ins for GitHub and Open Humans; nothing in it is typed by hand. Counts
are the same on every machine. Times are not: they are medians with the smallest and the largest beside them,
and what counts is the ratio to something that was measured in the same run. `make bench ONLY=name` measures
one part again."""


@dataclass(frozen=True, slots=True)
class Part:
    """A module of this package with a function `measure`."""

    module: str
    title: str

    @property
    def measure(self) -> Callable[[], Report]:
        measure: Callable[[], Report] = import_module(f"tests.benchmarks.{self.module}").measure
        return measure


# In the order of the page; the first ones make the journeys that later ones look at.
PARTS = {
    "requests": Part("requests_and_points", "Requests, points and bytes"),
    "waiting": Part("waiting", "Time to first data and to the complete archive"),
    "cost": Part("own_cost", "Our own cost"),
    "memory": Part("memory", "Memory"),
    "growth": Part("growth", "Growth"),
    "scale": Part("scale_out", "Scale out"),
    "limits": Part("limits", "Limits"),
}
# These mostly wait: beside them the largest account is travelled, which both of them look at in the end.
BEGINNING = ("waiting", "requests")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", choices=sorted(PARTS), action="append", help="one part (repeatable)")
    parser.add_argument("--write", action="store_true", help="put the figures into docs/benchmarks.md")
    parser.add_argument("--beside", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    set_up()
    if arguments.beside:
        from tests.benchmarks.beside import measure_beside

        measure_beside(arguments.beside)
        return 0
    began = time.monotonic()
    only = [name for name in PARTS if name in (arguments.only or ())]
    reports = {name: measured(name) for name in only} if only else everything()
    total = None if only else _last_whole_run(time.monotonic() - began)
    print(figures.table(figure for report in reports.values() for figure in report.figures))
    if arguments.write:
        _write(reports, total)
    missed = [each.what for report in reports.values() for each in report.figures if each.is_met is False]
    if missed:
        print(f"Missed: {'; '.join(missed)}", file=sys.stderr)
    return 0


def everything() -> dict[str, Report]:
    """All parts, in the order of the page."""
    from tests.benchmarks.beside import PART, beside

    with beside() as report:
        reports = {name: measured(name) for name in BEGINNING}
        reports[PART] = report()
    reports |= {name: measured(name) for name in PARTS if name not in reports}
    return {name: reports[name] for name in PARTS}


def set_up() -> None:
    django.setup()
    from django.core.management import call_command

    from tests.benchmarks.empty_servers import require_empty_servers

    require_empty_servers()
    logging.disable(logging.INFO)
    call_command("migrate", verbosity=0)
    import_module("sync.actors")


def measured(name: str) -> Report:
    began = time.monotonic()
    report = PARTS[name].measure()
    seconds = time.monotonic() - began
    print(f"{name}: {seconds:.0f} s", file=sys.stderr, flush=True)
    report.note(
        f"Measured at {_commit()} on {datetime.now(UTC):%Y-%m-%d}, in {seconds:,.0f} s on"
        f" {os.cpu_count()} cores, Python {platform.python_version()}."
    )
    return report


def _commit() -> str:
    """The commit that is measured, and whether anything has been changed since."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=True
        ).stdout.strip()

    # The page itself changes by being written.
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", f":!{PAGE}")
    return git("rev-parse", "--short=10", "HEAD") + (" with changes" if changed else "")


def _last_whole_run(seconds: float) -> str:
    return (
        f"The last run of everything took {seconds / 60:.1f} minutes on {os.cpu_count()} cores, at"
        f" {_commit()} on {datetime.now(UTC):%Y-%m-%d}."
    )


def _write(reports: dict[str, Report], total: str | None) -> None:
    """A part that is measured alone leaves the sentence on the whole as it is."""
    path = ROOT / PAGE
    page = path.read_text(encoding="utf-8") if path.exists() else HEAD
    total = total or figures.sentence_of_head(page, HEAD)
    head = f"{HEAD}\n\n{total}" if total else HEAD
    for name, report in reports.items():
        text = figures.section(PARTS[name].title, report)
        page = figures.put(page, name, text, list(PARTS), head=head)
    path.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main())
