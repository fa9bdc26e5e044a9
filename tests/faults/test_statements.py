"""A worker that dies at any moment between two words to Postgres."""

import random
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import requests
from django.db import connection
from django.utils import timezone
from pytest_django import Settings

from github_client import GitHubClient
from sync import planner
from sync.models import Subscription, SyncRun
from tests.faults.anew import begin_anew
from tests.faults.comparing import differing, questions, records_twice, repeats, weeks_lost
from tests.faults.summary import IS_LONG, SEED, Drill, new_drill, say
from tests.repositories import Repository
from tests.sync.world import World, living

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
WRITES = ("INSERT", "UPDATE", "DELETE", "SAVEPOINT", "RELEASE")
STAGING = ('INSERT INTO "SYNC_STAGEDBATCH"',)
# Of each sort of moment.
DEATHS = 40 if IS_LONG else 3


class Killed(BaseException):
    """What no handler of the app catches, as a `kill -9`."""


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    settings.SYNC_STEP_REQUESTS = 4
    repository = Repository.create(tmp_path / "statements", f"{uuid4().hex[:12]}@example.org")
    now = datetime.now(UTC).replace(microsecond=0)
    repository.add((now - timedelta(days=9 * n + 3)).isoformat() for n in range(120, 0, -1))
    with living(tmp_path, settings, {"statements": repository}) as world:
        yield world


@contextmanager
def dying_before(sort: tuple[str, ...], number: int) -> Iterator[list[str]]:
    """Die before the n-th write of a sort, counted from 0; those that were done stand in the list."""
    written: list[str] = []

    def execute(run: Callable[..., Any], sql: str, *arguments: Any) -> Any:
        if sql.lstrip().upper().startswith(sort):
            if len(written) == number:
                raise Killed
            written.append(sql)
        return run(sql, *arguments)

    with connection.execute_wrapper(execute):
        yield written


@contextmanager
def dying_with_an_answer(question: str, number: int) -> Iterator[None]:
    """Die with the n-th answer to a question in hand, counted from 0, before anything of it is kept."""
    ask, left = getattr(GitHubClient, question), [number]

    def asked(*arguments: Any) -> Any:
        answer = ask(*arguments)
        left[0] -= 1
        if left[0] < 0:
            raise Killed
        return answer

    with pytest.MonkeyPatch.context() as monkeypatch:
        monkeypatch.setattr(GitHubClient, question, asked)
        yield


@pytest.mark.parametrize("sort", [WRITES, STAGING], ids=["any write", "records after their cursor"])
def test_killed_before_any_statement_nothing_is_lost_or_doubled(world: World, sort: tuple[str, ...]) -> None:
    """Promise 5: a cursor and the records that came with it are stored together, or not at all."""
    drill, dice = new_drill("killed between two statements"), random.Random(SEED)
    with dying_before(sort, -1) as written:
        world.sync()
    truth, count = world.stored(), len(written)
    # The last records to come are commits: of all streams, theirs have the cursors that move.
    numbers = range(count)[-DEATHS:] if sort is STAGING else dice.sample(range(count), min(DEATHS, count))
    for number in sorted(numbers):
        begin_anew(world)
        live_through(world, dying_before(sort, number), drill)
        compare(world, truth, drill, f"killed before {number}: {written[number]}")
    say(f"killed before {drill.faults_injected} of {count} statements")


# What GitHub does with the first page of commits, and the question of which an answer is lost.
TROUBLES: dict[str, tuple[dict[str, Any], str, int]] = {
    "commits whose lines cannot be counted": (
        {"statistics_unavailable": {"value": True}},
        "fetch_commit_pages",
        6,
    ),
    "pages that are too heavy": (
        {"field_error": {"field": "history", "type": "RESOURCE_LIMITS_EXCEEDED", "times": 3}},
        "fetch_repositories",
        1,
    ),
}


@pytest.mark.parametrize("trouble", TROUBLES)
def test_killed_with_any_answer_in_hand_only_that_question_is_asked_again(world: World, trouble: str) -> None:
    """A page that takes several questions is no exception: what each of them told is kept."""
    fault, question, deaths = TROUBLES[trouble]
    world.sync()
    log = requests.get(f"{world.github.url}/_sandbox/graphql_log", timeout=10).json()
    first_page = [entry["operation"] for entry in log].index("CommitPages")
    fault = {name: {**details, "after": first_page} for name, details in fault.items()}
    begin_anew_with(world, fault)
    world.sync()
    truth, asked = world.stored(), questions(world.github.url)
    drill = new_drill("killed with an answer in hand")
    for number in range(deaths):
        begin_anew_with(world, fault)
        live_through(world, dying_with_an_answer(question, number), drill)
        compare(world, truth, drill, f"killed with answer {number} in hand", asked)
    assert drill.faults_injected == deaths


def begin_anew_with(world: World, fault: dict[str, Any]) -> None:
    """With one page of commits at a time, so that half as many are another question."""
    begin_anew(world)
    Subscription.objects.update(batch_sizes={"commits": planner.PAGE_LIMIT})
    world.github.fault(**fault)


def compare(
    world: World,
    truth: dict[str, bytes],
    drill: Drill,
    what: str,
    asked: Mapping[str, int] | None = None,
) -> None:
    """`asked` are the questions of an undisturbed run, where it asks some of them twice."""
    found, repeated = world.stored(), repeats(questions(world.github.url), asked)
    refused = world.github.accounting()["refused_while_blocked"]
    drill.count(
        requests_repeated=repeated,
        weeks_lost=weeks_lost(found, truth),
        records_twice=records_twice(found),
        requests_while_blocked=refused,
        files_differing=len(differing(found, truth)),
    )
    assert differing(found, truth) == [], what
    assert records_twice(found) == 0, what
    assert repeated <= 1, what
    assert refused == 0, what


def live_through(world: World, death: AbstractContextManager[object], drill: Drill) -> None:
    """The worker dies, its lease runs out, and another one goes on."""
    run = world.start()
    try:
        with death:
            world.finish(run)
    except Killed:
        drill.count(faults_injected=1)
        connection.close()
        SyncRun.objects.active().update(lease_until=timezone.now())
    run.refresh_from_db()
    world.finish(run)
    assert run.state == SyncRun.State.SUCCEEDED
