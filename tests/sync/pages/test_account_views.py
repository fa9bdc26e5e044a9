"""From one GitHub account to another: its own act, and nothing of the two is ever mixed."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from allauth.socialaccount.models import SocialAccount
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from pytest_django import Settings

from accounts.failures import SignInFailed
from accounts.models import User
from sync.connecting import subscribe as subscribe_again
from sync.consent import Choice
from sync.leaving import erasing
from sync.models import EraseScope, Receipt, Subscription, SyncRun
from tests.cast import connect_identity
from tests.providers import Providers
from tests.repositories import Repository
from tests.sync.broker import Sent
from tests.sync.factories import make_year_file
from tests.sync.page_words import signed_in, words
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db
ADDRESS = reverse("change_account")


@pytest.fixture
def visitor(subscription: Subscription, sent: Sent) -> Client:
    make_year_file(subscription, 2025)
    return signed_in(subscription.user)


def make_room(subscription: Subscription) -> None:
    subscription.agreement = {**subscription.agreement, "another_account": True}
    subscription.status = Subscription.Status.DISCONNECTED
    subscription.save()
    SocialAccount.objects.filter(user=subscription.user, provider="github").delete()


# --- Asking ---


def test_the_page_names_both_accounts_and_what_happens_to_the_files(visitor: Client) -> None:
    page = words(visitor.get(f"{ADDRESS}?to=hubot").content)

    assert "Change from octocat to hubot?" in page
    assert "What happens to the 1 file of octocat?" in page
    assert "It stays on Open Humans" in page
    assert not SyncRun.objects.exists()


@pytest.mark.parametrize("name", ["<script>", "a b", "x" * 40, ""])
def test_a_name_that_is_none_is_not_repeated(visitor: Client, name: str) -> None:
    page = words(visitor.get(ADDRESS, {"to": name}).content)
    assert "Change from octocat to another account?" in page


@pytest.mark.parametrize("form", [{}, {"scope": "account"}, {"scope": "burn"}])
def test_a_form_without_a_known_answer_does_nothing(visitor: Client, form: dict[str, str]) -> None:
    response = visitor.post(ADDRESS, form)

    assert response.status_code == 400
    assert b'role="alert"' in response.content
    assert not SyncRun.objects.exists()


def test_strangers_and_wrong_methods_are_refused(client: Client, visitor: Client, stranger: User) -> None:
    assert client.post(ADDRESS, {"scope": "replace"})["Location"] == "/"
    signed_in(stranger).post(ADDRESS, {"scope": "replace"})

    assert not SyncRun.objects.exclude(subscription=stranger.subscription).exists()
    assert visitor.put(ADDRESS).status_code == 405
    assert signed_in(stranger, checks_forms=True).post(ADDRESS, {"scope": "change"}).status_code == 403


@pytest.mark.parametrize("scope", [EraseScope.CHANGE, EraseScope.REPLACE])
def test_an_answer_ends_in_a_receipt(visitor: Client, scope: EraseScope) -> None:
    response = visitor.post(ADDRESS, {"scope": scope.value}, follow=True)

    assert "Making room for another GitHub account" in words(response.content)
    assert Receipt.objects.get().scope == scope
    assert Subscription.objects.get().status == Subscription.Status.DISCONNECTED


def test_another_deletion_comes_first(visitor: Client, subscription: Subscription) -> None:
    erasing.start(subscription, EraseScope.FILES)
    response = visitor.post(ADDRESS, {"scope": "change"}, follow=True)

    assert "This is still under way." in words(response.content)


def test_coming_back_as_somebody_else_offers_the_change(
    visitor: Client, providers: Providers, subscription: Subscription
) -> None:
    response = providers.connect(visitor, github_id=42, login="other-me")

    assert response.status_code == 409
    assert f'href="{ADDRESS}?to=other-me"' in response.content.decode()


# --- Connecting the other one ---


def test_pages_say_that_the_other_account_is_awaited(visitor: Client, subscription: Subscription) -> None:
    make_room(subscription)
    dashboard = words(visitor.get(reverse("dashboard")).content)
    assert "Nothing of octocat is kept here any more. Connect the other account." in dashboard
    assert "What you agreed to" not in dashboard

    assert visitor.get(ADDRESS)["Location"] == reverse("connect")
    page = words(visitor.get(reverse("connect")).content)
    assert "Connect another GitHub account" in page
    assert "Also private repositories" in page


def test_the_other_account_takes_the_place(
    visitor: Client, providers: Providers, subscription: Subscription
) -> None:
    make_room(subscription)
    subscription.year_files.all().delete()
    left_out = [{"id": "R_1", "name": "octocat/plan"}]
    settings = {"kinds": ["commits"], "left_out": left_out, "messages": False}
    Subscription.objects.update(agreement={**subscription.agreement, **settings})
    response = providers.connect(visitor, github_id=42, login="other-me")

    assert response.status_code == 302
    subscription.refresh_from_db()
    assert (subscription.github_id, subscription.github_login) == (42, "other-me")
    assert subscription.status == Subscription.Status.ACTIVE
    assert subscription.agreement["messages"] is False
    assert subscription.agreement["kinds"] == ["commits"]
    assert "left_out" not in subscription.agreement
    assert not subscription.awaits_another_account
    assert SyncRun.objects.get().trigger == SyncRun.Trigger.CONNECTED


def test_the_same_account_may_come_back(
    visitor: Client, providers: Providers, subscription: Subscription
) -> None:
    make_room(subscription)
    providers.connect(visitor)

    assert not Subscription.objects.get().awaits_another_account
    assert Subscription.objects.get().github_id == subscription.github_id


def test_nothing_takes_the_place_of_an_account_that_was_not_given_up(
    subscription: Subscription, sent: Sent
) -> None:
    SocialAccount.objects.filter(provider="github").delete()
    other = connect_identity(
        subscription.user, "github", "42", {"login": "other-me", "node_id": "U_42", "scopes": ["read:user"]}
    )
    with pytest.raises(SignInFailed, match="You came back from GitHub as other-me, but octocat is connected"):
        subscribe_again(other, Choice.PUBLIC, timezone.now())
    assert Subscription.objects.get().github_id == subscription.github_id


# --- What is done ---


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    repository = Repository.create(tmp_path / "trails", f"{uuid4().hex[:12]}@example.org")
    start = datetime.now(UTC) - timedelta(days=60)
    repository.add((start + timedelta(days=20 * n)).isoformat(timespec="seconds") for n in range(3))
    with living(tmp_path, settings, {"trails": repository}) as world:
        world.sync()
        yield world


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("scope", [EraseScope.CHANGE, EraseScope.REPLACE])
def test_the_grant_is_given_back_and_the_files_stay_or_go(world: World, scope: EraseScope) -> None:
    before = set(world.stored())
    run = erasing.start(world.subscription, scope)
    world.subscription.refresh_from_db()
    world.finish(run)

    receipt = Receipt.objects.get(run=run)
    assert (run.state, receipt.grant) == (SyncRun.State.SUCCEEDED, Receipt.Outcome.DONE)
    assert set(world.stored()) == (before if scope == EraseScope.CHANGE else set())
    assert receipt.files_deleted == (0 if scope == EraseScope.CHANGE else len(before))
    assert world.subscription.awaits_another_account
    assert world.subscription.github_identity is None
    assert not world.subscription.year_files.exists()
    assert not world.subscription.repositories.exists()
    page = words(signed_in(world.member).get(reverse("receipt", args=[receipt.key])).content)
    assert "There is room for another GitHub account" in page
    assert "Connect the other account" in page
