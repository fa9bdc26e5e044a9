"""The ledger against what Open Humans lists: once a week, and whenever somebody asks.

What differs is set right as far as nothing can be lost by it: uploads that were begun are finished or
forgotten, files that the ledger does not know are adopted, two files of one year are united, and what the
member removed is marked as theirs. The rest (a file of another size than was confirmed, files of ours that we
cannot place) is reported and left alone.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from openhumans_client import File
from sync import recurring
from sync.adopting import adopt
from sync.archive import ArchiveError
from sync.errors import DamagedFile
from sync.legacy.importing import is_legacy_file
from sync.models import Subscription, YearFile
from sync.publish import (
    Publisher,
    Staged,
    finish_pending,
    generation_of,
    is_removed_by_member,
    living_files,
    publish_year,
    respect_removal,
)

EVERY = timedelta(days=7)
# Runs come every few days: one that comes a little early saves another one.
EARLY = timedelta(days=1)


@dataclass
class Report:
    """What differed, by names of files. `needs_somebody` when some of it could not be set right.

    `finished` were begun and left; `wrong_size` holds "name: stored, not confirmed"; `unreadable` are files
    that bear a name of ours and cannot be read; `unknown` bear our project's label and nothing else of ours.
    """

    finished: list[str] = field(default_factory=list)
    adopted: list[str] = field(default_factory=list)
    united: list[str] = field(default_factory=list)
    removed_by_member: list[str] = field(default_factory=list)
    wrong_size: list[str] = field(default_factory=list)
    unreadable: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)

    @property
    def in_words(self) -> str:
        return in_words(asdict(self))

    @property
    def has_changed_something(self) -> bool:
        return bool(self.finished or self.adopted or self.united or self.removed_by_member)

    @property
    def needs_somebody(self) -> bool:
        return bool(self.wrong_size or self.unreadable or self.unknown)


LABELS = {
    "finished": "finished what was begun",
    "adopted": "adopted",
    "united": "united",
    "removed_by_member": "removed by the member",
    "wrong_size": "of the wrong size",
    "unreadable": "not readable",
    "unknown": "unknown files of ours",
}


def in_words(found: Mapping[str, Sequence[str]]) -> str:
    """`adopted: github-2025.json; united: github-2026.json`, of a report or of what is kept of one."""
    return "; ".join(
        f"{label}: {', '.join(found[name])}" for name, label in LABELS.items() if found.get(name)
    )


def is_due(subscription: Subscription, now: datetime) -> bool:
    return recurring.is_due(subscription.reconciled_at, EVERY - EARLY, now)


def next_due(subscription: Subscription, wanted: datetime) -> datetime:
    """The wanted moment of the next run, or an earlier one so that a week is not exceeded."""
    if subscription.reconciled_at is None:
        return wanted
    return min(wanted, subscription.reconciled_at + EVERY)


# --- Comparing --------------------------------------------------------------------------------------------


def look(publisher: Publisher, *, with_sizes: bool = True) -> Report:
    """What `reconcile` would find and do. Reads only: nothing is written here or there."""
    report, rows = Report(), list(publisher.subscription.year_files.defer("weeks"))
    for row in rows:
        _compare(publisher, row, report, with_sizes=with_sizes)
    known = {row.name for row in rows}
    report.adopted += sorted({file.basename for file in publisher.own_files} - known)
    report.unknown = _unknown(publisher, rows)
    return report


def _compare(publisher: Publisher, row: YearFile, report: Report, *, with_sizes: bool) -> None:
    files = publisher.files_of(row)
    if row.pending is not None or row.superseded:
        report.finished.append(row.name)
    if row.removed_by_member_at:
        return
    if is_removed_by_member(row, files):
        report.removed_by_member.append(row.name)
        return
    living = living_files(row, files)
    current = next((file for file in living if file.id == row.current_id), None)
    if living and current is None:
        report.adopted.append(row.name)
    if len(_copies(row, files)) > 1:
        report.united.append(row.name)
    if with_sizes and current is not None:
        _compare_size(publisher, row, current, report)


def _compare_size(publisher: Publisher, row: YearFile, file: File, report: Report) -> None:
    size = publisher.openhumans.fetch_size(file)
    if size != row.size:
        report.wrong_size.append(f"{row.name}: {size} bytes, not {row.size}")


def _unknown(publisher: Publisher, rows: Iterable[YearFile]) -> list[str]:
    """Files under our project's label that are no file of this ledger, nor one of the old app."""
    removed = {row.name for row in rows if row.removed_by_member_at}
    own = {file.id for file in publisher.own_files if file.basename not in removed}
    return [
        f"{file.basename} ({file.id})"
        for file in publisher.all_files
        if file.source == publisher.label and file.id not in own and not is_legacy_file(file, publisher.label)
    ]


# --- Setting right ----------------------------------------------------------------------------------------


def reconcile(publisher: Publisher, *, with_sizes: bool = False) -> Report:
    """Compare and set right, while the run is ours; what was found stays with the subscription."""
    report = look(publisher, with_sizes=with_sizes)
    finish_pending(publisher)
    publisher.list_again()
    for file in publisher.own_files:
        row_of(publisher, file)
    for row in publisher.subscription.year_files.defer("weeks"):
        _set_right(publisher, row, report)
    _remember(publisher, report)
    return report


def row_of(publisher: Publisher, file: File) -> YearFile | None:
    """The file's place in the ledger, made if there was none; None for a name that does not fit."""
    kind, year = file.metadata.get("kind"), file.metadata.get("year", 0)
    if kind not in YearFile.Kind.values or not isinstance(year, int) or not 0 <= year <= 9999:
        return None
    if YearFile(kind=kind, year=year).name != file.basename:
        return None
    row, _ = YearFile.objects.get_or_create(subscription=publisher.subscription, kind=kind, year=year)
    return row


def _set_right(publisher: Publisher, row: YearFile, report: Report) -> None:
    if row.removed_by_member_at:
        return
    if publisher.is_removed(row):
        respect_removal(publisher, row)
        return
    files = publisher.files_of(row)
    living = living_files(row, files)
    try:
        if living and row.current_id not in {file.id for file in living}:
            adopt(publisher, row, max(living, key=lambda file: (generation_of(file), file.id)))
        copies = _copies(row, files)
        if len(copies) > 1:
            _unite(publisher, row, copies)
    except (ArchiveError, DamagedFile):
        report.unreadable.append(row.name)


def _copies(row: YearFile, files: Iterable[File]) -> list[File]:
    """Of whatever generation: an overtaken worker may have completed one beside the current one."""
    return [file for file in files if file.id not in row.superseded]


def _unite(publisher: Publisher, row: YearFile, copies: list[File]) -> None:
    """Years are united record by record; a document is written whole each time, so the newest is enough."""
    if not row.is_document:
        publish_year(publisher, Staged.nothing(row))
        return
    with transaction.atomic():
        publisher.run.hold()
        others = {file.id for file in copies} - {row.current_id}
        row.superseded = sorted({*row.superseded, *others})
        row.save(update_fields=["superseded"])
    finish_pending(publisher)


def _remember(publisher: Publisher, report: Report) -> None:
    subscription = publisher.subscription
    with transaction.atomic():
        publisher.run.hold()
        subscription.reconciled_at = timezone.now()
        subscription.reconciliation = {name: found for name, found in asdict(report).items() if found}
        subscription.save(update_fields=["reconciled_at", "reconciliation"])
