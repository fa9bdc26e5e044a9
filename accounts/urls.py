"""The few of allauth's pages that are reachable here, and the names its own code may redirect to."""

from allauth.account.views import account_inactive, logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import include, path, re_path
from django.views.decorators.http import require_POST

from accounts.github.views import oauth2_callback as github_callback
from accounts.openhumans.views import oauth2_callback as openhumans_callback


def to_landing(_request: HttpRequest) -> HttpResponse:
    return redirect("landing")


urlpatterns = [
    path("login/", to_landing, name="account_login"),
    path("logout/", require_POST(logout), name="account_logout"),
    path("inactive/", account_inactive, name="account_inactive"),
    path("", include("accounts.openhumans.urls")),
    path("", include("accounts.github.urls")),
]

# Paths of the app before this one, at the root of the site, so that nothing has to change at the providers.
# Its third one, `openhumans/deauth`, is the webhook: sync/urls.py.
legacy_urlpatterns = [
    re_path("^openhumans/complete/?$", openhumans_callback),
    re_path("^github_complete/?$", github_callback),
    path("about/", to_landing),
]
