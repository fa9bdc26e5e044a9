"""What the drills did and found, as a table at the end of `make faults`; `WRITE=1` keeps it as a page."""

import os
import random
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date
from typing import Any

from config.run.folders import CHECKOUT

IS_LONG = os.environ.get("FAULTS") == "long"
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))
# The same one for every process that pytest starts from here on.
os.environ["SEED"] = str(SEED)
# How many times the kill drill kills; a handful where every change is tested.
KILLS = int(os.environ.get("KILLS") or (100 if IS_LONG else 3))


PAGE = CHECKOUT / "docs" / "faults.md"
IS_KEPT = IS_LONG and bool(os.environ.get("WRITE"))
NOT_LOOKED_AT = "-"


@dataclass
class Drill:
    """One line of the table. A request may be repeated, once per fault; all that follows must be 0.

    A drill counts what it looked at: where it did not look there is None, and no 0 in the table.
    """

    name: str
    faults_injected: int | None = None
    requests_repeated: int | None = None
    weeks_lost: int | None = None
    records_twice: int | None = None
    requests_while_blocked: int | None = None
    files_differing: int | None = None
    longest_resume_seconds: float | None = None

    def count(self, **found: int) -> None:
        """Add what was observed to what was counted before."""
        for name, number in found.items():
            setattr(self, name, (getattr(self, name) or 0) + number)

    def resumed_after(self, seconds: float) -> None:
        self.longest_resume_seconds = max(self.longest_resume_seconds or 0.0, seconds)


# Those of the test that is running.
DRILLS: list[Drill] = []


def new_drill(name: str) -> Drill:
    drill = Drill(name)
    DRILLS.append(drill)
    return drill


def say(text: str) -> None:
    """A line of the drill's diary; pytest shows it where the drill fails."""
    print(text, flush=True, file=sys.stderr)


def table(drills: Iterable[Mapping[str, Any]]) -> list[str]:
    """One line per drill and one for all of them."""
    heads, *rows = lines_of(drills)
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return [_line(row, widths) for row in [heads, *rows]]


def commit() -> str:
    """The commit that the drills attack, and whether anything but their page has been changed since."""

    def git(*arguments: str) -> str:
        return subprocess.run(
            ["git", *arguments], cwd=CHECKOUT, capture_output=True, text=True, check=True
        ).stdout.strip()

    kept = PAGE.relative_to(CHECKOUT).as_posix()
    changed = git("status", "--porcelain", "--untracked-files=no", "--", ".", f":!{kept}")
    return git("rev-parse", "--short=10", "HEAD") + (" with changes" if changed else "")


def page(drills: Iterable[Mapping[str, Any]], failed: int, on: date, at: str, seconds: float) -> str:
    """docs/faults.md: the table, and what it was found with."""
    heads, *rows = lines_of(drills)
    ruler = ["---", *["---:"] * (len(heads) - 1)]
    lines = "\n".join(f"| {' | '.join(row)} |" for row in [heads, ruler, *rows])
    verdict = f"{failed} tests failed" if failed else "all tests passed"
    return (
        "# Fault drills\n\n"
        f"Written by `make faults SEED={SEED} WRITE=1` on {on.isoformat()}, at {at}, in {seconds / 60:.1f}"
        f" minutes:\n{verdict}. What is attacked, and what must hold, stands in [promises](promises.md). "
        f"`{NOT_LOOKED_AT}` is what a drill does not look at.\n\n{lines}\n"
    )


def lines_of(drills: Iterable[Mapping[str, Any]]) -> list[list[str]]:
    """The heads, each drill, and all of them together."""
    names = [field.name for field in fields(Drill)]
    done = list(drills)
    total = {"name": "all together", **{name: _together(name, done) for name in names[1:]}}
    rows = [[_shown(drill[name]) for name in names] for drill in [*done, total]]
    return [[name.replace("_", " ") for name in names], *rows]


def _together(name: str, drills: Sequence[Mapping[str, Any]]) -> float | None:
    counted: list[float] = [drill[name] for drill in drills if drill[name] is not None]
    if not counted:
        return None
    return max(counted) if name.startswith("longest") else sum(counted)


def _line(row: list[str], widths: list[int]) -> str:
    name, *numbers = row
    cells = [name.ljust(widths[0]), *map(str.rjust, numbers, widths[1:])]
    return "  ".join(cells)


def _shown(value: object) -> str:
    if value is None:
        return NOT_LOOKED_AT
    return f"{value:.1f}" if isinstance(value, float) else str(value)
