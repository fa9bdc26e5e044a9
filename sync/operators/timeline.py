"""What happened in one run, and when: its own moments, the files it wrote, what operators did meanwhile."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.utils import timezone

from sync.models import OperatorAction, SyncRun
from sync.pages.history import in_words


@dataclass(frozen=True, slots=True)
class Event:
    """`after`: since the run was made, in words."""

    at: datetime
    after: str
    text: str


def timeline_of(run: SyncRun) -> list[Event]:
    """Oldest first; what is still to come (a wait's end, a lease's end) stands last."""
    moments = sorted(_moments(run), key=lambda moment: moment[0])
    return [Event(at, f"+{in_words(max(at - run.created_at, at - at))}", text) for at, text in moments]


def _moments(run: SyncRun) -> Iterator[tuple[datetime, str]]:
    yield run.created_at, f"queued: {run.get_trigger_display()}"
    if run.started_at is not None:
        yield run.started_at, "begun by a worker"
    if run.probed_at is not None:
        yield run.probed_at, "asked GitHub what is new"
    yield from _files_written(run)
    yield from _acts(run)
    if run.resume_at is not None:
        yield run.resume_at, f"goes on: it waits for {run.get_wait_reason_display() or 'its turn'}"
    if run.state == SyncRun.State.RUNNING and run.lease_until is not None:
        is_over = run.lease_until <= timezone.now()
        yield run.lease_until, "its worker's lease ran out" if is_over else "its worker's lease ends"
    if run.finished_at is not None:
        code = f": {run.error_code}" if run.error_code else ""
        yield run.finished_at, f"{run.get_state_display()}{code}"


def _files_written(run: SyncRun) -> Iterator[tuple[datetime, str]]:
    """Those whose newest version is of this run."""
    if run.started_at is None:
        return
    until = run.finished_at or timezone.now()
    for file in run.subscription.year_files.filter(published_at__range=(run.started_at, until)):
        if file.published_at is not None:
            yield file.published_at, f"wrote {file.name}"


def _acts(run: SyncRun) -> Iterator[tuple[datetime, str]]:
    until = run.finished_at or timezone.now()
    acts = OperatorAction.objects.filter(subscription=run.subscription)
    for act in acts.filter(created_at__range=(run.created_at, until)):
        yield act.created_at, f"an operator {act.get_kind_display().replace('your ', '')}"
