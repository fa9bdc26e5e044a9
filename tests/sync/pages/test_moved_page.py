"""What members of the app before this one are asked at their first sign-in."""

from datetime import UTC, datetime, timedelta

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from sync import consent
from sync.legacy.moving import awaits_consent, imported_agreement
from sync.models import Subscription
from tests.sync.page_words import signed_in, words

pytestmark = pytest.mark.django_db
PAGE = reverse("moved")


@pytest.fixture
def moved(subscription: Subscription) -> Subscription:
    """Brought over, and not asked yet."""
    subscription.agreement = imported_agreement(datetime(2026, 11, 1, tzinfo=UTC))
    subscription.next_due_at = timezone.now() + timedelta(days=3)
    subscription.save()
    return subscription


def test_the_dashboard_leads_there_until_there_is_an_answer(moved: Subscription) -> None:
    browser = signed_in(moved.user)
    assert browser.get(reverse("dashboard"))["Location"] == PAGE
    browser.post(PAGE, {"answer": "no"})
    assert browser.get(reverse("dashboard")).status_code == 200
    assert browser.get(PAGE)["Location"] == reverse("dashboard")


def test_the_page_tells_what_is_collected_and_what_is_new(moved: Subscription) -> None:
    response = signed_in(moved.user).get(PAGE)
    now, new = words(response.content).split("What could be added")

    assert "public repositories only" in now
    assert "Commits" in now
    assert "github.json" in now
    for name in ("Issues", "Reviews", "Stars", "Releases"):
        assert name in new
        assert name not in now
    assert "<script" not in response.content.decode().split("<main")[1]
    assert awaits_consent(Subscription.objects.get())


def test_a_yes_adds_every_kind_and_nothing_private(moved: Subscription) -> None:
    response = signed_in(moved.user).post(PAGE, {"answer": "yes"})

    assert response["Location"] == reverse("dashboard")
    moved.refresh_from_db()
    assert moved.kinds == list(consent.KINDS)
    assert moved.includes_private is False
    assert moved.agreement["text"] == consent.TEXT_VERSION
    assert datetime.fromisoformat(moved.agreement["agreed_at"]) > timezone.now() - timedelta(minutes=1)
    assert moved.next_due_at <= timezone.now()


def test_a_no_adds_nothing_and_is_not_asked_again(moved: Subscription) -> None:
    signed_in(moved.user).post(PAGE, {"answer": "no"})

    moved.refresh_from_db()
    assert moved.kinds == ["commits", "calendar"]
    assert not awaits_consent(moved)


@pytest.mark.parametrize("answer", ["", "maybe", "YES"])
def test_what_is_no_answer_changes_nothing(moved: Subscription, answer: str) -> None:
    before = moved.agreement
    assert signed_in(moved.user).post(PAGE, {"answer": answer}).status_code == 400
    moved.refresh_from_db()
    assert moved.agreement == before


def test_strangers_and_forms_from_elsewhere_answer_for_nobody(
    moved: Subscription, stranger: User, client: Client
) -> None:
    assert client.post(PAGE, {"answer": "yes"})["Location"] == "/"
    assert signed_in(stranger).post(PAGE, {"answer": "yes"})["Location"] == reverse("dashboard")
    assert signed_in(moved.user, checks_forms=True).post(PAGE, {"answer": "yes"}).status_code == 403
    moved.refresh_from_db()
    assert awaits_consent(moved)


def test_who_joined_here_is_not_asked(subscription: Subscription) -> None:
    assert signed_in(subscription.user).get(reverse("dashboard")).status_code == 200
    assert signed_in(subscription.user).get(PAGE)["Location"] == reverse("dashboard")
