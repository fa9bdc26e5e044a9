"""How many requests, points and bytes a member costs, beside the naive way and the fewest possible."""

from sandbox.github.generated_size import PROFILES
from tests.benchmarks import floor
from tests.benchmarks.figures import Report, ratio
from tests.benchmarks.journeys import Journey, Leg, journey

ACTIVE_DAYS = 200
# Asked apart, once a week: GitHub has no list of them.
APART = ("Releases",)
MOST = {"typical": 137}
MOST_FOR_COMMITS = {"typical": 60}
MOST_ON_AN_ACTIVE_DAY = 6


def measure() -> Report:
    report = Report()
    for profile in PROFILES:
        _add(report, profile, journey(profile))
    report.note(
        "The naive way and the floor are described in `tests/benchmarks/naive.py` and `floor.py`. A year has"
        f" {ACTIVE_DAYS} active days and {365 - ACTIVE_DAYS} idle ones, each as measured here. Bytes are"
        " those of bodies, both services together. The naive way brings commits only, without statistics, and"
        " none of those in repositories that GitHub does not list for the member; for the heavy account its"
        " requests are counted from GitHub's own page numbers and its bytes are not measured."
    )
    return report


def _add(report: Report, profile: str, found: Journey) -> None:
    size = PROFILES[profile]
    first, idle, active = found.first, found.idle, found.active
    assert idle is not None
    assert active is not None
    asked = first.requests - sum(first.operations.get(name, 0) for name in APART)
    most = MOST.get(profile)
    report.add(
        f"{profile}: first backfill, requests (releases apart)",
        f"{asked:,} ({first.points:,} points)",
        f"naive {found.naive_requests:,}, with statistics {found.naive_requests + size.commits:,};"
        f" floor {floor.of_backfill(size):,}",
        f"{ratio(asked, found.naive_requests + size.commits)} of naive with statistics,"
        f" {ratio(asked, floor.of_backfill(size))} of floor",
        f"at most {most}" if most else "",
        met=asked <= most if most else None,
    )
    commits = of_commits(first)
    bar = MOST_FOR_COMMITS.get(profile)
    report.add(
        f"{profile}: of these for commits",
        f"{commits:,}",
        f"floor {-(-size.commits // 200):,}",
        f"{ratio(commits, -(-size.commits // 200))} of floor",
        f"at most {bar}" if bar else "",
        met=commits <= bar if bar else None,
    )
    naive = found.naive_requests
    report.add(
        f"{profile}: idle day, requests",
        f"{idle.requests} and {idle.openhumans_requests} to Open Humans",
        f"naive {naive_of_a_day(found):,}; floor {floor.of_idle_day()}",
        f"{ratio(idle.requests, naive_of_a_day(found))} of naive",
        "1 and 0",
        met=(idle.requests, idle.openhumans_requests) == (1, 0),
    )
    report.add(
        f"{profile}: active day, requests",
        f"{active.requests} ({active.points} points)",
        f"naive {naive_of_a_day(found):,}; floor {floor.of_active_day()}",
        f"{ratio(active.requests, naive_of_a_day(found))} of naive",
        f"at most {MOST_ON_AN_ACTIVE_DAY}" if profile == "typical" else "",
        met=active.requests <= MOST_ON_AN_ACTIVE_DAY if profile == "typical" else None,
    )
    year = idle.requests * (365 - ACTIVE_DAYS) + active.requests * ACTIVE_DAYS
    report.add(
        f"{profile}: a year of daily syncs, requests",
        f"{year:,}",
        f"naive {365 * naive_of_a_day(found):,}; floor {floor.of_a_year(ACTIVE_DAYS):,}",
        f"{ratio(year, 365 * naive)} of naive, {ratio(year, floor.of_a_year(ACTIVE_DAYS))} of floor",
    )
    _add_bytes(report, profile, found)


def _add_bytes(report: Report, profile: str, found: Journey) -> None:
    legs = (("first backfill", found.first), ("idle day", found.idle), ("active day", found.active))
    for place, (name, leg) in enumerate(legs):
        assert leg is not None
        if not found.naive:
            continue
        naive = found.naive[min(place, 1)]
        report.add(
            f"{profile}: {name}, kB down and up",
            f"{kilo(leg.bytes_down)} and {kilo(leg.bytes_up)}",
            f"naive {kilo(naive.bytes_down)} and {kilo(naive.bytes_up)}",
            f"{ratio(leg.bytes_down + leg.bytes_up, naive.bytes_down + naive.bytes_up)} of naive",
        )


def of_commits(leg: Leg) -> int:
    return sum(
        count for name, count in leg.operations.items() if name in ("CommitPages", "CommitTotals", "Pages")
    )


def naive_of_a_day(found: Journey) -> int:
    """The naive way asks for everything, every day."""
    return found.naive_requests


def kilo(count: int) -> str:
    return f"{count / 1000:,.0f}"
