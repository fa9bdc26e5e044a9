"""Connecting a GitHub account: the question we ask, and what starts once GitHub has said yes."""

from datetime import datetime
from typing import Any

from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import get_adapter
from allauth.socialaccount.models import SocialAccount, SocialLogin
from allauth.socialaccount.providers.base import AuthProcess
from allauth.socialaccount.signals import pre_social_login, social_account_added, social_account_updated
from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.dispatch import receiver
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from accounts import failures
from accounts.models import User
from sync import choices, consent, removing, runs
from sync.consent import Choice
from sync.models import Subscription, SyncRun


class ChoiceForm(forms.Form):
    """Private repositories can be added here; leaving them out again also means removing files."""

    choice = forms.TypedChoiceField(
        coerce=Choice,
        choices=[(choice.value, choice.value) for choice in Choice],
        error_messages={
            "required": "Choose what may be read.",
            "invalid_choice": "This cannot be chosen here.",
        },
    )

    secret_gists = forms.BooleanField(required=False)
    tracks = forms.BooleanField(required=False)
    without_counts = forms.BooleanField(required=False)

    def __init__(self, data: Any, subscription: Subscription | None) -> None:
        super().__init__(data)
        self.offered = list(Choice)
        if subscription is not None and subscription.includes_private:
            self.offered = [Choice.PRIVATE]
        self.fields["choice"].choices = [(choice.value, choice.value) for choice in self.offered]  # type: ignore[attr-defined]


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def connect(request: HttpRequest) -> HttpResponse:
    if not (isinstance(request.user, User) and request.user.is_member):
        raise PermissionDenied("An operator's account has nothing to connect.")
    subscription = Subscription.objects.filter(user=request.user).first()
    former, without_counts = None, False
    if subscription is not None and subscription.awaits_another_account:
        former, without_counts = subscription.github_login, subscription.omissions.private_counts
        subscription = None
    form = ChoiceForm(request.POST if request.method == "POST" else None, subscription)
    if form.is_valid():
        return ask_github(
            request,
            form.cleaned_data["choice"],
            secret_gists=form.cleaned_data["secret_gists"],
            tracks=form.cleaned_data["tracks"],
            private_counts=not form.cleaned_data["without_counts"],
        )
    chosen = form.offered[0] if subscription else Choice.PUBLIC
    context = {
        "form": form,
        "subscription": subscription,
        "former": former,
        "chosen": chosen,
        "without_counts": without_counts,
        "secret_gists": bool(subscription and subscription.agreement.get("secret_gists")),
    }
    return render(request, "sync/connect.html", context, status=400 if form.is_bound else 200)


def ask_github(
    request: HttpRequest,
    choice: Choice,
    *,
    secret_gists: bool = False,
    tracks: bool = False,
    private_counts: bool = True,
) -> HttpResponse:
    """Off to GitHub's own page. The choice stays with us, tied to this one attempt by the OAuth state."""
    provider = get_adapter(request).get_provider(request, "github")
    response: HttpResponse = provider.redirect(
        request,
        process=AuthProcess.CONNECT,
        next_url=reverse("dashboard"),
        data={
            "choice": choice.value,
            "secret_gists": secret_gists,
            "tracks": tracks,
            "private_counts": private_counts,
        },
        scope=consent.scopes_for(choice, secret_gists=secret_gists),
    )
    return response


@receiver(pre_social_login)
def refuse_another_account(request: HttpRequest, sociallogin: SocialLogin, **_signal: Any) -> None:
    """Files and ledger belong to (member, GitHub id), also while no account is connected."""
    identity = sociallogin.account
    if identity.provider != "github":
        return
    login, github_id = identity.extra_data["login"], int(identity.uid)
    member_id: int = request.user.pk or 0
    mine = Subscription.objects.filter(user_id=member_id).first()
    if mine is not None and mine.github_id != github_id and not mine.awaits_another_account:
        failure = failures.another_account(mine.github_login, login)
    elif Subscription.objects.filter(github_id=github_id).exclude(user_id=member_id).exists():
        failure = failures.connected_to_another_member(login)
    else:
        return
    raise ImmediateHttpResponse(failures.page(request, failure))


@receiver([social_account_added, social_account_updated])
def github_connected(request: HttpRequest, sociallogin: SocialLogin, **_signal: Any) -> None:
    if sociallogin.account.provider != "github":
        return
    asked = sociallogin.state["data"]
    choice = Choice(asked["choice"])
    subscription = subscribe(
        sociallogin.account,
        choice,
        timezone.now(),
        secret_gists=bool(asked.get("secret_gists")),
        tracks=bool(asked.get("tracks")),
        private_counts=bool(asked.get("private_counts", True)),
    )
    if choice is Choice.PRIVATE and not subscription.includes_private:
        text = (
            "is connected, for public activity only: GitHub did not grant access to private repositories. "
            "To include them, choose them again and leave that access on at GitHub."
        )
        messages.warning(request, f"{subscription.github_login} {text}")
    else:
        paused = " Collecting stays paused." if subscription.is_paused_on_purpose else ""
        messages.success(request, f"{subscription.github_login} is connected.{paused}")


def subscribe(
    identity: SocialAccount,
    choice: Choice,
    now: datetime,
    *,
    secret_gists: bool = False,
    tracks: bool = False,
    private_counts: bool = True,
) -> Subscription:
    """Take the member's wish down, and start to fulfil it once that is committed.

    A pause on purpose outlasts it: new access is no way round.
    """
    with transaction.atomic():
        known = Subscription.objects.select_for_update(of=("self",)).filter(user_id=identity.user_id).first()
        if known is not None and known.github_id != int(identity.uid):
            _take_another_account(known, identity)
        agreed = consent.agreement(
            choice,
            identity.extra_data["scopes"],
            now,
            secret_gists=secret_gists,
            tracks=tracks,
            private_counts=private_counts,
        )
        subscription, _ = Subscription.objects.update_or_create(
            user_id=identity.user_id,
            github_id=int(identity.uid),
            defaults={
                "github_node_id": identity.extra_data["node_id"],
                "github_login": identity.extra_data["login"],
                "agreement": choices.carry_over(known, agreed),
                **({} if known is not None and known.is_paused_on_purpose else _active(now)),
            },
        )
        if known is not None and subscription.includes_private and not known.includes_private:
            subscription.read_lists_again()
            subscription.save(update_fields=["lists"])
        if subscription.status == Subscription.Status.ACTIVE:
            runs.start(subscription, SyncRun.Trigger.CONNECTED, is_interactive=True)
    return subscription


def _take_another_account(subscription: Subscription, identity: SocialAccount) -> None:
    """Only where nothing of the former one is kept. What was left out by name was the former one's."""
    if not subscription.awaits_another_account:
        # Not PermissionDenied, which allauth answers with a redirect: whatever was stored so far is undone.
        raise failures.another_account(subscription.github_login, identity.extra_data["login"])
    own = ("left_out", "left_out_files")
    subscription.agreement = {k: value for k, value in subscription.agreement.items() if k not in own}
    subscription.github_id = int(identity.uid)
    subscription.save(update_fields=["github_id", "agreement"])


@receiver(social_account_updated)
def openhumans_signed_in_again(sociallogin: SocialLogin, **_signal: Any) -> None:
    """Go on where a sync, or taking something out, had to stop because our access was no longer accepted."""
    if sociallogin.account.provider != "openhumans":
        return
    with transaction.atomic():
        subscription = (
            Subscription.objects.select_for_update(of=("self",))
            .filter(user=sociallogin.user, user__is_active=True)
            .first()
        )
        if subscription is None:
            return
        if subscription.status != Subscription.Status.RECONNECT_OPENHUMANS:
            removing.go_on(subscription)
            return
        Subscription.objects.filter(pk=subscription.pk).update(**_active(timezone.now()))
        subscription.refresh_from_db()
        runs.start(subscription, SyncRun.Trigger.RESUMED, is_interactive=True)


def _active(now: datetime) -> dict[str, Any]:
    return {"status": Subscription.Status.ACTIVE, "reason": "", "failures": 0, "next_due_at": now}
