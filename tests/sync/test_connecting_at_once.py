"""Two answers of GitHub at the same moment: tabs of one member, or two members with one account."""

from collections.abc import Callable
from threading import Thread
from typing import Any

import pytest
from allauth.socialaccount.models import SocialAccount
from django.db import connection, connections
from django.test import Client

from accounts.models import Credential, User
from sync.models import Subscription, SyncRun
from tests.cast import make_member
from tests.providers import GITHUB_CALLBACK, Providers
from tests.sync.locks import waits_for

OnSaving = Callable[[str, Callable[[], None]], None]
pytestmark = pytest.mark.django_db(transaction=True)


def client_of(member: User) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(member)
    return client


class Rival:
    """Comes back from GitHub in a thread of its own when told to, as far as it is let."""

    def __init__(self, providers: Providers, client: Client, github_id: int, login: str) -> None:
        self._providers = providers
        self._client = client
        self._grant = github_id, login
        self._state = providers.begin_connect(client).parameters["state"]
        self._challenge = providers.challenge
        self._thread = Thread(target=self._come_back)
        self._response: Any = None

    def go(self) -> None:
        """Returns once it is done, or waits for us in the database."""
        github_id, login = self._grant
        self._providers.challenge = self._challenge
        self._providers.http.reset()
        self._providers.github_grants(github_id=github_id, login=login)
        self._thread.start()
        while self._thread.is_alive() and not waits_for(connection):
            self._thread.join(0.01)

    def response(self) -> Any:
        self._thread.join()
        return self._response

    def _come_back(self) -> None:
        self._response = self._client.get(GITHUB_CALLBACK, {"code": "code", "state": self._state})
        connections.close_all()


@pytest.fixture
def on_saving(monkeypatch: pytest.MonkeyPatch) -> OnSaving:
    """Something happens once, right before or after the first identity is saved."""

    def happen(when: str, act: Callable[[], None]) -> None:
        save, left = SocialAccount.save, [act]

        def watched(identity: SocialAccount, *args: Any, **kwargs: Any) -> None:
            now = left.pop() if left else None
            if now and when == "before":
                now()
            save(identity, *args, **kwargs)
            if now and when == "after":
                now()

        monkeypatch.setattr(SocialAccount, "save", watched)

    return happen


def identities() -> set[tuple[str, int]]:
    return set(SocialAccount.objects.filter(provider="github").values_list("uid", "user_id"))


@pytest.mark.parametrize("when", ["before", "after"])
def test_two_tabs_with_two_accounts_leave_the_first_and_name_both(
    providers: Providers, member: User, on_saving: OnSaving, when: str
) -> None:
    """Promise 13: and the member is not locked out of either by it."""
    first = client_of(member)
    rival = Rival(providers, client_of(member), 9919, "hubot")
    on_saving(when, rival.go)

    assert providers.connect(first).status_code == 302
    refused = rival.response()
    assert refused.status_code == 409
    assert b"You came back from GitHub as hubot, but octocat is connected here" in refused.content
    assert identities() == {("583231", member.pk)}
    assert Subscription.objects.get().github_id == 583231
    assert Credential.objects.filter(identity__provider="github").count() == 1
    providers.http.reset()
    assert providers.connect(first).status_code == 302


@pytest.mark.parametrize("when", ["before", "after"])
def test_of_two_members_with_one_account_one_is_told_that_it_is_taken(
    providers: Providers, member: User, on_saving: OnSaving, when: str
) -> None:
    """Promise 13: whoever stores it first has it, and nothing is stored of the other."""
    other = make_member("55555555")
    rival = Rival(providers, client_of(other), 583231, "octocat")
    on_saving(when, rival.go)

    answers = {member.pk: providers.connect(client_of(member)), other.pk: rival.response()}
    statuses = {pk: answer.status_code for pk, answer in answers.items()}
    owner, loser = (other, member) if when == "before" else (member, other)
    assert statuses == {owner.pk: 302, loser.pk: 409}
    assert b"octocat is already connected to another member" in answers[loser.pk].content
    assert identities() == {("583231", owner.pk)}
    assert Subscription.objects.get().user == owner
    assert SyncRun.objects.get().subscription.user == owner


def test_two_tabs_with_one_account_are_one_connection(
    providers: Providers, member: User, on_saving: OnSaving
) -> None:
    rival = Rival(providers, client_of(member), 583231, "octocat")
    on_saving("before", rival.go)

    assert providers.connect(client_of(member)).status_code == 302
    assert rival.response().status_code == 302
    assert identities() == {("583231", member.pk)}
    assert Subscription.objects.get().status == Subscription.Status.ACTIVE
    assert SyncRun.objects.count() == 1


def test_what_fails_halfway_is_not_stored(
    providers: Providers, member: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any, **__: Any) -> None:
        raise RuntimeError("the disk of the database is full")

    monkeypatch.setattr("sync.connecting.subscribe", fail)
    assert providers.connect(client_of(member)).status_code == 500
    assert identities() == set()
    assert not Credential.objects.filter(identity__provider="github").exists()


def test_a_member_deleted_meanwhile_gets_nothing_connected(
    providers: Providers, member: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = client_of(member)
    user = User.objects.filter(pk=member.pk)
    monkeypatch.setattr(
        "accounts.github.views.granted_scopes", lambda on_exchange, _: bool(user.delete()) and on_exchange
    )
    answer = providers.connect(client)
    assert answer.status_code == 403
    assert b"You are not signed in" in answer.content
    assert identities() == set()
