"""Tracks as hypothesis makes them."""

from hypothesis import strategies as st

from sync.tracks.types import NAN, Segment, Track, time_of
from tests.sync.tracks.samples import START

longitudes = st.floats(-180, 180).map(lambda value: round(value, 7))
latitudes = st.floats(-90, 90).map(lambda value: round(value, 7))


@st.composite
def walks(
    draw: st.DrawFn, *, around: tuple[float, float] | None = None, spread: float = 0.02, min_size: int = 2
) -> Segment:
    """Points near one place anywhere on earth, or near a given one, over the antimeridian and the poles.

    Adding zero turns the negative zero, which no text keeps apart, into the other.
    """
    longitude, latitude = around or (draw(longitudes), draw(latitudes))
    offsets = st.tuples(st.floats(-spread, spread), st.floats(-spread, spread))
    segment, time = Segment(), time_of(START)
    elevation = st.just(NAN) | st.floats(-400, 8000).map(lambda value: round(value, 2) + 0.0)
    sensor = st.just(NAN) | st.integers(0, 250).map(float)
    for east, north in draw(st.lists(offsets, min_size=min_size, max_size=40)):
        time += draw(st.integers(0, 60_000)) / 1000
        segment.append(
            round((longitude + east + 180) % 360 - 180, 7) + 0.0,
            round(min(max(latitude + north, -90), 90), 7) + 0.0,
            draw(elevation),
            draw(st.just(NAN) | st.just(round(time, 3))),
            draw(sensor),
            draw(sensor),
            draw(sensor),
        )
    return segment


@st.composite
def tracks(draw: st.DrawFn) -> Track:
    segments = [draw(walks()) for _ in range(draw(st.integers(1, 3)))]
    segments[0].times[0] = time_of(START)
    return Track(segments, draw(st.integers(0, 9)), name=draw(st.none() | st.just('A "b", \\ c')))
