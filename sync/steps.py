"""One step of a run: at most 20 requests or a minute of reading, then publishing."""

import logging
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from typing import TypeVar

from django.conf import settings
from django.db import transaction
from django.db.models import Case, F, Value, When
from django.utils import timezone

import github_client as github
import openhumans_client as openhumans
from accounts.encryption import DecryptionFailed
from sync import (
    breaker,
    credentials,
    idling,
    messages,
    planner,
    publish,
    reconciling,
    recovering,
    recurring,
    runs,
    switch,
)
from sync.archive import ArchiveError
from sync.collect import probing, reading
from sync.collect.collector import Collector
from sync.documents import current_documents, is_published
from sync.errors import (
    DamagedFile,
    GitHubAccessLost,
    GitHubGivesUp,
    OpenHumansAccessLost,
    SyncingStopped,
    UploadRefused,
    WorkerLost,
)
from sync.leaving import erasing
from sync.ledger import is_settled, known_weeks, settle
from sync.legacy.importing import import_legacy_files
from sync.models import (
    OfEachWeek,
    StagedBatch,
    Subscription,
    SyncRun,
    TrackSettings,
    YearFile,
)
from sync.operators.counters import count
from sync.publish import Publisher, Staged
from sync.queues import send_step
from sync.tracking import rewriting, scope, zones
from sync.tracks.errors import TrackError
from sync.weeks import Week, held_state

T = TypeVar("T")
logger = logging.getLogger(__name__)
LONGEST_OUTAGE_WAIT_SECONDS = 900
LONGEST_LIMIT_WAIT_SECONDS = 3600
LONGEST_DELETION_WAIT_SECONDS = 3600
# How long after its time the message of a wait counts as lost.
LOST_WAIT_SECONDS = 30
FAILURES_BEFORE_PAUSE = 5
LOST_LEASES_BEFORE_FAILURE = 5
# What says something about this run: nothing is published of what could not be read or written.
FAILURES = (
    github.GitHubError,
    openhumans.OpenHumansError,
    ArchiveError,
    GitHubGivesUp,
    TrackError,
    UploadRefused,
    DamagedFile,
)


@dataclass(frozen=True, slots=True)
class Allowance:
    """What one message may spend, so that the next member's step is never far away."""

    began: float

    def has_time(self) -> bool:
        return time.monotonic() - self.began < settings.SYNC_STEP_SECONDS

    def goes_on(self, collector: Collector) -> bool:
        return collector.github.requests_sent < settings.SYNC_STEP_REQUESTS and self.has_time()


def perform(run: SyncRun) -> timedelta | None:
    """Do one step of a claimed run; return how long its message must wait if a limit or outage stopped it."""
    if run.trigger == SyncRun.Trigger.ERASE:
        return erasing.perform(run)
    try:
        if run.trigger == SyncRun.Trigger.REMOVE:
            _take_out(run)
        else:
            switch.check()
            _collect_and_publish(run)
    except (SyncingStopped, github.InvalidClient, openhumans.InvalidClient, *breaker.TOKENS_REST):
        return _wait_for_site(run)
    except (DecryptionFailed, OSError) as error:
        # Wrong TOKEN_KEYS or a full disk are no member's fault; every one of them would meet it.
        logger.error("This site has to be set right: %s", error, extra=run.detail)
        return _wait_for_site(run)
    except github.RateLimited:
        return _wait_for_limit(run)
    except (github.Unavailable, github.TooHeavy, openhumans.Unavailable, openhumans.RateLimited) as error:
        return _wait_out(run, error)
    except (GitHubAccessLost, github.Unauthorized) as error:
        _stop_without_access(run, Subscription.Status.RECONNECT_GITHUB, "github_access_lost", error)
    except (OpenHumansAccessLost, openhumans.Unauthorized) as error:
        _stop_without_access(run, Subscription.Status.RECONNECT_OPENHUMANS, "openhumans_access_lost", error)
    except FAILURES as error:
        return fail(run, _code_of(error), error)
    return None


def may_perform(run: SyncRun) -> bool:
    """Not a step that has cost one worker after the other: whatever it does kills them, or hangs.

    An erasing is begun again all the same, and the people who run this site are told.
    """
    if run.lost_leases < LOST_LEASES_BEFORE_FAILURE:
        return True
    if run.trigger != SyncRun.Trigger.ERASE:
        return False
    logger.error("An erasing has lost %d workers in a row.", run.lost_leases, extra=run.detail)
    return True


def lose_workers(run: SyncRun) -> timedelta | None:
    """Such an end leaves no other mark than leases that ran out."""
    return fail(run, "worker_lost", WorkerLost(f"{run.lost_leases} workers in a row were lost in this step."))


def _collect_and_publish(run: SyncRun) -> None:
    """Probe, read within the step's allowance, publish; then the next step, or the end."""
    allowance = Allowance(time.monotonic())
    if recovering.is_wanted(run):
        _with_openhumans(run, recovering.recover)
    try:
        is_complete = _read(run, allowance)
    except (github.RateLimited, github.Unavailable, github.TooHeavy) as error:
        # Before anything is published, which may fail as well.
        _note_obstacle(run, error)
        if _publish_before_wait(run, allowance):
            raise
        _next_step(run)
        return
    if not run.is_active:
        messages.synced(run.subscription)  # it was idle
        return
    has_left = _publish(run, allowance, only_whole_years=run.step > 0 and not is_complete)
    if is_complete and not has_left:
        has_left = _look_after_files(run)
    if is_complete and not has_left:
        _confirm_zones(run)
        _publish_documents(run)
        succeed(run)
    else:
        _next_step(run)


def _confirm_zones(run: SyncRun) -> None:
    """After the privacy zones changed: that the older tracks files are gone is seen, not believed."""
    if run.subscription.has_track_settings and zones.unconfirmed(run.subscription).exists():
        _with_openhumans(run, rewriting.confirm)


def _take_out(run: SyncRun) -> None:
    """Write the files again without what the member took out of them; GitHub is not asked."""
    allowance = Allowance(time.monotonic())
    is_done = _with_openhumans(run, lambda publisher: publish.clean_all(publisher, allowance.has_time))
    if not is_done:
        _next_step(run)
        return
    _publish_changed_documents(run)
    with transaction.atomic():
        run.hold()
        runs.finish(run, SyncRun.State.SUCCEEDED, timezone.now())


@breaker.asking(breaker.Service.GITHUB)
def _read(run: SyncRun, allowance: Allowance) -> bool:
    """Read until nothing is missing (True) or the step's allowance is spent (False).

    A 401 in the middle is believed only of a token that was got after it: somebody else may have refreshed.
    """
    token = credentials.github_token(run.subscription.user)
    try:
        return _read_with(run, token, allowance)
    except github.Unauthorized:
        token = credentials.github_token(run.subscription.user, refused=token)
        return _read_with(run, token, allowance)


def _read_with(run: SyncRun, token: str, allowance: Allowance) -> bool:
    collector = Collector(run, credentials.github_client(run.subscription, token, _before_request(run)))
    try:
        if run.probed_at is None:
            now = timezone.now()
            answer = probing.ask(collector, now)
            if idling.end(collector, answer, now):
                return True
            probing.note(collector, answer, now)
        while (request := reading.next_request(run.subscription)) is not None:
            if not allowance.goes_on(collector):
                return False
            reading.read(collector, request)
        return True
    finally:
        collector.count()


def _before_request(run: SyncRun) -> Callable[[], None]:
    """Before each request to GitHub: the run is still ours, and nobody has learnt of a limit meanwhile."""

    def check() -> None:
        blocked_until, now = run.renew(), timezone.now()
        switch.check()
        if blocked_until and now < blocked_until < now + runs.LONGEST_WAIT:
            raise github.RateLimited(blocked_until, "primary", "graphql")

    return check


def _publish(run: SyncRun, allowance: Allowance, *, only_whole_years: bool) -> bool:
    """Publish what may be published now; tell whether anything is left staged."""
    staged = _staged_files(run)
    if only_whole_years:
        staged = [item for item in staged if item.is_year_passed]
    _publish_files(run, allowance, staged)
    return _has_staged(run)


def _publish_before_wait(run: SyncRun, allowance: Allowance) -> bool:
    """Publish whatever is whole and not published yet; False where that takes another step."""
    return _publish_files(run, allowance, [item for item in _staged_files(run) if item.is_news])


def _staged_files(run: SyncRun) -> list[Staged]:
    @cache
    def horizon() -> datetime | None:
        return planner.horizon(reading.situation(run.subscription))

    return publish.staged_files(run.subscription, lambda week: planner.is_passed(week, horizon()))


def _publish_files(run: SyncRun, allowance: Allowance, staged: list[Staged]) -> bool:
    """False where the allowance ended before all of them were published."""
    has_left_overs = run.subscription.year_files.exclude(pending=None, superseded=[], to_clean=0).exists()
    if not staged and not has_left_overs:
        return True
    return _with_openhumans(run, lambda publisher: publish.publish(publisher, staged, allowance.has_time))


def _has_staged(run: SyncRun) -> bool:
    return StagedBatch.objects.filter(subscription=run.subscription).exists()


def _look_after_files(run: SyncRun) -> bool:
    """When all is read: compare with what Open Humans lists, and stage what only an old app's file knows.

    Tell whether anything was staged.
    """
    is_due = reconciling.is_due(run.subscription, timezone.now())
    has_looked = idling.has_looked_for_old_files(run.subscription)
    if not is_due and has_looked:
        return False

    def act(publisher: Publisher) -> None:
        if is_due:
            reconciling.reconcile(publisher)
        if not has_looked:
            import_legacy_files(publisher)

    _with_openhumans(run, act)
    if not has_looked:
        _note_old_files(run)
    return _has_staged(run)


def _note_old_files(run: SyncRun) -> None:
    """Once is enough, until more was chosen."""
    subscription = run.subscription
    with transaction.atomic():
        run.hold()
        subscription.probe = idling.with_old_files_noted(subscription)
        subscription.save(update_fields=["probe"])


def _publish_documents(run: SyncRun) -> None:
    """Profile and daily table follow what was published, and weekly what changed without a record.

    One that the member wants back comes at once.
    """
    documents, now = list(run.subscription.year_files.filter(kind__in=YearFile.DOCUMENTS)), timezone.now()
    is_due = all(recurring.is_due(file.published_at, idling.DOCUMENTS_EVERY, now) for file in documents)
    is_one_missing = any(not file.current_id and not file.removed_by_member_at for file in documents)
    if run.uploads or is_one_missing or is_due:
        _publish_changed_documents(run)


def _publish_changed_documents(run: SyncRun) -> None:
    current = current_documents(run.subscription)
    changed = [document for document in current if not is_published(run.subscription, document)]
    if changed:
        _with_openhumans(run, lambda publisher: publish.publish_documents(publisher, changed))
    idling.note_documents(run.subscription, timezone.now())


@breaker.asking(breaker.Service.OPENHUMANS)
def _with_openhumans(run: SyncRun, act: Callable[[Publisher], T]) -> T:
    return credentials.with_openhumans(
        run.subscription.user,
        lambda client: act(Publisher(run, client, timezone.now())),
        lambda: switch.check_run(run),
    )


# --- How a step ends --------------------------------------------------------------------------------------


def _next_step(run: SyncRun) -> None:
    """Only the transaction that advances the step sends a successor; it goes to the back of the queue."""
    with transaction.atomic():
        run.hold()
        run.outages = run.lost_leases = 0
        run.advance("outages", "lost_leases")
        send_step(run)


def _note_obstacle(run: SyncRun, error: github.GitHubError) -> None:
    """What all members and processes have to know of it. Who goes on with another step meets it again."""
    if isinstance(error, github.RateLimited):
        _note_limit(run, error)
    elif isinstance(error, github.Unavailable):
        breaker.fails(breaker.Service.GITHUB, error)


def _note_limit(run: SyncRun, limit: github.RateLimited) -> None:
    """Every process honours `blocked_until`; where GitHub named no moment, the wait doubles each time."""
    subscription, now = run.subscription, timezone.now()
    retry_at = limit.retry_at
    if not limit.is_moment_known:
        seconds = settings.SYNC_WAIT_FLOOR_SECONDS * 2**subscription.secondary_limits
        retry_at = now + timedelta(seconds=min(seconds, LONGEST_LIMIT_WAIT_SECONDS))
        subscription.secondary_limits += 1
    with transaction.atomic():
        run.hold()
        subscription.blocked_until = max(retry_at, now)
        subscription.save(update_fields=["blocked_until", "secondary_limits"])


def _wait_for_limit(run: SyncRun) -> timedelta:
    """A little later than the limit ends, not all members at the same moment."""
    now = timezone.now()
    blocked_until = max(run.subscription.blocked_until or now, now)
    jitter = timedelta(
        seconds=random.uniform(0.05, 1) * min(5, 1 + (blocked_until - now).total_seconds() / 20)
    )
    with transaction.atomic():
        run.hold()
        return _wait(run, SyncRun.WaitReason.GITHUB_LIMIT, blocked_until + jitter)


def _wait_out(run: SyncRun, error: Exception) -> timedelta:
    """An outage says nothing about the member: wait, longer each time, and try again."""
    service = breaker.service_of(error)
    if isinstance(error, openhumans.Unavailable):
        breaker.fails(service, error)
    reason = breaker.WAITS[service]
    logger.warning("%s: %s", reason.label, error, extra=run.detail)
    with transaction.atomic():
        run.hold()
        resume_at = runs.back_off(run, LONGEST_OUTAGE_WAIT_SECONDS)
        return _wait(run, reason, max(resume_at, getattr(error, "retry_at", resume_at)))


def _wait_for_site(run: SyncRun) -> timedelta:
    """Until the people who run this site have set it right; `switch.start` wakes all of them."""
    with transaction.atomic():
        run.hold()
        return _wait(run, SyncRun.WaitReason.SITE, timezone.now() + switch.PAUSE)


def _wait(run: SyncRun, reason: SyncRun.WaitReason, resume_at: datetime) -> timedelta:
    count("waits", reason.value)
    run.state = SyncRun.State.WAITING
    run.wait_reason = reason
    run.resume_at = resume_at
    run.waits += 1
    run.lease_until, run.lost_leases = None, 0
    # The safety net: if the waiting message is lost, the scan sends another one shortly after.
    run.nudge_at = resume_at + timedelta(seconds=min(LOST_WAIT_SECONDS, settings.SYNC_NUDGE_SECONDS))
    kept = ["state", "wait_reason", "resume_at", "waits", "lease_until", "nudge_at", "outages", "lost_leases"]
    run.save(update_fields=kept)
    return max(resume_at - timezone.now(), timedelta())


def succeed(run: SyncRun) -> None:
    """Nothing is missing: time may have closed weeks, which needs no upload."""
    now, subscription = timezone.now(), run.subscription
    with transaction.atomic():
        run.hold()
        if _has_new_wishes(subscription):
            _next_step(run)
            return
        if run.uploads or run.step or not idling.is_settled(subscription, now):
            run.add_weeks(settle_ledger(subscription, now))
            subscription.probe = {
                **subscription.probe,
                idling.SETTLED: idling.standing_of_ledger(subscription, now),
            }
        idling.note_end(run)
        runs.finish(run, SyncRun.State.SUCCEEDED, now)
        # Who decided something during this run has made the next one due at once.
        wished = When(next_due_at__gt=run.started_at, next_due_at__lte=now, then=F("next_due_at"))
        subscription.failures, subscription.synced_at = 0, now
        subscription.next_due_at = Case(wished, default=Value(idling.next_due(subscription, now)))
        subscription.blocked_until = None
        subscription.save(update_fields=["failures", "synced_at", "next_due_at", "blocked_until", "probe"])
    messages.synced(subscription)


def _has_new_wishes(subscription: Subscription) -> bool:
    """Whether the member decided about tracks while the run was ending.

    Their row is locked by whoever decides, so that either this run sees the decision or that one the end.
    """
    if not TrackSettings.objects.filter(subscription=subscription).exists():
        return False
    track_settings = scope.lock_settings(subscription)
    subscription.refresh_from_db(fields=["agreement"])
    is_confirmed = track_settings.confirmed_version == track_settings.zones_version
    return not is_confirmed or reading.next_of_tracks(subscription) is not None


def settle_ledger(subscription: Subscription, now: datetime) -> list[str]:
    """Close what has ended, and hold weeks in which nothing happened; return the weeks that are new."""
    settling = timedelta(hours=settings.SYNC_SETTLING_HOURS)
    years: dict[int, list[Week]] = {}
    for week in known_weeks(subscription.ledger_starts_on, now):
        years.setdefault(week.year, []).append(week)
    public = subscription.year_files.filter(kind=YearFile.Kind.PUBLIC)
    states = dict(public.values_list("year", OfEachWeek("state")))
    unsettled = {
        year: weeks
        for year, weeks in years.items()
        if not is_settled(states.get(year, {}), weeks, now, settling)
    }
    files = {file.year: file for file in public.filter(year__in=unsettled)}
    fresh: list[str] = []
    for year, weeks in unsettled.items():
        year_file = files.get(year) or YearFile(
            subscription=subscription, kind=YearFile.Kind.PUBLIC, year=year
        )
        if year_file.removed_by_member_at:
            continue
        ledger = settle(year_file.weeks, now, settling)
        for week in weeks:
            if str(week) not in ledger:
                ledger[str(week)] = {
                    "state": str(held_state(week, now, settling)),
                    "counts": {},
                    "calendar": {},
                    "fetched_at": now.isoformat(),
                }
                fresh.append(str(week))
        year_file.weeks = ledger
        year_file.save()
    return fresh


def _stop_without_access(run: SyncRun, status: Subscription.Status, code: str, error: Exception) -> None:
    """Revoked access pauses at once and never loops; nothing is deleted."""
    with transaction.atomic():
        run.hold()
        subscription = run.subscription
        # What is taken out of a paused archive does not end the pause.
        if not run.is_deleting or subscription.status == Subscription.Status.ACTIVE:
            subscription.status, subscription.reason = status, str(error)
            subscription.save(update_fields=["status", "reason"])
        runs.finish(run, SyncRun.State.FAILED, timezone.now(), code, str(error))
    messages.stopped(run)


def fail(run: SyncRun, code: str, error: Exception) -> timedelta | None:
    """Nothing was published from what we could not read; after five times in a row the member is asked.

    What deletes does not end before it is done: the time its message must wait is returned.
    """
    logger.error("Run failed: %s", error, extra=run.detail)
    if run.is_deleting:
        return _try_again(run, error)
    subscription, now = run.subscription, timezone.now()
    with transaction.atomic():
        run.hold()
        subscription.failures += 1
        subscription.next_due_at = now + timedelta(hours=min(2**subscription.failures, 24))
        if subscription.failures >= FAILURES_BEFORE_PAUSE and not breaker.befalls_many(subscription, code):
            subscription.status = Subscription.Status.PAUSED
            subscription.reason = f"Five attempts in a row failed; the last one said: {error}"
        subscription.save(update_fields=["failures", "next_due_at", "status", "reason"])
        runs.finish(run, SyncRun.State.FAILED, now, code, str(error))
    messages.stopped(run)
    return None


def _try_again(run: SyncRun, error: Exception) -> timedelta:
    """What the member wants gone is tried until it is gone, less and less often. No failure is counted: a
    pause of theirs stays the one they wished for."""
    is_theirs = isinstance(error, openhumans.OpenHumansError)
    reason = SyncRun.WaitReason.OPENHUMANS_UNAVAILABLE if is_theirs else SyncRun.WaitReason.SITE
    with transaction.atomic():
        run.hold()
        run.error_code, run.error = _code_of(error), str(error)
        run.save(update_fields=["error_code", "error"])
        return _wait(run, reason, runs.back_off(run, LONGEST_DELETION_WAIT_SECONDS))


def _code_of(error: Exception) -> str:
    if isinstance(error, GitHubGivesUp):
        return "github_too_heavy"
    service = {"github_client": "github", "openhumans_client": "openhumans"}.get(
        type(error).__module__.partition(".")[0], "archive"
    )
    name = "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in type(error).__name__)
    return f"{service}{name}"
