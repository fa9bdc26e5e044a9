"""What Prometheus reads."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import redis
from django.conf import settings as the_settings
from django.db import DatabaseError
from django.test import Client
from django.utils import timezone
from prometheus_client.parser import text_string_to_metric_families
from pytest_django import Settings

from sync import scanning
from sync.models import ProviderState, Subscription, SyncRun
from sync.operators import counters, gauges
from tests.repositories import Repository
from tests.sync.factories import make_run, make_subscription
from tests.sync.world import living

TOKEN = "a-status-token-of-thirty-letters"
Samples = dict[str, float]


@pytest.fixture(autouse=True)
def nothing_counted_yet(settings: Settings) -> Iterator[None]:
    settings.STATUS_TOKEN = TOKEN
    counters.flush()
    with redis.Redis.from_url(the_settings.METRICS_URL) as server:
        server.delete(counters.KEY)
    yield
    counters.flush()


def scrape(client: Client) -> str:
    response = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response.status_code == 200
    assert response["Content-Type"].startswith("text/plain")
    return response.content.decode()


def samples(text: str) -> Samples:
    """{"name label=value ...": number}; a text that Prometheus could not read is an error."""
    return {
        " ".join(
            [
                sample.name.removeprefix("github_for_open_humans_"),
                *(f"{label}={value}" for label, value in sorted(sample.labels.items())),
            ]
        ): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def total(shown: Samples, *words: str) -> float:
    return sum(value for name, value in shown.items() if {*words} <= {*name.split()})


@pytest.mark.parametrize("shown", ["", "Bearer wrong"])
def test_without_the_token_there_is_nothing_here(client: Client, shown: str) -> None:
    assert client.get("/metrics", headers={"Authorization": shown}).status_code == 404


def test_how_things_stand(client: Client, db: None) -> None:
    now = timezone.now()
    scanning.note_scan(now - timedelta(seconds=30))
    overdue = make_subscription(next_due_at=now - timedelta(hours=2))
    queued = make_run(make_subscription(), state=SyncRun.State.QUEUED, created_at=now - timedelta(minutes=5))
    limit = SyncRun.WaitReason.GITHUB_LIMIT
    make_run(make_subscription(), state=SyncRun.State.WAITING, wait_reason=limit)
    make_run(make_subscription(), state=SyncRun.State.RUNNING, lease_until=now - timedelta(minutes=6))
    Subscription.objects.filter(pk=make_subscription().pk).update(status="paused")

    ProviderState.objects.create(service=ProviderState.Service.GITHUB, opened_at=now)

    shown = samples(scrape(client))

    assert shown["breaker_open service=github"] == 1
    assert shown["breaker_open service=openhumans"] == 0
    assert shown["runs reason= state=queued"] == 1
    assert shown["runs reason=github_limit state=waiting"] == 1
    assert shown["stuck_leases"] == 1
    assert shown["subscriptions status=active"] == 4
    assert shown["subscriptions status=paused"] == 1
    assert shown["queue_age_seconds"] == pytest.approx(360, abs=5)
    assert shown["oldest_due_seconds"] == pytest.approx(7200, abs=5)
    assert shown["scan_age_seconds"] == pytest.approx(30, abs=5)
    assert shown["redis_up"] == shown["postgres_up"] == 1
    assert "queue_messages queue=background state=ready" in shown
    assert overdue.pk
    assert queued.pk


@pytest.mark.parametrize(
    ("run", "waits_for"),
    [
        ({"state": "queued"}, 7200),
        ({"state": "running", "sent_at": 3600, "lease_until": None}, 3600),
        ({"state": "running", "sent_at": 3600, "lease_until": -60}, 0),
        ({"state": "running", "sent_at": 3600, "lease_until": 120}, 120),
        ({"state": "waiting", "resume_at": 600, "sent_at": 3600}, 600),
        ({"state": "waiting", "resume_at": -600, "sent_at": 3600}, 0),
        ({"state": "succeeded", "sent_at": 3600}, 0),
    ],
)
def test_the_queue_is_as_old_as_what_waits_longest_for_a_worker(
    subscription: Subscription, run: dict[str, Any], waits_for: int
) -> None:
    """Without workers all grow old, also those in the middle of their work. Numbers are seconds ago."""
    now = timezone.now()
    moments = {name: now - timedelta(seconds=ago) for name, ago in run.items() if isinstance(ago, int)}
    make_run(subscription, **{**run, **moments}, created_at=now - timedelta(hours=2))
    assert gauges.queue_age(now) == waits_for


def test_pages_are_counted_by_name(client: Client, db: None) -> None:
    client.get("/healthz")
    client.get("/files/77/")
    client.get("/nowhere/octocat")

    shown = samples(scrape(client))

    assert shown["web_requests_total page=healthz status=200"] == 1
    assert shown["web_requests_total page=download status=302"] == 1
    assert shown["web_requests_total page=none status=404"] == 1
    assert shown["web_seconds_total page=healthz"] > 0


def test_without_redis_the_rest_is_told(client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse() -> None:
        raise redis.ConnectionError("away")

    monkeypatch.setattr(counters, "read", refuse)
    shown = samples(scrape(client))
    assert (shown["redis_up"], shown["postgres_up"]) == (0, 1)
    assert shown["queue_age_seconds"] == 0


def test_without_postgres_the_rest_is_told(client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: Any) -> None:
        raise DatabaseError("away")

    monkeypatch.setattr(gauges, "from_postgres", refuse)
    counters.count("weeks_fetched", amount=3)
    shown = samples(scrape(client))
    assert (shown["redis_up"], shown["postgres_up"]) == (1, 0)
    assert shown["weeks_fetched_total"] == 3


@pytest.mark.django_db(transaction=True)
def test_a_whole_sync_is_counted_and_nobody_can_be_recognised(
    client: Client, tmp_path: Path, settings: Settings
) -> None:
    repository = Repository.create(tmp_path / "secret-trails", f"{uuid4().hex[:12]}@example.org")
    repository.add(f"2026-0{month}-03T10:00:00+02:00" for month in range(1, 9))
    with living(tmp_path, settings, {"secret-trails": repository}) as world:
        run = world.sync()
        client.force_login(world.member)
        client.get("/dashboard/")
        text = scrape(client)
        shown = samples(text)
        openhumans = world.openhumans.accounting()["total"]

        assert total(shown, "points_total") == run.points
        assert total(shown, "requests_total", "service=github") == run.requests
        assert total(shown, "requests_total", "service=openhumans") == openhumans
        assert shown["requests_total kind=Probe outcome=200 service=github"] == 1
        assert shown["weeks_fetched_total"] == len(run.weeks_fetched)
        assert shown["uploaded_bytes_total"] == run.bytes_uploaded
        assert shown["runs_ended_total cause=stale state=succeeded"] == 1
        subscription = world.subscription
        private = ["secret-trails", subscription.github_login, str(subscription.github_id)]
        assert not [word for word in [*private, str(world.member.open_humans_id)] if word in text]
