"""What messages of commits say between the lines: blocks of code, points of a list."""

import re
from typing import NamedTuple

from sandbox.github.gitlog import Commit

GIST_BLOCK = "fenced"
INDENTED_BLOCK = "indented"

_FENCE = re.compile(r"^```(?P<word>\w*)\n(?P<text>.*?\n)```[ \t]*$", re.MULTILINE | re.DOTALL)
_INDENTED = re.compile(r"(?:^(?: {4}|\t).*\n?){2,}", re.MULTILINE)
_POINT = re.compile(r"^[*-] (.+)$", re.MULTILINE)
_ENDINGS = {"python": "py", "py": "py", "sh": "sh", "bash": "sh", "js": "js", "json": "json", "sql": "sql"}


class CodeBlock(NamedTuple):
    kind: str
    text: str
    file_name: str


def code_block(message: str) -> CodeBlock | None:
    """The first one: between fences, or at least two indented lines."""
    fenced = _FENCE.search(message)
    if fenced:
        return CodeBlock(GIST_BLOCK, fenced["text"], f"snippet.{_ENDINGS.get(fenced['word'], 'txt')}")
    indented = _INDENTED.search(message)
    return CodeBlock(INDENTED_BLOCK, indented[0], "snippet.txt") if indented else None


def points(message: str) -> list[str]:
    return _POINT.findall(message.partition("\n")[2])


def note(commit: Commit) -> str:
    return f"Derived by the stand-in from commit {commit.oid}: {commit.headline}"
