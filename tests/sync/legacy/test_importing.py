"""The old app's file taken over beside both stand-ins: once, and only what GitHub did not tell."""

import io
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone
from pytest_django import Settings

from openhumans_client import File, NotFound, OpenHumansClient
from sandbox.github.ids import NodeId
from sandbox.github.service import Service
from sync import choices, credentials
from sync.consent import Choice
from sync.errors import LeaseLost
from sync.leaving.forgetting import forget_files
from sync.legacy import github_json
from sync.legacy.importing import (
    LegacyReport,
    Outcome,
    import_legacy_file,
    is_legacy_file,
    legacy_files,
    memory,
)
from sync.models import EraseScope, StagedBatch, Subscription, SyncRun
from sync.publish import Publisher
from tests.repositories import Repository
from tests.sync.legacy.test_github_json import document, node_id_in, oid, rest_commit
from tests.sync.world import PROJECT, World, living

pytestmark = pytest.mark.django_db(transaction=True)

OLD_METADATA = {
    "description": "Github data.",
    "tags": ["Github", "github", "commits", "code", "repos"],
    "updated_at": "2024-05-01 10:00:00.123456",
}


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    repository = Repository.create(tmp_path / "trails", f"{uuid4().hex[:12]}@example.org")
    now = timezone.now().replace(microsecond=0)
    repository.add((now - timedelta(days=40 - 2 * n)).isoformat() for n in range(20))
    return repository


@pytest.fixture
def world(tmp_path: Path, settings: Settings, repository: Repository) -> Iterator[World]:
    with living(tmp_path, settings, {"trails": repository}) as world:
        yield world


@pytest.fixture
def private_world(tmp_path: Path, settings: Settings, repository: Repository) -> Iterator[World]:
    """The member chose private repositories as well."""
    with living(tmp_path, settings, {"trails": repository}, choice=Choice.PRIVATE) as world:
        yield world


def client_of(world: World) -> OpenHumansClient:
    return credentials.openhumans_client(world.member)


def keep_old_file(world: World, content: Any, basename: str = "github.json") -> None:
    """As the old app uploaded it."""
    client = client_of(world)
    data = content if isinstance(content, bytes) else json.dumps(content).encode()
    started = client.start_upload(basename, OLD_METADATA)
    client.put_upload(started, io.BytesIO(data), len(data))
    assert client.complete_upload(started.file_id) == len(data)


def old_file(world: World) -> File:
    files = legacy_files(client_of(world).list_files(), PROJECT)
    return files[-1]


def own(world: World, *commits: dict[str, Any], **repositories: list[Any]) -> dict[str, Any]:
    """The member's old file: `commits` in the live repository, others in repositories of these names."""
    login, github_id = world.subscription.github_login, world.subscription.github_id
    named = {f"{login}/{name}": found for name, found in repositories.items()}
    live, live_id = shown_at_github(world)
    for commit in commits:
        commit["node_id"] = node_id_in(live_id, commit["sha"])
    metadata = {"user_info": {"id": github_id, "login": login}, "num_repos": 1}
    for commit in [*commits, *(commit for found in named.values() for commit in found)]:
        commit["author"] = {"id": github_id}
    return document({live: list(commits), **named} if commits else named, metadata)


def shown_at_github(world: World) -> tuple[str, str]:
    """Name and node id of the one repository."""
    service: Service = world.github.app.extensions["github_stand_in"]
    (repository,) = service.world.catalogue.repositories
    return repository.full_name, repository.node_id


def claimed(world: World) -> SyncRun:
    run = world.start()
    claim = SyncRun.objects.claim(run.pk, run.step, timezone.now())
    assert claim is not None
    return claim


def take_over(world: World, file: File | None = None) -> LegacyReport:
    """In a run of its own, which is given back so that the engine can go on with it."""
    run = claimed(world)
    publisher = Publisher(run, client_of(world), timezone.now())
    try:
        return import_legacy_file(publisher, file or old_file(world))
    finally:
        run.release()
        world.subscription.refresh_from_db()


def by_oid(world: World) -> dict[str, dict[str, Any]]:
    years = {name: content for name, content in world.years().items() if name != "github.json"}
    found: dict[str, dict[str, Any]] = {}
    for content in years.values():
        for week in content["weeks"].values():
            for commit in week["commits"]:
                assert commit["oid"] not in found, "a commit stands twice"
                found[commit["oid"]] = commit
    return found


# --- Recognising it -----------------------------------------------------------------------------------


def a_file(**fields: Any) -> File:
    values: dict[str, Any] = {
        "id": 1,
        "basename": "github.json",
        "created_at": timezone.now(),
        "metadata": OLD_METADATA,
        "source": PROJECT,
        "download_url": "https://example.org/",
    }
    return File(**(values | fields))


@pytest.mark.parametrize(
    ("fields", "is_one"),
    [
        ({}, True),
        ({"basename": "github-data.json", "metadata": {"tags": ["demo", "dummy", "test"]}}, True),
        ({"basename": "renamed.json"}, True),
        ({"basename": "renamed.json", "metadata": {}}, False),
        ({"basename": "renamed.json", "metadata": {"tags": "Github"}}, False),
        ({"source": "direct-sharing-99"}, False),
        ({"metadata": {**OLD_METADATA, "format": "github-weeks/1"}}, False),
        ({"basename": "github-2026.json", "metadata": {"tags": ["github", "commits"]}}, False),
    ],
)
def test_it_is_found_among_the_members_files(fields: dict[str, Any], is_one: bool) -> None:
    assert is_legacy_file(a_file(**fields), PROJECT) is is_one


def test_files_of_ours_are_never_taken_for_the_old_one(world: World) -> None:
    world.sync()
    assert legacy_files(client_of(world).list_files(), PROJECT) == []


# --- Taking it over -----------------------------------------------------------------------------------


def test_commits_that_a_force_push_took_away_are_taken_over_once(world: World) -> None:
    world.sync()
    keep_old_file(world, own(world, rest_commit(1), rest_commit(1), rest_commit(2)))

    report = take_over(world)
    assert (report.outcome, report.imported, report.found.duplicates) == (Outcome.IMPORTED, 2, 1)
    world.finish(world.start())

    commits = by_oid(world)
    assert set(commits) == world.repository.oids() | {oid(1), oid(2)}
    state = world.subscription.repositories.get()
    assert commits[oid(1)]["imported"] is True
    assert (commits[oid(1)]["repository_id"], commits[oid(1)]["visibility"]) == (state.node_id, "public")
    assert not any("imported" in commits[known] for known in world.repository.oids())
    assert StagedBatch.objects.count() == 0


def test_what_github_told_is_not_taken_from_the_old_file(world: World) -> None:
    world.sync()
    before = world.checksums()
    keep_old_file(world, own(world, *(rest_commit(int(o, 16), sha=o) for o in world.repository.oids())))

    report = take_over(world)
    assert (report.imported, report.known) == (0, len(world.repository.oids()))
    assert not StagedBatch.objects.exists()
    world.finish(world.start())
    assert {name: sum_ for name, sum_ in world.checksums().items() if name != "github.json"} == before


def test_the_old_file_is_read_once_and_stays(world: World) -> None:
    world.sync()
    keep_old_file(world, own(world, rest_commit(1)))
    file = old_file(world)
    assert take_over(world, file).outcome == Outcome.IMPORTED
    asked = world.openhumans.total

    again = take_over(world, file)

    assert (again.outcome, again.imported) == (Outcome.DONE_BEFORE, 0)
    assert world.openhumans.total == asked
    assert old_file(world).id == file.id
    assert memory(world.subscription)[str(file.id)]["imported"] == 1


def test_a_second_old_file_is_read_too(world: World) -> None:
    """The old app could be stopped between uploading the new file and deleting the one before."""
    world.sync()
    keep_old_file(world, own(world, rest_commit(1)))
    first = old_file(world)
    assert take_over(world, first).imported == 1
    keep_old_file(world, own(world, rest_commit(1), rest_commit(2)))

    report = take_over(world)

    assert (report.file_id != first.id, report.imported, report.known) == (True, 1, 1)


def test_nothing_is_taken_over_before_github_has_been_read(world: World) -> None:
    keep_old_file(world, own(world, gone=[rest_commit(1)]))
    assert take_over(world).outcome == Outcome.NOT_YET
    assert memory(world.subscription) == {}

    world.finish(world.start())

    assert [seen["outcome"] for seen in memory(world.subscription).values()] == [Outcome.IMPORTED]
    assert take_over(world).outcome == Outcome.DONE_BEFORE


def test_without_consent_to_commits_nothing_is_taken_over(world: World) -> None:
    world.sync()
    world.subscription.agreement["kinds"] = ["calendar"]
    world.subscription.save()
    keep_old_file(world, own(world, rest_commit(1)))

    assert take_over(world).outcome == Outcome.NOT_WANTED
    assert memory(world.subscription) == {}


# --- Repositories that are gone ---------------------------------------------------------------------


def test_a_repository_nobody_can_see_today_counts_as_private_and_stays_out(world: World) -> None:
    world.sync()
    keep_old_file(world, own(world, gone=[rest_commit(1), rest_commit(2)]))

    report = take_over(world)

    assert (report.imported, report.left_out) == (0, 2)
    assert not StagedBatch.objects.exists()


def test_a_public_repository_made_since_under_the_name_of_a_private_one_brings_nothing_out(
    world: World,
) -> None:
    """What it was called tells nothing: what it was is told by its number, and nobody sees that one today."""
    world.sync()
    name, node_id = shown_at_github(world)
    commits = [
        rest_commit(1, node_id=str(NodeId("C", 1, oid(1)))),
        rest_commit(2, node_id=None),
        rest_commit(3, node_id=node_id_in(node_id, oid(3))[:-4]),
        rest_commit(4, node_id=node_id_in(node_id, oid(5))),
        rest_commit(6),
    ]
    del commits[-1]["node_id"]
    keep_old_file(world, own(world, **{name.partition("/")[2]: commits}))

    report = take_over(world)

    assert (report.imported, report.left_out) == (0, 5)
    assert not StagedBatch.objects.exists()


def test_a_repository_that_is_called_something_else_today_is_the_same_one(world: World) -> None:
    world.sync()
    _, node_id = shown_at_github(world)
    keep_old_file(world, own(world, old_name=[rest_commit(1, node_id=node_id_in(node_id, oid(1)))]))

    assert take_over(world).imported == 1
    world.finish(world.start())

    state, commit = world.subscription.repositories.get(), by_oid(world)[oid(1)]
    assert (commit["repository"], commit["visibility"]) == (state.name, "public")


def test_with_private_repositories_chosen_it_comes_into_the_private_file(private_world: World) -> None:
    world = private_world
    world.sync()
    keep_old_file(world, own(world, rest_commit(1), gone=[rest_commit(2)]))
    report = take_over(world)
    assert (report.imported, report.left_out) == (2, 0)
    world.finish(world.start())

    private = world.years()["github-private-2019.json"]
    (commit,) = [commit for week in private["weeks"].values() for commit in week["commits"]]
    assert (commit["oid"], commit["imported"], commit["visibility"]) == (oid(2), True, "private")
    assert commit["repository_id"] == f"legacy:{world.subscription.github_login}/gone"
    assert by_oid(world)[oid(1)]["visibility"] == "public"


def test_commits_of_a_renamed_repository_do_not_stand_twice(private_world: World) -> None:
    world = private_world
    world.sync()
    commits = [rest_commit(n, sha=o) for n, o in enumerate(sorted(world.repository.oids()))]
    keep_old_file(world, own(world, old_name=[*commits, rest_commit(999)]))

    report = take_over(world)

    assert (report.imported, report.known) == (1, len(commits))


def test_choosing_private_repositories_later_brings_what_was_left_out(world: World) -> None:
    world.sync()
    keep_old_file(world, own(world, rest_commit(1), gone=[rest_commit(2)]))
    assert take_over(world).left_out == 1
    StagedBatch.objects.all().delete()  # as if the member had taken the public one out since
    world.subscription.agreement["private"] = True
    world.subscription.save()

    report = take_over(world)

    assert (report.outcome, report.imported) == (Outcome.IMPORTED, 1)
    assert list(StagedBatch.objects.values_list("kind", flat=True)) == ["private"]
    assert take_over(world).outcome == Outcome.DONE_BEFORE


def test_what_was_private_comes_back_when_it_was_left_out_and_is_chosen_again(private_world: World) -> None:
    world = private_world
    world.sync()
    keep_old_file(world, own(world, rest_commit(1), gone=[rest_commit(2)]))
    assert take_over(world).imported == 2
    world.subscription.agreement["private"] = False
    world.subscription.save()
    forget_files(world.subscription, EraseScope.PRIVATE)
    world.sync()
    assert memory(world.subscription)[next(iter(memory(world.subscription)))]["left_out"] == 1
    world.subscription.agreement["private"] = True
    world.subscription.save()

    assert take_over(world).imported == 1
    assert list(StagedBatch.objects.values_list("kind", flat=True)) == ["private"]


def test_a_file_is_looked_at_again_when_commits_are_chosen_at_last(world: World) -> None:
    kinds = world.subscription.kinds
    world.subscription.agreement["kinds"] = [kind for kind in kinds if kind != "commits"]
    world.subscription.save()
    keep_old_file(world, own(world, rest_commit(1)))
    world.sync()
    assert memory(world.subscription) == {}
    world.subscription.agreement["kinds"] = kinds
    world.subscription.save()
    world.sync()

    (seen,) = memory(world.subscription).values()
    assert seen["imported"] == 1


# --- Files that are refused -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b'["data"]', github_json.Reason.KEYS_ONLY),
        (b"[]", github_json.Reason.EMPTY),
        (b'{"data": {"viewer": {}}}', github_json.Reason.PROTOTYPE),
        (b"not json at all", github_json.Reason.UNKNOWN),
        (json.dumps(document()).encode(), github_json.Reason.ANOTHER_ACCOUNT),
    ],
)
def test_a_file_that_holds_nothing_for_us_is_refused_once_with_a_reason(
    world: World, content: bytes, reason: github_json.Reason
) -> None:
    world.sync()
    keep_old_file(world, content)

    report = take_over(world)

    assert (report.outcome, report.text) == (Outcome.REFUSED, reason.value)
    assert memory(world.subscription)[str(report.file_id)]["text"] == reason.value
    assert take_over(world).outcome == Outcome.DONE_BEFORE


def test_of_a_damaged_file_nothing_is_taken_over(world: World) -> None:
    world.sync()
    whole = json.dumps(own(world, *(rest_commit(n) for n in range(1200)))).encode()
    keep_old_file(world, whole[:-10])

    report = take_over(world)

    assert (report.outcome, report.text) == (Outcome.REFUSED, github_json.Reason.BROKEN.value)
    assert not StagedBatch.objects.exists()


def test_a_file_larger_than_the_old_app_could_write_is_refused(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(github_json, "LARGEST_BYTES", 1000)
    world.sync()
    keep_old_file(world, own(world, *(rest_commit(n) for n in range(5))))
    assert take_over(world).text == github_json.Reason.TOO_LARGE.value


def test_a_file_the_member_has_just_removed_is_no_file(world: World) -> None:
    world.sync()
    keep_old_file(world, own(world, rest_commit(1)))
    file = old_file(world)
    client_of(world).delete_file(file.id)

    with pytest.raises(NotFound):
        take_over(world, file)
    assert memory(world.subscription) == {}


def test_a_worker_that_lost_its_place_stages_nothing(world: World) -> None:
    world.sync()
    keep_old_file(world, own(world, rest_commit(1)))
    run = claimed(world)
    publisher = Publisher(run, client_of(world), timezone.now())
    SyncRun.objects.filter(pk=run.pk).update(state=SyncRun.State.CANCELLED)

    with pytest.raises(LeaseLost):
        import_legacy_file(publisher, old_file(world))
    world.subscription.refresh_from_db()
    assert (StagedBatch.objects.count(), memory(world.subscription)) == (0, {})


def test_a_year_that_is_brought_back_has_also_what_only_the_old_file_knows(
    private_world: World, repository: Repository
) -> None:
    """Its histories are read again, and so is the old file: GitHub no longer tells of these commits."""
    world, year = private_world, timezone.now().year - 1
    world.sync()
    gone = rest_commit(1, moment=f"{year}-05-05T12:00:00Z")
    keep_old_file(world, own(world, gone=[gone]))
    Subscription.objects.update(probe={**world.subscription.probe, "legacy": None})
    world.sync()
    assert oid(1) in by_oid(world)
    name = f"github-private-{year}.json"
    [file] = [f for f in world.state.files.of_member(str(world.member.open_humans_id)) if f.basename == name]
    world.state.files.delete(file)
    Subscription.objects.update(reconciled_at=None)
    world.sync()
    assert oid(1) not in by_oid(world)

    choices.bring_back(world.subscription, world.subscription.year_files.get(kind="private", year=year))
    run = world.subscription.active_run
    assert run is not None
    world.finish(run)
    assert by_oid(world)[oid(1)]["imported"] is True
