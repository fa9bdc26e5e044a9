"""The pages of the site in each of their states: how to bring them about, and where they are."""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from unittest.mock import patch

from allauth.socialaccount.models import SocialAccount
from django.utils import timezone
from playwright.sync_api import Page

from sync import switch
from sync.legacy.moving import imported_agreement
from sync.models import PAUSED_BY_OPERATOR, OperatorAction, Receipt, RepositoryState, Subscription, SyncRun
from sync.pages.week_view import record_mark, repository_mark
from sync.weeks import Week, WeekState
from tests.browser import track_states
from tests.secrets.planted import MESSAGE, NAME
from tests.sync.factories import make_finished_run, make_ledger, make_run, make_year_file

YEARS = 15
LONG = "a-very-long-organisation-name-without-end/" + "and-a-repository-" * 5
RIGHT_TO_LEFT = "\u05e9\u05dc\u05d5\u05dd \u202e gpj.exe \U0001f9d7"
WEEK = Week.of(timezone.now() - timedelta(days=21))


@dataclass(frozen=True)
class State:
    """`prepare` changes the member's rows, `during` surrounds the visit; a stranger needs neither.

    `then` is what a visitor does on the page at `path` to get to the one that is meant.
    """

    name: str
    path: str
    prepare: Callable[[Subscription], object] = lambda _subscription: None
    during: Callable[[], AbstractContextManager[Any]] = nullcontext
    is_signed_in: bool = True
    expected: int = 200
    then: Callable[[Page], object] | None = None


def archive(subscription: Subscription) -> None:
    """Fifteen years, synced an hour ago."""
    now = timezone.now()
    this_week = Week.of(now)
    for year in range(this_week.year - YEARS + 1, this_week.year + 1):
        last = this_week if year == this_week.year else Week(year + 1, 1).previous()
        weeks = make_ledger(Week(year, 1), last)
        for number, (week, entry) in enumerate(weeks.items()):
            monday = Week.parse(week).starts_on
            entry["calendar"] = {
                (monday + timedelta(days=day)).isoformat(): 1 + (number * day) % 9
                for day in range(number % 6)
            }
        if last == this_week:
            weeks[str(this_week)]["state"] = str(WeekState.OPEN)
        make_year_file(subscription, year, weeks=weeks, published_at=now, size=40_000 + year)
    first = Week(this_week.year - YEARS + 1, 1).starts_on
    Subscription.objects.filter(pk=subscription.pk).update(
        synced_at=now, ledger_starts_on=first, next_due_at=now + timedelta(days=4)
    )
    make_finished_run(subscription, now - timedelta(hours=1), weeks_fetched=[str(WEEK)], uploads=1)


def syncing(subscription: Subscription) -> None:
    archive(subscription)
    make_run(subscription, state="running", requests=17, points=42)


def queued(subscription: Subscription) -> None:
    archive(subscription)
    make_run(subscription, state="queued")


def waiting(reason: SyncRun.WaitReason) -> Callable[[Subscription], None]:
    def prepare(subscription: Subscription) -> None:
        archive(subscription)
        resume_at = timezone.now() + timedelta(minutes=20)
        make_run(subscription, state="waiting", wait_reason=reason, resume_at=resume_at)

    return prepare


@contextmanager
def all_syncing_stopped() -> Iterator[None]:
    switch.stop("GitHub has changed something that we have to look at first.", "somebody")
    try:
        yield
    finally:
        switch.start("It is looked at.", "somebody")


def failed(subscription: Subscription) -> None:
    archive(subscription)
    finished_at = timezone.now() - timedelta(minutes=10)
    make_finished_run(subscription, finished_at, state="failed", error_code="github_unexpected_response")


def cancelled(subscription: Subscription) -> None:
    archive(subscription)
    make_finished_run(subscription, timezone.now() - timedelta(hours=1), state="cancelled")


def given_up(subscription: Subscription) -> None:
    failed(subscription)
    stopped_now = {"status": Subscription.Status.PAUSED, "reason": "Five updates in a row failed."}
    Subscription.objects.filter(pk=subscription.pk).update(**stopped_now)


def stopped(status: str, reason: str = "") -> Callable[[Subscription], None]:
    def prepare(subscription: Subscription) -> None:
        archive(subscription)
        Subscription.objects.filter(pk=subscription.pk).update(status=status, reason=reason)

    return prepare


def removed(subscription: Subscription) -> None:
    archive(subscription)
    subscription.year_files.filter(year=WEEK.year - 3).update(
        removed_by_member_at=timezone.now(), current_id=None
    )


def first_sync(subscription: Subscription) -> None:
    """Half of fifteen years after a minute and a half."""
    archive(subscription)
    half = WEEK.year - YEARS // 2
    subscription.year_files.filter(year__lt=half).delete()
    subscription.runs.all().delete()
    lists = {
        "calendar": {"years": list(range(WEEK.year - YEARS + 1, WEEK.year + 1)), "windows": []},
        "repositories": {"total": 41},
    }
    Subscription.objects.filter(pk=subscription.pk).update(synced_at=None, lists=lists)
    began = timezone.now() - timedelta(seconds=90)
    fetched = [week for file in subscription.year_files.all() for week in file.weeks]
    make_run(
        subscription,
        state="running",
        requests=61,
        points=64,
        created_at=began,
        started_at=began,
        weeks_fetched=fetched,
    )


def first_minute(subscription: Subscription) -> None:
    """The probe has answered; nobody knows the pace yet."""
    first_sync(subscription)
    subscription.year_files.all().delete()
    subscription.runs.update(requests=2, points=3, started_at=timezone.now(), weeks_fetched=[])


def rewriting(subscription: Subscription) -> None:
    archive(subscription)
    subscription.year_files.filter(year__gt=WEEK.year - 4).update(to_clean=1)
    make_run(subscription, trigger="remove", state="running", requests=0)


def with_repositories(subscription: Subscription) -> None:
    archive(subscription)
    names = ["octocat/trails", "octocat/diary", LONG, f"octocat/{RIGHT_TO_LEFT}", "acme/plan"]
    for number, name in enumerate(names):
        RepositoryState.objects.create(
            subscription=subscription, node_id=f"R_{number}", name=name, visibility="public",
            said=900 - 150 * number, held=900 - 150 * number, is_read=True,
        )  # fmt: skip
    RepositoryState.objects.create(
        subscription=subscription, node_id="R_private", name=f"octocat/{NAME}", visibility="private",
        said=12, held=9, is_read=True, not_readable="GitHub does not let us read it.",
    )  # fmt: skip
    operator = {"operator": "somebody", "subscription": subscription}
    OperatorAction.objects.create(kind="run", reason="You wrote to us that a week was missing.", **operator)


def with_something_left_out(subscription: Subscription) -> None:
    with_repositories(subscription)
    left_out = [{"owner": "acme"}, {"id": "R_9", "name": "octocat/" + "long-" * 18}]
    left_out += [{"id": "R_private", "name": f"octocat/{NAME}"}]
    subscription.agreement |= {"texts": False, "private_counts": False, "left_out": left_out}
    subscription.save(update_fields=["agreement"])


def with_organizations(subscription: Subscription) -> None:
    with_private(subscription)
    subscription.agreement |= {"organizations": ["acme"]}
    subscription.lists["organizations"] = ["acme", "globex", LONG.partition("/")[0]]
    subscription.save(update_fields=["agreement", "lists"])


def never_connected(subscription: Subscription) -> None:
    """A member who has signed in with Open Humans, and done no more."""
    SocialAccount.objects.filter(user=subscription.user, provider="github").delete()
    subscription.delete()


def of_the_old_app(subscription: Subscription) -> None:
    """Brought over, and not asked yet."""
    subscription.agreement = imported_agreement(timezone.now())
    subscription.save(update_fields=["agreement"])


def awaiting_another_account(subscription: Subscription) -> None:
    subscription.agreement["another_account"] = True
    subscription.status = Subscription.Status.DISCONNECTED
    subscription.save(update_fields=["agreement", "status"])


def file_of_week(subscription: Subscription) -> None:
    """Its address is /files/77/, so that it can be named before it is there."""
    make_year_file(subscription, WEEK.year, pk=77)


def nothing_found(subscription: Subscription) -> None:
    Subscription.objects.filter(pk=subscription.pk).update(synced_at=timezone.now())


def with_private(subscription: Subscription) -> None:
    archive(subscription)
    make_year_file(subscription, WEEK.year, kind="private")
    subscription.agreement["private"] = True
    subscription.save(update_fields=["agreement"])


def receipt(
    key: str, scope: str, state: str, file: str = "", **fields: Any
) -> Callable[[Subscription], None]:
    def prepare(subscription: Subscription) -> None:
        run = make_run(subscription, trigger="erase", erase_scope=scope, erase_file=file, state=state)
        Receipt.objects.create(key=key, subscription=subscription, run=run, scope=scope, **fields)

    return prepare


def account_receipt(_subscription: Subscription) -> None:
    now = timezone.now()
    outcome = {"files": "done", "grant": "done", "membership": "done", "files_deleted": 17}
    Receipt.objects.create(key="gone", scope="account", finished_at=now, listed_at=now, **outcome)


COMMIT = {"repository_id": "R_0", "oid": f"{1:040x}"}
TRAILS = "octo/trails"


def week_file() -> bytes:
    commit = {
        **COMMIT,
        "repository": TRAILS,
        "message": "Mark the path to the lake\n\nIt was lost under last winter's snow.",
        "authored_at": f"{WEEK.starts_on}T09:12:01+02:00",
        "additions": 31,
        "deletions": 4,
        "url": "https://github.com/octo/trails/commit/1",
    }
    entry = {
        "commits": [
            commit,
            {**commit, "repository": LONG, "repository_id": "R_1", "message": "x" * 400},
            {**commit, "oid": f"{2:040x}", "url": ""},
            {**commit, "repository": f"octo/{NAME}", "repository_id": "R_private", "message": MESSAGE},
        ],
        "reviews": [{"repository": TRAILS, "title": RIGHT_TO_LEFT, "body": "Fine!"}],
    }
    head = f'{{"format": "github-weeks/1", "year": {WEEK.year}, "github_id": 583231, "weeks": {{\n'
    return f'{head}"{WEEK}": {json.dumps(entry)}\n}}}}\n'.encode()


@contextmanager
def on_open_humans(content: bytes) -> Iterator[None]:
    with patch("sync.pages.downloads.fetch", lambda *_: io.BytesIO(content)):
        yield


# --- What a visitor does on one page, to get to another ---


def ask(button: str, *, ticked: str = "", unticked: str = "") -> Callable[[Page], None]:
    """Tick a box, or take its tick away, and press the button."""

    def act(page: Page) -> None:
        if ticked:
            page.get_by_role("checkbox", name=ticked).check()
        if unticked:
            page.get_by_role("checkbox", name=unticked).uncheck()
        page.get_by_role("button", name=button).click()

    return act


NOW = timezone.now()
REMOVE_RECORD = f"/weeks/{WEEK}/remove/{record_mark('commits', COMMIT)}/"
REMOVE_REPOSITORY = f"/weeks/{WEEK}/remove-repository/{repository_mark(TRAILS)}/"
STATES = (
    State("landing", "/", is_signed_in=False),
    State("your-data-stranger", "/your-data/", is_signed_in=False),
    State("receipt-account", "/receipts/gone/", account_receipt, is_signed_in=False),
    State("dashboard-new", "/dashboard/"),
    State("dashboard", "/dashboard/", archive),
    State("dashboard-year", f"/dashboard/?year={WEEK.year - 9}", archive),
    State("dashboard-nothing-found", "/dashboard/", nothing_found),
    State("dashboard-syncing", "/dashboard/", syncing),
    State("dashboard-queued", "/dashboard/", queued),
    State("dashboard-waiting", "/dashboard/", waiting(SyncRun.WaitReason.GITHUB_LIMIT)),
    State("dashboard-github-away", "/dashboard/", waiting(SyncRun.WaitReason.GITHUB_UNAVAILABLE)),
    State("dashboard-openhumans-away", "/dashboard/", waiting(SyncRun.WaitReason.OPENHUMANS_UNAVAILABLE)),
    State("dashboard-site-waits", "/dashboard/", waiting(SyncRun.WaitReason.SITE)),
    State("dashboard-all-stopped", "/dashboard/", archive, all_syncing_stopped),
    State("dashboard-cancelled", "/dashboard/", cancelled),
    State("dashboard-given-up", "/dashboard/", given_up),
    State("dashboard-failed", "/dashboard/", failed),
    State("dashboard-connect-again", "/dashboard/", stopped("reconnect_github")),
    State("dashboard-sign-in-again", "/dashboard/", stopped("reconnect_openhumans")),
    State("dashboard-disconnected", "/dashboard/", stopped("disconnected")),
    State("dashboard-paused", "/dashboard/", stopped("paused", "Paused by you.")),
    State(
        "dashboard-paused-by-operator", "/dashboard/",
        stopped("paused", f"{PAUSED_BY_OPERATOR} too many requests."),
    ),
    State("dashboard-removed", "/dashboard/", removed),
    State("dashboard-deleting", "/dashboard/", receipt("doing", "files", "running")),
    State("dashboard-first-minute", "/dashboard/", first_minute),
    State("dashboard-first-sync", "/dashboard/", first_sync),
    State("dashboard-rewriting", "/dashboard/", rewriting),
    State("dashboard-repositories", "/dashboard/", with_repositories),
    State("dashboard-left-out", "/dashboard/", with_something_left_out),
    State("dashboard-organizations", "/dashboard/", with_organizations),
    State("dashboard-another-account", "/dashboard/", awaiting_another_account),
    State("new-here", "/new/", of_the_old_app),
    State("connect", "/connect/", never_connected),
    State("connect-again", "/connect/"),
    State("connect-private", "/connect/", with_private),
    State("connect-another-account", "/connect/", awaiting_another_account),
    State("change-account", "/choices/account/?to=hubot", archive),
    State("left-out-places", "/choices/repositories/", with_something_left_out),
    State("left-out-places-empty", "/choices/repositories/"),
    State(
        "confirm-places", "/choices/repositories/", with_something_left_out,
        then=ask("Continue …", ticked="Everything of octocat"),
    ),
    State("choices-left-out", "/choices/", with_something_left_out),
    State("confirm-texts", "/choices/", archive, then=ask("Continue …", ticked="Messages, titles and texts")),
    State(
        "confirm-taking-in", "/choices/", with_something_left_out,
        then=ask("Continue …", unticked="Messages, titles and texts"),
    ),
    State("organizations", "/choices/organisations/", with_organizations),
    State(
        "confirm-organizations", "/choices/organisations/", with_organizations,
        then=ask("Continue …", ticked="globex"),
    ),
    State("preview", "/files/77/look/", file_of_week, lambda: on_open_humans(week_file())),
    State("preview-by-hand", "/files/77/look/", file_of_week, lambda: on_open_humans(b"<script>" * 2000)),
    State("delete-file", "/files/77/delete/", file_of_week),
    State("choices", "/choices/", archive),
    State("choices-private", "/choices/", with_private),
    State("choices-removed", "/choices/", removed),
    State("leave-out-private", "/choices/private/", with_private),
    State("leaving", "/leaving/", archive),
    State("leave-github", "/leaving/github/", archive),
    State("leave-files", "/leaving/files/", archive),
    State("leave-account", "/leaving/account/", archive),
    State("leaving-unconnected", "/leaving/", never_connected),
    State("leave-account-unconnected", "/leaving/account/", never_connected),
    State("receipt-going-on", "/receipts/doing/", receipt("doing", "files", "running")),
    State(
        "receipt-done",
        "/receipts/done/",
        receipt(
            "done", "private", "succeeded", files="done", files_deleted=2, listed_at=NOW, finished_at=NOW,
            found=[{"id": year, "name": f"github-private-{year}.json"} for year in (2025, 2026)],
        ),
    ),
    State(
        "receipt-no-access",
        "/receipts/left/",
        receipt("left", "files", "failed", files="no_access", files_left=12, finished_at=NOW),
    ),
    State(
        "receipt-file",
        "/receipts/file/",
        receipt(
            "file", "file", "succeeded", file="github-private-tracks-2026.geojson", files="done",
            files_deleted=1, listed_at=NOW, finished_at=NOW,
            found=[{"id": 7, "name": "github-private-tracks-2026.geojson"}],
        ),
    ),
    State("receipt-broken", "/receipts/broken/", receipt("broken", "github", "failed")),
    State("week", f"/weeks/{WEEK}/", archive, lambda: on_open_humans(week_file())),
    State("remove-record", REMOVE_RECORD, archive, lambda: on_open_humans(week_file())),
    State("remove-repository", REMOVE_REPOSITORY, archive, lambda: on_open_humans(week_file())),
    State("week-missing", f"/weeks/{Week.of(NOW)}/"),
    State("your-data", "/your-data/"),
    State("tracks-off", "/tracks/"),
    State("tracks-found", "/tracks/", track_states.found),
    State("tracks", "/tracks/", track_states.answered),
    State("tracks-rewritten", "/tracks/", track_states.rewriting),
    State("tracks-of-year", f"/tracks/{track_states.YEAR}/", track_states.answered),
    State("track", f"/tracks/{track_states.FILE}/{track_states.BLOB}/0/", track_states.answered),
    State("dashboard-tracks", f"/dashboard/?year={track_states.YEAR}", track_states.answered),
    State("dashboard-tracks-found", "/dashboard/", track_states.found),
)  # fmt: skip
