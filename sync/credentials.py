"""The one place where stored tokens become clients, and where they are refreshed.

A refresh kills the old pair at once at both services, so it happens under a lock on the credential's row and
the new pair is stored before it is used. A refusal is believed only of the pair that is stored at that
moment: the loser of a race is refused as well.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from typing import TypeVar

import redis
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import QuerySet
from psycopg.errors import LockNotAvailable

import github_client as github
import openhumans_client as openhumans
from accounts.models import Credential, User
from accounts.rows import columns, taken
from github_client import Budget, GitHubClient, GitHubOAuth
from openhumans_client import Deadline, OpenHumansClient, OpenHumansOAuth
from sync import breaker
from sync.errors import GitHubAccessLost, OpenHumansAccessLost
from sync.models import Subscription
from sync.operators.counted_http import counting_session
from sync.operators.counters import count
from sync.outlasting import outlasting_postgres

T = TypeVar("T")
# Refresh a little early, so that a token does not die in the middle of a step.
REFRESH_MARGIN = timedelta(minutes=5)
# In the last part of a page's time nothing is begun whose lost answer would cost the member something.
LAST_SHARE = 0.25
Grant = github.TokenGrant | openhumans.TokenGrant
# In the place of a token: it was refused, and so were too many others.
_DISBELIEVED = ""


@cache
def _budget_connection() -> redis.Redis:
    return redis.Redis.from_url(settings.BUDGET_URL, socket_timeout=5, socket_connect_timeout=5)


def github_client(
    subscription: Subscription, token: str, before_request: Callable[[], None] | None = None
) -> GitHubClient:
    """A client for a token that `github_token` gave, with the budget of the account it belongs to."""
    key = f"github:{subscription.github_id}"
    return GitHubClient(
        settings.GITHUB_API_URL,
        token,
        budget=Budget(_budget_connection(), key, "graphql", limit=settings.GITHUB_HOURLY_LIMIT),
        before_request=before_request,
        session=counting_session("github"),
        after_query=lambda operation, points: count("points", operation, amount=points),
    )


def forget_budget(subscription: Subscription) -> None:
    """Nothing of this account's spending is remembered any more."""
    budget = Budget(_budget_connection(), f"github:{subscription.github_id}", "graphql")
    budget.bucket.flush()
    budget.for_resource("core").bucket.flush()


def page_deadline() -> Deadline:
    """For all that a page asks Open Humans: a person waits, and so does a host that cuts long answers off."""
    return Deadline.after(settings.WEB_ANSWER_SECONDS)


def openhumans_client(
    user: User,
    token: str | None = None,
    before_request: Callable[[], None] | None = None,
    deadline: Deadline | None = None,
) -> OpenHumansClient:
    """A client for the given token, or the stored one. Raise `OpenHumansAccessLost` when there is none."""
    return OpenHumansClient(
        settings.OPENHUMANS_URL,
        token or openhumans_token(user, deadline=deadline),
        before_request=before_request,
        session=counting_session("openhumans"),
        shared=deadline,
    )


def with_openhumans(
    user: User,
    act: Callable[[OpenHumansClient], T],
    before_request: Callable[[], None] | None = None,
    deadline: Deadline | None = None,
) -> T:
    """Do it with the stored token, and once more if that one turned out to be refused."""
    token = openhumans_token(user, deadline=deadline)
    try:
        return act(openhumans_client(user, token, before_request, deadline))
    except openhumans.Unauthorized:
        # Open Humans forgot a token before its time, or another process has just replaced it.
        token = openhumans_token(user, refused=token, deadline=deadline)
        return act(openhumans_client(user, token, before_request, deadline))


def github_oauth() -> GitHubOAuth:
    return GitHubOAuth(
        settings.GITHUB_URL,
        settings.GITHUB_API_URL,
        settings.GITHUB_CLIENT_ID,
        settings.GITHUB_CLIENT_SECRET,
        counting_session("github"),
    )


def github_token(user: User, refused: str | None = None) -> str:
    """A token that should work; `refused` is one that GitHub has just answered with 401.

    Raise `GitHubAccessLost` when there is none and the member must connect again.
    """
    token = _usable_token(
        user, "github", lambda text: github_oauth().refresh(text), github.InvalidGrant, refused
    )
    if token is None:
        raise GitHubAccessLost("GitHub no longer accepts the token.")
    return token


def openhumans_token(user: User, refused: str | None = None, deadline: Deadline | None = None) -> str:
    oauth = OpenHumansOAuth(
        settings.OPENHUMANS_URL,
        settings.OPENHUMANS_CLIENT_ID,
        settings.OPENHUMANS_CLIENT_SECRET,
        counting_session("openhumans"),
        shared=deadline,
    )
    token = _usable_token(user, "openhumans", oauth.refresh, openhumans.InvalidGrant, refused, deadline)
    if token is None:
        raise OpenHumansAccessLost("Open Humans no longer accepts the token.")
    return token


def _usable_token(
    user: User,
    provider: str,
    refresh: Callable[[str], Grant],
    invalid_grant: type[Exception],
    refused: str | None,
    deadline: Deadline | None = None,
) -> str | None:
    """The stored token, refreshed if it is expired or refused; None when there is no way to a good one.

    Raise the provider's `Unavailable` while refusals are nobody's own, see breaker.py.
    """
    credential = _stored(user, provider)
    if credential is None or not _is_usable(credential):
        return None
    is_doubtful = _needs_refresh(credential, refused)
    breaker.check_token(provider, credential, is_doubtful=is_doubtful, was_refused=refused is not None)
    if not is_doubtful:
        return credential.access_token
    try:
        token = _Renewal(user, provider, refresh, invalid_grant, refused, deadline).token()
    except (github.InvalidClient, openhumans.InvalidClient) as error:
        breaker.client_refused(provider, error)
        raise
    if token is None:
        breaker.token_died(provider)
    elif token == _DISBELIEVED:
        raise breaker.rest(breaker.TOKENS[provider])
    return token


def _is_usable(credential: Credential) -> bool:
    return credential.state != Credential.State.REFUSED


def _needs_refresh(credential: Credential, refused: str | None) -> bool:
    is_refused = refused is not None and credential.access_token == refused
    return is_refused or credential.expires_within(REFRESH_MARGIN)


@dataclass(repr=False)
class _Renewal:
    """One token on its way to a new one. Each refresh token is spent once, however often it takes to store
    the answer."""

    user: User
    provider: str
    refresh: Callable[[str], Grant]
    invalid_grant: type[Exception]
    refused: str | None
    deadline: Deadline | None
    # By refresh token; None where it was refused.
    answers: dict[str, Grant | None] = field(default_factory=dict)

    def token(self) -> str | None:
        return outlasting_postgres(self._renewed, self._has_answer)

    def _has_answer(self) -> bool:
        return any(self.answers.values())

    def _renewed(self) -> str | None:
        with transaction.atomic():
            # Who has a new pair in hand waits for the row as long as it takes.
            credential = _locked(self.user, self.provider, None if self._has_answer() else self.deadline)
            if credential is None:
                return None
            spent = credential.refresh_token or ""
            # Where it has been answered and not been stored, whatever others made of the old pair is void.
            if not self.answers.get(spent):
                if not _is_usable(credential):
                    return None
                if not _needs_refresh(credential, self.refused):
                    return credential.access_token
            grant = self._ask(spent)
            if grant is None:
                return self._refuse(credential)
            scopes = grant.scopes if isinstance(grant, github.TokenGrant) else credential.scopes
            credential.set_tokens(
                grant.access_token, grant.refresh_token, grant.expires_at, list(scopes or credential.scopes)
            )
            credential.save()
        breaker.token_works(self.provider, credential)
        return grant.access_token

    def _ask(self, refresh_token: str) -> Grant | None:
        if refresh_token in self.answers:
            return self.answers[refresh_token]
        _require_time_to_refresh(self.deadline)
        try:
            grant = self.refresh(refresh_token) if refresh_token else None
        except self.invalid_grant:
            grant = None
        self.answers[refresh_token] = grant
        count("token_refreshes", self.provider, "refused" if grant is None else "refreshed")
        return grant

    def _refuse(self, credential: Credential) -> str | None:
        is_believed = breaker.is_believed(self.provider, credential)
        if is_believed:
            credential.state = Credential.State.REFUSED
            credential.save(update_fields=["state", "updated_at"])
        return None if is_believed else _DISBELIEVED


def _locked(user: User, provider: str, deadline: Deadline | None) -> Credential | None:
    """Whoever holds the row is refreshing, which may take a worker longer than a page can wait."""
    found = _find(user, provider).select_for_update(of=("self",))
    if deadline is None:
        return found.first()
    try:
        with connection.cursor() as cursor:
            milliseconds = max(int(deadline.left * 1000), 1)
            cursor.execute("SELECT set_config('lock_timeout', %s, true)", [f"{milliseconds}ms"])
        return found.first()
    except OperationalError as error:
        if not isinstance(error.__cause__, LockNotAvailable):
            raise
    raise openhumans.Unavailable("The token is being refreshed, which takes too long", is_timeout=True)


def hold_tokens(user: User, *providers: str) -> None:
    """Lock them (without names: all) for a transaction that deletes them, before it locks anything else.

    Whoever refreshes one holds its row while the other side is asked, up to a minute. Meanwhile nobody is to
    wait for the member's other rows: Open Humans' webhook needs them at once.
    """
    own = Credential.objects.filter(identity__user=user)
    wanted = own.filter(identity__provider__in=providers) if providers else own
    list(wanted.select_for_update(of=("self",)).order_by("pk"))


def _require_time_to_refresh(deadline: Deadline | None) -> None:
    """A refresh whose answer is not waited for may cost the member their access."""
    if deadline and deadline.left < settings.WEB_ANSWER_SECONDS * LAST_SHARE:
        raise openhumans.Unavailable("No time is left to refresh the token", is_timeout=True)


def _stored(user: User, provider: str) -> Credential | None:
    """As `_find`, for what every step asks."""
    with connection.cursor() as cursor:
        cursor.execute(_read_stored(), [user.pk, provider])
        row = cursor.fetchone()
    if row is None:
        return None
    values = iter(row)
    credential, (uid,) = taken(Credential, values), values
    credential.identity = SocialAccount(pk=credential.identity_id, user=user, provider=provider, uid=uid)
    return credential


@cache
def _read_stored() -> str:
    return (
        f"select {columns(Credential, 'credential')}, identity.uid"  # noqa: S608 - names of our own columns
        f" from {Credential._meta.db_table} credential"
        f" join {SocialAccount._meta.db_table} identity on identity.id = credential.identity_id"
        " where identity.user_id = %s and identity.provider = %s order by credential.id limit 1"
    )


def _find(user: User, provider: str) -> QuerySet[Credential]:
    found = Credential.objects.select_related("identity")
    return found.filter(identity__user=user, identity__provider=provider).order_by("pk")
