import re
from datetime import UTC, datetime, timedelta

import pytest
from django.contrib import admin
from django.contrib.auth.models import Group, Permission
from django.db import connection
from django.test import Client, RequestFactory
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from accounts.models import Credential, User
from sync import switch
from sync.admin import ranges_of
from sync.errors import SyncingStopped
from sync.models import (
    PAUSED_BY_MEMBER,
    OperatorAction,
    ProviderState,
    Receipt,
    StagedBatch,
    Subscription,
    SyncRun,
    SyncStop,
    YearFile,
)
from tests.sync.factories import make_finished_run, make_run, make_subscription, make_year_file

NOW = datetime(2026, 5, 6, 12, 0, tzinfo=UTC)
MODELS = (SyncRun, Subscription, YearFile)
BACKEND = "django.contrib.auth.backends.ModelBackend"

pytestmark = pytest.mark.django_db


@pytest.fixture
def desk(client: Client, operator: User) -> Client:
    """An operator's browser, signed in."""
    client.force_login(operator, backend=BACKEND)
    return client


@pytest.fixture
def run(subscription: Subscription) -> SyncRun:
    return make_finished_run(
        subscription,
        NOW,
        trigger=SyncRun.Trigger.STALE,
        state=SyncRun.State.FAILED,
        error_code="unexpected_response",
        error="Broken answer.",
        weeks_fetched=["2026-W18", "2026-W17"],
        requests=12,
        points=34,
        waits=5,
    )


def list_url(model: type) -> str:
    return reverse(f"admin:sync_{model.__name__.lower()}_changelist")


def detail_url(thing: SyncRun | Subscription | YearFile | Receipt) -> str:
    return reverse(f"admin:sync_{thing._meta.model_name}_change", args=[thing.pk])


def act(desk: Client, action: str, *runs: SyncRun, reason: str = "asked by mail") -> str:
    chosen = {"action": action, "_selected_action": [run.pk for run in runs], "reason": reason}
    return desk.post(list_url(SyncRun), chosen, follow=True).content.decode()


# --- Who gets in ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_neither_members_nor_strangers_get_in(
    client: Client, subscription: Subscription, model: type
) -> None:
    login = f"{reverse('admin:login')}?next={list_url(model)}"
    assert client.get(list_url(model))["Location"] == login

    client.force_login(subscription.user, backend=BACKEND)
    assert client.get(list_url(model))["Location"] == login


def test_a_member_cannot_sign_in_at_the_admin_whatever_the_password(
    client: Client, subscription: Subscription
) -> None:
    member = subscription.user
    member.set_password("a password a member never has")
    member.save()
    form = {"username": member.username, "password": "a password a member never has"}
    response = client.post(reverse("admin:login"), form)

    assert response.status_code == 200
    assert "Please enter the correct username and password for a staff account" in response.content.decode()


def test_a_member_cannot_act(client: Client, run: SyncRun) -> None:
    client.force_login(run.subscription.user, backend=BACKEND)
    act(client, "run_again", run)

    assert SyncRun.objects.get() == run


# --- What is not there ------------------------------------------------------------------------------------


def test_models_with_tokens_or_contents_are_not_registered() -> None:
    labels = {model._meta.label for model in admin.site._registry}

    assert labels >= {"sync.SyncRun", "sync.Subscription", "sync.YearFile"}
    assert not labels & {Credential._meta.label, StagedBatch._meta.label, "sync.RepositoryState"}
    assert not {
        label for label in labels if label.startswith(("socialaccount.", "account.", "django_dramatiq."))
    }


@pytest.mark.parametrize("model", MODELS)
def test_nothing_is_added_changed_or_deleted_by_hand(desk: Client, run: SyncRun, model: type) -> None:
    thing = make_year_file(run.subscription, 2026) if model is YearFile else model.objects.first()  # type: ignore[attr-defined]
    name = model.__name__.lower()

    assert desk.get(reverse(f"admin:sync_{name}_add")).status_code == 403
    assert desk.post(detail_url(thing), {"state": "succeeded"}).status_code == 403
    assert (
        desk.post(reverse(f"admin:sync_{name}_delete", args=[thing.pk]), {"post": "yes"}).status_code == 403
    )
    assert "delete_selected" not in desk.get(list_url(model)).content.decode()
    assert '<input type="submit"' not in desk.get(detail_url(thing)).content.decode()


def test_no_token_encrypted_column_or_link_to_data_is_shown(desk: Client, subscription: Subscription) -> None:
    run = make_run(subscription)
    file = make_year_file(subscription, 2026, pending={"file_id": 99, "url": "https://storage.example/put"})
    Subscription.objects.update(
        probe={"heads": {"secret-org/secret-repository": "abc"}}, lists={"secret-list": {"cursor": "c"}}
    )
    StagedBatch.objects.stage(subscription, "public", 2026, ["2026-W18"], b"a commit message")
    pages = [list_url(model) for model in MODELS] + [detail_url(thing) for thing in (run, subscription, file)]

    for page in pages:
        html = desk.get(page).content.decode()
        for hidden in (
            "access-of",
            "refresh-of",
            "encrypted",
            "secret-",
            "storage.example",
            "commit message",
        ):
            assert hidden not in html, (page, hidden)
        links = re.findall(r'href="([^"]+)"', html)
        assert not [link for link in links if "/files/" in link or link.startswith("http")]


def test_columns_that_stay_hidden_are_hidden_in_the_details_too() -> None:
    hidden = {Subscription: {"probe", "lists", "user"}, YearFile: {"pending", "weeks"}, SyncRun: set()}
    for model, columns in hidden.items():
        request = RequestFactory().get("/")
        request.user = User(is_superuser=True)
        fieldsets = admin.site._registry[model].get_fieldsets(request)
        shown = {field for _, options in fieldsets for field in options["fields"]}
        assert shown
        assert not shown & columns


# --- What is ----------------------------------------------------------------------------------------------


def test_a_run_is_listed_with_what_it_did(desk: Client, run: SyncRun) -> None:
    html = desk.get(list_url(SyncRun)).content.decode()
    row = re.findall(r'<t[dh] class="field-(\w+)[^"]*">(.*?)</t[dh]>', html)
    shown = {name: re.sub(r"<[^>]+>", "", cell) for name, cell in row}

    assert shown | {"id": "", "created_at": ""} == {
        "id": "",
        "state": "failed",
        "member": "octocat · 12345678",
        "trigger": "it was due",
        "weeks": "2",
        "requests": "12",
        "points": "34",
        "waits": "5",
        "error_code": "unexpected_response",
        "duration_in_words": "30 seconds",
        "created_at": "",
    }


def test_the_details_of_a_run_say_why_it_failed(desk: Client, run: SyncRun) -> None:
    html = desk.get(detail_url(run)).content.decode()

    assert "Broken answer." in html
    assert "2026-W17 to 2026-W18" in html


@pytest.mark.parametrize(
    ("weeks", "ranges"),
    [
        ([], []),
        (["2026-W18"], ["2026-W18"]),
        (["2026-W03", "2026-W01", "2026-W02"], ["2026-W01 to 2026-W03"]),
        (["2026-W01", "2025-W52", "2024-W10"], ["2024-W10", "2025-W52 to 2026-W01"]),
        (["2026-W53", "2027-W01"], ["2026-W53 to 2027-W01"]),
    ],
)
def test_weeks_in_a_row_are_told_as_one_range(weeks: list[str], ranges: list[str]) -> None:
    assert ranges_of(weeks) == ranges


@pytest.mark.parametrize("words", ["octocat", "583231", "12345678"])
@pytest.mark.parametrize("model", MODELS)
def test_a_member_is_found_by_login_github_id_or_open_humans_id(
    desk: Client, run: SyncRun, model: type, words: str
) -> None:
    make_year_file(run.subscription, 2026)
    other = make_subscription(github_login="somebody-else")
    make_run(other)
    make_year_file(other, 2026)

    found = desk.get(list_url(model), {"q": words}).context["cl"].queryset

    assert len(found) == 1
    assert "octocat" in desk.get(list_url(model), {"q": words}).content.decode()


@pytest.mark.parametrize(
    ("field", "value"), [("state", "failed"), ("trigger", "stale"), ("error_code", "unexpected_response")]
)
def test_runs_are_filtered(desk: Client, run: SyncRun, field: str, value: str) -> None:
    make_run(make_subscription())
    found = desk.get(list_url(SyncRun), {f"{field}__exact": value}).context["cl"].queryset

    assert list(found) == [run]


def test_a_year_file_is_listed_with_its_complete_weeks(desk: Client, subscription: Subscription) -> None:
    make_year_file(subscription, 2026)

    assert "20 of 20" in desk.get(list_url(YearFile)).content.decode()


@pytest.mark.parametrize("model", MODELS)
def test_a_list_costs_the_same_number_of_queries_however_long(desk: Client, model: type) -> None:
    counts = set()
    for number in range(1, 4):
        subscription = make_subscription()
        make_finished_run(subscription, NOW - timedelta(hours=number))
        make_year_file(subscription, 2026)
        with CaptureQueriesContext(connection) as queries:
            assert len(desk.get(list_url(model)).context["cl"].result_list) == number
        counts.add(len(queries))

    assert len(counts) == 1


# --- What operators can do --------------------------------------------------------------------------------


def test_run_again_starts_a_run_of_the_operator(desk: Client, run: SyncRun) -> None:
    assert "1 under way." in act(desk, "run_again", run)

    again = SyncRun.objects.active().get()
    assert (again.subscription, again.trigger) == (run.subscription, SyncRun.Trigger.OPERATOR)
    assert not again.is_interactive


def test_run_again_on_two_runs_of_one_member_starts_one(desk: Client, run: SyncRun) -> None:
    older = make_finished_run(run.subscription, NOW - timedelta(days=4))
    act(desk, "run_again", run, older)

    assert SyncRun.objects.active().count() == 1


def test_run_again_leaves_a_stopped_member_alone(desk: Client, run: SyncRun) -> None:
    Subscription.objects.update(status=Subscription.Status.RECONNECT_GITHUB)

    assert "0 under way. The member is not active" in act(desk, "run_again", run)
    assert not SyncRun.objects.active().exists()


def test_cancel_stops_an_active_run(desk: Client, run: SyncRun) -> None:
    active = make_run(run.subscription, state=SyncRun.State.WAITING)

    assert "1 cancelled. The run is over already" in act(desk, "cancel", active, run)
    active.refresh_from_db()
    run.refresh_from_db()
    assert (active.state, run.state) == (SyncRun.State.CANCELLED, SyncRun.State.FAILED)


def test_whoever_may_only_look_cannot_act(client: Client, run: SyncRun) -> None:
    looker = User.objects.create_user("looker", password="a long pass phrase", is_staff=True)
    looker.user_permissions.add(Permission.objects.get(codename="view_syncrun"))
    client.force_login(looker, backend=BACKEND)

    assert client.get(list_url(SyncRun)).status_code == 200
    act(client, "run_again", run)
    assert not SyncRun.objects.active().exists()


# --- Who and why ------------------------------------------------------------------------------------------


def test_what_was_done_to_a_member_is_kept_with_who_and_why(desk: Client, run: SyncRun) -> None:
    act(desk, "run_again", run)

    action = OperatorAction.objects.get()
    assert (action.kind, action.operator, action.reason) == ("run", "operator", "asked by mail")
    assert action.subscription == run.subscription


def test_who_deleted_what_can_be_looked_up_and_leads_to_nobodys_receipt(
    desk: Client, subscription: Subscription
) -> None:
    receipt = Receipt.objects.create(
        subscription=subscription,
        scope="account",
        operator="ada",
        cause=Receipt.Cause.LAW,
        found=[{"id": 1, "name": "github-2026.json"}],
    )
    for page in (list_url(Receipt), detail_url(receipt)):
        html = desk.get(page).content.decode()
        assert "ada" in html
        assert "a law or a court demanded it" in html
        for kept_back in (receipt.key, "github-2026.json", "octocat"):
            assert kept_back not in html


def test_without_a_reason_nothing_is_done(desk: Client, run: SyncRun) -> None:
    assert "Say why" in act(desk, "run_again", run, reason=" ")
    assert not SyncRun.objects.active().exists()


def test_members_are_paused_and_resumed(desk: Client, subscription: Subscription) -> None:
    def choose(action: str) -> str:
        chosen = {"action": action, "_selected_action": [subscription.pk], "reason": "too much"}
        return desk.post(list_url(Subscription), chosen, follow=True).content.decode()

    assert "1 paused." in choose("pause")
    subscription.refresh_from_db()
    assert subscription.status == Subscription.Status.PAUSED
    assert "1 under way." in choose("resume")
    Subscription.objects.update(status=Subscription.Status.PAUSED, reason=f"{PAUSED_BY_MEMBER}.")
    assert "Only what an operator or failures have paused" in choose("resume")


def test_reconciling_is_asked_for_with_a_reason(desk: Client, subscription: Subscription) -> None:
    Subscription.objects.update(reconciled_at=timezone.now(), reconciliation={"united": ["github-2025.json"]})
    page = desk.get(detail_url(subscription)).content.decode()
    assert "united: github-2025.json" in page
    data = {"action": "reconcile", "_selected_action": [subscription.pk], "reason": "asked by mail"}
    desk.post(list_url(Subscription), data)

    subscription.refresh_from_db()
    assert subscription.reconciled_at is None
    assert subscription.active_run is not None
    noted = OperatorAction.objects.get(kind="reconcile")
    assert (noted.subscription, noted.reason) == (subscription, "asked by mail")


# --- Stopping everything ----------------------------------------------------------------------------------


def test_the_switch_is_a_row_to_add_and_an_act_with_a_reason_ends_it(desk: Client) -> None:
    switch.look_again()
    desk.post(reverse("admin:sync_syncstop_add"), {"reason": "Something looks wrong."})
    with pytest.raises(SyncingStopped, match="Something looks wrong"):
        switch.check()
    assert desk.get(reverse("admin:sync_syncstop_add")).status_code == 403
    assert "All syncing is stopped since" in desk.get(reverse("admin:index")).content.decode()

    assert desk.post(reverse("admin:sync_syncstop_delete", args=[1]), {"post": "yes"}).status_code == 403
    end = {"action": "start", "_selected_action": [1], "reason": " "}
    assert "Say why" in desk.post(list_url(SyncStop), end, follow=True).content.decode()
    with pytest.raises(SyncingStopped):
        switch.check()
    desk.post(list_url(SyncStop), {**end, "reason": "It was the disk."})

    switch.check()
    noted = [(action.kind, action.reason) for action in OperatorAction.objects.order_by("pk")]
    assert noted == [("stop", "Something looks wrong."), ("start", "It was the disk.")]


# --- The front page ---------------------------------------------------------------------------------------


def test_the_front_page_says_how_things_stand(desk: Client, run: SyncRun) -> None:
    now = timezone.now()
    SyncRun.objects.update(finished_at=now)
    limit = SyncRun.WaitReason.GITHUB_LIMIT
    waiting = make_run(make_subscription(), state=SyncRun.State.WAITING, wait_reason=limit)
    make_run(make_subscription(), state=SyncRun.State.RUNNING, lease_until=now - timedelta(hours=1))
    make_run(make_subscription(), state=SyncRun.State.QUEUED, created_at=now - timedelta(hours=2))
    make_subscription(status=Subscription.Status.RECONNECT_GITHUB)

    ProviderState.objects.create(service=ProviderState.Service.GITHUB, opened_at=now)

    html = desk.get(reverse("admin:index")).content.decode()
    assert "GitHub fails for everybody since" in html
    text = re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", html))

    assert "Stuck leases 1" in text
    assert "Run that waits longest for a worker 2:00:00" in text
    assert "Runs waiting (GitHub&#x27;s limit) 1" in text
    assert f"run {waiting.pk} , GitHub&#x27;s limit" in text
    assert "Members: connect GitHub again 1" in text
    assert re.search(r"unexpected_response 1, last \d{4}", text)


def test_the_front_page_of_an_empty_site(desk: Client) -> None:
    html = desk.get(reverse("admin:index")).content.decode()
    assert "nobody" in html


# --- The support role -------------------------------------------------------------------------------------


@pytest.fixture
def support(client: Client) -> Client:
    looker = User.objects.create_user("looker", password="a long pass phrase", is_staff=True)
    looker.groups.add(Group.objects.get(name="support"))
    client.force_login(looker, backend=BACKEND)
    return client


def test_support_sees_how_runs_go_and_nobody_in_particular(support: Client, run: SyncRun) -> None:
    file = make_year_file(run.subscription, 2026)
    Subscription.objects.update(reason="octocat was here")
    SyncRun.objects.update(error="octocat/trails was not read")
    pages = [list_url(model) for model in MODELS]
    pages += [detail_url(thing) for thing in (run, file)]
    pages += [reverse("admin:index"), f"{list_url(SyncRun)}?q=octocat"]

    for page in pages:
        html = support.get(page).content.decode()
        shown = re.sub(r'(value|href)="[^"]*"', "", html)
        for personal in ("octocat", "583231", "12345678", "trails", file.md5):
            assert personal not in shown, (page, personal)
    assert "unexpected_response" in support.get(list_url(SyncRun)).content.decode()


PERSONAL = (
    (SyncRun, ("error__icontains", "subscription__github_login__startswith", "subscription__user__username")),
    (SyncRun, ("weeks_fetched__icontains", "subscription__lists__icontains", "subscription__id__exact")),
    (Subscription, ("github_login__startswith", "github_id__gt", "user__open_humans_id__startswith")),
    (Subscription, ("reason__icontains", "agreement__icontains", "lists__icontains", "probe__icontains")),
    (Subscription, ("reconciliation__icontains", "repositories__name__startswith", "told__icontains")),
    (YearFile, ("md5__startswith", "current_id__gt", "superseded__contains", "subscription__github_login")),
    (YearFile, ("weeks__icontains", "pending__icontains")),
)


@pytest.mark.parametrize(("model", "lookups"), PERSONAL)
def test_no_address_lets_support_guess_what_it_does_not_show(
    support: Client, run: SyncRun, model: type, lookups: tuple[str, ...]
) -> None:
    for lookup in lookups:
        assert support.get(list_url(model), {lookup: "1"}).status_code == 400, lookup


def test_filters_that_are_offered_work_for_support(support: Client, run: SyncRun) -> None:
    offered = {
        "error_code__exact": run.error_code,
        "state__exact": "failed",
        "created_at__year": str(NOW.year),
    }
    assert "1 sync run" in support.get(list_url(SyncRun), offered).content.decode()
    assert support.get(list_url(Subscription), {"status__exact": "active"}).status_code == 200
    assert support.get(list_url(YearFile), {"year": "2026", "kind__exact": "public"}).status_code == 200


def test_support_can_do_nothing(support: Client, run: SyncRun) -> None:
    act(support, "run_again", run)

    assert not SyncRun.objects.active().exists()
    assert support.get(reverse("admin:sync_syncstop_add")).status_code == 403
    assert support.get("/admin/accounts/user/").status_code == 403
    assert support.get(reverse("admin:sync_operatoraction_changelist")).status_code == 403
