"""What past runs and operators did, in words. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.template.defaultfilters import pluralize

from sync.models import EraseScope, OperatorAction, SyncRun

OCCASIONS = {
    SyncRun.Trigger.CONNECTED: "You connected GitHub",
    SyncRun.Trigger.MEMBER: "You asked for an update",
    SyncRun.Trigger.STALE: "Regular update",
    SyncRun.Trigger.RESUMED: "Picked up again",
    SyncRun.Trigger.OPERATOR: "Started by an operator",
    SyncRun.Trigger.REMOVE: "You removed something from your archive",
}
ERASURES = {
    EraseScope.GITHUB: "You asked to disconnect GitHub",
    EraseScope.PRIVATE: "You left private repositories out",
    EraseScope.FILES: "You asked to delete your files",
    EraseScope.FILE: "You asked to delete the file",
    EraseScope.ACCOUNT: "You asked to delete your account",
    EraseScope.CHANGE: "You asked to change the GitHub account",
    EraseScope.REPLACE: "You asked to change the GitHub account and to delete its files",
}


@dataclass(frozen=True, slots=True)
class HistoryLine:
    at: datetime
    occasion: str
    outcome: str
    details: str
    is_failure: bool


def history_of(runs: Iterable[SyncRun], acts: Iterable[OperatorAction] = ()) -> list[HistoryLine]:
    """Newest first; of what operators did, who and why."""
    lines = [*map(_line_of_run, runs), *map(_line_of_act, acts)]
    return sorted(lines, key=lambda line: line.at, reverse=True)


def _line_of_run(run: SyncRun) -> HistoryLine:
    return HistoryLine(
        at=run.created_at,
        occasion=_occasion(run),
        outcome=_outcome(run),
        details=_details(run),
        is_failure=run.state == SyncRun.State.FAILED,
    )


def _line_of_act(act: OperatorAction) -> HistoryLine:
    return HistoryLine(
        at=act.created_at,
        occasion=f"The operator {act.operator}",
        outcome=OperatorAction.Kind(act.kind).label,
        details=act.reason,
        is_failure=False,
    )


def _occasion(run: SyncRun) -> str:
    if run.trigger == SyncRun.Trigger.ERASE:
        words = ERASURES[EraseScope(run.erase_scope)]
        return f"{words} {run.erase_file}" if run.erase_file else words
    return OCCASIONS[SyncRun.Trigger(run.trigger)]


def _outcome(run: SyncRun) -> str:
    weeks = len(run.weeks_fetched)
    if run.is_active:
        return "under way"
    if run.state == SyncRun.State.CANCELLED:
        return "stopped"
    if run.state == SyncRun.State.FAILED:
        return "did not finish"
    if run.is_deleting:
        return "done"
    return f"{weeks} week{pluralize(weeks)} collected" if weeks else "nothing new"


def _details(run: SyncRun) -> str:
    parts = [] if run.is_deleting else [_count(run.requests, "request")]
    if run.uploads:
        parts.append(_count(run.uploads, "file") + " saved")
    if run.waits:
        parts.append(f"waited {_count(run.waits, 'time')} for a limit")
    if run.duration is not None:
        parts.append(in_words(run.duration))
    return ", ".join(parts)


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{pluralize(number)}"


def in_words(duration: timedelta) -> str:
    seconds = int(duration.total_seconds())
    if seconds < 1:
        return "under a second"
    if seconds < 60:
        return _count(seconds, "second")
    if seconds < 3600:
        return _count(seconds // 60, "minute")
    hours, minutes = divmod(seconds // 60, 60)
    if hours >= 24:
        return _count(hours // 24, "day")
    return _count(hours, "hour") + (f" {_count(minutes, 'minute')}" if minutes else "")
