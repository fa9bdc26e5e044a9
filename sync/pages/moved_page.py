"""The first page for members of the app before this one: what is new here, and only a yes widens."""

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_http_methods

from sync import choices, consent
from sync.access import member_page
from sync.legacy.moving import awaits_consent
from sync.models import Subscription
from sync.pages.kind_names import name_of, text_of

ANSWERS = {"yes": True, "no": False}


@require_http_methods(["GET", "HEAD", "POST"])
@member_page
def moved(request: HttpRequest, subscription: Subscription) -> HttpResponse:
    if not awaits_consent(subscription):
        return redirect("dashboard")
    answer = ANSWERS.get(request.POST.get("answer", "")) if request.method == "POST" else None
    if answer is None:
        return render(
            request, "sync/moved.html", _page(subscription), status=400 if request.method == "POST" else 200
        )
    choices.answer_move(subscription, widens=answer)
    return redirect("dashboard")


def _page(subscription: Subscription) -> dict[str, object]:
    kept = [(name_of(kind), text_of(kind)) for kind in subscription.kinds]
    new = [(name_of(kind), text_of(kind)) for kind in consent.KINDS if kind not in subscription.kinds]
    return {
        "subscription": subscription,
        "kept": kept,
        "new": new,
        "openhumans_url": settings.OPENHUMANS_URL,
    }
