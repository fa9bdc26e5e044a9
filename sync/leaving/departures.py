"""What follows when a member left the project on Open Humans: at once, after 14 days, after 90.

Postgres remembers it (`User.left_at`, `User.rows_until`); messages only make it happen sooner, and
tidying.py sends again what was lost.
"""

import logging
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

import github_client as github
import openhumans_client as openhumans
from accounts.encryption import DecryptionFailed
from accounts.logins import delete_sessions, end_logins
from accounts.models import Credential, User
from sync import credentials, runs, switch
from sync.errors import OpenHumansAccessLost, SyncingStopped
from sync.leaving import erasing, forgetting
from sync.models import EraseScope, Subscription, SyncRun

logger = logging.getLogger(__name__)
# An outage of GitHub is waited for so much longer than the rows are kept; whatever else it says is not.
OUTAGE_DAYS = 1


def leave(member_id: str, left_at: datetime, *, erase: bool) -> User | None:
    """Believe a signed word that a member left: syncing and logins end here and now.

    None when there is nothing to do: nobody we know, a word from before the member's last authorization
    (an old one sent again), or one that was already heard.
    """
    now = timezone.now()
    rows_until = now if erase else now + timedelta(days=settings.LEFT_ROWS_DAYS)
    with transaction.atomic():
        user = User.objects.select_for_update().filter(open_humans_id=member_id).first()
        if user is None or has_authorized_since(user, left_at):
            return None
        if user.rows_until is not None and user.rows_until <= rows_until:
            return None
        user.left_at = user.left_at or left_at
        user.rows_until = rows_until
        user.save(update_fields=["left_at", "rows_until"])
        end_logins(user)
        _refuse_token(user, now)
        stop_syncing_of(user, Subscription.Status.DISCONNECTED, "You left this project on Open Humans.")
        if erase and hasattr(user, "subscription"):
            erasing.start(user.subscription, EraseScope.ACCOUNT)
    return user


def _refuse_token(user: User, now: datetime) -> None:
    """Open Humans deletes the tokens first: nobody need ask whether they still work.

    Whoever is asking just now holds the row for as long as Open Humans takes, and hears it there.
    """
    stored = Credential.objects.filter(identity__user=user, identity__provider="openhumans")
    free = stored.select_for_update(of=("self",), skip_locked=True)
    stored.filter(pk__in=[credential.pk for credential in free]).update(
        state=Credential.State.REFUSED, updated_at=now
    )


def key_of(member_id: str) -> int:
    """The number that messages name a member by; of somebody we do not know one that nobody has."""
    return User.objects.filter(open_humans_id=member_id).values_list("pk", flat=True).first() or 0


def has_authorized_since(user: User, moment: datetime) -> bool:
    authorized = Credential.objects.filter(identity__user=user, identity__provider="openhumans")
    return authorized.filter(authorized_at__gte=moment).exists()


def stop_syncing_of(user: User, status: Subscription.Status, reason: str) -> None:
    subscription = Subscription.objects.select_for_update(of=("self",)).filter(user=user).first()
    if subscription is None:
        return
    subscription.status, subscription.reason = status, reason
    subscription.save(update_fields=["status", "reason"])
    for run in subscription.runs.active().exclude(trigger=SyncRun.Trigger.ERASE):
        runs.cancel(run)


def end_access(user: User) -> None:
    """Give the GitHub grant back and forget every token; then the rows, when their time has come.

    Raise a `GitHubError` when GitHub could not be told: everything stays, to be tried again, until the rows'
    time has come. Then they go, whatever GitHub says.
    """
    if user.left_at is None or is_being_erased(user):
        return
    delete_sessions(user)
    try:
        revoke_github_grant(user)
    except github.GitHubError as error:
        if not _is_too_late(user, error):
            raise
        logger.error("A grant could not be given back, and is forgotten: %s", error, extra={"user": user.pk})
    with transaction.atomic():
        credentials.hold_tokens(user)
        gone = User.objects.select_for_update().filter(pk=user.pk, left_at__isnull=False).first()
        if gone is None or is_being_erased(gone):
            return  # back meanwhile, or erasure was asked for
        Credential.objects.filter(identity__user=gone).delete()
        if gone.rows_until is not None and gone.rows_until <= timezone.now():
            forget_member(gone)


def _is_too_late(user: User, error: github.GitHubError) -> bool:
    is_passing = isinstance(error, github.Unavailable | github.RateLimited)
    tries_until = timezone.now() - timedelta(days=OUTAGE_DAYS if is_passing else 0)
    return user.rows_until is not None and user.rows_until <= tries_until


def is_being_erased(user: User) -> bool:
    """An erasing of the whole account does all of this itself, and writes a receipt of it."""
    erasings = SyncRun.objects.active().filter(trigger=SyncRun.Trigger.ERASE, subscription__user=user)
    return erasings.exists()


def forget_member(user: User) -> None:
    """All rows, here and now; who asks for it has seen to what stands elsewhere."""
    subscription = Subscription.objects.filter(user=user).first()
    if subscription is not None:
        credentials.forget_budget(subscription)
    forgetting.forget_user(user)


def end_account(user: User) -> None:
    """Go on with what the member asked for and Open Humans, or a restart of ours, did not let us finish."""
    try:
        erasing.end_unconnected(user)
    except openhumans.OpenHumansError as error:
        logger.warning("An account could not be deleted yet: %s", error)


def revoke_github_grant(user: User) -> None:
    """As if the member had revoked it on GitHub; nothing when there is none (any more) that we can read."""
    try:
        credentials.github_oauth().delete_grant(credentials.github_token(user))
    except DecryptionFailed as error:
        logger.warning("No grant was given back: %s", error, extra={"user": user.pk})
    except erasing.NO_GITHUB:
        return


def prove_alive(user: User) -> None:
    """Ask Open Humans whether it still accepts the stored token; a dead one stops the syncing.

    Nothing is asked, nor learnt, while all syncing is stopped; the next tidying afterwards asks.
    """
    try:
        switch.check()
        token = credentials.openhumans_token(user)
        try:
            credentials.openhumans_client(user, token, switch.check).fetch_member()
        except openhumans.Unauthorized:
            switch.check()
            token = credentials.openhumans_token(user, refused=token)
            credentials.openhumans_client(user, token, switch.check).fetch_member()
    except SyncingStopped as stopped:
        logger.info("A token was not checked: syncing is stopped (%s).", stopped)
    except (OpenHumansAccessLost, openhumans.Unauthorized) as error:
        _found_dead(user, error)
    except openhumans.OpenHumansError as error:
        logger.warning("A token could not be checked: %s", error)
    else:
        Credential.objects.filter(identity__user=user, identity__provider="openhumans").update(
            updated_at=timezone.now()
        )


@transaction.atomic
def _found_dead(user: User, error: Exception) -> None:
    if Subscription.objects.filter(user=user, status=Subscription.Status.ACTIVE).exists():
        stop_syncing_of(user, Subscription.Status.RECONNECT_OPENHUMANS, str(error))


# --- Once an hour ----------------------------------------------------------------------------------------


def to_prove_alive(now: datetime) -> QuerySet[User]:
    """Members whose Open Humans token has neither been written nor proved for a week, the longest first."""
    quiet = User.objects.filter(
        left_at__isnull=True,
        socialaccount__provider="openhumans",
        socialaccount__credential__state=Credential.State.VALID,
        socialaccount__credential__updated_at__lte=now - timedelta(days=settings.PROVE_ALIVE_DAYS),
    )
    return quiet.order_by("socialaccount__credential__updated_at")


def to_end_access(now: datetime) -> QuerySet[User]:
    """Members who left and of whom we still hold a token, or rows beyond their time."""
    left = User.objects.filter(left_at__isnull=False)
    holding = left.filter(pk__in=Credential.objects.values("identity__user_id"))
    return (holding | left.filter(rows_until__lte=now)).order_by("left_at")


def believe_dead_tokens(now: datetime, limit: int) -> int:
    """Whoever did not sign in again for 14 days after their token was found dead has left, webhook or not."""
    long_dead = Credential.objects.filter(
        identity__provider="openhumans",
        state=Credential.State.REFUSED,
        updated_at__lte=now - timedelta(days=settings.LEFT_ACCESS_DAYS),
        identity__user__left_at__isnull=True,
    )
    believed = 0
    for member_id in long_dead.values_list("identity__user__open_humans_id", flat=True)[:limit]:
        believed += leave(str(member_id), now, erase=False) is not None
    return believed
