"""Bringing the old app's members over, against both services as our clients meet them."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl

import pytest
import requests
import responses
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Credential, User
from sync import breaker, choices
from sync.legacy.members import COLUMNS
from sync.legacy.moving import awaits_consent, imported_agreement
from sync.models import Subscription, SyncRun
from tests.cast import make_member, subscribe
from tests.providers import (
    GITHUB_API_URL,
    GITHUB_URL,
    GITHUB_USER,
    OPENHUMANS_TOKEN,
    OPENHUMANS_URL,
    Providers,
)
from tests.sync.broker import Sent
from tests.sync.page_words import signed_in, words

pytestmark = pytest.mark.django_db
Answer = tuple[int, dict[str, str], str]
JSON = {"Content-Type": "application/json"}


@dataclass
class OldApp:
    """Members of the old app, and what both services say to their tokens."""

    path: Path
    http: responses.RequestsMock
    rows: list[dict[str, str]] = field(default_factory=list)
    # GitHub token -> account id, None for one that was revoked.
    github: dict[str, int | None] = field(default_factory=dict)
    # Refresh token -> times it still works; each success makes a new one.
    refreshes: dict[str, int] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    before_refresh: Callable[[str], None] = lambda token: None

    def __post_init__(self) -> None:
        self.http.add_callback(responses.GET, GITHUB_USER, self.user)
        self.http.add_callback(responses.POST, OPENHUMANS_TOKEN, self.token)

    def add(self, number: int, **changes: str) -> str:
        """A member with everything in order; what is different stands in `changes`."""
        member_id = f"{number:08}"
        row = {
            "oh_id": member_id,
            "access_token": f"oh-access-{number}",
            "refresh_token": f"oh-refresh-{number}",
            "token_expires": "2024-05-01 10:00:00+00",
            "oh_deauth": "f",
            "github_id": str(1000 + number),
            "github_token": f"gho-{number}",
            "last_updated": f"2024-05-{number:02} 09:00:00+00",
        }
        self.rows.append(row | changes)
        self.github.setdefault(f"gho-{number}", 1000 + number)
        self.refreshes.setdefault(f"oh-refresh-{number}", 1)
        return member_id

    def csv(self) -> str:
        lines = [",".join(COLUMNS), *(",".join(row.values()) for row in self.rows)]
        self.path.touch(mode=0o600)
        self.path.write_text("\n".join(lines))
        return str(self.path)

    def user(self, request: requests.PreparedRequest) -> Answer:
        token = str(request.headers["Authorization"]).partition(" ")[2]
        self.asked.append(f"user {token}")
        github_id = self.github.get(token)
        if github_id is None:
            return 401, JSON, '{"message": "Bad credentials"}'
        user = {"id": github_id, "node_id": f"U_{github_id}", "login": f"octo-{github_id}", "name": None}
        return 200, {**JSON, "X-OAuth-Scopes": "repo, user"}, json.dumps(user)

    def token(self, request: requests.PreparedRequest) -> Answer:
        body = request.body if isinstance(request.body, str) else (request.body or b"").decode()
        form = dict(parse_qsl(body))
        refresh = form["refresh_token"]
        self.asked.append(f"refresh {refresh}")
        self.before_refresh(refresh)
        if not self.refreshes.get(refresh):
            return 400, JSON, '{"error": "invalid_grant"}'
        self.refreshes[refresh] -= 1
        new = f"{refresh}-new"
        self.refreshes[new] = 1
        answer = {"access_token": f"{refresh}-access", "refresh_token": new, "expires_in": 36000}
        return 200, JSON, json.dumps({**answer, "token_type": "Bearer", "scope": "read write"})

    def fails(self, url: str, status: int = 503) -> None:
        method = responses.GET if url == GITHUB_USER else responses.POST
        self.http.replace(method, url, status=status, body="<html>Sorry", content_type="text/html")

    @property
    def refreshed(self) -> list[str]:
        return [call.partition(" ")[2] for call in self.asked if call.startswith("refresh")]


@pytest.fixture
def old_app(tmp_path: Path, settings: Settings) -> Iterator[OldApp]:
    settings.OPENHUMANS_URL, settings.GITHUB_URL, settings.GITHUB_API_URL = (
        OPENHUMANS_URL,
        GITHUB_URL,
        GITHUB_API_URL,
    )
    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        yield OldApp(tmp_path / "members.csv", http)


def run(old_app: OldApp, *arguments: str) -> list[str]:
    """The lines it printed; none holds a token."""
    out, err = StringIO(), StringIO()
    try:
        call_command("import_users", "--csv", old_app.csv(), *arguments, stdout=out, stderr=err)
    finally:
        printed = out.getvalue() + err.getvalue()
        assert "gho-" not in printed
        assert "oh-access" not in printed
        assert "oh-refresh" not in printed
        old_app.printed = printed  # type: ignore[attr-defined]
    return out.getvalue().splitlines()


def bring(old_app: OldApp) -> list[str]:
    return run(old_app, "--old-app-stopped")


def stopped(old_app: OldApp, *arguments: str) -> CommandError:
    with pytest.raises(CommandError) as error:
        run(old_app, *(arguments or ("--old-app-stopped",)))
    assert "gho-" not in str(error.value)
    assert "oh-refresh" not in str(error.value)
    return error.value


def printed_by(old_app: OldApp) -> list[str]:
    return str(old_app.printed).splitlines()  # type: ignore[attr-defined]


def credential(member_id: str, provider: str) -> Credential:
    return Credential.objects.get(identity__user__open_humans_id=member_id, identity__provider=provider)


# --- Before anything is done --------------------------------------------------------------------------


def test_it_demands_that_the_old_app_is_stopped(old_app: OldApp) -> None:
    old_app.add(1)
    error = stopped(old_app, "--verbosity=1")
    assert "--old-app-stopped" in str(error)
    assert (error.returncode, old_app.asked, User.objects.count()) == (1, [], 0)


def test_a_bad_row_stops_it_before_anything_is_done(old_app: OldApp) -> None:
    old_app.add(1)
    old_app.add(2, oh_deauth="perhaps")
    error = stopped(old_app)
    assert "line 3: oh_deauth" in str(error)
    assert (error.returncode, old_app.asked, User.objects.count()) == (1, [], 0)


def test_a_file_that_others_may_read_stops_it(old_app: OldApp) -> None:
    old_app.add(1)
    Path(old_app.csv()).chmod(0o644)
    with pytest.raises(CommandError, match="chmod 600"):
        call_command("import_users", "--csv", str(old_app.path), "--dry-run")


@pytest.mark.parametrize("arguments", [[], ["--csv", "x", "--database", "postgres://y"]])
def test_it_wants_one_source(arguments: list[str]) -> None:
    with pytest.raises(CommandError, match=r"--database|--csv"):
        call_command("import_users", *arguments, "--dry-run")


# --- Looking first ------------------------------------------------------------------------------------


def test_a_dry_run_tells_what_would_become_of_everybody(old_app: OldApp) -> None:
    old_app.add(1)
    old_app.add(2, refresh_token="")
    old_app.add(3, github_token="", github_id="")
    old_app.add(4, oh_deauth="t")
    old_app.add(5)
    old_app.github["gho-5"] = None
    old_app.add(6)
    old_app.github["gho-6"] = 4711
    subscribe(make_member("00000007"), 1007, "octo-1007")
    old_app.add(7)
    old_app.add(8)
    old_app.github["gho-8"] = 1007
    old_app.rows[-1]["github_id"] = ""

    assert run(old_app, "--dry-run") == [
        "00000001 ready",
        "00000002 must sign in (the old app has no token of Open Humans)",
        "00000003 must connect (no GitHub account was connected)",
        "00000004 left before",
        "00000005 must connect (GitHub no longer accepts the token)",
        "00000006 must connect (the token belongs to another GitHub account)",
        "00000007 here already",
        "00000008 must connect (this GitHub account is connected to another member)",
        "8 members: ready 1, must sign in 1, must connect 4, left before 1, here already 1",
    ]


def test_a_dry_run_asks_open_humans_nothing_and_stores_nothing(old_app: OldApp) -> None:
    for number in range(1, 4):
        old_app.add(number)
    run(old_app, "--dry-run")
    assert old_app.asked == ["user gho-1", "user gho-2", "user gho-3"]
    assert (User.objects.count(), Subscription.objects.count()) == (0, 0)


def test_a_dry_run_goes_on_where_github_does_not_answer(old_app: OldApp) -> None:
    old_app.add(1)
    old_app.add(2)
    old_app.fails(GITHUB_USER)
    error = stopped(old_app, "--dry-run")
    assert error.returncode == 3
    assert [line[:32] for line in printed_by(old_app)][:2] == [
        "00000001 could not be checked (G",
        "00000002 could not be checked (G",
    ]


# --- Bringing over ------------------------------------------------------------------------------------


def test_a_member_is_brought_over_with_both_accounts(old_app: OldApp) -> None:
    member_id = old_app.add(1)

    assert bring(old_app) == ["00000001 brought over", "1 members: brought over 1"]

    user = User.objects.get(open_humans_id=member_id)
    assert (user.username, user.has_usable_password(), user.is_member) == ("oh-00000001", False, True)
    openhumans, github = credential(member_id, "openhumans"), credential(member_id, "github")
    assert openhumans.access_token == "oh-refresh-1-access"
    assert openhumans.refresh_token == "oh-refresh-1-new"
    assert openhumans.scopes == ["read", "write"]
    assert openhumans.expires_at is not None
    assert openhumans.expires_at > datetime.now(UTC) + timedelta(hours=9)
    assert (github.access_token, github.refresh_token, github.expires_at) == ("gho-1", None, None)
    assert github.scopes == ["repo", "user"]
    assert github.identity.extra_data == {
        "login": "octo-1001",
        "node_id": "U_1001",
        "scopes": ["repo", "user"],
        "server": GITHUB_URL,
    }
    assert openhumans.identity.extra_data == {"scopes": ["read", "write"], "server": OPENHUMANS_URL}
    subscription = user.subscription
    assert (subscription.github_id, subscription.github_login) == (1001, "octo-1001")
    assert (subscription.github_node_id, subscription.status) == ("U_1001", "active")


def test_nobody_is_taken_to_have_agreed_to_more_than_public_commits(old_app: OldApp) -> None:
    """Whatever the old app's token allows: it could read and write private repositories."""
    old_app.add(1)
    bring(old_app)
    subscription = Subscription.objects.get()
    assert (subscription.includes_private, subscription.kinds) == (False, ["commits", "calendar"])
    assert subscription.agreement["text"] == "imported"
    assert awaits_consent(subscription)


def test_an_agreement_made_here_awaits_nothing(subscription: Subscription) -> None:
    assert not awaits_consent(subscription)
    subscription.agreement = imported_agreement(datetime.now(UTC))
    assert awaits_consent(subscription)


def test_no_token_stands_in_clear_text(old_app: OldApp) -> None:
    old_app.add(1)
    bring(old_app)
    for row in Credential.objects.all():
        stored = bytes(row.encrypted_access_token) + bytes(row.encrypted_refresh_token or b"")
        assert b"gho" not in stored
        assert b"oh-" not in stored


def test_those_who_left_are_counted_and_leave_nothing(old_app: OldApp) -> None:
    old_app.add(1, oh_deauth="t")
    assert bring(old_app)[-1] == "1 members: left before 1"
    assert (old_app.asked, User.objects.count()) == ([], 0)


def test_whoever_must_connect_keeps_access_to_open_humans_alone(old_app: OldApp) -> None:
    member_id = old_app.add(1, github_token="", github_id="")
    assert bring(old_app)[0] == "00000001 must connect (no GitHub account was connected)"
    assert credential(member_id, "openhumans").refresh_token == "oh-refresh-1-new"
    assert not Subscription.objects.exists()
    assert not SocialAccount.objects.filter(provider="github").exists()


def test_whoever_must_sign_in_finds_github_connected(old_app: OldApp) -> None:
    old_app.add(1)
    member_id = old_app.add(2)
    old_app.refreshes["oh-refresh-2"] = 0

    assert bring(old_app)[1] == "00000002 must sign in (Open Humans no longer accepts the old app's token)"

    subscription = Subscription.objects.get(user__open_humans_id=member_id)
    assert subscription.status == Subscription.Status.RECONNECT_OPENHUMANS
    refused = credential(member_id, "openhumans")
    assert refused.state == Credential.State.REFUSED
    assert refused.updated_at <= timezone.now() - breaker.WITHIN, "no death of this hour"
    assert credential(member_id, "github").access_token == "gho-2"


def test_signing_in_goes_on_where_the_old_app_stopped(old_app: OldApp, client: Client) -> None:
    old_app.add(1)
    member_id = old_app.add(2, refresh_token="")
    bring(old_app)
    providers = Providers(old_app.http)
    old_app.http.remove(responses.POST, OPENHUMANS_TOKEN)

    response = providers.sign_in(client, member_id)

    assert (response.status_code, response["Location"]) == (302, "/dashboard/")
    subscription = Subscription.objects.get(user__open_humans_id=member_id)
    assert subscription.status == Subscription.Status.ACTIVE
    assert subscription.active_run is not None
    assert awaits_consent(subscription)
    assert User.objects.count() == 2


def test_whoever_can_neither_sign_in_nor_sync_leaves_nothing(old_app: OldApp) -> None:
    old_app.add(1)
    old_app.add(2, github_token="", github_id="")
    old_app.refreshes["oh-refresh-2"] = 0
    old_app.add(3, refresh_token="", github_token="", github_id="")
    lines = bring(old_app)
    assert lines[1:] == [
        "00000002 must sign in (Open Humans no longer accepts the old app's token)",
        "00000003 must sign in (the old app has no token of Open Humans)",
        "3 members: brought over 1, must sign in 2",
    ]
    assert User.objects.count() == 1


def test_first_syncs_are_spread_over_the_interval(old_app: OldApp, settings: Settings) -> None:
    settings.SYNC_DUE_DAYS = 4
    for number in range(1, 9):
        old_app.add(number)
    began = datetime.now(UTC)
    bring(old_app)
    due = Subscription.objects.order_by("user__open_humans_id").values_list("next_due_at", flat=True)
    hours = [round((moment - began).total_seconds() / 3600) for moment in due]
    assert hours == [0, 12, 24, 36, 48, 60, 72, 84]
    assert not SyncRun.objects.exists()


def test_two_members_of_one_github_account_are_not_mixed(old_app: OldApp) -> None:
    old_app.add(1)
    old_app.add(2, github_id="")
    old_app.github["gho-2"] = 1001
    assert bring(old_app)[1] == "00000002 must connect (this GitHub account is connected to another member)"
    assert Subscription.objects.get().user.open_humans_id == "00000001"


# --- Stopping and going on --------------------------------------------------------------------------


def test_a_second_run_leaves_everybody_alone(old_app: OldApp) -> None:
    for number in range(1, 4):
        old_app.add(number)
    bring(old_app)
    asked = list(old_app.asked)
    assert bring(old_app)[-1] == "3 members: here already 3"
    assert old_app.asked == asked


def new_pairs() -> int:
    tokens = [row.refresh_token for row in Credential.objects.filter(identity__provider="openhumans")]
    return sum(token is not None and token.endswith("-new") for token in tokens)


def test_each_new_pair_is_stored_before_the_next_member_begins(old_app: OldApp) -> None:
    for number in range(1, 5):
        old_app.add(number)
    stored: list[int] = []
    old_app.before_refresh = lambda _token: stored.append(new_pairs())
    bring(old_app)
    assert stored == [0, 1, 2, 3]


@pytest.mark.parametrize("url", [GITHUB_USER, OPENHUMANS_TOKEN])
def test_an_outage_stops_it_and_the_next_run_goes_on(old_app: OldApp, url: str) -> None:
    for number in range(1, 4):
        old_app.add(number)

    def fail_at_the_second(token: str) -> None:
        if token == "oh-refresh-1":
            old_app.fails(url)

    old_app.before_refresh = fail_at_the_second
    error = stopped(old_app)
    assert error.returncode == 3
    assert "cannot be asked at the moment" in str(error)
    assert printed_by(old_app) == ["00000001 brought over", "3 members: brought over 1"]
    assert User.objects.count() == 1

    old_app.http.remove(responses.GET if url == GITHUB_USER else responses.POST, url)
    old_app.before_refresh = lambda token: None
    old_app.__post_init__()
    assert bring(old_app)[-1] == "3 members: brought over 2, here already 1"


def test_killed_in_the_middle_of_a_member_it_goes_on_with_that_member(old_app: OldApp) -> None:
    for number in range(1, 4):
        old_app.add(number)

    def die_at_the_second(token: str) -> None:
        if token == "oh-refresh-2":
            raise SystemExit

    old_app.before_refresh = die_at_the_second
    with pytest.raises(SystemExit):
        bring(old_app)
    assert set(User.objects.values_list("open_humans_id", flat=True)) == {"00000001"}

    old_app.before_refresh = lambda _token: None
    assert bring(old_app)[-1] == "3 members: brought over 2, here already 1"
    assert credential("00000002", "openhumans").refresh_token == "oh-refresh-2-new"


def test_a_lost_answer_is_asked_for_once_more(old_app: OldApp) -> None:
    old_app.add(1)
    lost = iter([requests.ConnectionError("cut off")])

    def lose_the_first(_token: str) -> None:
        for error in lost:
            raise error

    old_app.before_refresh = lose_the_first
    assert bring(old_app)[0] == "00000001 brought over"
    assert old_app.refreshed == ["oh-refresh-1", "oh-refresh-1"]


def test_a_wrong_client_secret_stops_it_and_harms_nobody(old_app: OldApp) -> None:
    old_app.add(1)
    old_app.http.replace(responses.POST, OPENHUMANS_TOKEN, status=401, json={"error": "invalid_client"})
    error = stopped(old_app)
    assert "OPENHUMANS_CLIENT_ID" in str(error)
    assert User.objects.count() == 0


def test_refusals_without_end_look_like_the_wrong_project(old_app: OldApp) -> None:
    """Another project's client id makes every refresh an `invalid_grant`; nobody must look gone for that."""
    for number in range(1, 4):
        old_app.add(number)
        old_app.refreshes[f"oh-refresh-{number}"] = 0
    error = stopped(old_app)
    assert (error.returncode, "refused 3" in str(error)) == (3, True)
    assert User.objects.count() == 0


def test_those_refused_before_the_first_success_are_looked_at_again(old_app: OldApp) -> None:
    for number in range(1, 4):
        old_app.add(number)
    old_app.refreshes["oh-refresh-1"] = 0
    lines = bring(old_app)
    assert [line.split()[0] for line in lines[:3]] == ["00000002", "00000003", "00000001"]
    assert lines[-1] == "3 members: brought over 2, must sign in 1"
    assert Subscription.objects.filter(status="reconnect_openhumans").count() == 1


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_asked_to_stop_it_finishes_the_member_under_way(old_app: OldApp, number: signal.Signals) -> None:
    for each in range(1, 4):
        old_app.add(each)
    old_app.before_refresh = lambda _token: os.kill(os.getpid(), number)
    before = signal.getsignal(number)

    error = stopped(old_app)

    assert (error.returncode, "Stopped as asked" in str(error)) == (3, True)
    assert credential("00000001", "openhumans").refresh_token == "oh-refresh-1-new"
    assert User.objects.count() == 1
    assert signal.getsignal(number) is before
    old_app.before_refresh = lambda _token: None
    assert bring(old_app)[-1] == "3 members: brought over 2, here already 1"


def test_asked_to_stop_at_the_last_member_it_is_simply_done(old_app: OldApp) -> None:
    old_app.add(1)
    old_app.before_refresh = lambda _token: os.kill(os.getpid(), signal.SIGTERM)
    assert bring(old_app)[-1] == "1 members: brought over 1"


def test_whoever_signs_in_meanwhile_is_left_alone(old_app: OldApp, monkeypatch: pytest.MonkeyPatch) -> None:
    """The row appears between the look and the transaction."""
    from sync.legacy import moving

    member_id = old_app.add(1)
    look = moving.look

    def look_and_be_overtaken(old: Any) -> Any:
        finding = look(old)
        make_member(member_id)
        return finding

    monkeypatch.setattr(moving, "look", look_and_be_overtaken)
    assert bring(old_app)[0] == "00000001 here already"
    assert old_app.refreshed == []
    assert credential(member_id, "openhumans").access_token == f"openhumans-access-of-{member_id}"


# --- On a terminal ------------------------------------------------------------------------------------


def test_progress_is_shown_on_a_terminal_only(old_app: OldApp) -> None:
    class Terminal(StringIO):
        def isatty(self) -> bool:
            return True

    terminal, pipe = Terminal(), StringIO()
    old_app.add(1)
    for stderr in (pipe, terminal):
        call_command("import_users", "--csv", old_app.csv(), "--dry-run", stdout=StringIO(), stderr=stderr)
    assert pipe.getvalue() == ""
    assert "1/1 members" in terminal.getvalue()


def test_its_help_says_what_it_does() -> None:
    command = [sys.executable, "manage.py", "import_users", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=settings.BASE_DIR)
    for word in ("--database", "--csv", "--dry-run", "--old-app-stopped", "docs/migrating.md", "Exit codes"):
        assert word in done.stdout


def test_access_wider_than_the_choice_is_told_until_it_is_narrowed(old_app: OldApp, sent: Sent) -> None:
    """The old app asked for `repo,user`, whatever its members wanted."""
    member_id = old_app.add(1)
    bring(old_app)
    choices.answer_move(Subscription.objects.get(), widens=False)
    visitor = signed_in(User.objects.get(open_humans_id=member_id))
    assert "GitHub granted us repo, user ." in words(visitor.get("/dashboard/").content)
    for address in ("/dashboard/", "/choices/"):
        page = words(visitor.get(address).content)
        assert "GitHub lets us do more than you chose: repo , user . We do not use it." in page
        assert "our page at GitHub" in page

    old_app.http.remove(responses.GET, GITHUB_USER)
    Providers(old_app.http).connect(visitor, github_id=1001, login="octo-1001")

    for address in ("/dashboard/", "/choices/"):
        assert "more than you chose" not in words(visitor.get(address).content)
    assert "read:user : what your choices call for, and no more" in words(visitor.get("/choices/").content)
