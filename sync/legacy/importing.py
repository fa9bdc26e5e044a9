"""Taking the old app's file over: once, after GitHub has been read, and only what GitHub did not tell.

What it brings are commits of repositories that were deleted, and commits that a force push took away. The
file itself stays on Open Humans until the member removes it.
"""

import logging
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, BinaryIO

from django.db import transaction

from openhumans_client import File, TooHeavy
from sync import archive
from sync.legacy import github_json
from sync.legacy.github_json import Found, LegacyFileRefused, Reason
from sync.models import OLD_FILES, RepositoryState, StagedBatch, Subscription, YearFile
from sync.records import COMMITS, Entry, Record, record_entry
from sync.staging import stage

if TYPE_CHECKING:
    from sync.publish import Publisher

logger = logging.getLogger(__name__)
DOWNLOAD_SECONDS = 120
BATCH = 500


class Outcome(StrEnum):
    IMPORTED = "imported"
    REFUSED = "refused"
    DONE_BEFORE = "done before"
    # Asked too early: what GitHub shows today is not all known yet.
    NOT_YET = "not yet"
    # The member did not agree to commits.
    NOT_WANTED = "not wanted"


@dataclass(slots=True)
class LegacyReport:
    """What became of one file. `text` is a sentence for the member when it was refused.

    Of its commits, `imported` were staged, `known` are in the archive or on their way there already, and
    `left_out` belong to repositories that count as private, which the member did not choose.
    """

    file_id: int
    outcome: Outcome
    text: str = ""
    imported: int = 0
    known: int = 0
    left_out: int = 0
    found: Found = field(default_factory=Found)

    def remembered(self, *, private: bool, moment: str) -> dict[str, Any]:
        facts = asdict(self)
        del facts["file_id"]
        return {**facts, "private": private, "at": moment}


def is_legacy_file(file: File, label: str) -> bool:
    """Whether our project's app before this one may have written it; its content has the last word."""
    if file.source != label or file.metadata.get("format"):
        return False
    tags = file.metadata.get("tags")
    return file.basename in github_json.BASENAMES or (isinstance(tags, list) and "Github" in tags)


def legacy_files(files: Iterable[File], label: str) -> list[File]:
    """Usually one; two after the old app was stopped between an upload and a deletion."""
    return [file for file in files if is_legacy_file(file, label)]


def import_legacy_files(publisher: "Publisher") -> list[LegacyReport]:
    """All of the member's old files, see `import_legacy_file`."""
    files = legacy_files(publisher.all_files, publisher.label)
    return [import_legacy_file(publisher, file) for file in files]


def import_legacy_file(publisher: "Publisher", file: File) -> LegacyReport:
    """Stage what the file holds and GitHub did not tell, exactly once for each file; safe to call any time.

    Raise the errors of the Open Humans client when it cannot be downloaded now.
    """
    subscription = publisher.subscription
    known = memory(subscription).get(str(file.id))
    if known is not None and not _may_bring_more(subscription, known):
        return LegacyReport(file.id, Outcome.DONE_BEFORE)
    if COMMITS not in subscription.kinds:
        return LegacyReport(file.id, Outcome.NOT_WANTED)
    if not is_all_read(subscription):
        return LegacyReport(file.id, Outcome.NOT_YET)
    with tempfile.TemporaryFile() as spool:
        try:
            _download(publisher, file, spool)
            report = _take_over(publisher, file, spool, only_private=known is not None)
        except LegacyFileRefused as refusal:
            report = LegacyReport(file.id, Outcome.REFUSED, refusal.reason.value)
            with transaction.atomic():
                publisher.run.hold()
                _remember(publisher, report)
    logger.info("The old app's file: %s.", report.outcome, extra=publisher.run.detail)
    return report


def memory(subscription: Subscription) -> Mapping[str, Mapping[str, Any]]:
    """What became of the files that were looked at, by their ids: see `LegacyReport.remembered`."""
    files: Mapping[str, Mapping[str, Any]] = subscription.lists.get(OLD_FILES, {}).get("files", {})
    return files


def is_all_read(subscription: Subscription) -> bool:
    """Whether everything GitHub shows today is known: only then is it clear what it no longer shows."""
    lists = subscription.lists
    return (
        subscription.ledger_starts_on is not None
        and "repositories" in lists
        and lists["repositories"].get("cursor") is None
        and not lists.get("calendar", {}).get("windows")
        and not subscription.repositories.filter(is_read=False).exists()
    )


def _may_bring_more(subscription: Subscription, known: Mapping[str, Any]) -> bool:
    """Private repositories were chosen since."""
    return subscription.includes_private and not known["private"] and known["left_out"] > 0


def _remember(publisher: "Publisher", report: LegacyReport) -> None:
    subscription = publisher.subscription
    entry = report.remembered(private=subscription.includes_private, moment=publisher.now.isoformat())
    files = {**memory(subscription), str(report.file_id): entry}
    subscription.lists = {**subscription.lists, OLD_FILES: {"files": files}}
    subscription.save(update_fields=["lists"])


def _download(publisher: "Publisher", file: File, spool: BinaryIO) -> None:
    try:
        publisher.openhumans.download(
            file, spool, deadline=DOWNLOAD_SECONDS, largest=github_json.LARGEST_BYTES
        )
    except TooHeavy:
        raise LegacyFileRefused(Reason.TOO_LARGE) from None
    spool.seek(0)


def _take_over(publisher: "Publisher", file: File, spool: BinaryIO, *, only_private: bool) -> LegacyReport:
    """All of it or, when the file turns out to be damaged, nothing."""
    subscription = publisher.subscription
    github_json.read_owner(spool).check(subscription.github_id, subscription.github_login)
    spool.seek(0)
    known_oids = held_oids(publisher)
    report = LegacyReport(file.id, Outcome.IMPORTED)
    with transaction.atomic():
        publisher.run.hold()
        batch: list[tuple[str, Entry]] = []
        for kind, record in _placed(subscription, spool, report.found):
            if bytes.fromhex(record["oid"]) in known_oids:
                report.known += 1
            elif kind == YearFile.Kind.PRIVATE and not subscription.includes_private:
                report.left_out += 1
            elif kind == YearFile.Kind.PRIVATE or not only_private:
                batch.append((kind, record_entry(COMMITS, record)))
                report.imported += 1
            if len(batch) == BATCH:
                stage(subscription, batch)
                batch = []
        stage(subscription, batch)
        publisher.run.hold()
        _remember(publisher, report)
    return report


def _placed(subscription: Subscription, spool: BinaryIO, found: Found) -> Iterator[tuple[str, Record]]:
    """Each commit with the kind of file it belongs in.

    A repository is known by its number, for its name may be that of another one today. Those that GitHub does
    not show today count as private: nobody can tell what they were.
    """
    states = {state.database_id: state for state in _shown(subscription) if state.database_id}
    for commit in github_json.iter_commits(spool, subscription.github_id, found):
        state = states.get(commit.repository_number or 0)
        if state is None:
            yield YearFile.Kind.PRIVATE, commit.record
        else:
            kind = YearFile.Kind.PUBLIC if state.visibility == "public" else YearFile.Kind.PRIVATE
            yield kind, github_json.placed(commit.record, state.node_id, state.name, state.visibility)


def _shown(subscription: Subscription) -> Iterable[RepositoryState]:
    return subscription.repositories.filter(not_readable="").order_by("pk")


def held_oids(publisher: "Publisher") -> set[bytes]:
    """The commits in the member's year files, of both kinds, and those staged for them."""
    oids: set[bytes] = set()
    for file in publisher.own_files:
        if file.metadata.get("format") == archive.FORMAT:
            with tempfile.TemporaryFile() as spool:
                publisher.openhumans.download(file, spool, deadline=DOWNLOAD_SECONDS)
                spool.seek(0)
                oids.update(_oids_of(spool))
    for batch in StagedBatch.objects.filter(subscription=publisher.subscription).iterator(chunk_size=50):
        for entry in archive.unpack(batch.content):
            if entry.kind == COMMITS:
                oids.add(bytes.fromhex(entry.data["oid"]))
    return oids


def _oids_of(spool: BinaryIO) -> Iterator[bytes]:
    archive.read_header(spool)
    for week, line in archive.iter_lines(spool):
        for commit in archive.decode_week(week, line).get(COMMITS, []):
            yield bytes.fromhex(commit["oid"])
