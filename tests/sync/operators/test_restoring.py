"""A backup is restored and Redis is lost: the drill of docs/backup.md, with both stand-ins."""

import io
import os
import subprocess
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from django.contrib.sessions.models import Session
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.test import Client
from django.utils import timezone
from freezegun import freeze_time
from pytest_django import Settings
from redis import Redis

from accounts.models import Credential, User
from config.run import wheels
from sync import credentials, removing
from sync.actors import sync_step, tidy
from sync.errors import WaitForLimit
from sync.leaving import erasing, erasures, forgetting
from sync.models import EraseScope, OperatorAction, ProviderState, Receipt, Subscription, SyncRun, YearFile
from sync.operators import restoring
from sync.scanning import scan
from tests.cast import make_member
from tests.faults.crowd import connected_crowd, crowded_repository
from tests.providers import GITHUB_API_URL, Providers
from tests.sync.broker import Sent
from tests.sync.factories import make_run
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)
CROWD, REFRESHED, ERASED = 56, 50, 2
GRANT = f"{GITHUB_API_URL}/applications/test-github-client/grant"


def after_restore(*arguments: str) -> str:
    output = io.StringIO()
    call_command("after_restore", *arguments, stdout=output)
    return output.getvalue()


@pytest.fixture
def erasure_list(tmp_path: Path, settings: Settings) -> Path:
    path = tmp_path / "erasures"
    settings.ERASURE_LIST = str(path)
    return path


# --- The drill --------------------------------------------------------------------------------------------


def postgres_program(name: str, *arguments: str) -> None:
    database = connection.settings_dict
    where = ["-h", database["HOST"], "-p", str(database["PORT"]), "-U", database["USER"]]
    subprocess.run(
        [wheels.postgres_folder() / "bin" / name, *where, "-d", database["NAME"], *arguments],
        env={"PATH": os.environ["PATH"], "PGPASSWORD": database["PASSWORD"]},
        check=True,
        timeout=120,
    )


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    """Many members at both services; all of them are synced in their first week."""
    began = datetime.now(UTC) - timedelta(weeks=14)
    repository = crowded_repository(tmp_path, CROWD, began)
    with living(tmp_path, settings, {"crowded": repository}) as world:
        connected_crowd(world, CROWD)
        yield world


def finish(run: SyncRun) -> SyncRun:
    for _ in range(60):
        now = SyncRun.objects.filter(pk=run.pk).first()
        if now is None or not now.is_active:
            return now or run
        run = now
        try:
            sync_step.fn(run.pk, run.step)
        except WaitForLimit:
            SyncRun.objects.filter(pk=run.pk).update(resume_at=timezone.now())
    raise AssertionError("The run does not end.")


def sync_all(members: list[Subscription]) -> list[SyncRun]:
    """As the scan and the workers would: whoever is due gets a run, and each run is worked on."""
    Subscription.objects.filter(pk__in=[member.pk for member in members]).update(next_due_at=timezone.now())
    scan(timezone.now(), 1000)
    return [finish(run) for run in SyncRun.objects.active()]


def test_a_restored_backup_brings_nobody_back_and_repeats_nothing(
    world: World, tmp_path: Path, settings: Settings, erasure_list: Path, client: Client, sent: Sent
) -> None:
    everybody = list(Subscription.objects.select_related("user").order_by("pk"))
    author, neighbours = everybody[0], everybody[1:4]
    refreshed, erased = everybody[4 : 4 + REFRESHED], everybody[4 + REFRESHED :]
    assert len(erased) == ERASED
    assert {run.state for run in sync_all([author, *neighbours, *erased])} == {SyncRun.State.SUCCEEDED}
    client.force_login(author.user, backend="django.contrib.auth.backends.ModelBackend")

    postgres_program("pg_dump", "--format=custom", f"--file={tmp_path / 'dump'}")

    for member in refreshed:
        token = Credential.objects.get(identity__user=member.user, identity__provider="openhumans")
        credentials.openhumans_token(member.user, refused=token.access_token)
    for member in erased:
        finish(erasing.start(member, EraseScope.ACCOUNT))
    for week in range(10):
        world.repository.add([(datetime.now(UTC) - timedelta(weeks=week, days=1)).isoformat("T", "seconds")])
    assert [run.state for run in sync_all([author])] == [SyncRun.State.SUCCEEDED]
    published = world.stored()
    uploads = world.openhumans.accounting()["by_endpoint"]["PUT /storage/<path:name>"]
    assert User.objects.count() == CROWD - ERASED

    # The disaster.
    connections.close_all()
    postgres_program("pg_restore", "--clean", "--if-exists", "--no-owner", str(tmp_path / "dump"))
    for url in (settings.BROKER_URL, settings.BUDGET_URL, settings.METRICS_URL):
        with Redis.from_url(url) as server:
            server.flushdb()
    assert User.objects.count() == CROWD
    assert Session.objects.count() == 1

    assert "gone 2" in after_restore("--dry-run")
    told = after_restore()

    assert "gone 2" in told
    assert f"Tokens of Open Humans: {CROWD - REFRESHED - ERASED} work, {REFRESHED} are dead" in told
    # The erased stay erased, and nobody is signed in any more.
    assert not Subscription.objects.filter(pk__in=[member.pk for member in erased]).exists()
    assert User.objects.count() == CROWD - ERASED
    assert not Session.objects.exists()
    # Those whose token died see one page with one button, which the others do not.
    statuses = dict(Subscription.objects.values_list("pk", "status"))
    assert {statuses[member.pk] for member in refreshed} == {Subscription.Status.RECONNECT_OPENHUMANS}
    assert {statuses[member.pk] for member in (author, *neighbours)} == {Subscription.Status.ACTIVE}
    client.force_login(refreshed[0].user, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get("/dashboard/").content.decode()
    assert "Sign in with Open Humans again" in page
    # The rest goes on, and uploads nothing that is there already.
    runs = sync_all([author, *neighbours])
    assert [run.state for run in runs] == [SyncRun.State.SUCCEEDED] * 4
    assert world.stored() == published
    assert world.openhumans.accounting()["by_endpoint"]["PUT /storage/<path:name>"] == uploads
    assert not YearFile.objects.exclude(removed_by_member_at=None).exists()
    assert not ProviderState.objects.exclude(opened_at=None).exists()


# --- The list of erasures ---------------------------------------------------------------------------------


def test_each_act_is_one_line_and_names_nobody(subscription: Subscription, erasure_list: Path) -> None:
    erasures.note_done(subscription.user, EraseScope.FILES)
    erasures.note_done(subscription.user, erasures.GONE)

    text = erasure_list.read_text()
    known = erasures.read(text.splitlines())
    assert [erasure.act for erasure in known] == ["files", "gone"]
    assert len({erasure.mark for erasure in known}) == 1
    assert "12345678" not in text
    assert erasure_list.stat().st_mode & 0o077 == 0


def test_the_log_is_a_list_as_well(
    subscription: Subscription, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ERASURE_LIST = ""
    erasures.note_done(subscription.user, erasures.GONE)
    assert [erasure.act for erasure in erasures.read([f'{{"message": "{caplog.messages[-1]}"}}'])] == ["gone"]


def test_a_list_that_cannot_be_written_keeps_nobody_here(
    subscription: Subscription, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ERASURE_LIST = "/nowhere/erasures"
    erasures.note_done(subscription.user, erasures.GONE)
    assert "cannot be written" in caplog.messages[-1]
    assert erasures.read(caplog.messages)


def test_marks_cannot_be_made_without_the_key(
    subscription: Subscription, erasure_list: Path, settings: Settings
) -> None:
    erasures.note_done(subscription.user, erasures.GONE)
    settings.TOKEN_KEYS = (b"k" * 32, *settings.TOKEN_KEYS)
    erasures.note_done(subscription.user, erasures.GONE)

    first, second = erasures.read(erasure_list.read_text().splitlines())
    assert (first.key, first.mark) != (second.key, second.mark)
    assert [user for user, _ in erasures.of_those_who_are_here([first, second])] == [subscription.user] * 2
    settings.TOKEN_KEYS = settings.TOKEN_KEYS[:1]
    assert erasures.unknown_keys([first, second]) == {first.key}
    with pytest.raises(CommandError, match=f"TOKEN_KEYS lacks: {first.key}"):
        after_restore()


def test_whoever_came_back_after_being_erased_stays(erasure_list: Path) -> None:
    first = make_member("12345678")
    erasures.note_done(first, erasures.GONE)
    first.delete()
    make_member("12345678")

    assert restoring.erasures_to_repeat(erasures.read(erasure_list.read_text().splitlines())) == []


class Killed(BaseException):
    """The process ends here."""


@transaction.atomic
def _until_the_commit(act: Callable[[], object]) -> None:
    act()
    raise Killed


def killed_before_the_commit(act: Callable[[], object]) -> None:
    with pytest.raises(Killed):
        _until_the_commit(act)


def acts_of(path: Path) -> list[str]:
    return [erasure.act for erasure in erasures.read(path.read_text().splitlines())]


def test_an_erasure_whose_line_a_killed_process_never_wrote_has_one_when_it_is_done(
    subscription: Subscription,
    providers: Providers,
    erasure_list: Path,
    sent: Sent,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Written before the commit, so that a process that is killed there does both again."""
    providers.http.delete(GRANT, status=204)

    append = erasures._append

    def killed_after_the_commit(path: str, line: str) -> None:
        if not connection.in_atomic_block:
            raise Killed
        append(path, line)

    with monkeypatch.context() as patched:
        patched.setattr(erasures, "_append", killed_after_the_commit)
        with pytest.raises(Killed):
            erasing.start(subscription, EraseScope.GITHUB)
    run = SyncRun.objects.get()
    assert acts_of(erasure_list) == ["asking"]
    assert to_repeat(erasure_list) == []

    def written_and_killed(path: str, line: str) -> None:
        assert connection.in_atomic_block
        append(path, line)
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(erasures, "_append", written_and_killed)
        with pytest.raises(Killed):
            sync_step.fn(run.pk, 0)
    assert acts_of(erasure_list) == ["asking", "github"]
    SyncRun.objects.update(state=SyncRun.State.QUEUED, lease_until=None)

    sync_step.fn(run.pk, 0)

    assert SyncRun.objects.get().state == SyncRun.State.SUCCEEDED
    assert acts_of(erasure_list) == ["asking", "github", "github"]
    # This database knows of it, however long the run took; one from before repeats it once.
    Receipt.objects.update(created_at=timezone.now() - timedelta(hours=1))
    assert to_repeat(erasure_list) == []
    Receipt.objects.all().delete()
    assert to_repeat(erasure_list) == ["github"]


@pytest.mark.parametrize("act", ["gone", "removed"])
def test_what_is_done_at_once_is_not_committed_before_its_line_is_written(
    subscription: Subscription, erasure_list: Path, sent: Sent, act: str
) -> None:
    def do() -> None:
        if act == "gone":
            forgetting.forget_user(User.objects.get())
        else:
            removing.write_again(subscription, subscription.year_files.all())

    killed_before_the_commit(do)
    assert acts_of(erasure_list) == [act]
    assert User.objects.exists()
    do()

    assert acts_of(erasure_list) == [act, act]


def test_a_line_of_somebody_who_came_back_before_they_were_gone_takes_nobody(
    member: User, erasure_list: Path
) -> None:
    """The transaction failed, and the next one found that they had signed in again."""
    killed_before_the_commit(lambda: forgetting.forget_user(User.objects.get()))
    assert to_repeat(erasure_list) == ["gone"]

    Credential.objects.update(authorized_at=timezone.now())

    assert to_repeat(erasure_list) == []


# --- Smaller acts -----------------------------------------------------------------------------------------


def repeat(path: Path) -> None:
    for user, erasure in restoring.erasures_to_repeat(erasures.read(path.read_text().splitlines())):
        restoring.repeat(user, erasure, "root")


def test_files_that_were_deleted_since_are_not_collected_again(
    subscription: Subscription, erasure_list: Path
) -> None:
    YearFile.objects.create(subscription=subscription, kind="public", year=2026, current_id=7)
    erasures.note_done(subscription.user, EraseScope.FILES)

    repeat(erasure_list)

    subscription.refresh_from_db()
    assert subscription.is_paused_by_member
    assert not subscription.year_files.exists()


def test_private_work_that_was_left_out_since_stays_out(
    subscription: Subscription, erasure_list: Path
) -> None:
    subscription.agreement = {**subscription.agreement, "private": True}
    subscription.save()
    YearFile.objects.create(subscription=subscription, kind="private", year=2026, current_id=7)
    YearFile.objects.create(subscription=subscription, kind="public", year=2026, current_id=8)
    erasures.note_done(subscription.user, EraseScope.PRIVATE)

    repeat(erasure_list)

    subscription.refresh_from_db()
    assert not subscription.includes_private
    assert subscription.status == Subscription.Status.ACTIVE
    assert [file.kind for file in subscription.year_files.all()] == ["public"]


def test_github_that_was_disconnected_since_stays_disconnected(
    subscription: Subscription, erasure_list: Path
) -> None:
    erasures.note_done(subscription.user, EraseScope.GITHUB)

    repeat(erasure_list)

    subscription.refresh_from_db()
    assert subscription.status == Subscription.Status.DISCONNECTED
    assert subscription.github_identity is None


def test_an_account_whose_deletion_was_only_asked_for_is_deleted_by_a_run(
    subscription: Subscription, erasure_list: Path, sent: Sent
) -> None:
    erasures.note_done(subscription.user, EraseScope.ACCOUNT)

    repeat(erasure_list)

    run = SyncRun.objects.get()
    assert (run.trigger, run.erase_scope) == (SyncRun.Trigger.ERASE, EraseScope.ACCOUNT)


def test_one_file_that_was_deleted_since_is_asked_about_unless_the_dump_knows(
    subscription: Subscription, erasure_list: Path, sent: Sent
) -> None:
    """Which it was, no list tells."""
    erasing.start(subscription, EraseScope.FILE, file="github-2026.json")
    assert acts_of(erasure_list) == ["asking", "removed"]
    repeat(erasure_list)
    assert Subscription.objects.get().status == Subscription.Status.ACTIVE

    SyncRun.objects.all().delete()
    repeat(erasure_list)
    paused = Subscription.objects.get()
    assert (paused.status, paused.reason) == (Subscription.Status.PAUSED, restoring.ASK_AGAIN)


def test_an_erasing_that_the_dump_knows_is_not_repeated(
    subscription: Subscription, erasure_list: Path, sent: Sent
) -> None:
    """Their files may be new ones, of a time after they were deleted."""
    erasing.start(subscription, EraseScope.FILES)
    SyncRun.objects.update(state=SyncRun.State.SUCCEEDED)
    Subscription.objects.update(status=Subscription.Status.ACTIVE, reason="")

    repeat(erasure_list)

    assert Receipt.objects.count() == 1
    assert Subscription.objects.get().status == Subscription.Status.ACTIVE


# --- Tokens -----------------------------------------------------------------------------------------------


@pytest.fixture
def small(tmp_path: Path, settings: Settings, erasure_list: Path) -> Iterator[World]:
    erasure_list.touch()
    repository = crowded_repository(tmp_path, 3, datetime.now(UTC) - timedelta(weeks=2))
    with living(tmp_path, settings, {"crowded": repository}) as world:
        connected_crowd(world, 3)
        yield world


def kill_openhumans_tokens(world: World, members: list[User]) -> None:
    for user in members:
        world.state.grants.leave(str(user.open_humans_id), is_erasure_requested=False)


def test_where_not_one_token_works_nobody_is_believed_to_be_gone(small: World) -> None:
    kill_openhumans_tokens(small, list(User.objects.all()))

    with pytest.raises(CommandError, match="3 tokens of openhumans were tried, and none works"):
        after_restore()

    assert set(Subscription.objects.values_list("status", flat=True)) == {"active"}
    assert set(Credential.objects.values_list("state", flat=True)) == {"valid"}

    assert "Tokens of Open Humans: 0 work, 3 are dead" in after_restore("--believe-all")
    assert set(Subscription.objects.values_list("status", flat=True)) == {"reconnect_openhumans"}


def test_dead_tokens_of_github_ask_to_connect_again(small: World) -> None:
    credential = Credential.objects.filter(identity__provider="github").latest("pk")
    credential.set_tokens("gho_dead", None, None, credential.scopes)
    credential.save()

    assert "Tokens of GitHub: 2 work, 1 are dead" in after_restore()

    dead = Subscription.objects.get(user=credential.identity.user)
    assert dead.status == Subscription.Status.RECONNECT_GITHUB
    assert OperatorAction.objects.get(kind=OperatorAction.Kind.RESTORE).subscription == dead
    assert Subscription.objects.filter(status=Subscription.Status.ACTIVE).count() == 2


def test_no_clock_that_stood_in_the_dump_ends_anybody(small: World, settings: Settings, sent: Sent) -> None:
    """They may have come back since the dump. Whoever did not is gone when the time that begins now ends."""
    refused, had_left, works = User.objects.order_by("pk")
    tokens_gone, due = make_member("11111111"), make_member("22222222")
    tokens = Credential.objects.filter(identity__provider="openhumans")
    now = timezone.now()
    long_ago, dumped_at = now - timedelta(days=15), now - timedelta(days=1)
    for user, rows_until in (
        (had_left, now + timedelta(days=75)),
        (tokens_gone, now - timedelta(hours=1)),
        (due, dumped_at - timedelta(hours=1)),
    ):
        User.objects.filter(pk=user.pk).update(left_at=long_ago, rows_until=rows_until)
    tokens.filter(identity__user__in=(refused, had_left)).update(state="refused", updated_at=long_ago)
    tokens.filter(identity__user__in=(tokens_gone, due)).delete()
    arguments = ("--dump-of", dumped_at.isoformat())

    assert "would get their time anew: 3" in after_restore("--dry-run", *arguments)
    for _ in range(2):
        assert "got their time anew: 3" in after_restore(*arguments)
    sent.messages.clear()
    tidy.fn()

    assert [(message.actor_name, message.args) for message, _ in sent.messages] == [("end_access", (due.pk,))]
    gone = User.objects.filter(left_at__isnull=False)
    assert set(gone) == {tokens_gone, due}
    assert not ProviderState.objects.exclude(opened_at=None).exists()
    stays_until = User.objects.get(pk=tokens_gone.pk).rows_until
    assert stays_until is not None
    assert stays_until - now > timedelta(days=settings.LEFT_ROWS_DAYS - 1)
    assert tokens.get(identity__user=works).state == Credential.State.VALID
    for days, left in ((13, 0), (15, 2)):
        with freeze_time(now + timedelta(days=days)):
            tidy.fn()
        assert gone.filter(pk__in=[refused.pk, had_left.pk]).count() == left


def test_it_may_be_started_again(small: World) -> None:
    first = after_restore()
    assert first == after_restore()


def test_a_wrong_secret_is_told_and_pauses_nobody(small: World, settings: Settings) -> None:
    settings.OPENHUMANS_CLIENT_ID = "somebody-else"
    Credential.objects.filter(identity__provider="openhumans").update(expires_at=timezone.now())

    with pytest.raises(CommandError):
        after_restore()

    assert set(Subscription.objects.values_list("status", flat=True)) == {"active"}


def test_an_outage_ends_it_with_an_exit_code_of_its_own(small: World) -> None:
    small.openhumans.fault(html_500=20)
    with pytest.raises(CommandError, match="cannot be asked") as error:
        after_restore()
    assert error.value.returncode == 3


def test_the_list_is_named_or_done_without(db: None, settings: Settings, tmp_path: Path) -> None:
    settings.ERASURE_LIST = ""
    with pytest.raises(CommandError, match="--no-list"):
        after_restore()
    with pytest.raises(CommandError, match="cannot be read"):
        after_restore("--list", str(tmp_path / "nothing"))
    assert "Erasures repeated: none" in after_restore("--no-list")


def test_a_rehearsal_changes_nothing(subscription: Subscription, erasure_list: Path) -> None:
    erasures.note_done(subscription.user, erasures.GONE)

    assert "gone 1" in after_restore("--dry-run")

    assert User.objects.filter(pk=subscription.user_id).exists()


def test_several_lists_are_read(subscription: Subscription, stranger: User, tmp_path: Path) -> None:
    for user, name in ((subscription.user, "one"), (stranger, "two")):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("django.conf.settings.ERASURE_LIST", str(tmp_path / name))
            erasures.note_done(user, erasures.GONE)

    told = after_restore("--list", str(tmp_path / "one"), "--list", str(tmp_path / "two"))

    assert "Erasures repeated: gone 2" in told
    assert not User.objects.exists()


def test_another_member_is_left_alone(subscription: Subscription, stranger: User, erasure_list: Path) -> None:
    erasures.note_done(subscription.user, erasures.GONE)
    repeat(erasure_list)
    assert list(User.objects.all()) == [stranger]


def test_whoever_had_something_taken_out_since_is_asked_again(
    subscription: Subscription, erasure_list: Path, sent: Sent, client: Client
) -> None:
    removing.write_again(subscription, subscription.year_files.all())
    SyncRun.objects.all().delete()

    repeat(erasure_list)

    subscription.refresh_from_db()
    assert subscription.is_paused_by_member
    client.force_login(subscription.user, backend="django.contrib.auth.backends.ModelBackend")
    assert "Please ask for it again" in client.get("/dashboard/").content.decode()


def test_what_the_dump_knows_to_be_taken_out_is_not_asked_for(
    subscription: Subscription, erasure_list: Path, sent: Sent
) -> None:
    removing.write_again(subscription, subscription.year_files.all())
    repeat(erasure_list)
    subscription.refresh_from_db()
    assert subscription.status == Subscription.Status.ACTIVE


# --- What the dump knows already ----------------------------------------------------------------------------


def stay_here(days: int) -> None:
    """Whoever joined after an erasure is another one to it; their rows are as old."""
    then = timezone.now() - timedelta(days=days)
    User.objects.update(date_joined=then)
    Credential.objects.update(updated_at=then, authorized_at=then)


def to_repeat(path: Path) -> list[str]:
    known = erasures.read(path.read_text().splitlines())
    return [erasure.act for _, erasure in restoring.erasures_to_repeat(known)]


def test_a_removal_whose_run_was_tidied_away_long_ago_is_known(
    subscription: Subscription, erasure_list: Path, sent: Sent
) -> None:
    stay_here(days=101)
    with freeze_time(timezone.now() - timedelta(days=100)):
        run = removing.write_again(subscription, subscription.year_files.all())
    SyncRun.objects.filter(pk=run.pk).delete()
    assert to_repeat(erasure_list) == ["removed"]

    make_run(subscription, created_at=timezone.now() - timedelta(days=1))

    assert to_repeat(erasure_list) == []


def test_a_second_removal_during_the_run_of_the_first_is_known(
    subscription: Subscription, erasure_list: Path, sent: Sent
) -> None:
    stay_here(days=1)
    began = timezone.now() - timedelta(hours=2)
    commit = {"repository_id": "R_1", "oid": "a" * 40, "committed_at": "2026-01-05T10:00:00Z"}
    with freeze_time(began):
        first = removing.remove_record(subscription, "commits", commit, 2026)
    with freeze_time(began + timedelta(hours=1)):
        second = removing.remove_record(subscription, "commits", {**commit, "oid": "b" * 40}, 2026)
    assert first == second

    # The second removal is the last thing that the dump knows of.
    assert to_repeat(erasure_list) == []


def test_a_smaller_erasing_that_a_larger_overtook_is_known(
    subscription: Subscription, erasure_list: Path, sent: Sent
) -> None:
    erasing.start(subscription, EraseScope.GITHUB)
    erasing.start(subscription, EraseScope.CHANGE)

    assert to_repeat(erasure_list) == []


def test_an_erasing_that_was_rolled_back_was_none(
    subscription: Subscription, erasure_list: Path, sent: Sent
) -> None:
    def erase_and_lose_postgres() -> None:
        with transaction.atomic():
            erasing.start(subscription, EraseScope.FILES)
            raise RuntimeError("Postgres is away")

    with pytest.raises(RuntimeError):
        erase_and_lose_postgres()

    assert acts_of(erasure_list) == ["asking"]
    # Its member has seen that it failed, and may have thought better of it, or relied on it: nobody knows.
    repeat(erasure_list)
    subscription.refresh_from_db()
    assert subscription.is_paused_by_member
    assert "Please ask for it again" in subscription.reason
    assert not SyncRun.objects.exists()
    assert Credential.objects.count() == 2


def test_an_erasing_whose_process_and_database_died_together_is_asked_for_again(
    subscription: Subscription, erasure_list: Path, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Committed, but no line tells what it was, and no database."""
    monkeypatch.setattr(transaction, "on_commit", lambda _write: None)
    erasing.start(subscription, EraseScope.ACCOUNT)
    assert to_repeat(erasure_list) == []
    Receipt.objects.all().delete()
    SyncRun.objects.all().delete()

    assert to_repeat(erasure_list) == ["asking"]


def test_what_was_asked_for_after_an_attempt_that_failed_is_known_by_its_line(
    subscription: Subscription, erasure_list: Path, sent: Sent
) -> None:
    killed_before_the_commit(lambda: erasing.start(subscription, EraseScope.FILES))
    erasing.start(subscription, EraseScope.FILES)
    SyncRun.objects.all().delete()
    Receipt.objects.all().delete()

    assert to_repeat(erasure_list) == ["files"]


def test_a_line_that_was_cut_off_hides_no_other(
    subscription: Subscription,
    erasure_list: Path,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A disk that was full for a moment: the log says what is missing."""
    erasures.note_done(subscription.user, EraseScope.GITHUB)
    write = os.write
    with monkeypatch.context() as patched:
        patched.setattr(os, "write", lambda descriptor, line: write(descriptor, line[:70]))
        erasures.note_done(subscription.user, erasures.REMOVED)
    assert "No space left on device" in caplog.messages[-1]
    erasures.note_done(subscription.user, EraseScope.FILES)

    assert acts_of(erasure_list) == ["github", "files"]
    assert [erasure.act for erasure in erasures.read(caplog.messages[-2:-1])] == ["removed"]


def test_whoever_is_gone_is_told_by_a_mark_made_before(
    subscription: Subscription, erasure_list: Path, sent: Sent
) -> None:
    forgetting.forget_user(User.objects.get(pk=subscription.user_id))
    make_member("12345678")
    stay_here(days=1)

    assert to_repeat(erasure_list) == ["gone"]


def test_the_moment_of_the_dump_can_be_said(subscription: Subscription, erasure_list: Path) -> None:
    """As where a worker ran before: it makes the dump look younger."""
    stay_here(days=2)
    with freeze_time(timezone.now() - timedelta(hours=2)):
        erasures.note_done(subscription.user, EraseScope.FILES)
    make_run(subscription)
    day_before = (timezone.now() - timedelta(days=1)).isoformat()

    assert "repeated: none" in after_restore("--dry-run")
    assert "repeated: files 1" in after_restore("--dry-run", "--dump-of", day_before)


def test_what_was_repeated_stands_in_the_members_history(
    subscription: Subscription, erasure_list: Path, sent: Sent
) -> None:
    erasures.note_done(subscription.user, EraseScope.FILES)

    repeat(erasure_list)

    act = OperatorAction.objects.get(subscription=subscription)
    assert (act.kind, act.operator) == (OperatorAction.Kind.RESTORE, "root")


def test_the_receipt_of_an_account_that_is_deleted_again_says_that_a_backup_was_restored(
    subscription: Subscription, erasure_list: Path, sent: Sent
) -> None:
    erasures.note_done(subscription.user, EraseScope.ACCOUNT)

    repeat(erasure_list)

    receipt = Receipt.objects.get()
    assert (receipt.operator, receipt.cause) == ("root", Receipt.Cause.RESTORED)


@pytest.mark.parametrize("scope", [EraseScope.CHANGE, EraseScope.REPLACE])
def test_an_account_that_was_exchanged_since_is_not_collected_again(
    subscription: Subscription, erasure_list: Path, scope: EraseScope
) -> None:
    YearFile.objects.create(subscription=subscription, kind="public", year=2026, current_id=7)
    erasures.note_done(subscription.user, scope)

    repeat(erasure_list)

    subscription.refresh_from_db()
    assert subscription.status == Subscription.Status.DISCONNECTED
    assert subscription.github_identity is None
    assert not subscription.year_files.exists()


def test_every_way_to_erase_has_a_line_that_is_read(subscription: Subscription, erasure_list: Path) -> None:
    acts = {"gone", "asking", *map(erasures.act_of, EraseScope)}
    assert acts == set(erasures.ACTS)
    for act in acts:
        erasures.note_done(subscription.user, act)
    known = erasures.read(erasure_list.read_text().splitlines())
    assert {erasure.act for erasure in known} == acts
