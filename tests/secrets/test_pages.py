"""The search after each test of pages finds a leak planted in each of its places."""

import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from django.conf import settings
from django.contrib.sessions.models import Session

from accounts.models import Credential
from accounts.sessions import SessionStore
from sync.models import RepositoryState, Subscription
from tests.secrets.pages import REDIS, known, leaks
from tests.secrets.planted import FOLDER, MESSAGE, NAME
from tests.secrets.search import SESSIONS, Finding

pytestmark = pytest.mark.django_db
STATE = "a-state-of-an-attempt"


@pytest.fixture
def token(subscription: Subscription) -> Iterator[str]:
    yield Credential.objects.get(identity__provider="github").access_token
    for name in REDIS:
        with redis.Redis.from_url(getattr(settings, name)) as server:
            server.delete("planted")


def test_nothing_is_found_where_nothing_is(token: str, tmp_path: Path) -> None:
    assert {token, settings.SECRET_KEY, settings.GITHUB_CLIENT_SECRET} <= set(known())
    assert leaks(known(), "a line", tmp_path) == set()


def test_it_is_found_in_tables_and_logs(token: str, tmp_path: Path) -> None:
    Subscription.objects.update(reason=f"refused: {token}")
    assert leaks(known(), f"loaded with {settings.SECRET_KEY}", tmp_path) == {
        Finding("sync_subscription.reason", "access token"),
        Finding("logs", "SECRET_KEY"),
    }


def test_words_of_a_private_repository_are_found_where_they_must_not_stand(
    token: str, subscription: Subscription, tmp_path: Path
) -> None:
    RepositoryState.objects.create(subscription=subscription, node_id="R_1", name=f"octocat/{NAME}")
    assert leaks(known(), "", tmp_path) == set()
    Subscription.objects.update(reason=f"{NAME} cannot be read.", agreement={"left_out": [MESSAGE]})
    assert leaks(known(), f"GET /tracks/{FOLDER}/", tmp_path) == {
        Finding("sync_subscription.reason", "a name"),
        Finding("sync_subscription.agreement", "a message"),
        Finding("logs", "a folder"),
    }


def test_it_is_found_in_temporary_files(token: str, tmp_path: Path) -> None:
    (tmp_path / "upload").write_text(f"to be sent with {token}")
    assert leaks(known(), "", tmp_path) == {Finding("upload", "access token")}


@pytest.mark.parametrize("name", REDIS)
def test_it_is_found_in_each_database_of_redis(token: str, tmp_path: Path, name: str) -> None:
    with redis.Redis.from_url(getattr(settings, name)) as server:
        server.set("planted", token)
    assert leaks(known(), "", tmp_path) == {Finding("redis planted", "access token")}


def test_the_state_of_an_attempt_may_stand_in_its_session_encrypted_and_nowhere_else(
    token: str, tmp_path: Path
) -> None:
    session = SessionStore()
    session["socialaccount_states"] = {STATE: ["a state", 0.0]}
    session.save()
    assert leaks({STATE: "state"}, "", tmp_path) == set()
    assert leaks({STATE: "access token"}, "", tmp_path) == {Finding(SESSIONS, "access token")}
    assert leaks({STATE: "state"}, f"GET /callback/?state={STATE}", tmp_path) == {Finding("logs", "state")}

    Session.objects.update(session_data=base64.b64encode(f'{{"{STATE}": []}}'.encode()).decode())
    assert leaks({STATE: "state"}, "", tmp_path) == {Finding("django_session.session_data", "state")}
