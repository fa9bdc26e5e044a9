"""What holds for each address of ours, also for those that come later."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import URLPattern, reverse

from accounts.models import User
from sync.models import Subscription, SyncRun
from sync.urls import urlpatterns
from tests.sync.broker import Sent
from tests.sync.factories import make_year_file
from tests.sync.page_words import signed_in

pytestmark = pytest.mark.django_db
# What anybody may see: nothing of it is a member's.
PUBLIC = {"landing", "your_data", "notebook"}
EXAMPLES: dict[str, Any] = {
    "pk": 1,
    "text": "2026-W01",
    "scope": "files",
    "key": "no-such-receipt",
    "year": 2026,
    "number": 1,
}


def addresses() -> Iterator[Any]:
    for pattern in urlpatterns:
        assert isinstance(pattern, URLPattern)
        if pattern.name is None or pattern.name == "deauthorized":
            continue
        names = pattern.pattern.converters
        arguments = {name: EXAMPLES.get(name, "a" * 64) for name in names}
        yield pytest.param(reverse(pattern.name, kwargs=arguments), pattern.name, id=pattern.name)


@pytest.mark.parametrize(("address", "name"), addresses())
def test_an_anonymous_visitor_sees_nothing_of_a_member(
    client: Client, subscription: Subscription, address: str, name: str
) -> None:
    make_year_file(subscription, 2026, pk=1)
    for response in (client.get(address), client.post(address)):
        if name in PUBLIC or "schema" in address:
            assert response.status_code in (200, 405)
        elif response.status_code == 302:
            assert response["Location"].partition("?")[0] in ("/", "/openhumans/login/", "/accounts/login/")
        else:
            assert response.status_code in (403, 404, 405)
    assert not SyncRun.objects.exists()


@pytest.mark.parametrize(("address", "name"), addresses())
def test_another_member_finds_nothing_of_this_one(
    subscription: Subscription, stranger: User, sent: Sent, address: str, name: str
) -> None:
    make_year_file(subscription, 2026, pk=1)
    before = Subscription.objects.filter(pk=subscription.pk).values().get()
    visitor = signed_in(stranger)
    for response in (visitor.get(address), visitor.post(address)):
        assert response.status_code < 500
        assert b"octocat" not in b"".join(response)

    assert Subscription.objects.filter(pk=subscription.pk).values().get() == before
    assert not subscription.runs.exists()
    assert subscription.year_files.exists()


@pytest.mark.parametrize(("address", "name"), addresses())
def test_methods_that_an_address_does_not_know_are_refused(
    subscription: Subscription, address: str, name: str
) -> None:
    visitor = signed_in(subscription.user)
    assert {visitor.put(address).status_code, visitor.delete(address).status_code} == {405}


@pytest.mark.parametrize("method", ["get", "post"])
def test_an_expired_login_leads_to_the_landing_page_and_does_nothing(
    subscription: Subscription, method: str
) -> None:
    visitor = signed_in(subscription.user)
    Session.objects.all().delete()
    for name in ("pause", "update") if method == "post" else ("dashboard", "choices", "left_out_places"):
        assert getattr(visitor, method)(reverse(name))["Location"] == "/"

    subscription.refresh_from_db()
    assert subscription.status == Subscription.Status.ACTIVE
    assert not SyncRun.objects.exists()
