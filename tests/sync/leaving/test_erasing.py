"""Leaving for real: both stand-ins over HTTP, real Postgres and Valkey."""

import io
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import pytest
from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import CHANGE, LogEntry
from django.contrib.contenttypes.models import ContentType
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings
from redis import Redis

from accounts.models import Credential, User
from sync import credentials, runs
from sync.actors import sync_step
from sync.consent import Choice
from sync.errors import LeaseLost, WaitForLimit
from sync.leaving import erasing
from sync.management.acting import who_acts
from sync.models import (
    EraseScope,
    OperatorAction,
    Receipt,
    RepositoryState,
    StagedBatch,
    Subscription,
    SyncRun,
    YearFile,
)
from sync.operators import gauges
from tests.repositories import Repository, days_ago
from tests.sync.broker import Sent
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)
DONE, NO_ACCESS, REFUSED = Receipt.Outcome.DONE, Receipt.Outcome.NO_ACCESS, Receipt.Outcome.REFUSED


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    """A member with public and private files, synced."""
    email = f"{uuid4().hex[:12]}@example.org"
    trails, secret = (Repository.create(tmp_path / name, email) for name in ("trails", "secret-plans"))
    trails.add(days_ago(400 - 30 * n) for n in range(13))
    secret.add([days_ago(40), days_ago(20)])
    repositories = {"trails": trails, "secret-plans": secret}
    with living(tmp_path, settings, repositories, choice=Choice.PRIVATE, private=("secret-plans",)) as world:
        world.sync()
        assert len(world.stored()) >= 3
        yield world


def step(run: SyncRun) -> None:
    """As a worker would; a wait is over at once."""
    run.refresh_from_db()
    try:
        sync_step.fn(run.pk, run.step)
    except WaitForLimit:
        SyncRun.objects.filter(pk=run.pk).update(resume_at=timezone.now())


def finish(run: SyncRun, steps: int = 30) -> Receipt:
    receipt = run.receipt
    for _ in range(steps):
        if not SyncRun.objects.active().filter(pk=run.pk).exists():
            receipt.refresh_from_db()
            return receipt
        step(run)
    raise AssertionError("The erasing does not come to an end.")


def erase(world: World, scope: EraseScope) -> Receipt:
    return finish(erasing.start(world.subscription, scope))


def names(found: list[dict[str, Any]]) -> set[str]:
    return {file["name"] for file in found}


def private_names(world: World) -> set[str]:
    return {name for name in world.stored() if name.startswith("github-private-")}


# --- All files ---


def test_all_files_are_deleted_and_a_listing_confirms_it(world: World) -> None:
    """Promise 12: leaving is real."""
    before = set(world.stored())
    receipt = erase(world, EraseScope.FILES)

    assert world.stored() == {}
    assert names(receipt.found) == before
    assert (receipt.files, receipt.files_deleted, receipt.files_left) == (DONE, len(before), 0)
    assert receipt.listed_at is not None
    assert receipt.is_finished
    assert receipt.run is not None
    assert receipt.run.state == SyncRun.State.SUCCEEDED


def test_with_the_files_goes_everything_collected_and_collecting_stops(world: World) -> None:
    erase(world, EraseScope.FILES)
    subscription = Subscription.objects.get(pk=world.subscription.pk)

    assert subscription.status == Subscription.Status.PAUSED
    assert subscription.reason == erasing.PAUSED_BY_FILES
    assert not YearFile.objects.exists()
    assert not RepositoryState.objects.exists()
    assert not StagedBatch.objects.exists()
    assert (subscription.lists, subscription.probe, subscription.synced_at) == ({}, {}, None)
    assert Credential.objects.count() == 2


def test_after_resuming_everything_is_collected_again(world: World) -> None:
    before = world.oids()
    erase(world, EraseScope.FILES)
    Subscription.objects.update(status=Subscription.Status.ACTIVE, reason="")
    world.subscription.refresh_from_db()

    assert world.sync().state == SyncRun.State.SUCCEEDED
    assert world.oids() == before


def test_files_of_others_and_of_another_github_account_stay(world: World) -> None:
    member, files = str(world.member.open_humans_id), world.state.files
    other_project = files.start(member, "steps.json", {"github_id": 1}, source="direct-sharing-2")
    other_account = files.start(member, "github-2020.json", {"github_id": 1})
    other_member = files.start("99999999", "github-2020.json", {})
    kept = [other_project, other_account, other_member]
    for file in kept:
        put(world, file.id)
    receipt = erase(world, EraseScope.FILES)

    assert receipt.files == DONE
    assert all(files.by_id(file.id) for file in kept)
    assert set(world.stored()) == {"github-2020.json"}


def test_the_file_of_the_app_that_was_here_before_goes_too(world: World) -> None:
    old = world.state.files.start(str(world.member.open_humans_id), "github.json", {"tags": ["GitHub"]})
    put(world, old.id)
    receipt = erase(world, EraseScope.FILES)

    assert "github.json" in names(receipt.found)
    assert world.stored() == {}


def put(world: World, file_id: int) -> None:
    """Finish an upload behind the app's back."""
    files = world.state.files
    file = files.by_id(file_id)
    assert file is not None
    path = files.incoming(file)
    path.write_bytes(b"{}")
    files.put(file, path, "etag")
    files.complete(file)


def test_an_upload_that_was_pending_is_completed_and_deleted(world: World) -> None:
    """Left alone, whoever completes it later would bring the file back."""
    client = credentials.openhumans_client(world.member)
    upload = client.start_upload(
        "github-2019.json", {"description": "x", "tags": [], "github_id": world.subscription.github_id}
    )
    client.put_upload(upload, io.BytesIO(b"{}"), 2)
    year_file = YearFile.objects.create(
        subscription=world.subscription, kind="public", year=2019, pending={"file_id": upload.file_id}
    )
    receipt = erase(world, EraseScope.FILES)

    assert year_file.name in names(receipt.found)
    assert world.state.files.by_id(upload.file_id) is None
    assert world.stored() == {}


# --- The private files ---


def test_exactly_the_private_files_are_deleted(world: World) -> None:
    private = private_names(world)
    public = {name: checksum for name, checksum in world.checksums().items() if name not in private}
    receipt = erase(world, EraseScope.PRIVATE)

    assert names(receipt.found) == private
    assert world.checksums() == public
    assert not YearFile.objects.filter(kind="private").exists()
    assert {state.visibility for state in RepositoryState.objects.all()} == {"public"}
    assert Subscription.objects.get().status == Subscription.Status.ACTIVE


def test_after_the_private_files_the_public_ones_are_kept_up_to_date(world: World) -> None:
    Subscription.objects.update(agreement={**world.subscription.agreement, "private": False})
    erase(world, EraseScope.PRIVATE)
    world.repositories["trails"].add([days_ago(0.01)])
    world.sync()

    assert world.oids() == world.repositories["trails"].oids()
    assert private_names(world) == set()


def test_private_things_are_all_of_them_not_only_years(world: World) -> None:
    assert "github-private-profile.json" in private_names(world)
    receipt = erase(world, EraseScope.PRIVATE)

    assert "github-private-profile.json" in names(receipt.found)
    assert "github-profile.json" in world.stored()
    assert not YearFile.objects.filter(kind__in=YearFile.PRIVATE_KINDS).exists()


def test_what_operators_did_stays_known_to_the_member(world: World) -> None:
    OperatorAction.objects.create(kind="pause", reason="x", operator="op", subscription=world.subscription)
    erase(world, EraseScope.FILES)
    assert OperatorAction.objects.exists()

    erase(world, EraseScope.ACCOUNT)
    assert not OperatorAction.objects.exists()


def test_who_deleted_an_account_and_why_stays_on_its_receipt_and_their_words_do_not(
    world: World, client: Client
) -> None:
    words = ("--reason", f"{world.subscription.github_login} filled our disk", "--cause", "misuse")
    call_command(
        "delete_data", f"oh:{world.member.open_humans_id}", "--scope", "account", *words, stdout=io.StringIO()
    )
    assert OperatorAction.objects.get().reason == words[1], "while the member may ask about it"

    receipt = finish(SyncRun.objects.get(trigger=SyncRun.Trigger.ERASE))

    assert (receipt.is_finished, receipt.subscription) == (True, None)
    assert (receipt.operator, receipt.cause) == (who_acts(None), Receipt.Cause.MISUSE)
    assert not OperatorAction.objects.exists()
    page = client.get(reverse("receipt", args=[receipt.key])).content.decode()
    assert f"the operator {who_acts(None)}; the site was misused" in page


def test_what_a_member_asked_for_is_no_operators_act(world: World, client: Client) -> None:
    run = erasing.start(world.subscription, EraseScope.FILES)
    words = ("--reason", "asked by mail")
    call_command(
        "delete_data", f"oh:{world.member.open_humans_id}", "--scope", "files", *words, stdout=io.StringIO()
    )

    receipt = finish(run)

    assert (receipt.operator, receipt.cause) == ("", "")
    client.force_login(world.member, backend="django.contrib.auth.backends.ModelBackend")
    assert "Done by" not in client.get(reverse("receipt", args=[receipt.key])).content.decode()


# --- GitHub ---


def test_disconnecting_gives_the_grant_back_and_keeps_the_files(world: World) -> None:
    token, before = credentials.github_token(world.member), world.checksums()
    service = world.github.app.extensions["github_stand_in"]
    assert service.tokens.find(token) is not None
    receipt = erase(world, EraseScope.GITHUB)

    assert receipt.grant == DONE
    assert service.tokens.find(token) is None
    assert world.checksums() == before
    assert not SocialAccount.objects.filter(provider="github").exists()
    assert Credential.objects.get().identity.provider == "openhumans"
    assert Subscription.objects.get().status == Subscription.Status.DISCONNECTED


def test_a_grant_that_is_gone_already_is_no_obstacle(world: World) -> None:
    world.github.fault(revoke_tokens=True)
    receipt = erase(world, EraseScope.GITHUB)

    assert receipt.grant == NO_ACCESS
    assert receipt.is_finished
    assert not SocialAccount.objects.filter(provider="github").exists()


def test_an_outage_of_github_is_waited_out_but_not_for_ever(world: World, settings: Settings) -> None:
    settings.GITHUB_API_URL = settings.GITHUB_URL = "http://127.0.0.1:9"
    run = erasing.start(world.subscription, EraseScope.GITHUB)
    step(run)
    run.refresh_from_db()
    assert run.state == SyncRun.State.WAITING
    assert run.wait_reason == SyncRun.WaitReason.GITHUB_UNAVAILABLE
    assert SocialAccount.objects.filter(provider="github").exists()

    receipt = finish(run)
    assert receipt.grant == REFUSED
    assert not SocialAccount.objects.filter(provider="github").exists()


# --- The account ---


def test_of_a_deleted_account_only_a_nameless_receipt_stays(world: World) -> None:
    user, files = world.member, set(world.stored())
    token = credentials.github_token(user)
    receipt = erase(world, EraseScope.ACCOUNT)

    assert (receipt.files, receipt.grant, receipt.membership) == (DONE, DONE, DONE)
    assert (receipt.files_deleted, receipt.files_left) == (len(files), 0)
    assert (receipt.found, receipt.left, receipt.subscription, receipt.run) == ([], [], None, None)
    assert world.stored() == {}
    assert world.state.grants.joined_at(str(user.open_humans_id)) is None
    assert world.github.app.extensions["github_stand_in"].tokens.find(token) is None
    for table in (User, SocialAccount, Credential, Subscription, SyncRun, YearFile, RepositoryState):
        assert not table._default_manager.exists()
    assert Receipt.objects.get() == receipt


def test_with_the_account_go_sessions_budget_and_names_in_the_log(
    world: World, operator: User, settings: Settings
) -> None:
    mine, theirs = Client(), Client()
    mine.force_login(world.member, backend="django.contrib.auth.backends.ModelBackend")
    theirs.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    LogEntry.objects.create(
        user=operator,
        content_type=ContentType.objects.get_for_model(Subscription),
        object_id=str(world.subscription.pk),
        object_repr=str(world.subscription),
        action_flag=CHANGE,
        change_message=world.subscription.github_login,
    )
    with Redis.from_url(settings.BUDGET_URL) as connection:
        mark = f"github:{world.subscription.github_id}:*"
        assert list(connection.scan_iter(mark))
        erase(world, EraseScope.ACCOUNT)
        assert not list(connection.scan_iter(mark))

    assert not mine.session.exists(str(mine.session.session_key))
    assert theirs.session.exists(str(theirs.session.session_key))
    entry = LogEntry.objects.get()
    assert (entry.object_repr, entry.change_message) == ("deleted by the member", "")


def test_without_access_to_open_humans_the_account_goes_and_the_receipt_says_what_stays(world: World) -> None:
    files = len(world.stored())
    world.state.grants.leave(str(world.member.open_humans_id), is_erasure_requested=False)
    receipt = erase(world, EraseScope.ACCOUNT)

    assert (receipt.files, receipt.grant, receipt.membership) == (NO_ACCESS, DONE, NO_ACCESS)
    assert (receipt.files_deleted, receipt.files_left) == (0, files)
    assert receipt.listed_at is None
    assert not User.objects.exists()


# --- Open Humans does not do its part ---


def test_without_access_the_files_stay_known_so_that_it_can_be_tried_again(world: World) -> None:
    before = set(world.stored())
    world.state.grants.leave(str(world.member.open_humans_id), is_erasure_requested=False)
    receipt = erase(world, EraseScope.FILES)

    assert receipt.files == NO_ACCESS
    assert names(receipt.left) == before
    assert receipt.run is not None
    assert receipt.run.state == SyncRun.State.FAILED
    assert YearFile.objects.exclude(current_id=None).count() == len(before)
    world.connect(Choice.PRIVATE)
    assert erase(world, EraseScope.FILES).files == DONE
    assert world.stored() == {}


def test_an_expired_token_is_refreshed_on_the_way(world: World) -> None:
    world.state.grants.expire_access_tokens()

    assert erase(world, EraseScope.FILES).files == DONE


def test_an_outage_of_open_humans_is_waited_out(world: World) -> None:
    world.openhumans.fault(fail_delete=True)
    run = erasing.start(world.subscription, EraseScope.FILES)
    step(run)
    run.refresh_from_db()
    assert run.state == SyncRun.State.WAITING
    assert run.wait_reason == SyncRun.WaitReason.OPENHUMANS_UNAVAILABLE
    assert not run.receipt.is_finished

    world.openhumans.fault(fail_delete=False)
    assert finish(run).files == DONE
    assert world.stored() == {}


def test_files_that_come_back_again_and_again_are_named(world: World) -> None:
    with patch("openhumans_client.OpenHumansClient.delete_file", return_value=False):
        receipt = erase(world, EraseScope.FILES)

    assert receipt.files == REFUSED
    assert names(receipt.left) == set(world.stored())
    assert receipt.files_deleted == 0
    assert YearFile.objects.exists()


def test_many_files_take_several_steps(world: World, settings: Settings) -> None:
    settings.SYNC_STEP_SECONDS = 0
    before = len(world.stored())
    run = erasing.start(world.subscription, EraseScope.FILES)
    step(run)
    run.refresh_from_db()
    assert run.step == 1
    assert len(world.stored()) == before - 1
    assert gauges.queue_age(timezone.now() + timedelta(hours=1)) == pytest.approx(3600, abs=30)

    assert finish(run).files_deleted == before


# --- Killed, cancelled, overtaken ---


class Killed(BaseException):
    """What no handler of the app catches, as a `kill -9`."""


def test_a_worker_killed_at_any_point_leaves_something_to_go_on_with(world: World) -> None:
    """Promise 12: killed before the first request, then before the second, and so on."""
    files = len(world.stored())
    run = erasing.start(world.subscription, EraseScope.ACCOUNT)
    receipt, kills = run.receipt, 0
    while SyncRun.objects.active().filter(pk=run.pk).exists():
        with patch.object(SyncRun, "hold", dying(SyncRun.hold, after=kills)):
            try:
                step(run)
            except Killed:
                kills += 1
                SyncRun.objects.filter(pk=run.pk).update(lease_until=timezone.now())
    receipt.refresh_from_db()

    assert kills > files
    assert (receipt.files, receipt.files_deleted, receipt.membership) == (DONE, files, DONE)
    assert receipt.grant in (DONE, NO_ACCESS)
    assert world.stored() == {}
    assert not User.objects.exists()


def dying(hold: Callable[[SyncRun], None], after: int) -> Callable[[SyncRun], None]:
    left = [after]

    def hold_or_die(run: SyncRun) -> None:
        if not left[0]:
            raise Killed
        left[0] -= 1
        hold(run)

    return hold_or_die


def test_what_is_under_way_is_cancelled_and_its_worker_waited_for(world: World) -> None:
    busy = world.start()
    claimed = SyncRun.objects.claim(busy.pk, 0, timezone.now())
    assert claimed is not None
    run = erasing.start(world.subscription, EraseScope.FILES)
    busy.refresh_from_db()
    assert busy.state == SyncRun.State.CANCELLED
    step(run)
    step(run)
    assert world.stored() != {}

    with pytest.raises(LeaseLost):
        claimed.hold()
    runs.let_go(claimed)
    assert finish(run).files == DONE


def test_the_lease_of_a_worker_that_died_runs_out(world: World) -> None:
    busy = world.start()
    assert SyncRun.objects.claim(busy.pk, 0, timezone.now()) is not None
    run = erasing.start(world.subscription, EraseScope.FILES)
    step(run)
    assert world.stored() != {}

    SyncRun.objects.filter(pk=busy.pk).update(lease_until=timezone.now())
    assert finish(run).files == DONE


def test_a_worker_whose_own_lease_is_over_speaks_for_nobody(subscription: Subscription, sent: Sent) -> None:
    run = runs.start(subscription, SyncRun.Trigger.STALE)
    late = SyncRun.objects.claim(run.pk, 0, timezone.now() - timedelta(hours=1))
    assert late is not None
    assert SyncRun.objects.claim(run.pk, 0, timezone.now()) is not None
    runs.stop(run)
    runs.let_go(late)

    run.refresh_from_db()
    assert run.lease_until is not None


def test_an_operator_cannot_cancel_an_erasing(subscription: Subscription, sent: Sent) -> None:
    run = erasing.start(subscription, EraseScope.FILES)

    assert not runs.cancel(run)
    assert SyncRun.objects.active().get() == run


def test_asking_twice_starts_one(subscription: Subscription, sent: Sent) -> None:
    first = erasing.start(subscription, EraseScope.FILES)

    assert erasing.start(subscription, EraseScope.FILES) == first
    assert erasing.start(subscription, EraseScope.PRIVATE) == first
    assert Receipt.objects.count() == 1
    assert sent.steps() == [(first.pk, 0)]


def test_deleting_the_account_overtakes_a_smaller_erasing(subscription: Subscription, sent: Sent) -> None:
    smaller = erasing.start(subscription, EraseScope.GITHUB)
    run = erasing.start(subscription, EraseScope.ACCOUNT)

    smaller.refresh_from_db()
    assert smaller.state == SyncRun.State.CANCELLED
    assert Receipt.objects.get().run == run


def test_two_different_erasings_go_one_after_the_other(subscription: Subscription, sent: Sent) -> None:
    first = erasing.start(subscription, EraseScope.GITHUB)
    with pytest.raises(erasing.ErasingUnderWay) as refused:
        erasing.start(subscription, EraseScope.FILES)

    assert refused.value.receipt == first.receipt
    subscription.refresh_from_db()
    assert subscription.status == Subscription.Status.DISCONNECTED


def test_nothing_is_started_where_the_transaction_fails(subscription: Subscription, sent: Sent) -> None:
    sent.error = None
    with patch("sync.leaving.erasing.send_step", side_effect=Killed), pytest.raises(Killed):
        erasing.start(subscription, EraseScope.FILES)

    subscription.refresh_from_db()
    assert subscription.status == Subscription.Status.ACTIVE
    assert not SyncRun.objects.exists()
    assert not Receipt.objects.exists()
