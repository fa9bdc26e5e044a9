"""Year files: records to bytes and back, one week a line, so that only touched weeks are decoded. Pure.

    {"format": "github-weeks/1", "year": 2026, "github_id": 583231, "weeks": {
    "2026-W17": {...},
    "2026-W18": {...}
    }}

Equal content means equal bytes: keys are sorted, separators fixed, and no clock of ours is written
but the day on which a record was missed.
Staged records (`pack`, `unpack`) use the same encoding, compressed.
"""

import hashlib
import heapq
import itertools
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import jsonschema_rs

from sync.legacy import github_json
from sync.omissions import Omissions
from sync.records import (
    CALENDAR,
    CENSUS,
    KINDS,
    MISSED_ON,
    Entry,
    Record,
    mark_missed,
    merge_calendar,
    merge_records,
)
from sync.weeks import Week

FORMAT = "github-weeks/1"
SCHEMA_FILE = Path(__file__).parent / "schemas" / "github-weeks-1.json"
FOOTER = b"\n}}\n"
# Of a kind and a record: whether the member took it out of the archive.
IsLeftOut = Callable[[str, Record], bool]


class ArchiveError(Exception):
    """A year file cannot be read, or would not be valid. `week` names the line, where one is at fault."""

    def __init__(self, message: str, week: str = "") -> None:
        super().__init__(f"{message} ({week})" if week else message)
        self.week = week


class UnreadableFile(ArchiveError):
    """What should be a whole year file is none."""


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says before its weeks.

    `private_contributions` is the number GitHub gives for the calendar year of the same number, None where it
    was not asked.
    """

    year: int
    github_id: int
    private_contributions: int | None = None


@dataclass(slots=True)
class Written:
    """What `write_year` wrote: size in bytes, hex MD5, and for each decoded week what the ledger needs.

    `is_changed` tells whether anything but the states of weeks differs from what the sources held.
    """

    size: int = 0
    md5: str = ""
    is_changed: bool = False
    new: int = 0
    changed: int = 0
    weeks: dict[str, dict[str, Any]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ReadYear:
    """A whole file: its header, and for each of its weeks what the ledger needs."""

    header: Header
    weeks: dict[str, dict[str, Any]]


def _dump(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(", ", ": ")).encode()


def pack(entries: Iterable[Entry]) -> bytes:
    lines = b"\n".join(_dump([entry.kind, entry.week, entry.data]) for entry in entries)
    return zlib.compress(lines, level=6)


def unpack(content: bytes) -> Iterator[Entry]:
    return map(unpack_line, packed_lines(content))


def packed_lines(content: bytes) -> Iterator[bytes]:
    """One for each entry, see `pack`."""
    return (line for line in zlib.decompress(content).split(b"\n") if line)


def week_of_line(line: bytes) -> str:
    """The week of a packed entry, which is not decoded for it: `["commits", "2026-W18", {...}]`."""
    return line.split(b'"', 4)[3].decode()


def unpack_line(line: bytes) -> Entry:
    return Entry(*json.loads(line))


def header_line(header: Header) -> bytes:
    facts: dict[str, Any] = {"format": FORMAT, "year": header.year, "github_id": header.github_id}
    if header.private_contributions is not None:
        facts["private_contributions"] = header.private_contributions
    return json.dumps(facts)[:-1].encode() + b', "weeks": {\n'


def read_header(stream: BinaryIO) -> Header:
    """Raise `UnreadableFile` unless the stream begins like a year file of ours."""
    line = stream.readline()
    try:
        facts = json.loads(line.rstrip() + b"}}")
        if facts["format"] != FORMAT:
            raise ArchiveError(f"The file has the format {facts['format']!r}, not {FORMAT!r}.")
        return Header(int(facts["year"]), int(facts["github_id"]), facts.get("private_contributions"))
    except (ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
        raise UnreadableFile("The file does not begin like a year file.") from error


def iter_lines(stream: BinaryIO) -> Iterator[tuple[str, bytes]]:
    """After the header: (week, its JSON) line by line. Raise `UnreadableFile` for anything else."""
    for line in stream:
        text = line.strip()
        if text == b"}}":
            return
        week, separator, content = text.removesuffix(b",").partition(b": ")
        if not separator or len(week) != len('"2026-W18"'):
            raise UnreadableFile("A line of the file is not a week.")
        yield week[1:-1].decode("ascii", "replace"), content
    raise UnreadableFile("The file ends before its last line.")


def read_year(stream: BinaryIO, visit: Callable[[Mapping[str, Any]], None] | None = None) -> ReadYear:
    """For a ledger that does not know it; each decoded week is shown to `visit`.

    Raise `UnreadableFile` for what is no year file, or not whole.
    """
    header, weeks = read_header(stream), {}
    try:
        for week, line in iter_lines(stream):
            content = decode_week(week, line)
            weeks[week] = ledger_entry(content)
            if visit:
                visit(content)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise UnreadableFile("A week of the file holds something else than records.") from error
    return ReadYear(header, weeks)


def decode_week(week: str, content: bytes) -> dict[str, Any]:
    try:
        decoded = json.loads(content)
    except ValueError as error:
        raise UnreadableFile("A line of the file is not JSON.", week) from error
    except RecursionError:
        raise UnreadableFile("A line of the file is nested too deeply.", week) from None
    if not isinstance(decoded, dict):
        raise UnreadableFile("A line of the file is not an object.", week)
    return decoded


def is_nothing_left_out(_kind: str, _record: Record) -> bool:
    return False


def merge_week(
    week: str,
    readings: Iterable[Mapping[str, Any]],
    entries: Iterable[Entry],
    state: str | None,
    is_left_out: IsLeftOut = is_nothing_left_out,
) -> tuple[dict[str, Any], int, int]:
    """One week out of what files held (oldest first) and what was staged since (oldest first).

    Return the week, without what the member took out, with the numbers of new and of changed records.
    """
    parsed = Week.parse(week)
    merged: dict[str, Any] = {}
    calendars: list[Mapping[str, int]] = []
    censuses: list[Record] = []
    new = changed = 0
    for position, reading in enumerate(readings):
        calendars.append(reading.get(CALENDAR, {}))
        state = state or reading.get("state")
        for name, kind in KINDS.items():
            if name in reading:
                union = merge_records(kind, merged.get(name, []), reading[name])
                changed += union.changed if position else 0
                merged[name] = union.records
    staged = sorted(entries, key=lambda entry: entry.kind)
    for name, group in itertools.groupby(staged, key=lambda entry: entry.kind):
        data = [entry.data for entry in group]
        if name == CALENDAR:
            calendars.extend(data)
            continue
        if name == CENSUS:
            censuses = data
            continue
        held = merged.get(name, [])
        if name == github_json.KIND:
            held, data = github_json.yield_to_github(held, data)
        union = merge_records(KINDS[name], held, data)
        merged[name] = union.records
        new += union.new
        changed += union.changed
    changed += _take_away(merged, censuses, is_left_out)
    merged["starts_on"] = parsed.starts_on.isoformat()
    merged["ends_on"] = parsed.ends_on.isoformat()
    merged[CALENDAR] = merge_calendar({}, calendars)
    if state:
        merged["state"] = state
    return merged, new, changed


def _take_away(merged: dict[str, Any], censuses: Iterable[Record], is_left_out: IsLeftOut) -> int:
    """Mark what GitHub no longer has, and drop what the member took out; return how many were marked."""
    marked = 0
    for census in censuses:
        records, missed = mark_missed(KINDS[census["kind"]], merged.get(census["kind"], []), census)
        merged[census["kind"]] = records
        marked += missed
    for name in KINDS:
        if name in merged:
            merged[name] = [record for record in merged[name] if not is_left_out(name, record)]
    return marked


def ledger_entry(content: Mapping[str, Any]) -> dict[str, Any]:
    """What the ledger keeps of a week: numbers of records (in all, by day, missed), calendar, state."""
    days: dict[str, dict[str, int]] = {}
    missed: dict[str, int] = {}
    for name, kind in KINDS.items():
        for record in content.get(name, []):
            counts = days.setdefault(kind.day_of(record), {})
            counts[name] = counts.get(name, 0) + 1
            if MISSED_ON in record:
                missed[name] = missed.get(name, 0) + 1
    return {
        "state": content.get("state"),
        "counts": {name: len(content[name]) for name in KINDS if name in content},
        "days": days,
        CALENDAR: content.get(CALENDAR, {}),
        **({"missed": missed} if missed else {}),
    }


def write_year(
    out: BinaryIO,
    header: Header,
    sources: list[BinaryIO],
    entries: Mapping[str, list[Entry]],
    states: Mapping[str, str],
    kinds: Iterable[str],
    known: Iterable[str] = (),
    is_left_out: IsLeftOut = is_nothing_left_out,
    omissions: Omissions = Omissions(),  # noqa: B008  (frozen)
) -> Written:
    """Write the union of `sources` (whole files, oldest first) and staged `entries` by week to `out`.

    A week that only one source holds is copied as it stands, undecoded, unless its state in `states` is to be
    written or the ledger does not know it (`known`). Each decoded week is checked against the JSON Schema.
    `kinds` are written as empty lists where a week that something was learnt of has none, which says "looked,
    nothing there". Records that are left out and `omissions` are not written, in any decoded week.
    Raise `UnreadableFile` for a source that is no year file, `ArchiveError` for a week that would be invalid.
    """
    headers = [read_header(source) for source in sources]
    kinds, known, written, digest = sorted(kinds), set(known), Written(), hashlib.md5(usedforsecurity=False)

    def put(data: bytes) -> None:
        out.write(data)
        digest.update(data)
        written.size += len(data)

    put(header_line(header))
    written.is_changed = headers != [header]
    lines = _united_lines(sources, entries)
    for position, (week, contents) in enumerate(lines):
        if position:
            put(b",\n")
        staged = entries.get(week, [])
        if len(contents) == 1 and not staged and week not in states and week in known:
            line = contents[0]
        else:
            readings = [decode_week(week, content) for content in contents]
            merged, new, changed = merge_week(week, readings, staged, states.get(week), is_left_out)
            merged = omissions.without(merged)
            for name in kinds if staged or week in states else ():
                merged.setdefault(name, [])
            check_week(header.year, week, merged)
            written.is_changed |= len(readings) != 1 or _differs(readings[0], merged)
            written.new += new
            written.changed += changed
            written.weeks[week] = ledger_entry(merged)
            line = _dump(merged)
        put(f'"{week}": '.encode() + line)
    put(FOOTER)
    written.md5 = digest.hexdigest()
    return written


def _differs(reading: Mapping[str, Any], merged: Mapping[str, Any]) -> bool:
    return {**reading, "state": None} != {**merged, "state": None}


def _ranked_lines(source: BinaryIO, rank: int) -> Iterator[tuple[str, int, bytes]]:
    for week, line in iter_lines(source):
        yield week, rank, line


def _united_lines(
    sources: list[BinaryIO], entries: Mapping[str, list[Entry]]
) -> Iterator[tuple[str, list[bytes]]]:
    """Every week of any source or entry in order, with the lines that sources hold of it, oldest first."""
    streams = [_ranked_lines(source, rank) for rank, source in enumerate(sources)]
    streams.append((week, len(sources), b"") for week in sorted(entries))
    for week, group in itertools.groupby(heapq.merge(*streams), key=lambda item: item[0]):
        yield week, [line for _, _, line in group if line]


@cache
def _validators() -> tuple[Any, Any]:
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    week = {"$schema": schema["$schema"], "$ref": "#/$defs/week", "$defs": schema["$defs"]}
    return jsonschema_rs.validator_for(schema), jsonschema_rs.validator_for(week)


def check_week(year: int, week: str, content: Mapping[str, Any]) -> None:
    """Raise `ArchiveError` unless the week is valid and lies in the year."""
    parsed = Week.parse(week)
    if parsed.year != year:
        raise ArchiveError(f"The week does not lie in {year}.", week)
    error = next(iter(_validators()[1].iter_errors(content)), None)
    if error is not None:
        path = "/".join(map(str, error.instance_path))
        raise ArchiveError(f"The week would not be valid at {path or 'its top'}.", week)


def span(weeks: Iterable[str]) -> tuple[date, date] | None:
    """First and last day of the given weeks."""
    parsed = sorted(Week.parse(week) for week in weeks)
    return (parsed[0].starts_on, parsed[-1].ends_on) if parsed else None
