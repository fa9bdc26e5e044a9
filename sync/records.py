"""What a record is, its key, the week it falls in, and how two readings become one. Pure.

An entry is what one request learnt about one week: a record (one thing the member did) or the contribution
calendar of some of its days. A new kind of record is one line in `KINDS`: the engine names none of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha1
from typing import Any

from sync.weeks import Week

Record = dict[str, Any]
CALENDAR = "calendar"
COMMITS = "commits"
# What a complete listing met, see collect/census.py.
CENSUS = "census"
MISSED_ON = "missed_on"


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of record: `key` names the fields that identify it, `moment` the one that gives its week.

    `moment` holds ISO 8601 text with an offset; the week is the one of that moment in UTC. `nested` names
    lists of parts inside the record, each part with an `id` and a `created_at` of its own. `clearable` names
    fields of which None says something: that there is none any more, as of an issue that was opened again.
    """

    name: str
    key: tuple[str, ...]
    moment: str
    nested: tuple[str, ...] = ()
    clearable: tuple[str, ...] = ()

    def key_of(self, record: Record) -> tuple[str, ...]:
        return tuple(str(record[field]) for field in self.key)

    def moment_of(self, record: Record) -> datetime:
        return datetime.fromisoformat(record[self.moment]).astimezone(UTC)

    def week_of(self, record: Record) -> Week:
        return Week.of(self.moment_of(record))

    def day_of(self, record: Record) -> str:
        """The day by the offset that the moment is written in: the author's own for commits."""
        return str(record[self.moment])[:10]

    def sort_key(self, record: Record) -> tuple[datetime, tuple[str, ...]]:
        return self.moment_of(record), self.key_of(record)

    def united(self, known: Record, read: Record) -> Record:
        """The newer reading over the known one; what it does not know (None) stays, parts are united.

        What was read again is there again: only the newer reading can say that it is missed.
        """
        known = {name: value for name, value in known.items() if name != MISSED_ON}
        told = {name: value for name, value in read.items() if value is not None or name in self.clearable}
        united = {**known, **told}
        if self._is_less_exact(known, read):
            united[self.moment] = known[self.moment]
        for name in self.nested:
            parts = {part["id"]: part for part in [*known.get(name, []), *read.get(name, [])]}
            united[name] = sorted(parts.values(), key=lambda part: (part["created_at"], part["id"]))
        return united

    def _is_less_exact(self, known: Record, read: Record) -> bool:
        """GitHub's REST API tells the same moment in UTC, and so not by which clock its author went."""
        after = str(read.get(self.moment, ""))
        return after.endswith("Z") and self.moment_of(known) == self.moment_of(read)


KINDS: Mapping[str, Kind] = {
    kind.name: kind
    for kind in (
        Kind("commits", key=("repository_id", "oid"), moment="authored_at"),
        Kind("issues", key=("id",), moment="created_at", clearable=("closed_at", "state_reason")),
        Kind("pull_requests", key=("id",), moment="created_at", clearable=("closed_at",)),
        Kind("reviews", key=("id",), moment="submitted_at", nested=("comments",)),
        Kind("comments", key=("id",), moment="created_at"),
        Kind("discussions", key=("id",), moment="created_at"),
        Kind("stars", key=("repository_id", "starred_at"), moment="starred_at"),
        Kind("gists", key=("id",), moment="created_at", clearable=("description",)),
        Kind("releases", key=("id",), moment="published_at", clearable=("name", "body")),
        Kind("repositories_created", key=("repository_id",), moment="created_at"),
    )
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing learnt about one week; `kind` is a name in `KINDS`, or `CALENDAR` with days as its data."""

    kind: str
    week: str
    data: Record


@dataclass(frozen=True, slots=True)
class Merged:
    records: list[Record]
    new: int
    changed: int


def record_entry(kind: str, record: Record) -> Entry:
    """Raise `ValueError` when the record's moment is no date of the years 1 to 9999."""
    return Entry(kind, str(KINDS[kind].week_of(record)), record)


def calendar_entries(days: Mapping[str, int]) -> list[Entry]:
    """Days (ISO dates) with their contribution counts, zeros included, as one entry a week."""
    weeks: dict[str, Record] = {}
    for day, count in sorted(days.items()):
        weeks.setdefault(str(Week.of(datetime.fromisoformat(day).date())), {})[day] = count
    return [Entry(CALENDAR, week, counts) for week, counts in weeks.items()]


def merge_records(kind: Kind, held: Iterable[Record], read: Iterable[Record]) -> Merged:
    """Union by key: the newer reading wins, nothing is ever removed.

    A field that the newer reading does not know (None) keeps what was known, unless None says something there
    (`clearable`): statistics that GitHub could give once do not vanish when it cannot give them later.
    """
    records = {kind.key_of(record): record for record in held}
    new = changed = 0
    for record in read:
        key = kind.key_of(record)
        known = records.get(key)
        if known is None:
            new += 1
            records[key] = record
            continue
        united = kind.united(known, record)
        if united != known:
            changed += 1
            records[key] = united
    return Merged(sorted(records.values(), key=kind.sort_key), new, changed)


def mark_missed(kind: Kind, held: Iterable[Record], census: Record) -> tuple[list[Record], int]:
    """Records that a complete listing should have met and did not get the day; see collect/census.py.

    Return all records, and how many were marked now.
    """
    met, records, marked = set(census["met"]), [], 0
    for record in held:
        if MISSED_ON not in record and _is_covered(record, census) and short_key(kind, record) not in met:
            record = {**record, MISSED_ON: census["on"]}
            marked += 1
        records.append(record)
    return records, marked


def _is_covered(record: Record, census: Record) -> bool:
    if any(record.get(name) not in values for name, values in census["where"].items()):
        return False
    after = census["after"]
    return not after or str(Week.of(datetime.fromisoformat(record["committed_at"]))) > after


def short_key(kind: Kind, record: Record) -> str:
    """As censuses remember it: enough to tell the records of one week from each other."""
    return short(kind.key_of(record))


def short(key: Iterable[str]) -> str:
    return sha1(" ".join(key).encode(), usedforsecurity=False).hexdigest()[:12]


def merge_calendar(held: Mapping[str, int], read: Iterable[Mapping[str, int]]) -> dict[str, int]:
    """Day by day the newer reading wins; days without contributions are left out."""
    days = dict(held)
    for reading in read:
        days.update(reading)
    return {day: count for day, count in sorted(days.items()) if count}


def clean_text(text: str) -> str:
    """Text that UTF-8 and every JSON reader can hold: lone surrogates become a question mark."""
    return text.encode("utf-8", "replace").decode()
