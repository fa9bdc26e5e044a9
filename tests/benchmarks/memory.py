"""How much memory a worker process needs at the most, for accounts a hundred times as large as others."""

from tests.benchmarks.figures import Report, ratio
from tests.benchmarks.journeys import journey

ACCOUNTS = {"1500:20:2": 1_500, "15000:20:15": 15_000, "heavy": 150_000}
MOST_MEGABYTES = 300.0
MOST_GROWTH = 1.1


def measure() -> Report:
    report = Report()
    peaks = {account: journey(account).peak_megabytes for account in ACCOUNTS}
    before = 0.0
    for account, commits in ACCOUNTS.items():
        peak = peaks[account]
        is_last = commits == max(ACCOUNTS.values())
        report.add(
            f"backfill of {commits:,} commits: peak of a worker process",
            f"{peak:.0f} MB",
            f"a tenth of the commits {before:.0f} MB" if before else "",
            ratio(peak, before),
            f"at most {MOST_MEGABYTES:.0f} MB" + (f", and {MOST_GROWTH} times" if is_last else ""),
            met=peak <= MOST_MEGABYTES and (not is_last or peak <= MOST_GROWTH * before),
        )
        before = peak
    report.note(
        "A worker process with one thread, from its start to the end of the backfill: the largest resident"
        " set that the kernel has seen (`VmHWM`)."
    )
    return report
