"""Year files -> Open Humans, so that at every instant the member has one whole copy.

The order, for each file: (1) ask for the upload and commit it as pending; (2) PUT; (3) complete, sizes equal;
(4) commit the new current file and the ledger, drop the staged batches; (5) delete what it replaced, by id. A
worker may die or be overtaken between any two of these; whoever comes next first finishes or forgets what is
pending.
"""

import hashlib
import io
import logging
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import cached_property
from typing import Any, BinaryIO, cast

from django.conf import settings
from django.db import transaction

from openhumans_client import (
    File,
    NotFound,
    OpenHumansClient,
    StartedUpload,
    Unavailable,
    UnexpectedResponse,
)
from sync import archive
from sync.documents import DAILY_FORMAT, PROFILE_FORMAT, Document, collected
from sync.errors import DamagedFile, UploadRefused
from sync.ledger import WeekEntry
from sync.left_out import memory_of
from sync.models import OfEachWeek, StagedBatch, Subscription, SyncRun, YearFile
from sync.operators.counters import count
from sync.records import CALENDAR
from sync.spooling import Spool
from sync.tracking import composing, sheets, zones
from sync.tracks import geojson_file
from sync.tracks.errors import UnreadableTracksFile
from sync.weeks import Week, WeekState, held_state, weeks_of_year

logger = logging.getLogger(__name__)
# Never the old app's tag "Github" in that spelling: its worker deletes files that bear it.
FORMATS = (archive.FORMAT, PROFILE_FORMAT, DAILY_FORMAT, geojson_file.FORMAT)
# Shorter than a lease: a worker that hangs in a transfer is not believed dead before it has given up.
TRANSFER_SECONDS = 120
# What becomes true of a year file when its upload is confirmed.
CONFIRMED = [
    "current_id",
    "size",
    "md5",
    "generation",
    "weeks",
    "superseded",
    "published_at",
    "pending",
    "zones_version",
]
# What becomes true of one that the member removed.
REMOVED = ["removed_by_member_at", "current_id", "size", "md5", "weeks", "pending", "to_clean"]
TAGS = ("github", "commits", "contributions", "weekly")
TRACK_TAGS = ("github", "gps", "tracks", "weekly")


@dataclass
class Publisher:
    """One run's way to Open Humans. The list of the member's files is asked once, and only if needed."""

    run: SyncRun
    openhumans: OpenHumansClient
    now: datetime
    fresh: set[int] = field(default_factory=set)
    # Names of files that were written or deleted since the list was asked: of them it is no longer true.
    outdated: set[str] = field(default_factory=set)
    # Whether the list was asked because the one before lacked a file.
    is_list_confirmed: bool = False

    @property
    def subscription(self) -> Subscription:
        return self.run.subscription

    @cached_property
    def label(self) -> str:
        """By which Open Humans tells our project's files from those of other sources."""
        return self.openhumans.fetch_project().id_label

    @property
    def all_files(self) -> list[File]:
        if self.outdated:
            self.list_again()
        return self._all_files

    @property
    def own_files(self) -> list[File]:
        """Our project's files of this GitHub account, oldest generation first."""
        if self.outdated:
            self.list_again()
        return self._own_files

    @cached_property
    def _all_files(self) -> list[File]:
        return self.openhumans.list_files()

    @cached_property
    def _own_files(self) -> list[File]:
        own = [
            file
            for file in self._all_files
            if file.source == self.label
            and file.metadata.get("format") in FORMATS
            and str(file.metadata.get("github_id")) == str(self.subscription.github_id)
        ]
        return sorted(own, key=lambda file: (generation_of(file), file.id))

    def files_of(self, year_file: YearFile) -> list[File]:
        """Those of its name. Lists are slow: what became of other names is no reason to ask again."""
        if year_file.name in self.outdated:
            self.list_again()
        return [file for file in self._own_files if file.basename == year_file.name]

    def list_again(self) -> None:
        """What was listed is no longer true; the next who needs it asks again."""
        self.outdated.clear()
        self.is_list_confirmed = False
        for name in ("_all_files", "_own_files"):
            self.__dict__.pop(name, None)

    def confirm_list(self) -> None:
        """Ask again what is missing from a list that may have been cut short: what two lists lack is gone."""
        self.list_again()
        self.is_list_confirmed = True

    def is_removed(self, year_file: YearFile) -> bool:
        """Whether the member removed it; see `confirm_list`."""
        if not is_removed_by_member(year_file, self.files_of(year_file)):
            return False
        if year_file.removed_by_member_at or self.is_list_confirmed:
            return True
        self.confirm_list()
        return is_removed_by_member(year_file, self.files_of(year_file))


def generation_of(file: File) -> int:
    generation = file.metadata.get("generation")
    return generation if isinstance(generation, int) else 0


# --- What there is to publish ---------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Batch:
    """A staged batch, without its records."""

    pk: int
    weeks: list[str]
    staged_at: datetime

    def is_news(self, held: Mapping[str, str], ready: Collection[str]) -> bool:
        """Whether any of its weeks that may be written was not written since it was staged.

        `held` tells of each week when it was fetched.
        """
        return any(
            week not in held or datetime.fromisoformat(held[week]) < self.staged_at
            for week in ready
            if week in self.weeks
        )


@dataclass(frozen=True, slots=True)
class Staged:
    """One file's staged batches, and which of their weeks may be written now."""

    kind: str
    year: int
    batches: tuple[int, ...]
    weeks: frozenset[str]
    is_whole: bool
    is_year_passed: bool
    # Whether there is more to write than batches that stay for their other weeks.
    is_news: bool = True

    @classmethod
    def nothing(cls, year_file: YearFile) -> "Staged":
        """To write a year again out of what its files hold."""
        return cls(year_file.kind, year_file.year, (), frozenset(), is_whole=True, is_year_passed=True)


def staged_files(subscription: Subscription, may_publish: Callable[[Week], bool]) -> list[Staged]:
    """Files with something to write, newest year first.

    A week may be written when all streams have been read back beyond it, or when the file holds it already:
    a late record of a published week waits for nothing. `is_whole` files leave no staged week behind;
    of a year that is passed nothing more is expected.
    """
    groups: dict[tuple[int, str], list[Batch]] = {}
    rows = StagedBatch.objects.filter(subscription=subscription)
    for kind, year, pk, weeks, staged_at in rows.values_list("kind", "year", "pk", "weeks", "created_at"):
        groups.setdefault((year, kind), []).append(Batch(pk, weeks, staged_at))
    files = zones.outdated(subscription) if subscription.has_track_settings else ()
    outdated = {(file.year, file.kind) for file in files}
    for key in outdated:
        groups.setdefault(key, [])
    if not groups:
        return []
    fetched = _fetched(subscription, {year for year, _ in groups})
    found = []
    for (year, kind), batches in sorted(groups.items(), reverse=True):
        if kind in YearFile.TRACK_KINDS:
            found.append(_staged_tracks(kind, year, batches, is_urgent=(year, kind) in outdated))
            continue
        held = fetched.get((year, kind), {})
        names = {week for batch in batches for week in batch.weeks}
        ready = frozenset(week for week in names if week in held or may_publish(Week.parse(week)))
        if ready:
            found.append(
                Staged(
                    kind,
                    year,
                    tuple(batch.pk for batch in batches),
                    ready,
                    is_whole=len(ready) == len(names),
                    is_year_passed=may_publish(Week(year, 1)),
                    is_news=any(batch.is_news(held, ready) for batch in batches),
                )
            )
    return found


def _fetched(subscription: Subscription, years: Iterable[int]) -> dict[tuple[int, str], dict[str, str]]:
    """{year and kind of a file: {week that it holds: when that was fetched}}."""
    files = subscription.year_files.filter(year__in=years)
    return {
        (year, kind): fetched_at
        for year, kind, fetched_at in files.values_list("year", "kind", OfEachWeek("fetched_at"))
    }


def _staged_tracks(kind: str, year: int, batches: Iterable[Batch], *, is_urgent: bool) -> Staged:
    """Tracks wait for no stream. Their files are large: one is written when all its tracks have been read,
    and at once only when the privacy zones have changed."""
    pks = tuple(batch.pk for batch in batches)
    weeks = frozenset(week for batch in batches for week in batch.weeks)
    return Staged(kind, year, pks, weeks, is_whole=True, is_year_passed=is_urgent)


def publish(publisher: Publisher, staged: Iterable[Staged], goes_on: Callable[[], bool]) -> bool:
    """Publish file by file while `goes_on()`, one at least; False if more is to do in the next step."""
    left = list(staged)
    if finish_pending(publisher):
        left = _still_staged(left)
    if not clean(publisher, goes_on):
        return False
    while left:
        publish_year(publisher, left.pop(0))
        if not goes_on():
            break
    return not left


def _still_staged(staged: list[Staged]) -> list[Staged]:
    """Without the batches that went with an upload that was finished meanwhile."""
    pks = [pk for item in staged for pk in item.batches]
    there = set(StagedBatch.objects.filter(pk__in=pks).values_list("pk", flat=True))
    return [replace(item, batches=tuple(pk for pk in item.batches if pk in there)) for item in staged]


def clean_all(publisher: Publisher, goes_on: Callable[[], bool]) -> bool:
    """The same for all files, those of tracks included, whatever else is staged; False if more is to do."""
    finish_pending(publisher)
    if not clean(publisher, goes_on):
        return False
    staged = staged_files(publisher.subscription, lambda _week: False)
    for item in staged:
        if item.kind in YearFile.TRACK_KINDS:
            publish_year(publisher, item)
            if not goes_on():
                return False
    return True


def clean(publisher: Publisher, goes_on: Callable[[], bool]) -> bool:
    """Write again, without it, what the member took something out of; False when that takes another step.

    A damaged file keeps no other one waiting: raise its `DamagedFile` when it alone is left.
    """
    damaged: DamagedFile | None = None
    for year_file in publisher.subscription.year_files.filter(to_clean__gt=0):
        try:
            publish_year(publisher, Staged.nothing(year_file), is_cleaning=True)
        except DamagedFile as error:
            damaged = damaged or error
        if not goes_on():
            break
    else:
        if damaged is not None:
            raise damaged
    return not publisher.subscription.year_files.filter(to_clean__gt=0).exists()


# --- Finishing what another step began ------------------------------------------------------------


def finish_pending(publisher: Publisher) -> bool:
    """Tell whether an upload had been begun."""
    begun = list(publisher.subscription.year_files.exclude(pending=None))
    for year_file in begun:
        _finish_upload(publisher, year_file)
    for year_file in publisher.subscription.year_files.exclude(superseded=[]):
        delete_superseded(publisher, year_file)
    return bool(begun)


def _finish_upload(publisher: Publisher, year_file: YearFile) -> None:
    """The bytes may or may not have arrived: completing tells, and is harmless to repeat.

    Not where the member has removed the file meanwhile: what was to replace it stays unseen, and Open Humans
    forgets it.
    """
    pending = year_file.pending or {}
    if publisher.is_removed(year_file):
        respect_removal(publisher, year_file, pending["batches"])
        return
    try:
        size = publisher.openhumans.complete_upload(pending["file_id"])
    except (NotFound, UnexpectedResponse, Unavailable) as error:
        if isinstance(error, Unavailable) and error.is_timeout:
            raise
        size = -1
    publisher.list_again()
    if size == pending["size"]:
        confirm(publisher, year_file)
    else:
        logger.info("Forgetting an unfinished upload.", extra=publisher.run.detail)
        with transaction.atomic():
            publisher.run.hold()
            if size >= 0:
                year_file.superseded = [*year_file.superseded, pending["file_id"]]
            year_file.pending = None
            year_file.save(update_fields=["pending", "superseded"])


# --- One file -------------------------------------------------------------------------------------


def publish_year(publisher: Publisher, staged: Staged, *, is_cleaning: bool = False) -> None:
    year_file, _ = YearFile.objects.get_or_create(
        subscription=publisher.subscription, kind=staged.kind, year=staged.year
    )
    # Nothing is asked about what is known to be removed.
    if year_file.removed_by_member_at or publisher.is_removed(year_file):
        respect_removal(publisher, year_file, staged.batches)
        return
    sources = publisher.files_of(year_file)
    if is_cleaning and not sources:
        _note_clean(year_file, year_file.to_clean)
        return
    try:
        _write_anew(publisher, year_file, staged, sources, is_cleaning=is_cleaning)
    except (archive.UnreadableFile, UnreadableTracksFile) as error:
        raise DamagedFile(year_file.name, str(error)) from error


def _write_anew(
    publisher: Publisher, year_file: YearFile, staged: Staged, sources: list[File], *, is_cleaning: bool
) -> None:
    with ExitStack() as stack:
        spools: list[BinaryIO] = [stack.enter_context(tempfile.TemporaryFile()) for _ in sources]
        out = stack.enter_context(tempfile.TemporaryFile())
        if year_file.holds_tracks:
            _publish_tracks(publisher, year_file, staged, sources, spools, out)
            return
        for file, spool in zip(sources, spools, strict=True):
            publisher.openhumans.download(file, spool, deadline=TRANSFER_SECONDS)
            spool.seek(0)
        written = _write(publisher, year_file, staged, spools, out)
        ledger = _new_ledger(publisher, year_file, staged, written)
        outcome = _outcome(staged, written, ledger)
        if is_cleaning:
            outcome["cleaned"] = year_file.to_clean
        if len(sources) == 1 and not written.is_changed:
            _keep(publisher, year_file, sources[0], spools[0], outcome)
            return
        _upload(publisher, year_file, sources, out, outcome)


def living_files(year_file: YearFile, files: Iterable[File]) -> list[File]:
    """Without those that the current file has replaced and that are only still to be deleted."""
    return [
        file
        for file in files
        if file.id == year_file.current_id
        or (file.id not in year_file.superseded and generation_of(file) > year_file.generation)
    ]


def _publish_tracks(
    publisher: Publisher,
    year_file: YearFile,
    staged: Staged,
    sources: list[File],
    spools: list[BinaryIO],
    out: BinaryIO,
) -> None:
    """The same with tracks: what is downloaded passes the privacy zones before it touches the disk."""
    member_zones = zones.load(publisher.subscription)
    sieves = [composing.Sieve(spool, member_zones.places) for spool in spools]
    # Files that the ledger has lost were written with nobody knows which zones.
    is_known = [file.id for file in sources] == [year_file.current_id]
    is_sifted = year_file.zones_version != member_zones.version or not is_known
    for file, spool, sieve in zip(sources, spools, sieves, strict=True):
        into = cast(BinaryIO, sieve) if is_sifted else spool
        publisher.openhumans.download(file, into, deadline=TRANSFER_SECONDS)
        spool.seek(0)
    composed = composing.compose(year_file, staged.batches, member_zones, spools, sieves, out)
    written = composed.written
    outcome: dict[str, Any] = {
        "size": written.size,
        "md5": written.md5,
        "weeks": composing.ledger_of(written),
        "touched": [],
        "batches": list(staged.batches),
        "new": written.new,
        "changed": written.changed,
        "zones": member_zones.version,
    }
    if not sources and composed.is_empty:
        _drop_batches(publisher, staged.batches)
    elif len(sources) == 1 and not composed.is_changed:
        _keep(publisher, year_file, sources[0], spools[0], outcome)
    else:
        _upload(publisher, year_file, sources, out, outcome)


def _drop_batches(publisher: Publisher, batches: Iterable[int]) -> None:
    with transaction.atomic():
        publisher.run.hold()
        StagedBatch.objects.filter(pk__in=batches).delete()


def is_removed_by_member(year_file: YearFile, files: Iterable[File]) -> bool:
    """A file of ours that Open Humans no longer lists and that we did not delete: the member did.

    `files` are those of its name. A newer one of another id is our own work that the ledger has lost, because
    an older state of the database was restored.
    """
    if year_file.removed_by_member_at:
        return True
    return year_file.current_id is not None and not living_files(year_file, files)


def respect_removal(publisher: Publisher, year_file: YearFile, batches: Iterable[int] = ()) -> None:
    with transaction.atomic():
        publisher.run.hold()
        mark_removed(year_file, publisher.now)
        StagedBatch.objects.filter(pk__in=list(batches)).delete()


def mark_removed(year_file: YearFile, at: datetime) -> None:
    """By its member. In the caller's transaction, with whatever is staged for it."""
    year_file.removed_by_member_at = year_file.removed_by_member_at or at
    year_file.current_id, year_file.size, year_file.md5, year_file.weeks = None, 0, "", {}
    year_file.pending, year_file.to_clean = None, 0
    year_file.save(update_fields=REMOVED)
    sheets.forget(year_file)


def _write(
    publisher: Publisher, year_file: YearFile, staged: Staged, sources: list[BinaryIO], out: BinaryIO
) -> archive.Written:
    with tempfile.TemporaryFile() as file:
        entries = Spool(file)
        for batch in StagedBatch.objects.filter(pk__in=staged.batches).order_by("pk").iterator(chunk_size=50):
            entries.add(batch.content, staged.weeks)
        return _write_entries(publisher, year_file, entries, sources, out)


def _write_entries(
    publisher: Publisher, year_file: YearFile, entries: Spool, sources: list[BinaryIO], out: BinaryIO
) -> archive.Written:
    subscription = publisher.subscription
    omissions = subscription.omissions
    counts_private = year_file.kind == YearFile.Kind.PUBLIC and not omissions.private_counts
    private_count = year_file.private_contributions if counts_private else None
    header = archive.Header(year_file.year, subscription.github_id, private_count)
    kinds = [kind for kind in subscription.kinds if kind != CALENDAR]
    # Every week is looked into where something was taken out, or the file is not the ledger's own.
    is_own = year_file.current_id in {file.id for file in publisher.files_of(year_file)}
    return archive.write_year(
        out,
        header,
        sources,
        entries,
        _states(publisher, year_file, entries),
        kinds,
        known=year_file.weeks if is_own and not year_file.to_clean else (),
        is_left_out=memory_of(subscription).covers,
        omissions=omissions,
    )


def _states(publisher: Publisher, year_file: YearFile, entries: Collection[str]) -> dict[str, str]:
    """States to write: of touched weeks, and of those that were not complete yet; none outside the ledger.

    None at all where nothing was read: a file that is only written again tells nothing new of its weeks.
    """
    starts_on, now = publisher.subscription.ledger_starts_on, publisher.now
    if starts_on is None or not entries:
        return {}
    unsettled = {
        week
        for week, entry in year_file.weeks.items()
        if entry.get("state") in (WeekState.OPEN, WeekState.SETTLING)
    }
    first, last = Week.of(starts_on), Week.of(now)
    settling = timedelta(hours=settings.SYNC_SETTLING_HOURS)
    weeks = (Week.parse(text) for text in {*entries, *unsettled})
    return {str(week): str(held_state(week, now, settling)) for week in weeks if first <= week <= last}


def _new_ledger(
    publisher: Publisher, year_file: YearFile, staged: Staged, written: archive.Written
) -> dict[str, WeekEntry]:
    ledger = dict(year_file.weeks)
    for week, entry in written.weeks.items():
        known = None if staged.weeks else ledger.get(week, {}).get("fetched_at")
        ledger[week] = {**entry, "fetched_at": known or publisher.now.isoformat()}
    return ledger


def _outcome(staged: Staged, written: archive.Written, ledger: dict[str, WeekEntry]) -> dict[str, Any]:
    """What becomes true when the file is confirmed; kept as `pending` until then."""
    return {
        "size": written.size,
        "md5": written.md5,
        "weeks": ledger,
        "touched": sorted(written.weeks) if staged.weeks else [],
        # Batches with weeks that must still wait stay; merging them again changes nothing.
        "batches": list(staged.batches) if staged.is_whole else [],
        "new": written.new,
        "changed": written.changed,
    }


def _keep(
    publisher: Publisher, year_file: YearFile, file: File, spool: BinaryIO, outcome: dict[str, Any]
) -> None:
    """Nothing but states of weeks would change: the file on Open Humans stays, only the ledger moves."""
    size, md5 = composing.md5_of(spool)
    outcome |= {
        "file_id": file.id,
        "generation": generation_of(file),
        "size": size,
        "md5": md5,
        "supersedes": [],
    }
    year_file.pending = outcome
    confirm(publisher, year_file, is_upload=False)


def _upload(
    publisher: Publisher, year_file: YearFile, sources: list[File], out: BinaryIO, outcome: dict[str, Any]
) -> None:
    generation = max([publisher.subscription.fence, *(generation_of(file) + 1 for file in sources)])
    metadata = file_metadata(publisher, year_file, outcome) | {"generation": generation}
    publisher.run.hold()
    started = publisher.openhumans.start_upload(year_file.name, metadata)
    outcome |= {
        "file_id": started.file_id,
        "generation": generation,
        "supersedes": [file.id for file in sources],
    }
    with transaction.atomic():
        publisher.run.hold()
        year_file.pending = outcome
        year_file.save(update_fields=["pending"])
    _send(publisher, started, out, outcome["size"])
    publisher.outdated.add(year_file.name)
    size = publisher.openhumans.complete_upload(started.file_id)
    if size != outcome["size"]:
        raise UploadRefused(f"Open Humans holds {size} bytes of {year_file.name}, not {outcome['size']}.")
    confirm(publisher, year_file)
    delete_superseded(publisher, year_file)


def _send(publisher: Publisher, started: StartedUpload, out: BinaryIO, size: int) -> None:
    out.seek(0)
    publisher.run.hold()
    publisher.openhumans.put_upload(started, out, size, deadline=TRANSFER_SECONDS)


def confirm(publisher: Publisher, year_file: YearFile, *, is_upload: bool = True) -> None:
    """The file is whole on Open Humans: now, and only now, its weeks count as held."""
    pending, run = year_file.pending or {}, publisher.run
    with transaction.atomic():
        run.hold()
        year_file.current_id = pending["file_id"]
        year_file.size, year_file.md5 = pending["size"], pending["md5"]
        year_file.generation, year_file.weeks = pending["generation"], pending["weeks"]
        year_file.superseded = sorted({*year_file.superseded, *pending["supersedes"]})
        year_file.published_at = publisher.now if is_upload else year_file.published_at
        year_file.zones_version = pending.get("zones", year_file.zones_version)
        year_file.pending = None
        # Not the whole row: what the member decided meanwhile stays decided.
        year_file.save(update_fields=CONFIRMED)
        if year_file.holds_tracks:
            sheets.confirm(year_file)
        _note_clean(year_file, pending.get("cleaned", 0))
        StagedBatch.objects.filter(pk__in=pending["batches"]).delete()
        run.add_weeks(week for week in pending["touched"] if pending["weeks"][week].get("state"))
        run.records_new += pending["new"]
        run.records_changed += pending["changed"]
        if is_upload:
            run.uploads += 1
            run.bytes_uploaded += pending["size"]
            count("uploaded_bytes", amount=pending["size"])
        run.has_got_on()
        run.save(
            update_fields=["weeks_fetched", "records_new", "records_changed", "uploads", "bytes_uploaded"]
        )


def _note_clean(year_file: YearFile, cleaned: int) -> None:
    """Unless more was taken out since: then it is looked through once more."""
    YearFile.objects.filter(pk=year_file.pk, to_clean=cleaned).update(to_clean=0)


def delete_superseded(publisher: Publisher, year_file: YearFile) -> None:
    """Delete what the current file replaced, by id: names are not unique on Open Humans."""
    for file_id in list(year_file.superseded):
        if file_id != year_file.current_id:
            publisher.outdated.add(year_file.name)
            publisher.openhumans.delete_file(file_id)
        with transaction.atomic():
            publisher.run.hold()
            year_file.superseded = [other for other in year_file.superseded if other != file_id]
            year_file.save(update_fields=["superseded"])


def publish_documents(publisher: Publisher, documents: Iterable[Document]) -> None:
    for document in documents:
        publish_document(publisher, document)


def publish_document(publisher: Publisher, document: Document) -> None:
    """A file that is written whole each time, and only uploaded when its bytes changed."""
    year_file, _ = YearFile.objects.get_or_create(
        subscription=publisher.subscription, kind=document.kind, year=0
    )
    md5 = hashlib.md5(document.content, usedforsecurity=False).hexdigest()
    if year_file.removed_by_member_at or publisher.is_removed(year_file):
        respect_removal(publisher, year_file)
        return
    sources = publisher.files_of(year_file)
    if [file.id for file in sources] == [year_file.current_id] and year_file.md5 == md5:
        return
    outcome: dict[str, Any] = {
        "size": len(document.content),
        "md5": md5,
        "weeks": {},
        "touched": [],
        "batches": [],
        "new": 0,
        "changed": 0,
        "document": {"format": document.format, "description": document.description},
    }
    if document.kind == YearFile.Kind.PROFILE:
        outcome["document"]["collected"] = _collected(publisher, sources)
    if len(sources) == 1 and sources[0].metadata.get("md5") == md5:
        _adopt(publisher, year_file, sources[0], outcome)
        return
    _upload(publisher, year_file, sources, io.BytesIO(document.content), outcome)


def _collected(publisher: Publisher, sources: list[File]) -> Any:
    """Of a run that asked GitHub; another one has nothing newer to say than the file before."""
    if publisher.run.probed_at is not None:
        return collected(publisher.subscription, publisher.run.probed_at)
    return sources[-1].metadata.get("collected") if sources else None


def _adopt(publisher: Publisher, year_file: YearFile, file: File, outcome: dict[str, Any]) -> None:
    """It is there already, which a restored database did not know."""
    year_file.pending = {
        **outcome,
        "file_id": file.id,
        "generation": generation_of(file),
        "supersedes": [],
    }
    confirm(publisher, year_file, is_upload=False)


def file_metadata(publisher: Publisher, year_file: YearFile, outcome: dict[str, Any]) -> dict[str, Any]:
    """What Open Humans keeps beside the file; the only place for a clock of ours."""
    common = {
        "tags": [*(TRACK_TAGS if year_file.holds_tracks else TAGS), year_file.kind],
        "md5": outcome["md5"],
        "creation_date": publisher.now.isoformat(),
        "github_id": publisher.subscription.github_id,
        "kind": year_file.kind,
    }
    if "document" in outcome:
        return {**common, **outcome["document"]}
    starts_on, ends_on = archive.span(outcome["weeks"]) or _whole_year(year_file.year)
    is_public = year_file.kind in (YearFile.Kind.PUBLIC, YearFile.Kind.TRACKS)
    common |= {
        "start_date": starts_on.isoformat(),
        "end_date": ends_on.isoformat(),
        "year": year_file.year,
    }
    if year_file.holds_tracks:
        which = "" if is_public else "private "
        description = f"GPS tracks of {year_file.year} from {which}GitHub repositories."
        return {**common, "description": description, "format": geojson_file.FORMAT}
    which = "" if is_public else " in private repositories"
    return {
        **common,
        "description": f"GitHub activity of {year_file.year}{which}, week by week.",
        "format": archive.FORMAT,
        "weeks_complete": sum(
            entry.get("state") == WeekState.COMPLETE for entry in outcome["weeks"].values()
        ),
    }


def _whole_year(year: int) -> tuple[date, date]:
    weeks = weeks_of_year(year)
    return weeks[0].starts_on, weeks[-1].ends_on
