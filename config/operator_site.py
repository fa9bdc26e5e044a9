"""The operators' admin: who gets in, and the front page that says how things stand."""

import unicodedata
from typing import Any

from django.conf import settings
from django.contrib.admin import AdminSite
from django.contrib.admin.forms import AdminAuthenticationForm
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.template.response import TemplateResponse
from django.utils import timezone
from django_otp.admin import OTPAdminAuthenticationForm, OTPAdminSite

from accounts.throttle import address_of, forget, is_over_limit

PURPOSE = "operator sign-in"
# Wrong pass phrases in a quarter of an hour: of one address, and for one name from anywhere.
MOST_OF_ADDRESS, MOST_FOR_NAME, SECONDS = 10, 30, 900


class OperatorSite(AdminSite):
    """With OTP_REQUIRED nobody gets further than signing in without a one-time code."""

    @property
    def login_form(self) -> type[AdminAuthenticationForm]:  # type: ignore[override]
        form: type[AdminAuthenticationForm] = (
            OTPAdminAuthenticationForm if settings.OTP_REQUIRED else AdminAuthenticationForm
        )
        return form

    @property
    def login_template(self) -> str | None:  # type: ignore[override]
        return str(OTPAdminSite.login_template) if settings.OTP_REQUIRED else None

    def has_permission(self, request: HttpRequest) -> bool:
        is_verified = not settings.OTP_REQUIRED or request.user.is_verified()  # type: ignore[union-attr]
        return super().has_permission(request) and is_verified

    def login(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> HttpResponse:
        if request.method != "POST":
            return super().login(request, extra_context)
        address, name = address_of(request), _as_looked_up(request.POST.get("username", ""))
        over = [
            is_over_limit(PURPOSE, address, MOST_OF_ADDRESS, SECONDS),
            is_over_limit(PURPOSE, f"name {name}", MOST_FOR_NAME, SECONDS),
        ]
        if any(over):
            return render(request, "429.html", {"is_address": True}, status=429)
        response = super().login(request, extra_context)
        if response.status_code == 302:
            forget(PURPOSE, address)
        return response

    def index(self, request: HttpRequest, extra_context: dict[str, Any] | None = None) -> TemplateResponse:
        from sync.operators.overview import operation  # models are not loaded when the site is made

        self.index_template = "admin/operation.html"
        return super().index(request, {"operation": operation(timezone.now()), **(extra_context or {})})


def _as_looked_up(name: str) -> str:
    """Spaces around, another case and letters of another width still find the same operator."""
    return unicodedata.normalize("NFKC", name.strip()).upper()
