"""Each promise in `docs/promises.md` is held by a test that says so, and each failure has its drill."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.docs.tables import DOCS, rows
from tests.faults.situations import LINES

PAGE = DOCS / "promises.md"
TESTS = DOCS.parent / "tests"


def docstrings(file: Path) -> Iterator[str]:
    """Those of the tests in a file."""
    for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield ast.get_docstring(node) or ""


def test_each_promise_is_named_by_a_test_and_each_named_one_was_made() -> None:
    made = re.findall(r"^(\d+)\. \*\*", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert made == [str(number) for number in range(1, 14)]
    texts = [text for file in TESTS.rglob("test_*.py") for text in docstrings(file)]
    held = {number for text in texts for number in re.findall(r"\b[Pp]romise (\d+)\b", text)}
    assert held == set(made)


def test_each_failure_has_its_drill() -> None:
    """All but the last line, which is what the other drills are about."""
    assert [row[0] for row in rows(PAGE)][:-1] == LINES
