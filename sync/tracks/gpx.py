"""GPX 1.0 and 1.1 (topografix.com/GPX/1/1): tracks and routes, with sensors of Garmin, Strava and others."""

from xml.sax.xmlreader import AttributesImpl

from sync.tracks.collecting import Collector
from sync.tracks.types import NAN, Kind
from sync.tracks.values import parse_number, parse_time
from sync.tracks.xml_stream import ElementReader, Readable, parse_xml

# Local names of extension elements, in lower case, by the argument of `Collector.add`.
FIELDS = {
    "ele": "elevation",
    "hr": "heart_rate",
    "heartrate": "heart_rate",
    "cad": "cadence",
    "cadence": "cadence",
    "runcadence": "cadence",
    "power": "power",
    "watts": "power",
    "powerinwatts": "power",
}
KINDS = {"trk": Kind.TRACK, "rte": Kind.ROUTE}
FACTS = ("name", "type")


class GpxReader(ElementReader):
    root = "gpx"

    def __init__(self, collector: Collector) -> None:
        super().__init__(collector)
        self.device: str | None = None
        self.facts: dict[str, str] = {}
        self.point: dict[str, float] | None = None

    def started(self, name: str, attrs: AttributesImpl) -> None:
        if name in ("trkpt", "rtept"):
            self.point = {
                "longitude": parse_number(attrs.get("lon", "")),
                "latitude": parse_number(attrs.get("lat", "")),
            }
        elif name == "trkseg":
            self.collector.start_segment()
        elif name in KINDS:
            self.facts = {}
        elif name == "wpt":
            self.collector.waypoints += 1
        elif name == "gpx":
            self.device = attrs.get("creator")

    def ended(self, name: str, text: str) -> None:
        if self.point is not None:
            if name in ("trkpt", "rtept"):
                self.collector.add(**self.point)
                self.point = None
            elif name == "time":
                self.point["time"] = parse_time(text)
            elif field := FIELDS.get(name.lower()):
                self.point[field] = parse_number(text) if text else NAN
        elif name in KINDS:
            self.collector.end_track(KINDS[name], self.facts.get("name"), self.facts.get("type"), self.device)
        elif name in FACTS and self.parent in KINDS:
            self.facts[name] = text


def read_gpx(stream: Readable, collector: Collector) -> None:
    parse_xml(stream, GpxReader(collector))
