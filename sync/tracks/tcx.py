"""Garmin's Training Center XML, version 2 (garmin.com/xmlschemas/TrainingCenterDatabase/v2).

An activity is a track, a course a route. A lap is an act of pressing a button, not a pause: its points go on
in the segment before it. A pause is a new `<Track>` inside a lap, or a gap of more than half a minute between
two laps.
"""

from xml.sax.xmlreader import AttributesImpl

from sync.tracks.collecting import Collector
from sync.tracks.types import NAN, Kind
from sync.tracks.values import parse_number, parse_time
from sync.tracks.xml_stream import ElementReader, Readable, parse_xml

LAP_GAP_S = 30
KINDS = {"Activity": Kind.TRACK, "Course": Kind.ROUTE}
FIELDS = {
    "LongitudeDegrees": "longitude",
    "LatitudeDegrees": "latitude",
    "AltitudeMeters": "elevation",
    "Cadence": "cadence",
    "RunCadence": "cadence",
    "Watts": "power",
}


class TcxReader(ElementReader):
    root = "TrainingCenterDatabase"

    def __init__(self, collector: Collector) -> None:
        super().__init__(collector)
        self.facts: dict[str, str] = {}
        self.point: dict[str, float] | None = None
        self.last_time = NAN
        self.is_first_of_lap = False
        self.is_new_track = False

    def started(self, name: str, attrs: AttributesImpl) -> None:
        if name == "Trackpoint":
            self.point = {}
        elif name in KINDS:
            self.facts = {"Sport": attrs.get("Sport", "")}
            self.last_time = NAN
        elif name == "Lap":
            self.is_first_of_lap = True
        elif name == "Track":
            self.is_new_track = True

    def ended(self, name: str, text: str) -> None:
        if self.point is not None:
            self._ended_in_point(self.point, name, text)
        elif name in KINDS:
            self.collector.end_track(
                KINDS[name], self.facts.get("Name"), self.facts.get("Sport"), self.facts.get("device")
            )
        elif name == "Name":
            # <Creator><Name> is the device, <Course><Name> the course's own.
            self.facts["device" if self.parent == "Creator" else "Name"] = text
        elif name == "Notes" and self.parent == "Activity":
            self.facts.setdefault("Name", text)

    def _ended_in_point(self, point: dict[str, float], name: str, text: str) -> None:
        if name == "Trackpoint":
            self.point = None
            self._add(point)
        elif name == "Time":
            point["time"] = parse_time(text)
        elif name == "Value" and self.parent == "HeartRateBpm":
            point["heart_rate"] = parse_number(text)
        elif field := FIELDS.get(name):
            point[field] = parse_number(text)

    def _add(self, point: dict[str, float]) -> None:
        if "longitude" not in point or "latitude" not in point:
            self.collector.miss_position()
            return
        time = point.get("time", NAN)
        if self.is_new_track:
            # NaN compares false: without times a lap goes on where the last one ended.
            if not self.is_first_of_lap or time - self.last_time > LAP_GAP_S:
                self.collector.start_segment()
            self.is_new_track = self.is_first_of_lap = False
        self.last_time = time
        self.collector.add(**point)


def read_tcx(stream: Readable, collector: Collector) -> None:
    parse_xml(stream, TcxReader(collector))
