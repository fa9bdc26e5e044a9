"""A member or an operator decides during a step: one comes after the other, neither is thrown out.

Two connections to a real Postgres; each test waits until the one stands in line behind the other, so that no
timing decides what happens.
"""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from django.db import connection, transaction
from django.utils import timezone

from accounts.models import User
from sync import choices, omitting, removing, runs
from sync.errors import LeaseLost
from sync.leaving import departures, erasing
from sync.models import EraseScope, Subscription, SyncRun, YearFile
from sync.operators import operating
from tests.sync.broker import Sent

pytestmark = pytest.mark.django_db(transaction=True)
Act = Callable[[Subscription], object]


def cancel_as_operator(subscription: Subscription) -> None:
    operating.cancel(subscription.runs.get(), "operator", "a test")


def take_everything_out(subscription: Subscription) -> None:
    with transaction.atomic():
        removing.write_again(removing.locked(subscription), subscription.year_files.all())


ACTS: dict[str, Act] = {
    "pausing": choices.pause,
    "deleting the files": lambda subscription: erasing.start(subscription, EraseScope.FILES),
    "deleting one file": lambda subscription: erasing.start(
        subscription, EraseScope.FILE, file="github-2026.json"
    ),
    "taking something out": take_everything_out,
    "leaving texts out": lambda subscription: omitting.change_omissions(subscription, texts=False),
    "leaving Open Humans": lambda subscription: departures.leave(
        str(subscription.user.open_humans_id), timezone.now(), erase=False
    ),
    "an operator's pause": lambda subscription: operating.pause(subscription, "operator", "a test"),
    "an operator's stop": cancel_as_operator,
}


@pytest.fixture
def run(subscription: Subscription, sent: Sent) -> SyncRun:
    """One that a worker has claimed, of an archive that has a file."""
    YearFile.objects.create(subscription=subscription, kind="public", year=2026, current_id=12)
    started = runs.start(subscription, SyncRun.Trigger.STALE)
    claimed = SyncRun.objects.claim(started.pk, 0, timezone.now())
    assert claimed is not None
    return claimed


@dataclass
class Other:
    """Somebody else's act, on a connection of its own; `raised` is what became of it."""

    act: Callable[[], object]
    raised: list[Exception] = field(default_factory=list)

    def begin(self) -> None:
        """Come back when it waits for a lock of ours."""
        self.thread = threading.Thread(target=self._work)
        self.thread.start()
        _wait_for_a_waiter(self.thread)

    def end(self) -> None:
        self.thread.join(timeout=30)
        assert not self.thread.is_alive()

    def _work(self) -> None:
        try:
            self.act()
        except Exception as error:
            self.raised.append(error)
        finally:
            connection.close()


def _wait_for_a_waiter(thread: threading.Thread) -> None:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with connection.cursor() as cursor:
            cursor.execute("select exists(select from pg_locks where not granted)")
            if cursor.fetchone() == (True,):
                return
        assert thread.is_alive(), "It did not wait for us."
        time.sleep(0.01)
    raise AssertionError("Nobody waits.")


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_click_waits_for_a_step_that_is_keeping_an_answer(run: SyncRun, act: Act) -> None:
    subscription = Subscription.objects.get()
    with transaction.atomic():
        run.hold()
        other = Other(lambda: act(subscription))
        other.begin()
        run.subscription.lists = {"issues": {"cursor": "kept"}}
        run.subscription.save(update_fields=["lists"])
    other.end()

    assert other.raised == []
    assert Subscription.objects.get().lists == {"issues": {"cursor": "kept"}}
    with pytest.raises(LeaseLost):
        run.hold()


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_step_waits_for_a_click_and_keeps_nothing_after_it(run: SyncRun, act: Act) -> None:
    def keep() -> None:
        with transaction.atomic():
            run.hold()
            run.subscription.lists = {"issues": {"cursor": "too late"}}
            run.subscription.save(update_fields=["lists"])

    with transaction.atomic():
        User.objects.select_for_update().get(pk=run.subscription.user_id)
        Subscription.objects.select_for_update().get()
        other = Other(keep)
        other.begin()
        act(Subscription.objects.get())
    other.end()

    assert [type(error) for error in other.raised] == [LeaseLost]
    assert Subscription.objects.get().lists == {}


def test_a_claim_waits_for_a_click_and_finds_the_run_stopped(subscription: Subscription, sent: Sent) -> None:
    started = runs.start(subscription, SyncRun.Trigger.STALE)
    claimed: list[SyncRun | None] = []
    with transaction.atomic():
        Subscription.objects.select_for_update().get()
        other = Other(lambda: claimed.append(SyncRun.objects.claim(started.pk, 0, timezone.now())))
        other.begin()
        choices.pause(subscription)
    other.end()

    assert (other.raised, claimed) == ([], [None])
    assert Subscription.objects.get().fence == 0


def test_a_claim_reads_the_fence_that_another_one_has_left(subscription: Subscription, sent: Sent) -> None:
    started = runs.start(subscription, SyncRun.Trigger.STALE)
    claimed: list[SyncRun | None] = []
    with transaction.atomic():
        Subscription.objects.update(fence=7)
        other = Other(lambda: claimed.append(SyncRun.objects.claim(started.pk, 0, timezone.now())))
        other.begin()
    other.end()

    assert other.raised == []
    [run] = claimed
    assert run is not None
    assert run.subscription.fence == 8
    run.hold()
