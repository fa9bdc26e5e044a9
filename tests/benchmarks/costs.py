"""What syncing costs: requests and points for three made-up accounts, written into README.md.

    python -m config.run servers -- python -m tests.benchmarks.costs [light typical heavy] [--write]

The engine runs in this process against both stand-ins over HTTP, as in the tests.
"""

import argparse
import resource
import sys
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import django

ROOT = Path(__file__).parent.parent.parent
BEGIN, END = "<!-- costs: written by `make costs` -->", "<!-- end of costs -->"
PROFILES = ("light", "typical", "heavy")
# What each does on a day on which they do something, about their share of a year.
ACTIVE_DAYS = {
    "light": {"repositories": 1, "commits": 4, "issues": 1, "comments": 2, "reviews": 0},
    "typical": {"repositories": 3, "commits": 9, "issues": 1, "comments": 4, "reviews": 1},
    "heavy": {"repositories": 10, "commits": 40, "issues": 1, "comments": 8, "reviews": 4},
}
# What each may cost at the most, releases counted apart: first backfill, idle day, active day. Derived from
# GitHub's page sizes: one request for 200 commits, 100 entries of all lists, 50 pull requests, 25 totals. An
# active day is the probe, which brings what is new in the lists, a page of commits of up to 10 repositories,
# and a search where there are reviews.
MOST_REQUESTS = {"light": (9, 1, 2), "typical": (124, 1, 3), "heavy": (1887, 1, 3)}


@dataclass(frozen=True, slots=True)
class Cost:
    """Requests and points of one account: the first backfill, a day without news, and one with some."""

    profile: str
    commits: int
    weeks: int
    files: int
    first: tuple[int, int]
    releases: int
    idle: tuple[int, int]
    active: tuple[int, int]
    # The peak of this process: the stand-ins with all their data, and the engine.
    megabytes: int

    @property
    def excess(self) -> list[str]:
        """Where it cost more than it may."""
        parts = ("first backfill", "idle day", "active day")
        spent = (self.first[0] - self.releases, self.idle[0], self.active[0])
        return [
            f"{self.profile}: {requests} requests for the {part}, at most {most}"
            for part, requests, most in zip(parts, spent, MOST_REQUESTS[self.profile], strict=True)
            if requests > most
        ]


def active_moments(number: int, now: datetime) -> list[datetime]:
    """When so many active days end, one sync after each: at hours of yesterday's noon.

    None of them spans midnight, whenever it is measured: acts of two days cost a request more. They lie an
    hour apart, because what is older than something known looks like what came late.
    """
    noon = now.astimezone(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=1)
    return [noon + timedelta(hours=hours) for hours in range(number)]


def measure(profile: str) -> Cost:
    from django.conf import settings

    from sync.consent import Choice
    from sync.models import SyncRun
    from tests.sync.world import World, living

    def spent(world: World) -> tuple[int, int]:
        run: SyncRun = world.finish(world.start(), steps=2000)
        if run.state != SyncRun.State.SUCCEEDED:
            sys.exit(f"{profile}: the run {run.state}: {run.error}")
        return run.requests, run.points

    with (
        tempfile.TemporaryDirectory() as folder,
        living(Path(folder), settings, {}, account=profile, choice=Choice.PRIVATE) as world,  # type: ignore[arg-type]
    ):
        # Every private repository, those of organisations as well.
        world.subscription.agreement.pop("organizations", None)
        world.subscription.save()
        first = spent(world)
        releases = len(world.asked("Releases"))
        files, weeks, commits = len(world.stored()), len(world.weeks()), len(world.oids())
        idle = spent(world)
        (moment,) = active_moments(1, datetime.now(UTC))
        world.act("active_day", at=moment.isoformat(), **ACTIVE_DAYS[profile])
        active = spent(world)
        world.member.delete()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return Cost(profile, commits, weeks, files, first, releases, idle, active, peak)


def table(costs: list[Cost]) -> str:
    head = "| account | commits | weeks | first backfill | of these for releases | idle day | active day |"
    rows = [
        f"| {cost.profile} | {cost.commits:,} | {cost.weeks} | {cost.first[0]:,} ({cost.first[1]:,}) "
        f"| {cost.releases} | {cost.idle[0]} ({cost.idle[1]}) | {cost.active[0]} ({cost.active[1]}) |"
        for cost in costs
    ]
    return "\n".join([head, "| --- | --- | --- | --- | --- | --- | --- |", *rows])


def write(text: str) -> None:
    readme = ROOT / "README.md"
    content = readme.read_text(encoding="utf-8")
    before, rest = content.split(BEGIN)
    after = rest.split(END)[1]
    readme.write_text(f"{before}{BEGIN}\n\n{text}\n\n{END}{after}", encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("profiles", nargs="*", metavar="PROFILE", help="light, typical, heavy (default: all)")
    parser.add_argument("--write", action="store_true", help="put the table into README.md")
    arguments = parser.parse_args()
    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    costs = [measure(profile) for profile in arguments.profiles or PROFILES]
    print(table(costs))
    for cost in costs:
        print(f"{cost.profile}: at most {cost.megabytes} MB, stand-ins included")
    if arguments.write:
        write(table(costs))
    excess = [line for cost in costs for line in cost.excess]
    if excess:
        sys.exit("\n".join(excess))


if __name__ == "__main__":
    main()
