"""The ledger against Open Humans' list: both stand-ins over HTTP, real Postgres and Valkey."""

import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from pytest_django import Settings

from openhumans_client import File, OpenHumansClient
from sandbox.openhumans.files import StoredFile
from sync import credentials, reconciling, runs
from sync.models import OperatorAction, Subscription, SyncRun, YearFile
from sync.operators import operating
from sync.operators.operating import NotPossible
from tests.repositories import Repository, days_ago
from tests.sync.broker import Sent
from tests.sync.legacy.test_github_json import node_id_in, rest_commit
from tests.sync.test_removing import keep_old_file
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    """A member with two or three years of files, synced."""
    repository = Repository.create(tmp_path / "trails", f"{uuid4().hex[:12]}@example.org")
    repository.add(days_ago(800 - 20 * n) for n in range(40))
    with living(tmp_path, settings, {"trails": repository}) as world:
        world.sync()
        yield world


def listed(world: World) -> list[StoredFile]:
    return list(world.state.files.of_member(str(world.member.open_humans_id)))


def oldest(world: World) -> YearFile:
    return world.subscription.year_files.filter(kind="public").order_by("year")[0]


def stored_again(world: World, name: str, **metadata: Any) -> int:
    """Another complete file of ours of this name, with the same content."""
    content = world.stored()[name]
    [first] = [file for file in listed(world) if file.basename == name]
    client = credentials.openhumans_client(world.member)
    upload = client.start_upload(name, {**first.metadata, **metadata})
    client.put_upload(upload, io.BytesIO(content), len(content))
    client.complete_upload(upload.file_id)
    return upload.file_id


def delete(world: World, *names: str) -> None:
    """The member's own click at Open Humans."""
    for file in listed(world):
        if file.basename in names:
            world.state.files.delete(file)


def reconcile(world: World, *arguments: str) -> str:
    out = io.StringIO()
    member = str(world.member.open_humans_id)
    call_command("reconcile", "--member", member, "--reason", "asked by mail", *arguments, stdout=out)
    world.subscription.refresh_from_db()
    return out.getvalue()


def exit_code(world: World, *arguments: str) -> int:
    with pytest.raises(CommandError) as refused:
        reconcile(world, *arguments)
    return int(refused.value.returncode)


# --- By itself ---


def test_the_first_run_ends_with_a_comparison_and_the_next_ones_cost_no_request(world: World) -> None:
    assert world.subscription.reconciled_at is not None
    assert world.subscription.reconciliation == {}
    before = world.openhumans.total
    world.sync()
    assert world.openhumans.total == before


def test_after_a_week_it_is_done_again(world: World) -> None:
    week_ago = timezone.now() - timedelta(days=7)
    Subscription.objects.update(reconciled_at=week_ago)
    delete(world, oldest(world).name)
    run = world.sync()

    assert run.state == SyncRun.State.SUCCEEDED
    assert world.subscription.reconciled_at is not None
    assert world.subscription.reconciled_at > week_ago
    assert world.subscription.reconciliation == {"removed_by_member": [oldest(world).name]}
    assert oldest(world).removed_by_member_at is not None


def test_a_run_is_due_early_enough_for_the_week_to_be_kept(subscription: Subscription) -> None:
    now = timezone.now()
    wanted = now + timedelta(days=4)
    assert reconciling.next_due(subscription, wanted) == wanted
    subscription.reconciled_at = now
    assert reconciling.next_due(subscription, wanted) == wanted
    assert not reconciling.is_due(subscription, wanted)
    subscription.reconciled_at = now - timedelta(days=4)
    due = reconciling.next_due(subscription, wanted)
    assert due == now + timedelta(days=3)
    assert reconciling.is_due(subscription, due)


# --- What is set right ---


def test_where_nothing_differs_nothing_is_written(world: World) -> None:
    before = world.checksums()
    world.openhumans.reset()
    assert reconcile(world) == f"{world.subscription}: right\n"

    assert world.checksums() == before
    asked = world.openhumans.accounting()["by_endpoint"]
    assert not [endpoint for endpoint in asked if "upload" in endpoint or "delete" in endpoint]


@pytest.mark.parametrize("newer", [5, 0, -1])
def test_two_files_of_one_year_are_united_and_both_replaced(world: World, newer: int) -> None:
    year = oldest(world)
    content = world.stored()[year.name]
    twin = stored_again(world, year.name, generation=year.generation + newer)
    report = reconcile(world)

    assert f"united: {year.name}" in report
    assert world.stored()[year.name] == content
    assert not {twin, year.current_id} & {file.id for file in listed(world)}
    year.refresh_from_db()
    assert year.generation > newer
    assert reconcile(world).endswith(": right\n")


def test_an_old_apps_file_is_taken_over_beside_files_that_have_just_been_united(world: World) -> None:
    year = oldest(world)
    stored_again(world, year.name, generation=year.generation + 1)
    [state] = world.subscription.repositories.all()
    node_id = node_id_in(state.node_id, "a" * 40)
    old = rest_commit(1, moment=days_ago(300), sha="a" * 40, node_id=node_id)
    old["author"] = {"id": world.subscription.github_id}
    keep_old_file(world, {state.name: [old]})
    Subscription.objects.update(reconciled_at=None, probe={})

    assert world.sync().state == SyncRun.State.SUCCEEDED
    assert "a" * 40 in world.oids()
    assert not YearFile.objects.exclude(removed_by_member_at=None).exists()


def test_two_profiles_become_one(world: World) -> None:
    profile = world.subscription.year_files.get(kind="profile")
    newer = stored_again(world, profile.name, generation=profile.generation + 1)
    reconcile(world)

    profile.refresh_from_db()
    assert profile.current_id in (newer, profile.current_id)
    assert [file.id for file in listed(world) if file.basename == profile.name] == [profile.current_id]


def test_a_file_that_the_ledger_has_lost_is_adopted_with_its_weeks(world: World) -> None:
    year = oldest(world)
    before = YearFile.objects.filter(pk=year.pk).values().get()
    year.delete()
    report = reconcile(world)

    assert f"adopted: {year.name}" in report
    found = YearFile.objects.filter(subscription=world.subscription, year=year.year, kind="public")
    after = found.values().get()
    for column in ("current_id", "size", "md5", "generation", "private_contributions"):
        assert after[column] == before[column]
    assert without_clock(after["weeks"]) == without_clock(before["weeks"])


def without_clock(weeks: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {
        week: {name: value for name, value in entry.items() if name != "fetched_at"}
        for week, entry in weeks.items()
    }


def test_a_newer_file_than_a_restored_ledger_knows_is_ours_and_not_removed(world: World) -> None:
    """As after an older dump was put back: what was published since has another id."""
    year = oldest(world)
    YearFile.objects.filter(pk=year.pk).update(current_id=4_000_000, generation=0, weeks={})
    report = reconcile(world)

    assert f"adopted: {year.name}" in report
    assert "removed" not in report
    restored = oldest(world)
    assert (restored.current_id, restored.md5) == (year.current_id, year.md5)
    assert set(restored.weeks) >= set(world.years()[year.name]["weeks"])


def test_publishing_beside_a_restored_ledger_loses_nothing(world: World) -> None:
    """The same, met by an ordinary run before any comparison."""
    year = oldest(world)
    YearFile.objects.filter(pk=year.pk).update(current_id=4_000_000, generation=0, weeks={})
    before = world.oids()
    moment = datetime(year.year, 8, 1, 12, tzinfo=UTC).isoformat()
    world.repository.add([moment], committed=days_ago(0.01))
    world.sync()

    assert world.oids() == before | world.repository.oids()
    assert oldest(world).removed_by_member_at is None


def test_an_upload_that_was_begun_is_finished(world: World) -> None:
    year = oldest(world)
    content = world.stored()[year.name]
    [first] = [file for file in listed(world) if file.id == year.current_id]
    client = credentials.openhumans_client(world.member)
    upload = client.start_upload(year.name, {**first.metadata, "generation": year.generation + 1})
    client.put_upload(upload, io.BytesIO(content), len(content))
    year.pending = {
        "file_id": upload.file_id, "size": len(content), "md5": year.md5, "generation": year.generation + 1,
        "weeks": year.weeks, "touched": [], "batches": [], "new": 0, "changed": 0,
        "supersedes": [year.current_id],
    }  # fmt: skip
    year.save()
    report = reconcile(world)

    assert f"finished what was begun: {year.name}" in report
    year.refresh_from_db()
    assert year.current_id == upload.file_id
    assert year.pending is None
    assert year.superseded == []
    assert world.stored()[year.name] == content


def test_what_was_to_replace_a_file_the_member_removed_meanwhile_stays_unseen(world: World) -> None:
    """The bytes have arrived, nobody has completed them, and the member deletes what is there."""
    year = oldest(world)
    content = world.stored()[year.name]
    client = credentials.openhumans_client(world.member)
    upload = client.start_upload(year.name, {"description": "", "tags": []})
    client.put_upload(upload, io.BytesIO(content), len(content))
    year.pending = {"file_id": upload.file_id, "size": len(content), "batches": [], "supersedes": []}
    year.save()
    delete(world, year.name)
    reconcile(world)

    assert year.name not in world.stored()
    year.refresh_from_db()
    assert year.current_id is None
    assert year.pending is None
    assert year.removed_by_member_at is not None


# --- What somebody has to look at ---


def test_a_file_of_another_size_is_reported_and_left_alone(world: World) -> None:
    year = oldest(world)
    [first] = [file for file in listed(world) if file.id == year.current_id]
    path = world.state.files.content(first)
    assert path is not None
    path.write_bytes(path.read_bytes()[:-100])

    assert exit_code(world) == 2
    assert exit_code(world, "--dry-run") == 2
    world.subscription.refresh_from_db()
    assert world.subscription.reconciliation == {
        "wrong_size": [f"{year.name}: {year.size - 100} bytes, not {year.size}"]
    }
    year.refresh_from_db()
    assert year.current_id == first.id


def test_a_file_of_ours_that_nobody_can_place_is_reported_and_left_alone(world: World) -> None:
    other = stored_again(world, oldest(world).name, github_id=1)
    assert exit_code(world) == 2

    world.subscription.refresh_from_db()
    assert world.subscription.reconciliation == {"unknown": [f"{oldest(world).name} ({other})"]}
    assert other in {file.id for file in listed(world)}


def test_a_file_that_is_no_year_file_is_reported_and_the_others_are_set_right(world: World) -> None:
    year = oldest(world)
    [first] = [file for file in listed(world) if file.id == year.current_id]
    path = world.state.files.content(first)
    assert path is not None
    path.write_bytes(b"not a year file")
    YearFile.objects.filter(kind="public").delete()

    assert exit_code(world) == 2
    world.subscription.refresh_from_db()
    assert world.subscription.reconciliation["unreadable"] == [year.name]
    held = YearFile.objects.filter(kind="public").exclude(current_id=None)
    assert {file.name for file in held} == set(world.stored()) - {
        year.name,
        "github-profile.json",
        "github-daily.csv",
    }


@pytest.mark.parametrize("change", [{"year": 1990}, {"github_id": 1}, {"format": "github-weeks/9"}])
def test_a_year_file_that_is_not_what_its_name_says_is_not_adopted(
    world: World, change: dict[str, Any]
) -> None:
    year = oldest(world)
    [first] = [file for file in listed(world) if file.id == year.current_id]
    path = world.state.files.content(first)
    assert path is not None
    header, rest = path.read_bytes().split(b"\n", 1)
    facts = {**json.loads(header + b"}}"), **change}
    del facts["weeks"]
    path.write_bytes(json.dumps(facts)[:-1].encode() + b', "weeks": {\n' + rest)
    year.delete()

    assert exit_code(world) == 2
    assert YearFile.objects.get(subscription=world.subscription, year=year.year).current_id is None


# --- The command, and the action in the admin ---


def test_a_rehearsal_says_what_would_be_done_and_writes_nothing(world: World) -> None:
    year = oldest(world)
    stored_again(world, year.name, generation=year.generation + 5)
    world.subscription.year_files.filter(kind="daily").update(superseded=[999])
    snapped = world.subscription.year_files.order_by("pk").values()
    before = (list(snapped), SyncRun.objects.count(), [file.id for file in listed(world)])
    out = io.StringIO()
    call_command("reconcile", "--all", "--dry-run", stdout=out)

    assert "would be " in out.getvalue()
    assert f"united: {year.name}" in out.getvalue()
    assert (list(snapped.all()), SyncRun.objects.count(), [file.id for file in listed(world)]) == before
    assert not OperatorAction.objects.exists()


def test_everybody_is_gone_through_and_what_is_busy_is_left_alone(world: World) -> None:
    run = world.start()
    out = io.StringIO()
    call_command("reconcile", "--all", stdout=out)

    assert "left alone, a run is under way" in out.getvalue()
    assert SyncRun.objects.active().get() == run
    assert OperatorAction.objects.get().subscription is None


def test_whoever_was_changed_reads_of_it_and_others_do_not(world: World) -> None:
    call_command("reconcile", "--all", "--reason", "after the outage", stdout=io.StringIO())
    assert [act.subscription for act in OperatorAction.objects.all()] == [None]
    delete(world, oldest(world).name)

    terminal = Terminal()
    call_command("reconcile", "--all", "--reason", "after the outage", stdout=io.StringIO(), stderr=terminal)

    noted = OperatorAction.objects.get(subscription=world.subscription)
    assert (noted.kind, noted.reason) == ("reconcile", "after the outage")
    assert "1/1 members" in terminal.getvalue()


def test_one_who_is_busy_paused_or_unknown_is_not_possible(world: World) -> None:
    run = world.start()
    assert exit_code(world) == 1
    runs.cancel(run)
    Subscription.objects.update(status=Subscription.Status.PAUSED)
    assert exit_code(world) == 1
    with pytest.raises(CommandError, match="No member is known"):
        call_command("reconcile", "--member", "nobody", "--reason", "asked by mail")
    with pytest.raises(CommandError, match="Say why, with --reason"):
        call_command("reconcile", "--member", "octocat")
    assert not OperatorAction.objects.exists()


def test_whose_files_cannot_be_asked_for_is_told_and_only_the_act_stays(world: World) -> None:
    before = list(SyncRun.objects.values_list("pk", flat=True))
    world.state.grants.leave(str(world.member.open_humans_id), is_erasure_requested=False)

    assert exit_code(world) == 3
    assert exit_code(world, "--dry-run") == 3
    assert list(SyncRun.objects.values_list("pk", flat=True)) == before
    assert OperatorAction.objects.get().subscription == world.subscription


class Killed(BaseException):
    """As the process would be: nothing is cleared away."""


@pytest.mark.parametrize("whom", [("--all",), ("--member", "octocat")])
def test_what_an_operator_began_stands_in_the_history_though_the_command_is_killed(
    world: World, monkeypatch: pytest.MonkeyPatch, whom: tuple[str, ...]
) -> None:
    def change_something_and_die(*_: Any, **__: Any) -> Any:
        raise Killed

    Subscription.objects.update(github_login="octocat")
    monkeypatch.setattr(reconciling, "reconcile", change_something_and_die)
    with pytest.raises(Killed):
        call_command("reconcile", *whom, "--reason", "asked by mail", "--operator", "Ada")

    noted = OperatorAction.objects.get(subscription=world.subscription)
    assert (noted.kind, noted.reason) == ("reconcile", "asked by mail")
    assert noted.operator == "Ada (command line)"
    assert SyncRun.objects.active().get().trigger == SyncRun.Trigger.OPERATOR


def test_one_list_without_files_is_not_believed(world: World) -> None:
    """Promise 6: what Open Humans no longer lists is the member's wish; one answer alone is no list."""
    world.openhumans.fault(empty_list={"times": 1})
    reconcile(world)
    assert not YearFile.objects.exclude(removed_by_member_at=None).exists()

    world.openhumans.fault(empty_list={"times": 1})
    world.repository.add([days_ago(20)])
    assert world.sync().state == SyncRun.State.SUCCEEDED
    assert not YearFile.objects.exclude(removed_by_member_at=None).exists()
    assert world.oids() == world.repository.oids()


def test_a_comparison_that_was_stopped_stays_in_the_history(world: World) -> None:
    def stop(_client: OpenHumansClient) -> list[File]:
        for run in SyncRun.objects.active():
            runs.cancel(run)
        return []

    with patch.object(OpenHumansClient, "list_files", stop):
        assert exit_code(world) == 3
    assert world.subscription.runs.filter(state=SyncRun.State.CANCELLED, trigger="operator").count() == 1


def test_an_operator_has_the_next_run_compare(world: World, sent: Sent) -> None:
    delete(world, oldest(world).name)
    run = operating.reconcile(world.subscription, "ops", "asked by mail")
    world.finish(run)

    assert world.subscription.reconciliation == {"removed_by_member": [oldest(world).name]}
    noted = OperatorAction.objects.get()
    assert (noted.kind, noted.reason, noted.operator) == ("reconcile", "asked by mail", "ops")


def test_an_operator_cannot_have_it_done_for_who_is_not_active(subscription: Subscription) -> None:
    subscription.status = Subscription.Status.PAUSED
    subscription.save()
    with pytest.raises(NotPossible):
        operating.reconcile(subscription, "ops", "asked by mail")
