"""GitHub's contribution calendars: whole windows, and the days of a probe that differ from the ledger."""

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any, NamedTuple

from django.utils import timezone

from github_client import Contributions, Probe, TooHeavy
from sync import planner
from sync.collect.collector import Collector
from sync.collect.repositories import note_contributed
from sync.models import OfEachWeek, Subscription, YearFile
from sync.records import CALENDAR, Entry, calendar_entries
from sync.staging import stage
from sync.weeks import Week

CREATED = "created"


def note_years(subscription: Subscription, answer: Probe, today: date) -> None:
    """Years whose calendar was never read become windows; the private count of the year may ask for one."""
    calendar = subscription.lists.setdefault(CALENDAR, {"years": [], "windows": []})
    years = {*answer.contribution_years, today.year}
    is_kept = CALENDAR in subscription.kinds
    if is_kept and not calendar.get("is_kept", True):
        calendar["years"] = []  # chosen since the years were read
    calendar["is_kept"] = is_kept
    new = planner.calendar_windows(years - set(calendar["years"]), today)
    if _is_private_count_news(subscription, answer):
        years_of_window = {answer.contributions.since.year, today.year} - {since.year for since, _ in new}
        new += planner.calendar_windows(years_of_window, today)
    calendar["years"] = sorted(years | set(calendar["years"]))
    _queue(calendar, new)
    starts_on = date(calendar["years"][0], 1, 1)
    if subscription.ledger_starts_on is None or starts_on < subscription.ledger_starts_on:
        subscription.ledger_starts_on = starts_on


def _is_private_count_news(subscription: Subscription, answer: Probe) -> bool:
    """Note the count of the probe's days, unless it is left out; the first one is no news."""
    seen = {name: value for name, value in subscription.probe.items() if name != "restricted"}
    known = subscription.probe.get("restricted")
    restricted = {"since": answer.contributions.since.isoformat(), "count": answer.contributions.restricted}
    if not subscription.omissions.private_counts:
        seen["restricted"] = restricted
    subscription.probe = seen
    if known is None or subscription.omissions.private_counts:
        return False
    return bool(known != restricted and not (known["count"] == restricted["count"] == 0))


def read_again(subscription: Subscription, today: date) -> None:
    """All years once more: old days change when an address is linked or private work made public."""
    calendar = subscription.lists[CALENDAR]
    _queue(calendar, planner.calendar_windows(calendar["years"], today))


def _queue(calendar: dict[str, Any], windows: Iterable[tuple[date, date]]) -> None:
    for since, until in windows:
        window = [since.isoformat(), until.isoformat()]
        if window not in calendar["windows"]:
            calendar["windows"].append(window)


class DaysNoted(NamedTuple):
    """Whether days of the probe's window differ from the ledger; how many contributions left their day."""

    are_news: bool
    lost: int = 0


def note_days(subscription: Subscription, contributions: Contributions) -> DaysNoted:
    """Stage the days of the probe's window that differ from the ledger."""
    windows = subscription.lists[CALENDAR]["windows"]
    if any(until >= contributions.since.isoformat() for _, until in windows):
        return DaysNoted(are_news=True)  # a whole window that holds these days is about to be read
    if not subscription.keeps_calendar:
        return DaysNoted(are_news=True)  # there is nothing to compare with
    days = planner.all_days(contributions.days, contributions.since, contributions.until)
    weeks = ledger_calendar(
        subscription, {Week.of(contributions.since).year, Week.of(contributions.until).year}
    )
    changed: list[Entry] = []
    lost = 0
    for entry in calendar_entries(days):
        known = weeks.get(entry.week, {})
        rises = [count - known.get(day, 0) for day, count in entry.data.items()]
        changed += [entry] if any(rises) else []
        lost += sum(-rise for rise in rises if rise < 0)
    _stage(subscription, changed)
    return DaysNoted(bool(changed), lost)


def _stage(subscription: Subscription, entries: Iterable[Entry]) -> None:
    """The calendar is a kind like others: the windows tell of repositories also where it was not chosen."""
    if CALENDAR in subscription.kinds:
        stage(subscription, ((YearFile.Kind.PUBLIC, entry) for entry in entries))


def ledger_calendar(subscription: Subscription, years: Iterable[int]) -> dict[str, Mapping[str, int]]:
    files = subscription.year_files.filter(kind=YearFile.Kind.PUBLIC, year__in=list(years))
    calendars = files.values_list(OfEachWeek(CALENDAR), flat=True)
    return {week: days for calendar in calendars for week, days in calendar.items()}


def read_calendar(collector: Collector, request: planner.ReadCalendar) -> None:
    """Calendars of whole windows, and the repositories contributed to that no list names."""
    subscription = collector.subscription
    created = subscription.batch_sizes.get(CREATED, planner.PAGE_LIMIT)
    answers = collector.github.fetch_contributions(request.windows, created)
    calendar = subscription.lists[CALENDAR]
    with collector.recorded():
        left = calendar["windows"][len(request.windows) :]
        shorter: list[list[str]] = []
        for window, answer in zip(request.windows, answers, strict=True):
            stage_window(subscription, window, answer)
            _note_private_count(subscription, window, answer)
            _note_cut(calendar, window, answer)
            if answer.is_cut:
                shorter += [[a.isoformat(), b.isoformat()] for a, b in planner.halves(window)]
        note_contributed(subscription, answers)
        calendar["windows"] = shorter + left
        subscription.save(update_fields=["lists"])


def _note_cut(calendar: dict[str, Any], window: tuple[date, date], answer: Contributions) -> None:
    """A window too short to be asked for in halves is all there is: what it does not name is remembered."""
    first, last = (day.isoformat() for day in window)
    cut = [each for each in calendar.get("cut", ()) if not (first <= each["since"] and each["until"] <= last)]
    if answer.is_cut and not planner.halves(window):
        named = len(answer.repositories) + len(answer.created)
        total = answer.repositories_total + answer.created_total
        cut.append({"since": first, "until": last, "named": named, "total": total})
    calendar["cut"] = cut


def _not_held(subscription: Subscription, entries: list[Entry]) -> list[Entry]:
    """Weeks of which the ledger holds other counts, or none; empty ones need no file to be written again."""
    held = ledger_calendar(subscription, {Week.parse(entry.week).year for entry in entries})
    files = subscription.year_files.filter(kind=YearFile.Kind.PUBLIC).exclude(current_id=None)
    written = set(files.values_list("year", flat=True))

    def is_news(entry: Entry) -> bool:
        if entry.week not in held and Week.parse(entry.week).year not in written:
            return True
        known = held.get(entry.week, {})
        return any(known.get(day, 0) != count for day, count in entry.data.items())

    return [entry for entry in entries if is_news(entry)]


def stage_window(subscription: Subscription, window: tuple[date, date], answer: Contributions) -> None:
    since, until = window
    days = planner.all_days(answer.days, since, until)
    _stage(subscription, _not_held(subscription, calendar_entries(days)))


def _note_private_count(subscription: Subscription, window: tuple[date, date], answer: Contributions) -> None:
    """GitHub's private count belongs to a whole calendar year: that of a part waits for the other parts."""
    if subscription.omissions.private_counts:
        return
    since, until = window
    first, today = date(since.year, 1, 1), timezone.now().date()
    last = min(date(since.year, 12, 31), today)
    parts: dict[str, dict[str, list[int]]] = subscription.lists[CALENDAR].setdefault("parts", {})
    of_year = parts.setdefault(str(since.year), {})
    if since == first and until in (last, date(since.year, 12, 31)):
        of_year.clear()
        of_year[since.isoformat()] = [(last - first).days + 1, answer.restricted]
    elif not answer.is_cut:  # else its own parts follow
        of_year[since.isoformat()] = [(until - since).days + 1, answer.restricted]
    if sum(days for days, _ in of_year.values()) != (last - first).days + 1:
        return
    YearFile.objects.update_or_create(
        subscription=subscription,
        kind=YearFile.Kind.PUBLIC,
        year=since.year,
        defaults={"private_contributions": sum(count for _, count in of_year.values())},
    )
    del parts[str(since.year)]


def cut_window(subscription: Subscription) -> None:
    """A shorter window, and fewer of the repositories made in it, are asked for the next time."""
    created = subscription.batch_sizes.get(CREATED, planner.PAGE_LIMIT)
    subscription.batch_sizes = {**subscription.batch_sizes, CREATED: max(created // 2, 1)}
    calendar = subscription.lists[CALENDAR]
    since, until = (date.fromisoformat(day) for day in calendar["windows"][0])
    parts = planner.halves((since, until))
    if not parts:
        raise TooHeavy("GitHub gives up on the contributions of a single week; trying again later.")
    calendar["windows"][:1] = [[a.isoformat(), b.isoformat()] for a, b in parts]
    subscription.save(update_fields=["lists", "batch_sizes"])
