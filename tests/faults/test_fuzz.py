"""Answers of both services, broken at one place of a whole account: any JSON, any status, any truncation.

One answer to each kind of request in turn: every query that a run asks, the REST API for tracks, both ways to
refresh a token, every step of the upload protocol. Whatever comes, only named errors rise, nothing invalid is
published, and afterwards nothing is lost.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from uuid import uuid4

import jsonschema_rs
import pytest
import requests
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, seed
from hypothesis import settings as fuzzing
from hypothesis import strategies as st
from pytest_django import Settings

from accounts.models import Credential
from sandbox.github.generated_size import Size
from sync.archive import SCHEMA_FILE
from sync.consent import Choice
from sync.documents import PROFILE_SCHEMA_FILE
from sync.models import ProviderState, Subscription, SyncRun
from sync.tracking import answers, zones
from sync.tracks import feature
from tests.faults.anew import begin_anew, set_right
from tests.faults.comparing import TRACKS, keys_of, records_twice, weeks_lost
from tests.faults.summary import IS_LONG, SEED, Drill, new_drill
from tests.faults.wire import Wire, made_answer
from tests.repositories import Repository
from tests.sync.tracking.rides import HOME, ride, tick_all
from tests.sync.world import World, living

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
# In the short form both tests together break an answer of each kind; there are 19. The one that syncs
# everything again afterwards takes the fewer.
RECOVERED, UNRECOVERED = (95, 95) if IS_LONG else (6, 13)
_PROJECT = "/api/direct-sharing/project"
# Beside the queries: every endpoint that a run asks.
ENDPOINTS = {
    "POST /login/oauth/access_token",
    "GET /api/repositories/*/git/trees/*",
    "GET /api/repositories/*/git/blobs/*",
    "POST /oauth2/token/",
    f"GET {_PROJECT}/",
    f"GET {_PROJECT}/exchange-member/",
    f"POST {_PROJECT}/files/upload/direct/",
    "PUT /storage/*",
    f"POST {_PROJECT}/files/upload/complete/",
    "GET /data-management/datafile-download/*/",
    "GET /storage/*",
    f"POST {_PROJECT}/files/delete/",
    f"POST {_PROJECT}/message/",
}
NO_RIDE = bytes(range(256))
SIZE = Size(
    commits=6,
    repositories=3,
    years=1,
    issues=1,
    pull_requests=1,
    comments=2,
    reviewed=2,
    stars=1,
    gists=1,
    discussions=1,
    releases=1,
)
STATUSES = (
    200,
    201,
    202,
    204,
    206,
    301,
    304,
    400,
    401,
    403,
    404,
    409,
    410,
    413,
    418,
    422,
    429,
    451,
    500,
    502,
)
MEDIA_TYPES = ("application/json", "text/html", "application/xml", "text/plain", "")

anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@dataclass(frozen=True)
class Broken:
    """In the place of one answer: another status, another body, a part of it, or one value (`leaf`) of it.

    `position` is which answer of its kind, from the first (0) to the last.
    """

    position: float
    status: int | None
    media_type: str
    body: bytes | None
    kept: float
    leaf: tuple[float, Any] | None = None

    def break_answer(self, response: requests.Response) -> requests.Response:
        content = self._broken(response.content)
        return made_answer(response, self.status or response.status_code, content, self.media_type)

    def _broken(self, content: bytes) -> bytes:
        if self.leaf is not None:
            return _with_leaf_replaced(content, *self.leaf)
        if self.body is not None:
            return self.body
        return content[: int(len(content) * self.kept)]


def _with_leaf_replaced(content: bytes, where: float, value: Any) -> bytes:
    try:
        document = json.loads(content)
    except ValueError:
        return content
    places = list(_places(document))
    if not places:
        return json.dumps(value).encode()
    container, key = places[int(where * (len(places) - 1))]
    container[key] = value
    return json.dumps(document).encode()


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    items = document.items() if isinstance(document, dict) else enumerate(document)
    for key, value in list(items) if isinstance(document, dict | list) else ():
        yield document, key
        if isinstance(value, dict | list):
            yield from _places(value)


def broken(leaf: st.SearchStrategy[Any]) -> st.SearchStrategy[Broken]:
    bodies = st.one_of(
        anything.map(lambda value: json.dumps(value).encode()),
        st.binary(max_size=40),
        st.sampled_from(
            [
                b"",
                b"<html><h1>502</h1></html>",
                b'{"data": null}',
                b'{"data": {}}',
                b'{"data": {"viewer": 17}}',
                b"[]",
                b"null",
                b'{"errors": []}',
            ]
        ),
    )
    return st.builds(
        Broken,
        position=st.floats(0, 1, exclude_max=True),
        status=st.none() | st.sampled_from(STATUSES),
        media_type=st.sampled_from(MEDIA_TYPES),
        body=st.none() | bodies,
        kept=st.floats(0, 1),
        leaf=leaf,
    )


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    repository = Repository.create(tmp_path / "fuzzed", f"{uuid4().hex[:12]}@example.org")
    now = datetime.now(UTC).replace(microsecond=0)
    repository.add((now - timedelta(days=90 - 20 * n)).isoformat() for n in range(4))
    # One is read as text, the other one as bytes.
    repository.write({"rides/a.gpx": ride(), "rides/b.fit": NO_RIDE}, now.isoformat())
    with living(
        tmp_path,
        settings,
        {"fuzzed": repository},
        account=SIZE,
        choice=Choice.PRIVATE,
        token_lifetime=28_800,
    ) as world:
        answers.look(world.subscription, forks=False, others=False)
        yield world


@dataclass
class Account:
    """What is asked for the whole account, by kind of request, and what the files are then."""

    drill: Drill
    files: dict[str, bytes] = field(repr=False)
    positions: dict[str, list[int]] = field(repr=False)
    broken: int = 0

    def next_position(self, share: float) -> int:
        """Of an answer of the kind whose turn it is."""
        kinds = sorted(self.positions)
        positions = self.positions[kinds[self.broken % len(kinds)]]
        self.broken += 1
        return positions[int(share * len(positions))]

    def compare(self, files: dict[str, bytes], hits: list[str]) -> None:
        """A tree or a file that GitHub withheld is asked for again when it has changed; here nothing does."""
        lost, twice = weeks_lost(files, self.files), records_twice(files)
        self.drill.count(weeks_lost=lost, records_twice=twice)
        assert (lost, twice) == (0, 0), hits
        missing = keys_of(self.files) - keys_of(files)
        is_withheld = any("/git/" in call for call in hits)
        assert {kind for kind, *_ in missing} <= ({TRACKS} if is_withheld else set()), hits


@pytest.fixture
def account(world: World, wire: Wire) -> Account:
    begin(world)
    wire.kinds.clear()
    for run in whole_account(world):
        assert run.state == SyncRun.State.SUCCEEDED, (run.error_code, run.error)
    positions: dict[str, list[int]] = {}
    for position, kind in enumerate(wire.kinds):
        positions.setdefault(kind, []).append(position)
    assert positions.keys() >= ENDPOINTS, ENDPOINTS - positions.keys()
    return Account(new_drill("broken answers"), world.stored(), positions)


def begin(world: World) -> None:
    """With tokens of both services that must be refreshed."""
    begin_anew(world)
    Credential.objects.update(expires_at=timezone.now())


def whole_account(world: World) -> Iterator[SyncRun]:
    """The first run, the one that reads the tracks it found, and one that hides a zone of them."""
    yield run_to_its_end(world)
    tick_all(world)
    yield run_to_its_end(world)
    answers.add_zone(world.subscription, zones.make("Home", *HOME, 400))
    yield run_to_its_end(world)


def run_to_its_end(world: World) -> SyncRun:
    run = world.start()
    for _ in range(80):
        if not run.is_active:
            return run
        if world.step(run) is not None:
            # Only for what is wrong with this site: an answer never is.
            assert run.wait_reason != SyncRun.WaitReason.SITE
            world.pass_wait(run)
    raise AssertionError(f"The run does not end: {run.state}, {run.wait_reason}")


def require_named_errors_alone(run: SyncRun, wire: Wire) -> None:
    """One bad answer may cost the member a new consent, never a pause, and nobody else anything."""
    assert run.error_code != "internal_error", (run.error, wire.hits)
    assert run.subscription.status != Subscription.Status.PAUSED
    assert not ProviderState.objects.exclude(opened_at=None).exists()


def require_only_valid_files(world: World) -> None:
    """An update that failed between confirming a file and deleting the one before leaves both."""
    for name, content in world.copies():
        if name != "github-daily.csv":
            broken = list(_schema_of(name).iter_errors(json.loads(content)))
            assert broken == [], (name, [str(error) for error in broken])


@cache
def _schema_of(name: str) -> jsonschema_rs.Validator:
    if name.endswith(".geojson"):
        file = feature.SCHEMA_FILE
    else:
        file = PROFILE_SCHEMA_FILE if name.endswith("-profile.json") else SCHEMA_FILE
    return jsonschema_rs.validator_for(file.read_text(encoding="utf-8"))


def fuzz(fault: st.SearchStrategy[Broken], examples: int) -> Callable[[Any], Any]:
    def decorate(test: Any) -> Any:
        # No shrinking: each example is a whole sync, and what was drawn is shown as it is.
        settings = fuzzing(
            max_examples=examples,
            deadline=None,
            database=None,
            derandomize=not IS_LONG,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        given_test = settings(given(fault=fault)(test))
        return seed(SEED)(given_test) if IS_LONG else given_test

    return decorate


@fuzz(broken(leaf=st.none()), RECOVERED)
def test_a_broken_answer_raises_named_errors_and_nothing_is_published_from_it(
    world: World, wire: Wire, account: Account, fault: Broken
) -> None:
    """Promise 3 and 5: what cannot be understood is not used, and asked for again."""
    break_an_answer(world, wire, account, fault)
    for name, content in world.copies():
        assert keys_of({name: content}).keys() <= keys_of(account.files).keys()
    wire.disarm()
    set_right(world)
    for run in whole_account(world):
        assert run.state == SyncRun.State.SUCCEEDED, (run.error, wire.hits)
    account.compare(world.stored(), wire.hits)


@fuzz(broken(leaf=st.tuples(st.floats(0, 1), anything)), UNRECOVERED)
def test_a_value_of_the_wrong_type_raises_named_errors_and_no_invalid_file_is_published(
    world: World, wire: Wire, account: Account, fault: Broken
) -> None:
    account.drill.name = "values of the wrong type"
    # Where the other test's examples end in the short form.
    account.broken = account.broken or RECOVERED
    break_an_answer(world, wire, account, fault)


def break_an_answer(world: World, wire: Wire, account: Account, fault: Broken) -> None:
    begin(world)
    wire.hits.clear()
    wire.arm(account.next_position(fault.position), fault.break_answer)
    for run in whole_account(world):
        require_named_errors_alone(run, wire)
        if run.state == SyncRun.State.FAILED:
            break
    account.drill.count(faults_injected=len(wire.hits))
    require_only_valid_files(world)
