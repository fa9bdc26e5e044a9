"""Which held records a complete listing no longer has: they stay, and get the day on which they were missed.

A listing that is read again whole notes the records it met, by week. At its end one entry for each week that
may hold more goes the way of all records; when the file is written, those not met are marked. A record that
comes again loses its mark (`Kind.united`).
"""

from collections.abc import Callable, Mapping, Sequence

from django.utils import timezone

from sync.models import OfEachWeek, Subscription, YearFile
from sync.records import CENSUS, Entry


def entries(
    subscription: Subscription,
    kind: str,
    where: Mapping[str, Sequence[str]],
    met: Mapping[str, Sequence[str]],
    is_in_doubt: Callable[[str, int], bool],
    after: str = "",
) -> list[tuple[str, Entry]]:
    """One for each week of which `is_in_doubt(week, how many records of this kind are held)`.

    `where` names the fields and values that tell the listing's records from others of their kind, `met` the
    short keys by week; with `after`, the listing covers only what was committed after that week.
    """
    files = subscription.year_files.filter(kind__in=(YearFile.Kind.PUBLIC, YearFile.Kind.PRIVATE))
    found: list[tuple[str, Entry]] = []
    for file_kind, counts in files.values_list("kind", OfEachWeek("counts")):
        for week, of_week in counts.items():
            held = of_week.get(kind, 0)
            if held and is_in_doubt(week, held):
                data = {
                    "kind": kind,
                    "where": {name: list(values) for name, values in where.items()},
                    "met": sorted(met.get(week, ())),
                    "after": after,
                    "on": timezone.now().date().isoformat(),
                }
                found.append((file_kind, Entry(CENSUS, week, data)))
    return found
