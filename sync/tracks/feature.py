"""One track <-> one line of a tracks file: a GeoJSON Feature (RFC 7946). Pure.

    {"type": "Feature", "id": "<blob oid>:<number>", "properties": {"week": ..., "started_at": ..., ...,
     "coordinateProperties": {"times": [...], "heart_rates": [...]}}, "geometry": {...}}

Members stand in this order, the lists that grow with the points last, so that the facts of a line are read
without decoding its points. Equal tracks give equal bytes. Lists in `coordinateProperties` have one value a
point, null where the source says nothing, and are nested like the coordinates. A line that crosses the
antimeridian is cut there, as RFC 7946 (3.1.9) asks; `antimeridian_cuts` counts from 0 the lines that go on in
the next one, and the two points that a cut adds are no recorded ones.
"""

import io
import json
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema_rs

from sync.records import clean_text
from sync.tracks.errors import BrokenTracksFile, UnreadableTracksFile
from sync.tracks.geometry import summarise
from sync.tracks.types import NAN, SENSORS, Kind, Segment, Track, is_known, moment_of, time_of
from sync.weeks import Week

SCHEMA_FILE = Path(__file__).parent.parent / "schemas" / "github-tracks-1.json"
POINTS_SEPARATOR = b', "coordinateProperties": '
GEOMETRY_SEPARATOR = b', "geometry": '
PIECE_POINTS = 2_000
Facts = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a track's file lies, and the commit that last changed it.

    `replaces` is the blob oid of the version of the file before this one, if there was one.
    """

    repository: str
    path: str
    blob_oid: str
    commit_oid: str | None = None
    committed_at: datetime | None = None
    replaces: str | None = None


def week_of(track: Track, committed_at: datetime | None) -> Week:
    """The week of the track's own start in UTC; of the commit where the track has no times.

    Raise `ValueError` when there is neither.
    """
    moment = track.started_at or committed_at
    if moment is None:
        raise ValueError("A track without times needs the date of the commit that last changed its file.")
    return Week.of(moment)


def facts_of(track: Track, origin: Origin, source_format: str) -> Facts:
    """What the line says of its points, all of it computed from the track as it stands here."""
    summary = summarise(track)
    return {
        "week": str(week_of(track, origin.committed_at)),
        "started_at": _written(summary.started_at),
        "ended_at": _written(summary.ended_at),
        "distance_m": summary.distance_m,
        "duration_s": summary.duration_s,
        "moving_s": summary.moving_s,
        "ascent_m": summary.ascent_m,
        "kind": str(track.kind),
        "sport": track.sport,
        "name": track.name,
        "device": track.device,
        "points": len(track),
        "repository": clean_text(origin.repository),
        "path": clean_text(origin.path),
        "blob_oid": origin.blob_oid,
        "track": track.number,
        "replaces": origin.replaces,
        "commit_oid": origin.commit_oid,
        "committed_at": _written(origin.committed_at),
        "source_format": source_format,
    }


def encode_track(track: Track, origin: Origin, source_format: str) -> bytes:
    """The line, without its end. Raise `BrokenTracksFile` when it would not be valid."""
    segments: list[Segment] = []
    cuts: list[int] = []
    for segment in track.segments:
        pieces = split_at_antimeridian(segment)
        cuts += range(len(segments), len(segments) + len(pieces) - 1)
        segments += pieces
    facts = {**facts_of(track, origin, source_format), "antimeridian_cuts": cuts}
    check_facts(facts)
    out = io.BytesIO()
    out.write(head_of(facts) + POINTS_SEPARATOR)
    _write_point_lists(out, track, segments)
    kind = "MultiLineString" if len(segments) > 1 else "LineString"
    out.write(b"}" + GEOMETRY_SEPARATOR + f'{{"type": "{kind}", "coordinates": '.encode())
    _write_lists(out, segments, _coordinates)
    out.write(b"}}")
    return out.getvalue()


def head_of(facts: Facts) -> bytes:
    """The line up to its points."""
    name = f"{facts['blob_oid']}:{facts['track']}"
    properties = json.dumps(facts, ensure_ascii=False, allow_nan=False)[:-1]
    return f'{{"type": "Feature", "id": "{name}", "properties": {properties}'.encode()


def split_line(line: bytes) -> tuple[Facts, bytes]:
    """The facts, and the rest of the line from its points on, undecoded.

    In a JSON text a quotation mark inside a string has a backslash before it, so the separator stands nowhere
    but between members.
    """
    head, separator, rest = line.partition(POINTS_SEPARATOR)
    try:
        facts = json.loads(head + b"}}")["properties"]
    except (ValueError, KeyError, TypeError) as error:
        raise UnreadableTracksFile("A line of the file is not a track.") from error
    if not separator or not isinstance(facts, dict):
        raise UnreadableTracksFile("A line of the file is not a track.")
    check_facts(facts)
    return facts, separator + rest


def decode_track(line: bytes) -> tuple[Track, Origin]:
    """The track as it was written, to show it or to cut it again."""
    facts, _ = split_line(line)
    try:
        feature = json.loads(line)
        geometry, lists = feature["geometry"], feature["properties"]["coordinateProperties"]
        is_multiple = geometry["type"] == "MultiLineString"
        lines = geometry["coordinates"] if is_multiple else [geometry["coordinates"]]
        columns = {name: (values if is_multiple else [values]) for name, values in lists.items()}
        segments = [
            _segment(line, {name: values[index] for name, values in columns.items()})
            for index, line in enumerate(lines)
        ]
    except (ValueError, KeyError, TypeError, IndexError) as error:
        raise UnreadableTracksFile("A line of the file is not a track.") from error
    track = Track(
        _rejoined(segments, set(facts["antimeridian_cuts"])),
        facts["track"],
        Kind(facts["kind"]),
        facts["name"],
        facts["sport"],
        facts["device"],
    )
    committed_at = facts["committed_at"]
    origin = Origin(
        repository=facts["repository"],
        path=facts["path"],
        blob_oid=facts["blob_oid"],
        commit_oid=facts["commit_oid"],
        committed_at=datetime.fromisoformat(committed_at) if committed_at else None,
        replaces=facts["replaces"],
    )
    return track, origin


def check_facts(facts: Facts) -> None:
    error = next(iter(_facts_validator().iter_errors(facts)), None)
    if error is not None:
        path = "/".join(map(str, error.instance_path))
        raise BrokenTracksFile(f"A track would not be valid at {path or 'its top'}.")


@cache
def _facts_validator() -> Any:
    schema = json.loads(SCHEMA_FILE.read_text(encoding="utf-8"))
    facts = {**schema["$defs"]["facts"], "unevaluatedProperties": False}
    return jsonschema_rs.validator_for({"$schema": schema["$schema"], "$defs": schema["$defs"], **facts})


def split_at_antimeridian(segment: Segment) -> list[Segment]:
    """Pieces that stay on one side of 180°, each but the first and last beginning and ending there."""
    longitudes = segment.longitudes
    crossings = [i for i, (a, b) in enumerate(pairwise(longitudes), start=1) if abs(b - a) > 180]
    if not crossings:
        return [segment]
    pieces: list[Segment] = []
    piece = Segment()
    for start, stop in pairwise([0, *crossings, len(segment)]):
        piece.extend(segment.part(start, stop))
        pieces.append(piece)
        if stop < len(segment):
            side, point = _crossing(segment, stop)
            piece.append(side, *point)
            piece = Segment()
            piece.append(-side, *point)
    return pieces


def _rejoined(pieces: list[Segment], cuts: set[int]) -> list[Segment]:
    """Undo `split_at_antimeridian`: leave out the two points of each cut."""
    segments: list[Segment] = []
    for index, piece in enumerate(pieces):
        start, stop = int(index - 1 in cuts), len(piece) - int(index in cuts)
        if start:
            segments[-1].extend(piece.part(start, stop))
        else:
            segments.append(piece.part(start, stop))
    return segments


def _crossing(segment: Segment, index: int) -> tuple[float, list[float]]:
    """The side that is left before point `index`; latitude, elevation and time of the crossing."""
    before, after = segment.longitudes[index - 1], segment.longitudes[index]
    side = math.copysign(180.0, before)
    turn = (after - before + 180) % 360 - 180
    share = (side - before) / turn if turn else 0.0
    columns = (segment.latitudes, segment.elevations, segment.times)
    return side, [_between(column[index - 1], column[index], share) for column in columns]


def _between(before: float, after: float, share: float) -> float:
    return round(before + (after - before) * share, 6)


def _segment(line: list[list[float]], lists: dict[str, list[Any]]) -> Segment:
    segment = Segment()
    nothing = [None] * len(line)
    times = [
        NAN if time is None else time_of(datetime.fromisoformat(time)) for time in lists.get("times", nothing)
    ]
    sensors = [[NAN if v is None else v for v in lists.get(name, nothing)] for name in SENSORS]
    for place, time, *values in zip(line, times, *sensors, strict=True):
        segment.append(place[0], place[1], place[2] if len(place) > 2 else NAN, time, *values)
    return segment


def _write_point_lists(out: io.BytesIO, track: Track, segments: list[Segment]) -> None:
    separator = b""
    out.write(b"{")
    for name, texts in (("times", _times), *((name, _sensor(name)) for name in SENSORS)):
        if track.has(name):
            out.write(separator + f'"{name}": '.encode())
            _write_lists(out, segments, texts)
            separator = b", "
    out.write(b"}")


def _write_lists(out: io.BytesIO, segments: list[Segment], texts: Callable[[Segment], Iterator[str]]) -> None:
    """One list, or a list of lists, in pieces: half a million texts at once would take most of the memory."""
    if len(segments) > 1:
        out.write(b"[")
    for position, segment in enumerate(segments):
        if position:
            out.write(b", ")
        out.write(b"[")
        for start in range(0, len(segment), PIECE_POINTS):
            if start:
                out.write(b", ")
            out.write(", ".join(texts(segment.part(start, start + PIECE_POINTS))).encode())
        out.write(b"]")
    if len(segments) > 1:
        out.write(b"]")


def _coordinates(segment: Segment) -> Iterator[str]:
    for longitude, latitude, elevation in zip(
        segment.longitudes, segment.latitudes, segment.elevations, strict=True
    ):
        third = f", {_number(elevation)}" if is_known(elevation) else ""
        yield f"[{_number(longitude)}, {_number(latitude)}{third}]"


def _times(segment: Segment) -> Iterator[str]:
    return (f'"{_written(moment_of(time))}"' if is_known(time) else "null" for time in segment.times)


def _sensor(name: str) -> Callable[[Segment], Iterator[str]]:
    return lambda segment: (_number(v) if is_known(v) else "null" for v in segment.series(name))


def _number(value: float) -> str:
    """The shortest text that gives the same number."""
    return str(int(value)) if value.is_integer() else repr(value)


def _written(moment: datetime | None) -> str | None:
    """ISO 8601 in UTC; a fraction of a second only where there is one."""
    if moment is None:
        return None
    text = moment.astimezone(UTC).replace(tzinfo=None).isoformat()
    return (text.rstrip("0") if "." in text else text) + "Z"
