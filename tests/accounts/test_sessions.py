"""What the table of sessions tells whoever reads it, and what they can do with it: nothing."""

import base64
import os
import zlib
from datetime import timedelta
from importlib import import_module

import pytest
from django.apps import apps
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.contrib.sessions.models import Session
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from accounts.sessions import SessionStore
from tests.providers import Providers
from tests.secrets.search import SESSIONS, Search

pytestmark = pytest.mark.django_db


def is_signed_in(client: Client) -> bool:
    return client.get("/dashboard/").status_code == 200 or "_auth_user_id" in client.session


def cookie_of(client: Client) -> str:
    return client.cookies["sessionid"].value


def test_an_attempt_that_was_given_up_leaves_nothing_readable_behind(
    client: Client, providers: Providers
) -> None:
    state = providers.begin_sign_in(client).parameters["state"]
    kept, _, _ = client.session["socialaccount_states"][state]
    search = Search({"state": state, "verifier": kept["pkce_code_verifier"], "cookie": cookie_of(client)})

    search.tables()

    assert {(finding.place, finding.secret) for finding in search.findings} == {
        (SESSIONS, "state"),
        (SESSIONS, "verifier"),
    }
    (row,) = Session.objects.all()
    content = base64.b64decode(row.session_data)
    assert b"socialaccount" not in content
    with pytest.raises(zlib.error):
        zlib.decompress(content)


def test_signing_in_and_out_leaves_the_cookie_from_before_worth_nothing(
    client: Client, providers: Providers, member: User
) -> None:
    providers.begin_sign_in(client)
    before = cookie_of(client)
    providers.sign_in(client, str(member.open_humans_id))
    signed_in = cookie_of(client)
    client.post("/accounts/logout/")

    assert before != signed_in
    for cookie in (before, signed_in):
        thief = Client()
        thief.cookies["sessionid"] = cookie
        assert not is_signed_in(thief)


def test_the_key_of_a_row_is_no_cookie(client: Client, member: User) -> None:
    client.force_login(member)
    thief = Client()
    thief.cookies["sessionid"] = Session.objects.get().session_key

    assert is_signed_in(client)
    assert not is_signed_in(thief)


def test_what_is_copied_into_another_row_cannot_be_read_there(member: User, stranger: User) -> None:
    mine, theirs = Client(), Client()
    mine.force_login(member)
    (my_row,) = Session.objects.all()
    theirs.force_login(stranger)
    Session.objects.update(session_data=my_row.session_data)

    assert is_signed_in(mine)
    assert not is_signed_in(theirs)


def test_a_session_outlives_a_new_key_and_ends_with_its_own(
    client: Client, member: User, settings: Settings
) -> None:
    client.force_login(member)
    old, new = settings.TOKEN_KEYS[0], os.urandom(32)
    settings.TOKEN_KEYS = (new, old)
    assert is_signed_in(client)

    settings.TOKEN_KEYS = (new,)
    assert not is_signed_in(client)
    assert client.get("/").status_code == 200
    client.force_login(member)
    assert is_signed_in(client)


@pytest.mark.parametrize(
    "stored", ["", "eyJhIjoxfQ:1vWz:signed", "bm90IGVuY3J5cHRlZA==", "not base64 at all é"]
)
def test_what_cannot_be_read_is_an_empty_session(client: Client, member: User, stored: str) -> None:
    """Such as what Django's own store has left."""
    client.force_login(member)
    Session.objects.update(session_data=stored)

    assert dict(SessionStore(cookie_of(client)).items()) == {}
    assert client.get("/dashboard/").status_code == 302


def test_it_is_saved_read_and_ended_like_any_session() -> None:
    session = SessionStore()
    session["word"] = {"a": [1, "two"]}
    session.save()
    key = str(session.session_key)
    assert session.exists(key)
    assert SessionStore(key)["word"] == {"a": [1, "two"]}

    session["word"] = "changed"
    session.save()
    session.cycle_key()
    assert not session.exists(key)
    assert SessionStore(session.session_key)["word"] == "changed"

    session.flush()
    assert not Session.objects.exists()
    SessionStore().delete()
    assert dict(SessionStore("nobody-has-this-one").items()) == {}


def test_a_session_ends_by_its_time(client: Client, member: User) -> None:
    client.force_login(member)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert not is_signed_in(client)


def test_those_from_before_do_not_stay_readable() -> None:
    """What Django's own store wrote is only signed; the migration that brings ours deletes it."""
    old = DatabaseStore()
    old["socialaccount_states"] = {"a-state": [{}, 0.0, "github"]}
    old.save()

    import_module("accounts.migrations.0004_sessions_end").end_sessions(apps, None)

    assert not Session.objects.exists()


def test_reading_one_is_one_query(member: User, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    client = Client()
    client.force_login(member)
    with django_assert_num_queries(1):
        assert SessionStore(cookie_of(client))["_auth_user_id"] == str(member.pk)
