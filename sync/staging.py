"""What was learnt waits in Postgres, encrypted, until the year files that hold it are confirmed."""

from collections.abc import Iterable

from sync import archive
from sync.left_out import Memory, memory_of
from sync.models import StagedBatch, Subscription
from sync.records import CENSUS, Entry
from sync.weeks import Week


def stage(subscription: Subscription, entries: Iterable[tuple[str, Entry]]) -> None:
    """Keep entries until the year files that hold them are confirmed.

    Not what the member took out, and none that the choice does not cover.
    """
    entries = list(subscription.omissions.entries(entries, subscription.github_login))
    left_out = memory_of(subscription) if entries else Memory()
    groups: dict[tuple[str, int], list[Entry]] = {}
    for kind, entry in entries:
        named = entry.data["kind"] if entry.kind == CENSUS else entry.kind
        if named not in subscription.kinds or left_out.covers(entry.kind, entry.data):
            continue
        groups.setdefault((kind, Week.parse(entry.week).year), []).append(entry)
    for (kind, year), group in groups.items():
        weeks = (entry.week for entry in group)
        StagedBatch.objects.stage(subscription, kind, year, weeks, archive.pack(group))
