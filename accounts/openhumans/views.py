"""Signing in with Open Humans (https://www.openhumans.org/direct-sharing/oauth2-setup/)."""

from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.providers.oauth2.views import OAuth2CallbackView, OAuth2LoginView
from django.conf import settings
from django.http import HttpRequest, HttpResponseBase
from django.shortcuts import redirect

from accounts.oauth import ANSWER_SECONDS, Adapter
from accounts.throttle import limited
from openhumans_client import OpenHumansClient, OpenHumansOAuth, TokenGrant


class OpenHumansAdapter(Adapter[TokenGrant]):
    provider_id = "openhumans"

    @property
    def authorize_url(self) -> str:
        return f"{settings.OPENHUMANS_URL}/direct-sharing/projects/oauth2/authorize/"

    @property
    def access_token_url(self) -> str:
        return f"{settings.OPENHUMANS_URL}/oauth2/token/"

    def exchange(self, code: str, redirect_uri: str, code_verifier: str) -> TokenGrant:
        oauth = OpenHumansOAuth(
            settings.OPENHUMANS_URL,
            settings.OPENHUMANS_CLIENT_ID,
            settings.OPENHUMANS_CLIENT_SECRET,
            timeout=(5, ANSWER_SECONDS),
            deadline=ANSWER_SECONDS,
        )
        return oauth.exchange_code(code, redirect_uri, code_verifier)

    def identify(self, request: HttpRequest, grant: TokenGrant) -> SocialLogin:
        client = OpenHumansClient(
            settings.OPENHUMANS_URL,
            grant.access_token,
            timeout=(5, ANSWER_SECONDS),
            deadline=ANSWER_SECONDS,
        )
        member = client.fetch_member()
        return self.get_provider().sociallogin_from_response(
            request,
            {
                "project_member_id": member.project_member_id,
                "scopes": sorted(grant.scope.split()),
                "server": settings.OPENHUMANS_URL,
            },
        )


_start = OAuth2LoginView.adapter_view(OpenHumansAdapter)
# A whole class may sit behind one address; a machine that tries codes is slower than that.
oauth2_callback = limited("coming back from Open Humans", 60, seconds=60)(
    OAuth2CallbackView.adapter_view(OpenHumansAdapter)
)


@limited("signing in", 60, seconds=60)
def oauth2_login(request: HttpRequest) -> HttpResponseBase:
    """Only a form of ours starts a sign-in: a link elsewhere could sign a visitor in unasked."""
    if request.method != "POST":
        return redirect("landing")
    response: HttpResponseBase = _start(request)
    return response
