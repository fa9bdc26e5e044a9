"""Tables of a Markdown page."""

import re
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def rows(page: Path, heading: str | None = None) -> list[list[str]]:
    """The cells of every row of a page, or of one section of it, without heads and rules."""
    text = page.read_text(encoding="utf-8")
    if heading is not None:
        text = text.partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    lines = [line.strip() for line in text.splitlines()]
    table = []
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        is_rule = re.fullmatch(r"[|\s:-]+", line)
        is_head = re.fullmatch(r"\|[|\s:-]+", following)
        if line.startswith("|") and not is_rule and not is_head:
            table.append([cell.strip() for cell in line.strip("|").split("|")])
    return table


def names(cell: str) -> list[str]:
    return re.findall(r"`([^`]+)`", cell)
