"""The page about tracks: whether to look, which folders, which places are hidden; and each track's own."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.template.defaultfilters import pluralize
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sync.access import member_page
from sync.models import (
    RepositoryState,
    Subscription,
    TrackBlob,
    TrackFolder,
    TrackPlace,
    TrackSettings,
    YearFile,
)
from sync.pages.track_panel import TrackLine, is_being_rewritten, lines_of, unanswered_files
from sync.pages.track_weeks import WeekSum
from sync.tracking import answers, finding, scope, zones
from sync.tracking.answers import FolderKey
from sync.tracks.finder import is_unlikely
from sync.tracks.zones import RADIUS_M

# Of one repository, and in all: beyond, folders are asked about together with what lies in them.
MOST_FOLDERS = 40
MOST_LINES = 400
MOST_NOT_READABLE = 200


class LookForm(forms.Form):
    forks = forms.BooleanField(required=False)
    others = forms.BooleanField(required=False)


class ZoneForm(forms.Form):
    """`place` is latitude and longitude as maps write them: "52.5163, 13.3777"."""

    name = forms.CharField(max_length=60, error_messages={"required": "Give the place a name of your own."})
    place = forms.CharField(
        max_length=60,
        error_messages={"required": "Say where it is: latitude and longitude, as a map shows them."},
    )
    radius_m = forms.FloatField(
        min_value=RADIUS_M[0],
        max_value=RADIUS_M[1],
        error_messages={
            "required": "Say how many metres around it are hidden.",
            "invalid": "The radius is a number of metres.",
            "min_value": "The radius is at least 50 metres.",
            "max_value": "The radius is at most 20,000 metres.",
        },
    )

    def clean_place(self) -> tuple[float, float]:
        """Longitude and latitude."""
        parts = str(self.cleaned_data["place"]).replace(";", ",").split(",")
        try:
            latitude, longitude = (float(part) for part in parts)
        except ValueError:
            raise forms.ValidationError("Write it as 52.5163, 13.3777.") from None
        # Written so that NaN fails.
        if not (-90 <= latitude <= 90 and -180 <= longitude <= 180):
            raise forms.ValidationError("This does not lie on the earth. Latitude comes first.")
        return longitude, latitude


# --- The page -----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FolderLine:
    """One folder as the page asks about it; `is_new` when there is no answer yet."""

    key: str
    path: str
    files: int
    is_ticked: bool
    is_new: bool


@dataclass(frozen=True, slots=True)
class RepositoryLines:
    state: RepositoryState
    folders: list[FolderLine]


@require_safe
@member_page
def tracks(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    return render(request, "sync/tracks.html", _page(subscription, ZoneForm()))


def _page(subscription: Subscription, zone_form: ZoneForm) -> dict[str, Any]:
    is_looking = scope.is_looking(subscription)
    chosen = TrackSettings.objects.filter(subscription=subscription).first()
    return {
        "subscription": subscription,
        "agreed": scope.agreed(subscription),
        "is_looking": is_looking,
        "is_running": subscription.active_run is not None,
        "is_listing": is_looking and finding.next_tree(subscription) is not None,
        "has_answered": chosen is not None and chosen.answered_at is not None,
        "repositories": asked_folders(subscription) if is_looking else [],
        "unanswered": unanswered_files(subscription) if is_looking else 0,
        "settings": chosen,
        "zones": zones.load(subscription).named,
        "zone_form": zone_form,
        "is_rewriting": is_being_rewritten(subscription),
        "not_readable": _not_readable(subscription) + (_beyond_cap(subscription) if is_looking else []),
        "years": _years(subscription),
    }


def asked_folders(subscription: Subscription) -> list[RepositoryLines]:
    """Repositories with files that may be tracks, by name."""
    states = scope.repositories(subscription).filter(track_places__isnull=False).distinct().order_by("name")
    places = {
        state.pk: list(state.track_places.only("path", "oid", "is_wanted", "repository_id").order_by("path"))
        for state in states
    }
    folders = sum(len({scope.folder_of(place.path) for place in found}) for found in places.values())
    most = MOST_FOLDERS if folders <= MOST_LINES else 1
    return [RepositoryLines(state, _folder_lines(state, places[state.pk], most)) for state in states]


def _folder_lines(state: RepositoryState, places: list[TrackPlace], most: int) -> list[FolderLine]:
    known = dict(TrackFolder.objects.filter(repository=state).values_list("path", "is_ticked"))
    different = {place.oid: place for place in reversed(places)}.values()
    shown = _shown_folder(places, most)
    counts = Counter(shown(place.path) for place in different)
    unlikely = {shown(place.path) for place in different if is_unlikely(place.path)}
    # Below a ticked folder only what is unlikely waits: its tick is no answer for that.
    waiting = {shown(place.path) for place in places if place.is_wanted is None} - set(known)
    lines = []
    for folder, count in sorted(counts.items()):
        answer = None if folder in waiting else scope.answer_for(folder, known)
        first = not state.is_fork and folder not in unlikely
        lines.append(
            FolderLine(
                f"{state.pk}:{folder}",
                folder,
                count,
                is_ticked=first if answer is None else answer,
                is_new=answer is None,
            )
        )
    return lines


def _shown_folder(places: Iterable[TrackPlace], most: int) -> Callable[[str], str]:
    """Each folder for itself, or, where there are too many, the topmost ones, or the whole repository."""
    for depth in (None, 1, 0):

        def shown(path: str, depth: int | None = depth) -> str:
            folders = scope.folder_of(path).split("/")
            return "/".join(folders if depth is None else folders[:depth])

        if len({shown(place.path) for place in places}) <= most:
            break
    return shown


def _not_readable(subscription: Subscription) -> list[dict[str, str]]:
    """Files that gave no track, with the reason, as long as they lie there."""
    reasons = dict(
        TrackBlob.objects.filter(subscription=subscription, state=TrackBlob.State.UNREADABLE).values_list(
            "oid", "reason"
        )
    )
    places = TrackPlace.objects.filter(
        repository__subscription=subscription, is_wanted=True, oid__in=list(reasons)
    ).select_related("repository")
    return [
        {"repository": place.repository.name, "path": place.path, "reason": reasons[place.oid]}
        for place in places.order_by("repository__name", "path")[:MOST_NOT_READABLE]
    ]


def _beyond_cap(subscription: Subscription) -> list[dict[str, str]]:
    most = settings.TRACKS_FILES_PER_REPOSITORY
    states = scope.repositories(subscription).exclude(tracks_left_out={}).order_by("name")
    found = []
    for state in states:
        number = sum(state.tracks_left_out.values())
        more = f"{number:,} more file{pluralize(number)}"
        reason = f"{more}: more than {most:,} in one repository."
        found.append({"repository": state.name, "path": "", "reason": reason})
    return found


def _years(subscription: Subscription) -> list[tuple[int, WeekSum]]:
    """How many tracks each year holds, newest first."""
    files = subscription.year_files.filter(kind__in=YearFile.TRACK_KINDS).exclude(current_id=None)
    years: dict[int, WeekSum] = {}
    for file in files:
        for entry in file.weeks.values():
            years[file.year] = years.get(file.year, WeekSum()) + entry
    return sorted(years.items(), reverse=True)


# --- What is decided on it ----------------------------------------------------------------------------


@require_POST
@member_page
def look(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    form = LookForm(request.POST)
    form.is_valid()
    answers.look(subscription, forks=form.cleaned_data["forks"], others=form.cleaned_data["others"])
    return redirect("tracks")


@require_POST
@member_page
def stop(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    answers.stop_looking(subscription)
    messages.success(request, "We do not look for tracks any more. Files that hold some stay as they are.")
    return redirect("tracks")


@require_POST
@member_page
def choose(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """Only folders that the page showed are answered: one that came meanwhile is asked about later."""
    if not scope.is_looking(subscription):
        return redirect("tracks")
    shown = _keys(request.POST.getlist("shown"))
    answers.answer(subscription, shown, shown & _keys(request.POST.getlist("folder")))
    messages.success(request, "Your answer is saved.")
    return redirect("tracks")


def _keys(values: Iterable[str]) -> set[FolderKey]:
    keys = set()
    for value in values:
        number, _, path = value.partition(":")
        if number.isdecimal() and len(number) < 19 and "\0" not in path:
            keys.add((int(number), path))
    return keys


@require_http_methods(["POST"])
@member_page
def add_zone(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    form = ZoneForm(request.POST)
    if not form.is_valid():
        return render(request, "sync/tracks.html", _page(subscription, form), status=400)
    longitude, latitude = form.cleaned_data["place"]
    zone = zones.make(form.cleaned_data["name"], longitude, latitude, form.cleaned_data["radius_m"])
    try:
        answers.add_zone(subscription, zone)
    except answers.TooManyZones as error:
        messages.error(request, str(error))
    else:
        messages.success(request, f"{zone.name} is hidden from now on.")
    return redirect("tracks")


@require_POST
@member_page
def remove_zone(request: HttpRequest, subscription: Subscription, key: str) -> HttpResponse:
    answers.remove_zone(subscription, key)
    messages.success(request, "The place is not hidden any more. What it hid is fetched again if it can be.")
    return redirect("tracks")


# --- Tracks -------------------------------------------------------------------------------------------


@require_safe
@member_page
def year(request: HttpRequest, subscription: Subscription, number: int) -> HttpResponse:
    files = _shown_files(subscription).filter(year=number)
    lines = lines_of(files)
    if not lines:
        raise Http404("There are no tracks of this year.")
    return render(request, "sync/tracks_of_year.html", {"number": number, "lines": lines, "files": files})


@require_safe
@member_page
def track(request: HttpRequest, subscription: Subscription, pk: int, oid: str, number: int) -> HttpResponse:
    file = get_object_or_404(_shown_files(subscription), pk=pk)
    line = _line(file, oid, number)
    replaced = line.facts["replaces"]
    return render(request, "sync/track.html", {"line": line, "file": file, "replaces": replaced})


def _line(file: YearFile, oid: str, number: int) -> TrackLine:
    for line in lines_of([file]):
        if line.track.key == (oid, number):
            return line
    raise Http404("There is no such track.")


def _shown_files(subscription: Subscription) -> Any:
    """None while they are rewritten: until then they may tell of places that are hidden now."""
    files = subscription.year_files.filter(kind__in=YearFile.TRACK_KINDS).exclude(current_id=None)
    return files.none() if is_being_rewritten(subscription) else files
