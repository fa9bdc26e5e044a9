"""What the drills did and found, as a table at the end of `make faults`."""

import os
import random
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from typing import Any

IS_LONG = os.environ.get("FAULTS") == "long"
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))
# The same one for every process that pytest starts from here on.
os.environ["SEED"] = str(SEED)
# How many times the kill drill kills; a handful where every change is tested.
KILLS = int(os.environ.get("KILLS") or (100 if IS_LONG else 3))


@dataclass
class Drill:
    """One line of the table. A request may be repeated, once per fault; all that follows must be 0."""

    name: str
    faults_injected: int = 0
    requests_repeated: int = 0
    weeks_lost: int = 0
    records_twice: int = 0
    requests_while_blocked: int = 0
    files_differing: int = 0
    longest_resume_seconds: float = 0.0


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
    names = [field.name for field in fields(Drill)]
    done = list(drills)
    total: dict[str, Any] = {"name": "all together"}
    for name in names[1:]:
        total[name] = (max if name.startswith("longest") else sum)(drill[name] for drill in done)
    rows = [[_shown(drill[name]) for name in names] for drill in [*done, total]]
    heads = [name.replace("_", " ") for name in names]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return [_line(row, widths) for row in [heads, *rows]]


def _line(row: list[str], widths: list[int]) -> str:
    name, *numbers = row
    cells = [name.ljust(widths[0]), *map(str.rjust, numbers, widths[1:])]
    return "  ".join(cells)


def _shown(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
