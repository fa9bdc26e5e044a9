"""The files that are not of one year: who the member is on GitHub, and one line a day.

`github-profile.json` holds the public profile and the public repositories; repositories that are not public
stand in `github-private-profile.json`. `github-daily.csv` has a line for each day on which something public
was done, by the date in the author's own offset, and a column for each kind of record.
"""

import csv
import hashlib
import io
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema_rs
from django.db.models import Q

from sync.archive import ArchiveError
from sync.ledger import WeekEntry
from sync.models import RepositoryState, Subscription, YearFile
from sync.records import CALENDAR, KINDS

PROFILE_FORMAT = "github-profile/1"
PROFILE_SCHEMA_FILE = Path(__file__).parent / "schemas" / "github-profile-1.json"
DAILY_FORMAT = "github-daily/1"
# Of a repository's row: what grows with its history, of which no document tells.
OF_READING = ("held_by_week", "seen_by_week", "reading", "tree_walk", "tracks_left_out")


@dataclass(frozen=True, slots=True)
class Document:
    """A file's kind (see `YearFile.Kind`), its format, and its whole content."""

    kind: str
    format: str
    content: bytes
    description: str


def profile_document(
    kind: str, github_id: int, profile: Mapping[str, Any], repositories: Iterable[Mapping[str, Any]]
) -> Document:
    facts = {
        "format": PROFILE_FORMAT,
        "github_id": github_id,
        **profile,
        "repositories": sorted(repositories, key=lambda repository: str(repository["repository_id"])),
    }
    content = json.dumps(facts, ensure_ascii=False, indent=1, sort_keys=True).encode() + b"\n"
    return Document(kind, PROFILE_FORMAT, content, "GitHub profile and repositories.")


def daily_document(kind: str, kinds: Sequence[str], ledgers: Iterable[Mapping[str, WeekEntry]]) -> Document:
    """One line a day, oldest first; `kinds` are the columns after the calendar's own count."""
    days: defaultdict[str, dict[str, int]] = defaultdict(dict.fromkeys([CALENDAR, *kinds], 0).copy)
    for ledger in ledgers:
        for entry in ledger.values():
            for day, count in entry.get(CALENDAR, {}).items():
                days[day][CALENDAR] = count
            for day, counts in entry.get("days", {}).items():
                for name, count in counts.items():
                    # A day at the edge of a week may stand in two weeks: once by UTC, once by its own offset.
                    row = days[day]
                    if name in row:
                        row[name] += count
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["date", "contributions", *kinds])
    writer.writerows([day, *row.values()] for day, row in sorted(days.items()))
    return Document(kind, DAILY_FORMAT, out.getvalue().encode(), "GitHub activity by day.")


# --- What the database knows ---


def current_documents(subscription: Subscription) -> list[Document]:
    """The documents as they should be now; nothing that is not public outside the private one.

    Raise `ArchiveError` for a profile that would not be valid.
    """
    profile = subscription.probe.get("profile", {})
    repositories = list(subscription.repositories.defer(*OF_READING).order_by("pk"))
    public = [_facts(subscription, state) for state in repositories if state.visibility == "public"]
    private = [_facts(subscription, state) for state in repositories if state.visibility != "public"]
    github_id, kinds = subscription.github_id, YearFile.Kind
    ledgers = subscription.year_files.filter(kind=kinds.PUBLIC).values_list("weeks", flat=True)
    columns = [kind for kind in KINDS if kind in subscription.kinds]
    documents = [
        profile_document(kinds.PROFILE, github_id, profile, public),
        daily_document(kinds.DAILY, columns, ledgers),
    ]
    # Written once, it also says when there is nothing any more.
    is_there = subscription.year_files.filter(kind=kinds.PRIVATE_PROFILE).exclude(current_id=None).exists()
    if subscription.includes_private and (private or is_there):
        documents.append(profile_document(kinds.PRIVATE_PROFILE, github_id, {}, private))
    for document in documents:
        if document.format == PROFILE_FORMAT:
            check_profile(document.content)
    return documents


@cache
def _validator() -> Any:
    return jsonschema_rs.validator_for(json.loads(PROFILE_SCHEMA_FILE.read_text(encoding="utf-8")))


def check_profile(content: bytes) -> None:
    """Raise `ArchiveError` unless it is valid against the schema."""
    error = next(iter(_validator().iter_errors(json.loads(content))), None)
    if error is not None:
        path = "/".join(map(str, error.instance_path))
        raise ArchiveError(f"The profile would not be valid at {path or 'its top'}.")


def collected(subscription: Subscription, until: datetime) -> dict[str, Any]:
    """What stands beside the profile on Open Humans: how far everything had been read when it was written.

    Should all that we know be lost, a member who comes back is not read from the beginning: see recovering.
    """
    files = subscription.year_files.exclude(current_id=None).defer("weeks", "pending")
    lists = subscription.lists.items()
    return {
        "until": until.isoformat(),
        "kinds": subscription.kinds,
        "private": subscription.includes_private,
        "secret_gists": bool(subscription.agreement.get("secret_gists")),
        "counted": {
            name: {"total": state["counted"], "newest": state.get("created")}
            for name, state in lists
            if "counted" in state
        },
        "files": sorted(file.name for file in files),
    }


def is_published(subscription: Subscription, document: Document) -> bool:
    md5 = hashlib.md5(document.content, usedforsecurity=False).hexdigest()
    is_same = Q(md5=md5, current_id__isnull=False)
    is_removed = Q(removed_by_member_at__isnull=False)
    return subscription.year_files.filter(is_same | is_removed, kind=document.kind).exists()


def _facts(subscription: Subscription, state: RepositoryState) -> dict[str, Any]:
    details = {name: value for name, value in state.details.items() if name != "owner_id"}
    return {
        **details,
        "repository_id": state.node_id,
        "repository": state.name,
        "visibility": state.visibility,
        "is_fork": state.is_fork,
        "is_owner": state.details.get("owner_id") == subscription.github_node_id,
        "commits": state.held,
        "not_readable": state.not_readable or None,
    }
