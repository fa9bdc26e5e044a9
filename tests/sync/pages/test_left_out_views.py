from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from sync.leaving import erasing
from sync.models import EraseScope, RepositoryState, Subscription, SyncRun
from tests.sync.broker import Sent
from tests.sync.factories import make_year_file
from tests.sync.page_words import signed_in, words

pytestmark = pytest.mark.django_db
TEXTS, PLACES = reverse("left_out_texts"), reverse("left_out_places")
ORGANIZATIONS = reverse("organizations")
RIGHT_TO_LEFT = "octo/\u05e9\u05dc\u05d5\u05dd\u202egpj.exe\U0001f9d7"


def known(subscription: Subscription, name: str, node_id: str = "R_1") -> RepositoryState:
    return RepositoryState.objects.create(
        subscription=subscription, node_id=node_id, name=name, visibility="public"
    )


@pytest.fixture
def visitor(subscription: Subscription, sent: Sent) -> Client:
    make_year_file(subscription, 2025)
    known(subscription, "octo/trails")
    known(subscription, "acme/plan", "R_2")
    return signed_in(subscription.user)


def agreement() -> dict[str, Any]:
    agreed: dict[str, Any] = Subscription.objects.get(github_login="octocat").agreement
    return agreed


# --- Who may do what ---


@pytest.mark.parametrize("address", [TEXTS, PLACES])
def test_anonymous_visitors_are_led_to_the_landing_page(
    client: Client, subscription: Subscription, address: str
) -> None:
    assert client.post(address, {"texts": "on", "confirmed": "on"})["Location"] == "/"
    assert agreement() == subscription.agreement


def test_another_member_sees_and_changes_only_their_own(visitor: Client, stranger: User) -> None:
    before = agreement()
    other = signed_in(stranger)

    assert "octo" not in words(other.get(PLACES).content)
    assert other.post(PLACES, {"repositories": "R_1", "confirmed": "on"}).status_code == 400
    other.post(TEXTS, {"texts": "on", "confirmed": "on"})
    assert agreement() == before
    assert not stranger.subscription.omissions.repositories


def test_wrong_methods_are_refused(visitor: Client) -> None:
    assert visitor.get(TEXTS).status_code == 405
    assert visitor.delete(PLACES).status_code == 405


@pytest.mark.parametrize("address", [TEXTS, PLACES])
def test_a_form_from_elsewhere_does_nothing(subscription: Subscription, address: str) -> None:
    browser = signed_in(subscription.user, checks_forms=True)
    assert browser.post(address, {"texts": "on", "confirmed": "on"}).status_code == 403


# --- Asking and doing ---


def test_leaving_texts_out_says_what_happens_and_does_nothing_yet(visitor: Client) -> None:
    before = agreement()
    page = visitor.post(TEXTS, {"texts": "on"})

    assert "Messages, titles and texts are taken out of every record" in words(page.content)
    assert "1 file on Open Humans is looked through" in words(page.content)
    assert "cannot be undone" in words(page.content)
    assert agreement() == before
    assert not SyncRun.objects.exists()


def test_what_the_page_offers_does_it_when_confirmed(visitor: Client) -> None:
    html = visitor.post(TEXTS, {"texts": "on"}).content.decode()
    assert f'action="{TEXTS}"' in html
    for name in ("texts", "confirmed"):
        assert f'<input type="hidden" name="{name}" value="on">' in html
    response = visitor.post(TEXTS, {"texts": "on", "confirmed": "on"}, follow=True)

    assert agreement()["texts"] is False
    assert SyncRun.objects.get().trigger == SyncRun.Trigger.REMOVE
    assert "Your choice is saved. Your files follow it now." in words(response.content)
    assert "Taking out what you removed" in words(response.content)


def test_confirming_twice_starts_one_run(visitor: Client) -> None:
    for _ in range(2):
        visitor.post(TEXTS, {"texts": "on", "confirmed": "on"})
    assert SyncRun.objects.count() == 1


def test_what_stays_as_it_is_asks_nothing(visitor: Client) -> None:
    assert "Nothing has changed." in words(visitor.post(TEXTS, {}, follow=True).content)


def test_taking_texts_in_again_is_explained(visitor: Client, subscription: Subscription) -> None:
    Subscription.objects.update(agreement={**subscription.agreement, "texts": False})
    page = words(visitor.post(TEXTS, {}).content)

    assert "Take this in again?" in page
    assert "as far as GitHub still has them" in page


def test_repositories_are_listed_by_owner(visitor: Client) -> None:
    html = visitor.get(PLACES).content.decode()

    assert 'name="owners" value="acme"' in html
    assert 'name="repositories" value="R_1"' in html
    assert "checked" not in html


def test_places_are_named_before_they_are_left_out(visitor: Client) -> None:
    chosen = {"repositories": ["R_1"], "owners": ["acme"], "another": "Globex_corp"}
    page = words(visitor.post(PLACES, chosen).content)
    for name in ("octo/trails", "everything of acme", "everything of Globex_corp"):
        assert f"Left out: {name} ," in page
    visitor.post(PLACES, {**chosen, "confirmed": "on"})

    assert agreement()["left_out"] == [
        {"owner": "acme"}, {"owner": "Globex_corp"}, {"id": "R_1", "name": "octo/trails"},
    ]  # fmt: skip
    assert not RepositoryState.objects.exists()
    page = words(visitor.get(reverse("choices")).content)
    assert "Left out: everything of acme , everything of Globex_corp , octo/trails" in page
    html = visitor.get(PLACES).content.decode()
    assert html.count("checked") == 3


def test_a_place_is_taken_in_again(visitor: Client, subscription: Subscription) -> None:
    left_out = [{"id": "R_9", "name": "octo/old"}]
    Subscription.objects.update(agreement={**subscription.agreement, "left_out": left_out})
    assert "Collected again: octo/old ," in words(visitor.post(PLACES, {}).content)
    visitor.post(PLACES, {"confirmed": "on"})

    assert agreement()["left_out"] == []


@pytest.mark.parametrize(
    "form",
    [
        {"repositories": "R_99"},
        {"owners": "globex"},
        {"another": "a b"},
        {"another": "x" * 40},
        {"another": "<script>"},
        {"another": "acme\n"},
    ],
)
def test_a_tampered_form_changes_nothing(visitor: Client, form: dict[str, str]) -> None:
    before = agreement()
    response = visitor.post(PLACES, {**form, "confirmed": "on"})

    if response.status_code == 400:
        assert b'role="alert"' in response.content
        assert b"<script>" not in response.content
        assert agreement() == before
    else:
        assert agreement()["left_out"] == [{"owner": "acme"}]


def test_names_in_any_script_are_shown_apart_and_run_nothing(
    visitor: Client, subscription: Subscription
) -> None:
    known(subscription, RIGHT_TO_LEFT, "R_3")
    known(subscription, "octo/<script>alert(1)</script>", "R_4")
    html = visitor.get(PLACES).content.decode()

    assert f"<bdi>{RIGHT_TO_LEFT.partition('/')[2]}</bdi>" in html
    assert "<script>alert" not in html
    assert "<script>alert" not in visitor.post(PLACES, {"repositories": "R_4"}).content.decode()


def test_what_is_being_deleted_comes_first(visitor: Client, subscription: Subscription) -> None:
    erasing.start(subscription, EraseScope.PRIVATE)
    page = visitor.post(TEXTS, {"texts": "on", "confirmed": "on"}, follow=True)

    assert "What is being deleted comes first. Please try again" in words(page.content)
    assert "texts" not in agreement()


# --- What the pages show then ---


def test_without_the_calendar_the_heat_map_shows_records(visitor: Client, subscription: Subscription) -> None:
    file = subscription.year_files.get()
    day = next(iter(file.weeks["2025-W01"]["calendar"]))
    file.weeks["2025-W01"]["days"] = {day: {"commits": 2, "stars": 1}}
    file.save()
    Subscription.objects.update(agreement={**subscription.agreement, "private_counts": False})
    page = words(visitor.get(f"{reverse('dashboard')}?year=2025").content)

    assert "3 records on 1 day" in page


# --- Organisations ---


@pytest.fixture
def private_visitor(visitor: Client, subscription: Subscription) -> Client:
    agreed = {**subscription.agreement, "private": True, "organizations": []}
    Subscription.objects.update(agreement=agreed, lists={"organizations": ["acme", "Globex"]})
    return visitor


def test_who_reads_public_activity_only_has_nothing_to_tick(visitor: Client) -> None:
    assert visitor.get(ORGANIZATIONS)["Location"] == reverse("choices")


def test_the_dashboard_asks_once_whose_private_repositories_are_included(private_visitor: Client) -> None:
    asked = "Private repositories of acme , Globex are not collected."
    assert asked in words(private_visitor.get(reverse("dashboard")).content)
    html = private_visitor.get(ORGANIZATIONS).content.decode()
    assert 'name="ticked" value="acme">' in html

    page = words(private_visitor.post(ORGANIZATIONS, {"ticked": "acme"}).content)
    assert "Included: private repositories of acme ." in page
    assert "also where they are an employer" in page
    assert agreement()["organizations"] == []
    private_visitor.post(ORGANIZATIONS, {"ticked": "acme", "confirmed": "on"})

    assert (agreement()["organizations"], agreement()["organizations_out"]) == (["acme"], ["Globex"])
    page = words(private_visitor.get(reverse("dashboard")).content)
    assert "are not collected" not in page
    assert "your own and those of acme ." in page
    SyncRun.objects.all().delete()
    assert "Your own and those of acme ." in words(private_visitor.get(reverse("choices")).content)


def test_ticking_none_is_an_answer(private_visitor: Client) -> None:
    private_visitor.post(ORGANIZATIONS, {"confirmed": "on"})

    assert agreement()["organizations_out"] == ["acme", "Globex"]
    assert "are not collected" not in words(private_visitor.get(reverse("dashboard")).content)


@pytest.mark.parametrize("owner", ["initech", "acme<script>"])
def test_an_organisation_that_is_not_known_cannot_be_ticked(private_visitor: Client, owner: str) -> None:
    response = private_visitor.post(ORGANIZATIONS, {"ticked": owner, "confirmed": "on"})

    assert response.status_code == 400
    assert agreement()["organizations"] == []


def test_strangers_tick_nothing(client: Client, private_visitor: Client, stranger: User) -> None:
    before = agreement()
    assert client.post(ORGANIZATIONS, {"ticked": "acme", "confirmed": "on"})["Location"] == "/"
    signed_in(stranger).post(ORGANIZATIONS, {"ticked": "acme", "confirmed": "on"})
    assert agreement() == before
    assert private_visitor.delete(ORGANIZATIONS).status_code == 405
