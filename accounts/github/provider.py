from typing import Any

from allauth.socialaccount.providers.base import ProviderAccount

from accounts.github.views import GitHubAdapter
from accounts.oauth import Provider


class GitHubAccount(ProviderAccount):  # type: ignore[misc]
    def to_str(self) -> str:
        return str(self.account.extra_data.get("login", self.account.uid))


class GitHubProvider(Provider):
    id = "github"
    name = "GitHub"
    account_class = GitHubAccount
    oauth2_adapter_class = GitHubAdapter

    def get_default_scope(self) -> list[str]:
        return ["read:user"]

    def extract_uid(self, data: dict[str, Any]) -> str:
        # The numeric id: logins change and are recycled.
        return str(data["id"])

    def extract_extra_data(self, data: dict[str, Any]) -> dict[str, Any]:
        return {name: data[name] for name in ("login", "node_id", "scopes", "server")}


provider_classes = [GitHubProvider]
