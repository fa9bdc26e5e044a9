"""Our own rows, taken away: in the transaction that notes on the receipt why."""

from typing import Any

from allauth.socialaccount.models import SocialAccount
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from accounts.logins import delete_sessions
from accounts.models import User
from sync import credentials
from sync.leaving import erasures
from sync.models import (
    EraseScope,
    LeftOut,
    OperatorAction,
    Receipt,
    StagedBatch,
    Subscription,
    SyncRun,
    TrackBlob,
    YearFile,
)
from sync.publish import mark_removed

FORGOTTEN = "deleted by the member"
# What stays of a member whose files are gone: what happened, the proof of it, and what is not to come back.
KEPT = (SyncRun, Receipt, OperatorAction, LeftOut)


def forget_files(subscription: Subscription, scope: EraseScope) -> None:
    if scope == EraseScope.PRIVATE:
        _forget_private(subscription)
    else:
        _forget_everything_collected(subscription)


def forget_file(year_file: YearFile) -> None:
    """As if its member had removed it at Open Humans. Bringing it back reads everything of it again."""
    staged = StagedBatch.objects.filter(subscription=year_file.subscription_id)
    staged.filter(kind=year_file.kind, year=year_file.year).delete()
    year_file.superseded = []
    year_file.save(update_fields=["superseded"])
    mark_removed(year_file, timezone.now())


def _forget_private(subscription: Subscription) -> None:
    """What is public stays as it is; lists and the old app's files are read again should the choice widen."""
    StagedBatch.objects.filter(subscription=subscription, kind__in=YearFile.PRIVATE_KINDS).delete()
    in_private = Q(kind=YearFile.Kind.PRIVATE_TRACKS) | ~Q(repository__visibility="public")
    TrackBlob.objects.filter(in_private, subscription=subscription).delete()
    subscription.year_files.filter(kind__in=YearFile.PRIVATE_KINDS).delete()
    subscription.repositories.exclude(visibility="public").delete()
    subscription.read_lists_again()
    subscription.look_at_old_files_again()
    subscription.next_due_at = timezone.now()
    subscription.save(update_fields=["lists", "probe", "next_due_at"])


def _forget_everything_collected(subscription: Subscription) -> None:
    """Every table that hangs on the subscription, also those that later kinds of records bring."""
    for relation in Subscription._meta.related_objects:
        if relation.related_model not in KEPT:
            relation.related_model._default_manager.filter(**{relation.field.name: subscription}).delete()
    subscription.lists, subscription.probe = {}, {}
    subscription.ledger_starts_on = subscription.synced_at = subscription.reconciled_at = None
    subscription.reconciliation, subscription.next_due_at = {}, timezone.now()
    subscription.save(
        update_fields=[
            "lists",
            "probe",
            "ledger_starts_on",
            "synced_at",
            "reconciled_at",
            "reconciliation",
            "next_due_at",
        ]
    )


def forget_github_account(subscription: Subscription) -> None:
    """What was collected of it, so that another one can take its place; files that stay are forgotten."""
    _forget_everything_collected(subscription)
    subscription.agreement = {**subscription.agreement, "another_account": True}
    subscription.told = {}
    subscription.save(update_fields=["agreement", "told"])


def forget_github(subscription: Subscription) -> None:
    """The identity and, with it, the tokens."""
    SocialAccount.objects.filter(user=subscription.user, provider="github").delete()


def forget_member(run: SyncRun, receipt: Receipt) -> None:
    """The end: of all rows only the receipt stays, and it names nothing."""
    subscription = run.subscription
    credentials.forget_budget(subscription)
    with transaction.atomic():
        credentials.hold_tokens(subscription.user)
        # Before the run, as for a connection that comes back at this moment: neither waits in a circle.
        User.objects.select_for_update().filter(pk=subscription.user_id).first()
        run.hold()
        receipt.subscription = receipt.run = None
        receipt.found, receipt.left = [], []
        receipt.finished_at = timezone.now()
        receipt.save()
        forget_user(subscription.user)


def forget_user(user: User) -> None:
    """In the caller's transaction, as the last that it does."""
    forget_log_texts(user)
    delete_sessions(user)
    user.delete()
    erasures.note_done(user, erasures.GONE)


def forget_log_texts(user: User) -> None:
    """That an operator acted stays in the admin's log; on whom does not."""
    rows: dict[type[Model], QuerySet[Any]] = {
        User: User.objects.filter(pk=user.pk),
        Subscription: Subscription.objects.filter(user=user),
        SyncRun: SyncRun.objects.filter(subscription__user=user),
        YearFile: YearFile.objects.filter(subscription__user=user),
        SocialAccount: SocialAccount.objects.filter(user=user),
    }
    for model, named in rows.items():
        LogEntry.objects.filter(
            content_type=ContentType.objects.get_for_model(model),
            object_id__in=[str(key) for key in named.values_list("pk", flat=True)],
        ).update(object_repr=FORGOTTEN, object_id=None, change_message="")
