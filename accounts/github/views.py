"""Connecting a GitHub account to a member; it is never a way to sign in.

https://docs.github.com/en/apps/oauth-apps/building-oauth-apps/authorizing-oauth-apps
"""

from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from accounts import failures
from accounts.github.connection import GitHubConnection
from accounts.models import User
from accounts.oauth import ANSWER_SECONDS, Adapter
from accounts.throttle import limited
from github_client import GitHubClient, GitHubOAuth, TokenGrant


class GitHubAdapter(Adapter[TokenGrant]):
    provider_id = "github"

    @property
    def authorize_url(self) -> str:
        return f"{settings.GITHUB_URL}/login/oauth/authorize"

    @property
    def access_token_url(self) -> str:
        return f"{settings.GITHUB_URL}/login/oauth/access_token"

    def exchange(self, code: str, redirect_uri: str, code_verifier: str) -> TokenGrant:
        oauth = GitHubOAuth(
            settings.GITHUB_URL,
            settings.GITHUB_API_URL,
            settings.GITHUB_CLIENT_ID,
            settings.GITHUB_CLIENT_SECRET,
            deadline_seconds=ANSWER_SECONDS,
        )
        return oauth.exchange_code(code, redirect_uri, code_verifier)

    def identify(self, request: HttpRequest, grant: TokenGrant) -> SocialLogin:
        if not (isinstance(request.user, User) and request.user.is_member):
            raise failures.signed_out()
        client = GitHubClient(settings.GITHUB_API_URL, grant.access_token, deadline_seconds=ANSWER_SECONDS)
        identity = client.fetch_identity()
        login = self.get_provider().sociallogin_from_response(
            request,
            {
                "id": identity.database_id,
                "node_id": identity.node_id,
                "login": identity.login,
                "scopes": sorted(granted_scopes(grant.scopes, identity.scopes)),
                "server": settings.GITHUB_URL,
            },
        )
        return GitHubConnection(request.user, login)


def granted_scopes(on_exchange: frozenset[str], on_use: frozenset[str]) -> frozenset[str]:
    """What the token may do, by the token answer and by `X-OAuth-Scopes`, which may be missing."""
    return on_exchange & on_use if on_use else on_exchange


oauth2_callback = limited("coming back from GitHub", 60, seconds=60)(
    OAuth2CallbackView.adapter_view(GitHubAdapter)
)


def oauth2_login(request: HttpRequest) -> HttpResponseBase:
    """allauth's own entrance starts nothing: what is asked for is chosen on our page."""
    if not request.user.is_authenticated:
        return failures.page(request, failures.signed_out())
    return redirect("connect")
