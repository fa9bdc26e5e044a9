import pickle
from datetime import UTC, datetime, timedelta

import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.management import call_command
from django.db import IntegrityError, connection
from django.forms.models import model_to_dict
from freezegun import freeze_time

from accounts.encryption import DecryptionFailed
from accounts.models import Credential, User

SECRETS = ("openhumans-access-of-12345678", "openhumans-refresh-of-12345678")


@pytest.fixture
def credential(member: User) -> Credential:
    return Credential.objects.get(identity__user=member)


@pytest.mark.parametrize("right", ["is_staff", "is_superuser"])
def test_a_member_can_never_be_staff(member: User, right: str) -> None:
    with pytest.raises(IntegrityError, match="member_is_never_staff"):
        User.objects.filter(pk=member.pk).update(**{right: True})


def test_an_operator_can_never_become_a_member(operator: User) -> None:
    with pytest.raises(IntegrityError, match="member_is_never_staff"):
        User.objects.filter(pk=operator.pk).update(open_humans_id="12345678")


def test_createsuperuser_makes_operators_not_members(db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_SUPERUSER_PASSWORD", "a long pass phrase of the operator")

    call_command("createsuperuser", "--noinput", username="operator", email="operator@example.org")

    assert not User.objects.get(username="operator").is_member


def test_one_open_humans_id_belongs_to_one_user(member: User) -> None:
    with pytest.raises(IntegrityError, match="open_humans_id"):
        User.objects.create(username="somebody-else", open_humans_id=member.open_humans_id)


def test_operators_are_not_kept_apart_by_their_missing_id(operator: User) -> None:
    User.objects.create_superuser("second-operator", password="a long pass phrase of the operator")

    assert User.objects.filter(open_humans_id=None).count() == 2


def test_tokens_are_read_back(credential: Credential) -> None:
    assert (credential.access_token, credential.refresh_token) == SECRETS


def test_a_missing_refresh_token_stays_missing(credential: Credential) -> None:
    credential.set_tokens("gho_access", None, None, ["repo"])
    credential.save()

    assert Credential.objects.get(pk=credential.pk).refresh_token is None


def test_new_tokens_make_a_refused_credential_valid(credential: Credential) -> None:
    credential.state = Credential.State.REFUSED

    credential.set_tokens("gho_access", None, None, ["repo", "read:user"])

    assert credential.state == Credential.State.VALID
    assert credential.scopes == ["read:user", "repo"]


def test_nothing_that_shows_a_credential_shows_a_token(credential: Credential) -> None:
    shown = [repr(credential), str(credential), repr(model_to_dict(credential)), repr(vars(credential))]
    shown.append(pickle.dumps(credential).decode("latin-1"))

    assert not [secret for secret in SECRETS for text in shown if secret in text]


def test_the_database_holds_no_token_in_clear_text(credential: Credential) -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT encrypted_access_token, encrypted_refresh_token FROM accounts_credential")
        (row,) = cursor.fetchall()

    assert not [secret for secret in SECRETS for value in row if secret.encode() in bytes(value)]


def test_a_token_swapped_with_the_other_column_cannot_be_read(credential: Credential) -> None:
    credential.encrypted_access_token = credential.encrypted_refresh_token or b""

    with pytest.raises(DecryptionFailed):
        _ = credential.access_token


def test_a_token_of_another_identity_cannot_be_read(credential: Credential, stranger: User) -> None:
    other = Credential.objects.get(identity__user=stranger, identity__provider="openhumans")
    credential.encrypted_access_token = other.encrypted_access_token

    with pytest.raises(DecryptionFailed):
        _ = credential.access_token


def test_tokens_go_with_their_identity(credential: Credential) -> None:
    SocialAccount.objects.filter(pk=credential.identity.pk).delete()

    assert not Credential.objects.exists()


@freeze_time("2026-11-23 12:00:00")
@pytest.mark.parametrize(
    ("expires_at", "expected"),
    [
        (None, False),
        (datetime(2026, 11, 23, 12, 4, 59, tzinfo=UTC), True),
        (datetime(2026, 11, 23, 12, 5, tzinfo=UTC), True),
        (datetime(2026, 11, 23, 12, 5, 1, tzinfo=UTC), False),
    ],
)
def test_expiry_is_seen_a_margin_ahead(expires_at: datetime | None, expected: bool) -> None:
    credential = Credential(expires_at=expires_at)

    assert credential.expires_within(timedelta(minutes=5)) is expected
