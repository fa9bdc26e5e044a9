"""FIT activity files (developer.garmin.com/fit): records, timer events, sessions, several files in a row.

A timer that stops is a pause. Each session of a multisport activity is a track of its own; sessions may stand
after all records, so records are told apart by time. Checksums are checked: a FIT file that fails them cannot
be told from a cut or damaged one.
"""

import struct
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import fitdecode

from sync.tracks.collecting import Collector
from sync.tracks.errors import NotReadable
from sync.tracks.types import NAN, SERIES, Kind, Segment, is_known
from sync.tracks.xml_stream import Readable

DEGREES = 180 / 2**31
# Semicircles are 8.4e-8 degrees apart.
DEGREE_DECIMALS = 7
MESSAGES_PER_POINT = 3
# A watch writes about ten a record; a message may have 255, and each costs as much as a point.
FIELDS_PER_POINT = 20
STOPS = ("stop", "stop_all", "stop_disable", "stop_disable_all")
# What fitdecode lets through from the standard library when a file lies about its own fields.
DAMAGED = (
    fitdecode.FitError,
    struct.error,
    ArithmeticError,
    AssertionError,
    AttributeError,
    LookupError,
    TypeError,
    ValueError,
)


@dataclass(slots=True)
class Session:
    started: float
    sport: str | None


@dataclass(slots=True)
class Activity:
    """One of the FIT files in a row."""

    segments: list[Segment] = field(default_factory=lambda: [Segment()])
    sessions: list[Session] = field(default_factory=list)
    sport: str | None = None
    name: str | None = None
    device: str | None = None
    is_course: bool = False


class FitReader:
    def __init__(self, collector: Collector) -> None:
        self.collector = collector
        self.activity = Activity()
        self.messages = 0
        self.fields = 0

    def read(self, frames: Iterator[Any]) -> None:
        for frame in frames:
            if isinstance(frame, fitdecode.FitHeader):
                self._hand_over()
            elif isinstance(frame, fitdecode.FitDefinitionMessage):
                self._count(len(frame.all_field_defs))
            elif isinstance(frame, fitdecode.FitDataMessage):
                self._count(len(frame.fields))
                self._take(frame.name, {f.name: f.value for f in frame.fields if f.name})
        self._hand_over()

    def _count(self, fields: int) -> None:
        """Definitions count as well: they cost as much, and nothing but points limits their number."""
        points = self.collector.limits.points
        self.messages += 1
        self.fields += fields
        if self.messages > MESSAGES_PER_POINT * points:
            raise NotReadable("It holds far more messages than points.")
        if self.fields > FIELDS_PER_POINT * points:
            raise NotReadable("It holds far more values than points.")
        self.collector.step(1 + fields)

    def _take(self, name: str, fields: dict[str, Any]) -> None:
        activity = self.activity
        if name == "record":
            self._record(fields)
        elif name == "event":
            if fields.get("event") == "timer" and fields.get("event_type") in STOPS:
                activity.segments.append(Segment())
        elif name == "session":
            session = Session(_time(fields.get("start_time")), _text(fields.get("sport")))
            activity.sessions.append(session)
        elif name == "sport":
            activity.sport, activity.name = _text(fields.get("sport")), _text(fields.get("name"))
        elif name == "file_id":
            activity.device = _device(fields)
        elif name == "course":
            activity.is_course = True
            activity.sport, activity.name = _text(fields.get("sport")), _text(fields.get("name"))

    def _record(self, fields: dict[str, Any]) -> None:
        longitude, latitude = _number(fields.get("position_long")), _number(fields.get("position_lat"))
        if not (is_known(longitude) and is_known(latitude)):
            self.collector.miss_position()
            return
        elevation = _number(fields.get("enhanced_altitude"))
        self.activity.segments[-1].append(
            round(longitude * DEGREES, DEGREE_DECIMALS),
            round(latitude * DEGREES, DEGREE_DECIMALS),
            elevation if is_known(elevation) else _number(fields.get("altitude")),
            _time(fields.get("timestamp")),
            _number(fields.get("heart_rate")),
            _number(fields.get("cadence")),
            _number(fields.get("power")),
        )

    def _hand_over(self) -> None:
        activity, self.activity = self.activity, Activity()
        kind = Kind.ROUTE if activity.is_course else Kind.TRACK
        for sport, segments in _by_session(activity):
            for segment in segments:
                self.collector.start_segment()
                for point in zip(*(segment.series(name) for name in SERIES), strict=True):
                    self.collector.add(*point)
            self.collector.end_track(kind, activity.name, sport, activity.device)


def _by_session(activity: Activity) -> Iterator[tuple[str | None, list[Segment]]]:
    """The sport and segments of each session, told apart by when the next one started."""
    sessions = sorted((s for s in activity.sessions if is_known(s.started)), key=lambda s: s.started)
    if len(sessions) < 2:
        sport = next((s.sport for s in activity.sessions if s.sport), activity.sport)
        yield sport, activity.segments
        return
    starts = [session.started for session in sessions]
    parts: list[list[Segment]] = [[] for _ in sessions]
    for segment in activity.segments:
        # A time that is not known stays with the point before it.
        place, begin = 0, 0
        for index, time in enumerate(segment.times):
            here = max(bisect_right(starts, time) - 1, 0) if is_known(time) else place
            if here != place:
                parts[place].append(segment.part(begin, index))
                place, begin = here, index
        parts[place].append(segment.part(begin, len(segment)))
    for session, segments in zip(sessions, parts, strict=True):
        yield session.sport, segments


def _number(value: object) -> float:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else NAN


def _time(value: object) -> float:
    """FIT counts from 1989-12-31; small numbers are seconds since the device was switched on."""
    seconds = _number(value)
    return seconds + fitdecode.FIT_UTC_REFERENCE if seconds >= fitdecode.FIT_DATETIME_MIN else NAN


def _text(value: object) -> str | None:
    """Names of the FIT profile come as text; what it does not know stays a number, which tells nobody."""
    return value.replace("_", " ") if isinstance(value, str) else None


def _device(fields: dict[str, Any]) -> str | None:
    product = fields.get("garmin_product") or fields.get("product_name")
    parts = [_text(fields.get("manufacturer")), _text(product)]
    return " ".join(part for part in parts if part) or None


def read_fit(stream: Readable, collector: Collector) -> None:
    try:
        # Values stay as they are stored: naming them all would take a third of the time.
        frames = fitdecode.FitReader(
            stream,
            processor=None,
            check_crc=fitdecode.CrcCheck.RAISE,
            error_handling=fitdecode.ErrorHandling.IGNORE,
        )
        FitReader(collector).read(iter(frames))
    except fitdecode.FitCRCError as error:
        raise NotReadable("Its checksum is wrong: the file is damaged.") from error
    except DAMAGED as error:
        raise NotReadable("It is no FIT file, or it is damaged or ends too early.") from error
