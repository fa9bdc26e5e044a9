"""Acts of operators for one member, from the command line."""

import io
import json

import pytest
from django.core.management import CommandError, call_command
from django.test import Client

from accounts.models import User
from sync.models import PAUSED_BY_MEMBER, EraseScope, OperatorAction, Subscription, SyncRun
from sync.operators import operating
from sync.operators.operating import NotPossible
from tests.providers import EXCHANGE_MEMBER, OPENHUMANS_URL, Providers
from tests.sync.broker import Sent
from tests.sync.factories import make_run, make_subscription

pytestmark = pytest.mark.django_db(transaction=True)
WHY = ("--reason", "asked by mail")


def command(*arguments: str) -> str:
    output = io.StringIO()
    call_command(*arguments, stdout=output)
    return output.getvalue()


def acts() -> list[tuple[str, int | None, str]]:
    return list(OperatorAction.objects.values_list("kind", "subscription", "reason"))


@pytest.mark.parametrize("name", ["12345678", "583231", "OctoCat"])
def test_a_member_is_found_by_either_id_or_the_login(subscription: Subscription, name: str) -> None:
    assert operating.find_member(name) == subscription


@pytest.mark.parametrize("name", ["", "1234", "octo", "9" * 40])
def test_somebody_unknown_is_an_error(subscription: Subscription, name: str) -> None:
    with pytest.raises(CommandError, match="No member is known"):
        command("sync_member", name, *WHY)


def test_a_name_of_two_members_is_an_error(subscription: Subscription) -> None:
    make_subscription(github_login="12345678")
    with pytest.raises(NotPossible, match="Several members"):
        operating.find_member("12345678")


# --- Syncing one member -------------------------------------------------------------------------------------


def test_one_member_is_synced(subscription: Subscription, sent: Sent) -> None:
    assert "is queued" in command("sync_member", "octocat", *WHY)

    run = SyncRun.objects.get()
    assert (run.subscription, run.trigger) == (subscription, SyncRun.Trigger.OPERATOR)
    assert acts() == [("run", subscription.pk, "asked by mail")]


def test_rehearsals_change_nothing(subscription: Subscription, sent: Sent) -> None:
    command("sync_member", "octocat", "--dry-run", *WHY)
    command("delete_data", "octocat", "--scope", "account", "--dry-run", *WHY)
    command("view_metadata", "octocat", "--dry-run", *WHY)

    assert (acts(), SyncRun.objects.count(), sent.messages) == ([], 0, [])


@pytest.mark.parametrize("status", ["paused", "disconnected", "reconnect_github"])
def test_who_is_not_active_is_left_alone(subscription: Subscription, status: str) -> None:
    Subscription.objects.update(status=status)
    with pytest.raises(CommandError, match="not active"):
        command("sync_member", "octocat", *WHY)
    assert (acts(), SyncRun.objects.count()) == ([], 0)


@pytest.mark.parametrize("name", ["sync_member", "delete_data", "view_metadata"])
def test_an_act_needs_a_reason(subscription: Subscription, name: str) -> None:
    with pytest.raises(CommandError, match="--reason"):
        command(name, "octocat")


# --- Pausing, resuming, cancelling --------------------------------------------------------------------------


def test_pausing_stops_the_run_and_resuming_starts_another(subscription: Subscription, sent: Sent) -> None:
    run = make_run(subscription, state=SyncRun.State.RUNNING)
    operating.pause(subscription, "ada", "too many requests")
    subscription.refresh_from_db()
    run.refresh_from_db()
    assert subscription.status == Subscription.Status.PAUSED
    assert subscription.reason.endswith("too many requests")
    assert run.state == SyncRun.State.CANCELLED

    operating.resume(subscription, "ada", "solved")

    subscription.refresh_from_db()
    assert (subscription.status, subscription.reason) == (Subscription.Status.ACTIVE, "")
    assert SyncRun.objects.active().count() == 1
    assert [kind for kind, *_ in acts()] == ["resume", "pause"]


def test_nobody_resumes_what_the_member_paused(subscription: Subscription) -> None:
    subscription.status, subscription.reason = Subscription.Status.PAUSED, f"{PAUSED_BY_MEMBER}."
    subscription.save()
    with pytest.raises(NotPossible, match="Only what an operator or failures have paused"):
        operating.resume(subscription, "ada", "why not")
    assert acts() == []


def test_a_run_that_is_over_cannot_be_cancelled(subscription: Subscription) -> None:
    with pytest.raises(NotPossible, match="over already"):
        operating.cancel(make_run(subscription), "ada", "x")
    operating.cancel(make_run(subscription, state=SyncRun.State.QUEUED), "ada", "x")
    assert [kind for kind, *_ in acts()] == ["cancel"]


# --- Looking and deleting -----------------------------------------------------------------------------------


def test_metadata_of_our_own_files_and_no_link(subscription: Subscription, providers: Providers) -> None:
    link = "https://files.test/member/1?key=secret-key"
    shared = {"created": "2026-05-01T10:00:00Z", "download_url": link}
    ours = {"id": 1, "basename": "github-2026.json", "source": "direct-sharing-1", "metadata": {"tags": []}}
    other = {"id": 2, "basename": "genome.txt", "source": "direct-sharing-2", "metadata": {}}
    project = {"id": 1, "id_label": "direct-sharing-1", "name": "x", "active": True, "approved": True}
    providers.http.get(f"{OPENHUMANS_URL}/api/direct-sharing/project/", json=project)
    providers.http.get(EXCHANGE_MEMBER, json={"next": None, "data": [ours | shared, other | shared]})

    output = command("view_metadata", "octocat", *WHY)

    (line,) = output.strip().splitlines()
    assert json.loads(line)["name"] == "github-2026.json"
    assert "secret-key" not in output
    assert acts() == [("view", subscription.pk, "asked by mail")]


def test_an_outage_is_told_with_an_exit_code(subscription: Subscription, providers: Providers) -> None:
    providers.http.get(f"{OPENHUMANS_URL}/api/direct-sharing/project/", status=503)
    with pytest.raises(CommandError, match="Open Humans"):
        command("view_metadata", "octocat", *WHY)


@pytest.mark.parametrize("scope", ["private", "files", "account"])
def test_deleting_is_the_members_own_erasing(subscription: Subscription, sent: Sent, scope: str) -> None:
    output = command("delete_data", "octocat", "--scope", scope, *WHY)

    run = SyncRun.objects.get()
    assert (run.trigger, run.erase_scope) == (SyncRun.Trigger.ERASE, EraseScope(scope))
    assert run.receipt.key in output
    assert acts() == [("delete", subscription.pk, "asked by mail")]


def test_what_operators_did_goes_with_the_member(subscription: Subscription, sent: Sent) -> None:
    command("sync_member", "octocat", *WHY)
    subscription.user.delete()
    assert not OperatorAction.objects.exists()


# --- Closing an account -------------------------------------------------------------------------------------


def test_a_closed_account_is_signed_out_and_not_updated_until_it_is_opened(
    subscription: Subscription, sent: Sent, client: Client
) -> None:
    client.force_login(subscription.user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get("/dashboard/").status_code == 200

    operating.shut_out(subscription, "ada", "abuse")

    assert client.get("/dashboard/").status_code == 302
    subscription.refresh_from_db()
    assert subscription.status == Subscription.Status.PAUSED
    with pytest.raises(NotPossible, match="closed already"):
        operating.shut_out(subscription, "ada", "again")

    operating.let_in(subscription, "ada", "solved")

    assert client.get("/dashboard/").status_code == 200
    with pytest.raises(NotPossible, match="is open"):
        operating.let_in(subscription, "ada", "again")
    assert [kind for kind, *_ in acts()] == ["let_in", "shut_out", "pause"]


def test_the_member_reads_what_was_done_by_whom_and_why(
    subscription: Subscription, stranger: User, sent: Sent, client: Client
) -> None:
    operating.pause(subscription, "ada", "too many requests at night")
    client.force_login(subscription.user, backend="django.contrib.auth.backends.ModelBackend")
    page = client.get("/dashboard/").content.decode()
    assert "The operator ada" in page
    assert "paused your updates" in page
    assert "too many requests at night" in page

    client.force_login(stranger, backend="django.contrib.auth.backends.ModelBackend")
    assert "too many requests at night" not in client.get("/dashboard/").content.decode()
