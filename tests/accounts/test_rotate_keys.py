"""Encrypting everything anew with another key."""

import io
import os
from itertools import islice

import pytest
from django.apps import apps
from django.core.management import CommandError, call_command
from django.db.models import BinaryField
from pytest_django import Settings

from accounts.encryption import DecryptionFailed, fingerprint
from accounts.models import Credential, User
from accounts.progress import Progress
from accounts.rotation import Rotated, columns_of, encrypted_models, outdated, rotate
from sync.models import StagedBatch, Subscription

OLD, NEW, LOST = (os.urandom(32) for _ in range(3))


@pytest.fixture
def stored(settings: Settings, subscription: Subscription, stranger: User) -> StagedBatch:
    """Four credentials and a staged batch under the old key, which is no longer the newest."""
    settings.TOKEN_KEYS = (OLD,)
    for credential in Credential.objects.select_related("identity"):
        uid = credential.identity.uid
        credential.set_tokens(f"access-{uid}", f"refresh-{uid}", None, credential.scopes)
        credential.save()
    batch = StagedBatch.objects.stage(subscription, "public", 2026, ["2026-W18"], b"what somebody did")
    settings.TOKEN_KEYS = (NEW, OLD)
    return batch


def run(*arguments: str) -> str:
    output = io.StringIO()
    call_command("rotate_keys", *arguments, stdout=output, stderr=io.StringIO())
    return output.getvalue()


def assert_all_readable() -> None:
    for credential in Credential.objects.select_related("identity"):
        uid = credential.identity.uid
        assert (credential.access_token, credential.refresh_token) == (f"access-{uid}", f"refresh-{uid}")
    assert StagedBatch.objects.get().content == b"what somebody did"


def test_afterwards_the_old_key_is_needed_no_more(stored: StagedBatch, settings: Settings) -> None:
    said = run()

    settings.TOKEN_KEYS = (NEW,)
    assert_all_readable()
    assert "accounts.Credential: 4 renewed" in said
    assert "sync.StagedBatch: 1 renewed" in said


def test_nothing_but_the_encrypted_columns_changes(stored: StagedBatch) -> None:
    other = ("state", "scopes", "authorized_at", "updated_at", "expires_at")
    before = list(Credential.objects.order_by("pk").values_list("pk", *other))

    run()

    assert list(Credential.objects.order_by("pk").values_list("pk", *other)) == before


def test_running_it_again_finds_nothing_to_do(stored: StagedBatch) -> None:
    run()
    before = bytes(StagedBatch.objects.get().encrypted_content)

    assert "4 renewed" not in run()
    assert bytes(StagedBatch.objects.get().encrypted_content) == before


def test_it_goes_on_where_it_was_interrupted(stored: StagedBatch, settings: Settings) -> None:
    list(islice(rotate(Credential, Rotated()), 2))
    assert outdated(Credential).count() == 2

    assert "accounts.Credential: 2 renewed" in run()
    settings.TOKEN_KEYS = (NEW,)
    assert_all_readable()


def test_a_rehearsal_changes_nothing(stored: StagedBatch) -> None:
    before = list(Credential.objects.order_by("pk").values())

    assert "accounts.Credential: 4 would be renewed" in run("--dry-run")
    assert list(Credential.objects.order_by("pk").values()) == before
    assert outdated(Credential).count() == 4


@pytest.mark.parametrize("arguments", [(), ("--dry-run",)])
def test_a_missing_key_is_named_and_nothing_is_lost(
    stored: StagedBatch, settings: Settings, arguments: tuple[str, ...]
) -> None:
    settings.TOKEN_KEYS = (NEW, LOST)

    with pytest.raises(CommandError, match=rf"lacks the key {fingerprint(OLD).hex()}"):
        run(*arguments)

    settings.TOKEN_KEYS = (OLD,)
    assert_all_readable()


def test_what_can_be_read_is_renewed_beside_what_cannot(stored: StagedBatch, settings: Settings) -> None:
    Credential.objects.filter(identity__uid="9919").update(encrypted_access_token=b"\x01" + b"?" * 60)

    with pytest.raises(CommandError, match="Some values cannot be read"):
        run()

    settings.TOKEN_KEYS = (NEW,)
    assert StagedBatch.objects.get().content == b"what somebody did"
    assert outdated(Credential).count() == 1


def test_with_a_wrong_key_a_token_is_an_error_and_stays_stored(
    stored: StagedBatch, settings: Settings
) -> None:
    settings.TOKEN_KEYS = (LOST,)
    credential = Credential.objects.select_related("identity").first()
    assert credential is not None
    with pytest.raises(DecryptionFailed, match="TOKEN_KEYS lacks the key"):
        _ = credential.access_token


def test_every_encrypted_column_takes_part() -> None:
    """A binary column of ours is encrypted, and its model says for which place."""
    ours = [model for model in apps.get_models() if model._meta.app_label in ("accounts", "sync")]
    binary = {
        (model, column.name)
        for model in ours
        for column in model._meta.get_fields()
        if isinstance(column, BinaryField)
    }
    assert binary == {(model, column) for model in encrypted_models() for column in columns_of(model)}
    names = {model.__name__ for model in encrypted_models()}
    assert names == {"Credential", "StagedBatch", "Subscription", "TrackSettings", "TrackSheet"}


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_terminal_shows_how_far_it_is() -> None:
    for stream, expected in ((Terminal(), "2/2 rows\n"), (io.StringIO(), "")):
        progress = Progress(stream, 2, "rows")
        progress.step()
        progress.step()
        progress.end()
        assert stream.getvalue().endswith(expected)
        assert bool(stream.getvalue()) == bool(expected)
