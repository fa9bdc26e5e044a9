"""Git's own words about commits, read byte by byte: names, messages and paths may hold anything but NUL."""

import os
import subprocess
from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import IO, NamedTuple, cast

_FIELDS = ("%H", "%P", "%T", "%an", "%ae", "%ad", "%cn", "%ce", "%cd", "%B")
_CHUNK = 1 << 16
_DIFF = ("-z", "--diff-merges=first-parent", "-M", "-l1000", "--no-ext-diff", "--no-textconv")
_STATUSES = {"A": "added", "D": "removed", "M": "modified", "R": "renamed", "C": "copied"}
_LATEST = 253_402_300_799  # the last second of the year 9999

# The person's own configuration must not change what is served, and the owner of the files does not matter.
_CONFIGURATION = (
    "safe.directory=*",
    "log.showSignature=false",
    "log.showRoot=true",
    "log.mailmap=false",
    "diff.algorithm=myers",
    "diff.ignoreSubmodules=none",
    "diff.relative=false",
    "i18n.logOutputEncoding=UTF-8",
    "core.quotePath=false",
)


class GitError(Exception):
    """Git refused; the message is git's."""


class Signature(NamedTuple):
    """Who and when, with the offset that was written into the commit."""

    name: str
    email: str
    seconds: int
    offset_minutes: int

    @property
    def utc(self) -> str:
        return datetime.fromtimestamp(self.seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def local(self) -> str:
        return self._local().isoformat()

    @property
    def day(self) -> date:
        return self._local().date()

    def _local(self) -> datetime:
        zone = timezone(timedelta(minutes=self.offset_minutes))
        try:
            return datetime.fromtimestamp(self.seconds, zone)
        except (OverflowError, ValueError):
            return datetime.fromtimestamp(self.seconds, UTC)


class Commit(NamedTuple):
    oid: str
    parents: tuple[str, ...]
    tree: str
    author: Signature
    committer: Signature
    message: str

    @property
    def headline(self) -> str:
        return self.message.partition("\n")[0]

    @property
    def body(self) -> str:
        return self.message.partition("\n")[2].strip("\n")


class Statistics(NamedTuple):
    """Against the first parent, as a merge is shown on GitHub."""

    additions: int
    deletions: int
    changed_files: int
    first_path: str = ""


class Change(NamedTuple):
    """One file of a commit."""

    path: str
    old_path: str | None
    status: str
    oid: str | None
    additions: int
    deletions: int


def git_command(git_dir: Path, *arguments: str) -> list[str]:
    settings = [part for setting in _CONFIGURATION for part in ("-c", setting)]
    return ["git", "--no-replace-objects", *settings, f"--git-dir={git_dir}", *arguments]


def git_environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return kept | {
        "LC_ALL": "C",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_OPTIONAL_LOCKS": "0",
    }


def run_git(git_dir: Path, *arguments: str, standard_input: bytes = b"") -> bytes:
    """Raises GitError when git does not end with 0."""
    result = subprocess.run(
        git_command(git_dir, *arguments),
        input=standard_input,
        capture_output=True,
        env=git_environment(),
        check=False,
    )
    if result.returncode:
        raise GitError(_text(result.stderr).strip() or f"git {arguments[0]} failed")
    return result.stdout


def find_git_dir(path: Path, option: str) -> Path:
    """What `git rev-parse` says to --absolute-git-dir or --git-common-dir. GitError: nothing at this path."""
    result = subprocess.run(
        ["git", "-c", "safe.directory=*", "-C", str(path), "rev-parse", "--path-format=absolute", option],
        capture_output=True,
        env=git_environment() | {"GIT_CEILING_DIRECTORIES": str(path.parent)},
        check=False,
    )
    if result.returncode:
        raise GitError(f"{path} is not a git repository.")
    return Path(result.stdout.decode("utf-8", "surrogateescape").removesuffix("\n"))


def iter_commits(git_dir: Path, *revisions: str) -> Iterator[Commit]:
    """`git log` from the given revisions, streamed. Raises GitError for an unknown revision."""
    command = git_command(
        git_dir, "log", "-z", "--date=raw", f"--format={'%x00'.join(_FIELDS)}", *revisions, "--"
    )
    names: dict[bytes, str] = {}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=git_environment()
    ) as git:
        tokens = _iter_tokens(cast(IO[bytes], git.stdout))
        for fields in zip(*[tokens] * len(_FIELDS), strict=True):
            yield _commit(fields, names)
        errors = cast(IO[bytes], git.stderr).read()
    if git.returncode:
        raise GitError(_text(errors).strip())


def read_tags(git_dir: Path) -> list[tuple[str, str, Signature, str]]:
    """Name, commit, tagger and message of every tag of a commit, oldest first; of a light one its author."""
    fields = ("refname:lstrip=2", "objecttype", "*objecttype", "objectname", "*objectname", "contents")
    form = "%00".join(
        [
            *(f"%({name})" for name in fields),
            *(f"%({who}{part})" for who in ("tagger", "author") for part in ("name", "email", "date:raw")),
        ]
    )
    output = run_git(git_dir, "for-each-ref", "--sort=creatordate", f"--format={form}%00", "refs/tags/")
    names: dict[bytes, str] = {}
    tokens = output.split(b"\0")
    found = []
    for row in zip(*[iter(tokens)] * (len(fields) + 6), strict=False):
        name, kind, peeled_kind, oid, peeled, message = (_text(each).lstrip("\n") for each in row[:6])
        is_annotated = kind == "tag"
        if "commit" in (kind, peeled_kind):
            who = row[6:9] if is_annotated else row[9:12]
            person = _signature(who[0], who[1].strip(b"<>"), who[2], names)
            commit = peeled if is_annotated else oid
            found.append((name, commit, person, message.rstrip("\n") if is_annotated else ""))
    return found


def read_statistics(git_dir: Path, oids: Iterable[str]) -> dict[str, Statistics]:
    """Additions, deletions and changed files of many commits in one call of git."""
    wanted = "".join(f"{oid}\n" for oid in oids).encode()
    arguments = ("--no-walk=unsorted", "--stdin", "--numstat", "--format=%H", *_DIFF)
    return _parse_statistics(run_git(git_dir, "log", *arguments, standard_input=wanted))


def read_changes(git_dir: Path, oid: str) -> list[Change]:
    raw = run_git(git_dir, "show", "--raw", "--no-abbrev", "--format=", *_DIFF, oid).split(b"\0")
    counted = run_git(git_dir, "show", "--numstat", "--format=", *_DIFF, oid).split(b"\0")
    return [
        Change(path, old_path, status, new_oid, additions, deletions)
        for (path, old_path, status, new_oid), (additions, deletions) in zip(
            _parse_raw(raw), _parse_counts(counted), strict=True
        )
    ]


def _parse_raw(tokens: list[bytes]) -> Iterator[tuple[str, str | None, str, str | None]]:
    """`:modes oids status`, then the path; a rename or copy has the old path before the new one."""
    parts = iter(token for token in tokens if token)
    for details in parts:
        *_, new_oid, letter = details.decode().split()
        first = _text(next(parts))
        old_path = first if letter[0] in "RC" else None
        path = _text(next(parts)) if old_path is not None else first
        yield path, old_path, _STATUSES.get(letter[0], "changed"), new_oid if new_oid.strip("0") else None


def _parse_counts(tokens: list[bytes]) -> Iterator[tuple[int, int]]:
    parts = iter(tokens)
    for token in parts:
        if b"\t" in token:
            added, deleted, path = token.split(b"\t", 2)
            if not path:
                next(parts), next(parts)
            yield _count(added), _count(deleted)


def _parse_statistics(output: bytes) -> dict[str, Statistics]:
    """An oid, then files as `added TAB deleted TAB path`; a rename has no path there and two more tokens."""
    found: dict[str, Statistics] = {}
    oid = ""
    tokens = iter(output.split(b"\0"))
    for token in tokens:
        line = token.removeprefix(b"\n")
        if b"\t" in line:
            added, deleted, path = line.split(b"\t", 2)
            if not path:
                _, path = next(tokens), next(tokens)
            before = found[oid]
            found[oid] = Statistics(
                before.additions + _count(added),
                before.deletions + _count(deleted),
                before.changed_files + 1,
                before.first_path or _text(path),
            )
        elif line:
            oid = line.decode()
            found[oid] = Statistics(0, 0, 0)
    return found


def _iter_tokens(stream: IO[bytes]) -> Iterator[bytes]:
    rest = b""
    while chunk := stream.read(_CHUNK):
        *whole, rest = (rest + chunk).split(b"\0")
        yield from whole
    if rest:
        yield rest


def _commit(fields: tuple[bytes, ...], names: dict[bytes, str]) -> Commit:
    oid, parents, tree, name, email, authored, committer_name, committer_email, committed, message = fields
    return Commit(
        oid.decode(),
        tuple(parents.decode().split()),
        tree.decode(),
        _signature(name, email, authored, names),
        _signature(committer_name, committer_email, committed, names),
        _text(message).rstrip("\n"),
    )


def _signature(name: bytes, email: bytes, moment: bytes, names: dict[bytes, str]) -> Signature:
    for raw in (name, email):
        if raw not in names:
            names[raw] = _text(raw)
    seconds, _, zone = moment.partition(b" ")
    return Signature(names[name], names[email], _seconds(seconds), _offset_minutes(zone.decode()))


def _seconds(text: bytes) -> int:
    """Dates that no calendar has (a damaged commit) count as 1970, as in git."""
    try:
        seconds = int(text)
    except ValueError:
        return 0
    return seconds if 0 <= seconds <= _LATEST else 0


def _offset_minutes(zone: str) -> int:
    try:
        hours, minutes = divmod(abs(int(zone)), 100)
    except ValueError:
        return 0
    total = hours * 60 + minutes
    if total >= 24 * 60:
        return 0
    return -total if zone.startswith("-") else total


def _count(number: bytes) -> int:
    return 0 if number == b"-" else int(number)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
