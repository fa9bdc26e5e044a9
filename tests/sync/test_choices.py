from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from freezegun import freeze_time
from pytest_django import Settings

from accounts.models import Credential, User
from sync import choices, messages, runs, steps
from sync.connecting import subscribe as subscribe_again
from sync.consent import KINDS, SCOPES, Choice
from sync.leaving import erasing
from sync.models import PAUSED_BY_OPERATOR, EraseScope, RepositoryState, Subscription, SyncRun
from tests.cast import make_member, subscribe
from tests.repositories import Repository
from tests.sync.broker import Sent
from tests.sync.factories import make_run, make_year_file
from tests.sync.page_words import signed_in, words
from tests.sync.world import World, living

pytestmark = pytest.mark.django_db

PAGES = (reverse("choices"), reverse("leave_out_private"))
FORMS = (*PAGES, reverse("pause"), reverse("resume"))


@pytest.fixture
def visitor(subscription: Subscription, sent: Sent) -> Client:
    return signed_in(subscription.user)


@pytest.fixture
def private_subscription(sent: Sent) -> Subscription:
    return subscribe(make_member("33334444"), 4242, "octodog", Choice.PRIVATE)


def removed_file(subscription: Subscription, year: int = 2019) -> Any:
    return make_year_file(subscription, year, current_id=None, weeks={}, removed_by_member_at=timezone.now())


# --- Who may do what ---


@pytest.mark.parametrize("address", FORMS)
def test_anonymous_visitors_are_led_to_the_landing_page(
    client: Client, subscription: Subscription, address: str
) -> None:
    assert client.post(address)["Location"] == "/"
    subscription.refresh_from_db()
    assert subscription.status == Subscription.Status.ACTIVE


@pytest.mark.parametrize("address", FORMS)
def test_another_member_changes_only_their_own(
    subscription: Subscription, stranger: User, sent: Sent, address: str
) -> None:
    before = Subscription.objects.filter(pk=subscription.pk).values().get()
    signed_in(stranger).post(address, {"kinds": "calendar"})

    assert Subscription.objects.filter(pk=subscription.pk).values().get() == before


@pytest.mark.parametrize("name", ["bring_back", "leave_out"])
def test_another_members_file_is_not_found(
    subscription: Subscription, stranger: User, client: Client, name: str
) -> None:
    address = reverse(name, args=[removed_file(subscription).pk])

    assert signed_in(stranger).post(address).status_code == 404
    assert client.post(address)["Location"] == "/"
    assert subscription.year_files.get().removed_by_member_at is not None


def test_what_changes_something_must_be_posted(visitor: Client, subscription: Subscription) -> None:
    pk = removed_file(subscription).pk
    addresses = [
        reverse("pause"),
        reverse("resume"),
        *(reverse(n, args=[pk]) for n in ("bring_back", "leave_out")),
    ]

    assert {visitor.get(address).status_code for address in addresses} == {405}
    assert {visitor.delete(address).status_code for address in PAGES} == {405}


@pytest.mark.parametrize("address", FORMS)
def test_a_form_from_elsewhere_does_nothing(subscription: Subscription, address: str) -> None:
    assert signed_in(subscription.user, checks_forms=True).post(address).status_code == 403


# --- Kinds and messages ---


def test_the_page_shows_what_is_chosen(visitor: Client, subscription: Subscription) -> None:
    html = visitor.get(reverse("choices")).content.decode()

    for kind in KINDS:
        assert f'value="{kind}" checked' in html
    assert 'name="messages" checked' in html


def test_kinds_and_messages_are_saved_and_nothing_else_changes(
    visitor: Client, subscription: Subscription
) -> None:
    before = subscription.agreement
    response = visitor.post(reverse("choices"), {"kinds": ["calendar"]})

    assert response["Location"] == reverse("choices")
    subscription.refresh_from_db()
    assert subscription.agreement == {**before, "kinds": ["calendar"], "messages": False}
    assert not choices.wants_messages(subscription)


def test_a_kind_that_is_added_is_agreed_to_now(visitor: Client, subscription: Subscription) -> None:
    Subscription.objects.update(agreement={**subscription.agreement, "kinds": ["calendar"]})
    visitor.post(reverse("choices"), {"kinds": list(KINDS), "messages": "on"})

    agreement = Subscription.objects.get().agreement
    assert agreement["kinds"] == list(KINDS)
    assert datetime.fromisoformat(agreement["agreed_at"]) > datetime.now(UTC) - timedelta(minutes=1)


@pytest.mark.parametrize("kinds", [[], ["passwords"], ["commits", "passwords"]])
def test_a_form_that_was_tampered_with_changes_nothing(
    visitor: Client, subscription: Subscription, kinds: list[str]
) -> None:
    response = visitor.post(reverse("choices"), {"kinds": kinds})

    assert response.status_code == 400
    assert b'role="alert"' in response.content
    assert Subscription.objects.get().agreement == subscription.agreement


def test_connecting_again_keeps_the_settings_and_adds_no_kind(subscription: Subscription, sent: Sent) -> None:
    choices.save_settings(subscription, ["calendar"], messages=False)
    identity = subscription.github_identity
    assert identity is not None
    again = subscribe_again(identity, Choice.PUBLIC, timezone.now())

    assert again.kinds == ["calendar"]
    assert not choices.wants_messages(again)


# --- Private repositories ---


def test_leaving_out_private_asks_names_the_files_and_starts_the_erasing(
    private_subscription: Subscription,
) -> None:
    make_year_file(private_subscription, 2026, kind="private")
    browser = signed_in(private_subscription.user)
    page = words(browser.get(reverse("leave_out_private")).content)
    assert "github-private-2026.json" in page
    assert not SyncRun.objects.exists()

    response = browser.post(reverse("leave_out_private"))
    run = SyncRun.objects.get()
    private_subscription.refresh_from_db()
    assert run.erase_scope == EraseScope.PRIVATE
    assert response["Location"] == reverse("receipt", args=[run.receipt.key])
    assert private_subscription.includes_private is False
    assert private_subscription.status == Subscription.Status.ACTIVE


def test_github_s_permission_stays_wider_after_private_is_left_out_and_that_is_said(
    private_subscription: Subscription,
) -> None:
    visitor = signed_in(private_subscription.user)
    assert "more than you chose" not in words(visitor.get("/dashboard/").content)

    choices.leave_out_private(private_subscription)
    SyncRun.objects.update(state=SyncRun.State.SUCCEEDED)

    told = "GitHub lets us do more than you chose: read:org , repo . We do not use it."
    assert told in words(visitor.get("/dashboard/").content)
    # Access that was taken back at GitHub is none.
    Credential.objects.filter(identity__provider="github").update(state=Credential.State.REFUSED)
    assert "more than you chose" not in words(visitor.get("/dashboard/").content)


def test_the_choice_stays_where_the_erasing_cannot_start(private_subscription: Subscription) -> None:
    erasing.start(private_subscription, EraseScope.GITHUB)
    signed_in(private_subscription.user).post(reverse("leave_out_private"))

    private_subscription.refresh_from_db()
    assert private_subscription.includes_private is True


def test_private_files_from_before_can_be_deleted_later(visitor: Client, subscription: Subscription) -> None:
    assert visitor.get(reverse("leave_out_private"))["Location"] == reverse("choices")
    make_year_file(subscription, 2026, kind="private")

    assert "1 private file from before is still on Open Humans" in words(
        visitor.get(reverse("choices")).content
    )
    assert visitor.get(reverse("leave_out_private")).status_code == 200


def test_widening_goes_through_githubs_consent(visitor: Client, settings: Settings) -> None:
    html = visitor.get(reverse("choices")).content.decode()

    assert f'href="{reverse("connect")}"' in html
    assert f"{settings.GITHUB_URL}/settings/connections/applications/{settings.GITHUB_CLIENT_ID}" in html


def test_what_was_left_out_is_looked_for_once_it_is_chosen(subscription: Subscription, sent: Sent) -> None:
    """The lists have been read beyond private records that were not even noted."""
    lists = {"calendar": {"years": [2026], "windows": []}, "repositories": {"total": 4}, "legacy": {"x": 1}}
    Subscription.objects.update(lists=lists)
    identity = subscription.github_identity
    assert identity is not None
    identity.extra_data["scopes"] = list(SCOPES[Choice.PRIVATE])
    again = subscribe_again(identity, Choice.PRIVATE, timezone.now())

    assert again.includes_private
    assert set(Subscription.objects.get().lists) == {"calendar", "legacy"}
    subscribe_again(identity, Choice.PRIVATE, timezone.now())
    assert set(Subscription.objects.get().lists) == {"calendar", "legacy"}


# --- Pausing ---


@pytest.mark.django_db(transaction=True)
def test_a_pause_stops_what_is_under_way_and_only_the_member_ends_it(
    visitor: Client, subscription: Subscription, sent: Sent
) -> None:
    run = make_run(subscription, state=SyncRun.State.QUEUED)
    visitor.post(reverse("pause"))
    subscription.refresh_from_db()
    run.refresh_from_db()

    assert (subscription.status, subscription.reason) == (Subscription.Status.PAUSED, "Paused by you.")
    assert subscription.is_paused_by_member
    assert run.state == SyncRun.State.CANCELLED
    page = words(visitor.get(reverse("dashboard")).content)
    assert "Paused by you." in page
    assert "Go on collecting" in page

    visitor.post(reverse("resume"))
    subscription.refresh_from_db()
    assert (subscription.status, subscription.reason) == (Subscription.Status.ACTIVE, "")
    resumed = subscription.active_run
    assert resumed is not None
    assert resumed.trigger == SyncRun.Trigger.RESUMED
    assert sent.steps() == [(resumed.pk, 0)]


def test_a_pause_after_failures_is_ended_by_trying_again(
    visitor: Client, subscription: Subscription, sent: Sent
) -> None:
    Subscription.objects.update(status="paused", reason="Five attempts failed; GET x: 500", failures=5)
    assert "Try again" in words(visitor.get(reverse("dashboard")).content)
    visitor.post(reverse("resume"))

    subscription.refresh_from_db()
    assert (subscription.status, subscription.reason, subscription.failures) == ("active", "", 0)
    assert subscription.runs.get().trigger == SyncRun.Trigger.RESUMED


@pytest.mark.parametrize(
    ("status", "reason"),
    [("paused", f"{PAUSED_BY_OPERATOR} too much"), ("reconnect_github", ""), ("disconnected", "")],
)
def test_another_cause_is_not_resumed_here(
    visitor: Client, subscription: Subscription, status: str, reason: str
) -> None:
    Subscription.objects.update(status=status, reason=reason)
    for address in (reverse("resume"), reverse("pause")):
        visitor.post(address)
        subscription.refresh_from_db()
        assert (subscription.status, subscription.reason) == (status, reason)
    assert not SyncRun.objects.exists()


@pytest.mark.parametrize("address", [reverse("pause"), reverse("resume")])
def test_an_erasing_comes_first(visitor: Client, subscription: Subscription, address: str) -> None:
    scope = EraseScope.PRIVATE if address == reverse("pause") else EraseScope.FILES
    run = erasing.start(subscription, scope)
    response = visitor.post(address, follow=True)

    assert "What is being deleted comes first." in words(response.content)
    assert subscription.active_run == run


# --- Removed by you ---


def test_a_removed_file_asks_for_a_word(visitor: Client, subscription: Subscription) -> None:
    file = removed_file(subscription)
    response = visitor.get(reverse("dashboard"))
    html = response.content.decode()

    assert "github-2019.json was removed by you on" in words(response.content)
    assert f'action="{reverse("bring_back", args=[file.pk])}"' in html
    assert f'action="{reverse("leave_out", args=[file.pk])}"' in html


def test_left_out_for_good_is_not_asked_about_again_but_can_be_brought_back(
    visitor: Client, subscription: Subscription
) -> None:
    file = removed_file(subscription)
    visitor.post(reverse("leave_out", args=[file.pk]))

    assert "github-2019.json" not in words(visitor.get(reverse("dashboard")).content)
    file.refresh_from_db()
    assert file.removed_by_member_at is not None
    assert "github-2019.json" in words(visitor.get(reverse("choices")).content)
    visitor.post(reverse("bring_back", args=[file.pk]))
    file.refresh_from_db()
    assert file.removed_by_member_at is None
    assert Subscription.objects.get().agreement["left_out_files"] == []


def test_only_a_removed_file_is_brought_back(visitor: Client, subscription: Subscription) -> None:
    file = make_year_file(subscription, 2020)

    assert visitor.post(reverse("bring_back", args=[file.pk])).status_code == 404
    assert visitor.post(reverse("leave_out", args=[file.pk])).status_code == 404


def test_nothing_is_brought_back_while_a_sync_has_the_state_in_hand(
    visitor: Client, subscription: Subscription
) -> None:
    make_run(subscription, state=SyncRun.State.RUNNING)
    file = removed_file(subscription)
    response = visitor.post(reverse("bring_back", args=[file.pk]), follow=True)

    assert "A sync is under way. Please try again" in words(response.content)
    assert b"Bring it back" not in response.content
    file.refresh_from_db()
    assert file.removed_by_member_at is not None


def test_a_file_that_is_not_of_one_year_is_simply_written_again(
    subscription: Subscription, sent: Sent
) -> None:
    file = make_year_file(
        subscription, 2025, kind="profile", current_id=None, removed_by_member_at=timezone.now()
    )
    Subscription.objects.update(lists={"stars": {"said": 7}})
    choices.bring_back(subscription, file)

    file.refresh_from_db()
    assert file.removed_by_member_at is None
    assert Subscription.objects.get().lists == {"stars": {"said": 7}}
    assert subscription.active_run is not None


WINDOWS = [
    (2019, [["2019-01-01", "2019-12-31"], ["2018-12-31", "2018-12-31"]]),
    (2020, [["2021-01-01", "2021-01-03"], ["2020-01-01", "2020-12-31"], ["2019-12-30", "2019-12-31"]]),
    (2026, [["2026-01-01", "2026-05-06"], ["2025-12-29", "2025-12-31"]]),
]


@freeze_time("2026-05-06 12:00")
@pytest.mark.parametrize(("year", "windows"), WINDOWS)
def test_the_calendar_of_the_whole_iso_year_is_read_again(
    subscription: Subscription, sent: Sent, year: int, windows: list[list[str]]
) -> None:
    Subscription.objects.update(lists={"calendar": {"years": [year], "windows": windows[:1]}})
    choices.bring_back(subscription, removed_file(subscription, year))

    assert sorted(Subscription.objects.get().lists["calendar"]["windows"]) == sorted(windows)


def test_histories_are_read_again_but_those_of_forks_and_unreadable_ones_are_not(
    subscription: Subscription, sent: Sent
) -> None:
    for number, (is_fork, why) in enumerate([(False, ""), (True, ""), (False, "gone")]):
        RepositoryState.objects.create(
            subscription=subscription, node_id=f"R_{number}", name=f"o/{number}", visibility="public",
            is_fork=is_fork, not_readable=why, head_oid="a", pinned_oid="a", is_read=True, held=3,
            held_by_week={"2019-W01": 3},
        )  # fmt: skip
    choices.bring_back(subscription, removed_file(subscription))

    states = RepositoryState.objects.order_by("node_id").values_list("is_read", "pinned_oid", "held")
    assert list(states) == [(False, "", 0), (True, "a", 3), (True, "a", 3)]


def files_of(world: World) -> list[Any]:
    return list(world.state.files.of_member(str(world.member.open_humans_id)))


@pytest.mark.django_db(transaction=True)
def test_a_removed_year_comes_back_whole(tmp_path: Path, settings: Settings) -> None:
    repository = Repository.create(tmp_path / "trails", f"{uuid4().hex[:12]}@example.org")
    start = datetime.now(UTC) - timedelta(days=800)
    repository.add((start + timedelta(days=20 * n)).isoformat(timespec="seconds") for n in range(40))
    with living(tmp_path, settings, {"trails": repository}) as world:
        world.sync()
        before, year = world.checksums(), datetime.now(UTC).year - 1
        removed = world.subscription.year_files.get(year=year)
        [listed] = [file for file in files_of(world) if file.id == removed.current_id]
        world.state.files.delete(listed)
        when = datetime(year, 7, 1, 12, tzinfo=UTC).isoformat(timespec="seconds")
        repository.add([when], committed=datetime.now(UTC).isoformat(timespec="seconds"))
        world.sync()
        removed.refresh_from_db()
        assert removed.removed_by_member_at is not None
        assert removed.name not in world.stored()

        choices.bring_back(world.subscription, removed)
        run = world.subscription.active_run
        assert run is not None
        world.finish(run)

        assert world.oids() == repository.oids()
        assert set(world.checksums()) == set(before)
        after = {name: md5 for name, md5 in world.checksums().items() if name in world.years()}
        assert {name for name, md5 in after.items() if before[name] != md5} == {removed.name}
        removed.refresh_from_db()
        assert {entry["state"] for entry in removed.weeks.values()} == {"complete"}
        assert any(entry["calendar"] for entry in removed.weeks.values())


# --- While a run is under way ---


def test_what_a_member_decides_while_a_run_ends_makes_the_next_one_due(
    subscription: Subscription, sent: Sent, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(messages, "notify", lambda *_arguments: False)
    run = runs.start(subscription, SyncRun.Trigger.STALE)
    claimed = SyncRun.objects.claim(run.pk, 0, timezone.now())
    assert claimed is not None
    choices.save_settings(subscription, ["commits", "stars"], messages=True)
    steps.succeed(claimed)
    subscription.refresh_from_db()
    assert subscription.next_due_at <= timezone.now()

    again = runs.start(subscription, SyncRun.Trigger.STALE)
    claimed = SyncRun.objects.claim(again.pk, 0, timezone.now())
    assert claimed is not None
    steps.succeed(claimed)
    subscription.refresh_from_db()
    assert subscription.next_due_at > timezone.now() + timedelta(days=3)
