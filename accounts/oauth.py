"""What both providers share: our own clients do the talking, and no URL decides what is asked for."""

# ruff: noqa: ARG002 - hooks have the signatures allauth calls them with

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Generic, TypeVar

from allauth.socialaccount.models import SocialLogin, SocialToken
from allauth.socialaccount.providers.oauth2.client import OAuth2Client
from allauth.socialaccount.providers.oauth2.provider import OAuth2Provider
from allauth.socialaccount.providers.oauth2.views import OAuth2Adapter
from django.conf import settings
from django.http import HttpRequest
from django.urls import reverse

import github_client
import openhumans_client
from accounts import failures

logger = logging.getLogger(__name__)

CLIENT_ERROR = github_client.GitHubError, openhumans_client.OpenHumansError
OUTAGE = (
    github_client.Unavailable,
    github_client.RateLimited,
    github_client.TooHeavy,  # 502 and 504; nothing that is asked here is heavy
    openhumans_client.Unavailable,
    openhumans_client.RateLimited,
)
CODE_REFUSED = (
    github_client.InvalidGrant,
    github_client.Unauthorized,
    openhumans_client.InvalidGrant,
    openhumans_client.Unauthorized,
)
SITE_REFUSED = github_client.InvalidClient, openhumans_client.InvalidClient

# As registered with both providers for the app before this one; see accounts/urls.py.
LEGACY_CALLBACK_PATHS = {"openhumans": "/openhumans/complete", "github": "/github_complete"}

# Two requests end a sign-in, and hosts cut an answer off after 30 seconds.
ANSWER_SECONDS = 10.0

Grant = TypeVar("Grant", github_client.TokenGrant, openhumans_client.TokenGrant)


def callback_url(provider: str) -> str:
    """As registered with the provider, whatever host name a request came by."""
    is_legacy = settings.LEGACY_CALLBACKS
    path = LEGACY_CALLBACK_PATHS[provider] if is_legacy else reverse(f"{provider}_callback")
    return f"{settings.SITE_URL}{path}"


class Provider(OAuth2Provider):  # type: ignore[misc]
    """A provider whose scopes and parameters come from our code alone, never from the request."""

    pkce_enabled_default = True

    def get_scope_from_request(self, request: HttpRequest) -> list[str]:
        return list(self.get_scope())

    def get_auth_params_from_request(self, request: HttpRequest, action: str) -> dict[str, str]:
        return dict(self.get_auth_params())


class Adapter(OAuth2Adapter, Generic[Grant]):  # type: ignore[misc]
    """Exchanges the code and asks who signed in with our clients; their errors become pages."""

    def exchange(self, code: str, redirect_uri: str, code_verifier: str) -> Grant:
        raise NotImplementedError

    def identify(self, request: HttpRequest, grant: Grant) -> SocialLogin:
        raise NotImplementedError

    def get_callback_url(self, request: HttpRequest, app: Any) -> str:
        return callback_url(self.provider_id)

    def get_access_token_data(
        self, request: HttpRequest, app: Any, client: OAuth2Client, pkce_code_verifier: str | None = None
    ) -> Grant:
        with self.client_errors_as_pages():
            return self.exchange(request.GET["code"], client.callback_url, pkce_code_verifier or "")

    def parse_token(self, data: Grant) -> SocialToken:
        return SocialToken(
            token=data.access_token, token_secret=data.refresh_token or "", expires_at=data.expires_at
        )

    def complete_login(
        self, request: HttpRequest, app: Any, token: SocialToken, *, response: Grant
    ) -> SocialLogin:
        with self.client_errors_as_pages():
            return self.identify(request, response)

    @contextmanager
    def client_errors_as_pages(self) -> Iterator[None]:
        try:
            yield
        except CODE_REFUSED:
            raise failures.code_refused(self.provider_id) from None
        except SITE_REFUSED as error:
            logger.error("The client id or secret of %s is wrong: %s", self.provider_id, error)
            raise failures.not_accepted(self.provider_id) from None
        except OUTAGE as error:
            logger.warning("%s is not answering: %s", self.provider_id, error)
            raise failures.not_answering(self.provider_id) from None
        except CLIENT_ERROR as error:
            logger.warning("%s gave an unexpected answer: %s", self.provider_id, error)
            raise failures.answer_not_understood(self.provider_id) from None
