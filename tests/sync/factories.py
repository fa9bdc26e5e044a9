"""Members with an archive, made directly in the database, for tests of what pages show."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from itertools import count
from typing import Any

from accounts.models import User
from github_client import Contributions, Repository
from sync.models import Subscription, SyncRun, YearFile
from sync.weeks import Week, WeekState, iter_weeks

_numbers = count(1)


def make_member(**fields: Any) -> User:
    number = next(_numbers)
    user = User(username=f"member-{number}", open_humans_id=f"{number:08}", **fields)
    user.set_unusable_password()
    user.save()
    return user


def make_subscription(user: User | None = None, **fields: Any) -> Subscription:
    number = next(_numbers)
    values: dict[str, Any] = {
        "github_id": 1000 + number,
        "github_login": f"octo-{number}",
        "agreement": {"kinds": ["commits"], "private": False, "agreed_at": "2026-05-01T10:00:00+00:00"},
        "ledger_starts_on": date(2025, 1, 1),
    }
    return Subscription.objects.create(user=user or make_member(), **(values | fields))


def make_year_file(subscription: Subscription, year: int, **fields: Any) -> YearFile:
    number = next(_numbers)
    values: dict[str, Any] = {
        "kind": YearFile.Kind.PUBLIC,
        "current_id": 5000 + number,
        "size": 12_345,
        "md5": f"{number:032x}",
        "generation": 1,
        "weeks": make_ledger(Week(year, 1), Week(year, 20)),
        "published_at": datetime(year, 12, 31, 12, tzinfo=UTC),
    }
    return YearFile.objects.create(subscription=subscription, year=year, **(values | fields))


def make_document(subscription: Subscription, kind: str) -> YearFile:
    """A file that is not of one year, and that everybody has: the profile, the table by day."""
    return YearFile.objects.create(
        subscription=subscription, kind=kind, year=0, current_id=5000 + next(_numbers), generation=1
    )


def make_ledger(first: Week, last: Week, state: WeekState = WeekState.COMPLETE) -> dict[str, dict[str, Any]]:
    """Two commits and two contributions on the Monday of each week."""
    return {
        str(week): {
            "state": str(state),
            "counts": {"commits": 2},
            "calendar": {str(week.starts_on): 2},
            "fetched_at": week.ended_at.isoformat(),
        }
        for week in iter_weeks(first, last)
    }


def make_run(subscription: Subscription, **fields: Any) -> SyncRun:
    values: dict[str, Any] = {
        "trigger": SyncRun.Trigger.MEMBER,
        "state": SyncRun.State.SUCCEEDED,
        "requests": 7,
        "points": 9,
    }
    return SyncRun.objects.create(subscription=subscription, **(values | fields))


def make_finished_run(subscription: Subscription, finished_at: datetime, **fields: Any) -> SyncRun:
    started_at = finished_at - timedelta(seconds=30)
    return make_run(
        subscription, created_at=started_at, started_at=started_at, finished_at=finished_at, **fields
    )


def make_contributions(
    since: date, until: date, names: Iterable[str], repositories_total: int | None = None
) -> Contributions:
    """An answer about a window in which somebody committed once to each of these repositories, `o/NAME`."""
    named = tuple(
        (Repository(f"R_{name}", number, f"o/{name}", "public", False, False, None, None, None), 1)
        for number, name in enumerate(names)
    )
    return Contributions(
        since=since,
        until=until,
        days={},
        total=0,
        restricted=0,
        repositories=named,
        repositories_total=len(named) if repositories_total is None else repositories_total,
        created=(),
        created_total=0,
        commits=0,
        reviews=0,
        issues=0,
        pull_requests=0,
    )
