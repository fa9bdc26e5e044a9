"""What was learnt waits in Postgres, encrypted, until the year files that hold it are confirmed."""

from collections.abc import Iterable

from sync import archive
from sync.models import StagedBatch, Subscription
from sync.records import Entry
from sync.weeks import Week


def stage(subscription: Subscription, entries: Iterable[tuple[str, Entry]]) -> None:
    """Keep entries until the year files that hold them are confirmed."""
    groups: dict[tuple[str, int], list[Entry]] = {}
    for kind, entry in entries:
        groups.setdefault((kind, Week.parse(entry.week).year), []).append(entry)
    for (kind, year), group in groups.items():
        weeks = (entry.week for entry in group)
        StagedBatch.objects.stage(subscription, kind, year, weeks, archive.pack(group))
