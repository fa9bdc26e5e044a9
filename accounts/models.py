"""Who somebody is: members sign in through Open Humans, operators are made with `createsuperuser`."""

from datetime import datetime, timedelta
from typing import ClassVar

from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q
from django.utils import timezone

from accounts.encryption import decrypt, encrypt


class User(AbstractUser):
    # The Open Humans `project_member_id`; empty for operators. Text, because it may start with a zero.
    open_humans_id = models.CharField(max_length=16, null=True, blank=True, unique=True, editable=False)
    # Since when somebody is no longer a member of the project on Open Humans, and until when their rows
    # stay; a new sign-in empties both. See sync/leaving/departures.py.
    left_at = models.DateTimeField(null=True, blank=True, editable=False)
    rows_until = models.DateTimeField(null=True, blank=True, editable=False)
    # Of somebody who never connected GitHub and asked to have the account deleted: how far that is. A new
    # sign-in takes the wish back. See sync/leaving/erasing.py.
    erasure = models.JSONField(null=True, blank=True, editable=False)

    class Meta:
        constraints: ClassVar = [
            models.CheckConstraint(
                condition=Q(open_humans_id__isnull=True) | Q(is_staff=False, is_superuser=False),
                name="member_is_never_staff",
                violation_error_message="A member's account can never be staff.",
            )
        ]

    @property
    def is_member(self) -> bool:
        return self.open_humans_id is not None


class Credential(models.Model):
    """The tokens of one identity. They leave this row only as arguments of a client."""

    class State(models.TextChoices):
        VALID = "valid", "valid"
        REFUSED = "refused", "refused"

    identity = models.OneToOneField(SocialAccount, on_delete=models.CASCADE, related_name="credential")
    encrypted_access_token = models.BinaryField()
    encrypted_refresh_token = models.BinaryField(null=True)
    expires_at = models.DateTimeField(null=True)
    scopes = models.JSONField(default=list)
    state = models.CharField(max_length=10, choices=State.choices, default=State.VALID)
    # When the person last authorized, as opposed to when we last refreshed.
    authorized_at = models.DateTimeField(default=timezone.now)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"{self.identity.provider} credential ({self.state})"

    def _place(self, column: str) -> str:
        return f"credential.{column}:{self.identity.provider}:{self.identity.uid}"

    @property
    def encrypted_places(self) -> dict[str, str]:
        """{column: the place its value is bound to}, for whoever encrypts them anew."""
        return {
            "encrypted_access_token": self._place("access_token"),
            "encrypted_refresh_token": self._place("refresh_token"),
        }

    @property
    def access_token(self) -> str:
        return decrypt(self.encrypted_access_token, self._place("access_token")).decode()

    @property
    def refresh_token(self) -> str | None:
        if self.encrypted_refresh_token is None:
            return None
        return decrypt(self.encrypted_refresh_token, self._place("refresh_token")).decode()

    def set_tokens(
        self, access_token: str, refresh_token: str | None, expires_at: datetime | None, scopes: list[str]
    ) -> None:
        """Take a new pair of tokens over; the caller saves."""
        self.encrypted_access_token = encrypt(access_token.encode(), self._place("access_token"))
        self.encrypted_refresh_token = (
            encrypt(refresh_token.encode(), self._place("refresh_token")) if refresh_token else None
        )
        self.expires_at = expires_at
        self.scopes = sorted(scopes)
        self.state = self.State.VALID

    def expires_within(self, margin: timedelta) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now() + margin
