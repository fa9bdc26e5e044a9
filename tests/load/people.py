"""Members with archives and sessions in the database of a running service, some of them at both stand-ins."""

from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.db.models import Count, Func, IntegerField, Q, Sum

from accounts.models import User
from accounts.sessions import SessionStore
from sandbox.github.app import create_app
from sandbox.github.service import OAuthApp, Service
from sandbox.openhumans.state import State
from sync import runs
from sync.consent import SCOPES, Choice
from sync.models import Subscription, SyncRun
from sync.weeks import Week
from tests.cast import make_member, subscribe
from tests.load.history import email_of
from tests.load.measured import Syncing
from tests.repositories import Repository
from tests.sync.factories import make_finished_run, make_ledger, make_year_file
from tests.sync.world import keep

YEARS_SHOWN = 6


def settle(count: int) -> list[Subscription]:
    """Members whose archive is complete, and who are not due for days."""
    now = datetime.now(UTC)
    return [
        _settled(subscribe(make_member(f"{50_000_000 + n}"), 500_000 + n, f"settled-{n}"), now)
        for n in range(count)
    ]


def _settled(subscription: Subscription, now: datetime) -> Subscription:
    first = now.year - YEARS_SHOWN + 1
    subscription.ledger_starts_on = date(first, 1, 1)
    subscription.synced_at, subscription.next_due_at = now, now + timedelta(days=3)
    subscription.save()
    for year in range(first, now.year + 1):
        last = Week(year, 52) if year < now.year else Week.of(now)
        make_year_file(subscription, year, weeks=make_ledger(Week(year, 1), last))
    make_finished_run(subscription, now)
    return subscription


def join(count: int, repository: Repository, openhumans: Path) -> list[Subscription]:
    """Members whom both stand-ins know, and who have not been synced yet.

    GitHub's tokens are signed with the client secret, so its stand-in takes those that are issued here.
    """
    app = OAuthApp(settings.GITHUB_CLIENT_ID, settings.GITHUB_CLIENT_SECRET, ())
    github: Service = create_app([repository.path], emails=[repository.email], oauth_app=app).extensions[
        "github_stand_in"
    ]
    grants = State(openhumans).grants
    members = []
    for number in range(count):
        account = github.world.catalogue.account_by_email(email_of(number))
        if account is None:
            raise LookupError(f"{email_of(number)} is no author in {repository.path}.")
        subscription = subscribe(make_member(f"{60_000_000 + number}"), account.id, account.login)
        member = str(subscription.user.open_humans_id)
        issued = github.tokens.issue(account.id, settings.GITHUB_CLIENT_ID, SCOPES[Choice.PUBLIC])
        keep(_identity(subscription, "github"), issued.access_token, issued.refresh_token)
        grants.join(member)
        pair = grants.spend_code(grants.issue_code(settings.OPENHUMANS_CLIENT_ID, member, "", "", "", ""))
        if pair is None or pair.access is None:
            raise LookupError(f"The stand-in of Open Humans gave no token to {member}.")
        keep(_identity(subscription, "openhumans"), pair.access, pair.refresh)
        members.append(subscription)
    return members


def _identity(subscription: Subscription, provider: str) -> SocialAccount:
    return SocialAccount.objects.get(user=subscription.user, provider=provider)


def start_all(members: list[Subscription]) -> None:
    for subscription in members:
        runs.start(subscription, SyncRun.Trigger.STALE)


def syncing() -> Syncing:
    """How many runs are under way, and what all runs there ever were have fetched."""
    weeks = Func("weeks_fetched", function="cardinality", output_field=IntegerField())
    found = SyncRun.objects.aggregate(
        under_way=Count("pk", filter=Q(state__in=SyncRun.ACTIVE_STATES)),
        requests=Sum("requests", default=0),
        weeks=Sum(weeks, default=0),
        finished=Count("pk", filter=Q(state=SyncRun.State.SUCCEEDED)),
    )
    return Syncing(**found)


def failed() -> list[str]:
    rows = SyncRun.objects.filter(state=SyncRun.State.FAILED).values_list("error_code", "error")
    return [f"{code}: {error}" for code, error in rows]


def session_of(user: User) -> str:
    """The cookie of a browser in which this member has signed in."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = user.get_session_auth_hash()
    session.save()
    return str(session.session_key)
