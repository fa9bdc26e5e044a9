"""The operators' entrance: wrong pass phrases are limited, and a second factor can be required."""

import io
import re
from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.core.cache import cache
from django.core.management import CommandError, call_command
from django.test import Client
from django_otp.oath import TOTP
from django_otp.plugins.otp_static.models import StaticDevice, StaticToken
from django_otp.plugins.otp_totp.models import TOTPDevice
from pytest_django import Settings

from accounts.models import User
from config.operator_site import MOST_FOR_NAME, MOST_OF_ADDRESS
from tests.config.test_settings import show, start

pytestmark = pytest.mark.django_db
RIGHT = {"username": "operator", "password": "a long pass phrase of the operator"}
WRONG = {"username": "operator", "password": "wrong"}
LOGIN = "/admin/login/?next=/admin/"


@pytest.fixture(autouse=True)
def nothing_counted_yet() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


# --- Guessing ---------------------------------------------------------------------------------------------


def test_pass_phrases_cannot_be_guessed_for_long(client: Client, operator: User) -> None:
    statuses = [client.post(LOGIN, WRONG).status_code for _ in range(MOST_OF_ADDRESS + 1)]

    assert statuses == [200] * MOST_OF_ADDRESS + [429]
    assert client.post(LOGIN, RIGHT).status_code == 429
    assert client.post(LOGIN, RIGHT, REMOTE_ADDR="192.0.2.7").status_code == 302


def test_nor_from_many_addresses(client: Client, operator: User) -> None:
    for number in range(MOST_FOR_NAME):
        client.post(LOGIN, WRONG, REMOTE_ADDR=f"192.0.2.{number}")

    assert client.post(LOGIN, WRONG, REMOTE_ADDR="198.51.100.1").status_code == 429


def test_nor_by_writing_the_name_in_many_ways(client: Client, operator: User) -> None:
    """Each of these finds the operator, so each is an attempt at the same pass phrase."""
    written = ("operator", " operator", "operator  ", "OPERATOR", "\uff4fperator", "\U0001d428perator\t")
    assert client.post(LOGIN, RIGHT | {"username": written[-1]}).status_code == 302
    cache.clear()
    for number in range(MOST_FOR_NAME):
        name = {"username": written[number % len(written)]}
        client.post(LOGIN, WRONG | name, REMOTE_ADDR=f"192.0.2.{number}")

    assert client.post(LOGIN, WRONG, REMOTE_ADDR="198.51.100.1").status_code == 429


def test_nor_from_the_many_addresses_of_one_household(client: Client, operator: User) -> None:
    def attempt(address: str) -> int:
        return client.post(LOGIN, WRONG, REMOTE_ADDR=address).status_code

    assert {attempt(f"2001:db8:1:2::{number}") for number in range(MOST_OF_ADDRESS)} == {200}
    assert attempt("2001:db8:1:2:ffff::1") == 429
    assert attempt("2001:db8:1:3::1") == 200


def test_who_signs_in_is_not_counted_against(client: Client, operator: User) -> None:
    for _ in range(MOST_OF_ADDRESS + 5):
        assert client.post(LOGIN, RIGHT).status_code == 302


def test_looking_at_the_form_is_free(client: Client, operator: User) -> None:
    assert {client.get(LOGIN).status_code for _ in range(MOST_OF_ADDRESS + 5)} == {200}


# --- The second factor ------------------------------------------------------------------------------------


def enrol() -> str:
    output = io.StringIO()
    call_command("add_authenticator", "operator", stdout=output)
    return output.getvalue()


def code_of(device: TOTPDevice) -> str:
    return f"{TOTP(device.bin_key).token():06}"


def test_a_pass_phrase_alone_opens_nothing(client: Client, operator: User, settings: Settings) -> None:
    settings.OTP_REQUIRED = True
    enrol()

    assert client.post(LOGIN, RIGHT).status_code == 200
    client.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/admin/")["Location"].startswith("/admin/login/")


def test_a_code_of_the_app_opens_the_admin_once(client: Client, operator: User, settings: Settings) -> None:
    settings.OTP_REQUIRED = True
    enrol()
    device = TOTPDevice.objects.get()
    assert device.persistent_id in client.post(LOGIN, RIGHT).content.decode()
    code = {"otp_token": code_of(device), "otp_device": device.persistent_id}

    assert client.post(LOGIN, RIGHT | code).status_code == 302
    assert client.get("/admin/").status_code == 200
    assert Client().post(LOGIN, RIGHT | code).status_code == 200


def test_a_backup_code_works_once(client: Client, operator: User, settings: Settings) -> None:
    settings.OTP_REQUIRED = True
    first = re.findall(r"^  ([a-z2-7]+) ", enrol(), re.MULTILINE)[0]
    code = {"otp_token": first, "otp_device": StaticDevice.objects.get().persistent_id}

    assert client.post(LOGIN, RIGHT | code).status_code == 302
    assert Client().post(LOGIN, RIGHT | code).status_code == 200


def test_enrolling_prints_what_is_needed_and_replaces_what_was(operator: User) -> None:
    first, second = enrol(), enrol()

    assert "otpauth://totp/" in first
    assert first != second
    assert TOTPDevice.objects.count() == StaticDevice.objects.count() == 1
    assert StaticToken.objects.count() == 8


@pytest.mark.parametrize("username", ["nobody", "oh-12345678"])
def test_only_operators_are_enrolled(member: User, username: str) -> None:
    with pytest.raises(CommandError, match="is no operator"):
        call_command("add_authenticator", username)


def test_keys_of_authenticators_are_in_no_page() -> None:
    assert not admin.site.is_registered(TOTPDevice)
    assert not admin.site.is_registered(StaticDevice)


@pytest.mark.parametrize(
    ("site", "is_required"), [("https://example.org", "True"), ("http://localhost", "False")]
)
def test_whoever_deploys_and_says_nothing_needs_codes(site: str, is_required: str) -> None:
    assert show("settings.OTP_REQUIRED", SITE_URL=site, OTP_REQUIRED="") == is_required


# --- Where it lives ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "path"), [("", "/admin/"), ("back-office", "/back-office/"), ("/a/b/", "/a/b/")]
)
def test_the_path_is_a_setting(value: str, path: str) -> None:
    code = "import django; django.setup(); from django.urls import reverse; print(reverse('admin:index'))"
    process = start(code, ADMIN_PATH=value)
    assert process.stdout.strip() == path, process.stderr
    assert show("settings.OTP_REQUIRED", OTP_REQUIRED="yes") == "True"
