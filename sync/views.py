"""The pages and answers of the site; what they show is read in `dashboard`, what they start is in `runs`."""

from datetime import datetime
from http import HTTPStatus
from math import ceil
from pathlib import Path

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe
from django_htmx.http import trigger_client_event

from sync import runs
from sync.access import member_page
from sync.legacy.moving import awaits_consent
from sync.models import Subscription, SyncRun
from sync.pages.dashboard import Dashboard, is_as_marked, update_again_at
from sync.pages.example import example_year
from sync.pages.intervals import every

SCHEMAS = Path(__file__).parent / "schemas"


@require_safe
def landing(request: HttpRequest) -> HttpResponseBase:
    if request.user.is_authenticated:
        return redirect("dashboard")
    shown = {"example": example_year(), "every": every(settings.SYNC_DUE_DAYS)}
    return render(request, "sync/landing.html", shown)


@require_safe
@member_page
def dashboard(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    if awaits_consent(subscription):
        return redirect("moved")
    page = Dashboard.load(subscription, timezone.now())
    year = request.GET.get("year", str(page.years[0]))
    if year not in map(str, page.years):
        raise Http404("There is no such year in this archive.")
    if page.newest is not None:
        runs.move_up(page.newest)
    shown = {"page": page, "year": page.year(int(year)), "tracks": page.tracks(int(year))}
    return render(request, "sync/dashboard.html", shown)


@require_safe
@member_page
def progress(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """The status alone, and nothing where it is as it was: a page asks every two seconds.

    A page that is behind is told so, and asks for the rest of itself again.
    """
    now, mark = timezone.now(), request.GET.get("mark")
    if mark and is_as_marked(subscription, mark, now):
        return HttpResponse(status=HTTPStatus.NO_CONTENT)
    page = Dashboard.load(subscription, now)
    is_behind = request.GET.get("seen") != page.fingerprint
    response = render(request, "sync/_status.html", {"page": page, "is_behind": is_behind})
    return trigger_client_event(response, "archive-changed") if is_behind else response


@require_safe
@member_page
def status(_request: HttpRequest, subscription: Subscription) -> HttpResponse:
    page = Dashboard.load(subscription, timezone.now())
    newest = page.newest
    return JsonResponse(
        {
            "state": newest.state if newest else "idle",
            "weeks_held": page.progress.held,
            "weeks_known": page.progress.known,
            "requests": newest.requests if newest else 0,
            "points": newest.points if newest else 0,
            "waiting_until": newest.resume_at if newest else None,
            "reason": (newest.get_wait_reason_display() if newest else "") or subscription.reason or None,
            "is_running": page.is_running,
            "error": (newest.error or newest.error_code if newest else "") or None,
        }
    )


@require_safe
@member_page
def files(_request: HttpRequest, subscription: Subscription) -> HttpResponse:
    return JsonResponse(
        [
            {
                "name": file.name,
                "year": file.year,
                "kind": file.kind,
                "size": file.size,
                "md5": file.md5,
                "weeks": {week: entry.get("state") for week, entry in file.weeks.items()},
                "url": reverse("download", args=[file.pk]),
            }
            for file in subscription.year_files.filter(current_id__isnull=False)
        ],
        safe=False,
    )


@require_POST
@member_page
def update(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """The button "Update now". An active run is simply shown; otherwise once in a while is enough."""
    if subscription.status != Subscription.Status.ACTIVE:
        messages.error(request, "Nothing can be updated at the moment. What to do stands below.")
        return redirect("dashboard")
    again_at = update_again_at(subscription.runs.first(), timezone.now())
    if again_at is not None:
        return _too_early(request, again_at)
    runs.start(subscription, SyncRun.Trigger.MEMBER, is_interactive=True)
    return redirect("dashboard")


def _too_early(request: HttpRequest, again_at: datetime) -> HttpResponse:
    page = render(request, "429.html", {"again_at": again_at}, status=HTTPStatus.TOO_MANY_REQUESTS)
    page["Retry-After"] = str(ceil((again_at - timezone.now()).total_seconds()))
    return page


@require_safe
@cache_control(public=True, max_age=86_400)
def schema(_request: HttpRequest, name: str) -> HttpResponse:
    """`name` is that of a file in SCHEMAS: there is a route for each, and no other."""
    response = HttpResponse((SCHEMAS / name).read_bytes(), content_type="application/schema+json")
    response["Access-Control-Allow-Origin"] = "*"
    return response
