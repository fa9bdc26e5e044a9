"""Promise 10: what befalls many pauses nobody. Simulated hours, both stand-ins over HTTP."""

import logging
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
import requests
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Credential
from sandbox.github.service import Service
from sync import breaker
from sync.models import ProviderState, Subscription, SyncRun
from tests.faults.comparing import kinds_of, records_twice
from tests.faults.crowd import (
    commit_all,
    connected_crowd,
    credential_states,
    crowded_repository,
    holders,
    states,
    stored_of,
)
from tests.faults.simulation import Clockwork, clockwork
from tests.faults.summary import IS_LONG, new_drill
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db(transaction=True)

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
Crowded = Callable[[int], AbstractContextManager[tuple[World, Clockwork, list[Subscription]]]]


@pytest.fixture
def crowded(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Crowded:
    @contextmanager
    def start(count: int) -> Iterator[tuple[World, Clockwork, list[Subscription]]]:
        repository = crowded_repository(tmp_path, count, timezone.now() - timedelta(days=20))
        with (
            living(tmp_path, settings, {"crowded": repository}) as world,
            clockwork(monkeypatch) as works,
        ):
            yield world, works, connected_crowd(world, count)

    return start


def service_of(world: World) -> Service:
    service: Service = world.github.app.extensions["github_stand_in"]
    return service


def everybody(members: list[Subscription]) -> set[str]:
    return {str(subscription.user.open_humans_id) for subscription in members}


def failed_answers(world: World) -> int:
    """How often Open Humans said that it is out, or that the secret is wrong: of its last 10,000 answers."""
    log = requests.get(f"{world.openhumans.url}/_sandbox/log", timeout=10).json()
    return sum(entry["status"] >= 500 or entry["status"] == 401 for entry in log)


def require_nobody_paused(members: list[Subscription]) -> None:
    assert states(members) == {Subscription.Status.ACTIVE}
    assert credential_states() == {Credential.State.VALID}
    assert set(Subscription.objects.values_list("failures", flat=True)) == {0}


@pytest.mark.faults
def test_two_days_of_outage_and_a_wrong_client_secret_pause_nobody(crowded: Crowded) -> None:
    """Promise 10: 48 hours of 500s, then a wrong secret of ours; all are current without a click."""
    count, tick = (1000, 4 * HOUR) if IS_LONG else (6, 4 * HOUR)
    drill = new_drill("48 simulated hours of outage")
    this_year = f"github-{timezone.now().isocalendar().year}.json"
    with crowded(count) as (world, works, members):
        world.openhumans.fault(html_500=True)
        works.run_for(48 * HOUR, tick)
        require_nobody_paused(members)
        assert SyncRun.objects.filter(state=SyncRun.State.FAILED).count() == 0
        assert holders(world, this_year) == set()

        world.openhumans.fault(html_500=False, invalid_client=True)
        world.state.grants.expire_access_tokens()
        works.run_for(8 * HOUR, tick)
        require_nobody_paused(members)
        assert holders(world, this_year) == set()

        world.openhumans.fault(invalid_client=False)
        works.run_for(8 * HOUR, HOUR)
        require_nobody_paused(members)
        assert holders(world, this_year) == everybody(members)
        assert not SyncRun.objects.active().exists()
        assert not ProviderState.objects.exclude(opened_at=None).exists()
        stored = [stored_of(world, member) for member in members]
        refused = world.github.accounting()["refused_while_blocked"]
        # Everybody has one commit, and so one week that could be lost.
        lost = sum("commits" not in kinds_of(files) for files in stored)
        twice = sum(map(records_twice, stored))
        drill.count(faults_injected=failed_answers(world), requests_while_blocked=refused)
        drill.count(weeks_lost=lost, records_twice=twice)
        assert (refused, lost, twice) == (0, 0, 0)


def test_while_a_service_is_out_it_is_asked_once_a_minute(
    crowded: Crowded, caplog: pytest.LogCaptureFixture
) -> None:
    with crowded(6) as (world, works, members), caplog.at_level(logging.ERROR, "sync.breaker"):
        world.openhumans.fault(html_500=True)
        works.tick(MINUTE)
        assert ProviderState.objects.get(service="openhumans").opened_at is not None
        before = world.openhumans.total
        works.run_for(30 * MINUTE, MINUTE)
        assert 0 < world.openhumans.total - before <= 30
        told = [record for record in caplog.records if record.name == "sync.breaker"]
        assert len(told) == 1
        assert "Open Humans: out for everybody" in told[0].getMessage()
        require_nobody_paused(members)


def test_the_first_answer_sets_everybody_going(crowded: Crowded) -> None:
    with crowded(6) as (world, works, _):
        world.openhumans.fault(html_500=True)
        works.run_for(6 * HOUR, HOUR)
        world.openhumans.fault(html_500=False)
        works.run_for(17 * MINUTE, MINUTE)
        assert set(SyncRun.objects.values_list("state", flat=True)) == {SyncRun.State.SUCCEEDED}
        assert not ProviderState.objects.exclude(opened_at=None).exists()


def test_an_outage_of_github_is_the_same(crowded: Crowded) -> None:
    with crowded(6) as (world, works, members):
        world.github.fault(status_502={"html": True})
        works.run_for(3 * HOUR, HOUR)
        require_nobody_paused(members)
        before = world.github.total
        works.run_for(30 * MINUTE, MINUTE)
        assert world.github.total - before <= 30 * 2
        service_of(world).faults.clear()
        works.run_for(2 * HOUR, HOUR)
        require_nobody_paused(members)
        assert set(SyncRun.objects.values_list("state", flat=True)) == {SyncRun.State.SUCCEEDED}


def test_a_member_without_trouble_of_their_own_goes_on_while_refreshing_fails(crowded: Crowded) -> None:
    """A wrong secret stands in the way of refreshing only: whose token is good needs none."""
    with crowded(6) as (world, works, members):
        world.openhumans.fault(invalid_client=True)
        expired = Credential.objects.filter(identity__user=members[0].user, identity__provider="openhumans")
        expired.update(expires_at=timezone.now())
        works.tick(MINUTE)
        runs = {run.subscription_id: run for run in SyncRun.objects.all()}
        waiting = runs.pop(members[0].pk)
        assert (waiting.state, waiting.wait_reason) == (SyncRun.State.WAITING, SyncRun.WaitReason.SITE)
        assert {run.state for run in runs.values()} == {SyncRun.State.SUCCEEDED}
        require_nobody_paused(members)
        assert world.openhumans.accounting()["by_endpoint"]["POST /oauth2/token/"] == 1


def test_tokens_that_die_by_the_dozen_are_not_believed_to_be_dead(
    crowded: Crowded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """GitHub refuses everybody's token for five hours: whoever was paused by it is set going again."""
    with crowded(6) as (world, works, members):
        works.tick(MINUTE)
        commit_all(world.repository, 6, timezone.now() - timedelta(days=1))
        works.clock.tick(timedelta(days=5))
        with monkeypatch.context() as refusing:
            refusing.setattr(service_of(world).tokens, "find", lambda _text: None)
            works.run_for(5 * HOUR, HOUR)
            assert ProviderState.objects.get(service="github_tokens").opened_at is not None
            assert states(members) == {Subscription.Status.ACTIVE}
            assert credential_states() == {Credential.State.VALID}
            before = world.github.total
            works.run_for(20 * MINUTE, MINUTE)
            assert world.github.total - before <= 20
        works.run_for(4 * HOUR, HOUR)
        require_nobody_paused(members)
        assert all(member.runs.first().state == SyncRun.State.SUCCEEDED for member in members)  # type: ignore[union-attr]


def test_one_dead_token_is_believed_at_once(crowded: Crowded, monkeypatch: pytest.MonkeyPatch) -> None:
    with crowded(6) as (world, works, members):
        service = service_of(world)
        issued = Credential.objects.get(identity__user=members[3].user, identity__provider="github")
        token = service.tokens.find(issued.access_token)
        assert token is not None
        service.tokens.revoke(token)
        works.tick(MINUTE)
        members[3].refresh_from_db()
        assert members[3].status == Subscription.Status.RECONNECT_GITHUB
        assert states(set(members) - {members[3]}) == {Subscription.Status.ACTIVE}
        before = world.github.total
        SyncRun.objects.exclude(subscription=members[3]).delete()
        Subscription.objects.exclude(pk=members[3].pk).delete()
        works.run_for(timedelta(days=10), timedelta(days=1))
        assert world.github.total == before


def test_dead_tokens_are_believed_after_a_day_if_those_of_others_work(
    crowded: Crowded, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most of them really revoked our access within an hour: they are asked to connect again, a day late.

    Also where as many wait for it as a scan may queue: then the others are started one by one.
    """
    with crowded(7) as (world, works, members):
        service = service_of(world)
        for member in members[:5]:
            credential = Credential.objects.get(identity__user=member.user, identity__provider="github")
            token = service.tokens.find(credential.access_token)
            assert token is not None
            service.tokens.revoke(token)
        works.run_for(4 * HOUR, HOUR, limit=5)
        assert states(members) == {Subscription.Status.ACTIVE}
        works.run_for(timedelta(days=6), 4 * HOUR, limit=5)
        assert states(members[:5]) == {Subscription.Status.RECONNECT_GITHUB}
        assert states(members[5:]) == {Subscription.Status.ACTIVE}


def test_a_limit_is_an_answer() -> None:
    import github_client as github

    breaker.fails(breaker.Service.GITHUB, github.Unavailable("out"))
    with pytest.raises(github.RateLimited), breaker.asking(breaker.Service.GITHUB):
        raise github.RateLimited(timezone.now(), "primary", "graphql")
    assert ProviderState.objects.get(service="github").outages == 0
