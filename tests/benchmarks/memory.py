"""How much memory a worker process needs at the most, for accounts a hundred times as large as others."""

from tests.benchmarks.figures import Report, Spread, ratio
from tests.benchmarks.journeys import COUNTED, Leg, backfills, journey

ACCOUNTS = {"1500:20:2": 1_500, "15000:20:15": 15_000, "heavy": 150_000}
MOST_MEGABYTES = 300.0
MOST_GROWTH = 1.1
# As `config/run/programs.py` starts it.
THREADS_DEPLOYED = 8
# One differs from the next by less than a megabyte.
SAMPLES = 2


def measure() -> Report:
    report = Report()
    before: Spread | None = None
    for account, commits in ACCOUNTS.items():
        legs = _backfills(account)
        peak = Spread.of([leg.peak_megabytes for leg in legs])
        is_last = commits == max(ACCOUNTS.values())
        report.add(
            f"backfill of {commits:,} commits: peak of a worker process",
            f"{peak.shown(' MB', 0)}, {len(legs)} run{'s' if len(legs) > 1 else ''}",
            f"a tenth of the commits {before.shown(' MB', 0)}" if before else "",
            ratio(peak.median, before.median) if before else "",
            f"at most {MOST_MEGABYTES:.0f} MB" + (f", and {MOST_GROWTH} times" if is_last else ""),
            met=peak.most <= MOST_MEGABYTES
            and (not is_last or before is None or peak.median <= MOST_GROWTH * before.median),
        )
        before = peak
    report.note(
        "A worker process with one thread, which works on one member at a time, from its start to the end of"
        " the backfill: the largest resident"
        " set that the kernel has seen (`VmHWM`). In a whole run it is measured beside the first parts, and"
        " waits there for the journey of the largest account. A"
        f" deployment gives a process {THREADS_DEPLOYED} threads (`make run`), and each that reads a"
        " backfill at"
        " the same time adds what one holds beyond an idle process; that is not measured here."
    )
    return report


def _backfills(account: str) -> list[Leg]:
    return [journey(account).first] if account in COUNTED else backfills(account, 0, SAMPLES)
