"""After a backup was restored: whoever was erased since goes again, and every token is tried.

Who had left in the dump, or had a dead token, may have come back since: their time begins anew.

A refresh ends the old pair, so many of the tokens in a dump are dead. That many die at once is otherwise
taken for a fault of this site (see breaker.py); here it is to be expected, provided that others live.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.sessions.models import Session
from django.db import transaction
from django.db.models import Max, Q, QuerySet
from django.utils import timezone

import github_client as github
import openhumans_client as openhumans
from accounts.models import Credential, User
from sync import breaker, credentials
from sync.errors import GitHubAccessLost, OpenHumansAccessLost, SyncError
from sync.leaving import departures, erasing, erasures, forgetting
from sync.leaving.erasures import Erasure
from sync.models import (
    PAUSED_BY_MEMBER,
    EraseScope,
    LeftOut,
    OperatorAction,
    Receipt,
    Subscription,
    SyncRun,
)
from sync.operators import operating

# Begins as a pause by the member does, so that the member alone goes on.
ASK_AGAIN = (
    f"{PAUSED_BY_MEMBER}r own wish to have something left out, removed or deleted: we had to restore a "
    "backup that is older, and no longer know what it was. Please ask for it again, then go on."
)
REPEATED = "What you had asked to have deleted or removed since that backup was to be kept to."
ACCESS_ENDED = (
    "In that backup your access was an old one, which no longer works: we have to ask for a new one."
)
# Between an act and its line, the clocks of two machines included.
MARGIN = timedelta(minutes=2)
DEAD = (GitHubAccessLost, OpenHumansAccessLost, github.Unauthorized, openhumans.Unauthorized)


class NoneAlive(SyncError):
    """Not one token of a provider works: rather its settings are wrong. Nobody was believed to be gone."""


# --- Erasures -----------------------------------------------------------------------------------------


def newest_moment() -> datetime | None:
    """Until when the database knows what happened, by the newest row that members' lives leave in it.

    What operators did to everybody does not count: syncing is stopped after the restore and before this.
    """
    members = OperatorAction.objects.exclude(subscription=None).exclude(kind=OperatorAction.Kind.RESTORE)
    columns: list[tuple[QuerySet[Any], str]] = [
        (SyncRun.objects.all(), "created_at"),
        (SyncRun.objects.all(), "finished_at"),
        (Credential.objects.all(), "updated_at"),
        (Receipt.objects.all(), "created_at"),
        (Receipt.objects.all(), "finished_at"),
        (LeftOut.objects.all(), "created_at"),
        (members, "created_at"),
    ]
    past = (rows.filter(**{f"{name}__lte": timezone.now()}) for rows, name in columns)
    newest = [
        rows.aggregate(newest=Max(name))["newest"] for rows, (_, name) in zip(past, columns, strict=True)
    ]
    return max((moment for moment in newest if moment is not None), default=None)


def erasures_to_repeat(
    known: Iterable[Erasure], dumped_at: datetime | None = None
) -> list[tuple[User, Erasure]]:
    """Those that came after the dump, each once, oldest first; of somebody who is gone that alone.

    `dumped_at`: when that was; where it is not known, the newest moment that the database knows of.
    """
    until = dumped_at or newest_moment()
    pairs = list(erasures.of_those_who_are_here(known))
    ends = [pair for pair in pairs if pair[1].act == erasures.GONE]
    # A row outlives its line where the transaction that wrote it failed: see `erasures.note_done`.
    gone = {
        user.pk: (user, erasure)
        for user, erasure in ends
        if not departures.has_authorized_since(user, erasure.at)
    }
    others: dict[tuple[int, str], tuple[User, Erasure]] = {}
    for user, erasure in pairs:
        if erasure.act != erasures.ASKING:
            others.pop((user.pk, erasures.ASKING), None)  # this is what it was
        is_last_word = erasure.act == erasures.GONE or user.pk in gone
        if not is_last_word and not _is_known(user, erasure, until):
            # What was asked for has a second line when it was done: the later one counts.
            others.pop((user.pk, erasure.act), None)
            others[user.pk, erasure.act] = (user, erasure)
    return [*gone.values(), *others.values()]


def _is_known(user: User, erasure: Erasure, until: datetime | None) -> bool:
    """What leaves a trace may lose it in time, so of old ones no trace is asked for.

    A line is written a moment before or after what it tells of is committed: about the last ones before the
    dump their traces decide.
    """
    if until is not None and erasure.at < until - MARGIN:
        return True
    since = erasure.at - MARGIN
    if erasure.act == erasures.REMOVED:
        marks = LeftOut.objects.filter(subscription__user=user, created_at__gte=since)
        removals = Q(trigger=SyncRun.Trigger.REMOVE) | Q(erase_scope=EraseScope.FILE)
        taken_out = SyncRun.objects.filter(removals, subscription__user=user)
        return marks.exists() or taken_out.filter(created_at__gte=since).exists()
    asked_for = erasing.COVERS.items()
    covering = [one for one, covered in asked_for if erasure.act in {*covered, erasures.ASKING}]
    receipts = Receipt.objects.filter(subscription__user=user, scope__in=covering)
    return receipts.filter(Q(created_at__gte=since) | Q(finished_at__gte=since)).exists()


@transaction.atomic
def repeat_all(pairs: Iterable[tuple[User, Erasure]], operator: str) -> None:
    """All or none: what this leaves in the database would make the dump look younger."""
    for user, erasure in pairs:
        repeat(user, erasure, operator)


@transaction.atomic
def repeat(user: User, erasure: Erasure, operator: str) -> None:
    """What went at Open Humans and GitHub is gone there; here it goes again, without asking anybody."""
    if erasure.act == erasures.GONE:
        departures.forget_member(user)
        return
    subscription = Subscription.objects.select_for_update(of=("self",)).filter(user=user).first()
    if subscription is None:
        return
    operating.note(OperatorAction.Kind.RESTORE, subscription, operator, REPEATED)
    if erasure.act in (erasures.REMOVED, erasures.ASKING):
        subscription.status, subscription.reason = Subscription.Status.PAUSED, ASK_AGAIN
        subscription.save(update_fields=["status", "reason"])
        return
    scope = EraseScope(erasure.act)
    if scope == EraseScope.ACCOUNT:
        # Asked for, and perhaps not done: a run finds out.
        erasing.start(subscription, scope, erasing.Order(operator, Receipt.Cause.RESTORED))
        return
    erasing.stop_collecting(subscription, scope)
    if scope in (EraseScope.CHANGE, EraseScope.REPLACE):
        forgetting.forget_github_account(subscription)
    if scope in (EraseScope.GITHUB, EraseScope.CHANGE, EraseScope.REPLACE):
        forgetting.forget_github(subscription)
        return
    if scope == EraseScope.PRIVATE:
        subscription.agreement = {**subscription.agreement, "private": False, "secret_gists": False}
        subscription.save(update_fields=["agreement"])
    forgetting.forget_files(subscription, scope)


def end_all_logins() -> int:
    """Sessions that were ended since the dump are back with it."""
    return Session.objects.all().delete()[0]


# --- Time ---------------------------------------------------------------------------------------------


def refused() -> QuerySet[Credential]:
    """Whose owners are believed to have left once nobody signs in again for long enough."""
    return Credential.objects.filter(
        identity__provider="openhumans",
        state=Credential.State.REFUSED,
        identity__user__left_at__isnull=True,
    )


def left(dumped_at: datetime | None = None) -> QuerySet[User]:
    """Who had left and was to stay for a while; not whose erasure was asked for, or due, in the dump."""
    until = dumped_at or newest_moment()
    known = User.objects.filter(left_at__isnull=False)
    return known if until is None else known.filter(rows_until__gt=until + MARGIN)


@transaction.atomic
def give_time(dumped_at: datetime | None = None) -> int:
    """Let no clock that stood in the dump end anybody; return how many it would have.

    Of those who had left, whoever still has a token is to us as if it had only been refused. Both have
    LEFT_ACCESS_DAYS to sign in, and are then taken for gone as ever. Where no token is left, the rows stay as
    long as after a departure of today.
    """
    now = timezone.now()
    had_left = list(left(dumped_at).values_list("pk", flat=True))
    gone = User.objects.filter(pk__in=had_left)
    with_token = Credential.objects.filter(identity__provider="openhumans").values("identity__user_id")
    gone.exclude(pk__in=with_token).update(rows_until=now + timedelta(days=settings.LEFT_ROWS_DAYS))
    gone.filter(pk__in=with_token).update(left_at=None, rows_until=None)
    # Not among the deaths of this hour, of which too many would be disbelieved.
    refused().update(updated_at=now - breaker.WITHIN)
    return gone.filter(left_at__isnull=False).count() + refused().count()


# --- Tokens -------------------------------------------------------------------------------------------


def to_prove(provider: str) -> QuerySet[Credential]:
    return (
        Credential.objects.filter(
            identity__provider=provider,
            state=Credential.State.VALID,
            identity__user__left_at__isnull=True,
        )
        .select_related("identity__user")
        .order_by("pk")
    )


def prove_all(
    provider: str, operator: str, *, believe_all: bool = False
) -> Iterator[tuple[Credential, bool]]:
    """Each credential with whether it works; the subscription of a dead one asks its member for a new one.

    Raise `NoneAlive` at the end when not one works, unless `believe_all`; raise a client's error when the
    provider cannot be asked. Either may be started again.
    """
    is_proven, doubtful = believe_all, []
    for credential in list(to_prove(provider)):
        is_alive = _is_alive(credential)
        is_proven = is_proven or is_alive
        if is_alive:
            yield credential, True
        else:
            doubtful.append(credential)
        if is_proven:
            for dead in doubtful:
                _ask_member(dead, operator)
                yield dead, False
            doubtful = []
    if doubtful:
        Credential.objects.filter(pk__in=[one.pk for one in doubtful]).update(state=Credential.State.VALID)
        raise NoneAlive(f"{len(doubtful)} tokens of {provider} were tried, and none works.")


def _is_alive(credential: Credential) -> bool:
    user = credential.identity.user
    if credential.identity.provider == "github":
        return _works(user, credentials.github_token, _ask_github)
    return _works(user, credentials.openhumans_token, _ask_openhumans)


def _works(user: User, token_of: Callable[..., str], ask: Callable[[str], object]) -> bool:
    with breaker.believing():
        try:
            token = token_of(user)
            try:
                ask(token)
            except (github.Unauthorized, openhumans.Unauthorized):
                ask(token_of(user, refused=token))
        except DEAD:
            return False
    return True


def _ask_github(token: str) -> None:
    try:
        github.GitHubClient(settings.GITHUB_API_URL, token).fetch_identity()
    except github.RateLimited:
        pass  # a limit is an answer: the token was believed


def _ask_openhumans(token: str) -> None:
    openhumans.OpenHumansClient(settings.OPENHUMANS_URL, token).fetch_project()


@transaction.atomic
def _ask_member(credential: Credential, operator: str) -> None:
    """One page with one button; nothing is deleted."""
    user, provider = credential.identity.user, credential.identity.provider
    # Not among the deaths of this hour, of which too many would be disbelieved.
    long_ago: datetime = timezone.now() - breaker.WITHIN
    Credential.objects.filter(pk=credential.pk).update(state=Credential.State.REFUSED, updated_at=long_ago)
    if Subscription.objects.filter(user=user, status=Subscription.Status.ACTIVE).exists():
        departures.stop_syncing_of(user, breaker.PAUSES[provider], "")
        operating.note(OperatorAction.Kind.RESTORE, user.subscription, operator, ACCESS_ENDED)
