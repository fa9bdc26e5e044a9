"""Changing to another GitHub account: its own act, because nothing of two accounts is ever mixed.

The present account is disconnected and forgotten here, its files stay or go as the member says, and then the
other one is connected as if it were the first.
"""

import re

from django import forms
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from sync.access import member_page
from sync.leaving import erasing
from sync.leaving.leave_views import to_receipt
from sync.models import EraseScope, Subscription

LOGIN = re.compile(r"[A-Za-z0-9_-]{1,39}")


class AccountForm(forms.Form):
    scope = forms.TypedChoiceField(
        coerce=EraseScope,
        choices=[(scope.value, scope.label) for scope in (EraseScope.CHANGE, EraseScope.REPLACE)],
        error_messages={
            "required": "Say what is to happen to the files.",
            "invalid_choice": "Say what is to happen to the files.",
        },
    )


@require_http_methods(["GET", "HEAD", "POST"])
@member_page
def change(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    if subscription.awaits_another_account:
        return redirect("connect")
    form = AccountForm(request.POST if request.method == "POST" else None)
    if not form.is_valid():
        other = request.GET.get("to", "")
        context = {
            "form": form,
            "subscription": subscription,
            "other": other if LOGIN.fullmatch(other) else "",
            "file_count": subscription.year_files.exclude(current_id=None).count(),
        }
        return render(request, "sync/change_account.html", context, status=400 if form.is_bound else 200)
    return to_receipt(request, lambda: erasing.start(subscription, form.cleaned_data["scope"]))
