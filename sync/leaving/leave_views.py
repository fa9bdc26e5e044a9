"""Leaving, in three acts that are kept apart: disconnect GitHub, delete the files, delete the account.

Each says what goes and what stays, asks once, and ends in a receipt.
"""

from collections.abc import Callable
from http import HTTPStatus

from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_http_methods, require_safe

import openhumans_client as openhumans
from accounts.models import User
from sync import choices, credentials
from sync.leaving import erasing
from sync.models import EraseScope, Receipt, Subscription, SyncRun

# The private files are deleted by a choice, not by leaving.
ACTS = (EraseScope.GITHUB, EraseScope.FILES, EraseScope.ACCOUNT)


def _member_and_subscription(request: HttpRequest) -> tuple[User, Subscription | None]:
    """Leaving is also for a member who never connected GitHub."""
    if not (isinstance(request.user, User) and request.user.is_member):
        raise PermissionDenied("An operator's account has nothing to leave.")
    return request.user, Subscription.objects.filter(user=request.user).first()


@require_safe
@cache_control(private=True, no_store=True)
@login_required
def leaving(request: HttpRequest) -> HttpResponse:
    _, subscription = _member_and_subscription(request)
    return render(request, "sync/leaving.html", _facts(subscription))


@require_http_methods(["GET", "HEAD", "POST"])
@cache_control(private=True, no_store=True)
@login_required
def leave(request: HttpRequest, scope: str) -> HttpResponse:
    """One act: its page asks, and its form does it."""
    if scope not in ACTS:
        raise Http404("There is no such way to leave.")
    member, subscription = _member_and_subscription(request)
    if subscription is None and scope != EraseScope.ACCOUNT:
        return redirect("leaving")
    if request.method != "POST":
        return render(request, "sync/leave.html", {"scope": scope, **_facts(subscription)})
    if subscription is None:
        return _leave_unconnected(request, member)
    return _start(request, subscription, EraseScope(scope))


def _facts(subscription: Subscription | None) -> dict[str, object]:
    if subscription is None:
        return {"subscription": None, "file_count": 0, "is_connected": False}
    return {
        "subscription": subscription,
        "file_count": subscription.year_files.exclude(current_id=None).count(),
        "is_connected": subscription.github_identity is not None,
    }


def _start(request: HttpRequest, subscription: Subscription, scope: EraseScope) -> HttpResponse:
    response = to_receipt(request, lambda: erasing.start(subscription, scope))
    if scope == EraseScope.ACCOUNT:
        logout(request)
    return response


def to_receipt(request: HttpRequest, start: Callable[[], SyncRun]) -> HttpResponse:
    """Of the erasing that this starts, or of the other one that has to end first."""
    try:
        receipt = start().receipt
    except erasing.ErasingUnderWay as other:
        messages.warning(request, "This is still under way. When it has ended, ask for the other once more.")
        receipt = other.receipt
    return redirect("receipt", receipt.key)


def _leave_unconnected(request: HttpRequest, member: User) -> HttpResponse:
    try:
        receipt = erasing.end_unconnected(member, credentials.page_deadline())
    except openhumans.OpenHumansError as error:
        is_slow = isinstance(error, openhumans.Unavailable) and error.is_timeout
        status = HTTPStatus.GATEWAY_TIMEOUT if is_slow else HTTPStatus.BAD_GATEWAY
        context = {"is_slow": is_slow, "so_far": erasing.progress_of(member)}
        return render(request, "sync/leave_later.html", context, status=status)
    logout(request)
    return redirect("receipt", receipt.key)


@require_safe
@cache_control(private=True, no_store=True)
def receipt(request: HttpRequest, key: str) -> HttpResponse:
    """The member's own; the one of a deleted account belongs to whoever has its address."""
    found = get_object_or_404(Receipt.objects.select_related("subscription__user", "run"), key=key)
    is_own = found.subscription is not None and found.subscription.user == request.user
    if found.scope != EraseScope.ACCOUNT and not is_own:
        raise Http404("There is no such receipt.")
    return render(request, "sync/receipt.html", _receipt_page(found))


TITLES = {
    EraseScope.GITHUB: ("Disconnecting GitHub", "GitHub is disconnected"),
    EraseScope.PRIVATE: ("Deleting your private files", "Your private files are deleted"),
    EraseScope.FILES: ("Deleting your files", "Your files are deleted"),
    EraseScope.FILE: ("Deleting a file", "The file is deleted"),
    EraseScope.ACCOUNT: ("Deleting your account", "Your account is deleted"),
    EraseScope.CHANGE: ("Making room for another GitHub account", "There is room for another GitHub account"),
    EraseScope.REPLACE: (
        "Making room for another GitHub account",
        "There is room for another GitHub account",
    ),
}
# Where to ask for it once more, for what is not asked for on the pages of leaving.
ELSEWHERE = {
    EraseScope.PRIVATE: "leave_out_private",
    EraseScope.FILE: "dashboard",
    EraseScope.CHANGE: "change_account",
    EraseScope.REPLACE: "change_account",
}


def _receipt_page(found: Receipt) -> dict[str, object]:
    scope = EraseScope(found.scope)
    doing_title, done_title = TITLES[scope]
    return {
        "receipt": found,
        "is_going_on": not found.is_finished and found.run is not None and found.run.is_active,
        "is_whole": found.is_finished and found.files in ("", Receipt.Outcome.DONE),
        "doing_title": doing_title,
        "done_title": done_title,
        "again_url": reverse(ELSEWHERE[scope]) if scope in ELSEWHERE else reverse("leave", args=[scope]),
        "makes_room": scope in (EraseScope.CHANGE, EraseScope.REPLACE),
        "narrow_url": choices.narrow_url(),
        "openhumans_url": settings.OPENHUMANS_URL,
    }
