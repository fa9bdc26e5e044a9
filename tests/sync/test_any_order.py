"""Any history, any order and size of pages, any interruption: the same year files."""

import io
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from hypothesis import HealthCheck, given
from hypothesis import settings as trying
from hypothesis import strategies as st
from pytest_django import Settings
from requests.adapters import HTTPAdapter

from sync import archive
from sync.models import Subscription, SyncRun
from sync.records import CENSUS, KINDS, Entry, calendar_entries, record_entry, short_key
from tests.faults.summary import IS_LONG
from tests.repositories import Repository
from tests.sync.test_records import commit
from tests.sync.world import World, living

HEADER = archive.Header(2026, 583231)
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
MINUTES = st.integers(min_value=0, max_value=300 * 24 * 60)
OFFSETS = st.sampled_from(["+00:00", "+02:00", "-07:00", "+13:45"])


# --- From records to bytes ---


def made_commit(number: int, minutes: int, offset: str) -> Entry:
    moment = MONDAY + timedelta(minutes=minutes)
    hours, _, rest = offset[1:].partition(":")
    shift = timedelta(hours=int(hours), minutes=int(rest)) * (-1 if offset[0] == "-" else 1)
    text = (moment + shift).replace(tzinfo=None).isoformat() + offset
    return record_entry("commits", commit(f"{number:040x}", authored_at=text))


def made_star(number: int, minutes: int) -> Entry:
    moment = (MONDAY + timedelta(minutes=minutes)).isoformat().replace("+00:00", "Z")
    return record_entry(
        "stars",
        {"repository_id": f"R_{number}", "repository": "o/r", "starred_at": moment, "visibility": "public"},
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    commits = draw(st.lists(st.tuples(MINUTES, OFFSETS), min_size=1, max_size=25))
    stars = draw(st.lists(MINUTES, max_size=8))
    days = draw(st.dictionaries(st.integers(0, 299), st.integers(1, 9), max_size=12))
    return [
        *(made_commit(number, *made) for number, made in enumerate(commits)),
        *(made_star(number, minutes) for number, minutes in enumerate(stars)),
        *calendar_entries({(MONDAY + timedelta(days=day)).date().isoformat(): n for day, n in days.items()}),
    ]


def written(batches: list[list[Entry]], after: list[Entry]) -> bytes:
    """Each batch is merged into the file that the one before it left; `after` comes last."""
    content, known = b"", set[str]()
    for batch in [*batches, after]:
        entries: dict[str, list[Entry]] = {}
        for entry in archive.unpack(archive.pack(batch)):
            entries.setdefault(entry.week, []).append(entry)
        out = io.BytesIO()
        sources: list[Any] = [io.BytesIO(content)] if content else []
        result = archive.write_year(out, HEADER, sources, entries, {}, ["commits", "stars"], known)
        known |= set(result.weeks)
        content = out.getvalue()
    return content


def census_of(entries: list[Entry], missing: set[int]) -> list[Entry]:
    """A complete listing of the stars, in which these no longer stand."""
    stars = [entry for entry in entries if entry.kind == "stars"]
    left = [entry for number, entry in enumerate(stars) if number not in missing]
    return [
        Entry(
            CENSUS,
            week,
            {
                "kind": "stars",
                "where": {},
                "met": [short_key(KINDS["stars"], entry.data) for entry in left if entry.week == week],
                "after": "",
                "on": "2026-11-24",
            },
        )
        for week in sorted({entry.week for entry in stars})
    ]


@trying(deadline=None)
@given(histories(), st.randoms(use_true_random=False), st.integers(1, 9), st.sets(st.integers(0, 7)))
def test_records_in_any_order_and_any_batches_give_the_same_bytes(
    entries: list[Entry], chance: Any, size: int, missing: set[int]
) -> None:
    """Read twice, in pages of another size, and with a page lost and read again."""
    census = census_of(entries, missing)
    at_once = written([entries], census)
    shuffled = [*entries, *entries]
    chance.shuffle(shuffled)
    batches = [shuffled[place : place + size] for place in range(0, len(shuffled), size)]
    repeated = [batch for batch in batches for _ in range(chance.randrange(1, 3))]
    assert written(repeated, census) == at_once


# --- From GitHub to files ---


class Killed(BaseException):
    """As `kill -9`: nothing of ours hears of it."""


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    email = f"{uuid4().hex[:12]}@example.org"
    repositories = {name: Repository.create(tmp_path / name, email) for name in ("one", "two")}
    for repository in repositories.values():
        repository.add([(MONDAY - timedelta(days=300)).isoformat()])
    with living(tmp_path, settings, repositories) as world:
        yield world


@st.composite
def interruptions(draw: st.DrawFn) -> dict[str, Any]:
    return {
        "step": draw(st.integers(1, 5)),
        "sizes": {
            "commits": draw(st.integers(1, 60)),
            "lists": draw(st.integers(2, 100)),
            "windows": draw(st.integers(1, 3)),
            "reviews": draw(st.integers(1, 50)),
        },
        "kills": sorted(draw(st.sets(st.integers(1, 25), max_size=3))),
        "is_answered": draw(st.booleans()),
    }


def interrupted(world: World, settings: Settings, how: dict[str, Any]) -> SyncRun:
    """A backfill in pages and steps of these sizes, killed before or after so many requests."""
    settings.SYNC_STEP_REQUESTS = how["step"]
    Subscription.objects.update(batch_sizes=how["sizes"])
    send, asked = HTTPAdapter.send, 0

    def sending(adapter: HTTPAdapter, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        nonlocal asked
        if "/_sandbox/" in request.path_url:
            return send(adapter, request, **options)
        asked += 1
        if asked not in how["kills"]:
            return send(adapter, request, **options)
        if how["is_answered"]:
            send(adapter, request, **options)
        raise Killed

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(HTTPAdapter, "send", sending)
        run = world.start()
        for _ in range(200):
            try:
                world.finish(run)
            except Killed:
                SyncRun.objects.filter(pk=run.pk).update(lease_until=None)
            else:
                return run
    raise AssertionError("killed for ever")


@pytest.mark.django_db(transaction=True)
def test_any_history_in_any_pages_with_any_interruption_gives_the_same_files(
    world: World, settings: Settings
) -> None:
    @trying(max_examples=40 if IS_LONG else 5, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(st.tuples(MINUTES, OFFSETS), min_size=1, max_size=30),
        st.lists(MINUTES, max_size=6),
        interruptions(),
    )
    def try_it(commits: list[tuple[int, str]], skewed: list[int], how: dict[str, Any]) -> None:
        one, two = world.repositories["one"], world.repositories["two"]
        one.add(
            (MONDAY + timedelta(minutes=minutes)).replace(tzinfo=None).isoformat() + offset
            for minutes, offset in commits
        )
        for minutes in skewed:
            committed = (MONDAY + timedelta(days=290, minutes=minutes % 600)).isoformat()
            two.add([(MONDAY + timedelta(minutes=minutes)).isoformat()], committed=committed)
        settings.SYNC_STEP_REQUESTS = 20
        world.start_over()
        world.sync()
        undisturbed = world.checksums()
        assert world.oids() == one.oids() | two.oids()
        world.start_over()
        assert interrupted(world, settings, how).state == SyncRun.State.SUCCEEDED
        assert world.checksums() == undisturbed

    try_it()
