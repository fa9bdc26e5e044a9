"""How long a new member waits for the first data and for the whole archive, with slow answers."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass

from sandbox.github.generated_size import PROFILES
from tests.benchmarks.figures import Report, Spread, ratio
from tests.benchmarks.journeys import SAMPLES, Leg, backfills, journey, undelayed_backfills
from tests.benchmarks.quiet_days import DAYS_OF_A_YEAR, QuietDays
from tests.benchmarks.requests_and_points import ACTIVE_DAYS, IDLE_DAYS

LATENCIES_MS = (50, 150)
# Several where there is a bar, fewer of what takes a minute; the one between only checks the model.
SAMPLES_OF = {("light", 150): SAMPLES, ("typical", 150): 2}
MOST_SECONDS_TO_FIRST_DATA = 10.0
MEASURED = ("light", "typical")


@dataclass(frozen=True, slots=True)
class Model:
    """Requests one after the other: each waits its latency, and the rest takes what it takes without any."""

    requests: float
    other_seconds: float

    @classmethod
    def of(cls, legs: Sequence[Leg]) -> "Model":
        return cls(
            statistics.median(leg.all_requests for leg in legs),
            statistics.median(leg.seconds for leg in legs),
        )

    @classmethod
    def of_first_data(cls, legs: Sequence[Leg]) -> "Model":
        return cls(
            statistics.median(leg.requests_to_first_data for leg in legs),
            statistics.median(leg.seconds_to_first_data or leg.seconds for leg in legs),
        )

    def __add__(self, other: "Model") -> "Model":
        return Model(self.requests + other.requests, self.other_seconds + other.other_seconds)

    def times(self, count: int) -> "Model":
        return Model(self.requests * count, self.other_seconds * count)

    def seconds(self, latency_ms: float) -> float:
        return self.other_seconds + self.requests * latency_ms / 1000

    def share_of_waiting(self, latency_ms: float) -> float:
        return 1 - self.other_seconds / self.seconds(latency_ms)


def measure() -> Report:
    report = Report()
    # First of all: these mostly wait, and in a whole run the most is done beside them in the beginning.
    delayed = {
        (profile, latency): backfills(profile, latency, SAMPLES_OF.get((profile, latency), 1))
        for profile in MEASURED
        for latency in LATENCIES_MS
    }
    for profile in MEASURED:
        undelayed = undelayed_backfills(profile)
        _add_measured(report, profile, 0, undelayed, undelayed)
        for latency in LATENCIES_MS:
            _add_measured(report, profile, latency, delayed[profile, latency], undelayed)
    heavy = [journey("heavy").first]
    _add_modelled(report, "heavy: first data", Model.of_first_data(heavy), f", {runs_of(heavy)}")
    _add_modelled(report, "heavy: complete archive", Model.of(heavy), f", {runs_of(heavy)}")
    for profile in PROFILES:
        _add_modelled(report, f"{profile}: a year of daily syncs", of_a_year(profile))
    report.note(
        "By the model: requests to both services, one after the other, times the latency, and whatever the"
        " same took without latency. To first data"
        " these are the requests up to the one that completes the first file. Ours is the"
        " CPU of the worker, without that of Postgres, which stands in the part on our own cost; what is"
        " neither latency nor ours are Postgres, the stand-ins and waiting for a turn on the cores, which in"
        " a whole run they share with what is counted and weighed beside this part. The"
        " heavy account is measured once, light and typical as often as said; a year"
        f" has {ACTIVE_DAYS} active days and {IDLE_DAYS} idle ones, and what recurs weekly and"
        " monthly, as counted in the first part; what it takes without latency is by the active day's"
        " request."
    )
    return report


def of_a_year(profile: str) -> Model:
    """Its days, and what recurs: requests that take as long as those of an active day."""
    found = journey(profile)
    days = Model.of(found.idle_days).times(IDLE_DAYS) + Model.of(found.active_days).times(ACTIVE_DAYS)
    return days + recurring(Model.of(found.idle_days), Model.of(found.active_days), found.quiet_days)


def recurring(idle: Model, active: Model, quiet: QuietDays) -> Model:
    """What a year of quiet days asks beyond as many idle ones."""
    more = DAYS_OF_A_YEAR * (quiet.mean(lambda day: day.all_requests) - idle.requests)
    return Model(more, more * active.other_seconds / active.requests)


def _add_modelled(report: Report, what: str, model: Model, measured: str = "") -> None:
    for latency in LATENCIES_MS:
        report.add(
            f"{what} with {latency} ms per request, by the model",
            _shown(model.seconds(latency)),
            f"{model.requests:,.0f} requests; {_shown(model.other_seconds)} without latency{measured}",
            f"{model.share_of_waiting(latency):.0%} is waiting for answers",
        )


def _shown(seconds: float) -> str:
    return f"{seconds / 60:,.1f} min" if seconds >= 60 else f"{seconds:.1f} s"


def _add_measured(
    report: Report, profile: str, latency: int, legs: Sequence[Leg], undelayed: Sequence[Leg]
) -> None:
    first = Spread.of([leg.seconds_to_first_data or leg.seconds for leg in legs])
    whole = Spread.of([leg.seconds for leg in legs])
    has_bar = latency == LATENCIES_MS[-1]
    to_first, model = (make(undelayed).seconds(latency) for make in (Model.of_first_data, Model.of))
    report.add(
        f"{profile}: first data with {latency} ms per request",
        f"{first.shown(' s')}, {runs_of(legs)}",
        f"the whole backfill {whole.shown(' s')}" + (f"; by the model {to_first:.1f} s" if latency else ""),
        ratio(first.median, whole.median)
        + (f", {ratio(first.median, to_first)} of the model" if latency else ""),
        f"at most {MOST_SECONDS_TO_FIRST_DATA:.0f} s" if has_bar else "",
        met=first.median <= MOST_SECONDS_TO_FIRST_DATA if has_bar else None,
    )
    ours = statistics.median(leg.spent.worker / leg.seconds for leg in legs)
    waiting = statistics.median(leg.all_requests * latency / 1000 / leg.seconds for leg in legs)
    report.add(
        f"{profile}: complete archive with {latency} ms per request",
        f"{whole.shown(' s')}, {runs_of(legs)}; {waiting:.0%} of it latency, {ours:.0%} ours",
        f"by the model {model:.1f} s" if latency else "",
        f"{ratio(whole.median, model)} of the model" if latency else "",
    )


def runs_of(legs: Sequence[Leg]) -> str:
    return f"{len(legs)} run{'s' if len(legs) > 1 else ''}"
