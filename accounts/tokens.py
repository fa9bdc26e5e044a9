"""The tokens of a finished consent go to `Credential`, encrypted, and nowhere else.

A first sign-in is kept by the adapter, in the transaction that makes the user; the receivers here are for
identities that allauth has just saved. It never gets that far with an identity of somebody else.
"""

from typing import Any

from allauth.socialaccount.models import SocialLogin
from allauth.socialaccount.signals import social_account_added, social_account_updated
from django.db import transaction
from django.dispatch import receiver
from django.utils import timezone

from accounts.models import Credential, User


def keep_tokens(sociallogin: SocialLogin) -> Credential:
    identity, token = sociallogin.account, sociallogin.token
    with transaction.atomic():
        # The lock that a refresh of the old tokens takes as well.
        credential = Credential.objects.select_for_update().filter(identity=identity).first()
        credential = credential or Credential(identity=identity)
        credential.set_tokens(
            token.token, token.token_secret or None, token.expires_at, identity.extra_data["scopes"]
        )
        credential.authorized_at = timezone.now()
        credential.save()
        if identity.provider == "openhumans":
            # Whoever had left is back, and whoever wanted to leave has come again.
            User.objects.filter(pk=identity.user_id).update(left_at=None, rows_until=None, erasure=None)
    return credential


@receiver([social_account_added, social_account_updated])
def keep_tokens_of_saved_identity(sociallogin: SocialLogin, **_signal: Any) -> None:
    keep_tokens(sociallogin)
