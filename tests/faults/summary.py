"""What the drills did and found, as a table at the end of `make faults`."""

import os
import random
import sys
from dataclasses import dataclass, fields

IS_LONG = os.environ.get("FAULTS") == "long"
SEED = int(os.environ.get("SEED") or random.SystemRandom().randrange(10**6))
# How many times the kill drill kills; a handful where every change is tested.
KILLS = int(os.environ.get("KILLS") or (100 if IS_LONG else 3))


@dataclass
class Drill:
    """One line of the table. The last four are what must not happen; `repeated` may, once per kill."""

    name: str
    faults_injected: int = 0
    requests_repeated: int = 0
    weeks_lost: int = 0
    records_twice: int = 0
    requests_while_blocked: int = 0
    longest_resume_seconds: float = 0.0


DRILLS: list[Drill] = []


def new_drill(name: str) -> Drill:
    drill = Drill(name)
    DRILLS.append(drill)
    return drill


def say(text: str) -> None:
    """A line of the drill's diary; pytest shows it where the drill fails."""
    print(text, flush=True, file=sys.stderr)


def table() -> list[str]:
    """One line per drill and one for all of them."""
    names = [field.name for field in fields(Drill)]
    total = Drill("all together")
    for name in names[1:-1]:
        setattr(total, name, sum(getattr(drill, name) for drill in DRILLS))
    total.longest_resume_seconds = max((drill.longest_resume_seconds for drill in DRILLS), default=0.0)
    rows = [[_shown(getattr(drill, name)) for name in names] for drill in [*DRILLS, total]]
    heads = [name.replace("_", " ") for name in names]
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return [
        "  ".join(cell.ljust(width) if not place else cell.rjust(width) for place, (cell, width) in
                  enumerate(zip(row, widths, strict=True)))
        for row in [heads, *rows]
    ]  # fmt: skip


def _shown(value: object) -> str:
    return f"{value:.1f}" if isinstance(value, float) else str(value)
