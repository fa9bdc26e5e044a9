"""What grows with members and years, and what does not: the scan, the dashboard, one more day."""

import json
import re
import statistics
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from tempfile import TemporaryDirectory
from typing import Any

from django.conf import settings
from django.contrib.staticfiles.storage import StaticFilesStorage
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import User
from sync import runs, scanning
from sync.models import Subscription, SyncRun
from sync.weeks import Week
from tests.benchmarks.database_time import DatabaseWatch
from tests.benchmarks.figures import Report, Spread, ratio
from tests.benchmarks.journeys import Leg, journey
from tests.benchmarks.service import forget_all
from tests.cast import make_member, subscribe
from tests.sync.factories import make_finished_run, make_ledger, make_year_file
from tests.sync.page_words import signed_in

SUBSCRIPTIONS = (1_000, 100_000, 1_000_000)
DUE = 1_000
MOST_MILLISECONDS = 100.0
# A million of them, one after the other, end before what a scan takes for a clock that was ahead.
APART_SECONDS = 0.3
ROUNDS = 7
# What a day may cost an old account, of what it costs one of a year.
MOST_TIMES_A_DAY = 1.5
YEARS = (1, 5, 15)
ACCOUNTS = {1: "1000:20:1", 5: "5000:20:5", 15: "15000:20:15"}
BITMAP_HEAP = "Bitmap Heap Scan"
BY_INDEX = {"Index Scan", "Index Only Scan", "Bitmap Index Scan"}
# Of what is due each reading may look at so many rows: dead ones, and old runs beside the new one.
MOST_TIMES_DUE = 3
# Of these tables there are as many rows as members, or more.
LARGE = {"sync_subscription", "sync_syncrun", "accounts_user"}


def measure() -> Report:
    report = Report()
    try:
        add_scans(report, SUBSCRIPTIONS, DUE)
    finally:
        forget_all()
    _add_dashboards(report)
    _add_days(report)
    return report


@dataclass(frozen=True, slots=True)
class Reading:
    """How a plan reads a table or index, and how many rows it looked at, those it threw away among them."""

    table: str
    node: str
    has_condition: bool
    rows: float

    def is_by_need(self, most_rows: float) -> bool:
        """By an index with a condition, and about as many rows as there is to do."""
        return self.node in BY_INDEX and self.has_condition and self.rows <= most_rows

    @property
    def in_words(self) -> str:
        condition = "" if self.has_condition else " without a condition"
        return f"{self.table} by {self.node}{condition}, {self.rows:,.0f} rows"


# --- The scan -------------------------------------------------------------------------------------------


def add_scans(report: Report, sizes: Sequence[int], due: int) -> None:
    first: Spread | None = None
    have = 0
    for count in sizes:
        make_subscriptions(have, count, due)
        require_due(due)
        have = count
        spent, readings = scans(due)
        beyond = [reading for reading in readings if not reading.is_by_need(MOST_TIMES_DUE * due)]
        taken = Spread.of(spent)
        first = first or taken
        report.add(
            f"scan of {count:,} subscriptions, {due:,} of them due: database time",
            taken.shown(" ms"),
            f"with {sizes[0]:,} {first.shown(' ms')}",
            ratio(taken.median, first.median),
            f"at most {MOST_MILLISECONDS:.0f} ms, by indexes",
            met=taken.median <= MOST_MILLISECONDS and (not beyond or count == due),
        )
        report.add(
            f"scan of {count:,} subscriptions: rows looked at, and readings of another sort than by need",
            f"{sum(reading.rows for reading in readings):,.0f};"
            f" {'; '.join(dict.fromkeys(reading.in_words for reading in beyond)) or 'none'}",
            f"{due:,} due",
            bar=f"by indexes with a condition, at most {MOST_TIMES_DUE * due:,} rows in each",
            # Where all are due, Postgres may well read the tables from end to end.
            met=not beyond if count > due else None,
        )
    report.note(
        "A scan starts a run for each member that is due and sends its message. Database time is that of all"
        " its statements as the worker sees it, so the way to Postgres is in it; sending the messages is not."
        " Each subscription has a finished run behind it, and those that are not due lie within the time to"
        " which anything is ever put off. Rows are those that the plans' nodes have looked at when the"
        " statements"
        " of a scan were done again (`explain analyze`), with those that they threw away; a partial index has"
        " a condition of its own. With the smallest"
        " number all of them are due, so that Postgres may"
        " well read the tables from end to end."
    )


def make_subscriptions(have: int, count: int, due: int) -> None:
    """Up to `count` members, of whom the first are due; each with a run that has ended."""
    now = timezone.now()
    with connection.cursor() as cursor:
        _insert(cursor, User, have, count, {"username": "'many-' || n", "open_humans_id": "n::text"})
        is_due = f"case when n <= {due} then %s else %s + n * interval '{APART_SECONDS} second' end"
        _insert(
            cursor,
            Subscription,
            have,
            count,
            {
                "user_id": "(select id from accounts_user where open_humans_id = n::text)",
                "github_id": "n",
                "github_login": "'many-' || n",
                "next_due_at": is_due,
            },
            [now - timedelta(hours=1), now + timedelta(hours=1)],
        )
        _insert(
            cursor,
            SyncRun,
            have,
            count,
            {
                "subscription_id": "(select id from sync_subscription where github_id = n)",
                "state": "'succeeded'",
                "trigger": "'stale'",
            },
        )
        for table in sorted(LARGE):
            cursor.execute(f"vacuum analyze {table}")


def _insert(
    cursor: Any,
    model: type[User | Subscription | SyncRun],
    have: int,
    count: int,
    given: dict[str, str],
    values: list[datetime] | None = None,
) -> None:
    """Rows `have + 1` to `count` by one statement; columns that are not given have the model's defaults."""
    row = model()
    columns: dict[str, str] = {}
    parameters: list[Any] = []
    for field in model._meta.concrete_fields:
        column = str(field.column)
        if column in given:
            columns[column] = given[column]
            parameters += (values or []) if column == "next_due_at" else []
        elif not field.primary_key:
            columns[column] = "%s"
            parameters.append(field.get_db_prep_save(getattr(row, field.attname), connection))
    names = ", ".join(f'"{column}"' for column in columns)
    cursor.execute(
        f"insert into {model._meta.db_table} ({names}) select {', '.join(columns.values())}"  # noqa: S608
        f" from generate_series({have + 1}, {count}) as n",
        parameters,
    )


def require_due(due: int) -> None:
    """Exactly so many, now and after a scan has looked for clocks that were ahead."""
    now = timezone.now()
    longest = timedelta(days=settings.SYNC_DUE_DAYS) * (1 + runs.DUE_JITTER) + runs.LONGEST_WAIT
    beyond = Subscription.objects.filter(next_due_at__gt=now + longest).count()
    have = Subscription.objects.due(now).count()
    if (have, beyond) != (due, 0):
        raise SystemExit(f"{have} of {due} members are due, and {beyond} lie beyond what a scan believes.")


def scans(due: int) -> tuple[list[float], list[Reading]]:
    """Milliseconds of database of each scan, all undone again; and how the large tables were read."""
    spent: list[float] = []
    readings: list[Reading] = []
    for number in range(ROUNDS):
        with transaction.atomic():
            watch = DatabaseWatch()
            with CaptureQueriesContext(connection) as asked, connection.execute_wrapper(watch):
                # One more than there are, so that one too many would be seen.
                found = scanning.scan(timezone.now(), due + 1)
            transaction.set_rollback(True)
        if found.queued != due:
            raise SystemExit(f"The scan queued {found.queued} of {due}.")
        spent.append(watch.seconds * 1000)
        if not number:
            readings = readings_of([query["sql"] for query in asked.captured_queries])
    return spent, readings


def readings_of(statements: list[str]) -> list[Reading]:
    """Of large tables, by what Postgres did when it did these again: all of it is undone."""
    found: list[Reading] = []
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("select indexrelid::regclass::text from pg_index where indpred is not null")
        partial = {name for (name,) in cursor.fetchall()}
        for statement in statements:
            if re.match(r"\s*(select|update|insert)\b", statement, re.IGNORECASE):
                cursor.execute(f"explain (analyze, timing off, format json) {statement}")
                (plan,) = cursor.fetchone()
                plan = plan if isinstance(plan, list) else json.loads(plan)
                found += read_by(plan[0]["Plan"], partial)
        transaction.set_rollback(True)
    return [reading for reading in found if reading.table in LARGE]


def read_by(plan: dict[str, Any], partial: Collection[str] = (), table: str = "") -> Iterator[Reading]:
    """Each node of a plan that looks for rows. A bitmap's index does so for the heap scan above it.

    A `partial` index has a condition of its own: it holds no other rows.
    """
    node = plan["Node Type"]
    table = plan.get("Relation Name", table)
    if node in BY_INDEX or (node.endswith(" Scan") and "Relation Name" in plan and node != BITMAP_HEAP):
        looked_at = plan["Actual Rows"] + plan.get("Rows Removed by Filter", 0)
        looked_at += plan.get("Rows Removed by Index Recheck", 0)
        has_condition = "Index Cond" in plan or plan.get("Index Name") in partial
        yield Reading(table, node, has_condition, plan["Actual Loops"] * looked_at)
    for part in plan.get("Plans", []):
        yield from read_by(part, partial, table)


# --- The dashboard --------------------------------------------------------------------------------------


def _add_dashboards(report: Report) -> None:
    shortest: Spread | None = None
    with plain_static_files():
        for years in YEARS:
            member = make_member(f"77{years:06}")
            try:
                spent, queries = dashboards(subscribe(member, 770_000 + years, f"of-{years}-years"), years)
            finally:
                member.delete()
            taken = Spread.of(spent)
            shortest = shortest or taken
            report.add(
                f"dashboard of {years} years",
                f"{taken.shown(' ms')}, {queries} queries",
                f"with {YEARS[0]} {shortest.shown(' ms')}",
                ratio(taken.median, shortest.median),
            )


def dashboards(subscription: Subscription, years: int) -> tuple[list[float], int]:
    """Milliseconds of a whole answer, by our side of it."""
    now = datetime.now(UTC)
    for year in range(now.year - years + 1, now.year + 1):
        for kind in ("public", "private"):
            make_year_file(subscription, year, kind=kind, weeks=make_ledger(Week(year, 1), Week(year, 52)))
    make_finished_run(subscription, now)
    first = date(now.year - years + 1, 1, 1)
    Subscription.objects.filter(pk=subscription.pk).update(ledger_starts_on=first)
    browser: Client = signed_in(subscription.user)
    browser.get(reverse("dashboard"))
    watch = DatabaseWatch()
    with connection.execute_wrapper(watch):
        browser.get(reverse("dashboard"))
    spent = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        if browser.get(reverse("dashboard")).status_code != 200:
            raise SystemExit("The dashboard cannot be shown.")
        spent.append((time.perf_counter() - began) * 1000)
    return spent, watch.queries


@contextmanager
def plain_static_files() -> Iterator[None]:
    """Pages without `collectstatic` and its manifest."""
    from django.test import override_settings

    backend = f"{StaticFilesStorage.__module__}.{StaticFilesStorage.__qualname__}"
    storages = {**settings.STORAGES, "staticfiles": {"BACKEND": backend}}
    with (
        TemporaryDirectory() as nothing,
        override_settings(STORAGES=storages, STATIC_ROOT=nothing, ALLOWED_HOSTS=["*"]),
    ):
        yield


# --- One more day ---------------------------------------------------------------------------------------


def _add_days(report: Report) -> None:
    base = journey(ACCOUNTS[YEARS[0]])
    for years, account in ACCOUNTS.items():
        found = journey(account)
        for name, days, first in (
            ("idle", found.idle_days, base.idle_days),
            ("active", found.active_days, base.active_days),
        ):
            cpu, least = median_milliseconds(days), median_milliseconds(first)
            report.add(
                f"one more {name} day after {years} years: requests, points, CPU of the worker",
                f"{costs(days)}, {cpu:.0f} ms",
                f"after {YEARS[0]}: {costs(first)}, {least:.0f} ms",
                f"{ratio(cpu, least)} of its CPU",
                f"the same counts, at most {MOST_TIMES_A_DAY} times the CPU" if found is not base else "",
                met=is_flat(days, first) if found is not base else None,
            )
    report.note(
        f"CPU of a day is the median of {len(base.idle_days)} idle and {len(base.active_days)} active ones,"
        " with the worker's looking for more to do until it is at rest. Counts are to GitHub and to Open"
        " Humans, and points; several where the days differ."
    )


def costs(days: Sequence[Leg]) -> str:
    """Requests to both services and points of each day; once, where all are the same."""
    shown = dict.fromkeys(f"{day.requests} and {day.openhumans_requests}, {day.points}" for day in days)
    return "; ".join(shown)


def median_milliseconds(days: Sequence[Leg]) -> float:
    return statistics.median(1000 * day.spent.worker for day in days)


def is_flat(days: Sequence[Leg], first: Sequence[Leg]) -> bool:
    """The counts of the youngest account, day by day, and about its processor time."""
    is_same = [day.cost for day in days] == [day.cost for day in first]
    return is_same and median_milliseconds(days) <= MOST_TIMES_A_DAY * median_milliseconds(first)
