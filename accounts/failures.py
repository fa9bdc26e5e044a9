"""Every way a sign-in or a connection can end early, in words for the person in front of it."""

from allauth.socialaccount.providers.base import ProviderException
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils.cache import add_never_cache_headers

NAMES = {"openhumans": "Open Humans", "github": "GitHub"}


class SignInFailed(ProviderException):  # type: ignore[misc]
    """Ends the exchange with a provider; nothing of it has been stored.

    `status` is the page's HTTP status. `can_retry` offers to start again, `other_account` to change to it.
    """

    def __init__(
        self,
        provider: str,
        status: int,
        title: str,
        text: str,
        *,
        can_retry: bool = True,
        other_account: str = "",
    ) -> None:
        super().__init__(title)
        self.provider = provider
        self.status = status
        self.title = title
        self.text = text
        self.can_retry = can_retry
        self.other_account = other_account


def page(request: HttpRequest, failure: SignInFailed) -> HttpResponse:
    response = render(request, "accounts/sign_in_failed.html", {"failure": failure}, status=failure.status)
    add_never_cache_headers(response)
    return response


def consent_denied(provider: str) -> SignInFailed:
    consequence = {
        "openhumans": "You are not signed in",
        "github": "No GitHub account was connected",
    }[provider]
    return SignInFailed(
        provider,
        403,
        f"You said no at {NAMES[provider]}",
        f"{consequence}, and nothing was stored or changed. You can try again whenever you like.",
    )


def unknown_state(provider: str) -> SignInFailed:
    return SignInFailed(
        provider,
        400,
        "This page is too old, or was opened twice",
        f"Coming back from {NAMES[provider]} works once, within ten minutes, in the browser it was started "
        "in and while you stay signed in. Nothing was changed. Please start again.",
    )


def provider_error(provider: str) -> SignInFailed:
    return SignInFailed(
        provider,
        400,
        f"{NAMES[provider]} sent you back with an error",
        "Nothing was changed. Please try again; if it keeps happening, tell the people who run this site.",
    )


def code_refused(provider: str) -> SignInFailed:
    return SignInFailed(
        provider,
        400,
        f"{NAMES[provider]} did not accept the confirmation",
        "It can be used once and only for a few minutes. Nothing was changed. Please start again.",
    )


def not_answering(provider: str) -> SignInFailed:
    return SignInFailed(
        provider,
        502,
        f"{NAMES[provider]} is not answering",
        "This is not your fault, and nothing was changed. Please try again in a few minutes.",
    )


def answer_not_understood(provider: str) -> SignInFailed:
    return SignInFailed(
        provider,
        502,
        f"We do not understand the answer of {NAMES[provider]}",
        "Nothing was changed. Please try again later; if it keeps happening, tell the people who run this "
        "site.",
    )


def not_accepted(provider: str) -> SignInFailed:
    return SignInFailed(
        provider,
        503,
        f"{NAMES[provider]} does not accept this site at the moment",
        "The people who run this site have to set it right. Nothing was changed. Please come back later.",
        can_retry=False,
    )


def signed_out() -> SignInFailed:
    return SignInFailed(
        "github",
        403,
        "You are not signed in",
        "A GitHub account is connected to a signed-in member, and is never a way to sign in. Sign in with "
        "Open Humans first, then connect GitHub. Nothing was changed.",
    )


def signed_in_twice() -> SignInFailed:
    return SignInFailed(
        "openhumans",
        409,
        "You signed in twice at the same moment",
        "The other one may have come first. Please sign in again.",
    )


def connected_to_another_member(login: str) -> SignInFailed:
    return SignInFailed(
        "github",
        409,
        f"The GitHub account {login} is already connected to another member",
        "One GitHub account belongs to one Open Humans member, so it was not connected to yours and nothing "
        "was changed. If both accounts on Open Humans are yours, sign in with the other one.",
        can_retry=False,
    )


def another_account(known: str, offered: str) -> SignInFailed:
    return SignInFailed(
        "github",
        409,
        f"You came back from GitHub as {offered}, but {known} is connected here",
        f"Your files hold the work of {known}, and two accounts are never mixed, so nothing was changed. To "
        f"connect {known} again, sign out of {offered} on GitHub, sign in there as {known} and try again.",
        other_account=offered,
    )
