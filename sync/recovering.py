"""A member of whom we know nothing, and whose files on Open Humans know everything: after a lost database.

The files become the ledger again, and what they hold tells from where on GitHub has to be read. Nothing is
believed that cannot be shown:

- A history counts as held where the profile says as many commits as the year files have of it: both were
  written when it had been read to its end. It is then read from its top until it meets what is held, as in
  any run. Of any other history nothing is believed, and it is read to its end.
- A list counts as read until the moment at which the run began that wrote the profile, where its kind was
  collected then, and the choice was as wide as it is now. What changed later stands above that.
- A year's calendar counts as read where each of its weeks stands complete in a file.
- A file that was there when the profile was written and that two lists lack was removed by the member.

Without a profile, or with a damaged year file, nothing is believed: everything is read, and united with what
the files hold.
"""

import json
import logging
import tempfile
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from django.db import transaction

from openhumans_client import File
from sync.adopting import adopt
from sync.archive import ArchiveError
from sync.collect import agreement, lists, releases, reviews
from sync.models import RepositoryState, Subscription, SyncRun, YearFile
from sync.publish import TRANSFER_SECONDS, Publisher
from sync.reconciling import row_of
from sync.records import CALENDAR, MISSED_ON
from sync.weeks import Week, WeekState, iter_weeks

logger = logging.getLogger(__name__)
# Clocks differ: ours was written beside the profile, GitHub's stands on the records.
CLOCKS = timedelta(days=1)
LARGEST_PROFILE = 50_000_000
PROFILES = (YearFile.Kind.PROFILE, YearFile.Kind.PRIVATE_PROFILE)
NOT_OF_GITHUB = ("owner_id", "repository_id", "repository", "visibility", "is_fork", "is_owner", "commits")


def is_wanted(run: SyncRun) -> bool:
    """Before the first question to GitHub, of a member whose files were never looked at."""
    subscription = run.subscription
    return run.probed_at is None and subscription.reconciled_at is None and not subscription.probe


@dataclass
class Holdings:
    """What the year files hold of each repository's history, without what GitHub no longer has.

    `newest` is the commit with the newest committer date, as (date, oid).
    """

    tallies: dict[str, dict[str, list[int]]] = field(default_factory=lambda: defaultdict(dict))
    newest: dict[str, tuple[str, str]] = field(default_factory=dict)

    def visit(self, week: Mapping[str, Any]) -> None:
        for commit in week.get("commits", []):
            if not commit.get("imported") and MISSED_ON not in commit:
                self._count(commit["repository_id"], commit["committed_at"], commit["oid"])

    def _count(self, repository_id: str, committed_at: str, oid: str) -> None:
        week = str(Week.of(datetime.fromisoformat(committed_at)))
        known = self.tallies[repository_id]
        known |= agreement.added({week: known.get(week, agreement.NOTHING)}, agreement.tally([(week, oid)]))
        self.newest[repository_id] = max(self.newest.get(repository_id, ("", "")), (committed_at, oid))


# The newest file of each row, by the row's key.
Newest = Mapping[int, tuple[YearFile, File]]


def recover(publisher: Publisher) -> None:
    """Adopt the member's files, and note what of GitHub is known by them; nothing where there are none."""
    newest = _newest_files(publisher)
    removed = _not_listed(publisher, newest)
    if removed:
        publisher.confirm_list()
        newest = _newest_files(publisher)
        removed &= _not_listed(publisher, newest)
    if not newest:
        return
    holdings = Holdings()
    try:
        for row, file in newest.values():
            adopt(publisher, row, file, holdings.visit)
    except ArchiveError as error:
        logger.warning("Everything is read again, because a file is damaged: %s", error)
        return
    profiles = [(row, file) for row, file in newest.values() if row.kind in PROFILES]
    known = [facts for _, file in profiles for facts in _repositories_in(publisher, file)]
    with transaction.atomic():
        publisher.run.hold()
        _recover_repositories(publisher.subscription, known, holdings)
        _recover_removals(publisher, removed)
        _recover_lists(publisher.subscription, _told(newest))
    logger.info("Recovered from %d files.", len(newest), extra=publisher.run.detail)


def _newest_files(publisher: Publisher) -> Newest:
    rows = ((row_of(publisher, file), file) for file in publisher.own_files)
    return {row.pk: (row, file) for row, file in rows if row is not None}


def _told(newest: Newest) -> Mapping[str, Any]:
    """What the profile says of the run that wrote it."""
    told = (file.metadata.get("collected") for row, file in newest.values() if row.kind == PROFILES[0])
    return next((facts for facts in told if isinstance(facts, dict)), {})


# --- Repositories -----------------------------------------------------------------------------------------


def _repositories_in(publisher: Publisher, file: File) -> list[dict[str, Any]]:
    with tempfile.TemporaryFile() as spool:
        publisher.openhumans.download(file, spool, deadline=TRANSFER_SECONDS, largest=LARGEST_PROFILE)
        spool.seek(0)
        try:
            found = json.load(spool)["repositories"]
        except (ValueError, KeyError, TypeError):
            return []
    return [
        facts for facts in found if isinstance(facts, dict) and isinstance(facts.get("repository_id"), str)
    ]


def _recover_repositories(
    subscription: Subscription, known: list[dict[str, Any]], holdings: Holdings
) -> None:
    for facts in known:
        if facts.get("visibility") != "public" and not subscription.includes_private:
            continue
        node_id = facts["repository_id"]
        tallies = holdings.tallies.get(node_id, {})
        is_sure = agreement.count(tallies) == facts.get("commits")
        RepositoryState.objects.update_or_create(
            subscription=subscription,
            node_id=node_id,
            defaults={
                "name": str(facts.get("repository", "")),
                "visibility": str(facts.get("visibility", "private")),
                "is_fork": bool(facts.get("is_fork")),
                "not_readable": str(facts.get("not_readable") or ""),
                "details": _details(subscription, facts),
                # Its head is not known: the listing tells it, and then it is read.
                "is_read": True,
                "held_by_week": tallies if is_sure else {},
                "held": agreement.count(tallies) if is_sure else 0,
                "newest_oid": holdings.newest[node_id][1] if is_sure and tallies else "",
            },
        )


def _details(subscription: Subscription, facts: Mapping[str, Any]) -> dict[str, Any]:
    details = {name: value for name, value in facts.items() if name not in (*NOT_OF_GITHUB, "not_readable")}
    return {**details, "owner_id": subscription.github_node_id if facts.get("is_owner") else None}


# --- What the member removed ------------------------------------------------------------------------------


def _not_listed(publisher: Publisher, newest: Newest) -> set[str]:
    """Names of files that were there when the profile was written."""
    listed = {file.basename for file in publisher.own_files}
    return {str(name) for name in _told(newest).get("files", [])} - listed


def _recover_removals(publisher: Publisher, removed: set[str]) -> None:
    for kind, year in filter(None, map(_place_of, sorted(removed))):
        row, _ = YearFile.objects.get_or_create(subscription=publisher.subscription, kind=kind, year=year)
        row.removed_by_member_at = publisher.now
        row.save(update_fields=["removed_by_member_at"])


def _place_of(name: str) -> tuple[str, int] | None:
    """Kind and year of a file of ours by its name."""
    for kind in YearFile.Kind.values:
        digits = "".join(filter(str.isdigit, name))[:4]
        year = int(digits) if digits and kind not in YearFile.DOCUMENTS else 0
        if YearFile(kind=kind, year=year).name == name:
            return kind, year
    return None


# --- Lists and calendars ----------------------------------------------------------------------------------


def _recover_lists(subscription: Subscription, told: Mapping[str, Any]) -> None:
    try:
        until = datetime.fromisoformat(str(told["until"])) - CLOCKS
        kinds, counted = {str(kind) for kind in told["kinds"]}, dict(told["counted"])
    except (KeyError, TypeError, ValueError):
        return
    agreed = subscription.agreement
    is_narrower = (agreed.get("private") and not told.get("private")) or (
        agreed.get("secret_gists") and not told.get("secret_gists")
    )
    state: dict[str, Any] = {}
    if CALENDAR in kinds:
        state[CALENDAR] = {"years": _years_read(subscription), "windows": []}
    if not is_narrower:
        state |= _lists_read(subscription, kinds, until, counted)
    subscription.lists = {**subscription.lists, **state}
    subscription.save(update_fields=["lists"])


def _lists_read(
    subscription: Subscription, kinds: set[str], until: datetime, counted: Mapping[str, Any]
) -> dict[str, Any]:
    names = set(lists.names_for(subscription.kinds)) & set(lists.names_for(kinds))
    moment = until.isoformat()
    state: dict[str, Any] = {
        name: {"said": 0, "top": "", "watermark": moment, "reading": None, **_counted(counted.get(name))}
        for name in names
    }
    if reviews.LIST in kinds:
        state[reviews.LIST] = {"watermark": moment, "reading": None, "rests": []}
    if releases.LIST in kinds:
        # The last look was up to a week before.
        looked = (until - releases.EVERY).isoformat()
        state[releases.LIST] = {"checked_at": looked, "queue": []}
    return state


def _counted(known: object) -> dict[str, Any]:
    """How many GitHub counted then: what was deleted since shows in the difference."""
    facts = known if isinstance(known, dict) else {}
    total, newest = facts.get("total"), facts.get("newest")
    if not isinstance(total, int):
        return {}
    return {"counted": total, **({"created": newest} if isinstance(newest, str) else {})}


def _years_read(subscription: Subscription) -> list[int]:
    """Calendar years of which each week stands complete in a public file."""
    files = subscription.year_files.filter(kind=YearFile.Kind.PUBLIC).exclude(current_id=None)
    ledgers = {
        week: entry for weeks in files.values_list("weeks", flat=True) for week, entry in weeks.items()
    }
    complete = {week for week, entry in ledgers.items() if entry.get("state") == WeekState.COMPLETE}
    years = {Week.parse(week).year for week in complete}
    return sorted(year for year in years if _weeks_touched(year) <= complete)


def _weeks_touched(year: int) -> set[str]:
    return {str(week) for week in iter_weeks(Week.of(date(year, 1, 1)), Week.of(date(year, 12, 31)))}
