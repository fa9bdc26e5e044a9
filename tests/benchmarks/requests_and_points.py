"""How many requests, points and bytes a member costs, beside the naive way and the floor."""

from operator import attrgetter

from sandbox.github.generated_size import PROFILES, Size
from sync.consent import KINDS
from tests.benchmarks import floor
from tests.benchmarks.figures import Report, ratio
from tests.benchmarks.journeys import Journey, Leg, NaiveLeg, journey, rest_requests_of_tracks
from tests.benchmarks.quiet_days import DAYS, DAYS_OF_A_YEAR

ACTIVE_DAYS = 200
IDLE_DAYS = 365 - ACTIVE_DAYS
# Asked apart, once a week: GitHub has no list of them.
APART = ("Releases",)
FOR_COMMITS = ("CommitPages", "CommitTotals", "Pages")
# The account of the bars.
TYPICAL = "typical"
MOST = 137
MOST_FOR_COMMITS = 60
MOST_ON_AN_ACTIVE_DAY = 6
MOST_FOR_TRACKS = 60


def measure() -> Report:
    report = Report()
    for profile, size in PROFILES.items():
        found = journey(profile)
        _add_backfill(report, profile, found, size)
        _add_days(report, profile, found)
        _add_year(report, profile, found)
        _add_bytes(report, profile, found)
    _add_tracks(report, PROFILES[TYPICAL])
    report.note(
        "The naive way and the floor are described in `tests/benchmarks/naive.py` and `floor.py`. The floor"
        f" is `ceil(items / {floor.PAGE})` requests for each list by itself ({floor.COMMITS} commits to a"
        " request), one where nothing changed and two where something did. Ours can be below it, since one"
        " request goes on in several lists at once. In bytes it is the finished files, once down as the"
        " records they hold and once up; a day has none, since Open Humans takes whole files. A year has"
        f" {ACTIVE_DAYS} active days and {IDLE_DAYS} idle ones. What recurs in it was counted: {DAYS} days"
        " without news, one after the other by a clock that is set on a day each time, in which everything"
        " that is asked again weekly (releases, reviews, the documents, the ledger against what lies at Open"
        " Humans) and monthly (all totals and calendars) falls due. A year is 365 days of their mean, and for"
        " each active day what it costs more than an idle one. The floor asks nothing again. Bytes are those"
        " of bodies, both services together. The naive way brings commits only, without statistics: with"
        " them it"
        " is by arithmetic one request more for each commit. Our files hold the statistics, and with the"
        " commits"
        f" {len(KINDS)} kinds of records and the calendar, each a list that has to be read: where the ratio"
        " to"
        " the plain naive way is above 1, that is why. That our files hold each commit it finds is checked."
        " For the heavy account its requests are counted from"
        " GitHub's own page numbers, and its bytes are estimated: pages times the size of those that were"
        " read. Counts are those of the stand-ins, and equal what the run says of itself."
    )
    return report


def _add_backfill(report: Report, profile: str, found: Journey, size: Size) -> None:
    first, naive, is_barred = found.first, found.naive[0].requests, profile == TYPICAL
    asked = first.graphql_requests - sum(first.operations.get(name, 0) for name in APART)
    report.add(
        f"{profile}: first backfill, requests (releases apart)",
        f"{asked:,} ({first.points:,} points)",
        f"naive {naive:,}, with statistics {naive + size.commits:,}; floor {floor.of_backfill(size):,}",
        f"{ratio(asked, naive)} of naive, {ratio(asked, naive + size.commits)} of naive with statistics,"
        f" {ratio(asked, floor.of_backfill(size))} of floor",
        f"at most {MOST}" if is_barred else "",
        met=asked <= MOST if is_barred else None,
    )
    commits = sum(first.operations.get(name, 0) for name in FOR_COMMITS)
    full_pages = floor.of_commits(size)
    report.add(
        f"{profile}: of these for commits",
        f"{commits:,}",
        f"floor {full_pages:,}",
        f"{ratio(commits, full_pages)} of floor",
        f"at most {MOST_FOR_COMMITS}" if is_barred else "",
        met=commits <= MOST_FOR_COMMITS if is_barred else None,
    )


def _add_days(report: Report, profile: str, found: Journey) -> None:
    idle, active, naive = found.idle, found.active, found.naive[1].requests
    sent = {(leg.requests, leg.openhumans_requests, leg.openhumans_bytes) for leg in found.idle_days}
    report.add(
        f"{profile}: idle day, requests",
        f"{idle.requests} ({idle.points} points) and {idle.openhumans_requests} to Open Humans,"
        f" with {idle.openhumans_bytes} bytes",
        f"naive {naive:,}; floor {floor.of_idle_day()}",
        f"{ratio(idle.requests, naive)} of naive",
        f"1 and 0, 0 bytes, on each of {len(found.idle_days)} days",
        met=sent == {(1, 0, 0)},
    )
    most = max(leg.requests for leg in found.active_days)
    is_barred = profile == TYPICAL
    report.add(
        f"{profile}: active day, requests",
        f"{active.requests} ({active.points} points) and {active.openhumans_requests} to Open Humans",
        f"naive {naive:,}; floor {floor.of_active_day()}",
        f"{ratio(active.requests, naive)} of naive",
        f"at most {MOST_ON_AN_ACTIVE_DAY}, on each of {len(found.active_days)} days" if is_barred else "",
        met=most <= MOST_ON_AN_ACTIVE_DAY if is_barred else None,
    )


def of_a_year(found: Journey, name: str) -> int:
    """A year of daily syncs, with all that recurs in it. `name` is a figure that legs and quiet days have."""
    of = attrgetter(name)
    return found.quiet_days.of_a_year(of, of(found.idle), of(found.active), ACTIVE_DAYS)


def _add_year(report: Report, profile: str, found: Journey) -> None:
    requests, points = of_a_year(found, "requests"), of_a_year(found, "points")
    openhumans = of_a_year(found, "openhumans_requests")
    naive, fewest = DAYS_OF_A_YEAR * found.naive[1].requests, floor.of_a_year(ACTIVE_DAYS)
    report.add(
        f"{profile}: a year of daily syncs, requests",
        f"{requests:,} ({points:,} points) and {openhumans:,} to Open Humans",
        f"naive {naive:,}; floor {fewest:,}",
        f"{ratio(requests, naive)} of naive, {ratio(requests, fewest)} of floor",
    )
    days = found.quiet_days.days
    dearest = max(days, key=lambda day: day.all_requests)
    report.add(
        f"{profile}: an idle day with what recurs, mean of {len(days)} in a row, requests",
        f"{found.quiet_days.mean(attrgetter('requests')):.2f}"
        f" ({found.quiet_days.mean(attrgetter('points')):.2f} points) and"
        f" {found.quiet_days.mean(attrgetter('openhumans_requests')):.2f} to Open Humans",
        f"{sum(day.is_bare for day in days)} of them 1 and 0; the dearest {dearest.requests} and"
        f" {dearest.openhumans_requests}",
    )


def _add_bytes(report: Report, profile: str, found: Journey) -> None:
    first, again = found.naive
    least = floor.bytes_of_backfill(found.first.file_bytes)
    _add_transfer(report, f"{profile}: first backfill", _transfer(found.first), first, least)
    for name, leg in (("idle day", found.idle), ("active day", found.active)):
        _add_transfer(report, f"{profile}: {name}", _transfer(leg), again)
    year = of_a_year(found, "bytes_down"), of_a_year(found, "bytes_up")
    whole = NaiveLeg(
        0, DAYS_OF_A_YEAR * again.bytes_down, DAYS_OF_A_YEAR * again.bytes_up, again.is_estimated
    )
    _add_transfer(report, f"{profile}: a year of daily syncs", year, whole)


def _transfer(leg: Leg) -> tuple[int, int]:
    return leg.bytes_down, leg.bytes_up


def _add_transfer(
    report: Report, what: str, ours: tuple[int, int], naive: NaiveLeg, least: tuple[int, int] | None = None
) -> None:
    report.add(
        f"{what}, kB down and up",
        f"{kilo(ours[0])} and {kilo(ours[1])}",
        f"naive {kilo(naive.bytes_down)} and {kilo(naive.bytes_up)}"
        + (" (estimated)" if naive.is_estimated else "")
        + (f"; floor {kilo(least[0])} and {kilo(least[1])}" if least else ""),
        f"{ratio(sum(ours), naive.bytes_down + naive.bytes_up)} of naive"
        + (f", {ratio(sum(ours), sum(least))} of floor" if least else ""),
    )


def _add_tracks(report: Report, size: Size) -> None:
    asked = rest_requests_of_tracks(size)
    report.add(
        f"{size.tracks} tracks in one repository, {size.binary_tracks} of them binary: REST requests",
        f"{asked}",
        bar=f"at most {MOST_FOR_TRACKS}",
        met=asked <= MOST_FOR_TRACKS,
    )


def kilo(count: int) -> str:
    return f"{count / 1000:,.0f}"
