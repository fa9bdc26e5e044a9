"""Whatever GitHub does in the middle of a backfill, and wherever: the files are those of an undisturbed run.

A smaller account of the typical kind, made up from a seed; the positions are seeded as well.
"""

import json
import random
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import Settings

from sandbox.github.generated_size import Size
from sync.collect import completeness
from sync.consent import Choice
from sync.models import SyncRun
from tests.faults.summary import IS_LONG, SEED
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)
SMALL = Size(150, 12, 2, 6, 8, 14, 6, 5, 2, 2, 3)
ROUNDS = 6 if IS_LONG else 2

LIMITS = (
    "secondary_retry_after",
    "secondary_without_retry_after",
    "secondary_429",
    "secondary_200",
    "secondary_old_wording",
    "primary_403",
    "primary_429",
    "graphql_rate_limited",
    "graphql_rate_limit",
    "graphql_rate_limited_remaining_4",
)
BROKEN = (
    "status_500",
    "status_502",
    "status_503",
    "status_504",
    "something_went_wrong",
    "drop_connection",
    "truncate_body",
    "resource_limits_exceeded",
)


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    with living(tmp_path, settings, {}, account=SMALL, choice=Choice.PRIVATE, token_lifetime=28_800) as world:
        yield world


class Drill:
    """Backfills of one account, each from the beginning, to compare with an undisturbed one."""

    def __init__(self, world: World) -> None:
        self.world = world
        assert world.sync().state == SyncRun.State.SUCCEEDED
        self.undisturbed = world.checksums()
        self.requests = world.github.total
        self.chance = random.Random(SEED if IS_LONG else 2026)

    def position(self) -> int:
        """After so many answers: anywhere in the backfill."""
        return self.chance.randrange(1, self.requests)

    def backfill(self, **faults: Any) -> SyncRun:
        self.world.start_over()
        self.world.github.fault(**faults)
        run = self.world.sync()
        accounting = self.world.github.accounting()
        assert run.state == SyncRun.State.SUCCEEDED, f"{faults}: {run.error_code}"
        assert accounting["refused_while_blocked"] == 0, faults
        assert accounting["writes"] == 0, faults
        return run

    def is_undisturbed(self) -> bool:
        return self.world.checksums() == self.undisturbed


@pytest.fixture
def drill(world: World) -> Drill:
    return Drill(world)


def refused(form: str, after: int) -> dict[str, Any]:
    return {"after": after, "for_seconds": 60, "form": form, "times": 1}


def test_every_form_of_a_limit_alone(drill: Drill) -> None:
    for form in LIMITS:
        run = drill.backfill(refuse_after_requests=refused(form, drill.position()))
        assert run.waits == 1, form
        assert drill.is_undisturbed(), form


def test_every_answer_that_github_could_not_give_alone(drill: Drill) -> None:
    for fault in BROKEN:
        drill.backfill(**{fault: {"times": 2, "after": drill.position()}})
        assert drill.is_undisturbed(), fault


def test_statistics_that_github_withholds_once(drill: Drill) -> None:
    """All commits of one answer come as null."""
    for after in drill.chance.sample(range(1, drill.requests), ROUNDS):
        drill.backfill(statistics_unavailable={"value": True, "times": 1, "after": after})
        assert drill.is_undisturbed(), after


def test_a_token_that_expires_in_the_middle(drill: Drill) -> None:
    for _ in range(2):
        drill.backfill(expire_tokens={"value": True, "after": drill.position()})
        assert drill.is_undisturbed()


@pytest.mark.parametrize("fault", ["forbidden_repository", "blocked_repository", "gone_repository"])
def test_access_that_was_lost_is_said_and_everything_else_is_there(drill: Drill, fault: str) -> None:
    """And when access is back, so is the rest."""
    world = drill.world
    busiest = world.subscription.repositories.order_by("-held")[0].name.rpartition("/")[2]
    before = {commit["oid"]: commit["repository"] for commit in world.commits()}
    drill.backfill(**{fault: {"value": [busiest], "after": 4}})
    lost = {oid for oid, name in before.items() if name.endswith(f"/{busiest}")}
    assert before.keys() - lost <= world.oids()
    said = [state.name for state in world.subscription.repositories.exclude(not_readable="")]
    if before.keys() - world.oids():
        assert [name.rpartition("/")[2] for name in said] == [busiest]
        files = [json.loads(content) for name, content in world.stored().items() if "profile" in name]
        reasons = {each["repository"]: each["not_readable"] for f in files for each in f["repositories"]}
        assert [name for name, reason in reasons.items() if reason] == said
    world.github.fault(**{fault: False})
    world.sync()
    assert drill.is_undisturbed()


def records_by_id(world: World) -> dict[str, dict[str, Any]]:
    kinds = ("issues", "pull_requests", "comments", "discussions", "gists", "reviews")
    return {record["id"]: record for kind in kinds for record in world.records(kind)}


def test_entries_that_are_withheld_are_said_and_everything_else_is_there(drill: Drill) -> None:
    """Entries of lists and pull requests of the search, anywhere in them; they come when access is back."""
    world = drill.world
    before, commits = records_by_id(world), sorted(world.oids())
    kinds = {kind: [r["id"] for r in world.records(kind)] for kind in ("issues", "comments", "pull_requests")}
    others = {review["pull_request_id"] for review in world.records("reviews")} - before.keys()
    chosen = {node_id for ids in kinds.values() for node_id in drill.chance.sample(sorted(ids), 2)}
    reviewed = {*drill.chance.sample(sorted(others), 2)}
    run = drill.backfill(forbidden_node=sorted(chosen | reviewed))
    lost = {
        node_id
        for node_id, record in before.items()
        if node_id in chosen or record.get("pull_request_id") in chosen | reviewed
    }
    assert records_by_id(world) == {k: record for k, record in before.items() if k not in lost}
    assert sorted(world.oids()) == commits
    said = {line.name: line.explanation for line in completeness.of_lists(world.subscription)}
    for name in ("issues opened", "comments", "pull requests opened"):
        assert said[name].startswith("GitHub withholds 2 from us")
    assert said["reviews"] == "GitHub withholds at least 2 pull requests with reviews of yours"
    assert run.requests <= drill.requests + 2, "lists that lack something are not read again and again"

    world.github.fault(forbidden_node=False)
    world.subscription.probe["compared_at"] = (timezone.now() - timedelta(days=31)).isoformat()
    world.subscription.save(update_fields=["probe"])
    world.sync()
    assert drill.is_undisturbed()


def test_a_repository_that_moves_in_the_middle_is_the_same_one(drill: Drill) -> None:
    """Records bear the name it had when they were read; nothing else differs."""
    world = drill.world

    def records(renamed: str = "moved-in-the-middle") -> str:
        content = json.dumps(world.years(), sort_keys=True)
        return content.replace(f"/{renamed}", f"/{name}")

    name = world.subscription.repositories.order_by("-held")[1].name.rpartition("/")[2]
    before = records()
    drill.backfill(moved_repository={"value": {name: "moved-in-the-middle"}, "after": drill.position()})
    assert records() == before


def test_everything_at_once_at_random_positions(drill: Drill) -> None:
    for _ in range(ROUNDS):
        broken = drill.chance.sample(BROKEN, 3)
        drill.backfill(
            refuse_after_requests=refused(drill.chance.choice(LIMITS), drill.position()),
            expire_tokens={"value": True, "after": drill.position()},
            statistics_unavailable={"value": True, "times": 1, "after": drill.position()},
            **{fault: {"times": 1, "after": drill.position()} for fault in broken},
        )
        assert drill.is_undisturbed(), broken
