import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from django.apps import apps
from django.contrib import admin
from django.db.models import Model
from django.test import Client

from accounts.models import Credential, User
from sync.models import Subscription


@pytest.fixture
def office(client: Client, operator: User) -> Client:
    client.force_login(operator)
    return client


@pytest.mark.parametrize("model", [Credential, SocialToken, SocialApp, SocialAccount, EmailAddress])
def test_models_with_secrets_have_no_admin(model: type[Model]) -> None:
    assert not admin.site.is_registered(model)


def test_no_admin_page_shows_a_token(office: Client, subscription: Subscription) -> None:
    """Every list and every object of every registered model."""
    seen = 0
    for model in apps.get_models():
        if not admin.site.is_registered(model):
            continue
        label = f"/admin/{model._meta.app_label}/{model._meta.model_name}/"
        pages = [label, *(f"{label}{row.pk}/change/" for row in model._default_manager.all())]
        for page in pages:
            response = office.get(page)
            assert response.status_code in {200, 302, 403}, page
            seen += response.status_code == 200
            assert b"access-of" not in response.content, page
            assert b"refresh-of" not in response.content, page
    assert seen >= 3


def test_a_member_cannot_enter(client: Client, member: User) -> None:
    client.force_login(member)

    response = client.get("/admin/")

    assert response.status_code == 302
    assert response["Location"].startswith("/admin/login/")


def test_a_member_cannot_sign_in_there(client: Client, member: User) -> None:
    response = client.post("/admin/login/", {"username": member.username, "password": ""})

    assert response.status_code == 200
    assert "_auth_user_id" not in client.session


def test_an_operator_signs_in_with_the_password(client: Client, operator: User) -> None:
    credentials = {"username": "operator", "password": "a long pass phrase of the operator"}

    response = client.post("/admin/login/?next=/admin/", credentials)

    assert (response.status_code, response["Location"]) == (302, "/admin/")


def test_nothing_about_a_member_can_be_changed_here(office: Client, member: User) -> None:
    wish = {"username": "renamed", "is_staff": "on", "is_superuser": "on", "open_humans_id": "1"}

    response = office.post(f"/admin/accounts/user/{member.pk}/change/", wish)

    assert response.status_code == 302
    member.refresh_from_db()
    assert member.is_active
    assert (member.username, member.open_humans_id) == ("oh-12345678", "12345678")
    assert not member.is_staff
    assert not member.is_superuser


def test_a_member_gets_no_password(office: Client, member: User) -> None:
    page = f"/admin/accounts/user/{member.pk}/password/"
    words = {"password1": "a long pass phrase 1", "password2": "a long pass phrase 1"}

    assert office.get(page).status_code == 403
    assert office.post(page, words).status_code == 403
    member.refresh_from_db()
    assert not member.has_usable_password()


def test_an_operators_password_can_be_changed(office: Client, operator: User) -> None:
    assert office.get(f"/admin/accounts/user/{operator.pk}/password/").status_code == 200


def test_nobody_is_deleted_by_hand(office: Client, member: User) -> None:
    response = office.post(f"/admin/accounts/user/{member.pk}/delete/", {"post": "yes"})
    office.post(
        "/admin/accounts/user/", {"action": "delete_selected", "_selected_action": member.pk, "post": "yes"}
    )

    assert response.status_code == 403
    assert User.objects.filter(pk=member.pk).exists()


def test_operators_are_added_and_are_not_members(office: Client) -> None:
    office.post(
        "/admin/accounts/user/add/",
        {
            "username": "second",
            "usable_password": "true",
            "password1": "a long pass phrase 2",
            "password2": "a long pass phrase 2",
        },
    )

    assert not User.objects.get(username="second").is_member
