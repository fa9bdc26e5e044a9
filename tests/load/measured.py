"""What a load test found, and whether that is good enough. Pure."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from statistics import mean

MOST_P99_MS = 500.0
# Memory of the last quarter against that of the second one; the first is warming up.
MOST_GROWTH = 1.1
# Looking at dashboards while nothing is synced proves little.
LEAST_SHARE = 0.9


# Runs that are under way and get nowhere cost nothing either: requests and weeks of all of them together.
LEAST_FETCHED, WITHIN_SECONDS = 5, 10.0


@dataclass(frozen=True)
class Syncing:
    """Runs under way, and what all of them together have done so far."""

    under_way: int
    requests: int = 0
    weeks: int = 0
    finished: int = 0

    @property
    def fetched(self) -> int:
        return self.requests + self.weeks


@dataclass
class Sample:
    """One look at the processes: seconds since the beginning, how the syncs stand, megabytes by role."""

    at: float
    syncing: Syncing
    megabytes: dict[str, float]


@dataclass
class Measured:
    requests: int
    failures: int
    median_ms: float
    p95_ms: float
    p99_ms: float
    samples: list[Sample] = field(default_factory=list)
    failed_runs: list[str] = field(default_factory=list)

    @property
    def roles(self) -> list[str]:
        return sorted(self.samples[0].megabytes) if self.samples else []

    def growth(self, role: str) -> float:
        """How much more memory at the end than after warming up, as a ratio."""
        sizes = [sample.megabytes[role] for sample in self.samples]
        quarter = len(sizes) // 4
        return mean(sizes[-quarter:]) / mean(sizes[quarter : 2 * quarter]) if quarter else 1.0

    def share_with_runs(self) -> float:
        """In how much of the time syncs were under way."""
        return mean(sample.syncing.under_way > 0 for sample in self.samples) if self.samples else 0.0

    def least_fetched(self) -> int:
        """By all syncs together, in those ten seconds with some under way in which it was the least."""
        grown = [
            later.syncing.fetched - sample.syncing.fetched
            for sample in self.samples
            if sample.syncing.under_way and (later := self._later(sample)) and later.syncing.under_way
        ]
        return min(grown, default=self._fetched("requests") + self._fetched("weeks"))

    def _later(self, sample: Sample) -> Sample | None:
        return next((each for each in self.samples if each.at >= sample.at + WITHIN_SECONDS), None)

    def _fetched(self, what: str) -> int:
        """While it was measured."""
        if not self.samples:
            return 0
        first, last = (getattr(self.samples[n].syncing, what) for n in (0, -1))
        return int(last - first)

    def complaints(self) -> list[str]:
        found = []
        if self.p99_ms >= MOST_P99_MS:
            found.append(f"p99 is {self.p99_ms:.0f} ms, not below {MOST_P99_MS:.0f}")
        if self.failures:
            found.append(f"{self.failures} of {self.requests} requests failed")
        if self.failed_runs:
            found.append(f"{len(self.failed_runs)} runs failed, the first one with: {self.failed_runs[0]}")
        if self.share_with_runs() < LEAST_SHARE:
            found.append(f"syncs were under way in {self.share_with_runs():.0%} of the time only")
        if self.least_fetched() < LEAST_FETCHED:
            found.append(
                f"syncs stood still: {self.least_fetched()} requests and weeks "
                f"within {WITHIN_SECONDS:.0f} seconds"
            )
        found += [
            f"memory of {role} grew to {self.growth(role):.2f} times"
            for role in self.roles
            if self.growth(role) > MOST_GROWTH
        ]
        if not self.requests:
            found.append("nobody looked at anything")
        return found

    def lines(self) -> list[str]:
        most = max((sample.syncing.under_way for sample in self.samples), default=0)
        share = self.share_with_runs()
        return [
            f"requests               {self.requests}, {self.failures} failed",
            f"median, p95, p99       {self.median_ms:.0f}, {self.p95_ms:.0f}, {self.p99_ms:.0f} ms",
            f"syncs under way        {most}, in {share:.0%} of the time; {len(self.failed_runs)} failed",
            self._fetched_line(),
            *map(self._memory_line, self.roles),
        ]

    def _fetched_line(self) -> str:
        requests, weeks, finished = map(self._fetched, ("requests", "weeks", "finished"))
        return (
            f"fetched meanwhile      {requests} requests, {weeks} weeks, {finished} syncs finished; "
            f"at least {self.least_fetched()} in any {WITHIN_SECONDS:.0f} seconds"
        )

    def _memory_line(self, role: str) -> str:
        size = self.samples[-1].megabytes[role]
        return f"memory of {role:<12}  {size:.0f} MB, {self.growth(role):.2f} times as much at the end"


def page_of(measured: Measured, command: str, on: date) -> str:
    """docs/load.md: the table and what it was measured with."""
    rows = [line.split("  ", 1) for line in measured.lines()]
    table = "\n".join(f"| {name.strip()} | {value.strip()} |" for name, value in rows)
    verdict = "; ".join(measured.complaints()) or "all bars are met"
    return (
        "# Load test\n\n"
        f"Written by `{command}` on {on.isoformat()}; what it does stands in [growing](growing.md).\n\n"
        f"| | |\n| --- | --- |\n{table}\n| verdict | {verdict} |\n"
    )


def read_locust(path: Path) -> Measured:
    """The line of all requests in locust's `..._stats.csv`."""
    with path.open(encoding="utf-8", newline="") as file:
        row = next((row for row in csv.DictReader(file) if row["Name"] == "Aggregated"), None)
    if row is None:
        raise ValueError(f"{path} has no line of all requests.")
    return Measured(
        requests=int(row["Request Count"]),
        failures=int(row["Failure Count"]),
        median_ms=_number(row["50%"]),
        p95_ms=_number(row["95%"]),
        p99_ms=_number(row["99%"]),
    )


def _number(text: str) -> float:
    return 0.0 if text in ("", "N/A") else float(text)


def megabytes_of(pids: Iterable[int]) -> float:
    """Resident memory of all these processes; one that has ended counts nothing."""
    kilobytes = 0
    for pid in pids:
        try:
            status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
        except OSError:
            continue
        kilobytes += next(
            (int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")), 0
        )
    return kilobytes / 1024
