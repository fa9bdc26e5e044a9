"""The page of one week: read from the member's files on Open Humans at this moment, and not kept."""

from http import HTTPStatus
from typing import Any

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

import openhumans_client as openhumans
from accounts.encryption import DecryptionFailed
from sync import credentials
from sync.access import member_page
from sync.archive import ArchiveError
from sync.errors import OpenHumansAccessLost
from sync.ledger import WeekEntry
from sync.left_out import memory_of
from sync.models import Subscription, YearFile
from sync.pages import downloads
from sync.pages.week_view import read_week, view_week
from sync.pages.year_view import calendar_of, state_of
from sync.weeks import Week

YEARS = (YearFile.Kind.PUBLIC, YearFile.Kind.PRIVATE)
WEEK_REFUSED = (
    downloads.FileGone,
    openhumans.OpenHumansError,
    OpenHumansAccessLost,
    DecryptionFailed,
    ArchiveError,
)


@require_safe
@member_page
def week(request: HttpRequest, subscription: Subscription, text: str) -> HttpResponse:
    shown = parse(text)
    of_year = subscription.year_files.filter(year=shown.year)
    files = list(of_year.exclude(kind__in=YearFile.TRACK_KINDS).order_by("-kind"))
    ledgers = [file.weeks[text] for file in files if text in file.weeks]
    context = {"week": shown, **_neighbours(shown), **_from_ledger(shown, ledgers)}
    if not subscription.keeps_calendar:
        context |= {"days": [], "contributions": 0}
    try:
        entries = read_entries(subscription, text)
    except WEEK_REFUSED as error:
        return refusal(request, error, context)
    repositories = view_week(entries, memory_of(subscription).covers)
    return render(request, "sync/week.html", {"repositories": repositories, **context})


def refusal(request: HttpRequest, error: Exception, context: dict[str, object]) -> HttpResponse:
    """The page that says why the week cannot be read now; `context` holds the week."""
    match error:
        case downloads.FileGone() | openhumans.NotFound():
            why, code = "gone", HTTPStatus.NOT_FOUND
        case openhumans.Unauthorized() | OpenHumansAccessLost() | DecryptionFailed():
            why, code = "sign_in", HTTPStatus.FORBIDDEN
        case ArchiveError():
            why, code = "unreadable", HTTPStatus.BAD_GATEWAY
        case _:
            why, code = downloads.outage_of(error)
    return render(request, "sync/week_refused.html", {"why": why, **context}, status=code)


def parse(text: str) -> Week:
    try:
        shown = Week.parse(text)
        shown.ended_at.timetuple()
    except (ValueError, OverflowError):
        raise Http404("There is no such week.") from None
    if shown > Week.of(timezone.now()):
        raise Http404("This week has not begun.")
    return shown


def read_entries(subscription: Subscription, text: str) -> list[tuple[dict[str, Any], bool]]:
    """(what a file holds of the week, is it private); only files that hold records of it are fetched."""
    deadline = credentials.page_deadline()
    files = subscription.year_files.filter(year=Week.parse(text).year, kind__in=YEARS)
    entries = []
    for file in files.exclude(current_id=None).order_by("-kind"):
        if not any(file.weeks.get(text, {}).get("counts", {}).values()):
            continue
        with downloads.fetch(subscription.user, file, deadline) as content:
            entry = read_week(content, text)
        if entry is not None:
            entries.append((entry, file.kind == YearFile.Kind.PRIVATE))
    return entries


def _from_ledger(shown: Week, ledgers: list[WeekEntry]) -> dict[str, object]:
    days = calendar_of(shown, ledgers)
    return {
        "state": state_of(ledgers),
        "days": sorted(days.items()),
        "contributions": sum(days.values()),
    }


def _neighbours(shown: Week) -> dict[str, object]:
    after = shown.next() if shown < Week.of(timezone.now()) else None
    return {"before": shown.previous() if shown.starts_on.year > 1970 else None, "after": after}
