"""Who may see a member's pages: the member alone."""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect
from django.views.decorators.cache import cache_control
from django_htmx.http import HttpResponseClientRedirect

from accounts.models import User
from sync.models import Subscription

P = ParamSpec("P")
MemberView = Callable[Concatenate[HttpRequest, Subscription, P], HttpResponseBase]


def member_page(view: MemberView[P]) -> Callable[Concatenate[HttpRequest, P], HttpResponseBase]:
    """Call `view` with the signed-in member's own subscription; lead everybody else to their place.

    Nothing such a view answers may be stored, by a proxy or on a shared computer's disk.
    """

    @wraps(view)
    def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
        if not isinstance(request.user, User):
            return _lead_to(request, "landing")
        if not request.user.is_member:
            return _lead_to(request, "admin:index")
        subscription = Subscription.objects.filter(user=request.user).first()
        if subscription is None:
            return _lead_to(request, "connect")
        subscription.user = request.user
        return view(request, subscription, *args, **kwargs)

    return cache_control(private=True, no_store=True)(guarded)


def _lead_to(request: HttpRequest, name: str) -> HttpResponseBase:
    """htmx would follow a plain redirect and put the whole page in the place of a fragment."""
    response = redirect(name)
    if request.headers.get("HX-Request") == "true":
        return HttpResponseClientRedirect(response.url)
    return response
