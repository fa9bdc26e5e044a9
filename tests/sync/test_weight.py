"""What a visitor has to load, and how many questions a page asks the database."""

import gzip
import json
import re
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from time import process_time
from unittest.mock import patch

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from config import settings
from sync.models import Subscription
from sync.weeks import Week, iter_weeks
from tests.sync.factories import make_finished_run, make_ledger, make_year_file
from tests.sync.page_words import signed_in

pytestmark = pytest.mark.django_db
MOST_BYTES = 60_000
PAGES = ("dashboard", "choices", "leaving", "progress")


def with_years(subscription: Subscription, years: int) -> Client:
    """A member with so many whole years of files, public and private, and many runs."""
    this_year = datetime.now(UTC).year
    for year in range(this_year - years + 1, this_year + 1):
        for kind in ("public", "private"):
            weeks = make_ledger(Week(year, 1), Week(year, 52))
            make_year_file(subscription, year, kind=kind, weeks=weeks)
    for _ in range(years):
        make_finished_run(subscription, datetime.now(UTC))
    Subscription.objects.update(ledger_starts_on=datetime(this_year - years + 1, 1, 1, tzinfo=UTC).date())
    return signed_in(subscription.user)


def static_files(html: str) -> list[bytes]:
    """Whatever the page names: styles, scripts, the icon."""
    names = re.findall(r'(?:src|href)="/static/([^"]+)"', html)
    assert {Path(name).suffix for name in names} == {".css", ".js", ".svg"}
    return [Path(str(finders.find(name))).read_bytes() for name in names]


def test_a_dashboard_of_fifteen_years_is_light(subscription: Subscription) -> None:
    browser = with_years(subscription, 15)
    response = browser.get(reverse("dashboard"), headers={"Accept-Encoding": "gzip"})
    html = gzip.decompress(response.content).decode()

    static = sum(len(gzip.compress(content)) for content in static_files(html))
    assert len(response.content) + static < MOST_BYTES


def test_static_files_are_served_compressed() -> None:
    assert "Compressed" in settings.STORAGES["staticfiles"]["BACKEND"]


@pytest.mark.parametrize("name", PAGES)
def test_the_number_of_queries_does_not_grow_with_the_archive(subscription: Subscription, name: str) -> None:
    def queries(browser: Client) -> int:
        browser.get(reverse(name))
        with CaptureQueriesContext(connection) as asked:
            assert browser.get(reverse(name)).status_code == 200
        return len(asked)

    few = queries(with_years(subscription, 1))
    subscription.year_files.all().delete()
    many = queries(with_years(subscription, 15))

    assert many == few <= 9


def test_a_dashboard_of_fifteen_years_is_quick(subscription: Subscription) -> None:
    """Our own time at the processor, the best of five: what else the machine does must not count."""
    browser = with_years(subscription, 15)

    assert seconds_of(browser, reverse("dashboard")) < 0.1


def test_a_full_week_of_a_full_year_is_quick(subscription: Subscription) -> None:
    """Beyond the answer of Open Humans, which is a file of some 5 MB here."""
    browser, week = with_years(subscription, 15), Week(datetime.now(UTC).year - 1, 26)
    content = busy_year(week.year)
    with patch("sync.pages.downloads.fetch", lambda *_: BytesIO(content)):
        page = browser.get(reverse("week", args=[str(week)]))
        assert page.content.decode().count("<li>") > 300

        assert seconds_of(browser, reverse("week", args=[str(week)])) < 0.3


def seconds_of(browser: Client, address: str) -> float:
    def seconds() -> float:
        began = process_time()
        assert browser.get(address).status_code == 200
        return process_time() - began

    return min(seconds() for _ in range(5))


def busy_year(year: int) -> bytes:
    """Three hundred commits in each week, in four repositories."""
    lines = []
    for week in iter_weeks(Week(year, 1), Week(year, 52)):
        commits = [
            {
                "repository_id": f"R_{number % 4}",
                "repository": f"octo/trails-{number % 4}",
                "oid": f"{number:040x}",
                "authored_at": f"{week.starts_on}T09:12:01+02:00",
                "message": f"Mark the path {number}\n\nIt was lost under last winter's snow.",
                "additions": 31,
                "deletions": 4,
                "url": f"https://github.com/octo/trails/commit/{number:040x}",
            }
            for number in range(300)
        ]
        lines.append(f'"{week}": {json.dumps({"commits": commits})}')
    head = f'{{"format": "github-weeks/1", "year": {year}, "github_id": 583231, "weeks": {{\n'
    return (head + ",\n".join(lines) + "\n}}\n").encode()
