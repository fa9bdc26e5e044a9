"""One week of a year file as a page shows it: by repository, then by kind. Pure.

A file on Open Humans may have been changed by hand, so nothing is taken for granted: what is no text is not
shown as text, and only web addresses become links.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from sync import archive
from sync.archive import IsLeftOut, is_nothing_left_out
from sync.pages.kind_names import name_of
from sync.records import COMMITS, KINDS

MOST_SHOWN = 200
LONGEST_TEXT = 280
TITLES = ("title", "message", "name", "description", "body", "oid")
MOMENTS = ("authored_at", "submitted_at", "starred_at", "published_at", "created_at")
ELSEWHERE = "Not in a repository"


@dataclass(frozen=True, slots=True)
class Line:
    """One record. `at` keeps the offset it was written with; None where it cannot be read.

    `has_own_clock` where that offset is the author's own; moments of all other kinds are GitHub's, in UTC.
    """

    title: str
    text: str
    url: str
    at: datetime | None
    note: str
    # By which the page that takes it out finds it again; empty for what cannot be told apart.
    mark: str = ""
    has_own_clock: bool = False


@dataclass(slots=True)
class Group:
    kind: str
    lines: list[Line] = field(default_factory=list)
    hidden: int = 0

    @property
    def name(self) -> str:
        return as_text(name_of(self.kind))

    @property
    def count(self) -> int:
        return len(self.lines) + self.hidden


@dataclass(slots=True)
class RepositoryView:
    name: str
    is_private: bool
    groups: list[Group] = field(default_factory=list)

    @property
    def count(self) -> int:
        return sum(group.count for group in self.groups)

    @property
    def mark(self) -> str:
        return "" if self.name == ELSEWHERE else repository_mark(self.name)


def read_week(stream: BinaryIO, week: str) -> dict[str, Any] | None:
    """The week's entry, None where the file has none. Raise `ArchiveError` for what is no year file."""
    archive.read_header(stream)
    for name, content in archive.iter_lines(stream):
        if name == week:
            return archive.decode_week(name, content)
    return None


def records_of(
    entries: Iterable[tuple[Mapping[str, Any], bool]],
) -> Iterator[tuple[str, dict[str, Any], bool]]:
    """(kind, record, is it private) of each record of (entry, is it private)."""
    for entry, is_private in entries:
        for kind, records in sorted(entry.items()):
            for record in records if isinstance(records, list) else ():
                if isinstance(record, dict):
                    yield kind, record, is_private


def view_week(
    entries: Iterable[tuple[Mapping[str, Any], bool]], is_left_out: IsLeftOut = is_nothing_left_out
) -> list[RepositoryView]:
    """The repositories of (entry, is it private), the busiest first, without what is on its way out."""
    found: dict[tuple[str, bool], RepositoryView] = {}
    for kind, record, is_private in records_of(entries):
        if not (record_mark(kind, record) and is_left_out(kind, record)):
            _add(found, kind, record, is_private=is_private)
    return sorted(found.values(), key=lambda view: (-view.count, view.name))


def _add(
    found: dict[tuple[str, bool], RepositoryView], kind: str, record: Mapping[str, Any], *, is_private: bool
) -> None:
    name = as_text(record.get("repository")) or ELSEWHERE
    view = found.setdefault((name, is_private), RepositoryView(name, is_private))
    if not view.groups or view.groups[-1].kind != kind:
        view.groups.append(Group(kind))
    group = view.groups[-1]
    if len(group.lines) < MOST_SHOWN:
        group.lines.append(line_of(kind, record))
    else:
        group.hidden += 1


def line_of(kind: str, record: Mapping[str, Any]) -> Line:
    name = next((name for name in TITLES if as_text(record.get(name)).strip()), "")
    title, _, rest = as_text(record.get(name)).strip().partition("\n")
    text = rest.strip() or (as_text(record.get("body")).strip() if name != "body" else "")
    return Line(
        title=_shortened(title) or "Without a title",
        text=_shortened(text),
        url=web_address(record.get("url")),
        at=_moment(kind, record),
        note=_change(record),
        mark=record_mark(kind, record),
        has_own_clock=kind == COMMITS,
    )


def record_mark(kind: str, record: Mapping[str, Any]) -> str:
    """Stands in addresses for the record; empty where it has no key."""
    fields = KINDS[kind].key if kind in KINDS else ()
    key = [as_text(record.get(name)) for name in fields]
    return _mark(kind, *key) if key and all(key) else ""


def repository_mark(name: str) -> str:
    return _mark("repository", name)


def _mark(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode("utf-8", "replace")).hexdigest()[:32]


def as_text(value: object) -> str:
    """Half a character, which JSON can hold and no page can, becomes a question mark."""
    return value.encode("utf-8", "replace").decode() if isinstance(value, str) else ""


def _shortened(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else text[:LONGEST_TEXT].rstrip() + " …"


def web_address(value: object) -> str:
    """The address if it is one of the web, else "": a file changed by hand must not run anything."""
    try:
        parts = urlsplit(as_text(value))
    except ValueError:
        return ""
    return as_text(value) if parts.scheme in ("https", "http") and parts.hostname else ""


def _moment(kind: str, record: Mapping[str, Any]) -> datetime | None:
    known = (KINDS[kind].moment,) if kind in KINDS else ()
    for name in (*known, *MOMENTS):
        try:
            at = datetime.fromisoformat(as_text(record.get(name)))
            at.astimezone(UTC)
        except (ValueError, OverflowError):
            continue
        return at if at.tzinfo is not None else None
    return None


def _change(record: Mapping[str, Any]) -> str:
    added, removed = record.get("additions"), record.get("deletions")
    if not (isinstance(added, int) and isinstance(removed, int)):
        return ""
    return f"+{added:,} −{removed:,}"  # noqa: RUF001 - a minus sign
