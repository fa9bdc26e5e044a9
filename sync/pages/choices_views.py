"""The page where a member looks at their choices, and the forms that change them."""

from collections.abc import Callable

from django import forms
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_http_methods, require_POST

from sync import choices, consent, omitting, removing
from sync.access import member_page
from sync.leaving import erasing
from sync.leaving.leave_views import to_receipt
from sync.models import EraseScope, Subscription, YearFile
from sync.pages.agreed import agreed_by
from sync.pages.kind_names import name_of, text_of
from sync.tracking import scope


class SettingsForm(forms.Form):
    kinds = forms.MultipleChoiceField(
        choices=[(kind, kind) for kind in consent.KINDS],
        error_messages={
            "required": "Choose at least one kind. To stop collecting altogether, pause.",
            "invalid_choice": "This kind cannot be collected.",
        },
    )
    messages = forms.BooleanField(required=False)


@require_http_methods(["GET", "HEAD", "POST"])
@member_page
def choose(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    form = SettingsForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        choices.save_settings(
            subscription, form.cleaned_data["kinds"], messages=form.cleaned_data["messages"]
        )
        messages.success(request, "Your choices are saved.")
        return redirect("choices")
    return render(
        request, "sync/choices.html", _page(subscription, form), status=400 if form.is_bound else 200
    )


def _page(subscription: Subscription, form: SettingsForm) -> dict[str, object]:
    chosen = form.data.getlist("kinds") if form.is_bound else subscription.kinds  # type: ignore[attr-defined]
    wants_messages = "messages" in form.data if form.is_bound else choices.wants_messages(subscription)
    active = subscription.active_run
    files = list(subscription.year_files.all())
    return {
        "form": form,
        "subscription": subscription,
        "kinds": [(kind, name_of(kind), text_of(kind), kind in chosen) for kind in consent.KINDS],
        "wants_messages": wants_messages,
        "omissions": subscription.omissions,
        "organizations_in": subscription.agreement.get("organizations", []),
        "omitted_names": omitting.omitted_names(subscription),
        "is_deleting": active is not None and active.is_deleting,
        "is_running": active is not None,
        "private_files": [file for file in files if file.kind in YearFile.PRIVATE_KINDS and file.current_id],
        "left_out": removing.counts(subscription),
        "removed_files": [file for file in files if file.removed_by_member_at],
        "agreed": agreed_by(subscription),
        "narrow_url": choices.narrow_url(),
        "is_looking_for_tracks": scope.is_looking(subscription),
    }


@require_http_methods(["GET", "HEAD", "POST"])
@member_page
def private(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """Leaving private repositories out again: asks, then deletes their files."""
    files = subscription.year_files.filter(kind__in=YearFile.PRIVATE_KINDS).exclude(current_id=None)
    is_included = subscription.includes_private or subscription.agreement.get("secret_gists")
    if not is_included and not files.exists():
        return redirect("choices")
    if request.method != "POST":
        context = {"subscription": subscription, "files": files, "narrow_url": choices.narrow_url()}
        return render(request, "sync/leave_out_private.html", context)
    return to_receipt(request, lambda: choices.leave_out_private(subscription))


@require_POST
@member_page
def pause(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    return _unless_under_way(request, lambda: choices.pause(subscription), "dashboard")


@require_POST
@member_page
def resume(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    return _unless_under_way(request, lambda: choices.resume(subscription), "dashboard")


@require_http_methods(["GET", "HEAD", "POST"])
@member_page
def delete_file(request: HttpRequest, subscription: Subscription, pk: int) -> HttpResponse:
    """One file: asks, then deletes it."""
    file = get_object_or_404(subscription.year_files.defer("weeks"), pk=pk)
    if file.current_id is None:
        return redirect("dashboard")
    if request.method != "POST":
        return render(request, "sync/delete_file.html", {"file": file, "subscription": subscription})
    return to_receipt(request, lambda: erasing.start(subscription, EraseScope.FILE, file=file.name))


@require_POST
@member_page
def bring_back(request: HttpRequest, subscription: Subscription, pk: int) -> HttpResponse:
    file = get_object_or_404(subscription.year_files, pk=pk, removed_by_member_at__isnull=False)
    return _unless_under_way(request, lambda: choices.bring_back(subscription, file), "dashboard")


@require_POST
@member_page
def leave_out(_request: HttpRequest, subscription: Subscription, pk: int) -> HttpResponse:
    file = get_object_or_404(subscription.year_files, pk=pk, removed_by_member_at__isnull=False)
    choices.leave_out_for_good(subscription, file)
    return redirect("dashboard")


@require_POST
@member_page
def come_back(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    """What the member took out of the archive is collected again, as far as GitHub still has it."""
    return _unless_under_way(request, lambda: removing.let_come_back(subscription), "choices")


def _unless_under_way(request: HttpRequest, act: Callable[[], None], then: str) -> HttpResponse:
    try:
        act()
    except choices.SyncUnderWay as wait:
        messages.warning(request, f"{wait} Please try again when it has ended.")
    return redirect(then)
