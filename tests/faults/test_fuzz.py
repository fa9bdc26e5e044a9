"""Answers of both services, broken at one position of a whole sync: any JSON, any status, any truncation.

Whatever comes, only named errors rise, nothing invalid is published, and afterwards nothing is lost.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
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
from sync.archive import SCHEMA_FILE
from sync.models import ProviderState, Subscription, SyncRun
from tests.faults.anew import begin_anew, set_right
from tests.faults.summary import IS_LONG, SEED
from tests.faults.wire import Wire, made_answer
from tests.repositories import Repository
from tests.sync.world import World, living

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
EXAMPLES = 150 if IS_LONG else 12
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

    `position` is where in a whole sync it comes, from the first answer (0) to the last.
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
    with living(tmp_path, settings, {"fuzzed": repository}) as world:
        yield world


@pytest.fixture
def answers(world: World, wire: Wire) -> int:
    """How many answers one whole sync takes, the refreshed token of Open Humans among them."""
    begin(world)
    wire.seen = 0
    assert run_to_its_end(world).state == SyncRun.State.SUCCEEDED
    return wire.seen


def begin(world: World) -> None:
    """With a token of Open Humans that must be refreshed."""
    begin_anew(world)
    Credential.objects.filter(identity__provider="openhumans").update(expires_at=timezone.now())


def run_to_its_end(world: World) -> SyncRun:
    run = world.start()
    for _ in range(40):
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
    schema = jsonschema_rs.validator_for(SCHEMA_FILE.read_text(encoding="utf-8"))
    for name, content in world.stored().items():
        if name.removesuffix(".json")[-4:].isdecimal():
            schema.validate(json.loads(content))


def fuzz(fault: st.SearchStrategy[Broken]) -> Callable[[Any], Any]:
    def decorate(test: Any) -> Any:
        # No shrinking: each example is a whole sync, and what was drawn is shown as it is.
        settings = fuzzing(
            max_examples=EXAMPLES,
            deadline=None,
            database=None,
            derandomize=not IS_LONG,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        given_test = settings(given(fault=fault)(test))
        return seed(SEED)(given_test) if IS_LONG else given_test

    return decorate


@fuzz(broken(leaf=st.none()))
def test_a_broken_answer_raises_named_errors_and_nothing_is_published_from_it(
    world: World, wire: Wire, answers: int, fault: Broken
) -> None:
    """Promise 3 and 5: what cannot be understood is not used, and asked for again."""
    begin(world)
    wire.arm(int(fault.position * answers), fault.break_answer)
    run = run_to_its_end(world)
    require_named_errors_alone(run, wire)
    require_only_valid_files(world)
    assert {commit["oid"] for commit in world.commits()} <= world.repository.oids()
    wire.disarm()
    set_right(world)
    again = run_to_its_end(world)
    assert again.state == SyncRun.State.SUCCEEDED, (again.error, wire.hits)
    assert world.oids() == world.repository.oids()


@fuzz(broken(leaf=st.tuples(st.floats(0, 1), anything)))
def test_a_value_of_the_wrong_type_raises_named_errors_and_no_invalid_file_is_published(
    world: World, wire: Wire, answers: int, fault: Broken
) -> None:
    begin(world)
    wire.arm(int(fault.position * answers), fault.break_answer)
    run = run_to_its_end(world)
    require_named_errors_alone(run, wire)
    require_only_valid_files(world)
