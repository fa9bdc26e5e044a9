import json
import re
from datetime import UTC, date, datetime, timedelta
from html import unescape
from typing import Any
from unittest.mock import patch

import pytest
from django.conf import settings as site
from django.template.loader import get_template
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from freezegun import freeze_time
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from sync import runs, switch
from sync.models import PAUSED_BY_MEMBER, PAUSED_BY_OPERATOR, Subscription, SyncRun, YearFile
from sync.queues import BACKGROUND, INTERACTIVE
from sync.templatetags.moments import moment
from sync.weeks import Week, WeekState
from tests.sync.broker import Sent
from tests.sync.factories import (
    make_document,
    make_finished_run,
    make_ledger,
    make_run,
    make_subscription,
    make_year_file,
)

NOW = datetime(2026, 5, 6, 12, 0, tzinfo=UTC)
MEMBER_PAGES = ("dashboard", "progress", "status", "files")

pytestmark = pytest.mark.django_db


@pytest.fixture
def at_noon() -> Any:
    with freeze_time(NOW) as clock:
        yield clock


@pytest.fixture
def visitor(at_noon: Any, client: Client, subscription: Subscription) -> Client:
    """A member's browser, signed in, at noon of 6 May 2026."""
    Subscription.objects.update(ledger_starts_on=date(2025, 1, 1), next_due_at=NOW + timedelta(days=3))
    subscription.refresh_from_db()
    client.force_login(subscription.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def words(html: bytes) -> str:
    """The text of a page as a reader sees it."""
    return " ".join(re.sub(r"<[^>]+>", " ", html.decode()).split())


# --- Who may see what ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", MEMBER_PAGES)
def test_anonymous_visitors_are_led_to_the_landing_page(client: Client, name: str) -> None:
    response = client.get(reverse(name))

    assert (response.status_code, response["Location"]) == (302, "/")


def test_an_anonymous_visitor_cannot_start_an_update(client: Client, subscription: Subscription) -> None:
    response = client.post(reverse("update"))

    assert response["Location"] == "/"
    assert not SyncRun.objects.exists()


def test_a_fragment_of_an_expired_login_sends_the_whole_page_away(client: Client) -> None:
    response = client.get(reverse("progress"), headers={"HX-Request": "true"})

    assert response["HX-Redirect"] == "/"
    assert response.content == b""


@pytest.mark.parametrize("name", MEMBER_PAGES)
def test_a_member_without_github_is_led_to_connect_it(client: Client, member: User, name: str) -> None:
    client.force_login(member, backend="django.contrib.auth.backends.ModelBackend")

    assert client.get(reverse(name))["Location"] == reverse("connect")


@pytest.mark.parametrize("name", MEMBER_PAGES)
def test_an_operator_is_led_to_the_admin(client: Client, operator: User, name: str) -> None:
    client.force_login(operator, backend="django.contrib.auth.backends.ModelBackend")

    assert client.get(reverse(name))["Location"] == reverse("admin:index")


@pytest.mark.parametrize("name", MEMBER_PAGES)
def test_another_member_sees_only_their_own(
    client: Client, subscription: Subscription, stranger: User, name: str
) -> None:
    file = make_year_file(subscription, 2026, md5="a" * 32)
    make_run(subscription, state=SyncRun.State.RUNNING, requests=4711)
    client.force_login(stranger, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get(reverse(name)).content.decode()

    for private in ("octocat", file.name, "aaaaaaaa", "4711"):
        assert private not in answer


def test_another_member_updates_only_their_own(
    client: Client, subscription: Subscription, stranger: User
) -> None:
    client.force_login(stranger, backend="django.contrib.auth.backends.ModelBackend")
    client.post(reverse("update"))

    assert [run.subscription.user for run in SyncRun.objects.all()] == [stranger]


@pytest.mark.parametrize("name", [*MEMBER_PAGES, "landing", "schema"])
def test_pages_are_only_read(client: Client, name: str) -> None:
    for method in (client.post, client.put, client.delete):
        assert method(reverse(name)).status_code == 405


def test_an_update_must_be_posted(visitor: Client) -> None:
    assert visitor.get(reverse("update")).status_code == 405


def test_an_update_from_another_site_is_refused(subscription: Subscription) -> None:
    browser = Client(enforce_csrf_checks=True)
    browser.force_login(subscription.user, backend="django.contrib.auth.backends.ModelBackend")
    response = browser.post(reverse("update"))

    assert response.status_code == 403
    assert "This form has expired" in response.content.decode()
    assert not SyncRun.objects.exists()


@pytest.mark.parametrize("name", MEMBER_PAGES)
def test_a_members_pages_are_stored_nowhere(visitor: Client, name: str) -> None:
    assert "no-store" in visitor.get(reverse(name))["Cache-Control"]


# --- Landing ------------------------------------------------------------------------------------


def test_the_landing_page_offers_one_way_in(client: Client) -> None:
    html = client.get("/").content.decode()

    assert re.findall(r'<form method="post" action="([^"]+)"', html) == [reverse("openhumans_login")]
    assert "csrfmiddlewaretoken" in html


@pytest.mark.parametrize("who", ["member", "operator"])
def test_whoever_is_signed_in_is_led_on(client: Client, request: pytest.FixtureRequest, who: str) -> None:
    client.force_login(request.getfixturevalue(who), backend="django.contrib.auth.backends.ModelBackend")

    assert client.get("/")["Location"] == reverse("dashboard")


def test_the_sandbox_says_so_on_each_page(client: Client, settings: Any) -> None:
    settings.SANDBOX = True
    assert "Sandbox: not real data" in client.get("/").content.decode()

    settings.SANDBOX = False
    assert "Sandbox: not real data" not in client.get("/").content.decode()


def test_pages_carry_no_script_or_style_of_their_own(visitor: Client, subscription: Subscription) -> None:
    make_year_file(subscription, 2026)
    make_run(subscription, state=SyncRun.State.RUNNING)
    html = visitor.get(reverse("dashboard")).content.decode()

    assert not re.findall(r"\sstyle=|<style|\son\w+=|javascript:", html)
    assert all("src=" in tag for tag in re.findall(r"<script[^>]*>", html))


# --- The state in one line --------------------------------------------------------------------------

STOPPED = [
    (Subscription.Status.RECONNECT_GITHUB, "", "Connect GitHub again", "connect"),
    (Subscription.Status.RECONNECT_OPENHUMANS, "", "Sign in with Open Humans again", "openhumans_login"),
    (Subscription.Status.DISCONNECTED, "", "GitHub is not connected", "connect"),
    (Subscription.Status.PAUSED, "", "Five updates in a row failed", "resume"),
    (Subscription.Status.PAUSED, f"{PAUSED_BY_MEMBER}.", "Paused by you", "resume"),
]


@pytest.mark.parametrize(("status", "reason", "sentence", "action"), STOPPED)
def test_a_stopped_sync_says_what_to_do(
    visitor: Client, status: str, reason: str, sentence: str, action: str
) -> None:
    Subscription.objects.update(status=status, reason=reason)
    response = visitor.get(reverse("dashboard"))

    assert sentence in words(response.content)
    assert f'"{reverse(action)}"' in response.content.decode()
    assert "Update now" not in words(response.content)
    assert "Next sync" not in words(response.content)


FAILURES = [
    ("github_unexpected_response", "we could not read GitHub's answers"),
    ("openhumans_unexpected_response", "Open Humans did not answer as we expected"),
    ("archive_archive_error", "your files could not be written as they should be"),
    ("internal_error", "something went wrong on our side"),
]


@pytest.mark.parametrize(("code", "cause"), FAILURES)
def test_a_pause_after_failures_says_whose_they_were_in_fixed_words(
    visitor: Client, subscription: Subscription, code: str, cause: str
) -> None:
    raw = "POST https://api.example/x: KeyError('secret')"
    Subscription.objects.update(status="paused", reason=f"The last one said: {raw}")
    make_finished_run(subscription, NOW, state="failed", error_code=code, error=raw)
    response = visitor.get(reverse("dashboard"))

    assert cause in unescape(words(response.content))
    assert "Try again" in words(response.content)
    assert "Connect GitHub" not in words(response.content)
    assert "KeyError" not in response.content.decode()


def test_lost_access_is_told_in_fixed_words_as_well(visitor: Client, subscription: Subscription) -> None:
    Subscription.objects.update(status="reconnect_github", reason="POST graphql: 401")

    assert "GitHub no longer accepts our access." in words(visitor.get(reverse("dashboard")).content)
    assert "401" not in words(visitor.get(reverse("dashboard")).content)


def test_what_an_operator_paused_offers_no_way_round(visitor: Client, subscription: Subscription) -> None:
    Subscription.objects.update(status="paused", reason=f"{PAUSED_BY_OPERATOR} too many requests")
    response = visitor.get(reverse("dashboard"))

    assert f"{PAUSED_BY_OPERATOR} too many requests. Only they can end this." in words(response.content)
    for address in ("connect", "resume", "update"):
        assert f'"{reverse(address)}"' not in response.content.decode()


WAITS = [
    (SyncRun.WaitReason.GITHUB_LIMIT, "Waiting for GitHub until 14:05 UTC Nothing is wrong"),
    (SyncRun.WaitReason.GITHUB_UNAVAILABLE, "GitHub is not answering, trying again at 14:05 UTC"),
    (SyncRun.WaitReason.OPENHUMANS_UNAVAILABLE, "Open Humans is not answering, trying again at 14:05 UTC"),
]


@pytest.mark.parametrize(("reason", "sentence"), WAITS)
def test_a_waiting_run_says_until_when_and_why(
    visitor: Client, subscription: Subscription, reason: str, sentence: str
) -> None:
    resume_at = datetime(2026, 5, 6, 14, 5, tzinfo=UTC)
    make_run(subscription, state=SyncRun.State.WAITING, resume_at=resume_at, wait_reason=reason)

    assert sentence in words(visitor.get(reverse("dashboard")).content)


def test_a_wait_that_is_over_names_no_time_in_the_past(visitor: Client, subscription: Subscription) -> None:
    make_run(
        subscription,
        state=SyncRun.State.WAITING,
        resume_at=NOW - timedelta(seconds=20),
        wait_reason=SyncRun.WaitReason.GITHUB_LIMIT,
    )

    assert "Waiting for GitHub, going on in a moment" in words(visitor.get(reverse("dashboard")).content)


def test_a_queued_first_run_is_announced(visitor: Client, subscription: Subscription) -> None:
    make_run(subscription, state=SyncRun.State.QUEUED)

    assert "Your first sync is about to start" in words(visitor.get(reverse("dashboard")).content)


@pytest.mark.parametrize(
    ("code", "headline"),
    [
        ("github_unexpected_response", "We could not read GitHub&#x27;s answer"),
        ("openhumans_too_heavy", "We could not save your files"),
        ("archive_upload_refused", "We could not save your files"),
        ("internal_error", "Something went wrong on our side"),
    ],
)
def test_a_failed_run_says_what_failed_and_when_it_is_tried_again(
    visitor: Client, subscription: Subscription, code: str, headline: str
) -> None:
    Subscription.objects.update(next_due_at=datetime(2026, 5, 6, 14, 5, tzinfo=UTC))
    make_finished_run(subscription, NOW - timedelta(hours=1), state=SyncRun.State.FAILED, error_code=code)
    text = words(visitor.get(reverse("dashboard")).content)

    assert f"{headline}, trying again at 14:05 UTC" in text
    assert "Update now" in text


def test_a_cancelled_run_can_be_started_again(visitor: Client, subscription: Subscription) -> None:
    make_finished_run(subscription, NOW - timedelta(hours=1), state=SyncRun.State.CANCELLED)
    text = words(visitor.get(reverse("dashboard")).content)

    assert "The last update was stopped" in text
    assert "Update now" in text


def test_an_archive_at_rest_says_when_it_was_and_will_be_synced(
    visitor: Client, subscription: Subscription
) -> None:
    Subscription.objects.update(synced_at=NOW - timedelta(hours=2))
    make_finished_run(subscription, NOW - timedelta(hours=2))
    text = words(visitor.get(reverse("dashboard")).content)

    assert "Up to date Update now Last synced 10:00 UTC Next sync 9 May, 12:00 UTC" in text


def test_nothing_found_is_not_the_same_as_nothing_collected_yet(
    visitor: Client, subscription: Subscription
) -> None:
    assert "The first file appears here" in words(visitor.get(reverse("dashboard")).content)

    Subscription.objects.update(synced_at=NOW)
    make_document(subscription, YearFile.Kind.PROFILE)

    assert "GitHub told us of no activity of octocat" in words(visitor.get(reverse("dashboard")).content)

    make_year_file(subscription, 2026, current_id=None, removed_by_member_at=NOW)

    assert "told us of no activity" not in words(visitor.get(reverse("dashboard")).content)


# --- Live progress ------------------------------------------------------------------------------------


def test_a_run_under_way_shows_weeks_requests_and_points(visitor: Client, subscription: Subscription) -> None:
    make_year_file(subscription, 2026, weeks=make_ledger(Week(2026, 1), Week(2026, 18)))
    make_run(subscription, state=SyncRun.State.RUNNING, requests=1234, points=1)
    response = visitor.get(reverse("dashboard"))

    assert '<progress id="weeks-progress" value="18" max="71">' in response.content.decode()
    assert "18 of 71 weeks saved 25 %" in words(response.content)
    assert "1,234 requests to GitHub so far, 1 point of your hourly allowance" in words(response.content)
    assert "You can close this page" in words(response.content)


def test_progress_has_no_number_before_github_said_how_far_back(visitor: Client) -> None:
    Subscription.objects.update(ledger_starts_on=None)
    make_run(Subscription.objects.get(), state=SyncRun.State.RUNNING)

    assert '<progress id="weeks-progress" >' in visitor.get(reverse("progress")).content.decode()


@pytest.mark.parametrize("state", SyncRun.ACTIVE_STATES)
def test_the_status_asks_again_while_a_run_is_active(
    visitor: Client, subscription: Subscription, state: str
) -> None:
    make_run(subscription, state=state)

    for name in ("dashboard", "progress"):
        assert 'hx-trigger="every 2s"' in visitor.get(reverse(name)).content.decode()


def test_the_status_stops_asking_when_the_run_is_over(visitor: Client, subscription: Subscription) -> None:
    make_finished_run(subscription, NOW)

    for name in ("dashboard", "progress"):
        assert "every 2s" not in visitor.get(reverse(name)).content.decode()


def test_without_script_the_page_reloads_itself_while_a_run_is_active(
    visitor: Client, subscription: Subscription
) -> None:
    run = make_run(subscription, state=SyncRun.State.RUNNING)
    assert 'http-equiv="refresh"' in visitor.get(reverse("dashboard")).content.decode()

    SyncRun.objects.filter(pk=run.pk).update(state=SyncRun.State.SUCCEEDED, finished_at=NOW)
    assert 'http-equiv="refresh"' not in visitor.get(reverse("dashboard")).content.decode()


def next_question(html: bytes) -> str:
    found = re.search(r'hx-get="(/dashboard/progress/[^"]*)"', html.decode())
    assert found is not None
    return unescape(found[1])


def test_a_page_is_told_that_the_archive_changed_only_when_it_did(
    visitor: Client, subscription: Subscription
) -> None:
    run = make_run(subscription, state=SyncRun.State.RUNNING)
    question = next_question(visitor.get(reverse("dashboard")).content)
    SyncRun.objects.filter(pk=run.pk).update(requests=8)
    unchanged = visitor.get(question)
    assert "HX-Trigger" not in unchanged
    assert "8 requests" in words(unchanged.content)

    make_year_file(subscription, 2026)
    changed = visitor.get(next_question(unchanged.content))
    assert changed["HX-Trigger"] == '{"archive-changed": {}}'
    assert 'hx-swap-oob="innerHTML"' in changed.content.decode()

    assert "HX-Trigger" not in visitor.get(next_question(changed.content))


@pytest.mark.django_db(transaction=True)
def test_who_looks_at_a_queued_run_has_it_moved_up(
    visitor: Client, subscription: Subscription, sent: Sent
) -> None:
    run = runs.start(subscription, SyncRun.Trigger.STALE)
    for _ in range(2):
        visitor.get(reverse("dashboard"))
    run.refresh_from_db()
    assert run.is_interactive
    assert [message.queue_name for message, _ in sent.messages] == [BACKGROUND, INTERACTIVE]


def test_a_status_that_is_as_it_was_costs_no_page(
    visitor: Client, subscription: Subscription, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    make_year_file(subscription, 2026, generation=3)
    make_run(subscription, state=SyncRun.State.RUNNING)
    question = next_question(visitor.get(reverse("dashboard")).content)
    # Session, user, subscription, and one row that tells of the run and the files.
    with django_assert_num_queries(4):
        answer = visitor.get(question)

    assert (answer.status_code, answer.content) == (204, b"")
    assert answer["Cache-Control"] == "private, no-store"


@pytest.mark.parametrize(
    "change",
    [
        {"requests": 1},
        {"points": 1},
        {"step": 1},
        {"state": SyncRun.State.WAITING, "wait_reason": SyncRun.WaitReason.GITHUB_LIMIT},
        {"state": SyncRun.State.SUCCEEDED, "finished_at": NOW},
        {"state": SyncRun.State.WAITING, "resume_at": NOW + timedelta(minutes=4)},
    ],
)
def test_whatever_a_step_changes_is_told(
    visitor: Client, subscription: Subscription, change: dict[str, Any]
) -> None:
    run = make_run(subscription, state=SyncRun.State.RUNNING)
    question = next_question(visitor.get(reverse("dashboard")).content)
    SyncRun.objects.filter(pk=run.pk).update(**change)

    assert visitor.get(question).status_code == 200


def test_the_end_of_a_wait_and_a_saved_file_are_told(visitor: Client, subscription: Subscription) -> None:
    make_run(subscription, state=SyncRun.State.WAITING, resume_at=NOW + timedelta(seconds=5))
    question = next_question(visitor.get(reverse("dashboard")).content)
    assert visitor.get(question).status_code == 204
    with freeze_time(NOW + timedelta(seconds=6)):
        assert visitor.get(question).status_code == 200

    make_year_file(subscription, 2026, generation=1)
    assert visitor.get(question).status_code == 200


def test_the_end_of_a_run_refreshes_the_page_once(visitor: Client, subscription: Subscription) -> None:
    run = make_run(subscription, state=SyncRun.State.RUNNING)
    question = next_question(visitor.get(reverse("dashboard")).content)
    SyncRun.objects.filter(pk=run.pk).update(state=SyncRun.State.SUCCEEDED, finished_at=NOW)
    response = visitor.get(question)

    assert response["HX-Trigger"] == '{"archive-changed": {}}'
    assert "every 2s" not in response.content.decode()


# --- The archive --------------------------------------------------------------------------------------


def test_files_are_listed_with_size_weeks_checksum_and_download(
    visitor: Client, subscription: Subscription
) -> None:
    file = make_year_file(
        subscription,
        2026,
        size=2_500_000,
        md5="0123456789abcdef" * 2,
        weeks=make_ledger(Week(2026, 1), Week(2026, 18)),
        published_at=datetime(2026, 5, 6, 11, 30, tzinfo=UTC),
    )
    response = visitor.get(reverse("dashboard"))
    row = words(re.findall(rb"<tr>.*?</tr>", response.content, re.DOTALL)[1])

    assert row.replace("\xa0", " ") == (
        "github-2026.json 2.4 MB 18 of 19 weeks 01234567 11:30 UTC Download github-2026.json"
    )
    assert f'href="{reverse("download", args=[file.pk])}"' in response.content.decode()


def test_a_file_that_is_not_on_open_humans_yet_is_not_listed(
    visitor: Client, subscription: Subscription
) -> None:
    make_year_file(subscription, 2026, current_id=None, pending={"file_id": 1})

    assert "github-2026.json" not in visitor.get(reverse("dashboard")).content.decode()
    assert visitor.get(reverse("files")).json() == []


def test_many_years_are_folded_away(visitor: Client, subscription: Subscription) -> None:
    for year in range(2015, 2027):
        make_year_file(subscription, year)
    text = words(visitor.get(reverse("dashboard")).content)

    assert "6 older files" in text
    assert "github-2015.json" in text


def test_a_file_removed_by_the_member_is_named(visitor: Client, subscription: Subscription) -> None:
    make_year_file(subscription, 2025, current_id=None, removed_by_member_at=NOW)

    assert f"github-2025.json was removed by you on {NOW:%-d %b %Y}." in words(
        visitor.get(reverse("dashboard")).content
    )


def test_one_year_is_open_at_a_time(visitor: Client, subscription: Subscription) -> None:
    make_year_file(subscription, 2025, weeks=make_ledger(Week(2025, 1), Week(2025, 10)))
    make_year_file(subscription, 2026, weeks=make_ledger(Week(2026, 1), Week(2026, 18)))
    newest, older = visitor.get("/dashboard/").content, visitor.get("/dashboard/?year=2025").content

    assert "36 contributions on 18 days · 36 commits saved" in words(newest)
    assert "20 contributions on 10 days · 20 commits saved" in words(older)
    assert '<a href="?year=2025#year" aria-current="page">2025</a>' in older.decode()


def test_weeks_are_listed_newest_first_with_their_state(visitor: Client, subscription: Subscription) -> None:
    ledger = make_ledger(Week(2026, 1), Week(2026, 17)) | make_ledger(
        Week(2026, 18), Week(2026, 18), WeekState.SETTLING
    )
    ledger["2026-W18"]["counts"]["commits"] = 1
    make_year_file(subscription, 2026, weeks=ledger)
    text = words(visitor.get(reverse("dashboard")).content)

    assert "17 complete · 1 settling · 1 missing" in text
    assert "W18 27 Apr \N{EN DASH} 3 May 2 contributions, 1 commit settling W17" in text


def test_private_and_public_files_of_a_year_are_counted_together_but_their_calendar_once(
    visitor: Client, subscription: Subscription
) -> None:
    weeks = make_ledger(Week(2026, 1), Week(2026, 18))
    make_year_file(subscription, 2026, weeks=weeks, private_contributions=31)
    make_year_file(subscription, 2026, kind=YearFile.Kind.PRIVATE, weeks=weeks)

    assert "36 contributions on 18 days · 72 commits saved · 31 private contributions" in words(
        visitor.get(reverse("dashboard")).content
    )


def test_the_heat_map_can_be_read_by_a_screen_reader(visitor: Client, subscription: Subscription) -> None:
    make_year_file(subscription, 2026, weeks=make_ledger(Week(2026, 1), Week(2026, 18)))
    html = visitor.get(reverse("dashboard")).content.decode()

    assert 'role="img" aria-label="29 December 2025 to 28 June 2026: 36 contributions on 18 days"' in html
    assert "<title>27 Apr: 2</title>" in html
    assert "<title>28 Apr: 0</title>" in html
    assert "<title>4 May: not collected</title>" in html


@pytest.mark.parametrize("year", ["1999", "abc", "", "2025'--", "٢٠٢٥"])
def test_a_year_that_is_not_in_the_archive_is_not_found(visitor: Client, year: str) -> None:
    assert visitor.get("/dashboard/", {"year": year}).status_code == 404


def test_a_new_member_sees_this_year_before_anything_is_known(visitor: Client) -> None:
    Subscription.objects.update(ledger_starts_on=None)
    response = visitor.get("/dashboard/?year=2026")

    assert response.status_code == 200
    assert "Week by week" not in words(response.content)


def test_past_runs_are_told_in_words(visitor: Client, subscription: Subscription) -> None:
    make_finished_run(
        subscription,
        NOW - timedelta(days=3),
        trigger=SyncRun.Trigger.CONNECTED,
        weeks_fetched=["2026-W01", "2026-W02"],
        requests=12,
        uploads=1,
        waits=1,
    )
    make_finished_run(subscription, NOW - timedelta(hours=1), requests=1)
    text = words(visitor.get(reverse("dashboard")).content)

    assert "You asked for an update : nothing new · 1 request, 30 seconds" in text
    assert (
        "You connected GitHub : 2 weeks collected · "
        "12 requests, 1 file saved, waited 1 time for a limit, 30 seconds" in text
    )


@pytest.mark.parametrize(
    ("private", "sentence"), [(False, "public activity only"), (True, "private repositories")]
)
def test_what_was_agreed_to_is_shown(visitor: Client, *, private: bool, sentence: str) -> None:
    Subscription.objects.update(agreement={"private": private})
    text = words(visitor.get(reverse("dashboard")).content)

    assert sentence in text
    assert "Look at or change your choices" in text


def test_names_are_shown_and_never_executed(visitor: Client) -> None:
    Subscription.objects.update(github_login="<script>alert(1)</script>")

    assert b"<script>alert" not in visitor.get(reverse("dashboard")).content


@pytest.mark.parametrize("years", [1, 15])
def test_the_number_of_queries_does_not_grow_with_the_archive(
    visitor: Client,
    subscription: Subscription,
    django_assert_num_queries: DjangoAssertNumQueries,
    years: int,
) -> None:
    Subscription.objects.update(ledger_starts_on=date(2027 - years, 1, 8))
    for year in range(2027 - years, 2027):
        make_year_file(subscription, year)
        make_finished_run(subscription, NOW - timedelta(days=2027 - year))

    # Looked at once in a few seconds, by whichever page comes first.
    switch.current()
    # Session, user, subscription, runs, files; repositories, operators' acts, and what GitHub granted.
    for name, queries in (("dashboard", 8), ("progress", 5), ("status", 5)):
        with django_assert_num_queries(queries):
            visitor.get(reverse(name))
    with django_assert_num_queries(4):
        visitor.get(reverse("files"))


def test_files_that_are_not_of_one_year_are_listed_first_and_are_no_year(
    visitor: Client, subscription: Subscription
) -> None:
    make_year_file(subscription, 2026)
    for kind in ("profile", "daily"):
        make_year_file(subscription, 2025, kind=kind, weeks={})
    YearFile.objects.filter(kind__in=YearFile.DOCUMENTS).update(year=0)
    response = visitor.get(reverse("dashboard"))
    names = re.findall(r'title="Look inside">([^<]+)<', response.content.decode())

    assert names == ["github-daily.csv", "github-profile.json", "github-2026.json"]
    assert "?year=0" not in response.content.decode()
    assert visitor.get(reverse("dashboard"), {"year": "0"}).status_code == 404


def test_what_github_counts_is_held_against_what_the_files_hold(
    visitor: Client, subscription: Subscription
) -> None:
    week = {"state": "complete", "counts": {"commits": 3, "stars": 5, "issues": 2}, "calendar": {}}
    make_year_file(subscription, 2026, weeks={"2026-W10": week})
    Subscription.objects.update(
        agreement={**subscription.agreement, "kinds": ["commits", "stars", "issues"]},
        lists={"stars": {"said": 7, "uncovered": 2}, "issues": {"said": 2}},
    )
    text = words(visitor.get(reverse("dashboard"), {"year": "2026"}).content)

    assert "5 of 7 stars : 2 are in places that are not public" in text
    assert "2 of 2 issues opened" in text
    assert "3 commits, 2 issues, 5 stars saved" in text


def test_fifteen_years_fit_into_sixty_kilobytes(visitor: Client, subscription: Subscription) -> None:
    Subscription.objects.update(ledger_starts_on=date(2011, 1, 8))
    for year in range(2011, 2027):
        make_year_file(subscription, year)

    response = visitor.get("/dashboard/?year=2020", headers={"Accept-Encoding": "gzip"})
    assert response["Content-Encoding"] == "gzip"
    assert len(response.content) < 20_000


# --- For machines ---------------------------------------------------------------------------------------


def test_the_status_of_a_waiting_run(visitor: Client, subscription: Subscription) -> None:
    make_year_file(subscription, 2026, weeks=make_ledger(Week(2026, 1), Week(2026, 18)))
    make_run(
        subscription,
        state=SyncRun.State.WAITING,
        resume_at=datetime(2026, 5, 6, 14, 5, tzinfo=UTC),
        wait_reason=SyncRun.WaitReason.GITHUB_LIMIT,
        requests=12,
        points=15,
    )

    assert visitor.get(reverse("status")).json() == {
        "state": "waiting",
        "weeks_held": 18,
        "weeks_known": 71,
        "requests": 12,
        "points": 15,
        "waiting_until": "2026-05-06T14:05:00Z",
        "reason": "GitHub's limit",
        "is_running": True,
        "error": None,
    }


def test_the_status_before_the_first_run(visitor: Client) -> None:
    answer = visitor.get(reverse("status")).json()

    assert (answer["state"], answer["is_running"], answer["requests"]) == ("idle", False, 0)


def test_the_status_of_a_failed_run_says_why(visitor: Client, subscription: Subscription) -> None:
    make_finished_run(
        subscription,
        NOW,
        state=SyncRun.State.FAILED,
        error_code="unexpected_response",
        error="Broken answer.",
    )
    answer = visitor.get(reverse("status")).json()

    assert (answer["state"], answer["is_running"], answer["error"]) == ("failed", False, "Broken answer.")


def test_files_are_named_with_their_weeks(visitor: Client, subscription: Subscription) -> None:
    file = make_year_file(
        subscription, 2026, kind=YearFile.Kind.PRIVATE, weeks=make_ledger(Week(2026, 1), Week(2026, 2))
    )

    assert visitor.get(reverse("files")).json() == [
        {
            "name": "github-private-2026.json",
            "year": 2026,
            "kind": "private",
            "size": 12_345,
            "md5": file.md5,
            "weeks": {"2026-W01": "complete", "2026-W02": "complete"},
            "url": f"/files/{file.pk}/",
        }
    ]


@pytest.mark.parametrize("name", ["github-weeks", "github-profile", "github-tracks"])
def test_the_schemas_are_public(client: Client, name: str) -> None:
    response = client.get(f"/schema/{name}-1.json")

    assert response["Content-Type"] == "application/schema+json"
    assert "public" in response["Cache-Control"]
    assert response["Access-Control-Allow-Origin"] == "*"
    assert f"{name}/1" in response.content.decode()
    assert json.loads(response.content)["$schema"].startswith("https://json-schema.org/")


# --- Update now -----------------------------------------------------------------------------------------


def test_an_update_starts_a_run_in_front_of_the_background(
    visitor: Client, subscription: Subscription
) -> None:
    response = visitor.post(reverse("update"))
    run = SyncRun.objects.get()

    assert response["Location"] == reverse("dashboard")
    assert (run.subscription, run.trigger, run.is_interactive) == (subscription, SyncRun.Trigger.MEMBER, True)


def test_an_update_while_a_run_is_active_shows_that_run(visitor: Client, subscription: Subscription) -> None:
    run = make_run(subscription, state=SyncRun.State.WAITING, resume_at=NOW + timedelta(hours=1))
    response = visitor.post(reverse("update"))

    assert response["Location"] == reverse("dashboard")
    assert SyncRun.objects.get() == run


def test_an_update_soon_after_the_last_one_says_from_when_it_is_possible(
    visitor: Client, subscription: Subscription
) -> None:
    make_finished_run(subscription, NOW - timedelta(seconds=60))
    response = visitor.post(reverse("update"))

    assert response.status_code == 429
    assert response["Retry-After"] == str(int(site.SYNC_UPDATE_NOW_SECONDS) - 60)
    assert "You can ask for the next one at 12:04 UTC" in words(response.content)
    assert SyncRun.objects.count() == 1


def test_the_button_is_there_only_when_it_works(
    visitor: Client, subscription: Subscription, at_noon: Any
) -> None:
    make_finished_run(subscription, NOW)
    assert "You can update again at 12:05 UTC" in words(visitor.get(reverse("dashboard")).content)

    at_noon.tick(timedelta(seconds=site.SYNC_UPDATE_NOW_SECONDS))
    assert f'action="{reverse("update")}"' in visitor.get(reverse("dashboard")).content.decode()
    assert visitor.post(reverse("update")).status_code == 302
    assert SyncRun.objects.active().exists()


@pytest.mark.parametrize("status", [row[0] for row in STOPPED])
def test_an_update_of_a_stopped_sync_is_refused(visitor: Client, status: str) -> None:
    Subscription.objects.update(status=status)
    response = visitor.post(reverse("update"), follow=True)

    assert "Nothing can be updated at the moment" in words(response.content)
    assert not SyncRun.objects.exists()


def test_two_members_do_not_share_the_limit(visitor: Client, subscription: Subscription) -> None:
    make_finished_run(make_subscription(), timezone.now())

    assert visitor.post(reverse("update")).status_code == 302


# --- Who runs the site ---


@pytest.mark.parametrize(
    ("contact", "shown"),
    [
        ("ada@example.org", '<a href="mailto:ada@example.org">ada@example.org</a>'),
        ("https://ada.example/write", '<a href="https://ada.example/write">https://ada.example/write</a>'),
        ("javascript:alert(1)", "javascript:alert(1)"),
    ],
)
def test_every_page_says_who_runs_the_site_and_how_they_are_reached(
    client: Client, subscription: Subscription, settings: Settings, contact: str, shown: str
) -> None:
    settings.OPERATOR_NAME, settings.OPERATOR_CONTACT = "Ada <& friends>", contact
    settings.OPERATOR_URL = "https://ada.example"
    client.raise_request_exception = False
    pages = {path: client.get(path) for path in ("/", "/your-data/", "/nowhere/")}
    pages["failure"] = client.get("/accounts/github/login/callback/")
    with patch("sync.views.example_year", side_effect=RuntimeError("broken")):
        pages["broken"] = client.get("/")
    client.force_login(subscription.user, backend="django.contrib.auth.backends.ModelBackend")
    pages["dashboard"] = client.get(reverse("dashboard"))
    assert pages["broken"].status_code == 500

    named = '<a href="https://ada.example">Ada &lt;&amp; friends&gt;</a>, ' + shown + "."
    times = {path: response.content.decode().count(named) for path, response in pages.items()}
    expected = {"/": 3, "/your-data/": 2, "/nowhere/": 1, "failure": 2, "broken": 2, "dashboard": 1}
    assert times == expected
    assert 'href="javascript' not in "".join(response.content.decode() for response in pages.values())


def test_nobody_is_named_where_nobody_is_set(client: Client, db: None) -> None:
    assert "run by" not in words(client.get("/").content).lower()


@pytest.mark.parametrize(
    ("days", "said"),
    [
        (4, "Every four days"),
        (1, "Every day"),
        (0.5, "Every twelve hours"),
        (1.5, "Every 36 hours"),
        (30, "Every 30 days"),
        (0.0001, "Every hour"),
    ],
)
def test_the_landing_page_says_how_often_by_the_setting(
    client: Client, db: None, settings: Settings, days: float, said: str
) -> None:
    settings.SYNC_DUE_DAYS = days

    assert f"{said}, and whenever you ask for it." in words(client.get("/").content)


# --- When something is wrong ------------------------------------------------------------------------------


BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


@pytest.mark.parametrize(
    ("method", "name"), [("get", "update"), ("post", "dashboard"), ("delete", "choices")]
)
def test_a_wrong_method_gets_a_page(visitor: Client, method: str, name: str) -> None:
    response = getattr(visitor, method)(reverse(name), headers=BROWSER)

    assert response.status_code == 405
    assert "This cannot be done here" in words(response.content)
    assert "To your dashboard" in words(response.content)
    assert response["Allow"]
    assert "no-store" in response["Cache-Control"]


def test_a_wrong_method_of_a_program_gets_no_page(client: Client, db: None) -> None:
    assert client.get(reverse("deauthorized")).content == b""
    htmx = {**BROWSER, "HX-Request": "true"}
    assert client.post(reverse("progress"), headers=htmx).content == b""


def test_too_early_leads_only_members_to_a_dashboard(
    visitor: Client, subscription: Subscription, settings: Settings
) -> None:
    make_finished_run(subscription, NOW)
    assert "Back to your dashboard" in words(visitor.post(reverse("update")).content)

    with patch("accounts.throttle.is_over_limit", return_value=True):
        refused = Client().post(reverse("openhumans_login"))
    assert refused.status_code == 429
    assert "To the start page" in words(refused.content)
    assert "dashboard" not in words(refused.content)


def test_an_unknown_address_leads_back_to_the_start(client: Client) -> None:
    response = client.get("/nothing/here/")

    assert response.status_code == 404
    assert "There is nothing here" in words(response.content)
    assert 'href="/"' in response.content.decode()


@pytest.mark.parametrize(
    ("name", "heading"), [("400", "could not understand"), ("403", "not yours"), ("500", "broke")]
)
def test_error_pages_need_nothing_but_themselves(name: str, heading: str) -> None:
    """Django renders some of them without a request, so that no setting or member is at hand."""
    html = get_template(f"{name}.html").render()

    assert heading in html
    assert "GitHub for Open Humans" in html


def test_moments_name_the_day_when_it_is_not_today(at_noon: Any) -> None:
    texts = [
        words(moment(at).encode())
        for at in (NOW - timedelta(hours=1), NOW - timedelta(days=1), NOW - timedelta(days=365))
    ]

    assert texts == ["11:00 UTC", "5 May, 12:00 UTC", "6 May 2025, 12:00 UTC"]
    assert 'datetime="2026-05-06T12:00:00+00:00" title="2026-05-06 12:00:00 UTC"' in moment(NOW)
    assert moment(None) == "not yet"


# --- What was agreed to, and what a first sync will take ---------------------------------------------------


def test_what_was_agreed_to_is_shown_with_when_and_what_is_left_out(
    visitor: Client, subscription: Subscription
) -> None:
    left_out = [{"owner": "acme"}]
    agreed = {**subscription.agreement, "texts": False, "private_counts": False, "left_out": left_out}
    Subscription.objects.update(agreement=agreed)
    text = words(visitor.get(reverse("dashboard")).content)

    assert "Collected: commits, contribution calendar, issues" in text
    assert "Left out: messages, titles and texts , private counts, and the calendar with them ," in text
    assert "everything of acme" in text
    assert "Of private work nothing is kept, not even numbers." in text
    assert "Agreed to or changed last 1 Nov, 00:00 UTC" in text


def test_the_private_choice_names_the_organisations(visitor: Client, subscription: Subscription) -> None:
    agreed = {**subscription.agreement, "private": True, "organizations": ["acme"], "secret_gists": True}
    Subscription.objects.update(agreement=agreed)
    text = words(visitor.get(reverse("dashboard")).content)

    assert "and private repositories : your own and those of acme , and secret gists." in text


def test_a_first_sync_tells_what_it_will_take_and_how_long_it_still_takes(
    visitor: Client, subscription: Subscription
) -> None:
    weeks = make_ledger(Week(2026, 1), Week(2026, 9))
    make_year_file(subscription, 2026, weeks=weeks)
    lists = {"calendar": {"years": [2025, 2026], "windows": []}, "repositories": {"total": 1}}
    Subscription.objects.update(lists=lists, ledger_starts_on=date(2026, 1, 1), synced_at=None)
    run = make_run(subscription, state=SyncRun.State.RUNNING, started_at=NOW, requests=1, points=1)
    text = words(visitor.get(reverse("dashboard")).content)
    assert "GitHub shows 2 years and 1 repository: that takes about 4 requests and 1 minute." in text
    SyncRun.objects.filter(pk=run.pk).update(requests=12)
    assert "that takes about" not in words(visitor.get(reverse("dashboard")).content)

    began = NOW - timedelta(seconds=90)
    SyncRun.objects.filter(pk=run.pk).update(started_at=began, weeks_fetched=sorted(weeks))
    text = words(visitor.get(reverse("dashboard")).content)
    assert "9 of 19 weeks saved" in text
    assert "About 2 minutes left, at the pace so far." in text


def test_the_time_left_after_an_interruption_is_by_the_pace_of_this_run_alone(
    visitor: Client, subscription: Subscription, settings: Settings
) -> None:
    weeks = make_ledger(Week(2026, 1), Week(2026, 9))
    make_year_file(subscription, 2026, weeks=weeks)
    Subscription.objects.update(ledger_starts_on=date(2026, 1, 1), synced_at=None)
    before, began = NOW - timedelta(days=1), NOW - timedelta(seconds=90)
    interrupted, gained = sorted(weeks)[:6], sorted(weeks)[6:]
    make_finished_run(subscription, before, state="failed", weeks_fetched=interrupted)
    run = make_run(subscription, state="running", created_at=began, started_at=began)
    assert "at the pace so far" not in words(visitor.get(reverse("dashboard")).content)

    SyncRun.objects.filter(pk=run.pk).update(weeks_fetched=gained)
    assert "About 5 minutes left, at the pace so far." in words(visitor.get(reverse("dashboard")).content)

    settings.GITHUB_HOURLY_LIMIT = 10
    assert "About 4 hours left" in words(visitor.get(reverse("dashboard")).content)
