import pytest
from allauth.socialaccount.models import SocialAccount
from django.core.management import CommandError, call_command
from pytest_django import Settings

from accounts.models import User


@pytest.fixture
def identity(member: User, settings: Settings) -> SocialAccount:
    settings.SANDBOX = True
    return SocialAccount.objects.get(user=member)


def arrange(identity: SocialAccount, extra_data: dict[str, str]) -> None:
    SocialAccount.objects.filter(pk=identity.pk).update(extra_data=extra_data)


def test_an_empty_database_is_fine(db: None, settings: Settings) -> None:
    settings.SANDBOX = True

    call_command("check_sandbox")


@pytest.mark.parametrize(
    "server", ["http://127.0.0.1:9002", "http://localhost:9002", "http://[::1]:9002", "http://127.8.9.1"]
)
def test_members_of_the_stand_ins_are_fine(identity: SocialAccount, server: str) -> None:
    arrange(identity, {"server": server})

    call_command("check_sandbox")


@pytest.mark.parametrize(
    "server",
    ["https://www.openhumans.org", "https://github.com", "http://localhost.evil.test", "http://10.0.0.1", ""],
)
def test_members_of_a_real_provider_are_refused(identity: SocialAccount, server: str) -> None:
    arrange(identity, {"server": server})

    with pytest.raises(CommandError, match="holds members of a real provider") as raised:
        call_command("check_sandbox")

    assert server in str(raised.value)
    assert "DATABASE_URL" in str(raised.value)


def test_an_identity_of_unknown_origin_counts_as_real(identity: SocialAccount) -> None:
    arrange(identity, {})

    with pytest.raises(CommandError):
        call_command("check_sandbox")


def test_without_the_sandbox_there_is_nothing_to_check(identity: SocialAccount, settings: Settings) -> None:
    settings.SANDBOX = False
    arrange(identity, {"server": "https://www.openhumans.org"})

    call_command("check_sandbox")
