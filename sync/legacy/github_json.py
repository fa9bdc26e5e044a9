"""The file that the app before this one kept for a member, `github.json`: what may stand in it. Pure.

    {"metadata": {"user_info": {"id": 583231, "login": "octocat", ...}, "num_repos": 3},
     "repo_data": {"octocat/hello": {"commits": [<GitHub's REST commits, newest first>],
                                     "last_commit_date": "2024-05-01T10:00:00Z", "num_commits": 12}}}

One object on one line, up to 256 MB, without statistics of lines. Files of August 2019 have
`metadata.username` instead of `user_info`; older ones hold a GraphQL answer, the list ["data"] or nothing.
Commits may stand in it twice, and its counters are not to be trusted.
(Format: OpenHumans/oh-github-source, datauploader/api/rest.py and its history.)
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, BinaryIO

from sync.legacy.json_stream import JsonStream, NotJson
from sync.legacy.node_ids import repository_number
from sync.records import Record, clean_text

# The one kind of record the old files hold.
KIND = "commits"

BASENAMES = frozenset({"github.json", "github-data.json"})
# The old app's own limit for an upload.
LARGEST_BYTES = 256_000_000
# Repositories that GitHub does not show us today have no node id; this stands in its place.
PSEUDO_ID = "legacy:"
OID = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")
REPOSITORY_NAME = re.compile(r"[^/\s]{1,100}/[^/\s]{1,140}")
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", re.ASCII)


class Reason(StrEnum):
    """Why nothing is taken from a file; the value is a sentence for the member."""

    ANOTHER_ACCOUNT = "It holds the commits of another GitHub account."
    NO_ACCOUNT = "It does not say which GitHub account it belongs to."
    EMPTY = "There is nothing in it."
    KEYS_ONLY = "Only a word was saved in it, no data: the old app had a fault when it wrote this file."
    PROTOTYPE = "It comes from the first trial of the old app, and holds no list of commits."
    ERROR_ANSWER = "It holds an error message of GitHub instead of data."
    UNKNOWN = "It does not look like a file of the old app."
    BROKEN = "It is damaged: it is not whole, or not JSON."
    TOO_LARGE = "It is larger than any file that the old app could write."


class LegacyFileRefused(Exception):
    """Nothing of the file may be used, for this `reason`."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose commits the file holds. `github_id` is None in variants that only name a login."""

    github_id: int | None
    login: str | None

    def check(self, github_id: int, login: str) -> None:
        """Raise `LegacyFileRefused` unless it is this account: by its id, else by its present login."""
        if self.github_id is None and self.login is None:
            raise LegacyFileRefused(Reason.NO_ACCOUNT)
        if self.github_id is None:
            is_same = self.login is not None and self.login.casefold() == login.casefold()
        else:
            is_same = self.github_id == github_id
        if not is_same:
            raise LegacyFileRefused(Reason.ANOTHER_ACCOUNT)


@dataclass(slots=True)
class Found:
    """What reading a file's commits met. `repositories` are those whose commits could be read at all."""

    repositories: int = 0
    commits: int = 0
    duplicates: int = 0
    broken: int = 0
    foreign: int = 0


@dataclass(frozen=True, slots=True)
class OldCommit:
    """A commit as a record of a repository that nobody can see today; `placed` puts it in its place.

    `repository_number` is the number of the repository it was read from, whatever that is called today; None
    where the file does not tell.
    """

    record: Record
    repository_number: int | None


# --- Whose file it is -----------------------------------------------------------------------------


def read_owner(stream: BinaryIO) -> Owner:
    """Raise `LegacyFileRefused` for everything that is not one of the two variants with commits."""
    document = JsonStream(stream)
    try:
        match document.peek():
            case "{":
                return _owner_of_object(document)
            case "[":
                raise LegacyFileRefused(_reason_of_list(document))
            case "":
                raise LegacyFileRefused(Reason.EMPTY)
        raise LegacyFileRefused(Reason.UNKNOWN)
    except NotJson:
        raise LegacyFileRefused(Reason.BROKEN) from None


def _owner_of_object(document: JsonStream) -> Owner:
    owner, keys = None, set()
    for key in document.members():
        keys.add(key)
        if key != "metadata":
            document.skip()
            continue
        owner = _owner(document.value())
        if owner.github_id is not None:
            return owner
    if keys & {"metadata", "repo_data"}:
        return owner or Owner(None, None)
    if "data" in keys:
        raise LegacyFileRefused(Reason.PROTOTYPE)
    if keys & {"message", "errors", "documentation_url"}:
        raise LegacyFileRefused(Reason.ERROR_ANSWER)
    raise LegacyFileRefused(Reason.UNKNOWN if keys else Reason.EMPTY)


def _owner(metadata: Any) -> Owner:
    """`user_info` may be GitHub's error message instead of a user."""
    facts = metadata if isinstance(metadata, dict) else {}
    user = facts.get("user_info")
    user = user if isinstance(user, dict) else {}
    github_id = user.get("id")
    is_id = isinstance(github_id, int) and not isinstance(github_id, bool)
    names = (user.get("login"), facts.get("username"))
    login = next((name for name in names if isinstance(name, str) and name), None)
    return Owner(github_id if is_id else None, login)


def _reason_of_list(document: JsonStream) -> Reason:
    for _ in document.items():
        return Reason.KEYS_ONLY if isinstance(document.value(), str) else Reason.UNKNOWN
    return Reason.EMPTY


# --- Its commits ----------------------------------------------------------------------------------


def iter_commits(stream: BinaryIO, github_id: int, found: Found) -> Iterator[OldCommit]:
    """The commits of all repositories in the file.

    A commit that stands in one repository twice comes once; one that GitHub gave to another account is left
    out. Raise `LegacyFileRefused` as soon as the file turns out to be damaged: use nothing of it then.
    """
    document = JsonStream(stream)
    try:
        for key in document.members():
            if key == "repo_data" and document.peek() == "{":
                for name in document.members():
                    yield from _commits_of(document, name, github_id, found)
            else:
                document.skip()
        document.end()
    except NotJson:
        raise LegacyFileRefused(Reason.BROKEN) from None


def _commits_of(document: JsonStream, name: str, github_id: int, found: Found) -> Iterator[OldCommit]:
    if document.peek() != "{" or not REPOSITORY_NAME.fullmatch(name):
        document.skip()
        return
    seen: set[bytes] = set()
    for key in document.members():
        if key != "commits" or document.peek() != "[":
            document.skip()
            continue
        found.repositories += 1
        for _ in document.items():
            item = document.value()
            record = _record(clean_text(name), item, github_id, found)
            if record is not None and not _is_duplicate(record, seen, found):
                found.commits += 1
                yield OldCommit(record, _number_of(item.get("node_id"), record["oid"]))


def _number_of(node_id: Any, oid: str) -> int | None:
    return repository_number(node_id, oid) if isinstance(node_id, str) else None


def _is_duplicate(record: Record, seen: set[bytes], found: Found) -> bool:
    oid = bytes.fromhex(record["oid"])
    is_duplicate = oid in seen
    found.duplicates += is_duplicate
    seen.add(oid)
    return is_duplicate


def _record(name: str, item: Any, github_id: int, found: Found) -> Record | None:
    """One item of GitHub's "list commits"; None for what is not one."""
    fields = item if isinstance(item, dict) else {}
    commit = _object(fields, "commit")
    committed_at = _moment(_object(commit, "committer").get("date"))
    authored_at = _moment(_object(commit, "author").get("date")) or committed_at
    oid, message, url = fields.get("sha"), commit.get("message"), fields.get("html_url")
    if not (isinstance(oid, str) and OID.fullmatch(oid) and authored_at and isinstance(message, str)):
        found.broken += 1
        return None
    if _object(fields, "author").get("id") not in (None, github_id):
        found.foreign += 1
        return None
    return {
        "repository_id": PSEUDO_ID + name,
        "repository": name,
        "oid": oid,
        "authored_at": authored_at,
        "committed_at": _in_utc(committed_at or authored_at),
        "message": clean_text(message),
        "additions": None,
        "deletions": None,
        "changed_files": None,
        "url": clean_text(url) if isinstance(url, str) else "",
        "visibility": "private",
        "imported": True,
    }


def _object(fields: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = fields.get(name)
    return value if isinstance(value, dict) else {}


def _moment(value: Any) -> str | None:
    """The text itself if it is a moment that a week can be found for."""
    if not (isinstance(value, str) and MOMENT.fullmatch(value)):
        return None
    try:
        datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None
    return value


def _in_utc(moment: str) -> str:
    return datetime.fromisoformat(moment).astimezone(UTC).isoformat().replace("+00:00", "Z")


# --- Beside what GitHub says ----------------------------------------------------------------------


def placed(record: Record, repository_id: str, name: str, visibility: str) -> Record:
    """The record as one of a repository that GitHub shows us today."""
    return {**record, "repository_id": repository_id, "repository": name, "visibility": visibility}


def yield_to_github(held: Iterable[Record], read: Iterable[Record]) -> tuple[list[Record], list[Record]]:
    """Both lists of one week's commits, without imported ones that GitHub itself has told of.

    An oid names one commit wherever it stands, so a repository may have been renamed or made again since: the
    imported commit is the same one, and GitHub knows more of it (lines changed, the author's own offset).
    """
    held, read = list(held), list(read)
    known = {record["oid"] for record in (*held, *read) if not record.get("imported")}

    def kept(records: list[Record]) -> list[Record]:
        return [record for record in records if not (record.get("imported") and record["oid"] in known)]

    return kept(held), kept(read)
