"""Git repositories with chosen histories, written by one `git fast-import` each."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

ALICE = b"Alice Ash <alice@example.org>"
BOB = b"Bob Birch <bob@example.org>"


@dataclass
class Planned:
    """One commit. `parents` are positions in the list; None means the one before."""

    message: bytes = b"A change\n"
    author: bytes = ALICE
    moment: bytes = b"1767690000 +0000"
    committer: bytes | None = None
    committed: bytes | None = None
    files: dict[bytes, bytes | None] = field(default_factory=dict)
    renames: dict[bytes, bytes] = field(default_factory=dict)
    parents: Sequence[int] | None = None
    encoding: bytes | None = None


def git(path: Path, *arguments: str) -> bytes:
    return subprocess.run(
        ["git", "-C", str(path), *arguments], check=True, capture_output=True, stdin=subprocess.DEVNULL
    ).stdout


def make_repository(path: Path, commits: Sequence[Planned] = ()) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    git(path, "init", "--quiet", "--initial-branch=main")
    add_commits(path, commits)
    return path


def add_commits(path: Path, commits: Sequence[Planned], *, branch: str = "main") -> None:
    """On top of the branch as it is."""
    if not commits:
        return
    has_head = subprocess.run(
        ["git", "-C", str(path), "rev-parse", "-q", "--verify", branch], capture_output=True, check=False
    )
    base = has_head.stdout.strip()
    stream = b"".join(_commit(number, planned, branch, base) for number, planned in enumerate(commits))
    subprocess.run(
        ["git", "-C", str(path), "fast-import", "--quiet", "--force"],
        input=stream,
        check=True,
        capture_output=True,
    )


def _commit(number: int, planned: Planned, branch: str, base: bytes) -> bytes:
    lines = [
        b"commit refs/heads/%s\nmark :%d\n" % (branch.encode(), number + 1),
        b"author %s %s\n" % (planned.author, planned.moment),
        b"committer %s %s\n" % (planned.committer or planned.author, planned.committed or planned.moment),
    ]
    if planned.encoding:
        lines.append(b"encoding %s\n" % planned.encoding)
    lines.append(_data(planned.message))
    parents = planned.parents if planned.parents is not None else ([number - 1] if number else [])
    for position, parent in enumerate(parents):
        lines.append(b"%s :%d\n" % (b"merge" if position else b"from", parent + 1))
    if not number and base:
        lines.append(b"from %s\n" % base)
    for old, new in planned.renames.items():
        lines.append(b"R %s %s\n" % (old, new))
    for path, content in planned.files.items():
        if content is None:
            lines.append(b"D %s\n" % path)
        else:
            lines.append(b"M 100644 inline %s\n%s" % (path, _data(content)))
    return b"".join(lines) + b"\n"


def _data(content: bytes) -> bytes:
    return b"data %d\n%s\n" % (len(content), content)


TEN_LINES = b"".join(b"line %d\n" % number for number in range(10))

TRICKY = [
    Planned(b"Begin\n\nWith a body\nof two lines.\n", files={b"a.txt": TEN_LINES}),
    Planned(b"Rename\n", moment=b"1767693600 +0530", renames={b"a.txt": b"folder/b name.txt"}),
    Planned(
        b"Binary\n", moment=b"1767697200 -0930", files={b"track.fit": b"\0\1\2", b"\xc3\xa4.txt": b"x\n"}
    ),
    Planned(b"Nothing changed\n", BOB, moment=b"1767700800 +1345"),
    # 29 December 2025 to 4 January 2026 is week 1 of 2026; 1 January 2021 is in week 53 of 2020.
    Planned(b"Week 53\n", moment=b"1609459199 +0000", committed=b"1767704400 +0000"),
    Planned(b"Latin \xe4\xf6\xfc\n", BOB, moment=b"1767708000 +0100", encoding=b"ISO-8859-1"),
    Planned(b"Not UTF-8: \xff\xfe\n", moment=b"1767711600 +0000", files={b"bad\xffname": b"y\n"}),
    Planned(b"", b"No One <>", moment=b"1767715200 +0000", files={b"c": b"1\n"}),
    Planned(b"On a side\n", BOB, moment=b"1767708001 +0000", files={b"side": TEN_LINES}, parents=[4]),
    Planned(
        b"Merge pull request #7 from bob/side\n",
        moment=b"1767718800 +0000",
        files={b"side": TEN_LINES},
        parents=[7, 8],
    ),
    Planned(b"Older than its parents\n", moment=b"1767600000 +0000", files={b"c": b"2\n3\n"}),
    Planned(b"Tabs\tand\ttabs\n\nfixes #3, see #4\n", b"A\tTab <Alice@Example.org>", b"1767722400 +0000"),
    Planned(b"Again about #3\n", BOB, b"1767726000 +0000", files={b"side": None}),
]
"""Everything at once: renames, binary files, odd bytes, offsets, merges, clocks that go backwards."""
