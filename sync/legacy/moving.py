"""Bringing the old app's members over: one transaction for each, their new tokens stored in it.

A refresh at Open Humans kills the pair the old app holds, so it comes last in the transaction, after all that
could fail here; and nobody is half here: whoever has a row was brought over, whoever has none can be tried
again.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import IntegrityError, InterfaceError, OperationalError, transaction
from django.utils import timezone

import github_client as github
import openhumans_client as openhumans
from accounts.models import Credential, User
from github_client import GitHubClient, Identity
from openhumans_client import OpenHumansOAuth
from sync import breaker
from sync.legacy.members import OldMember
from sync.models import Subscription
from sync.outlasting import outlasting_postgres

# Stands where a consent has the version of its wording: nobody has agreed to anything here yet, and the next
# sign-in asks. See `awaits_consent`.
IMPORTED = "imported"
# What the old app collected that can be told without asking: whatever else its tokens could read stays out.
KINDS = ("commits", "calendar")


class Verdict(StrEnum):
    READY = "ready"
    BROUGHT_OVER = "brought over"
    MUST_SIGN_IN = "must sign in"
    MUST_CONNECT = "must connect"
    LEFT = "left before"
    HERE = "here already"
    UNKNOWN = "could not be checked"


@dataclass(frozen=True, slots=True)
class Finding:
    """What became of one member, or would. `identity` is set where GitHub accepts the old token."""

    verdict: Verdict
    reason: str = ""
    identity: Identity | None = None
    # Open Humans took the refresh token, or refused it; None where it was not asked.
    is_refreshed: bool | None = None


class MoveStopped(Exception):
    """Nobody can be brought over at the moment. Whoever was, stays; the next run goes on from there."""


def imported_agreement(now: datetime) -> dict[str, Any]:
    return {"text": IMPORTED, "kinds": list(KINDS), "private": False, "agreed_at": now.isoformat()}


def awaits_consent(subscription: Subscription) -> bool:
    """Brought over and not asked yet: the first sign-in shows what is new, and only a yes widens."""
    return bool(subscription.agreement.get("text") == IMPORTED)


# --- Looking --------------------------------------------------------------------------------------


def look(old: OldMember) -> Finding:
    """What would become of this member. Asks GitHub whose the token is, and Open Humans nothing.

    Raise a `GitHubError` when GitHub cannot be asked now.
    """
    if old.has_left:
        return Finding(Verdict.LEFT)
    if User.objects.filter(open_humans_id=old.open_humans_id).exists():
        return Finding(Verdict.HERE)
    identity, reason = _github_identity(old)
    if not old.refresh_token:
        return Finding(Verdict.MUST_SIGN_IN, "the old app has no token of Open Humans", identity)
    if identity is None:
        return Finding(Verdict.MUST_CONNECT, reason)
    return Finding(Verdict.READY, identity=identity)


def look_at_all(members: Sequence[OldMember]) -> Iterator[tuple[OldMember, Finding]]:
    for old in members:
        try:
            yield old, look(old)
        except github.GitHubError as error:
            yield old, Finding(Verdict.UNKNOWN, str(error))


def _github_identity(old: OldMember) -> tuple[Identity | None, str]:
    if not old.github_token:
        return None, "no GitHub account was connected"
    try:
        identity = GitHubClient(settings.GITHUB_API_URL, old.github_token).fetch_identity()
    except (github.Unauthorized, github.Forbidden):
        return None, "GitHub no longer accepts the token"
    if old.github_id is not None and old.github_id != identity.database_id:
        return None, "the token belongs to another GitHub account"
    if SocialAccount.objects.filter(provider="github", uid=str(identity.database_id)).exists():
        return None, "this GitHub account is connected to another member"
    return identity, ""


# --- Bringing over --------------------------------------------------------------------------------


def bring_all(members: Sequence[OldMember], now: datetime) -> Iterator[tuple[OldMember, Finding]]:
    """Everybody in turn; their first syncs are spread over the interval in which all are looked at again.

    Where Open Humans refuses one refresh token after the other and has never taken any, it is rather the
    client id that is wrong: nobody is stored as refused before one was taken. Raise `MoveStopped`.
    """
    span = timedelta(days=settings.SYNC_DUE_DAYS)
    due = {old.open_humans_id: now + span * n / len(members) for n, old in enumerate(members)}
    is_proven = Subscription.objects.filter(
        agreement__text=IMPORTED, status=Subscription.Status.ACTIVE
    ).exists()
    doubtful: list[OldMember] = []
    for old in members:
        finding = bring_over(old, now, due[old.open_humans_id], keep_refused=is_proven)
        if finding.is_refreshed is False and not is_proven:
            doubtful.append(old)
            continue
        is_proven = is_proven or bool(finding.is_refreshed)
        yield old, finding
    if doubtful and not is_proven:
        raise MoveStopped(
            f"Open Humans took none of the refresh tokens and refused {len(doubtful)}. OPENHUMANS_CLIENT_ID "
            "and OPENHUMANS_CLIENT_SECRET must be those of the old app's project. Nothing was stored for "
            "these members; if they have really all left, nothing needs to be."
        )
    for old in doubtful:
        yield old, bring_over(old, now, due[old.open_humans_id], keep_refused=True)


def bring_over(old: OldMember, now: datetime, due_at: datetime, *, keep_refused: bool) -> Finding:
    """One member, whole or not at all. Raise `MoveStopped` when a service cannot be asked now."""
    try:
        finding = look(old)
    except github.GitHubError as error:
        raise MoveStopped(f"GitHub cannot be asked at the moment: {error}") from None
    nothing_to_keep = finding.identity is None and not old.refresh_token
    if finding.verdict in (Verdict.LEFT, Verdict.HERE) or nothing_to_keep:
        return finding
    pair = NewPair(old.refresh_token)

    def store() -> Finding:
        with transaction.atomic():
            user, credential = _store_member(old)
            subscription = _store_github(user, old, finding.identity, now, due_at)
            outcome = _refresh(old, pair, credential, subscription, finding)
            if outcome.is_refreshed is False and not (keep_refused and finding.identity):
                transaction.set_rollback(True)
        return outcome

    try:
        return outlasting_postgres(store, lambda: pair.grant is not None)
    except IntegrityError:
        # Signed in, or brought over by another run, a moment ago.
        return Finding(Verdict.HERE)
    except (InterfaceError, OperationalError):
        raise MoveStopped("The connection to our own database was lost; start it again to go on.") from None


def _store_member(old: OldMember) -> tuple[User, Credential]:
    user = User(username=f"oh-{old.open_humans_id}", open_humans_id=old.open_humans_id)
    user.set_unusable_password()
    user.save()
    identity = SocialAccount.objects.create(
        user=user,
        provider="openhumans",
        uid=old.open_humans_id,
        extra_data={"scopes": [], "server": settings.OPENHUMANS_URL},
    )
    credential = Credential(identity=identity)
    credential.set_tokens(old.access_token, old.refresh_token, old.token_expires, [])
    credential.save()
    return user, credential


def _store_github(
    user: User, old: OldMember, identity: Identity | None, now: datetime, due_at: datetime
) -> Subscription | None:
    if identity is None:
        return None
    scopes = sorted(identity.scopes)
    account = SocialAccount.objects.create(
        user=user,
        provider="github",
        uid=str(identity.database_id),
        extra_data={
            "login": identity.login,
            "node_id": identity.node_id,
            "scopes": scopes,
            "server": settings.GITHUB_URL,
        },
    )
    credential = Credential(identity=account)
    credential.set_tokens(old.github_token, None, None, scopes)
    credential.save()
    return Subscription.objects.create(
        user=user,
        github_id=identity.database_id,
        github_node_id=identity.node_id,
        github_login=identity.login,
        agreement=imported_agreement(now),
        next_due_at=due_at,
    )


@dataclass(slots=True, repr=False)
class NewPair:
    """What Open Humans gives for a refresh token: asked for once, however often it takes to store it."""

    refresh_token: str
    grant: openhumans.TokenGrant | None = None

    def ask(self) -> openhumans.TokenGrant | None:
        if self.grant is None and self.refresh_token:
            self.grant = _new_pair(self.refresh_token)
        return self.grant


def _refresh(
    old: OldMember,
    pair: NewPair,
    credential: Credential,
    subscription: Subscription | None,
    finding: Finding,
) -> Finding:
    grant = pair.ask()
    if grant is not None:
        scopes = sorted(grant.scope.split())
        credential.set_tokens(grant.access_token, grant.refresh_token, grant.expires_at, scopes)
        credential.save()
        credential.identity.extra_data["scopes"] = scopes
        credential.identity.save(update_fields=["extra_data"])
        is_whole = finding.verdict == Verdict.READY
        verdict = Verdict.BROUGHT_OVER if is_whole else finding.verdict
        return Finding(verdict, finding.reason, finding.identity, is_refreshed=True)
    # Not among the deaths of this hour, of which too many would be disbelieved.
    long_ago: datetime = timezone.now() - breaker.WITHIN
    Credential.objects.filter(pk=credential.pk).update(state=Credential.State.REFUSED, updated_at=long_ago)
    if subscription is not None:
        subscription.status = Subscription.Status.RECONNECT_OPENHUMANS
        subscription.save(update_fields=["status"])
    if not old.refresh_token:
        return finding
    reason = "Open Humans no longer accepts the old app's token"
    return Finding(Verdict.MUST_SIGN_IN, reason, finding.identity, is_refreshed=False)


def _new_pair(refresh_token: str) -> openhumans.TokenGrant | None:
    """None when Open Humans refuses. An answer that was lost is asked for once more."""
    oauth = OpenHumansOAuth(
        settings.OPENHUMANS_URL, settings.OPENHUMANS_CLIENT_ID, settings.OPENHUMANS_CLIENT_SECRET
    )
    try:
        try:
            return oauth.refresh(refresh_token)
        except openhumans.Unavailable:
            return oauth.refresh(refresh_token)
    except openhumans.InvalidGrant:
        return None
    except openhumans.InvalidClient:
        raise MoveStopped("Open Humans refuses OPENHUMANS_CLIENT_ID or OPENHUMANS_CLIENT_SECRET.") from None
    except openhumans.OpenHumansError as error:
        raise MoveStopped(f"Open Humans cannot be asked at the moment: {error}") from None
