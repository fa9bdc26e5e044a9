"""GeoJSON (RFC 7946), event by event: lines are tracks, a feature collection may hold several.

Times and sensors of the points stand where togeojson, Mapbox and others put them: in the properties
`coordTimes`, `times`, or in lists inside `coordinateProperties`. A line without times is taken as it stands.
"""

from array import array
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import ijson

from sync.tracks.collecting import Collector
from sync.tracks.errors import NotReadable
from sync.tracks.types import NAN, Series
from sync.tracks.values import parse_time
from sync.tracks.xml_stream import DecodedStream, Readable

MAX_DEPTH = 40
VALUES_PER_POINT = 8
# Larger numbers are milliseconds since the epoch, smaller ones seconds.
MILLISECONDS = 1e11
OWN_FORMAT = "github-tracks/"
POINT_SERIES = {
    "coordtimes": "time",
    "times": "time",
    "time": "time",
    "timestamps": "time",
    "heart": "heart_rate",
    "heartrates": "heart_rate",
    "heart_rates": "heart_rate",
    "cads": "cadence",
    "cadences": "cadence",
    "powers": "power",
}
NAMES = {"name": "name", "title": "name", "sport": "sport", "type": "sport", "activity": "sport"}
NAMES |= {"device": "device", "creator": "device"}
LINES = ("LineString", "MultiLineString")
Event = tuple[str, Any]


@dataclass(slots=True)
class Line:
    longitudes: "Series[float]" = field(default_factory=lambda: array("d"))
    latitudes: "Series[float]" = field(default_factory=lambda: array("d"))
    elevations: "Series[float]" = field(default_factory=lambda: array("d"))


@dataclass(slots=True)
class Node:
    """What one GeoJSON object said, whatever the order of its members."""

    type: str = ""
    lines: list[Line] = field(default_factory=list)
    names: dict[str, Any] = field(default_factory=dict)
    series: dict[str, "Series[float]"] = field(default_factory=dict)
    span: tuple[float, float] = (NAN, NAN)


class GeoJsonReader:
    def __init__(self, events: Iterator[Event], collector: Collector) -> None:
        self.events = events
        self.collector = collector
        self.positions = 0
        self.values = 0

    def read(self) -> None:
        event, _ = self._next()
        if event != "start_map":
            raise NotReadable("It is JSON, but no GeoJSON object.")
        node = self._object(depth=1)
        if node.lines:  # a bare geometry
            self._hand_over(node)
        elif not node.type:
            raise NotReadable("It is JSON, but no GeoJSON object.")

    def _next(self) -> Event:
        self.collector.step()
        return next(self.events)

    def _object(self, depth: int) -> Node:
        """Read to the object's end. Features hand over their lines themselves."""
        node = Node()
        while (event := self._next())[0] == "map_key":
            self._member(node, event[1], depth)
        if node.type == "Feature":
            self._hand_over(node)
            node.lines = []
        elif node.type in ("Point", "MultiPoint"):
            self.collector.waypoints += 1
        if node.type not in (*LINES, "GeometryCollection"):
            node.lines = []
        return node

    def _member(self, node: Node, key: str, depth: int) -> None:
        event = self._next()
        if key == "type" and event[0] == "string":
            node.type = event[1]
        elif key == "format" and event[0] == "string" and event[1].startswith(OWN_FORMAT):
            raise NotReadable("It is a file that this service wrote.")
        elif key == "coordinates" and event[0] == "start_array":
            node.lines = self._coordinates(depth)
        elif key == "geometry" and event[0] == "start_map":
            node.lines = self._object(_deeper(depth)).lines
        elif key in ("features", "geometries") and event[0] == "start_array":
            for _ in self._objects():
                node.lines += self._object(_deeper(depth)).lines
        elif key == "properties" and event[0] == "start_map":
            self._properties(node, depth)
        else:
            self._skip(event)

    def _objects(self) -> Iterator[None]:
        """Each object of a list, after its opening brace."""
        while (event := self._next())[0] != "end_array":
            if event[0] == "start_map":
                yield
            else:
                self._skip(event)

    def _coordinates(self, depth: int) -> list[Line]:
        """Every list of positions inside, however deep: the geometry's type says later what they are."""
        lines: list[Line] = []
        nested, position = 1, [NAN, NAN, NAN]
        filled, line = 0, Line()
        while nested:
            event, value = self._next()
            if event == "start_array":
                nested, filled = nested + 1, 0
                _deeper(depth + nested)
                position = [NAN, NAN, NAN]
            elif event == "number":
                if filled < 3:
                    position[filled] = float(value)
                filled += 1
            elif event == "end_array":
                nested -= 1
                if filled:
                    self._count_position()
                    line.longitudes.append(position[0])
                    line.latitudes.append(position[1])
                    line.elevations.append(position[2])
                    filled = 0
                elif line.longitudes:
                    lines.append(line)
                    line = Line()
            else:
                raise NotReadable("Its coordinates are not numbers.")
        return lines

    def _properties(self, node: Node, depth: int) -> None:
        while (event := self._next())[0] == "map_key":
            key = event[1].lower()
            event = self._next()
            if event[0] == "start_array" and key in POINT_SERIES:
                name = POINT_SERIES[key]
                values = self._series(depth)
                node.series[name] = array("d", map(_seconds, values)) if name == "time" else values
            elif event[0] == "start_map" and key == "coordinateproperties":
                self._properties(node, _deeper(depth))
            elif event[0] == "string" and key in NAMES:
                node.names.setdefault(NAMES[key], event[1])
            elif event[0] == "string" and key in ("time", "started_at", "start_time", "begin"):
                node.span = parse_time(event[1]), node.span[1]
            elif event[0] == "string" and key in ("ended_at", "end_time", "end"):
                node.span = node.span[0], parse_time(event[1])
            else:
                self._skip(event)

    def _series(self, depth: int) -> "Series[float]":
        """One value a point; lists inside, one a line, are read one after the other."""
        values: Series[float] = array("d")
        nested = 1
        while nested:
            event, value = self._next()
            if event == "start_array":
                nested += 1
                _deeper(depth + nested)
            elif event == "end_array":
                nested -= 1
            elif event == "start_map":
                self._skip((event, value))
            else:
                values.append(_point_value(event, value))
                self.values += 1
                if self.values > VALUES_PER_POINT * self.collector.limits.points:
                    raise NotReadable("It holds far more values than points.")
        return values

    def _count_position(self) -> None:
        """Of any geometry: what is no line is known only at its end, and must not fill the memory either."""
        self.positions += 1
        if self.positions > self.collector.limits.points:
            raise NotReadable(f"It holds more than {self.collector.limits.points:,} points.")

    def _skip(self, event: Event) -> None:
        nested = int(event[0].startswith("start_"))
        while nested:
            name = self._next()[0]
            nested += name.startswith("start_")
            nested -= name.startswith("end_")

    def _hand_over(self, node: Node) -> None:
        total = sum(len(line.longitudes) for line in node.lines)
        series = {name: values for name, values in node.series.items() if len(values) == total}
        index = 0
        for line in node.lines:
            self.collector.start_segment()
            for place in zip(line.longitudes, line.latitudes, line.elevations, strict=True):
                self.collector.add(*place, **{name: values[index] for name, values in series.items()})
                index += 1
        self.collector.end_track(**node.names, span=node.span)


def _deeper(depth: int) -> int:
    if depth >= MAX_DEPTH:
        raise NotReadable(f"Its lists are nested more than {MAX_DEPTH} deep.")
    return depth + 1


def _point_value(event: str, value: Any) -> float:
    if event == "string":
        return parse_time(value)
    if event != "number":
        return NAN
    return float(value)


def _seconds(time: float) -> float:
    return time / 1000 if time > MILLISECONDS else time


def read_geojson(stream: Readable, collector: Collector) -> None:
    try:
        GeoJsonReader(ijson.basic_parse(DecodedStream(stream), use_float=True), collector).read()
    except (ijson.JSONError, UnicodeDecodeError, StopIteration) as error:
        raise NotReadable("It is not valid JSON, or ends too early.") from error
