"""What a benchmark says: figures with what they are compared with, and the page they are written to. Pure."""

import re
import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

COLUMNS = ("what", "ours", "compared with", "ratio", "bar", "met")


@dataclass(frozen=True, slots=True)
class Spread:
    """Several measurements of one thing: their median, and the smallest and largest beside it."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))

    def shown(self, unit: str = "", digits: int = 1) -> str:
        if self.least == self.most:
            return f"{self.median:,.{digits}f}{unit}"
        return f"{self.median:,.{digits}f}{unit} ({self.least:,.{digits}f} to {self.most:,.{digits}f})"


@dataclass(frozen=True, slots=True)
class Figure:
    """One line of the table. `is_met` is None where there is no bar."""

    what: str
    ours: str
    compared: str = ""
    ratio: str = ""
    bar: str = ""
    is_met: bool | None = None

    @property
    def cells(self) -> tuple[str, ...]:
        met = {None: "", True: "yes", False: "NO"}[self.is_met]
        return (self.what, self.ours, self.compared, self.ratio, self.bar, met)


@dataclass(slots=True)
class Report:
    """What one part found: its figures, and sentences that explain them."""

    figures: list[Figure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(
        self,
        what: str,
        ours: str,
        compared: str = "",
        ratio: str = "",
        bar: str = "",
        *,
        met: bool | None = None,
    ) -> None:
        self.figures.append(Figure(what, ours, compared, ratio, bar, met))

    def note(self, text: str) -> None:
        self.notes.append(text)


def ratio(ours: float, other: float) -> str:
    """How often the other fits into ours, with as many digits as it is worth."""
    if not other:
        return ""
    value = ours / other
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}" if value < 10 else f"{value:,.0f}"


def table(figures: Iterable[Figure], *, head: Sequence[str] = COLUMNS) -> str:
    """As Markdown, and wide enough to be read as it is."""
    rows = [tuple(head), *(figure.cells for figure in figures)]
    widths = [max(len(row[column]) for row in rows) for column in range(len(head))]
    lines = [_line(row, widths) for row in rows]
    return "\n".join([lines[0], _line(["-" * width for width in widths], widths), *lines[1:]])


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    return "| " + " | ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)) + " |"


# --- The page -------------------------------------------------------------------------------------------


def section(title: str, report: Report) -> str:
    return "\n\n".join([f"## {title}", table(report.figures), *report.notes])


def put(page: str, name: str, text: str, order: Sequence[str], *, head: str) -> str:
    """The page with the part's section in its place among the others, which stay as they are."""
    sections = {**sections_of(page), name: text}
    blocks = [f"{_begin(known)} -->\n\n{sections[known]}\n" for known in order if known in sections]
    return "\n".join([f"{head}\n", *blocks])


def sections_of(page: str) -> Mapping[str, str]:
    found = re.split(rf"^{_begin('')}(\w+) -->$", page, flags=re.MULTILINE)
    return {name: text.strip("\n") for name, text in zip(found[1::2], found[2::2], strict=True)}


def sentence_of_head(page: str, head: str) -> str:
    """What stands between the head and the first section."""
    before = page.split(_begin(""), maxsplit=1)[0]
    return before.removeprefix(head).strip()


def _begin(name: str) -> str:
    return f"<!-- written by `make bench`: {name}"
