"""Hosts cut an answer off after 30 seconds: whoever comes back from a provider is answered before that."""

from typing import Any

import pytest
from django.test import Client

from accounts.models import User
from accounts.oauth import ANSWER_SECONDS
from tests.providers import Providers

MOST_SECONDS = 30
pytestmark = pytest.mark.django_db


def patience(providers: Providers) -> list[float]:
    """The longest silence that each request was sent with."""
    calls: Any = providers.http.calls
    return [max(call.request.req_kwargs["timeout"]) for call in calls]


def test_signing_in_waits_no_longer_than_a_host_does(client: Client, providers: Providers) -> None:
    providers.sign_in(client)
    assert len(patience(providers)) == 2
    assert all(seconds <= ANSWER_SECONDS for seconds in patience(providers))
    assert sum(patience(providers)) < MOST_SECONDS


def test_connecting_waits_no_longer_than_a_host_does(
    client: Client, providers: Providers, member: User
) -> None:
    providers.sign_in(client, str(member.open_humans_id))
    before = len(patience(providers))
    providers.connect(client)
    asked = patience(providers)[before:]
    assert len(asked) == 2
    assert all(seconds <= ANSWER_SECONDS for seconds in asked)
