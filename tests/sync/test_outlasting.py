"""Postgres goes away right after a refresh has killed the old pair: the new one must not be lost with it."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs

import psycopg
import pytest
import responses
from django.db import InterfaceError, OperationalError, connection
from pytest_django import Settings
from requests import PreparedRequest

from accounts.models import Credential, User
from sync import credentials, outlasting
from sync.legacy import moving
from sync.models import Subscription
from tests.providers import GITHUB_API_URL, GITHUB_URL, OPENHUMANS_URL, Providers
from tests.sync.test_credentials import GITHUB_TOKEN, OPENHUMANS_TOKEN, credential_of, expire
from tests.sync.test_import_users import OldApp, bring, credential, stopped

pytestmark = pytest.mark.django_db(transaction=True)
PAIR = '{"access_token": "a1", "refresh_token": "r1", "expires_in": 36000, "scope": "read"}'
JSON = {"Content-Type": "application/json"}
TOKEN_OF = {"openhumans": credentials.openhumans_token, "github": credentials.github_token}
ADDRESS_OF = {"openhumans": OPENHUMANS_TOKEN, "github": GITHUB_TOKEN}


def beside(statement: str, *values: object) -> None:
    """As somebody else's connection does it."""
    known = connection.get_connection_params()
    place = {name: known[name] for name in ("host", "port", "dbname", "user", "password") if name in known}
    with psycopg.connect(**place, autocommit=True) as other:
        other.execute(statement, values)


def cut_all_connections() -> None:
    beside(
        "select pg_terminate_backend(pid) from pg_stat_activity"
        " where datname = current_database() and pid <> pg_backend_pid()"
    )


@pytest.fixture(autouse=True)
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outlasting, "PAUSES_SECONDS", (0, 0))


def answer_once(providers: Providers, provider: str, then: Callable[[], None]) -> list[str]:
    """The refresh tokens that were spent; each time something happens before the answer is here."""
    spent: list[str] = []

    def answer(request: PreparedRequest) -> tuple[int, dict[str, str], str]:
        spent.append(parse_qs(str(request.body))["refresh_token"][0])
        then()
        return 200, JSON, PAIR

    providers.http.add_callback(responses.POST, ADDRESS_OF[provider], callback=answer)
    return spent


@pytest.mark.parametrize("provider", ["openhumans", "github"])
def test_a_new_pair_outlasts_a_restart_of_postgres(
    subscription: Subscription, providers: Providers, provider: str
) -> None:
    old = expire(subscription, provider).refresh_token
    spent = answer_once(providers, provider, cut_all_connections)
    assert TOKEN_OF[provider](subscription.user) == "a1"
    stored = credential_of(subscription, provider)
    assert (stored.access_token, stored.refresh_token) == ("a1", "r1")
    assert spent == [old], "it is asked for once"


def test_it_outlasts_another_process_that_took_the_row_meanwhile_and_was_refused(
    subscription: Subscription, providers: Providers
) -> None:
    """With the lock the restart takes the old pair's protection away; whatever became of that one is void."""
    expire(subscription, "openhumans")

    def lose_the_row() -> None:
        cut_all_connections()
        beside("update accounts_credential set state = %s", Credential.State.REFUSED)

    answer_once(providers, "openhumans", lose_the_row)
    assert credentials.openhumans_token(subscription.user) == "a1"
    stored = credential_of(subscription, "openhumans")
    assert (stored.refresh_token, stored.state) == ("r1", Credential.State.VALID)


def test_a_postgres_that_stays_away_is_told_and_one_that_was_away_before_costs_no_pause(
    subscription: Subscription, providers: Providers, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempts: list[str] = []

    def away() -> None:
        attempts.append("store")
        raise (InterfaceError if len(attempts) % 2 else OperationalError)("gone")

    with pytest.raises((InterfaceError, OperationalError)):
        outlasting.outlasting_postgres(away, lambda: True)
    assert len(attempts) == 3
    with pytest.raises((InterfaceError, OperationalError)):
        outlasting.outlasting_postgres(away, lambda: False)
    assert len(attempts) == 4


def test_a_member_of_the_old_app_is_brought_over_across_a_restart(tmp_path: Path, settings: Settings) -> None:
    settings.OPENHUMANS_URL, settings.GITHUB_URL = OPENHUMANS_URL, GITHUB_URL
    settings.GITHUB_API_URL = GITHUB_API_URL
    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        old_app = OldApp(tmp_path / "members.csv", http)
        for number in (1, 2):
            old_app.add(number)
        old_app.before_refresh = lambda token: cut_all_connections() if token == "oh-refresh-1" else None
        assert bring(old_app)[-1] == "2 members: brought over 2"
    assert credential("00000001", "openhumans").refresh_token == "oh-refresh-1-new"
    assert old_app.refreshed == ["oh-refresh-1", "oh-refresh-2"]
    assert User.objects.count() == 2


def test_an_import_whose_postgres_stays_away_stops_and_says_so(
    tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.GITHUB_URL, settings.GITHUB_API_URL = GITHUB_URL, GITHUB_API_URL

    def away(*_arguments: object) -> None:
        raise OperationalError("the connection is lost")

    monkeypatch.setattr(moving, "_store_member", away)
    with responses.RequestsMock(assert_all_requests_are_fired=False) as http:
        old_app = OldApp(tmp_path / "members.csv", http)
        old_app.add(1)
        error = stopped(old_app)
    assert error.returncode == 3
    assert "our own database" in str(error)
    assert old_app.refreshed == []
