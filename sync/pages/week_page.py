"""The page of one week: read from the member's files on Open Humans at this moment, and not kept."""

from http import HTTPStatus

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.decorators.http import require_safe

import openhumans_client as openhumans
from accounts.encryption import DecryptionFailed
from sync.access import member_page
from sync.archive import ArchiveError
from sync.errors import OpenHumansAccessLost
from sync.ledger import WeekEntry
from sync.models import Subscription, YearFile
from sync.pages import downloads
from sync.pages.week_view import RepositoryView, read_week, view_week
from sync.pages.year_view import calendar_of, state_of
from sync.weeks import Week


@require_safe
@member_page
def week(request: HttpRequest, subscription: Subscription, text: str) -> HttpResponse:
    shown = _parse(text)
    of_year = subscription.year_files.filter(year=shown.year)
    files = list(of_year.exclude(kind__in=YearFile.TRACK_KINDS).order_by("-kind"))
    ledgers = [file.weeks[text] for file in files if text in file.weeks]
    context = {"week": shown, **_neighbours(shown), **_from_ledger(shown, ledgers)}
    try:
        repositories = _read(subscription, [file for file in files if file.current_id], text)
    except (downloads.FileGone, openhumans.NotFound):
        return _refusal(request, "gone", context, HTTPStatus.NOT_FOUND)
    except (openhumans.Unauthorized, OpenHumansAccessLost, DecryptionFailed):
        return _refusal(request, "sign_in", context, HTTPStatus.FORBIDDEN)
    except openhumans.OpenHumansError:
        return _refusal(request, "unavailable", context, HTTPStatus.BAD_GATEWAY)
    except ArchiveError:
        return _refusal(request, "unreadable", context, HTTPStatus.BAD_GATEWAY)
    return render(request, "sync/week.html", {"repositories": repositories, **context})


def _parse(text: str) -> Week:
    try:
        shown = Week.parse(text)
        shown.ended_at.timetuple()
    except (ValueError, OverflowError):
        raise Http404("There is no such week.") from None
    if shown > Week.of(timezone.now()):
        raise Http404("This week has not begun.")
    return shown


def _read(subscription: Subscription, files: list[YearFile], text: str) -> list[RepositoryView]:
    """Only the files whose ledger knows of records in this week are fetched."""
    entries = []
    for file in files:
        if not any(file.weeks.get(text, {}).get("counts", {}).values()):
            continue
        with downloads.fetch(subscription.user, file) as content:
            entry = read_week(content, text)
        if entry is not None:
            entries.append((entry, file.kind == YearFile.Kind.PRIVATE))
    return view_week(entries)


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


def _refusal(request: HttpRequest, why: str, context: dict[str, object], code: HTTPStatus) -> HttpResponse:
    return render(request, "sync/week_refused.html", {"why": why, **context}, status=code)
