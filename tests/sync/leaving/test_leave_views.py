from unittest.mock import create_autospec, patch

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

import openhumans_client as openhumans
from accounts.models import User
from sync.errors import OpenHumansAccessLost
from sync.leaving import erasing
from sync.models import EraseScope, Receipt, Subscription, SyncRun
from tests.cast import make_member
from tests.sync.broker import Sent
from tests.sync.factories import make_run, make_year_file
from tests.sync.page_words import signed_in, words

ACTS = ("github", "files", "account")

pytestmark = pytest.mark.django_db


@pytest.fixture
def visitor(subscription: Subscription, sent: Sent) -> Client:
    return signed_in(subscription.user)


def page_of(act: str) -> str:
    return reverse("leave", args=[act])


def receipt_page(receipt: Receipt) -> str:
    return reverse("receipt", args=[receipt.key])


# --- Who may do what ---


@pytest.mark.parametrize("address", [reverse("leaving"), *map(page_of, ACTS)])
def test_anonymous_visitors_are_led_to_the_landing_page(client: Client, address: str) -> None:
    for response in (client.get(address), client.post(address)):
        assert response.status_code in (302, 405)
        assert response.get("Location", "/").startswith("/?") or response.status_code == 405
    assert not SyncRun.objects.exists()


@pytest.mark.parametrize("act", ACTS)
def test_an_operator_has_nothing_to_leave(operator: User, act: str) -> None:
    assert signed_in(operator).get(page_of(act)).status_code == 403
    assert signed_in(operator).post(page_of(act)).status_code == 403
    assert User.objects.filter(pk=operator.pk).exists()


@pytest.mark.parametrize("act", ACTS)
def test_another_member_leaves_only_themselves(
    subscription: Subscription, stranger: User, sent: Sent, act: str
) -> None:
    signed_in(stranger).post(page_of(act))

    assert SyncRun.objects.get().subscription.user == stranger
    subscription.refresh_from_db()
    assert subscription.status == Subscription.Status.ACTIVE


@pytest.mark.parametrize("act", ACTS)
def test_a_form_from_elsewhere_does_nothing(subscription: Subscription, act: str) -> None:
    assert signed_in(subscription.user, checks_forms=True).post(page_of(act)).status_code == 403
    assert not SyncRun.objects.exists()


@pytest.mark.parametrize("act", ACTS)
def test_looking_changes_nothing(visitor: Client, act: str) -> None:
    assert visitor.get(page_of(act)).status_code == 200
    assert visitor.put(page_of(act)).status_code == 405
    assert visitor.post(reverse("leaving")).status_code == 405
    assert not SyncRun.objects.exists()


@pytest.mark.parametrize("act", ["private", "everything", "FILES"])
def test_there_are_three_ways_to_leave(visitor: Client, act: str) -> None:
    assert visitor.get(page_of(act)).status_code == 404
    assert visitor.post(page_of(act)).status_code == 404


# --- Asking ---


def test_the_three_acts_stand_apart_and_say_what_stays(visitor: Client, subscription: Subscription) -> None:
    make_year_file(subscription, 2026)
    response = visitor.get(reverse("leaving"))
    html = response.content.decode()

    assert [html.count(f'href="{page_of(act)}"') for act in ACTS] == [1, 1, 1]
    assert html.count("What stays:") == 3
    assert "the 1 file we saved" in words(response.content)


@pytest.mark.parametrize("act", ACTS)
def test_each_act_asks_once_with_a_form(visitor: Client, subscription: Subscription, act: str) -> None:
    make_year_file(subscription, 2025)
    make_year_file(subscription, 2026)
    response = visitor.get(page_of(act))

    assert response.content.count(b'<form method="post" class="actions">') == 1
    assert "stay" in words(response.content)
    assert "2 files" in words(response.content) or "all 2 of them" in words(response.content)


def test_who_is_disconnected_already_is_offered_the_rest(visitor: Client, subscription: Subscription) -> None:
    identity = subscription.github_identity
    assert identity is not None
    identity.delete()
    html = visitor.get(reverse("leaving")).content.decode()

    assert page_of("github") not in html
    assert page_of("files") in html


# --- Doing ---


@pytest.mark.parametrize("act", ["github", "files"])
def test_the_form_starts_the_erasing_and_leads_to_its_receipt(
    visitor: Client, subscription: Subscription, act: str
) -> None:
    response = visitor.post(page_of(act))
    run = SyncRun.objects.get()

    assert (run.trigger, run.erase_scope, run.subscription) == (SyncRun.Trigger.ERASE, act, subscription)
    assert response["Location"] == receipt_page(run.receipt)
    assert visitor.get(response["Location"]).status_code == 200


def test_a_double_click_starts_one_erasing(visitor: Client) -> None:
    assert visitor.post(page_of("files"))["Location"] == visitor.post(page_of("files"))["Location"]
    assert SyncRun.objects.count() == 1


def test_a_second_wish_waits_for_the_first(visitor: Client) -> None:
    visitor.post(page_of("github"))
    response = visitor.post(page_of("files"), follow=True)

    assert SyncRun.objects.get().erase_scope == "github"
    assert "This is still under way." in words(response.content)


def test_deleting_the_account_signs_out_and_the_receipt_needs_no_login(visitor: Client) -> None:
    address = visitor.post(page_of("account"))["Location"]

    assert "_auth_user_id" not in visitor.session
    response = Client().get(address)
    assert response.status_code == 200
    assert "Deleting your account" in words(response.content)


def test_a_sync_under_way_is_stopped(visitor: Client, subscription: Subscription) -> None:
    run = make_run(subscription, state=SyncRun.State.WAITING)
    visitor.post(page_of("github"))

    run.refresh_from_db()
    assert run.state == SyncRun.State.CANCELLED


# --- Receipts ---


@pytest.mark.parametrize("act", ["github", "files", "private"])
def test_a_receipt_is_for_the_member_alone(
    subscription: Subscription, stranger: User, client: Client, sent: Sent, act: str
) -> None:
    receipt = erasing.start(subscription, EraseScope(act)).receipt

    assert signed_in(subscription.user).get(receipt_page(receipt)).status_code == 200
    assert signed_in(stranger).get(receipt_page(receipt)).status_code == 404
    assert client.get(receipt_page(receipt)).status_code == 404


def test_a_guessed_key_finds_nothing(visitor: Client) -> None:
    assert visitor.get(reverse("receipt", args=["x" * 32])).status_code == 404
    assert visitor.post(reverse("receipt", args=["x" * 32])).status_code == 405


def test_a_receipt_of_a_deleted_account_names_nobody(client: Client) -> None:
    now = timezone.now()
    receipt = Receipt.objects.create(
        scope="account",
        finished_at=now,
        listed_at=now,
        files="done",
        files_deleted=12,
        grant="done",
        membership="done",
    )
    text = words(client.get(receipt_page(receipt)).content)

    for said in (
        "Your account is deleted",
        "Files deleted 12",
        "showed no file of ours any more",
        "Our access to GitHub given back",
        "Membership on Open Humans ended",
        "What we knew of you here deleted",
    ):
        assert said in text
    assert "dashboard" not in text


def make_receipt(subscription: Subscription, scope: str, state: str, **fields: object) -> Receipt:
    run = make_run(subscription, trigger="erase", erase_scope=scope, state=state)
    return Receipt.objects.create(subscription=subscription, run=run, scope=scope, **fields)


def test_without_access_the_receipt_says_how_the_member_can_do_it(
    visitor: Client, subscription: Subscription
) -> None:
    receipt = make_receipt(
        subscription, "files", "failed", finished_at=timezone.now(), files="no_access", files_left=3
    )
    response = visitor.get(receipt_page(receipt))
    text = words(response.content)

    assert "Not everything could be done" in text
    assert "3 files could not be deleted by us" in text
    assert f'action="{reverse("openhumans_login")}"' in response.content.decode()
    assert f'href="{page_of("files")}"' in response.content.decode()


def test_an_erasing_that_waits_says_for_whom(visitor: Client, subscription: Subscription) -> None:
    receipt = make_receipt(subscription, "files", "waiting")
    SyncRun.objects.update(wait_reason=SyncRun.WaitReason.OPENHUMANS_UNAVAILABLE)
    response = visitor.get(receipt_page(receipt))

    assert "Open Humans is not answering, so this waits and goes on by itself." in words(response.content)
    assert 'hx-trigger="every 2s"' in response.content.decode()


def test_an_erasing_that_broke_off_can_be_asked_for_again(
    visitor: Client, subscription: Subscription
) -> None:
    response = visitor.get(receipt_page(make_receipt(subscription, "private", "failed")))

    assert "This did not come to its end" in words(response.content)
    assert f'href="{reverse("leave_out_private")}"' in response.content.decode()
    assert "hx-trigger" not in response.content.decode()


DASHBOARD = [
    ("running", "Deleting your files", "See the receipt"),
    ("failed", "Not everything could be deleted", "See the receipt"),
    ("succeeded", "Paused", "Go on collecting"),
]


@pytest.mark.parametrize(("state", "headline", "action"), DASHBOARD)
def test_the_dashboard_tells_of_the_erasing(
    visitor: Client, subscription: Subscription, state: str, headline: str, action: str
) -> None:
    Subscription.objects.update(status="paused", reason=erasing.PAUSED_BY_FILES)
    make_receipt(subscription, "files", state)
    text = words(visitor.get(reverse("dashboard")).content)

    assert headline in text
    assert action in text
    assert "Update now" not in text
    assert ("Weeks saved" in text) == (state != "running")


# --- A member who never connected GitHub ---


def listed(file_id: int, source: str) -> openhumans.File:
    return openhumans.File(file_id, "github.json", timezone.now(), {}, source, "https://storage.example/")


@pytest.fixture
def unconnected(db: None) -> User:
    return make_member("11112222")


def test_without_github_the_account_alone_is_offered(unconnected: User) -> None:
    browser = signed_in(unconnected)
    html = browser.get(reverse("leaving")).content.decode()

    assert page_of("account") in html
    assert page_of("files") not in html
    assert browser.post(page_of("files"))["Location"] == reverse("leaving")


def test_without_github_the_account_is_deleted_at_once(unconnected: User) -> None:
    client = create_autospec(openhumans.OpenHumansClient, instance=True)
    client.fetch_project.return_value.id_label = "direct-sharing-1"
    client.list_files.side_effect = [
        [listed(1, "direct-sharing-1"), listed(2, "direct-sharing-9")],
        [listed(2, "direct-sharing-9")],
    ]
    with patch("sync.credentials.openhumans_client", return_value=client):
        response = signed_in(unconnected).post(page_of("account"))

    receipt = Receipt.objects.get()
    assert response["Location"] == receipt_page(receipt)
    assert (receipt.files, receipt.files_deleted, receipt.membership) == ("done", 1, "done")
    assert [call.args for call in client.delete_file.call_args_list] == [(1,)]
    client.remove_member.assert_called_once_with()
    assert not User.objects.exists()


def test_without_github_and_without_access_the_account_goes_all_the_same(unconnected: User) -> None:
    with patch("sync.credentials.openhumans_client", side_effect=OpenHumansAccessLost("gone")):
        signed_in(unconnected).post(page_of("account"))

    assert Receipt.objects.get().files == "no_access"
    assert not User.objects.exists()


def test_an_outage_of_open_humans_deletes_nothing_and_says_so(unconnected: User) -> None:
    with patch("sync.credentials.openhumans_client", side_effect=openhumans.Unavailable("GET /: 503")):
        response = signed_in(unconnected).post(page_of("account"))

    assert response.status_code == 502
    assert "Open Humans is not answering" in words(response.content)
    assert User.objects.filter(pk=unconnected.pk).exists()
    assert not Receipt.objects.exists()
