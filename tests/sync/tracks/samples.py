"""Track files as other programs write them: gpxpy, fit-tool, ElementTree and json know no reader of ours."""

import gzip
import io
import json
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.etree import ElementTree

import gpxpy.gpx
from fit_tool.fit_file_builder import FitFileBuilder
from fit_tool.profile.messages.event_message import EventMessage
from fit_tool.profile.messages.file_id_message import FileIdMessage
from fit_tool.profile.messages.record_message import RecordMessage
from fit_tool.profile.messages.session_message import SessionMessage
from fit_tool.profile.profile_type import Event, EventType, FileType, Manufacturer, Sport

from sync.tracks.reading import read_tracks
from sync.tracks.types import Limits, Reading, Segment, Track, time_of

START = datetime(2026, 5, 1, 8, 0, tzinfo=UTC)
TCX = "http://www.garmin.com/xmlschemas/TrainingCenterDatabase/v2"
TPX = "http://www.garmin.com/xmlschemas/ActivityExtension/v2"
KML = "http://www.opengis.net/kml/2.2"
GX = "http://www.google.com/kml/ext/2.2"


@dataclass(frozen=True)
class Fix:
    """One point of a sample."""

    longitude: float
    latitude: float
    elevation: float | None = None
    time: datetime | None = None
    heart_rate: int | None = None
    cadence: int | None = None
    power: int | None = None


def ride(count: int = 10, start: datetime = START, longitude: float = 8.0) -> list[Fix]:
    return [
        Fix(
            round(longitude + index * 1e-4, 7),
            round(47.0 + index * 1e-4, 7),
            400.0 + index,
            start + timedelta(seconds=10 * index),
            heart_rate=120 + index % 40,
            cadence=80,
            power=200,
        )
        for index in range(count)
    ]


def read(path: str, content: bytes, limits: Limits | None = None) -> Reading:
    return read_tracks(path, io.BytesIO(content), limits)


def track_of(fixes: Iterable[Fix]) -> Track:
    """The track as our readers should give it, without name, sport and device."""
    return Track([segment_of(fixes)])


def segment_of(fixes: Iterable[Fix]) -> Segment:
    segment, nan = Segment(), float("nan")
    for fix in fixes:
        known = [nan if v is None else float(v) for v in (fix.heart_rate, fix.cadence, fix.power)]
        elevation = nan if fix.elevation is None else fix.elevation
        time = nan if fix.time is None else time_of(fix.time)
        segment.append(fix.longitude, fix.latitude, elevation, time, *known)
    return segment


# --- GPX, written by gpxpy ------------------------------------------------------------------------


def gpx(*tracks: Sequence[Sequence[Fix]], name: str | None = "Ride", sport: str | None = "cycling") -> bytes:
    document = gpxpy.gpx.GPX()
    document.creator = "Edge 1030"
    document.nsmap["gpxtpx"] = "http://www.garmin.com/xmlschemas/TrackPointExtension/v1"
    for segments in tracks:
        track = gpxpy.gpx.GPXTrack(name=name)
        track.type = sport  # type: ignore[assignment]
        track.segments = [gpxpy.gpx.GPXTrackSegment([_gpx_point(fix) for fix in fixes]) for fixes in segments]
        document.tracks.append(track)
    return document.to_xml().encode()


def _gpx_point(fix: Fix) -> gpxpy.gpx.GPXTrackPoint:
    point = gpxpy.gpx.GPXTrackPoint(fix.latitude, fix.longitude, elevation=fix.elevation, time=fix.time)
    values = {"gpxtpx:hr": fix.heart_rate, "gpxtpx:cad": fix.cadence}
    if any(value is not None for value in values.values()):
        extension = ElementTree.Element("gpxtpx:TrackPointExtension")
        for name, value in values.items():
            ElementTree.SubElement(extension, name).text = str(value)
        point.extensions.append(extension)
    if fix.power is not None:
        power = ElementTree.Element("power")
        power.text = str(fix.power)
        point.extensions.append(power)
    return point


# --- TCX, KML and KMZ, written by ElementTree -----------------------------------------------------


def tcx(*laps: Sequence[Sequence[Fix]], sport: str = "Running", is_course: bool = False) -> bytes:
    """Each lap is a list of `<Track>`s."""
    root = ElementTree.Element(f"{{{TCX}}}TrainingCenterDatabase")
    parent = ElementTree.SubElement(root, f"{{{TCX}}}{'Courses' if is_course else 'Activities'}")
    activity = ElementTree.SubElement(
        parent, f"{{{TCX}}}{'Course' if is_course else 'Activity'}", Sport=sport
    )
    if is_course:
        _tcx_text(activity, "Name", "Planned")
    for tracks in laps:
        lap = activity if is_course else ElementTree.SubElement(activity, f"{{{TCX}}}Lap")
        for fixes in tracks:
            track = ElementTree.SubElement(lap, f"{{{TCX}}}Track")
            for fix in fixes:
                _tcx_point(track, fix)
    creator = ElementTree.SubElement(activity, f"{{{TCX}}}Creator")
    _tcx_text(creator, "Name", "Forerunner 945")
    return _written(root)


def _tcx_point(track: ElementTree.Element, fix: Fix) -> None:
    point = ElementTree.SubElement(track, f"{{{TCX}}}Trackpoint")
    if fix.time:
        _tcx_text(point, "Time", fix.time.strftime("%Y-%m-%dT%H:%M:%S.000Z"))
    position = ElementTree.SubElement(point, f"{{{TCX}}}Position")
    _tcx_text(position, "LatitudeDegrees", fix.latitude)
    _tcx_text(position, "LongitudeDegrees", fix.longitude)
    if fix.elevation is not None:
        _tcx_text(point, "AltitudeMeters", fix.elevation)
    _tcx_text(ElementTree.SubElement(point, f"{{{TCX}}}HeartRateBpm"), "Value", fix.heart_rate)
    _tcx_text(point, "Cadence", fix.cadence)
    extensions = ElementTree.SubElement(point, f"{{{TCX}}}Extensions")
    tpx = ElementTree.SubElement(extensions, f"{{{TPX}}}TPX")
    ElementTree.SubElement(tpx, f"{{{TPX}}}Watts").text = str(fix.power)


def _tcx_text(parent: ElementTree.Element, name: str, value: object) -> None:
    ElementTree.SubElement(parent, f"{{{TCX}}}{name}").text = str(value)


def _written(root: ElementTree.Element) -> bytes:
    content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return content


def kml_timed(*tracks: Sequence[Fix], name: str = "Walk") -> bytes:
    """One placemark with a gx:MultiTrack."""
    root, placemark = _kml_placemark(name)
    multiple = ElementTree.SubElement(placemark, f"{{{GX}}}MultiTrack")
    for fixes in tracks:
        track = ElementTree.SubElement(multiple, f"{{{GX}}}Track")
        for fix in fixes:
            ElementTree.SubElement(track, f"{{{KML}}}when").text = fix.time.isoformat() if fix.time else ""
        for fix in fixes:
            place = f"{fix.longitude} {fix.latitude} {fix.elevation}"
            ElementTree.SubElement(track, f"{{{GX}}}coord").text = place
        data = ElementTree.SubElement(track, f"{{{GX}}}SimpleArrayData", name="heartrate")
        for fix in fixes:
            ElementTree.SubElement(data, f"{{{GX}}}value").text = str(fix.heart_rate)
    return _written(root)


def kml_line(fixes: Sequence[Fix], span: tuple[datetime, datetime] | None = None) -> bytes:
    root, placemark = _kml_placemark("Line")
    if span:
        element = ElementTree.SubElement(placemark, f"{{{KML}}}TimeSpan")
        for tag, moment in zip(("begin", "end"), span, strict=True):
            ElementTree.SubElement(element, f"{{{KML}}}{tag}").text = moment.isoformat()
    line = ElementTree.SubElement(placemark, f"{{{KML}}}LineString")
    text = "\n ".join(f"{fix.longitude},{fix.latitude},{fix.elevation}" for fix in fixes)
    ElementTree.SubElement(line, f"{{{KML}}}coordinates").text = f"\n {text}\n"
    return _written(root)


def _kml_placemark(name: str) -> tuple[ElementTree.Element, ElementTree.Element]:
    root = ElementTree.Element(f"{{{KML}}}kml")
    document = ElementTree.SubElement(root, f"{{{KML}}}Document")
    placemark = ElementTree.SubElement(document, f"{{{KML}}}Placemark")
    ElementTree.SubElement(placemark, f"{{{KML}}}name").text = name
    return root, placemark


def zipped(**documents: bytes) -> bytes:
    """A zip archive; `__` in a name stands for a point."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in documents.items():
            archive.writestr(name.replace("__", "."), content)
    return out.getvalue()


def gzipped(content: bytes) -> bytes:
    return gzip.compress(content, mtime=0)


# --- GeoJSON --------------------------------------------------------------------------------------


def geojson(*lines: Sequence[Fix], with_times: bool = True) -> bytes:
    """One feature as togeojson writes it."""
    coordinates: list[Any] = [[[f.longitude, f.latitude, f.elevation] for f in fixes] for fixes in lines]
    times: list[Any] = [[f.time.isoformat() if f.time else None for f in fixes] for fixes in lines]
    hearts: list[Any] = [[f.heart_rate for f in fixes] for fixes in lines]
    is_multiple = len(lines) > 1
    lists: dict[str, list[Any]] = {"times": times, "heart": hearts} if with_times else {}
    properties = {
        "name": "Hike",
        "type": "Hiking",
        "coordinateProperties": {k: v if is_multiple else v[0] for k, v in lists.items()},
    }
    kind = "MultiLineString" if is_multiple else "LineString"
    geometry = {"type": kind, "coordinates": coordinates if is_multiple else coordinates[0]}
    feature = {"type": "Feature", "properties": properties, "geometry": geometry}
    return json.dumps({"type": "FeatureCollection", "features": [feature]}).encode()


# --- FIT, written by fit-tool ---------------------------------------------------------------------


def fit(
    *parts: Sequence[Fix],
    sports: Sequence[tuple[datetime, Sport]] = ((START, Sport.CYCLING),),
    has_positions: bool = True,
) -> bytes:
    """Between two parts the timer stops and starts again."""
    builder = FitFileBuilder(auto_define=True, min_string_size=50)
    file_id = FileIdMessage()
    file_id.type, file_id.manufacturer, file_id.product = FileType.ACTIVITY, Manufacturer.GARMIN.value, 2713
    file_id.time_created, file_id.serial_number = _milliseconds(START), 1
    builder.add(file_id)
    for fixes in parts:
        for fix in fixes:
            builder.add(_fit_record(fix, has_positions=has_positions))
        event = EventMessage()
        event.event, event.event_type = Event.TIMER, EventType.STOP_ALL
        event.timestamp = _milliseconds(START)
        builder.add(event)
    for started, sport in sports:
        session = SessionMessage()
        session.start_time, session.sport = _milliseconds(started), sport
        session.timestamp = _milliseconds(started)
        builder.add(session)
    content: bytes = builder.build().to_bytes()
    return content


def _fit_record(fix: Fix, *, has_positions: bool) -> RecordMessage:
    record = RecordMessage()
    if fix.time:
        record.timestamp = _milliseconds(fix.time)
    if has_positions:
        record.position_lat, record.position_long = fix.latitude, fix.longitude
    if fix.elevation is not None:
        record.altitude = fix.elevation
    record.heart_rate, record.cadence, record.power = fix.heart_rate, fix.cadence, fix.power
    return record


def _milliseconds(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
