"""The members of the app before this one, out of its database or a CSV of the same columns.

All rows are read and checked before anything is done with one of them. What is wrong is told by line and
column, never by value: most values are tokens.
"""

import csv
import os
import re
import stat
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import TextIO

import psycopg

# The tables of django-open-humans and of oh-github-source's app `main`.
QUERY = """
select m.oh_id, m.access_token, m.refresh_token, m.token_expires, m.oh_deauth,
       d.github_id, d.access_token as github_token, d.last_updated
from openhumans_openhumansmember m
left join main_datasourcemember d on d.user_id = m.oh_id
order by m.oh_id
"""
COLUMNS = (
    "oh_id",
    "access_token",
    "refresh_token",
    "token_expires",
    "oh_deauth",
    "github_id",
    "github_token",
    "last_updated",
)
CONNECT_SECONDS = 15
MOST_PROBLEMS_SHOWN = 20
MEMBER_ID = re.compile(r"[0-9]{8}|[0-9]{16}")
TOKEN = re.compile(r"[\x21-\x7e]{1,512}")
GITHUB_ID = re.compile(r"[1-9][0-9]{0,17}")
# As Postgres, Django and SQLite write them.
TRUTHS: Mapping[str, bool] = {"t": True, "true": True, "1": True, "f": False, "false": False, "0": False}
LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


class SourceRefused(Exception):
    """The old app's members cannot be read from there. The message names no value of any row."""


@dataclass(frozen=True, slots=True)
class OldMember:
    """One row. Tokens are empty where the old app had none."""

    open_humans_id: str
    has_left: bool
    github_id: int | None
    last_updated: datetime | None
    token_expires: datetime | None
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    github_token: str = field(repr=False)


# --- Where they come from -------------------------------------------------------------------------


def read_csv(path: Path) -> list[OldMember]:
    """Raise `SourceRefused` for a file that others may read, and for one with anything wrong in it."""
    try:
        with path.open(encoding="utf-8-sig", newline="") as source:
            _refuse_open_file(source)
            rows = csv.reader(source, strict=True)
            header = next(rows, [])
            _check_columns(header)
            return _members((f"line {rows.line_num}", _by_name(header, row)) for row in rows if row)
    except OSError as error:
        raise SourceRefused(f"The CSV cannot be read: {error.strerror}.") from None
    except UnicodeDecodeError:
        raise SourceRefused("The CSV is not a text in UTF-8.") from None
    except csv.Error:
        raise SourceRefused(f"The CSV is malformed at line {rows.line_num}.") from None


def read_database(url: str) -> list[OldMember]:
    """Nothing is written there. Raise `SourceRefused` where it is not the old app's database."""
    try:
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS) as connection:
            connection.read_only = True
            rows = connection.execute(QUERY).fetchall()
    except psycopg.ProgrammingError as error:
        missing = (psycopg.errors.UndefinedTable, psycopg.errors.UndefinedColumn)
        if isinstance(error, missing):
            raise SourceRefused("This is not the old app's database: a table or column is missing.") from None
        # Its own message may quote the URL, and with it the password.
        raise SourceRefused("The database cannot be asked: check the URL and the rights.") from None
    except psycopg.Error as error:
        raise SourceRefused(f"The database does not answer: {type(error).__name__}.") from None
    return _members(
        (f"row {number}", dict(zip(COLUMNS, map(_text, row), strict=True)))
        for number, row in enumerate(rows, start=1)
    )


def _refuse_open_file(source: TextIO) -> None:
    facts = os.fstat(source.fileno())
    if not stat.S_ISREG(facts.st_mode):
        raise SourceRefused("The CSV is not a plain file.")
    if facts.st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise SourceRefused(
            "The CSV holds tokens, and others than you may read it. Say: chmod 600 <the file>."
        )


def _check_columns(header: list[str]) -> None:
    missing = [name for name in COLUMNS if name not in header]
    unknown = len([name for name in header if name not in COLUMNS])
    if missing:
        raise SourceRefused(f"The CSV lacks the columns {', '.join(missing)}; its first line names them.")
    if unknown or len(header) != len(COLUMNS):
        # Their names are not repeated: without a header the first line holds tokens.
        raise SourceRefused(f"The CSV has other columns than {', '.join(COLUMNS)}.")


def _by_name(header: list[str], row: list[str]) -> dict[str, str] | None:
    return dict(zip(header, row, strict=True)) if len(row) == len(header) else None


def _text(value: object) -> str:
    if value is None:
        return ""
    return value.isoformat() if isinstance(value, datetime) else str(value)


# --- What a row says ------------------------------------------------------------------------------


def _members(rows: Iterable[tuple[str, Mapping[str, str] | None]]) -> list[OldMember]:
    """All rows, those that were not updated for the longest time first."""
    members: list[OldMember] = []
    problems: list[str] = []
    seen: dict[str, str] = {}
    for place, row in rows:
        if row is None:
            problems.append(f"{place}: another number of columns than the first line")
            continue
        found = [*_problems(row), *_repetitions(row, place, seen)]
        problems += [f"{place}: {problem}" for problem in found]
        if not found:
            members.append(_member(row))
    if problems:
        shown = problems[:MOST_PROBLEMS_SHOWN]
        more = [f"and {len(problems) - len(shown)} more"] if len(problems) > len(shown) else []
        raise SourceRefused("\n".join(["Nothing was done, because rows are malformed:", *shown, *more]))
    return sorted(members, key=lambda old: (old.last_updated or LONG_AGO, old.open_humans_id))


def _problems(row: Mapping[str, str]) -> Iterator[str]:
    if not MEMBER_ID.fullmatch(row["oh_id"]):
        yield "oh_id has not 8 or 16 digits (a spreadsheet may have taken zeros away)"
    for name in ("access_token", "refresh_token", "github_token"):
        if row[name] and not TOKEN.fullmatch(row[name]):
            yield f"{name} is not a token"
    if row["oh_deauth"].lower() not in TRUTHS:
        yield "oh_deauth is neither true nor false"
    if row["github_id"] and not GITHUB_ID.fullmatch(row["github_id"]):
        yield "github_id is not a number"
    for name in ("token_expires", "last_updated"):
        if row[name] and _moment(row[name]) is None:
            yield f"{name} is not a moment"


def _repetitions(row: Mapping[str, str], place: str, seen: dict[str, str]) -> Iterator[str]:
    for name in ("oh_id", "github_id"):
        if row[name]:
            first = seen.setdefault(f"{name} {row[name]}", place)
            if first != place:
                yield f"{name} stands in {first} already"


def _member(row: Mapping[str, str]) -> OldMember:
    return OldMember(
        open_humans_id=row["oh_id"],
        has_left=TRUTHS[row["oh_deauth"].lower()],
        github_id=int(row["github_id"]) if row["github_id"] else None,
        last_updated=_moment(row["last_updated"]),
        token_expires=_moment(row["token_expires"]),
        access_token=row["access_token"],
        refresh_token=row["refresh_token"],
        github_token=row["github_token"],
    )


def _moment(text: str) -> datetime | None:
    """SQLite leaves the zone out, and means UTC."""
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
