"""Taking one record, or a whole repository, out of the archive: a page that asks, and its form that does it.

The address holds a mark of what is meant. What it stands for is looked up in the member's own files each
time, so a mark of somebody else's record stands for nothing here.
"""

from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from sync import removing
from sync.access import member_page
from sync.choices import SyncUnderWay
from sync.left_out import memory_of
from sync.models import Subscription
from sync.pages.kind_names import name_of
from sync.pages.week_page import WEEK_REFUSED, parse, read_entries, refusal
from sync.pages.week_view import Line, as_text, line_of, record_mark, records_of, repository_mark
from sync.weeks import Week

Found = list[tuple[str, dict[str, Any]]]


@require_http_methods(["GET", "HEAD", "POST"])
@member_page
def record(request: HttpRequest, subscription: Subscription, text: str, mark: str) -> HttpResponse:
    week = parse(text)

    def remove(found: Found) -> None:
        kind, one = found[0]
        removing.remove_record(subscription, kind, one, week.year)

    return _answer(
        request, subscription, week, lambda kind, each: record_mark(kind, each) == mark, remove, "record"
    )


@require_http_methods(["GET", "HEAD", "POST"])
@member_page
def repository(request: HttpRequest, subscription: Subscription, text: str, mark: str) -> HttpResponse:
    week = parse(text)

    def remove(found: Found) -> None:
        ids = {each["repository_id"] for _, each in found}
        removing.remove_repository(subscription, sorted(ids), {each["repository"] for _, each in found})

    return _answer(request, subscription, week, lambda _kind, each: _is_of(each, mark), remove, "repository")


def _is_of(each: dict[str, Any], mark: str) -> bool:
    name, node_id = each.get("repository"), each.get("repository_id")
    if not (isinstance(name, str) and isinstance(node_id, str)):
        return False
    return bool(node_id) and node_id.isprintable() and repository_mark(name) == mark


def _answer(
    request: HttpRequest,
    subscription: Subscription,
    week: Week,
    is_meant: Callable[[str, dict[str, Any]], bool],
    remove: Callable[[Found], None],
    what: str,
) -> HttpResponse:
    try:
        entries = read_entries(subscription, str(week))
    except WEEK_REFUSED as error:
        return refusal(request, error, {"week": week})
    found = [(kind, each) for kind, each, _ in records_of(entries) if is_meant(kind, each)]
    if not found:
        raise Http404("There is no such record in this week.")
    covers = memory_of(subscription).covers
    if all(record_mark(kind, each) and covers(kind, each) for kind, each in found):
        removing.go_on(subscription)
        messages.info(request, "This is being taken out already.")
        return redirect("week", week)
    if request.method != "POST":
        return render(request, "sync/remove.html", _page(week, found, what))
    try:
        remove(found)
    except SyncUnderWay as wait:
        messages.warning(request, f"{wait} Please try again when it has ended.")
    else:
        messages.success(
            request, "It is being taken out of your files; your dashboard shows when it is done."
        )
    return redirect("week", week)


def _page(week: Week, found: Found, what: str) -> dict[str, object]:
    kind, first = found[0]
    line: Line = line_of(kind, first)
    return {
        "week": week,
        "what": what,
        "kind": as_text(name_of(kind)),
        "line": line,
        "repository": as_text(first.get("repository")),
        "count": len(found),
    }
