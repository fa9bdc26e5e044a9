"""The facts of a member's dashboard, read with one query per table, whatever the account's size."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from hashlib import blake2s
from heapq import nsmallest
from typing import Any

from django.conf import settings
from django.db.models import Count, Q, Subquery, Sum
from django.db.models.functions import Coalesce

from sync import ledger
from sync.choices import left_out_files
from sync.collect import completeness
from sync.collect.completeness import Comparison, Repositories
from sync.models import RepositoryState, Subscription, SyncRun, YearFile
from sync.omitting import organizations_to_answer
from sync.pages.agreed import Agreed, agreed_by
from sync.pages.estimate import Commits, Estimate, estimate, pace_of
from sync.pages.history import HistoryLine, history_of
from sync.pages.remaining import Pace, remaining
from sync.pages.remaining import in_words as time_in_words
from sync.pages.status import Status, status_of
from sync.pages.track_panel import TrackPanel, panel_of
from sync.pages.year_view import YearTotal, YearView, total_years, view_year
from sync.weeks import Week, WeekState

RUNS_SHOWN = 8
FILES_SHOWN = 6
ACTS_SHOWN = 8
TOP = 5
# Of a run: each step changes some of them.
MARKED = ("pk", "state", "step", "requests", "points", "wait_reason", "resume_at", "started_at", "error_code")


@dataclass(frozen=True, slots=True)
class FileLine:
    file: YearFile
    complete: int
    total: int


@dataclass(frozen=True)
class Dashboard:
    subscription: Subscription
    runs: list[SyncRun]
    files: list[YearFile]
    now: datetime

    @classmethod
    def load(cls, subscription: Subscription, now: datetime) -> "Dashboard":
        return cls(
            subscription=subscription,
            runs=list(subscription.runs.all()[:RUNS_SHOWN]),
            files=list(subscription.year_files.all()),
            now=now,
        )

    @property
    def newest(self) -> SyncRun | None:
        """The active run if there is one: a member has at most one, and it is the newest."""
        return self.runs[0] if self.runs else None

    @property
    def is_running(self) -> bool:
        return self.newest is not None and self.newest.is_active

    @property
    def is_collecting(self) -> bool:
        """Whether the run under way asks GitHub, and has weeks to show."""
        return self.is_running and self.newest is not None and not self.newest.is_deleting

    @property
    def is_due(self) -> bool:
        return self.subscription.next_due_at <= self.now

    @cached_property
    def status(self) -> Status:
        failed = (run.error_code for run in self.runs if run.state == SyncRun.State.FAILED)
        return status_of(self.subscription, self.newest, self.now, next(failed, ""))

    @cached_property
    def progress(self) -> ledger.Progress:
        ledgers = [file.weeks for file in self.record_files]
        return ledger.progress(self.known_weeks, ledgers)

    @property
    def time_left(self) -> str:
        """Of a first sync, in words; empty while nobody knows, and while it waits for a moment it names."""
        run = self.newest
        is_first = self.is_collecting and self.subscription.synced_at is None
        if run is None or not is_first or run.state != SyncRun.State.RUNNING or run.started_at is None:
            return ""
        # What an earlier run saved, before it was interrupted, tells nothing of this one's pace.
        gained = min(len(run.weeks_fetched), self.progress.held)
        pace = Pace(self.now - run.started_at, gained, self.progress.known - self.progress.held, run.points)
        left = remaining(pace, settings.GITHUB_HOURLY_LIMIT)
        return "" if left is None else time_in_words(left)

    @property
    def estimate(self) -> Estimate | None:
        """Of a first sync, from what the probe told; none that has been proved wrong already."""
        run = self.newest
        if run is None or not self.is_collecting or self.subscription.synced_at is not None:
            return None
        counts = self.subscription.repositories.filter(is_fork=False, not_readable="").aggregate(
            total=Sum("said"), unknown=Count("pk", filter=Q(said=None))
        )
        commits = Commits(counts["total"] or 0, counts["unknown"])
        elapsed = self.now - run.started_at if run.started_at else timedelta()
        found = estimate(self.subscription.lists, commits, pace_of(elapsed, run.requests))
        return found if found is not None and run.requests < found.requests else None

    @cached_property
    def agreed(self) -> Agreed:
        return agreed_by(self.subscription)

    @property
    def fingerprint(self) -> str:
        """Changes when the page below the status does: a page that shows another one is behind."""
        state = self.newest.state if self.newest else "none"
        return f"{state}-{self.progress.held}-{self.progress.known}-{self._saved}"

    @property
    def mark(self) -> str:
        """Of the status of a run under way; see `mark_of`."""
        facts = {name: getattr(self.newest, name) for name in MARKED}
        return mark_of(self.subscription, {**facts, "saved": self._saved}, self.now)

    @property
    def _saved(self) -> int:
        return sum(file.generation for file in self.files)

    @cached_property
    def known_weeks(self) -> list[Week]:
        return ledger.known_weeks(self.subscription.ledger_starts_on, self.now)

    @cached_property
    def known_names(self) -> dict[int, set[str]]:
        """The weeks of the ledger by year."""
        names: dict[int, set[str]] = {}
        for week in self.known_weeks:
            names.setdefault(week.year, set()).add(str(week))
        return names

    @cached_property
    def years(self) -> list[int]:
        """Newest first; this year stands there from the start, so that the page has its shape."""
        years = {week.year for week in self.known_weeks} | {
            file.year for file in self.files if not file.is_document
        }
        return sorted(years | {Week.of(self.now).year}, reverse=True)

    def year(self, year: int) -> YearView:
        return view_year(
            year,
            self.record_files,
            self.known_weeks,
            self.now.date(),
            has_calendar=self.subscription.keeps_calendar,
        )

    def tracks(self, year: int) -> TrackPanel:
        return panel_of(self.subscription, self.files, year)

    @cached_property
    def record_files(self) -> list[YearFile]:
        return [file for file in self.files if not file.holds_tracks]

    @cached_property
    def year_totals(self) -> list[YearTotal]:
        return total_years(self.record_files, has_calendar=self.subscription.keeps_calendar)

    @cached_property
    def top_repositories(self) -> list[RepositoryState]:
        """Those with most of the member's commits."""
        with_commits = (state for state in self._repositories if state.held)
        return nsmallest(TOP, with_commits, key=lambda state: (-state.held, state.name))

    @property
    def newest_files(self) -> list[FileLine]:
        return self.file_lines[:FILES_SHOWN]

    @property
    def older_files(self) -> list[FileLine]:
        return self.file_lines[FILES_SHOWN:]

    @cached_property
    def file_lines(self) -> list[FileLine]:
        current = [file for file in self.files if file.current_id is not None]
        return [self._file_line(file) for file in sorted(current, key=lambda file: not file.is_document)]

    def _file_line(self, file: YearFile) -> FileLine:
        if file.is_document or file.holds_tracks:
            return FileLine(file, complete=0, total=0)
        known = self.known_names.get(file.year, set()) | file.weeks.keys()
        complete = sum(entry.get("state") == WeekState.COMPLETE for entry in file.weeks.values())
        return FileLine(file, complete=complete, total=len(known))

    @property
    def total_size(self) -> int:
        return sum(line.file.size for line in self.file_lines)

    @property
    def organizations_to_answer(self) -> list[str]:
        return organizations_to_answer(self.subscription)

    @property
    def removed_files(self) -> list[YearFile]:
        """Those the member has still to say a word about."""
        left_out = left_out_files(self.subscription)
        return [file for file in self.files if file.removed_by_member_at and file.name not in left_out]

    @property
    def is_empty(self) -> bool:
        """Everything was read and there was nothing: not the same as nothing read yet, or removed since."""
        was_there = any(file.removed_by_member_at or file.tells_of_activity for file in self.files)
        return self.subscription.synced_at is not None and not was_there

    @cached_property
    def comparisons(self) -> list[Comparison]:
        """What GitHub counts against what the files hold, once there are files."""
        ledgers = [file.weeks for file in self.record_files]
        return completeness.of_lists(self.subscription, ledgers) if self.file_lines else []

    @cached_property
    def repository_comparisons(self) -> Repositories:
        return completeness.of_repositories(self._repositories)

    @cached_property
    def _repositories(self) -> list[RepositoryState]:
        """One query, whatever their number."""
        fields = ("subscription", "name", "held", "said", "not_readable", "is_read")
        return list(self.subscription.repositories.only(*fields).order_by("name"))

    @cached_property
    def year_comparisons(self) -> list[Comparison]:
        return completeness.of_years(self.files) if self.subscription.keeps_calendar else []

    @cached_property
    def history(self) -> list[HistoryLine]:
        return history_of(self.runs, self.subscription.operator_actions.all()[:ACTS_SHOWN])

    @property
    def update_again_at(self) -> datetime | None:
        return update_again_at(self.newest, self.now)


def is_as_marked(subscription: Subscription, mark: str, now: datetime) -> bool:
    """Whether the status of the newest run is still the marked one, for the price of one row."""
    files = subscription.year_files.order_by().values("subscription")
    saved = Coalesce(Subquery(files.annotate(sum=Sum("generation")).values("sum")), 0)
    facts = subscription.runs.annotate(saved=saved).values(*MARKED, "saved").first()
    return facts is not None and mark == mark_of(subscription, facts, now)


def mark_of(subscription: Subscription, facts: Mapping[str, Any], now: datetime) -> str:
    """What changes with every step of a run, with everything it saves, and when its wait is over."""
    is_over = facts["resume_at"] is not None and facts["resume_at"] <= now
    shown = [subscription.status, subscription.reason, subscription.ledger_starts_on, is_over]
    return blake2s(repr([*shown, sorted(facts.items())]).encode(), digest_size=8).hexdigest()


def update_again_at(newest: SyncRun | None, now: datetime) -> datetime | None:
    """From when "Update now" works again; None if it works now."""
    if newest is None or newest.finished_at is None:
        return None
    again_at = newest.finished_at + timedelta(seconds=settings.SYNC_UPDATE_NOW_SECONDS)
    return again_at if again_at > now else None
