"""Every command of ours for operators: help, rehearsal, a bar on a terminal, exit codes."""

import io
import os
import pwd
import subprocess
import sys
import time
from collections.abc import Callable

import pytest
import responses
from django.core.management import CommandError, call_command, get_commands, load_command_class
from django.utils import timezone

import openhumans_client as openhumans
from accounts.models import User
from sync.leaving import departures, erasing
from sync.management.acting import who_acts
from sync.models import OperatorAction, Receipt, Subscription, SyncRun
from sync.operators import operating
from sync.operators.operating import NotPossible
from tests.config.test_settings import ROOT
from tests.providers import EXCHANGE_MEMBER, OPENHUMANS_URL, Providers, exchange_member
from tests.sync.broker import Sent
from tests.sync.factories import make_year_file

pytestmark = pytest.mark.django_db(transaction=True)
OURS = sorted(name for name, app in get_commands().items() if app in ("accounts", "sync"))
WANTED = {
    "update_data",
    "sync_member",
    "reconcile",
    "view_metadata",
    "delete_data",
    "import_users",
    "rotate_keys",
    "check_project",
    "stop_syncing",
    "start_syncing",
    "after_restore",
}
# These change nothing, or are the second half of one that was rehearsed.
NOTHING_TO_REHEARSE = {"check_project", "check_sandbox", "add_authenticator"}
PROJECT = f"{OPENHUMANS_URL}/api/direct-sharing/project/"
REMOVE_MEMBER = f"{OPENHUMANS_URL}/api/direct-sharing/project/remove-members/"
NO_FILES = exchange_member()
WHY = ("--reason", "asked by mail")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_all_that_is_wanted_is_there() -> None:
    assert set(OURS) >= WANTED


@pytest.mark.parametrize("name", OURS)
def test_each_says_what_it_is_for(name: str) -> None:
    command = load_command_class(get_commands()[name], name)
    said = command.create_parser("manage.py", name).format_help()
    assert len(command.help) > 40
    assert "usage: manage.py" in said
    assert ("--dry-run" in said) is (name not in NOTHING_TO_REHEARSE)


@pytest.mark.parametrize(("option", "code"), [("--help", 0), ("--no-such-option", 2)])
def test_exit_codes_are_those_of_a_process(option: str, code: int) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", "sync_member", option],
        cwd=ROOT,
        env=dict(os.environ),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == code, done.stderr


# --- One scan -----------------------------------------------------------------------------------------------


def test_a_rehearsed_scan_counts_and_sends_nothing(subscription: Subscription, sent: Sent) -> None:
    output = io.StringIO()
    call_command("update_data", "--dry-run", stdout=output)
    assert output.getvalue() == "would queue 1, send again 0\n"
    assert not sent.messages
    assert not SyncRun.objects.exists()


# --- Who it was ---------------------------------------------------------------------------------------------


def user_of_the_system(shell: str, name: str = "app") -> Callable[[int], pwd.struct_passwd]:
    return lambda number: pwd.struct_passwd((name, "x", number, number, "", "/", shell))


@pytest.fixture
def container(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in the image: one user for everybody, as whom nobody logs in."""
    for name in ("OPERATOR", "SUDO_USER"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", user_of_the_system("/usr/sbin/nologin"))


@pytest.mark.usefixtures("container")
def test_where_nobody_is_known_nothing_is_done_before_a_name_is_given(
    subscription: Subscription, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    for command in (
        ("sync_member", "octocat", *WHY),
        ("view_metadata", "octocat", *WHY),
        ("delete_data", "octocat", "--scope", "files", *WHY),
        ("reconcile", "--all"),
        ("stop_syncing", *WHY),
        ("start_syncing",),
        ("after_restore", "--no-list"),
    ):
        with pytest.raises(CommandError, match="Say who you are, with --operator NAME"):
            call_command(*command, stdout=io.StringIO())
    assert not OperatorAction.objects.exists()
    assert not SyncRun.objects.exists()
    call_command("sync_member", "octocat", "--dry-run", *WHY, stdout=io.StringIO())

    call_command("sync_member", "octocat", "--operator", " Ada ", *WHY, stdout=io.StringIO())
    assert OperatorAction.objects.get().operator == "Ada (command line)"


@pytest.mark.usefixtures("container")
def test_who_it_was_is_what_they_say_then_what_the_system_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pwd, "getpwuid", user_of_the_system("/bin/bash", "grace"))
    assert who_acts(None) == "grace (command line)"
    monkeypatch.setenv("SUDO_USER", "edsger")
    assert who_acts(None) == "edsger (command line)"
    monkeypatch.setenv("OPERATOR", "ada")
    assert who_acts(None) == "ada (command line)"
    assert who_acts("barbara") == "barbara (command line)"


# --- Members ------------------------------------------------------------------------------------------------


def test_a_member_who_never_connected_github_is_deleted_as_well(member: User, providers: Providers) -> None:
    project = {"id": 1, "id_label": "direct-sharing-1", "name": "G", "active": True, "approved": True}
    providers.http.get(PROJECT, json=project)
    providers.http.get(EXCHANGE_MEMBER, json=NO_FILES)
    removed = providers.http.post(REMOVE_MEMBER, json="success")
    arguments = ("oh:12345678", "--scope", "account", *WHY)
    call_command("delete_data", *arguments, "--dry-run", stdout=io.StringIO())
    with pytest.raises(CommandError, match="only the account"):
        call_command("delete_data", "12345678", "--scope", "files", *WHY, stdout=io.StringIO())
    assert User.objects.get() == member

    output = io.StringIO()
    call_command("delete_data", *arguments, stdout=output)

    assert not User.objects.exists()
    assert removed.call_count == 1
    receipt = Receipt.objects.get()
    assert receipt.key in output.getvalue()
    assert (receipt.operator, receipt.cause) == (who_acts(None), Receipt.Cause.ASKED)
    assert not OperatorAction.objects.exists(), "the reason may name the member"


def test_an_outage_puts_off_the_deletion_of_a_member_without_github(
    member: User, providers: Providers
) -> None:
    providers.http.get(PROJECT, status=503)
    with pytest.raises(CommandError, match="goes on by itself"):
        call_command("delete_data", "12345678", "--scope", "account", *WHY, stdout=io.StringIO())
    assert User.objects.get() == member
    assert list(erasing.asked_to_end()) == [member]

    project = {"id": 1, "id_label": "direct-sharing-1", "name": "G", "active": True, "approved": True}
    providers.http.replace(responses.GET, PROJECT, json=project)
    providers.http.get(EXCHANGE_MEMBER, json=NO_FILES)
    providers.http.post(REMOVE_MEMBER, json="success")
    departures.end_account(User.objects.get())

    receipt = Receipt.objects.get()
    assert (receipt.operator, receipt.cause) == (who_acts(None), Receipt.Cause.ASKED)


def test_what_a_member_began_stays_their_own_act(member: User, providers: Providers) -> None:
    providers.http.get(PROJECT, status=503)
    with pytest.raises(openhumans.Unavailable):
        erasing.end_unconnected(member)
    with pytest.raises(CommandError, match="goes on by itself"):
        call_command("delete_data", "12345678", "--scope", "account", *WHY, stdout=io.StringIO())
    so_far = erasing.progress_of(User.objects.get())
    assert (so_far.operator, so_far.cause) == ("", "")


def test_a_prefix_says_which_id_is_meant(subscription: Subscription, stranger: User) -> None:
    """An id at Open Humans may be another's id at GitHub."""
    Subscription.objects.filter(user=stranger).update(github_id=12345678)
    with pytest.raises(NotPossible, match="with oh: or gh: in front"):
        operating.find_member("12345678")
    assert operating.find_member("oh:12345678") == subscription
    assert operating.find_member("gh:12345678") == stranger.subscription
    assert operating.find_member("GH:Octocat") == subscription
    for text in ("oh:octocat", "xy:octocat"):
        with pytest.raises(NotPossible):
            operating.find_member(text)


# --- Waiting for a run --------------------------------------------------------------------------------------


def after_a_while(monkeypatch: pytest.MonkeyPatch, *acts: Callable[[], object]) -> None:
    """Each look at the run is followed by what a worker would have done meanwhile."""
    left = list(acts)
    monkeypatch.setattr(time, "sleep", lambda _seconds: left.pop(0)())


def end(state: SyncRun.State, code: str = "") -> Callable[[], object]:
    return lambda: SyncRun.objects.update(state=state, error_code=code, finished_at=timezone.now())


def test_a_run_is_waited_for_and_its_weeks_are_shown(
    subscription: Subscription, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def collect() -> None:
        Subscription.objects.update(ledger_starts_on="2025-12-29")
        make_year_file(subscription, 2026)

    after_a_while(monkeypatch, collect, end(SyncRun.State.SUCCEEDED))
    terminal, output = Terminal(), io.StringIO()

    call_command("sync_member", "octocat", "--wait", *WHY, stdout=output, stderr=terminal)

    assert "20/" in terminal.getvalue()
    assert "succeeded" in output.getvalue()


def test_a_run_that_fails_is_an_exit_code(
    subscription: Subscription, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_a_while(monkeypatch, end(SyncRun.State.FAILED, "github_access_lost"))
    with pytest.raises(CommandError, match=r"is failed \(github_access_lost\)"):
        call_command("sync_member", "octocat", "--wait", *WHY, stdout=io.StringIO(), stderr=io.StringIO())


def test_an_erasing_is_waited_for_part_by_part(
    subscription: Subscription, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_a_while(
        monkeypatch,
        lambda: Receipt.objects.update(files="done"),
        lambda: subscription.user.delete(),
    )
    terminal, output = Terminal(), io.StringIO()
    arguments = ("octocat", "--scope", "account", "--wait", *WHY)
    call_command("delete_data", *arguments, stdout=output, stderr=terminal)
    assert "1/3 parts" in terminal.getvalue()
    assert "is over" in output.getvalue()


def test_nothing_is_drawn_where_nobody_looks(
    subscription: Subscription, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    after_a_while(monkeypatch, end(SyncRun.State.SUCCEEDED))
    quiet = io.StringIO()
    call_command("sync_member", "octocat", "--wait", *WHY, stdout=io.StringIO(), stderr=quiet)
    assert quiet.getvalue() == ""
