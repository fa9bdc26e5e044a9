"""How long a new member waits for the first data and for the whole archive, with slow answers."""

from dataclasses import dataclass

from tests.benchmarks.figures import Report, ratio
from tests.benchmarks.journeys import Leg, backfill, journey

LATENCIES_MS = (0, 50, 150)
MOST_SECONDS_TO_FIRST_DATA = 10.0


@dataclass(frozen=True, slots=True)
class Model:
    """Requests one after the other: each waits its latency, and the rest takes what it takes without any."""

    requests: int
    other_seconds: float

    @classmethod
    def of(cls, leg: Leg) -> "Model":
        return cls(leg.requests + leg.openhumans_requests, leg.seconds)

    def seconds(self, latency_ms: float) -> float:
        return self.other_seconds + self.requests * latency_ms / 1000

    def share_of_waiting(self, latency_ms: float) -> float:
        return 1 - self.other_seconds / self.seconds(latency_ms)


def measure() -> Report:
    report = Report()
    for profile in ("light", "typical"):
        undelayed = journey(profile).first
        model = Model.of(undelayed)
        for latency in LATENCIES_MS:
            leg = backfill(profile, latency) if latency else undelayed
            _add_measured(report, profile, latency, leg, model)
    heavy = journey("heavy").first
    model = Model.of(heavy)
    for latency in LATENCIES_MS[1:]:
        report.add(
            f"heavy: complete archive with {latency} ms per request, by the model",
            f"{model.seconds(latency) / 60:,.1f} min",
            f"{model.requests:,} requests; {heavy.seconds / 60:,.1f} min without latency",
            f"{model.share_of_waiting(latency):.0%} is waiting for answers",
        )
    report.note(
        "By the model: requests to both services, one after the other, times the latency, and whatever the"
        " same backfill took without latency. Most of that rest is the stand-in working out its answers; the"
        " CPU of the worker stands beside it."
    )
    return report


def _add_measured(report: Report, profile: str, latency: int, leg: Leg, model: Model) -> None:
    first = leg.seconds_to_first_data
    assert first is not None
    has_bar = latency == LATENCIES_MS[-1]
    report.add(
        f"{profile}: first data with {latency} ms per request",
        f"{first:.1f} s",
        f"the whole backfill {leg.seconds:.1f} s",
        ratio(first, leg.seconds),
        f"at most {MOST_SECONDS_TO_FIRST_DATA:.0f} s" if has_bar else "",
        met=first <= MOST_SECONDS_TO_FIRST_DATA if has_bar else None,
    )
    report.add(
        f"{profile}: complete archive with {latency} ms per request",
        f"{leg.seconds:.1f} s, {leg.cpu_seconds:.1f} s of it our CPU",
        f"by the model {model.seconds(latency):.1f} s" if latency else "",
        f"{ratio(leg.seconds, model.seconds(latency))} of the model" if latency else "",
    )
