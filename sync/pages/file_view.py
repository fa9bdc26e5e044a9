"""What a file on Open Humans looks like inside: a short piece, and whether it is as we wrote it. Pure.

It may have been changed by hand, so whatever it holds is shown as text and taken for nothing.
"""

import hashlib
import json
from collections import deque
from dataclasses import dataclass
from typing import Any, BinaryIO

from sync import archive
from sync.archive import ArchiveError
from sync.weeks import Week

MOST_SHOWN = 6_000
CHUNK = 1 << 20
# The newest week with records is looked for among so many.
NEWEST_WEEKS = 60
NEWEST_LINES = 20


@dataclass(frozen=True, slots=True)
class FileView:
    """`text` is of `week` for a year file; `is_cut` where there is more. `md5` is of the whole file."""

    size: int
    md5: str
    text: str
    is_cut: bool
    week: str = ""
    is_readable: bool = True


def view_file(stream: BinaryIO, *, is_year: bool, is_table: bool) -> FileView:
    size, md5 = _measure(stream)
    stream.seek(0)
    week, is_readable = "", True
    if is_table:
        text, is_cut = _newest_lines(stream)
    elif is_year:
        try:
            week, text = _newest_week(stream)
            is_cut = True
        except ArchiveError:
            stream.seek(0)
            text, is_cut, is_readable = _decoded(stream.read(MOST_SHOWN)), size > MOST_SHOWN, False
    else:
        text, is_cut = _decoded(stream.read(4 * MOST_SHOWN)), size > 4 * MOST_SHOWN
    return FileView(size, md5, text[:MOST_SHOWN], is_cut or len(text) > MOST_SHOWN, week, is_readable)


def _measure(stream: BinaryIO) -> tuple[int, str]:
    digest, size = hashlib.md5(usedforsecurity=False), 0
    while chunk := stream.read(CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return size, digest.hexdigest()


def _newest_lines(stream: BinaryIO) -> tuple[str, bool]:
    head = stream.readline(MOST_SHOWN)
    lines: deque[bytes] = deque(maxlen=NEWEST_LINES)
    count = 0
    while line := stream.readline(MOST_SHOWN):
        lines.append(line)
        count += 1
    return _decoded(head + b"".join(reversed(lines))), count > NEWEST_LINES


def _newest_week(stream: BinaryIO) -> tuple[str, str]:
    archive.read_header(stream)
    newest: deque[tuple[str, bytes]] = deque(archive.iter_lines(stream), maxlen=NEWEST_WEEKS)
    for name, line in reversed(newest):
        week = archive.decode_week(name, line)
        if any(isinstance(value, list) and value for value in week.values()) or name == newest[0][0]:
            return _checked(name), _pretty(week)
    return "", ""


def _checked(name: str) -> str:
    try:
        return str(Week.parse(name))
    except ValueError:
        raise ArchiveError("A line of the file is not a week.") from None


def _pretty(week: dict[str, Any]) -> str:
    """Half a character, which JSON can hold and no page can, becomes a question mark."""
    try:
        return json.dumps(week, ensure_ascii=False, indent=2).encode("utf-8", "replace").decode()
    except RecursionError:
        raise ArchiveError("A line of the file is nested too deeply.") from None


def _decoded(content: bytes) -> str:
    return content.decode("utf-8", "replace")
