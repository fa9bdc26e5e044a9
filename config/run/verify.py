"""Compares what the service published with what git says. Pure: a function returns what differs, in words."""

import csv
import hashlib
import io
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import jsonschema_rs

from config.run.history import Commit

Json = dict[str, Any]
SETTLED_AFTER = timedelta(hours=48)
YOUNG_STATES = {"open", "settling"}
YEAR_KINDS = {"public", "private"}
SHOWN = 5  # differences of one sort that are spelled out


@dataclass(frozen=True)
class Published:
    """One file as the site lists it, and its bytes as the site gives them."""

    listed: Json
    content: bytes

    @property
    def name(self) -> str:
        return str(self.listed["name"])

    @property
    def holds_weeks(self) -> bool:
        """Whether it is a file of one year; the others are the profile and the daily table."""
        return self.listed.get("kind", "public") in YEAR_KINDS


def week_of(moment: datetime) -> str:
    """The ISO week of a moment in UTC."""
    year, week, _ = moment.astimezone(UTC).isocalendar()
    return f"{year:04d}-W{week:02d}"


def week_end(week: str) -> datetime:
    """The moment at which a week is over: Monday, 0:00 UTC."""
    year, number = week.split("-W")
    sunday = date.fromisocalendar(int(year), int(number), 7)
    return datetime.combine(sunday + timedelta(days=1), time(), UTC)


def check_weeks(listed: Iterable[Json], synced_from: datetime, synced_until: datetime) -> list[str]:
    """Weeks over for 48 hours are complete, younger ones open or settling.

    A week that reached its 48 hours while the sync ran may be either.
    """
    problems = []
    for file in listed:
        for week, state in sorted(file["weeks"].items()):
            settled = week_end(week) + SETTLED_AFTER
            allowed = set() if settled > synced_until else {"complete"}
            if settled > synced_from:
                allowed |= YOUNG_STATES
            if state not in allowed:
                problems.append(
                    f"{file['name']}: week {week} is {state}, not {' or '.join(sorted(allowed))}."
                )
    return shortened(problems)


def _check_table(file: Published) -> list[str]:
    rows = list(csv.reader(io.StringIO(file.content.decode())))
    if not rows or rows[0][:1] != ["date"] or {len(row) for row in rows} != {len(rows[0])}:
        return [f"{file.name}: not a table with a date and the same columns in every line."]
    return []


def check_file(file: Published, schema: Json) -> list[str]:
    """Size and MD5 as listed, and a file of a year is valid against the published schema."""
    problems = []
    if len(file.content) != file.listed["size"]:
        problems.append(f"{file.name}: {len(file.content)} bytes, but {file.listed['size']} are listed.")
    digest = hashlib.md5(file.content, usedforsecurity=False).hexdigest()
    if digest != file.listed["md5"]:
        problems.append(f"{file.name}: its MD5 is {digest}, but {file.listed['md5']} is listed.")
    if file.name.endswith(".csv"):
        return problems + _check_table(file)
    try:
        document = json.loads(file.content)
    except ValueError as error:
        return [*problems, f"{file.name}: not JSON ({error})."]
    if not file.holds_weeks:
        return problems
    errors = jsonschema_rs.validator_for(schema).iter_errors(document)
    invalid = [f"{file.name}: invalid at {_path(error.instance_path)}: {error.message}" for error in errors]
    return problems + shortened(invalid)


def _path(parts: Iterable[str | int]) -> str:
    return "/".join(map(str, parts)) or "its top"


def published_commits(documents: Iterable[Json]) -> Iterator[tuple[str, Json]]:
    """(week, commit) for every commit of every file."""
    for document in documents:
        for week, content in document["weeks"].items():
            for commit in content.get("commits", []):
                yield week, commit


def check_commits(expected: Iterable[Commit], documents: Iterable[Json], web: str) -> list[str]:
    """The same public commits, each in its repositories, in its week, with its values and its page on `web`.

    Several repositories may hold one commit.
    """
    wanted = list(expected)
    found = [
        ((_name(commit), str(commit["oid"])), week, commit) for week, commit in published_commits(documents)
    ]
    by_place = {(commit.repository, commit.oid): commit for commit in wanted}
    wanted_places = Counter((commit.repository, commit.oid) for commit in wanted)
    found_places = Counter(place for place, _, _ in found)
    missing = sorted((wanted_places - found_places).elements())
    surplus = sorted((found_places - wanted_places).elements())
    differences = [
        difference
        for place, week, commit in found
        if place in by_place
        for difference in _differences(week, commit, by_place[place], web)
    ]
    return [
        *shortened([f"commit {oid} is missing in {name}." for name, oid in missing]),
        *shortened([f"commit {oid} is not in git log of {name}." for name, oid in surplus]),
        *shortened(differences),
    ]


def _name(commit: Json) -> str:
    """Of its repository, without the owner."""
    return str(commit["repository"]).rpartition("/")[2]


def _differences(week: str, commit: Json, truth: Commit, web: str) -> Iterator[str]:
    where = f"commit {truth.oid}"
    if week != week_of(truth.authored_at):
        yield f"{where} stands in {week}, not in {week_of(truth.authored_at)}."
    if not _same_moment(str(commit["authored_at"]), truth.authored_at):
        yield f"{where}: authored at {commit['authored_at']}, not {truth.authored_at.isoformat()}."
    for name in ("additions", "deletions", "changed_files"):
        if commit[name] != getattr(truth, name):
            yield f"{where}: {commit[name]} {name}, not {getattr(truth, name)}."
    if str(commit["message"]).rstrip("\n") != truth.message:
        yield f"{where}: the message differs."
    if commit["url"] != f"{web}/{commit['repository']}/commit/{truth.oid}":
        yield f"{where}: {commit['url']} is not its page."
    if commit["visibility"] != "public":
        yield f"{where}: is said to be {commit['visibility']}, not public."


def _same_moment(text: str, truth: datetime) -> bool:
    """The same moment in the same offset."""
    moment = datetime.fromisoformat(text)
    return moment == truth and moment.utcoffset() == truth.utcoffset()


def cost_between(before: Mapping[str, Any], after: Mapping[str, Any]) -> int:
    """Requests that a stand-in counted between two looks, without those for signing in and for tokens."""
    return _requests(after) - _requests(before)


def _requests(counts: Mapping[str, Any]) -> int:
    return sum(
        number for endpoint, number in counts["by_endpoint"].items() if "oauth" not in endpoint.lower()
    )


def shortened(problems: list[str]) -> list[str]:
    if len(problems) <= SHOWN:
        return problems
    return [*problems[:SHOWN], f"... and {len(problems) - SHOWN} more of this sort."]
