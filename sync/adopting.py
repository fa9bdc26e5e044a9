"""A file of ours that the ledger does not know, taken up: what stands in it becomes what we know."""

import hashlib
import tempfile
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any, BinaryIO, cast

from django.db import transaction

from openhumans_client import File
from sync import archive
from sync.archive import ArchiveError
from sync.models import YearFile
from sync.publish import TRANSFER_SECONDS, Publisher, generation_of
from sync.tracking import composing, sheets, zones
from sync.tracks.errors import BrokenTracksFile

ADOPTED = [
    "current_id",
    "size",
    "md5",
    "generation",
    "weeks",
    "private_contributions",
    "published_at",
    "pending",
]


def adopt(
    publisher: Publisher,
    row: YearFile,
    file: File,
    visit: Callable[[Mapping[str, Any]], None] | None = None,
) -> None:
    """Make the file the row's current one. Each week of a year file is shown to `visit`.

    Raise `ArchiveError` for a file that is not what its name says.
    """
    if row.holds_tracks:
        _adopt_tracks(publisher, row, file)
        return
    with tempfile.TemporaryFile() as spool:
        size = publisher.openhumans.download(file, spool, deadline=TRANSFER_SECONDS)
        spool.seek(0)
        row.md5 = hashlib.file_digest(spool, "md5").hexdigest()
        spool.seek(0)
        year = None if row.is_document else archive.read_year(spool, visit)
    if year is not None:
        _check(publisher, row, year.header)
        fetched_at = _written_at(file).isoformat()
        known = {week: {**entry, "fetched_at": fetched_at} for week, entry in year.weeks.items()}
        row.weeks = {**row.weeks, **known}
        row.private_contributions = year.header.private_contributions
    row.current_id, row.size, row.generation = file.id, size, generation_of(file)
    row.published_at, row.pending = _written_at(file), None
    with transaction.atomic():
        publisher.run.hold()
        row.save(update_fields=ADOPTED)


def _adopt_tracks(publisher: Publisher, row: YearFile, file: File) -> None:
    """What stands in it is known from now on; with which privacy zones it was written is not."""
    with tempfile.TemporaryFile() as spool:
        sieve = composing.Sieve(spool, zones.load(publisher.subscription).places)
        try:
            size = publisher.openhumans.download(file, cast(BinaryIO, sieve), deadline=TRANSFER_SECONDS)
            held = composing.read(row, spool)
        except BrokenTracksFile as error:
            raise ArchiveError(f"{row.name}: {error}") from error
    row.current_id, row.size, row.md5, row.generation = file.id, size, sieve.md5, generation_of(file)
    row.weeks, row.zones_version = held.weeks, 0
    row.published_at, row.pending = _written_at(file), None
    with transaction.atomic():
        publisher.run.hold()
        row.save(update_fields=[*ADOPTED, "zones_version"])
        sheets.keep_pending(row, held.sheet)
        sheets.confirm(row)


def _check(publisher: Publisher, row: YearFile, header: archive.Header) -> None:
    if (header.year, header.github_id) != (row.year, publisher.subscription.github_id):
        raise ArchiveError(f"{row.name} holds another year, or belongs to another account.")


def _written_at(file: File) -> datetime:
    """Open Humans' own moment: what the metadata says may have any form."""
    return file.created_at
