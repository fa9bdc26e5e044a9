"""Distance and time of each week as bars, in the columns of the heat map. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sync.pages.heatmap import LEFT, PITCH, WEEKS_IN_FIRST_HALF, Label
from sync.weeks import Week, weeks_of_year

BAR_WIDTH = 11
ROW_HEIGHT = 44
ROW_GAP = 18
TOP = 12
METRES_A_KM = 1000
SECONDS_AN_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Bar:
    x: int
    y: float
    height: float
    title: str


@dataclass(frozen=True, slots=True)
class HalfYearBars:
    """Two rows: kilometres above, hours below."""

    width: int
    height: int
    kilometres: list[Bar]
    hours: list[Bar]
    labels: list[Label]
    in_words: str


@dataclass(frozen=True, slots=True)
class WeekSum:
    tracks: int = 0
    distance_m: float = 0.0
    duration_s: float = 0.0

    def __add__(self, entry: Mapping[str, Any]) -> "WeekSum":
        return WeekSum(
            self.tracks + entry.get("counts", {}).get("tracks", 0),
            self.distance_m + entry.get("distance_m", 0),
            self.duration_s + entry.get("duration_s", 0),
        )


def sums_of(ledgers: Sequence[Mapping[str, Mapping[str, Any]]]) -> dict[str, WeekSum]:
    """By week, over the files of one year."""
    sums: dict[str, WeekSum] = {}
    for ledger in ledgers:
        for week, entry in ledger.items():
            sums[week] = sums.get(week, WeekSum()) + entry
    return sums


def draw_weeks(year: int, sums: Mapping[str, WeekSum]) -> list[HalfYearBars]:
    """The two halves share their scales, so that their bars can be compared."""
    weeks = weeks_of_year(year)
    most = WeekSum(
        0,
        max((week.distance_m for week in sums.values()), default=0),
        max((week.duration_s for week in sums.values()), default=0),
    )
    return [
        _draw_half(part, sums, most) for part in (weeks[:WEEKS_IN_FIRST_HALF], weeks[WEEKS_IN_FIRST_HALF:])
    ]


def _draw_half(weeks: Sequence[Week], sums: Mapping[str, WeekSum], most: WeekSum) -> HalfYearBars:
    kilometres, hours, total = [], [], WeekSum()
    lower = TOP + ROW_HEIGHT + ROW_GAP
    for column, week in enumerate(weeks):
        found = sums.get(str(week))
        if found is None:
            continue
        total = WeekSum(
            total.tracks + found.tracks,
            total.distance_m + found.distance_m,
            total.duration_s + found.duration_s,
        )
        title = f"Week {week.number}: {in_words(found)}"
        kilometres.append(_bar(column, TOP, found.distance_m, most.distance_m, title))
        hours.append(_bar(column, lower, found.duration_s, most.duration_s, title))
    labels = [
        Label(0, TOP + ROW_HEIGHT, "km"),
        Label(0, lower + ROW_HEIGHT, "h"),
        Label(LEFT, TOP - 3, f"{most.distance_m / METRES_A_KM:,.0f} km"),
        Label(LEFT, lower - 3, f"{most.duration_s / SECONDS_AN_HOUR:,.1f} h"),
    ]
    return HalfYearBars(
        width=LEFT + (WEEKS_IN_FIRST_HALF + 1) * PITCH,
        height=lower + ROW_HEIGHT + 2,
        kilometres=kilometres,
        hours=hours,
        labels=labels,
        in_words=in_words(total),
    )


def _bar(column: int, top: int, value: float, most: float, title: str) -> Bar:
    height = round(ROW_HEIGHT * value / most, 1) if most else 0.0
    return Bar(LEFT + column * PITCH, round(top + ROW_HEIGHT - height, 1), height, title)


def in_words(sums: WeekSum) -> str:
    """`3 tracks, 84.2 km, 5 h 10 min`."""
    tracks = f"{sums.tracks:,} track{'' if sums.tracks == 1 else 's'}"
    return f"{tracks}, {distance_in_words(sums.distance_m)}, {duration_in_words(sums.duration_s)}"


def distance_in_words(metres: float) -> str:
    if metres < METRES_A_KM:
        return f"{metres:.0f} m"
    return f"{metres / METRES_A_KM:,.1f} km"


def duration_in_words(seconds: float) -> str:
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours:,} h {minutes:02} min" if hours else f"{minutes} min"
