from typing import Any

from allauth.account.utils import get_next_redirect_url
from allauth.socialaccount.providers.base import AuthProcess, ProviderAccount
from django.http import HttpRequest

from accounts.oauth import Provider
from accounts.openhumans.views import OpenHumansAdapter


class OpenHumansAccount(ProviderAccount):  # type: ignore[misc]
    def to_str(self) -> str:
        return str(self.account.uid)


class OpenHumansProvider(Provider):
    id = "openhumans"
    name = "Open Humans"
    account_class = OpenHumansAccount
    oauth2_adapter_class = OpenHumansAdapter

    def get_default_scope(self) -> list[str]:
        # Left out, Open Humans would grant every scope it knows.
        return ["read", "write"]

    def get_redirect_from_request_kwargs(self, request: HttpRequest) -> dict[str, Any]:
        """Always to sign in, never to add a second Open Humans identity to somebody who is signed in."""
        return {"process": AuthProcess.LOGIN, "next_url": get_next_redirect_url(request)}

    def extract_uid(self, data: dict[str, Any]) -> str:
        return str(data["project_member_id"])

    def extract_extra_data(self, data: dict[str, Any]) -> dict[str, Any]:
        return {"scopes": data["scopes"], "server": data["server"]}


provider_classes = [OpenHumansProvider]
