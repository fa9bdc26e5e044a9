"""What operators may do for one member; each act is written down with who did it and why."""

from django.db import transaction
from django.db.models import Q

from accounts.models import User
from sync import runs
from sync.errors import SyncError
from sync.models import PAUSED_BY_OPERATOR, OperatorAction, Subscription, SyncRun

Kind = OperatorAction.Kind


class NotPossible(SyncError):
    """Nobody is known by that name, or the act does not fit the member's present state; nothing was done."""


def find_member(text: str) -> Subscription:
    """By Open Humans id, GitHub id or GitHub login. Raise `NotPossible` unless it is exactly one.

    `oh:12345678` and `gh:octocat` say which of them is meant.
    """
    found = list(Subscription.objects.select_related("user").filter(_known_by(text))[:2])
    if len(found) != 1:
        raise NotPossible(
            f"{'Several members are' if found else 'No member is'} known by {text!r}. "
            "Give an id, with oh: or gh: in front where it may be either."
        )
    return found[0]


def _known_by(text: str) -> Q:
    where, _, name = text.rpartition(":")
    at_openhumans, at_github = Q(user__open_humans_id=name), Q(github_login__iexact=name)
    if name.isascii() and name.isdecimal() and len(name) < 19:
        at_github |= Q(github_id=int(name))
    match where.lower():
        case "oh":
            return at_openhumans
        case "gh":
            return at_github
        case "":
            return at_openhumans | at_github
    return Q(pk__in=[])


def find_unconnected(text: str) -> User | None:
    """A member who never connected GitHub, by Open Humans id: nothing was collected of them."""
    return User.objects.filter(open_humans_id=text.removeprefix("oh:"), subscription__isnull=True).first()


@transaction.atomic
def run(subscription: Subscription, operator: str, reason: str, kind: Kind = Kind.RUN) -> SyncRun:
    if subscription.status != Subscription.Status.ACTIVE:
        raise NotPossible(f"The member is not active but: {subscription.get_status_display()}.")
    started = runs.start(subscription, SyncRun.Trigger.OPERATOR)
    note(kind, subscription, operator, reason)
    return started


@transaction.atomic
def cancel(run_to_cancel: SyncRun, operator: str, reason: str) -> None:
    # First, as whoever else changes a run: what is noted refers to it.
    Subscription.objects.select_for_update(no_key=True).filter(pk=run_to_cancel.subscription_id).first()
    if not runs.cancel(run_to_cancel):
        raise NotPossible("The run is over already, or deletes what its member wants gone.")
    note(Kind.CANCEL, run_to_cancel.subscription, operator, reason)


@transaction.atomic
def pause(subscription: Subscription, operator: str, reason: str) -> None:
    if subscription.status != Subscription.Status.ACTIVE:
        raise NotPossible(f"The member is not active but: {subscription.get_status_display()}.")
    subscription.status = Subscription.Status.PAUSED
    subscription.reason = f"{PAUSED_BY_OPERATOR} {reason}"
    subscription.save(update_fields=["status", "reason"])
    if subscription.active_run is not None:
        runs.cancel(subscription.active_run)
    note(Kind.PAUSE, subscription, operator, reason)


@transaction.atomic
def resume(subscription: Subscription, operator: str, reason: str) -> SyncRun:
    """Undo a pause of ours, or of five failures. Nobody resumes what a member paused."""
    if subscription.status != Subscription.Status.PAUSED or subscription.is_paused_by_member:
        raise NotPossible("Only what an operator or failures have paused can be resumed here.")
    subscription.status, subscription.reason = Subscription.Status.ACTIVE, ""
    subscription.failures = 0
    subscription.save(update_fields=["status", "reason", "failures"])
    note(Kind.RESUME, subscription, operator, reason)
    return runs.start(subscription, SyncRun.Trigger.OPERATOR)


@transaction.atomic
def reconcile(subscription: Subscription, operator: str, reason: str) -> SyncRun:
    """Have the next run, or the one under way, compare the ledger with what Open Humans lists."""
    started = run(subscription, operator, reason, Kind.RECONCILE)
    subscription.reconciled_at = None
    subscription.save(update_fields=["reconciled_at"])
    return started


@transaction.atomic
def shut_out(subscription: Subscription, operator: str, reason: str) -> None:
    """The member can no longer sign in, and is signed out everywhere; updates are paused."""
    if not subscription.user.is_active:
        raise NotPossible("The account is closed already.")
    if subscription.status == Subscription.Status.ACTIVE:
        pause(subscription, operator, reason)
    subscription.user.is_active = False
    subscription.user.save(update_fields=["is_active"])
    note(Kind.SHUT_OUT, subscription, operator, reason)


@transaction.atomic
def let_in(subscription: Subscription, operator: str, reason: str) -> None:
    """Updates stay paused until somebody resumes them."""
    if subscription.user.is_active:
        raise NotPossible("The account is open.")
    subscription.user.is_active = True
    subscription.user.save(update_fields=["is_active"])
    note(Kind.LET_IN, subscription, operator, reason)


def note(kind: Kind, subscription: Subscription | None, operator: str, reason: str) -> OperatorAction:
    """Write down an act that something else does; without a subscription it concerns everybody."""
    return OperatorAction.objects.create(
        kind=kind, subscription=subscription, operator=operator, reason=reason
    )
