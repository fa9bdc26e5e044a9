"""What was not agreed to is not collected, whatever the token could read; what is not wished for goes."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from django.urls import reverse
from pytest_django import Settings

from sandbox.github.generated_size import Size
from sandbox.github.service import Service
from sync import archive
from sync.consent import KINDS, Choice
from sync.documents import PROFILE_SCHEMA_FILE
from sync.models import RepositoryState, StagedBatch, Subscription, SyncRun, YearFile
from sync.records import KINDS as RECORDS
from tests.sync.page_words import signed_in
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)
SIZE = Size(60, 6, 2, 6, 6, 16, 6, 5, 2, 3, 3)
Live = Callable[..., AbstractContextManager[World]]


@pytest.fixture
def live(tmp_path: Path, settings: Settings) -> Live:
    def start(**options: Any) -> AbstractContextManager[World]:
        return living(tmp_path, settings, {}, account=SIZE, **options)

    return start


@pytest.fixture
def world(live: Live) -> Iterator[World]:
    with live() as world:
        yield world


def collected(world: World) -> set[str]:
    """Kinds that stand in any file, the calendar among them."""
    weeks = [week for content in world.years().values() for week in content["weeks"].values()]
    return {name for week in weeks for name in (*RECORDS, "calendar") if week.get(name)}


def agree(world: World, kinds: set[str]) -> None:
    Subscription.objects.update(agreement={**world.subscription.agreement, "kinds": sorted(kinds)})


def private_names(world: World) -> list[bytes]:
    """Of the repositories that are private at GitHub."""
    catalogue = world.github.app.extensions["github_stand_in"].world.catalogue
    names = [each.name.encode() for each in catalogue.repositories if each.is_private]
    assert names
    return names


# --- Kinds ---


@pytest.mark.parametrize("kind", KINDS)
def test_a_kind_that_was_not_agreed_to_is_not_collected_and_all_others_are(world: World, kind: str) -> None:
    agree(world, set(KINDS) - {kind})
    assert world.sync().state == SyncRun.State.SUCCEEDED
    assert collected(world) == set(KINDS) - {kind}
    requests = world.github.total
    world.sync()
    assert world.github.total - requests == 1


def test_one_kind_alone_asks_for_nothing_else(world: World) -> None:
    agree(world, {"stars"})
    world.sync()
    assert collected(world) == {"stars"}
    for operation in ("CommitPages", "CommitTotals", "Reviews", "Releases"):
        assert world.asked(operation) == []


def test_a_kind_that_is_chosen_later_is_collected_from_the_beginning(
    live: Live, tmp_path: Path, settings: Settings
) -> None:
    def all_of(world: World) -> str:
        """Without the port of the stand-in."""
        records = json.dumps({kind: world.records(kind) for kind in RECORDS}, indent=1)
        return records.replace(world.github.url, "https://github.com")

    with live() as world:
        agree(world, {"stars"})
        world.sync()
        agree(world, set(KINDS))
        world.sync()
        assert collected(world) == set(KINDS)
        later, days = all_of(world), world.stored()["github-daily.csv"]
        world.member.delete()
    with living(tmp_path / "at once", settings, {}, account=SIZE) as world:
        world.sync()
        assert (all_of(world), world.stored()["github-daily.csv"]) == (later, days)


# --- Private things ---


def test_a_token_wider_than_the_choice_brings_nothing_private_anywhere(live: Live) -> None:
    """`repo` was granted once, the choice is public: nothing in staging, tables, files or profile."""
    with live() as world:
        world.connect(Choice.PRIVATE)
        names = private_names(world)
        world.openhumans.fault(fail_start=True)
        run = world.start()
        world.step(run)
        staged = [archive.unpack(batch.content) for batch in StagedBatch.objects.all()]
        kinds = {entry.kind for entries in staged for entry in entries}
        assert len(kinds) > 5, "no upload begins: what was read waits"
        world.openhumans.fault(fail_start=False)
        assert world.finish(run).state == SyncRun.State.SUCCEEDED

        assert collected(world) == set(KINDS)
        for name in names:
            assert not any(name in content for content in world.stored().values())
        assert {state.visibility for state in RepositoryState.objects.all()} == {"public"}
        assert not YearFile.objects.filter(kind__in=YearFile.PRIVATE_KINDS).exists()
        assert world.github.accounting()["writes"] == 0


def test_nothing_private_waits_in_staging_with_the_public_choice(live: Live) -> None:
    with live() as world:
        world.connect(Choice.PRIVATE)
        world.openhumans.fault(fail_start=True)
        world.step(world.start())
        batches = StagedBatch.objects.all()
        entries = [entry for batch in batches for entry in archive.unpack(batch.content)]
        assert entries
        assert {batch.kind for batch in batches} == {"public"}
        assert {e.data["visibility"] for e in entries if "visibility" in e.data} == {"public"}
        for name in private_names(world):
            assert name not in json.dumps([entry.data for entry in entries]).encode()


def test_switching_private_off_deletes_exactly_the_private_files(live: Live) -> None:
    with live(choice=Choice.PRIVATE) as world:
        world.sync()
        before = world.checksums()
        private = {name for name in before if "private" in name}
        assert len(private) > 2
        schema = jsonschema_rs.validator_for(json.loads(PROFILE_SCHEMA_FILE.read_text(encoding="utf-8")))
        for name in ("github-profile.json", "github-private-profile.json"):
            schema.validate(json.loads(world.stored()[name]))

        signed_in(world.member).post(reverse("leave_out_private"))
        world.finish(SyncRun.objects.get(trigger=SyncRun.Trigger.ERASE))
        assert world.checksums() == {name: before[name] for name in before.keys() - private}

        world.act("active_day")
        assert world.sync().state == SyncRun.State.SUCCEEDED
        assert not {name for name in world.stored() if "private" in name}
        for private_name in private_names(world):
            assert not any(private_name in content for content in world.stored().values())
        assert world.github.accounting()["writes"] == 0


def test_of_private_things_that_were_not_chosen_not_even_an_id_is_noted(world: World) -> None:
    """Promise 11, with a token that could read them; also no request is made for what they hold."""
    world.connect(Choice.PRIVATE)
    service: Service = world.github.app.extensions["github_stand_in"]
    home = next(each for each in service.world.catalogue.repositories if each.is_private)
    own = world.act("create_pull_request", repository=home.full_name)["id"]
    others = world.act("create_pull_request", repository=home.full_name, login="ada-0")["id"]
    made = [home.node_id, own, others, world.act("create_issue", repository=home.full_name)["id"]]
    made += [world.act("submit_review", on=on, comments=40)["id"] for on in (own, others) for _ in range(7)]
    made.append(world.act("create_comment", on=own)["id"])

    run = world.start()
    while run.is_active:
        world.step(run)
        noted = json.dumps([world.subscription.lists, world.subscription.probe])
        assert [node_id for node_id in made if node_id in noted] == []
    assert run.state == SyncRun.State.SUCCEEDED
    assert world.asked("MoreReviews") == world.asked("MoreReviewComments") == []
    assert world.sync().requests == 1
