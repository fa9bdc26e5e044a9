"""Any history, any order and size of pages, any interruption: the same year files."""

import io
import json
from collections import Counter
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

from sandbox.github.generated_size import Size
from sync import archive
from sync.consent import Choice
from sync.models import Subscription, SyncRun
from sync.records import CENSUS, KINDS, Entry, calendar_entries, record_entry, short_key
from tests.faults.summary import IS_LONG
from tests.repositories import Repository
from tests.sync.world import World, living

HEADER = archive.Header(2026, 583231)
MONDAY = datetime(2026, 1, 5, tzinfo=UTC)
MINUTES = st.integers(min_value=0, max_value=300 * 24 * 60)
OFFSETS = st.sampled_from(["+00:00", "+02:00", "-07:00", "+13:45"])


# --- From records to bytes ---

PLACE = {"repository_id": "R_1", "repository": "o/r", "url": "https://github.com/o/r", "visibility": "public"}
THREAD = {"number": 7, "title": "Title", "body": None}
# What each kind holds beside its key and its moment.
DETAILS: dict[str, dict[str, Any]] = {
    "commits": {**PLACE, "committed_at": "2026-11-01T00:00:00Z", "message": "Message"}
    | dict.fromkeys(("additions", "deletions", "changed_files"), 3),
    "issues": {**PLACE, **THREAD, "state": "OPEN", "state_reason": None, "closed_at": None},
    "pull_requests": {**PLACE, **THREAD, "state": "OPEN", "is_draft": False, "merged": False}
    | {"base_ref": "main", "head_ref": "change"}
    | dict.fromkeys(
        ("merged_at", "closed_at", "merge_commit_oid", "additions", "deletions", "changed_files")
    ),
    "reviews": {**PLACE, "pull_request_id": "PR_1", "pull_request_number": 7, "pull_request_title": "Title"}
    | {"state": "APPROVED", "body": "", "commit_oid": None},
    "comments": {**PLACE, "on": "issue", "subject_id": "I_1", "subject_number": 7, "subject_title": "Title"}
    | {"body": "Text"},
    "discussions": {**PLACE, **THREAD},
    "stars": {"repository": "o/r", "visibility": "public"},
    "gists": {"name": "g", "description": None, "is_fork": False, "files": ["a.py"], "url": "u"}
    | {"visibility": "secret"},
    "releases": {**PLACE, "tag": "v1", "name": None, "body": None, "is_prerelease": False},
    "repositories_created": {"repository": "o/r", "is_fork": False, "visibility": "public"},
}
# Read without an end that is known, so that nothing of them is ever missed.
NEVER_LISTED = {"reviews", "releases", "repositories_created", "commits"}


def moment_text(minutes: int, offset: str = "+00:00") -> str:
    moment = MONDAY + timedelta(minutes=minutes)
    hours, _, rest = offset[1:].partition(":")
    shift = timedelta(hours=int(hours), minutes=int(rest)) * (-1 if offset[0] == "-" else 1)
    return (moment + shift).replace(tzinfo=None).isoformat() + offset


def made(kind: str, number: int, moment: str) -> dict[str, Any]:
    """A record that no other one is like."""
    rule, own = KINDS[kind], f"{number:040x}"
    key = {name: own for name in rule.key if name != rule.moment}
    return {**DETAILS[kind], **dict.fromkeys(rule.nested, ()), **key, rule.moment: moment}


def of_commit(number: int, minutes: int, offset: str) -> list[Entry]:
    """Read twice: with statistics and the author's clock, and by the API that tells neither."""
    whole = made("commits", number, moment_text(minutes, offset))
    bare = {**whole, "authored_at": moment_text(minutes).replace("+00:00", "Z")}
    bare |= dict.fromkeys(("additions", "deletions", "changed_files"))
    return [record_entry("commits", whole), record_entry("commits", bare)]


def of_review(number: int, minutes: int, parts: list[int]) -> list[Entry]:
    """The first comment comes with the review, the others apart, one a page."""
    whole = made("reviews", number, moment_text(minutes))
    texts = [
        {
            "id": f"C_{number}_{n}",
            "created_at": moment_text(minutes + part),
            "path": "a",
            "body": "",
            "url": "u",
        }
        for n, part in enumerate(parts)
    ]
    place = {"id": whole["id"], "submitted_at": whole["submitted_at"]}
    pages = [{**whole, "comments": texts[:1]}, *({**place, "comments": [text]} for text in texts[1:])]
    return [record_entry("reviews", page) for page in pages]


@st.composite
def histories(draw: st.DrawFn) -> list[Entry]:
    """Records of every kind, one reading of each after the other."""
    entries: list[Entry] = []
    acts = draw(st.lists(st.tuples(st.sampled_from(sorted(KINDS)), MINUTES), min_size=1, max_size=40))
    for number, (kind, minutes) in enumerate(acts):
        if kind == "commits":
            entries += of_commit(number, minutes, draw(OFFSETS))
        elif kind == "reviews":
            entries += of_review(number, minutes, draw(st.lists(st.integers(0, 600), max_size=4)))
        else:
            entries.append(record_entry(kind, made(kind, number, moment_text(minutes))))
    days = draw(st.dictionaries(st.integers(0, 299), st.integers(1, 9), max_size=12))
    counts = {(MONDAY + timedelta(days=day)).date().isoformat(): count for day, count in days.items()}
    return [*entries, *calendar_entries(counts)]


def written(batches: list[list[Entry]], after: list[Entry]) -> bytes:
    """Each batch is merged into the file that the one before it left; `after` comes last."""
    content, known = b"", set[str]()
    for batch in [*batches, after]:
        entries: dict[str, list[Entry]] = {}
        for entry in archive.unpack(archive.pack(batch)):
            entries.setdefault(entry.week, []).append(entry)
        out = io.BytesIO()
        sources: list[Any] = [io.BytesIO(content)] if content else []
        result = archive.write_year(out, HEADER, sources, entries, {}, [*KINDS], known)
        known |= set(result.weeks)
        content = out.getvalue()
    return content


def census_of(entries: list[Entry], missing: set[int]) -> list[Entry]:
    """A complete listing of each kind that GitHub lists, in which these no longer stand."""
    listed = [entry for entry in entries if entry.kind in KINDS.keys() - NEVER_LISTED]
    left = [entry for number, entry in enumerate(listed) if number not in missing]

    def met(kind: str, week: str) -> list[str]:
        there = [entry for entry in left if (entry.kind, entry.week) == (kind, week)]
        return [short_key(KINDS[kind], entry.data) for entry in there]

    return [
        Entry(
            CENSUS,
            week,
            {"kind": kind, "where": {}, "met": met(kind, week), "after": "", "on": "2026-11-24"},
        )
        for kind, week in sorted({(entry.kind, entry.week) for entry in listed})
    ]


def in_any_order(entries: list[Entry], chance: Any) -> list[Entry]:
    """All of it twice. What belongs to a review is asked for when the review has been read, not before."""
    shuffled = [*entries, *entries]
    chance.shuffle(shuffled)
    ordered: list[Entry] = []
    waiting: list[Entry] = []
    met: set[str] = set()
    for entry in shuffled:
        is_part = entry.kind == "reviews" and "state" not in entry.data
        if is_part and entry.data["id"] not in met:
            waiting.append(entry)
            continue
        ordered.append(entry)
        if entry.kind == "reviews" and not is_part:
            met.add(entry.data["id"])
            ordered += [part for part in waiting if part.data["id"] in met]
            waiting = [part for part in waiting if part.data["id"] not in met]
    return ordered


@trying(deadline=None)
@given(histories(), st.randoms(use_true_random=False), st.integers(1, 9), st.sets(st.integers(0, 7)))
def test_records_of_all_kinds_in_any_order_and_any_batches_give_the_same_bytes(
    entries: list[Entry], chance: Any, size: int, missing: set[int]
) -> None:
    """Read twice, in pages of another size, and with a page lost and read again."""
    census = census_of(entries, missing)
    at_once = written([entries], census)
    shuffled = in_any_order(entries, chance)
    batches = [shuffled[place : place + size] for place in range(0, len(shuffled), size)]
    repeated = [batch for batch in batches for _ in range(chance.randrange(1, 3))]
    assert written(repeated, census) == at_once
    weeks = json.loads(at_once)["weeks"].values()
    held = Counter(kind for week in weeks for kind in KINDS for _ in week.get(kind, ()))
    keys = {(entry.kind, KINDS[entry.kind].key_of(entry.data)) for entry in entries if entry.kind in KINDS}
    assert held == Counter(kind for kind, _ in keys)


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
            "releases": draw(st.integers(1, 25)),
        },
        "kills": sorted(draw(st.sets(st.integers(1, 40), max_size=3))),
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


def merge_branch(repository: Repository, moments: list[int]) -> None:
    """Commits of those moments on a branch that leaves the main one now and comes back at once."""
    name = f"side-{repository.commits}"
    texts = [(MONDAY + timedelta(minutes=minutes)).isoformat() for minutes in moments]
    repository.add(texts, branch=name, onto=repository.head)
    repository.merge(name, (MONDAY + timedelta(days=299)).isoformat())


@pytest.mark.django_db(transaction=True)
def test_any_history_in_any_pages_with_any_interruption_gives_the_same_files(
    world: World, settings: Settings
) -> None:
    @trying(max_examples=40 if IS_LONG else 5, deadline=None, suppress_health_check=list(HealthCheck))
    @given(
        st.lists(st.tuples(MINUTES, OFFSETS), min_size=1, max_size=30),
        st.lists(MINUTES, max_size=6),
        st.lists(st.lists(MINUTES, min_size=1, max_size=4), max_size=3),
        interruptions(),
    )
    def try_it(
        commits: list[tuple[int, str]], skewed: list[int], branches: list[list[int]], how: dict[str, Any]
    ) -> None:
        one, two = world.repositories["one"], world.repositories["two"]
        one.add(
            (MONDAY + timedelta(minutes=minutes)).replace(tzinfo=None).isoformat() + offset
            for minutes, offset in commits
        )
        for minutes in skewed:
            committed = (MONDAY + timedelta(days=290, minutes=minutes % 600)).isoformat()
            two.add([(MONDAY + timedelta(minutes=minutes)).isoformat()], committed=committed)
        for branch in branches:
            merge_branch(two, branch)
        settings.SYNC_STEP_REQUESTS = 20
        world.start_over()
        world.sync()
        undisturbed = world.checksums()
        assert world.oids() == one.oids() | two.oids()
        world.start_over()
        assert interrupted(world, settings, how).state == SyncRun.State.SUCCEEDED
        assert world.checksums() == undisturbed

    try_it()


# Everything that GitHub keeps of somebody, a few of each.
ACCOUNT = Size(60, 4, 1, 8, 8, 25, 10, 6, 3, 3, 4)


@pytest.mark.django_db(transaction=True)
def test_an_account_with_all_kinds_in_any_pages_with_any_interruption_gives_the_same_files(
    tmp_path: Path, settings: Settings
) -> None:
    """Promise 5. Small pages leave most reviews and their comments to be asked for apart."""
    with living(tmp_path, settings, {}, account=ACCOUNT, choice=Choice.PRIVATE) as world:
        world.sync()
        undisturbed = world.checksums()
        assert {kind for kind in KINDS if not world.records(kind)} == set()

        @trying(max_examples=30 if IS_LONG else 3, deadline=None, suppress_health_check=list(HealthCheck))
        @given(interruptions(), st.integers(1, 4))
        def try_it(how: dict[str, Any], few: int) -> None:
            how["sizes"] |= {"reviews": few}
            world.start_over()
            assert interrupted(world, settings, how).state == SyncRun.State.SUCCEEDED
            assert world.checksums() == undisturbed

        try_it()
