"""Where allauth asks us: who may sign in how, what a new member looks like, what a failure shows."""

# ruff: noqa: ARG002 - hooks have the signatures allauth calls them with

import logging
import re
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.base import AuthError, AuthProcess
from django.conf import settings
from django.db import IntegrityError, transaction
from django.forms import Form
from django.http import HttpRequest
from django.shortcuts import resolve_url

from accounts import failures
from accounts.failures import SignInFailed
from accounts.models import User
from accounts.tokens import keep_tokens

logger = logging.getLogger(__name__)


class AccountAdapter(DefaultAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest) -> bool:
        """Nobody signs up with a password; operators are made with `createsuperuser`."""
        return False

    def get_signup_redirect_url(self, request: HttpRequest) -> str:
        return resolve_url("connect")


class SocialAccountAdapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return bool(sociallogin.account.provider == "openhumans")

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        """Open Humans signs in and nothing else, GitHub is connected and nothing else."""
        provider, process = sociallogin.account.provider, sociallogin.state.get("process")
        if provider == "github" and process != AuthProcess.CONNECT:
            raise ImmediateHttpResponse(failures.page(request, failures.signed_out()))
        if provider == "openhumans" and process != AuthProcess.LOGIN:
            raise ImmediateHttpResponse(failures.page(request, failures.unknown_state(provider)))

    def populate_user(self, request: HttpRequest, sociallogin: SocialLogin, data: dict[str, Any]) -> User:
        user: User = sociallogin.user
        if sociallogin.account.provider == "openhumans":
            user.open_humans_id = sociallogin.account.uid
            user.username = f"oh-{sociallogin.account.uid}"
        return user

    def save_user(self, request: HttpRequest, sociallogin: SocialLogin, form: Form | None = None) -> User:
        """A member's first sign-in: the user, the identity and its tokens, or none of them."""
        try:
            with transaction.atomic():
                user: User = super().save_user(request, sociallogin, form)
                keep_tokens(sociallogin)
        except IntegrityError:
            # Two first sign-ins of one person at once; the other one has made the account.
            raise ImmediateHttpResponse(failures.page(request, failures.signed_in_twice())) from None
        return user

    def get_connect_redirect_url(self, request: HttpRequest, socialaccount: Any) -> str:
        return resolve_url(settings.LOGIN_REDIRECT_URL)

    def on_authentication_error(
        self,
        request: HttpRequest,
        provider: Any,
        error: str | None = None,
        exception: Exception | None = None,
        extra_context: dict[str, Any] | None = None,
    ) -> None:
        if isinstance(exception, SignInFailed):
            failure = exception
        elif error == AuthError.CANCELLED:
            failure = failures.consent_denied(provider.id)
        elif "state" not in (extra_context or {}):
            failure = failures.unknown_state(provider.id)
        else:
            word = re.sub(r"\W", "", request.GET.get("error", ""))[:40] or type(exception).__name__
            logger.warning("%s sent somebody back with an error: %s", provider.id, word)
            failure = failures.provider_error(provider.id)
        raise ImmediateHttpResponse(failures.page(request, failure))
