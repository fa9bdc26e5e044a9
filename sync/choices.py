"""What a member decides after connecting, and what each decision changes: in one transaction each."""

from collections.abc import Iterable
from datetime import date
from typing import Any

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from accounts.models import Credential
from sync import consent, runs
from sync.collect import calendars
from sync.errors import SyncError
from sync.leaving import erasing
from sync.models import PAUSED_BY_MEMBER, EraseScope, Subscription, SyncRun, TrackBlob, YearFile
from sync.records import CALENDAR
from sync.weeks import weeks_of_year

# What of an agreement is the member's own setting, and outlives connecting again.
TICKED = ("organizations", "organizations_out")
SETTINGS = ("kinds", "messages", "texts", "left_out", "private_counts", "left_out_files", "tracks", *TICKED)


class SyncUnderWay(SyncError):
    """What a run has in hand cannot be changed: wait for its end."""


def wants_messages(subscription: Subscription) -> bool:
    return bool(subscription.agreement.get("messages", True))


def save_settings(subscription: Subscription, kinds: Iterable[str], *, messages: bool) -> None:
    """What files hold of a kind that is switched off stays; one switched on is collected from now on."""
    chosen = set(kinds)
    new = [kind for kind in consent.KINDS if kind in chosen]
    changes: dict[str, Any] = {"kinds": new, "messages": messages}
    if set(new) - set(subscription.kinds):
        changes["agreed_at"] = timezone.now().isoformat()
    with transaction.atomic():
        subscription = _locked(subscription)
        subscription.agreement = {**subscription.agreement, **changes}
        subscription.next_due_at = timezone.now()
        subscription.save(update_fields=["agreement", "next_due_at"])


def carry_over(known: Subscription | None, agreement: dict[str, Any]) -> dict[str, Any]:
    """A new agreement with the settings of the one before: kinds added since stay off until chosen."""
    if known is None:
        return agreement
    return {**agreement, **{name: known.agreement[name] for name in SETTINGS if name in known.agreement}}


def answer_move(subscription: Subscription, *, widens: bool) -> None:
    """A member of the app before this one has seen what is new: only a yes adds to what is collected."""
    with transaction.atomic():
        subscription = _locked(subscription)
        kinds = list(consent.KINDS) if widens else subscription.kinds
        answer = {"text": consent.TEXT_VERSION, "kinds": kinds, "agreed_at": timezone.now().isoformat()}
        subscription.agreement = {**subscription.agreement, **answer}
        subscription.next_due_at = timezone.now()
        subscription.save(update_fields=["agreement", "next_due_at"])


# --- Private repositories -----------------------------------------------------------------------------


def leave_out_private(subscription: Subscription) -> SyncRun:
    """From this moment nothing private is collected; what is in files already is deleted by the run."""
    with transaction.atomic():
        subscription = _locked(subscription)
        kept = {name: value for name, value in subscription.agreement.items() if name not in TICKED}
        subscription.agreement = {
            **kept,
            "private": False,
            "secret_gists": False,
            "agreed_at": timezone.now().isoformat(),
        }
        subscription.save(update_fields=["agreement"])
        return erasing.start(subscription, EraseScope.PRIVATE)


def granted_scopes(subscription: Subscription) -> list[str]:
    """What GitHub lets us do with the access that it still accepts."""
    granted = Credential.objects.filter(
        identity__user=subscription.user_id, identity__provider="github", state=Credential.State.VALID
    )
    return list(granted.values_list("scopes", flat=True).first() or [])


def narrow_url() -> str:
    """GitHub's own page about our access, where a member can take it back."""
    return f"{settings.GITHUB_URL}/settings/connections/applications/{settings.GITHUB_CLIENT_ID}"


# --- Pausing ------------------------------------------------------------------------------------------


def pause(subscription: Subscription) -> None:
    with transaction.atomic():
        subscription = _locked(subscription)
        if subscription.status != Subscription.Status.ACTIVE:
            return
        active = subscription.active_run
        if active is not None and active.is_deleting:
            raise SyncUnderWay("What is being deleted comes first.")
        if active is not None:
            runs.cancel(active)
        subscription.status, subscription.reason = Subscription.Status.PAUSED, f"{PAUSED_BY_MEMBER}."
        subscription.save(update_fields=["status", "reason"])


def resume(subscription: Subscription) -> None:
    """What the member paused, or failures did. Other causes have their own way out."""
    with transaction.atomic():
        subscription = _locked(subscription)
        if subscription.status != Subscription.Status.PAUSED or subscription.is_paused_by_operator:
            return
        active = subscription.active_run
        if active is not None and active.is_deleting:
            raise SyncUnderWay("What is being deleted comes first.")
        subscription.status, subscription.reason = Subscription.Status.ACTIVE, ""
        subscription.failures, subscription.next_due_at = 0, timezone.now()
        subscription.save(update_fields=["status", "reason", "failures", "next_due_at"])
        runs.start(subscription, SyncRun.Trigger.RESUMED, is_interactive=True)


# --- Files the member removed -------------------------------------------------------------------------


def left_out_files(subscription: Subscription) -> list[str]:
    return list(subscription.agreement.get("left_out_files", []))


def leave_out_for_good(subscription: Subscription, year_file: YearFile) -> None:
    """The removal was meant: it is not asked about again. Bringing back stays possible."""
    with transaction.atomic():
        subscription = _locked(subscription)
        names = sorted({*left_out_files(subscription), year_file.name})
        subscription.agreement = {**subscription.agreement, "left_out_files": names}
        subscription.save(update_fields=["agreement"])


def bring_back(subscription: Subscription, year_file: YearFile) -> None:
    """Have a removed year collected again: histories and lists are read from their top, its calendar too.

    Merging is a union, so that what the other files hold already changes nothing. Raise `SyncUnderWay` while
    a run has these states in hand.
    """
    with transaction.atomic():
        subscription = _locked(subscription)
        if subscription.active_run is not None:
            raise SyncUnderWay("A sync is under way.")
        subscription.year_files.filter(pk=year_file.pk).update(removed_by_member_at=None)
        if year_file.holds_tracks:
            _read_tracks_again(subscription, year_file)
        elif not year_file.is_document:
            _read_year_again(subscription, year_file.year)
        names = [name for name in left_out_files(subscription) if name != year_file.name]
        subscription.agreement = {**subscription.agreement, "left_out_files": names}
        subscription.save(update_fields=["lists", "probe", "agreement"])
        if subscription.status == Subscription.Status.ACTIVE:
            runs.start(subscription, SyncRun.Trigger.MEMBER, is_interactive=True)


def read_everything_again(subscription: Subscription) -> None:
    """Also what only a file of the old app tells. The caller saves the subscription."""
    _read_histories_again(subscription)
    subscription.read_lists_again()
    subscription.look_at_old_files_again()
    if CALENDAR in subscription.lists:
        calendars.read_again(subscription, timezone.now().date())


def _read_year_again(subscription: Subscription, year: int) -> None:
    """Histories, lists, that year's calendar, and what only the old app's file tells. The caller saves."""
    _read_histories_again(subscription)
    subscription.read_lists_again()
    subscription.look_at_old_files_again()
    calendar = subscription.lists.setdefault(CALENDAR, {"years": [], "windows": []})
    waiting = [list(window) for window in calendar["windows"]]
    calendar["windows"] = waiting + [window for window in _windows(year) if window not in waiting]


def _read_histories_again(subscription: Subscription) -> None:
    subscription.repositories.filter(is_fork=False, not_readable="").exclude(head_oid="").update(
        pinned_oid="",
        cursor="",
        held_by_week={},
        seen_by_week={},
        held=0,
        is_read=False,
        frontier=None,
        newest_oid="",
    )


def _read_tracks_again(subscription: Subscription, year_file: YearFile) -> None:
    """The files whose tracks stood in it, as far as GitHub still has them."""
    blobs = subscription.track_blobs.filter(kind=year_file.kind, years__contains=[year_file.year])
    blobs.update(state=TrackBlob.State.REPLACED)


def _windows(year: int) -> list[list[str]]:
    """An ISO year in parts that lie in one calendar year each: GitHub's windows are a year at the longest."""
    weeks = weeks_of_year(year)
    first, last = weeks[0].starts_on, min(weeks[-1].ends_on, timezone.now().date())
    parts = [
        (max(first, date(number, 1, 1)), min(last, date(number, 12, 31)))
        for number in range(last.year, first.year - 1, -1)
    ]
    # A whole calendar year tells its private contributions as well.
    whole = (date(year, 1, 1), min(date(year, 12, 31), timezone.now().date()))
    windows = [whole if part[0].year == year else part for part in parts]
    return [[since.isoformat(), until.isoformat()] for since, until in windows if since <= until]


def _locked(subscription: Subscription) -> Subscription:
    return Subscription.objects.select_for_update(of=("self",)).get(pk=subscription.pk)
