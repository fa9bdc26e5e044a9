from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from sync.tracks.types import NAN, SERIES, Segment, Track, moment_of, time_of
from tests.sync.tracks.samples import ride, segment_of

moments = st.datetimes(datetime(1980, 1, 7), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001


@given(moments)
def test_times_keep_every_microsecond(moment: datetime) -> None:
    assert moment_of(time_of(moment)) == moment


def test_offsets_are_the_same_moment_in_utc() -> None:
    moment = datetime(2026, 5, 1, 10, tzinfo=timezone(timedelta(hours=2)))
    assert moment_of(time_of(moment)) == datetime(2026, 5, 1, 8, tzinfo=UTC)


def test_a_part_keeps_all_series_together() -> None:
    segment = segment_of(ride(10))
    part = segment.part(2, 5)
    assert len(part) == 3
    for name in SERIES:
        assert part.series(name) == segment.series(name)[2:5]


def test_a_track_has_a_series_if_any_point_has() -> None:
    segment = Segment()
    segment.append(8, 47)
    segment.append(8, 47, power=0.0)
    track = Track([segment])
    assert (track.has("powers"), track.has("heart_rates")) == (True, False)


def test_start_and_end_are_the_first_and_last_moment_that_is_known() -> None:
    segment = segment_of(ride(3))
    segment.times[0] = NAN
    track = Track([segment])
    assert (track.started_at, track.ended_at) == (moment_of(segment.times[1]), moment_of(segment.times[2]))
