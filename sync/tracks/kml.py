"""KML 2.2 (OGC 07-147r2) with Google's gx:Track (developers.google.com/kml/documentation/kmlreference).

A placemark is a track: its `LineString`s, or its `gx:Track`s with a time for each point, are the segments.
Polygons and single places are none. A line's `TimeSpan` says when its first and last point were.
"""

from array import array
from xml.sax.xmlreader import AttributesImpl

from sync.tracks.collecting import Collector
from sync.tracks.errors import NotReadable
from sync.tracks.types import NAN, Series
from sync.tracks.values import parse_number, parse_time
from sync.tracks.xml_stream import ElementReader, Readable, parse_xml

SENSORS = {
    "heartrate": "heart_rate",
    "heart_rate": "heart_rate",
    "hr": "heart_rate",
    "cadence": "cadence",
    "cad": "cadence",
    "power": "power",
    "watts": "power",
}
COORDINATE_LENGTH = 200


class TimedTrack:
    """The parallel lists of one gx:Track, which come one after the other or interleaved."""

    def __init__(self) -> None:
        self.times: Series[float] = array("d")
        self.places: list[tuple[float, ...]] = []
        self.sensors: dict[str, Series[float]] = {}

    def hand_over(self, collector: Collector) -> None:
        collector.start_segment()
        for index, place in enumerate(self.places):
            if len(place) < 2:
                collector.miss_position()
                continue
            values = {
                name: series[index] if index < len(series) else NAN for name, series in self.sensors.items()
            }
            time = self.times[index] if index < len(self.times) else NAN
            collector.add(*place, **{"time": time, **values})


class KmlReader(ElementReader):
    root = "kml"

    def __init__(self, collector: Collector) -> None:
        super().__init__(collector)
        self.name: str | None = None
        self.span = (NAN, NAN)
        self.is_in_line = False
        self.unfinished = ""
        self.track: TimedTrack | None = None
        self.sensor = ""

    def started(self, name: str, attrs: AttributesImpl) -> None:
        if name == "Placemark":
            self.name, self.span = None, (NAN, NAN)
        elif name == "coordinates" and self.path[-2:-1] == ["LineString"]:
            self.is_in_line, self.unfinished = True, ""
            self.collector.start_segment()
        elif name == "Track":
            self.track = TimedTrack()
        elif name == "SimpleArrayData":
            self.sensor = SENSORS.get(attrs.get("name", "").lower(), "")
        elif name == "Point":
            self.collector.waypoints += 1

    def characters(self, content: str) -> None:
        if not self.is_in_line:
            super().characters(content)
            return
        # The last piece may be cut anywhere; a mark keeps it from being taken for whole.
        *whole, last = f"{self.unfinished}{content}|".split()
        self.unfinished = last[:-1]
        if len(self.unfinished) > COORDINATE_LENGTH:
            raise NotReadable("Its coordinates are not numbers.")
        for text in whole:
            self._add_coordinate(text)

    def _add_coordinate(self, text: str) -> None:
        place = [parse_number(part) for part in text.split(",", 3)[:3]]
        self.collector.add(*(place if len(place) > 1 else (NAN, NAN)))

    def ended(self, name: str, text: str) -> None:
        if name == "Placemark":
            self.collector.end_track(name=self.name, span=self.span)
        elif self.is_in_line:
            if self.unfinished:
                self._add_coordinate(self.unfinished)
            self.is_in_line = False
        elif self.track is not None:
            self._ended_in_track(self.track, name, text)
        elif name == "name" and self.parent == "Placemark":
            self.name = text
        elif self.path[-2:] == ["Placemark", "TimeSpan"]:
            begin, end = self.span
            self.span = (parse_time(text), end) if name == "begin" else (begin, parse_time(text))

    def _ended_in_track(self, track: TimedTrack, name: str, text: str) -> None:
        if name == "Track":
            track.hand_over(self.collector)
            self.track = None
        elif name == "when":
            track.times.append(parse_time(text))
        elif name == "coord":
            track.places.append(tuple(parse_number(part) for part in text.split()[:3]))
        elif name == "value" and self.sensor:
            track.sensors.setdefault(self.sensor, array("d")).append(parse_number(text))
        if max(len(track.times), len(track.places)) > self.collector.limits.points:
            raise NotReadable(f"It holds more than {self.collector.limits.points:,} points.")


def read_kml(stream: Readable, collector: Collector) -> None:
    parse_xml(stream, KmlReader(collector))
