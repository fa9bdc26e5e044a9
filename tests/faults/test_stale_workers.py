"""A worker that lost its lease in the middle of a call wakes up and must not write over its successor."""

from datetime import timedelta

import pytest
from django.db import OperationalError
from django.utils import timezone

from sync import actors, publish, runs, steps
from sync.errors import LeaseLost
from sync.models import Subscription, SyncRun, YearFile
from sync.publish import Publisher
from tests.sync.broker import Sent

pytestmark = pytest.mark.django_db(transaction=True)


class OtherWorker:
    """In the place of Open Humans: while the first worker waits for its answer, another one takes over."""

    def __init__(self, run: SyncRun, year_file: YearFile) -> None:
        self.run = run
        self.year_file = year_file

    def delete_file(self, _file_id: int) -> bool:
        later = timezone.now() + timedelta(hours=1)
        assert SyncRun.objects.claim(self.run.pk, self.run.step, later) is not None
        YearFile.objects.filter(pk=self.year_file.pk).update(superseded=[11, 12], current_id=13)
        return True


@pytest.fixture
def run(subscription: Subscription, sent: Sent) -> SyncRun:
    started = runs.start(subscription, SyncRun.Trigger.STALE)
    claimed = SyncRun.objects.claim(started.pk, 0, timezone.now())
    assert claimed is not None
    return claimed


@pytest.fixture
def year_file(subscription: Subscription) -> YearFile:
    return YearFile.objects.create(
        subscription=subscription, kind="public", year=2026, current_id=12, superseded=[11]
    )


def test_what_is_still_to_be_deleted_is_not_forgotten_by_a_worker_that_woke_up(
    run: SyncRun, year_file: YearFile
) -> None:
    """Promise 2: each claim raises the fence, and whoever finds another number there writes nothing."""
    client = OtherWorker(run, year_file)
    publisher = Publisher(run, client, timezone.now())  # type: ignore[arg-type]
    with pytest.raises(LeaseLost):
        publish.delete_superseded(publisher, year_file)
    year_file.refresh_from_db()
    assert year_file.superseded == [11, 12]


def test_what_the_member_decided_during_an_upload_stays_decided(run: SyncRun, year_file: YearFile) -> None:
    """Promise 6: the member's word that a file is gone is not overwritten by what was read before it."""
    removed_at = timezone.now()
    year_file.pending = {
        "file_id": 13, "size": 1, "md5": "", "generation": 2, "weeks": {}, "touched": [],
        "supersedes": [12], "batches": [], "new": 0, "changed": 0,
    }  # fmt: skip
    YearFile.objects.filter(pk=year_file.pk).update(removed_by_member_at=removed_at)
    publish.confirm(Publisher(run, None, timezone.now()), year_file)  # type: ignore[arg-type]
    year_file.refresh_from_db()
    assert year_file.removed_by_member_at == removed_at
    assert (year_file.current_id, year_file.superseded) == (13, [11, 12])


def test_a_cut_connection_to_postgres_is_nobodys_failure(
    subscription: Subscription, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut(_run: SyncRun) -> None:
        raise OperationalError("terminating connection due to administrator command")

    monkeypatch.setattr(steps, "perform", cut)
    started = runs.start(subscription, SyncRun.Trigger.STALE)
    with pytest.raises(OperationalError):
        actors.sync_step.fn(started.pk, 0)
    started.refresh_from_db()
    subscription.refresh_from_db()
    assert started.is_active
    assert started.lease_until is None
    assert subscription.failures == 0
