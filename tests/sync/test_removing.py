"""A record or a repository taken out of the archive: gone from every file, and nothing brings it back."""

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from allauth.socialaccount.models import SocialAccount, SocialLogin
from django.apps import apps
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from openhumans_client import OpenHumansClient
from sandbox.github.generated_size import Size
from sync import choices, connecting, credentials, left_out, removing, steps
from sync.consent import Choice
from sync.leaving import erasing
from sync.models import EraseScope, LeftOut, RepositoryState, Subscription, SyncRun, YearFile
from sync.pages.week_view import record_mark, repository_mark
from sync.records import KINDS
from sync.weeks import Week
from tests.repositories import Repository, days_ago
from tests.sync.broker import Sent
from tests.sync.legacy.test_github_json import document, node_id_in, rest_commit
from tests.sync.page_words import signed_in, words
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)
SIZE = Size(90, 4, 2, 8, 8, 25, 6, 6, 2, 3, 2)


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    """Two repositories with commits of two years, one of them private; synced."""
    email = f"{uuid4().hex[:12]}@example.org"
    trails, diary = (Repository.create(tmp_path / name, email) for name in ("trails", "diary"))
    trails.add(days_ago(500 - 25 * n) for n in range(20))
    diary.add(days_ago(490 - 25 * n) for n in range(19))
    repositories = {"trails": trails, "diary": diary}
    with living(tmp_path, settings, repositories, choice=Choice.PRIVATE, private=("diary",)) as world:
        world.sync()
        yield world


@pytest.fixture
def account(tmp_path: Path, settings: Settings) -> Iterator[World]:
    """A made-up account with all kinds of records; synced."""
    with living(tmp_path, settings, {}, account=SIZE) as world:
        world.sync()
        yield world


def week_of(kind: str, record: dict[str, Any]) -> Week:
    return KINDS[kind].week_of(record)


def remove(world: World, kind: str, record: dict[str, Any]) -> SyncRun:
    year = week_of(kind, record).year
    return world.finish(removing.remove_record(world.subscription, kind, record, year))


def remove_repository(world: World, state: RepositoryState) -> SyncRun:
    return world.finish(removing.remove_repository(world.subscription, [state.node_id], [state.name]))


def an_old_commit(world: World, name: str = "trails") -> dict[str, Any]:
    commits = [commit for commit in world.commits() if commit["repository"].endswith(name)]
    return sorted(commits, key=lambda commit: str(commit["committed_at"]))[3]


def year_of(world: World, commit: dict[str, Any]) -> YearFile:
    kind = "public" if commit["visibility"] == "public" else "private"
    return world.subscription.year_files.get(kind=kind, year=week_of("commits", commit).year)


def file_ids(world: World) -> set[int]:
    return {file.id for file in world.state.files.of_member(str(world.member.open_humans_id))}


def read_all_again(world: World) -> None:
    """Every history, every list and every calendar from its top, as the most thorough of all runs."""
    world.subscription.refresh_from_db()
    choices.read_everything_again(world.subscription)
    world.subscription.reconciled_at = None
    world.subscription.save()
    assert world.sync().state == SyncRun.State.SUCCEEDED


def everything_we_know(world: World) -> str:
    """All rows of all our tables, as text."""
    rows = [
        str(row)
        for model in apps.get_app_config("sync").get_models()
        for row in model._default_manager.values()
    ]
    return "\n".join(rows)


# --- A record ---


def test_a_record_leaves_its_file_and_the_old_file_is_deleted(world: World) -> None:
    commit = an_old_commit(world)
    file, before, ids = year_of(world, commit), world.checksums(), file_ids(world)
    expected = world.oids() - {commit["oid"]}
    run = remove(world, "commits", commit)

    assert run.state == SyncRun.State.SUCCEEDED
    assert run.requests == 0, "GitHub is not asked"
    assert world.oids() == expected
    assert not any(commit["oid"].encode() in content for content in world.stored().values())
    changed = {name for name, checksum in world.checksums().items() if before[name] != checksum}
    assert changed == {file.name, "github-daily.csv"}
    assert file.current_id not in file_ids(world)
    assert len(ids - file_ids(world)) == 2
    entry = year_of(world, commit).weeks[str(week_of("commits", commit))]
    assert entry["counts"]["commits"] == 0
    assert (entry["state"], run.weeks_fetched) == ("complete", [])


def test_only_the_weeks_of_the_record_change(world: World) -> None:
    commit = an_old_commit(world)
    name, week = year_of(world, commit).name, str(week_of("commits", commit))
    before = world.years()[name]["weeks"]
    remove(world, "commits", commit)
    after = world.years()[name]["weeks"]

    assert {each for each in before if before[each] != after[each]} == {week}
    assert after[week] == {**before[week], "commits": []}


def test_only_a_keyed_hash_remembers_it(world: World) -> None:
    commit = an_old_commit(world)
    remove(world, "commits", commit)

    assert commit["oid"] not in everything_we_know(world)
    assert commit["oid"][:12] not in everything_we_know(world)
    one = LeftOut.objects.get()
    assert (one.what, len(one.mark)) == ("record", 64)
    key = Subscription.objects.get().left_out_key
    assert one.mark == left_out.mark(key, f"record commits {commit['oid']}")
    assert one.mark != left_out.mark(b"another", f"record commits {commit['oid']}")


def test_no_sync_and_no_comparison_brings_it_back(world: World) -> None:
    commit = an_old_commit(world)
    file, content = year_of(world, commit), world.stored()[year_of(world, commit).name]
    remove(world, "commits", commit)
    after = world.checksums()
    read_all_again(world)
    assert world.checksums() == after

    # An old copy turns up, as a worker that hung for hours would complete it.
    client = credentials.openhumans_client(world.member)
    metadata = {
        "description": "", "tags": [], "format": "github-weeks/1", "kind": file.kind, "year": file.year,
        "github_id": world.subscription.github_id, "generation": 0,
    }  # fmt: skip
    upload = client.start_upload(file.name, metadata)
    client.put_upload(upload, io.BytesIO(content), len(content))
    client.complete_upload(upload.file_id)
    call_command("reconcile", "--all", stdout=io.StringIO())
    assert world.checksums() == after


def test_the_old_apps_file_does_not_bring_it_back(world: World) -> None:
    commit, state = an_old_commit(world), RepositoryState.objects.get(name__endswith="/trails")
    remove(world, "commits", commit)
    node_id = node_id_in(state.node_id, commit["oid"])
    old = rest_commit(1, moment=days_ago(300), sha=commit["oid"], node_id=node_id)
    old["author"] = {"id": world.subscription.github_id}
    keep_old_file(world, {state.name: [old], f"{world.subscription.github_login}/renamed": [old]})
    read_all_again(world)

    assert commit["oid"] not in world.oids()


def keep_old_file(world: World, repositories: dict[str, list[Any]]) -> None:
    owner = {"id": world.subscription.github_id, "login": world.subscription.github_login}
    content = json.dumps(document(repositories, {"user_info": owner, "num_repos": 1})).encode()
    client = credentials.openhumans_client(world.member)
    upload = client.start_upload("github.json", {"description": "Github data.", "tags": ["Github"]})
    client.put_upload(upload, io.BytesIO(content), len(content))
    client.complete_upload(upload.file_id)


@pytest.mark.parametrize(
    "kind", ["issues", "pull_requests", "reviews", "comments", "discussions", "stars", "gists", "releases"]
)
def test_records_of_every_kind_stay_out_whatever_is_read_again(account: World, kind: str) -> None:
    found = account.records(kind)
    record = found[len(found) // 2]
    remove(account, kind, record)
    read_all_again(account)

    assert len(account.records(kind)) == len(found) - 1
    assert KINDS[kind].key_of(record) not in {KINDS[kind].key_of(each) for each in account.records(kind)}


def test_one_that_is_edited_at_github_stays_out_and_nothing_is_read_without_end(account: World) -> None:
    comment = next(each for each in account.records("comments") if each["on"] == "issue")
    remove(account, "comments", comment)
    before = account.checksums()
    account.act("edit_comment", id=comment["id"], body="Once more")
    account.sync()
    requests = account.github.total
    account.sync()

    assert account.github.total - requests == 1
    years = {name: checksum for name, checksum in account.checksums().items() if name in account.years()}
    assert years == {name: before[name] for name in years}


# --- A repository ---


def test_a_repository_leaves_all_years_the_profile_and_the_table(world: World) -> None:
    state = RepositoryState.objects.get(name__endswith="/trails")
    kept = {commit["oid"] for commit in world.commits() if not commit["repository"].endswith("/trails")}
    run = remove_repository(world, state)

    assert run.state == SyncRun.State.SUCCEEDED
    assert world.oids() == kept
    for name, content in world.stored().items():
        assert state.node_id.encode() not in content, name
        assert state.name.encode() not in content, name
    assert state.name not in everything_we_know(world)
    table = world.stored()["github-daily.csv"].decode().splitlines()
    assert sum(int(line.split(",")[2]) for line in table[1:]) == 0


def test_a_private_repository_leaves_the_private_files_only(world: World) -> None:
    state = RepositoryState.objects.get(name__endswith="/diary")
    public = {name: checksum for name, checksum in world.checksums().items() if "private" not in name}
    remove_repository(world, state)

    assert {name: world.checksums()[name] for name in public} == public
    assert not any(b"diary" in content for content in world.stored().values())


def test_neither_a_new_listing_nor_new_commits_bring_a_repository_back(world: World) -> None:
    state = RepositoryState.objects.get(name__endswith="/trails")
    remove_repository(world, state)
    world.repositories["trails"].add([days_ago(0.01)])
    read_all_again(world)

    assert not RepositoryState.objects.filter(name__endswith="/trails").exists()
    assert world.oids() == world.repositories["diary"].oids()
    requests = world.github.total
    world.sync()
    assert world.github.total - requests == 1


def test_the_old_apps_file_brings_no_repository_back_by_its_name(world: World) -> None:
    state = RepositoryState.objects.get(name__endswith="/trails")
    remove_repository(world, state)
    node_id = node_id_in(state.node_id, "a" * 40)
    old = rest_commit(1, moment=days_ago(300), sha="a" * 40, node_id=node_id)
    old["author"] = {"id": world.subscription.github_id}
    keep_old_file(world, {state.name.upper(): [old]})
    read_all_again(world)

    assert "a" * 40 not in world.oids()


def test_with_a_repository_go_the_records_that_others_lists_tell(account: World) -> None:
    state = account.subscription.repositories.order_by("-held")[0]
    before = sum(len(account.records(kind)) for kind in KINDS)
    remove_repository(account, state)
    after = sum(len(account.records(kind)) for kind in KINDS)
    assert 0 < after < before
    read_all_again(account)

    assert sum(len(account.records(kind)) for kind in KINDS) == after
    for kind in KINDS:
        assert all(each.get("repository_id") != state.node_id for each in account.records(kind))


# --- Whatever goes on beside it ---


def test_what_is_under_way_is_stopped_and_goes_on_afterwards(world: World) -> None:
    commit = an_old_commit(world)
    busy = world.start()
    run = removing.remove_record(world.subscription, "commits", commit, week_of("commits", commit).year)
    busy.refresh_from_db()

    assert busy.state == SyncRun.State.CANCELLED
    world.finish(run)
    assert commit["oid"] not in world.oids()
    assert Subscription.objects.get().next_due_at <= timezone.now()


def test_a_second_one_while_the_first_is_written_is_not_forgotten(world: World) -> None:
    first, second = [commit for commit in world.commits() if commit["repository"].endswith("/trails")][:2]
    years = {week_of("commits", each).year for each in (first, second)}
    assert len(years) == 1
    run = removing.remove_record(world.subscription, "commits", first, *years)
    put = OpenHumansClient.put_upload

    def put_and_remove_another(client: OpenHumansClient, *arguments: Any, **options: Any) -> None:
        put(client, *arguments, **options)
        removing.remove_record(world.subscription, "commits", second, *years)

    with patch.object(OpenHumansClient, "put_upload", put_and_remove_another):
        world.step(run)
    world.finish(run)
    assert not {first["oid"], second["oid"]} & world.oids()


def test_a_paused_archive_stays_paused(world: World) -> None:
    commit = an_old_commit(world)
    choices.pause(world.subscription)
    github = world.github.total
    run = remove(world, "commits", commit)

    assert run.state == SyncRun.State.SUCCEEDED
    assert commit["oid"] not in world.oids()
    assert Subscription.objects.get().is_paused_by_member
    assert world.github.total == github


def test_what_fails_while_paused_is_tried_until_it_is_done_and_counts_as_no_failure(world: World) -> None:
    """Promise 10: five failures pause a subscription with a reason, and the member's own pause is one."""
    commit = an_old_commit(world)
    choices.pause(world.subscription)
    run = removing.remove_record(world.subscription, "commits", commit, week_of("commits", commit).year)
    world.openhumans.fault(truncate_body=True)
    waits = []
    for _ in range(steps.FAILURES_BEFORE_PAUSE + 1):
        wait = world.step(run)
        assert wait is not None
        waits.append(wait.delay or 0)
        world.pass_wait(run)
    assert waits == sorted(waits)
    assert waits[-1] > 2 * waits[0]
    subscription = Subscription.objects.get()
    assert (subscription.failures, subscription.is_paused_by_member) == (0, True)

    world.openhumans.fault(truncate_body=False)
    assert world.finish(run).state == SyncRun.State.SUCCEEDED
    assert commit["oid"] not in world.oids()
    assert Subscription.objects.get().is_paused_by_member


@pytest.mark.parametrize("way", ["signing in", "asking again"])
def test_what_stopped_for_lack_of_access_goes_on_with_it(world: World, way: str) -> None:
    commit = an_old_commit(world)
    choices.pause(world.subscription)
    run = removing.remove_record(world.subscription, "commits", commit, week_of("commits", commit).year)
    member = str(world.member.open_humans_id)
    world.state.grants.leave(member, is_erasure_requested=False)
    world.step(run)
    assert run.state == SyncRun.State.FAILED
    assert Subscription.objects.get().is_paused_by_member

    world.connect(Choice.PRIVATE)
    if way == "signing in":
        identity = SocialAccount.objects.get(user=world.member, provider="openhumans")
        login = SocialLogin(user=world.member, account=identity)
        connecting.openhumans_signed_in_again(sociallogin=login)
    else:
        week, mark = week_of("commits", commit), record_mark("commits", commit)
        signed_in(world.member).get(reverse("remove_record", args=[week, mark]))
    again = world.subscription.active_run
    assert again is not None
    assert world.finish(again).trigger == SyncRun.Trigger.REMOVE
    assert commit["oid"] not in world.oids()
    assert Subscription.objects.get().is_paused_by_member


def test_an_erasing_comes_first_and_one_in_between_does_not_stop_it(world: World) -> None:
    commit = an_old_commit(world)
    whole = erasing.start(world.subscription, EraseScope.PRIVATE)
    with pytest.raises(choices.SyncUnderWay):
        removing.remove_record(world.subscription, "commits", commit, week_of("commits", commit).year)
    world.finish(whole)
    removing.remove_record(world.subscription, "commits", commit, week_of("commits", commit).year)
    world.finish(erasing.start(world.subscription, EraseScope.GITHUB))

    run = world.subscription.active_run
    assert run is not None
    assert run.trigger == SyncRun.Trigger.REMOVE
    world.finish(run)
    assert commit["oid"] not in world.oids()


def test_after_all_files_were_deleted_the_marks_still_hold(world: World) -> None:
    commit = an_old_commit(world)
    remove(world, "commits", commit)
    world.finish(erasing.start(world.subscription, EraseScope.FILES))
    choices.resume(world.subscription)
    run = world.subscription.active_run
    assert run is not None
    world.finish(run)

    assert world.oids() == {*world.repositories["trails"].oids(), *world.repositories["diary"].oids()} - {
        commit["oid"]
    }


class Killed(BaseException):
    """What no handler of the app catches, as a `kill -9`."""


def test_killed_at_any_point_it_is_done_by_the_next_worker(world: World) -> None:
    commit, kills = an_old_commit(world), 0
    names, whole = set(world.stored()), world.oids()
    run = removing.remove_record(world.subscription, "commits", commit, week_of("commits", commit).year)
    hold = SyncRun.hold
    while SyncRun.objects.active().filter(pk=run.pk).exists():
        left = [kills]

        def die(self: SyncRun, left: list[int] = left) -> None:
            if not left[0]:
                raise Killed
            left[0] -= 1
            hold(self)

        with patch.object(SyncRun, "hold", die):
            try:
                if world.step(run) is not None:
                    world.pass_wait(run)
            except Killed:
                kills += 1
                SyncRun.objects.filter(pk=run.pk).update(lease_until=timezone.now())
        assert {
            file.basename for file in world.state.files.of_member(str(world.member.open_humans_id))
        } == names
    assert kills > 8
    assert world.oids() == whole - {commit["oid"]}


def test_a_removal_that_ends_beside_new_records_is_not_taken_for_the_members(
    world: World,
) -> None:
    commit = max(world.commits(), key=lambda each: str(each["committed_at"]))
    run = removing.remove_record(world.subscription, "commits", commit, week_of("commits", commit).year)
    world.openhumans.fault(fail_start={"times": 1})
    assert world.step(run) is not None
    # As after a restart: nobody takes it out but the next sync, which has something new for the same file.
    SyncRun.objects.filter(pk=run.pk).update(state=SyncRun.State.CANCELLED)
    world.repository.add([commit["committed_at"]])
    assert world.sync().state == SyncRun.State.SUCCEEDED

    row = year_of(world, commit)
    assert (row.removed_by_member_at, row.to_clean) == (None, 0)
    newest = world.repository.oids() | world.repositories["diary"].oids()
    assert world.oids() == newest - {commit["oid"]}


# --- Letting it come back ---


def test_the_choices_tell_how_many_and_let_all_come_back(world: World) -> None:
    before = world.checksums()
    remove(world, "commits", an_old_commit(world))
    remove_repository(world, RepositoryState.objects.get(name__endswith="/diary"))
    browser = signed_in(world.member)
    page = words(browser.get(reverse("choices")).content)
    assert "1 record and 1 repository left out" in page

    browser.post(reverse("come_back"))
    run = world.subscription.active_run
    assert run is not None
    world.finish(run)
    assert world.checksums() == before
    assert not LeftOut.objects.exists()
    assert "left out, because" not in words(browser.get(reverse("choices")).content)


def test_nothing_comes_back_while_a_run_has_the_state_in_hand(world: World) -> None:
    remove(world, "commits", an_old_commit(world))
    world.start()
    response = signed_in(world.member).post(reverse("come_back"), follow=True)

    assert "A sync is under way." in words(response.content)
    assert LeftOut.objects.exists()


def test_of_others_nothing_comes_back(world: World, stranger: User, client: Client, sent: Sent) -> None:
    remove(world, "commits", an_old_commit(world))
    assert client.post(reverse("come_back"))["Location"] == "/"
    signed_in(stranger).post(reverse("come_back"))
    assert signed_in(world.member, checks_forms=True).post(reverse("come_back")).status_code == 403
    assert signed_in(world.member).get(reverse("come_back")).status_code == 405
    assert LeftOut.objects.exists()


# --- The pages ---


def record_page(commit: dict[str, Any]) -> str:
    week = week_of("commits", commit)
    return reverse("remove_record", args=[str(week), record_mark("commits", commit)])


def repository_page(commit: dict[str, Any]) -> str:
    week = week_of("commits", commit)
    return reverse("remove_repository", args=[str(week), repository_mark(commit["repository"])])


def test_the_page_of_a_week_leads_to_both(world: World) -> None:
    commit = an_old_commit(world)
    html = (
        signed_in(world.member).get(reverse("week", args=[str(week_of("commits", commit))])).content.decode()
    )

    assert f'href="{record_page(commit)}"' in html
    assert f'href="{repository_page(commit)}"' in html


@pytest.mark.parametrize("page", [record_page, repository_page])
def test_asking_first_says_what_will_happen_and_does_nothing(world: World, page: Any) -> None:
    commit, before = an_old_commit(world), world.checksums()
    response = signed_in(world.member).get(page(commit))
    text = words(response.content)

    assert response.status_code == 200
    assert "no-store" in response["Cache-Control"]
    for said in (
        "written again without it",
        "old ones are deleted",
        "not come back",
        "nothing changes on GitHub",
    ):
        assert said in text
    assert "<script" not in response.content.decode().split("<main")[1].split("</main")[0]
    assert not LeftOut.objects.exists()
    assert not SyncRun.objects.active().exists()
    assert world.checksums() == before


def test_a_record_is_removed_by_the_form_and_twice_is_once(world: World) -> None:
    commit = an_old_commit(world)
    browser, page = signed_in(world.member), record_page(commit)
    first = browser.post(page)
    second = browser.post(page, follow=True)

    assert first["Location"] == reverse("week", args=[str(week_of("commits", commit))])
    assert "being taken out already" in words(second.content)
    assert commit["message"] not in words(second.content).split("taken out")[-1]
    assert LeftOut.objects.count() == 1
    run = SyncRun.objects.active().get()
    assert "Taking out what you removed" in words(browser.get(reverse("dashboard")).content)
    world.finish(run)
    assert commit["oid"] not in world.oids()
    assert browser.post(page).status_code == 404
    assert "You removed something from your archive" in words(browser.get(reverse("dashboard")).content)


def test_a_repository_is_removed_by_the_form(world: World) -> None:
    commit = an_old_commit(world, "diary")
    browser, page = signed_in(world.member), repository_page(commit)
    browser.post(page)
    browser.post(page)
    world.finish(SyncRun.objects.active().get())

    assert world.oids() == world.repositories["trails"].oids()
    assert LeftOut.objects.filter(what="repository").count() == 1


@pytest.mark.parametrize("page", [record_page, repository_page])
def test_strangers_and_forms_from_elsewhere_are_refused(
    world: World, stranger: User, client: Client, sent: Sent, page: Any
) -> None:
    commit = an_old_commit(world)
    assert client.get(page(commit))["Location"] == "/"
    assert client.post(page(commit))["Location"] == "/"
    for method in ("get", "post"):
        assert getattr(signed_in(stranger), method)(page(commit)).status_code == 404
    assert signed_in(world.member, checks_forms=True).post(page(commit)).status_code == 403
    assert signed_in(world.member).delete(page(commit)).status_code == 405
    assert not LeftOut.objects.exists()
    assert commit["oid"] in world.oids()


@pytest.mark.parametrize("name", ["remove_record", "remove_repository"])
@pytest.mark.parametrize("mark", ["0" * 32, "x", "a" * 300])
def test_a_mark_that_stands_for_nothing_is_not_found(world: World, name: str, mark: str) -> None:
    week = str(week_of("commits", an_old_commit(world)))
    assert signed_in(world.member).post(reverse(name, args=[week, mark])).status_code == 404
    assert signed_in(world.member).get(f"/weeks/2026-W99/remove/{mark}/").status_code == 404
    assert not LeftOut.objects.exists()


def test_while_files_are_deleted_it_has_to_wait(world: World) -> None:
    commit = an_old_commit(world)
    erasing.start(world.subscription, EraseScope.PRIVATE)
    response = signed_in(world.member).post(record_page(commit), follow=True)

    assert "What is being deleted comes first." in words(response.content)
    assert not LeftOut.objects.exists()


def test_without_open_humans_the_page_says_so(world: World) -> None:
    commit = an_old_commit(world)
    world.openhumans.fault(fail_list=True)
    assert signed_in(world.member).post(record_page(commit)).status_code in (502, 503)
    assert not LeftOut.objects.exists()
