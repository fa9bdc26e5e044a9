import io
import json
from collections.abc import Iterator
from typing import Any, BinaryIO
from unittest.mock import Mock, patch

import pytest
from django.test import Client
from django.urls import reverse
from freezegun import freeze_time

import openhumans_client as openhumans
from accounts.encryption import DecryptionFailed
from accounts.models import User
from openhumans_client import Deadline
from sync import left_out
from sync.archive import ArchiveError
from sync.errors import OpenHumansAccessLost
from sync.models import Subscription, YearFile
from sync.pages import downloads
from sync.pages.week_view import (
    ELSEWHERE,
    MOST_SHOWN,
    read_week,
    record_mark,
    repository_mark,
    view_week,
    web_address,
)
from tests.sync.broker import sent as sent
from tests.sync.factories import make_year_file
from tests.sync.page_words import signed_in, words

WEEK = "2026-W18"
PAGE = f"/weeks/{WEEK}/"

pytestmark = pytest.mark.django_db


def commit(**fields: Any) -> dict[str, Any]:
    return {
        "repository": "octo/trails",
        "oid": "a" * 40,
        "authored_at": "2026-04-29T09:12:01+02:00",
        "message": "Mark the path\n\nIt was lost.",
        "additions": 3,
        "deletions": 1,
        "url": "https://github.com/octo/trails/commit/aaaa",
        **fields,
    }


def year_file(*weeks: tuple[str, object]) -> bytes:
    lines = b",\n".join(f'"{name}": {json.dumps(entry)}'.encode() for name, entry in weeks)
    return b'{"format": "github-weeks/1", "year": 2026, "github_id": 583231, "weeks": {\n' + lines + b"\n}}\n"


@pytest.fixture
def file(subscription: Subscription) -> YearFile:
    entry = {"state": "complete", "counts": {"commits": 1}, "calendar": {"2026-04-29": 4}}
    return make_year_file(subscription, 2026, weeks={WEEK: entry})


@pytest.fixture
def fetch() -> Iterator[Mock]:
    with patch("sync.pages.downloads.fetch", autospec=True) as fetch:
        answer(fetch, commits=[commit()])
        yield fetch


def answer(fetch: Mock, **entry: Any) -> None:
    def send(_user: User, _file: YearFile, _deadline: Deadline) -> BinaryIO:
        return io.BytesIO(year_file(("2026-W17", {"commits": []}), (WEEK, entry)))

    fetch.side_effect = send


@pytest.fixture
def visitor(subscription: Subscription) -> Client:
    return signed_in(subscription.user)


# --- Who may see it ---


def test_an_anonymous_visitor_is_led_away(client: Client, file: YearFile, fetch: Mock) -> None:
    assert client.get(PAGE)["Location"] == "/"
    assert not fetch.called


def test_another_member_sees_nothing_of_it(stranger: User, file: YearFile, fetch: Mock) -> None:
    response = signed_in(stranger).get(PAGE)

    assert "octo/trails" not in words(response.content)
    assert not fetch.called


def test_the_page_is_only_read_and_stored_nowhere(visitor: Client, file: YearFile, fetch: Mock) -> None:
    assert visitor.post(PAGE).status_code == 405
    assert "no-store" in visitor.get(PAGE)["Cache-Control"]


@freeze_time("2026-05-06 12:00")
@pytest.mark.parametrize(
    "text", ["2026-W20", "2026-W54", "2026-18", "9999-W52", "0000-W01", "2026-W18x", "x" * 300, "%2e%2e"]
)
def test_a_week_that_does_not_exist_or_has_not_begun_is_not_found(
    visitor: Client, fetch: Mock, text: str
) -> None:
    assert visitor.get(f"/weeks/{text}/").status_code == 404


# --- What it shows ---


def test_a_week_shows_its_records_by_repository_and_kind(
    visitor: Client, file: YearFile, fetch: Mock
) -> None:
    response = visitor.get(PAGE)
    text, html = words(response.content), response.content.decode()

    assert response.status_code == 200
    for said in (
        "Week 18 of 2026",
        "27 April 2026",
        "3 May 2026 complete",
        "4 contributions in GitHub's calendar",
        "octo/trails",
        "Commits 1",
        "Mark the path",
        "It was lost.",
        "Wed 29 Apr, 09:12 (UTC+02:00)",
        "+3 −1",  # noqa: RUF001
    ):
        assert said in text or said.replace("'", "&#x27;") in text
    assert 'href="https://github.com/octo/trails/commit/aaaa"' in html
    assert 'href="/weeks/2026-W17/"' in html
    fetch.assert_called_once()


def test_a_commit_keeps_its_authors_clock_and_all_else_becomes_the_readers(
    visitor: Client, file: YearFile, fetch: Mock
) -> None:
    """Times of ours with UTC on hover are what local-times.js translates."""
    answer(
        fetch,
        commits=[commit(authored_at="2026-04-28T01:02:03Z")],
        stars=[{"name": "a", "starred_at": "2026-04-29T22:30:00Z"}],
    )
    html = visitor.get(PAGE).content.decode()

    assert 'title="2026-04-28T01:02:03+00:00">Tue 28 Apr, 01:02 (UTC)</time>' in html
    assert 'datetime="2026-04-29T22:30:00+00:00" title="2026-04-29 22:30:00 UTC"' in html
    assert "all other times are your own" in html


def test_kinds_of_later_times_are_shown_as_well(visitor: Client, file: YearFile, fetch: Mock) -> None:
    answer(
        fetch,
        pull_requests=[
            {"repository": "octo/trails", "title": "A bridge", "created_at": "2026-04-28T01:02:03Z"}
        ],
        sponsorships=[{"name": "A friend", "url": "https://github.com/sponsors/x"}],
    )
    text = words(visitor.get(PAGE).content)

    for said in (
        "Pull requests 1 A bridge 28 Apr",
        "01:02 UTC",
        "Sponsorships 1 A friend without a date",
    ):
        assert said in text


def test_private_repositories_are_marked(visitor: Client, file: YearFile, fetch: Mock) -> None:
    make_year_file(file.subscription, 2026, kind="private", weeks=file.weeks)

    assert words(visitor.get(PAGE).content).count("octo/trails private") == 1


def test_only_files_that_hold_something_of_the_week_are_fetched(
    visitor: Client, file: YearFile, fetch: Mock
) -> None:
    quiet = visitor.get("/weeks/2026-W17/")

    assert quiet.status_code == 200
    assert "This week has not been collected yet." in words(quiet.content)
    assert not fetch.called


def test_the_dashboard_leads_to_weeks_in_which_something_happened(visitor: Client, file: YearFile) -> None:
    html = visitor.get(reverse("dashboard"), {"year": 2026}).content.decode()

    assert f'href="{PAGE}"' in html
    assert html.count('href="/weeks/') == 1


# --- What may stand in a file that was changed by hand ---

HOSTILE = "<script>alert(1)</script>\u202e txet \U0001f9d7"


def test_nothing_in_a_file_is_executed(visitor: Client, file: YearFile, fetch: Mock) -> None:
    record = commit(repository=HOSTILE, message=HOSTILE, url="javascript:alert(1)")
    answer(fetch, commits=[record], **{HOSTILE: [{"title": HOSTILE}]})
    html = visitor.get(PAGE).content.decode()

    assert "<script>" not in html
    assert "javascript:" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "\U0001f9d7" in html


BROKEN: list[Any] = [
    [None, 7, "text", ["list"]],
    [{}],
    [{"repository": 4, "message": {"a": 1}, "authored_at": 5, "url": [], "additions": "many"}],
    [{"authored_at": "yesterday", "message": ""}],
    [{"authored_at": "2026-04-29T09:12:01", "title": "without an offset"}],
    [commit(additions=True, deletions=None)],
    [commit(authored_at="0001-01-01T00:00:00+05:00")],
    [commit(**dict.fromkeys(("repository", "oid", "message", "url", "repository_id"), "half \ud83d"))],
    [commit(repository_id={"not": "text"})],
    [commit(repository_id=7)],
    {"not": "a list"},
]


@pytest.mark.parametrize("records", BROKEN)
def test_records_of_any_shape_do_no_harm(visitor: Client, file: YearFile, fetch: Mock, records: Any) -> None:
    answer(fetch, commits=records, **{"half \udc00": records})

    assert visitor.get(PAGE).status_code == 200
    take_something_out(file.subscription)
    assert visitor.get(PAGE).status_code == 200


def take_something_out(subscription: Subscription) -> None:
    """From now on each record is held against the marks of what was taken out."""
    left_out.remember_record(subscription, "commits", commit(repository_id="R_1", oid="b" * 40))


@pytest.mark.parametrize(
    "record",
    [
        commit(repository_id="R_1", oid="half \ud83d"),
        commit(repository="half \ud83d", repository_id="half \ud83d"),
        commit(repository_id="nothing\0"),
        commit(repository_id={"not": "text"}),
        commit(repository="half \ud83d", repository_id="R_1"),
    ],
)
def test_whatever_a_file_holds_can_be_taken_out_or_is_not_found(
    visitor: Client, file: YearFile, fetch: Mock, record: dict[str, Any], sent: Any
) -> None:
    answer(fetch, commits=[record])
    take_something_out(file.subscription)
    pages = {
        "remove_record": record_mark("commits", record) or "0",
        "remove_repository": repository_mark(record["repository"]),
    }
    for name, mark in pages.items():
        address = reverse(name, args=[WEEK, mark])
        for response in (visitor.get(address), visitor.post(address), visitor.get(address)):
            assert response.status_code in {200, 302, 404}


UNREADABLE = [
    b"",
    b"\x00\xff\xfe",
    b"[]",
    b'{"format": "something else"}',
    year_file(("2026-W17", {}))[:-4],
    year_file((WEEK, [])),
    year_file((WEEK, {})).replace(b"{}", b"{"),
    year_file((WEEK, {})).replace(b": {}", b": " + b'{"a":' * 100_000),
    year_file((WEEK, {})).replace(b"2026,", b"1e999,"),
    year_file((WEEK, {})).replace(b"2026,", b"[" * 100_000 + b","),
    json.dumps(json.loads(year_file((WEEK, {"commits": []}))), indent=2).encode(),
]


@pytest.mark.parametrize("content", UNREADABLE)
def test_a_file_that_cannot_be_read_gets_a_clear_page(
    visitor: Client, file: YearFile, fetch: Mock, content: bytes
) -> None:
    fetch.side_effect = lambda *_: io.BytesIO(content)
    response = visitor.get(PAGE)

    assert response.status_code == 502
    assert "We cannot read this file any more" in words(response.content)
    assert f"{reverse('dashboard')}?year=2026#files" in response.content.decode()


REFUSALS = [
    (downloads.FileGone(), 404, "The file of this week is no longer there"),
    (openhumans.NotFound("GET: 404"), 404, "The file of this week is no longer there"),
    (openhumans.Unauthorized("GET: 401", is_expired=False), 403, "Sign in with Open Humans again"),
    (OpenHumansAccessLost("gone"), 403, "Sign in with Open Humans again"),
    (DecryptionFailed("No key of TOKEN_KEYS fits."), 403, "Sign in with Open Humans again"),
    (openhumans.Unavailable("GET: 503"), 502, "Open Humans is not answering"),
    (openhumans.TooHeavy("GET: large"), 502, "Open Humans is not answering"),
]


@pytest.mark.parametrize(("error", "status", "said"), REFUSALS)
def test_what_open_humans_refuses_is_said_clearly(
    visitor: Client, file: YearFile, fetch: Mock, error: Exception, status: int, said: str
) -> None:
    fetch.side_effect = error
    response = visitor.get(PAGE)

    assert response.status_code == status
    assert said in words(response.content)


# --- The view of a week ---


def test_the_busiest_repository_comes_first() -> None:
    entry = {"commits": [commit(repository="a/quiet"), commit(), commit()], "stars": [{"name": "no place"}]}

    assert [(view.name, view.count) for view in view_week([(entry, False)])] == [
        ("octo/trails", 2),
        (ELSEWHERE, 1),
        ("a/quiet", 1),
    ]


def test_a_very_long_list_is_cut_and_says_so() -> None:
    [view] = view_week([({"commits": [commit()] * (MOST_SHOWN + 7)}, False)])

    assert (len(view.groups[0].lines), view.groups[0].hidden, view.count) == (MOST_SHOWN, 7, MOST_SHOWN + 7)


def test_a_very_long_text_is_cut() -> None:
    [view] = view_week([({"commits": [commit(message="x" * 5000)]}, False)])

    assert len(view.groups[0].lines[0].title) < 300


@pytest.mark.parametrize(
    "address",
    ["javascript:alert(1)", "data:text/html,x", "//x", "https://", "http://[", "", None, 3, "ftp://x/"],
)
def test_only_addresses_of_the_web_become_links(address: object) -> None:
    assert web_address(address) == ""


def test_a_week_that_the_file_lacks_is_none() -> None:
    assert read_week(io.BytesIO(year_file(("2026-W01", {}))), WEEK) is None
    with pytest.raises(ArchiveError):
        read_week(io.BytesIO(b"{}"), WEEK)
