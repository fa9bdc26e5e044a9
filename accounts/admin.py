"""Operators. Members are shown, and otherwise left to themselves; tokens are nowhere."""

# ruff: noqa: ARG002 - hooks have the signatures Django calls them with

from typing import Any, ClassVar

import allauth.account.admin
import allauth.socialaccount.admin  # noqa: F401  (registers what is taken away below)
import django_otp.plugins.otp_static.admin
import django_otp.plugins.otp_totp.admin  # noqa: F401
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django_otp.plugins.otp_static.models import StaticDevice
from django_otp.plugins.otp_totp.models import TOTPDevice

from accounts.models import User

for model in (EmailAddress, Group, SocialAccount, SocialApp, SocialToken, StaticDevice, TOTPDevice):
    admin.site.unregister(model)


@admin.register(User)
class UserAdmin(DjangoUserAdmin):  # type: ignore[type-arg]
    list_display = ("username", "open_humans_id", "is_active", "is_staff", "last_login", "date_joined")
    list_filter = ("is_staff", "is_active")
    search_fields = ("username", "open_humans_id")
    operator_fieldsets: ClassVar[Any] = (
        (None, {"fields": ("username", "password")}),
        ("Rights", {"fields": ("is_active", "is_staff", "is_superuser", "groups")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )
    member_fieldsets: ClassVar[Any] = (
        (None, {"fields": ("username", "open_humans_id", "is_active")}),
        ("Dates", {"fields": ("last_login", "date_joined")}),
    )

    def get_fieldsets(self, request: HttpRequest, obj: User | None = None) -> Any:
        if obj is None:
            return super().get_fieldsets(request, obj)
        return self.member_fieldsets if obj.is_member else self.operator_fieldsets

    def get_readonly_fields(self, request: HttpRequest, obj: User | None = None) -> tuple[str, ...]:
        dates = ("last_login", "date_joined")
        # Closing a member's account is an act with a reason, see sync/admin.py.
        return ("username", "open_humans_id", "is_active", *dates) if obj and obj.is_member else dates

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """Deleting here would leave a member's files on Open Humans."""
        return False

    def user_change_password(self, request: HttpRequest, id: str, form_url: str = "") -> HttpResponse:  # noqa: A002
        if User.objects.filter(pk=id, open_humans_id__isnull=False).exists():
            raise PermissionDenied
        return super().user_change_password(request, id, form_url)
