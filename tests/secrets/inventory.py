"""Where docs/data-inventory.md lets words of private repositories stand."""

import re
from pathlib import Path

PAGE = Path(__file__).parents[2] / "docs" / "data-inventory.md"


def may_hold_private_names() -> frozenset[str]:
    """`table.column` of every line that is marked so."""
    text = PAGE.read_text(encoding="utf-8")
    return frozenset(re.findall(r"^\| `(\w+\.\w+)` \|.*\bmay hold private names\b", text, re.MULTILINE))
