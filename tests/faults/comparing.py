"""What a disturbed run asked and left, counted, and compared with what an undisturbed one does."""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from itertools import islice, zip_longest
from typing import Any

import requests

from sync.records import KINDS

Files = Mapping[str, bytes]
# What a run asks of the REST API. `/user` is asked when the member connects, once each time.
OF_RUNS = ("/api/repositories/", "/repositories/")
TRACKS = "tracks"
GRAPHQL_LOG, REQUEST_LOG = "/_sandbox/graphql_log", "/_sandbox/log"


# --- Requests ---------------------------------------------------------------------------------------------


def questions(github_url: str) -> Counter[str]:
    """How often the stand-in for GitHub answered each question of a run, of GraphQL and of the REST API."""
    graphql = (
        json.dumps([entry["operation"], entry["variables"]], sort_keys=True)
        for entry in _log(github_url, GRAPHQL_LOG)
        if entry["status"] == 200
    )
    rest = (
        f"{entry['method']} {entry['path']}"
        for entry in _log(github_url, REQUEST_LOG)
        if entry["status"] == 200 and entry["path"].startswith(OF_RUNS)
    )
    return Counter([*graphql, *rest])


def repeats(found: Mapping[str, int], undisturbed: Mapping[str, int] | None = None) -> int:
    """How often a question was answered again, beyond what an undisturbed run asks twice by itself."""
    usual = undisturbed or {}
    return sum(max(0, times - max(1, usual.get(question, 0))) for question, times in found.items())


def _log(github_url: str, path: str) -> list[dict[str, Any]]:
    entries: list[dict[str, Any]] = requests.get(github_url + path, timeout=10).json()
    return entries


# --- Files ------------------------------------------------------------------------------------------------


def weeks_lost(found: Files, true: Files) -> int:
    """Weeks that stand in a file of the undisturbed run, and not in the same file here."""
    return len(set(_weeks(true)) - set(_weeks(found)))


def _weeks(files: Files) -> Iterator[tuple[str, str]]:
    for name, content in _documents(files):
        yield from ((name, week) for week in content.get("weeks", {}))


def records_twice(files: Files) -> int:
    """Records, parts of records and tracks that stand in more than one place, in whatever week or file."""
    keys = keys_of(files)
    return sum(keys.values()) - len(keys)


def keys_of(files: Files) -> Counter[tuple[str, ...]]:
    """Of every record, part of a record and track; the kind comes first."""
    return Counter(key for _, content in _documents(files) for key in _keys(content))


def kinds_of(files: Files) -> set[str]:
    """Of the records that stand in them, and tracks."""
    return {key[0] for key in keys_of(files)}


def _keys(content: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for feature in content.get("features", []):
        yield TRACKS, feature["properties"]["repository"], feature["properties"]["path"], feature["id"]
    for week in content.get("weeks", {}).values():
        for name, kind in KINDS.items():
            for record in week.get(name, []):
                yield name, *kind.key_of(record)
                yield from (
                    (name, nested, part["id"]) for nested in kind.nested for part in record.get(nested, [])
                )


def _documents(files: Files) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, content in files.items():
        if name.endswith((".json", ".geojson")):
            yield name, json.loads(content)


def differing(found: Files, true: Files) -> list[str]:
    """Names of files that are missing, too many, or of other bytes."""
    return sorted({name for name, _ in found.items() ^ true.items()})


def difference(name: str, found: Files, true: Files) -> list[str]:
    """The first lines of a file that are not as they should be: year files have a week on each."""
    lines = [[b"", *files.get(name, b"").splitlines()] for files in (true, found)]
    apart = (pair for pair in zip_longest(*lines, fillvalue=b"") if pair[0] != pair[1])
    return [name, *(f"{should!r} is {there!r}" for should, there in islice(apart, 2))]
