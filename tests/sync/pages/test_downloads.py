import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from time import process_time
from unittest.mock import Mock, create_autospec, patch

import pytest
from django.test import Client
from django.urls import reverse

import openhumans_client as openhumans
from accounts.encryption import DecryptionFailed
from accounts.models import User
from sync import credentials
from sync.errors import OpenHumansAccessLost
from sync.models import Subscription, YearFile
from sync.pages import downloads
from tests.sync.factories import make_year_file

CONTENT = b'{"format": "github-weeks/1"}\n'
BACKEND = "django.contrib.auth.backends.ModelBackend"

pytestmark = pytest.mark.django_db


def listed(file_id: int, basename: str = "github-2026.json") -> openhumans.File:
    return openhumans.File(
        id=file_id,
        basename=basename,
        created_at=datetime(2026, 5, 6, tzinfo=UTC),
        metadata={},
        source="direct-sharing-1",
        download_url=f"https://storage.example/{file_id}?signature=secret",
    )


@pytest.fixture
def file(subscription: Subscription) -> YearFile:
    return make_year_file(subscription, 2026, current_id=77)


@pytest.fixture
def open_humans() -> Iterator[Mock]:
    """The member's Open Humans client: lists an older file and the current one, and sends CONTENT."""
    client = create_autospec(openhumans.OpenHumansClient, instance=True)
    client.iter_files.return_value = [listed(76), listed(77)]

    answer(client, CONTENT)
    with (
        patch("sync.credentials.openhumans_token", autospec=True, return_value="token"),
        patch("sync.credentials.openhumans_client", autospec=True, return_value=client),
    ):
        yield client


def answer(client: Mock, content: bytes, *after: bytes | Exception) -> Mock:
    """What storage sends at the click, whichever way it is read; return what is told of its end."""
    client.download.side_effect = lambda _file, into: into.write(content)
    closed = Mock()

    def pieces() -> Iterator[bytes]:
        yield content
        for piece in after:
            if isinstance(piece, Exception):
                raise piece
            yield piece

    def start(_file: openhumans.File, **_limits: float) -> openhumans.Download:
        return openhumans.Download(len(content), pieces(), closed)

    client.open_download.side_effect = start
    return closed


@pytest.fixture(autouse=True)
def nothing_is_left_open() -> Iterator[None]:
    """Whatever a test does, all places for downloads are free afterwards."""
    yield
    taken = [downloads._streams.acquire(blocking=False) for _ in range(downloads.MOST_STREAMS)]
    for _ in filter(None, taken):
        downloads._streams.release()
    assert all(taken)


@pytest.fixture
def visitor(client: Client, subscription: Subscription) -> Client:
    client.force_login(subscription.user, backend=BACKEND)
    return client


def body_of(response: object) -> bytes:
    return b"".join(response.streaming_content)  # type: ignore[attr-defined]


def test_a_file_comes_through_our_own_address(visitor: Client, file: YearFile, open_humans: Mock) -> None:
    response = visitor.get(reverse("download", args=[file.pk]))

    assert body_of(response) == CONTENT
    assert response["Content-Disposition"] == 'attachment; filename="github-2026.json"'
    assert response["Content-Type"] == "application/json"
    assert response["Content-Length"] == str(len(CONTENT))
    assert "no-store" in response["Cache-Control"]
    assert not any("storage.example" in str(value) for value in response.headers.values())


def test_the_daily_table_is_a_table(visitor: Client, subscription: Subscription, open_humans: Mock) -> None:
    table = make_year_file(subscription, 2025, kind="daily", current_id=77)
    response = visitor.get(reverse("download", args=[table.pk]))

    assert body_of(response) == CONTENT
    assert response["Content-Disposition"] == 'attachment; filename="github-daily.csv"'
    assert response["Content-Type"].startswith("text/csv")


def test_the_current_file_is_taken_not_one_of_the_same_name(
    visitor: Client, file: YearFile, open_humans: Mock
) -> None:
    body_of(visitor.get(reverse("download", args=[file.pk])))

    assert [call.args[0].id for call in open_humans.open_download.call_args_list] == [77]


def test_a_file_is_sent_on_piece_by_piece_and_let_go_at_its_end(
    visitor: Client, file: YearFile, open_humans: Mock
) -> None:
    """The first piece leaves before the second one is here; no compression holds it back."""
    closed = answer(open_humans, CONTENT, b"more", b"still more")
    response = visitor.get(reverse("download", args=[file.pk]), headers={"Accept-Encoding": "gzip"})
    sent = iter(response.streaming_content)  # type: ignore[attr-defined]

    assert next(sent) == CONTENT
    assert not closed.called
    assert list(sent) == [b"more", b"still more"]
    assert closed.called


def test_a_visitor_who_goes_away_lets_go_of_the_file(file: YearFile, open_humans: Mock) -> None:
    closed = answer(open_humans, CONTENT, b"more")
    # Closed by the server, as the whole answer is.
    downloads.FileStream(file.subscription.user, file).close()

    assert closed.called


def test_pages_are_not_kept_from_answering_by_downloads(
    visitor: Client, file: YearFile, open_humans: Mock
) -> None:
    address = reverse("download", args=[file.pk])
    under_way = [visitor.get(address) for _ in range(downloads.MOST_STREAMS)]
    refused = visitor.get(address)
    assert refused.status_code == 503
    assert "Too many downloads at once" in refused.content.decode()
    assert visitor.get(reverse("preview", args=[file.pk])).status_code == 200

    for response in under_way:
        body_of(response)
    assert body_of(visitor.get(address)) == CONTENT


@pytest.mark.parametrize("name", ["download", "preview"])
def test_an_anonymous_visitor_is_led_away(
    name: str, client: Client, file: YearFile, open_humans: Mock
) -> None:
    response = client.get(reverse(name, args=[file.pk]))

    assert response["Location"] == "/"
    assert not open_humans.mock_calls


@pytest.mark.parametrize("name", ["download", "preview"])
def test_another_member_finds_nothing(
    name: str, client: Client, file: YearFile, stranger: User, open_humans: Mock
) -> None:
    client.force_login(stranger, backend=BACKEND)

    assert client.get(reverse(name, args=[file.pk])).status_code == 404
    assert not open_humans.mock_calls


@pytest.mark.parametrize("name", ["download", "preview"])
def test_an_operator_gets_no_file(
    name: str, client: Client, file: YearFile, operator: User, open_humans: Mock
) -> None:
    client.force_login(operator, backend=BACKEND)

    assert client.get(reverse(name, args=[file.pk]))["Location"] == reverse("admin:index")
    assert not open_humans.mock_calls


@pytest.mark.parametrize("name", ["download", "preview"])
def test_a_file_is_only_read(name: str, visitor: Client, file: YearFile) -> None:
    assert visitor.post(reverse(name, args=[file.pk])).status_code == 405


def test_a_file_that_was_never_published_is_not_found(
    visitor: Client, subscription: Subscription, open_humans: Mock
) -> None:
    file = make_year_file(subscription, 2025, current_id=None)

    assert visitor.get(reverse("download", args=[file.pk])).status_code == 404


def test_a_file_that_open_humans_does_not_list_is_no_longer_there(
    visitor: Client, file: YearFile, open_humans: Mock
) -> None:
    open_humans.iter_files.return_value = [listed(76)]
    response = visitor.get(reverse("download", args=[file.pk]))

    assert response.status_code == 404
    assert "This file is no longer there" in response.content.decode()
    assert not open_humans.open_download.called


REFUSALS = [
    (openhumans.NotFound("GET bytes of file 77: 404"), 404, "This file is no longer there"),
    (openhumans.Unauthorized("GET: 401", is_expired=True), 403, "Sign in with Open Humans again"),
    (DecryptionFailed("No key of TOKEN_KEYS fits."), 403, "Sign in with Open Humans again"),
    (openhumans.Unavailable("GET: 503"), 502, "Open Humans is not answering"),
    (openhumans.Unavailable("GET: no answer", is_timeout=True), 504, "Open Humans is slow"),
    (openhumans.UnexpectedResponse("GET: HTML"), 502, "Open Humans is not answering"),
    (openhumans.RateLimited("GET: 429", retry_at=datetime(2026, 5, 6, tzinfo=UTC)), 502, "not answering"),
]


@pytest.mark.parametrize(("error", "status", "sentence"), REFUSALS)
@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("download", "iter_files"),
        ("download", "open_download"),
        ("preview", "iter_files"),
        ("preview", "download"),
    ],
)
def test_a_refusal_says_what_to_do(
    visitor: Client,
    file: YearFile,
    open_humans: Mock,
    name: str,
    call: str,
    error: Exception,
    status: int,
    sentence: str,
) -> None:
    getattr(open_humans, call).side_effect = error
    response = visitor.get(reverse(name, args=[file.pk]))

    assert response.status_code == status
    assert sentence in response.content.decode()
    assert "no-store" in response["Cache-Control"]
    assert "secret" not in response.content.decode()


def test_a_download_that_breaks_off_does_not_look_like_a_whole_file(
    visitor: Client, file: YearFile, open_humans: Mock
) -> None:
    broken = openhumans.Unavailable("GET bytes of file 77: cut short")
    closed = answer(open_humans, CONTENT[:5], broken)
    response = visitor.get(reverse("download", args=[file.pk]))

    with pytest.raises(openhumans.Unavailable):
        body_of(response)
    assert closed.called


def test_a_token_that_was_just_replaced_is_read_again(
    visitor: Client, file: YearFile, open_humans: Mock
) -> None:
    files = open_humans.iter_files.return_value
    open_humans.iter_files.side_effect = [openhumans.Unauthorized("GET: 401", is_expired=False), files]
    response = visitor.get(reverse("download", args=[file.pk]))

    assert body_of(response) == CONTENT
    assert credentials.openhumans_token.call_args.kwargs["refused"] == "token"  # type: ignore[attr-defined]


def test_a_member_whose_access_has_ended_is_asked_to_sign_in_again(visitor: Client, file: YearFile) -> None:
    lost = OpenHumansAccessLost("Open Humans no longer accepts the token.")
    with patch("sync.credentials.openhumans_token", autospec=True, side_effect=lost):
        response = visitor.get(reverse("download", args=[file.pk]))

    assert response.status_code == 403
    assert f'action="{reverse("openhumans_login")}"' in response.content.decode()


# --- Looking inside ---


def test_a_preview_shows_a_piece_as_text_and_runs_nothing(
    visitor: Client, file: YearFile, open_humans: Mock
) -> None:
    answer(open_humans, b"<script>alert(1)</script>")
    response = visitor.get(reverse("preview", args=[file.pk]))
    html = response.content.decode()

    assert response.status_code == 200
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert(1)" in html
    assert "may have been changed by hand" in html
    assert "no-store" in response["Cache-Control"]


def test_a_preview_says_whether_the_file_is_the_one_we_saved(
    visitor: Client, file: YearFile, open_humans: Mock
) -> None:
    content = b'{"format": "github-weeks/1", "year": 2026, "github_id": 1, "weeks": {\n"2026-W01": {}\n}}\n'
    open_humans.download.side_effect = lambda _file, into: into.write(content)
    address = reverse("preview", args=[file.pk])
    assert "its checksum differs" in visitor.get(address).content.decode()

    YearFile.objects.update(md5=hashlib.md5(content, usedforsecurity=False).hexdigest())
    assert "the same as when it was saved" in visitor.get(address).content.decode()


def test_a_preview_of_a_large_year_costs_little_of_our_own(
    visitor: Client, file: YearFile, open_humans: Mock
) -> None:
    """5 MB, 52 weeks; our own time at the processor, the best of three."""
    week = json.dumps({"commits": [{"message": "x" * 1000}] * 100})
    head = '{"format": "github-weeks/1", "year": 2026, "github_id": 1, "weeks": {\n'
    weeks = ",\n".join(f'"2026-W{number:02}": {week}' for number in range(1, 53))
    content = f"{head}{weeks}\n}}}}\n".encode()
    open_humans.download.side_effect = lambda _file, into: into.write(content)

    def seconds() -> float:
        began = process_time()
        assert visitor.get(reverse("preview", args=[file.pk])).status_code == 200
        return process_time() - began

    assert min(seconds() for _ in range(3)) < 0.3
