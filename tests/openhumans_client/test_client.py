from __future__ import annotations

import io
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
import responses

from openhumans_client import (
    File,
    InvalidMetadata,
    NotFound,
    OpenHumansClient,
    StartedUpload,
    TooHeavy,
    Unauthorized,
    Unavailable,
    UnexpectedResponse,
    protocol,
)
from tests.openhumans_client.answers import (
    ACCESS,
    API,
    BASE,
    FILE,
    MEMBER,
    METADATA,
    PROJECT,
    STORED_URL,
    UPLOAD_URL,
    answer,
)

LIST_URL = f"{API}exchange-member/"
UPLOAD = StartedUpload(7, UPLOAD_URL)


@pytest.fixture
def client() -> OpenHumansClient:
    return OpenHumansClient(BASE, ACCESS)


@pytest.fixture
def file() -> File:
    return protocol.decode_files(answer(MEMBER), "")[0][0]


def sent_json(number: int = 0) -> Any:
    return json.loads(responses.calls[number].request.body or b"")


def sent_query(number: int = 0) -> dict[str, list[str]]:
    return parse_qs(urlsplit(str(responses.calls[number].request.url)).query)


# Reading


@responses.activate
def test_the_token_goes_in_the_header_only(client: OpenHumansClient) -> None:
    responses.get(API, json=PROJECT)
    assert client.fetch_project().id_label == "direct-sharing-2"
    request = responses.calls[0].request
    assert request.headers["Authorization"] == f"Bearer {ACCESS}"
    assert ACCESS not in str(request.url)


@responses.activate
def test_credentials_in_netrc_do_not_replace_the_token(
    client: OpenHumansClient, tmp_path: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("default login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    responses.get(API, json=PROJECT)
    responses.put(UPLOAD_URL)
    client.fetch_project()
    client.put_upload(UPLOAD, io.BytesIO(b"abc"), 3)
    assert responses.calls[0].request.headers["Authorization"] == f"Bearer {ACCESS}"
    assert "Authorization" not in responses.calls[1].request.headers


@responses.activate
def test_asking_who_it_is_lists_one_file_only(client: OpenHumansClient) -> None:
    responses.get(LIST_URL, json=MEMBER)
    assert client.fetch_member().project_member_id == "06644578"
    assert sent_query() == {"limit": ["1"]}


@responses.activate
def test_listing_follows_pages_with_the_header(client: OpenHumansClient) -> None:
    pages = [
        {**MEMBER, "next": f"{LIST_URL}?limit=2&offset=2", "data": [FILE, {**FILE, "id": 2}]},
        {**MEMBER, "data": [{**FILE, "id": 3}]},
    ]
    for page in pages:
        responses.get(LIST_URL, json=page)
    assert [file.id for file in client.list_files(page_size=2)] == [1, 2, 3]
    assert [sent_query(number) for number in (0, 1)] == [{"limit": ["2"]}, {"limit": ["2"], "offset": ["2"]}]
    assert all(call.request.headers["Authorization"] == f"Bearer {ACCESS}" for call in responses.calls)


@responses.activate
def test_a_file_that_moved_to_the_next_page_meanwhile_is_listed_once(client: OpenHumansClient) -> None:
    """Files of other sources arrive at any time; two of one id would look like two copies of one year."""
    responses.get(LIST_URL, json={**MEMBER, "next": f"{LIST_URL}?limit=1&offset=1", "data": [FILE]})
    responses.get(LIST_URL, json={**MEMBER, "data": [FILE, {**FILE, "id": 2}]})
    assert [file.id for file in client.list_files(page_size=1)] == [1, 2]


@responses.activate
def test_who_stops_early_asks_for_no_further_page(client: OpenHumansClient) -> None:
    responses.get(LIST_URL, json={**MEMBER, "next": f"{LIST_URL}?limit=1&offset=1"})
    assert next(client.iter_files(page_size=1)).id == 1
    assert len(responses.calls) == 1


@responses.activate
def test_pages_that_go_round_in_a_circle_end(client: OpenHumansClient) -> None:
    responses.get(LIST_URL, json={**MEMBER, "next": f"{LIST_URL}?limit=1&offset=1"})
    with pytest.raises(UnexpectedResponse, match="circle"):
        client.list_files(page_size=1)


@responses.activate
def test_no_page_on_another_server_is_asked_for(client: OpenHumansClient) -> None:
    responses.get(LIST_URL, json={**MEMBER, "next": "https://evil.example/api/?offset=1"})
    with pytest.raises(UnexpectedResponse):
        client.list_files()
    assert len(responses.calls) == 1


@responses.activate
def test_a_redirect_of_the_api_is_not_followed(client: OpenHumansClient) -> None:
    responses.get(API, status=302, headers={"Location": "https://evil.example/"})
    with pytest.raises(UnexpectedResponse):
        client.fetch_project()
    assert len(responses.calls) == 1


# Uploading


@responses.activate
def test_starting_an_upload_sends_metadata_as_text(client: OpenHumansClient) -> None:
    responses.post(f"{API}files/upload/direct/", json={"id": 7, "url": UPLOAD_URL}, status=201)
    upload = client.start_upload("github-2026.json", METADATA)
    assert (upload.file_id, upload.url) == (7, UPLOAD_URL)
    assert sent_json()["filename"] == "github-2026.json"
    assert json.loads(sent_json()["metadata"]) == METADATA


@pytest.mark.parametrize(("name", "metadata"), [("a/b", METADATA), ("a", {**METADATA, "start_date": None})])
@responses.activate
def test_what_the_server_would_fail_on_is_not_sent(
    client: OpenHumansClient, name: str, metadata: dict[str, Any]
) -> None:
    with pytest.raises(InvalidMetadata):
        client.start_upload(name, metadata)
    assert len(responses.calls) == 0


@responses.activate
def test_bytes_are_not_sent_to_an_address_without_tls(client: OpenHumansClient) -> None:
    url = "http://bucket.example/x"
    responses.post(f"{API}files/upload/direct/", json={"id": 7, "url": url}, status=201)
    with pytest.raises(UnexpectedResponse) as caught:
        client.start_upload("a.json", METADATA)
    assert url not in str(caught.value)


class Received:
    """Remembers an upload. `responses` has read the stream into bytes before."""

    def __init__(self) -> None:
        self.body = b""
        self.headers: dict[str, str] = {}

    def __call__(self, request: requests.PreparedRequest) -> tuple[int, dict[str, str], str]:
        self.headers = dict(request.headers)
        self.body = request.body if isinstance(request.body, bytes) else b""
        return 200, {}, ""


@pytest.mark.parametrize("size", [0, 1, 2_500])
@responses.activate
def test_bytes_are_streamed_with_a_length_and_without_a_type_or_token(
    client: OpenHumansClient, size: int
) -> None:
    received = Received()
    responses.add_callback(responses.PUT, UPLOAD_URL, received)
    content = b"x" * size
    client.put_upload(UPLOAD, io.BytesIO(content), size)
    assert received.body == content
    assert received.headers["Content-Length"] == str(size)
    assert not {"Content-Type", "Authorization", "Transfer-Encoding"} & set(received.headers)


@pytest.mark.parametrize("size", [2, 4])
@responses.activate
def test_a_stream_of_another_size_than_announced_is_the_callers_mistake(
    client: OpenHumansClient, size: int
) -> None:
    responses.add_callback(responses.PUT, UPLOAD_URL, Received())
    with pytest.raises(ValueError, match="announced size"):
        client.put_upload(UPLOAD, io.BytesIO(b"abc"), size)


@responses.activate
def test_an_upload_that_takes_too_long_to_send_is_a_time_out(client: OpenHumansClient) -> None:
    responses.add_callback(responses.PUT, UPLOAD_URL, Received())
    with pytest.raises(Unavailable) as caught:
        client.put_upload(UPLOAD, io.BytesIO(b"abc"), 3, deadline=1e-9)
    assert caught.value.is_timeout


@responses.activate
def test_completing_tells_the_size_of_what_is_stored(client: OpenHumansClient) -> None:
    responses.post(f"{API}files/upload/complete/", json={"status": "ok", "size": 950})
    assert client.complete_upload(7) == 950
    assert sent_json() == {"file_id": 7}


# Downloading


@responses.activate
def test_a_download_follows_to_the_storage_without_the_token(client: OpenHumansClient, file: File) -> None:
    responses.get(file.download_url, status=302, headers={"Location": STORED_URL})
    responses.get(STORED_URL, body=b"content")
    into = io.BytesIO()
    assert client.download(file, into) == 7
    assert into.getvalue() == b"content"
    assert all("Authorization" not in call.request.headers for call in responses.calls)


@responses.activate
def test_a_download_may_be_redirected_relatively(client: OpenHumansClient, file: File) -> None:
    responses.get(file.download_url, status=302, headers={"Location": "/stored"})
    responses.get(f"{BASE}/stored", body=b"content")
    assert client.download(file, io.BytesIO()) == 7


@responses.activate
def test_a_download_is_not_followed_for_ever(client: OpenHumansClient, file: File) -> None:
    responses.get(file.download_url, status=302, headers={"Location": file.download_url})
    with pytest.raises(UnexpectedResponse, match="too often"):
        client.download(file, io.BytesIO())
    assert len(responses.calls) == 3


@pytest.mark.parametrize("location", ["http://bucket.example/x", "file:///etc/passwd", "https://[/"])
@responses.activate
def test_a_download_is_not_followed_to_an_unsafe_place(
    client: OpenHumansClient, file: File, location: str
) -> None:
    responses.get(file.download_url, status=302, headers={"Location": location})
    with pytest.raises(UnexpectedResponse):
        client.download(file, io.BytesIO())
    assert len(responses.calls) == 1


@responses.activate
def test_a_download_larger_than_allowed_is_stopped(client: OpenHumansClient, file: File) -> None:
    responses.get(file.download_url, body=b"x" * 1001)
    with pytest.raises(TooHeavy):
        client.download(file, io.BytesIO(), largest=1000)


@responses.activate
def test_the_size_of_what_is_stored_is_told_without_reading_it(client: OpenHumansClient, file: File) -> None:
    responses.get(file.download_url, status=302, headers={"Location": STORED_URL})
    responses.get(STORED_URL, body=b"content", headers={"Content-Length": "7"})
    assert client.fetch_size(file) == 7
    assert all("Authorization" not in call.request.headers for call in responses.calls)


@pytest.mark.parametrize("length", ["", "-1", "seven", "1e3"])
@responses.activate
def test_a_size_that_is_no_number_is_refused(client: OpenHumansClient, file: File, length: str) -> None:
    responses.get(file.download_url, body=b"content", headers={"Content-Length": length})
    with pytest.raises(UnexpectedResponse, match="no length"):
        client.fetch_size(file)


@responses.activate
def test_the_size_of_a_file_that_is_gone_is_not_found(client: OpenHumansClient, file: File) -> None:
    responses.get(file.download_url, status=403, body="This file is unavailable.")
    with pytest.raises(NotFound):
        client.fetch_size(file)


@responses.activate
def test_a_link_that_is_too_old_says_so(client: OpenHumansClient, file: File) -> None:
    responses.get(file.download_url, status=403, body="You are not authorized to view this file.")
    with pytest.raises(NotFound) as caught:
        client.download(file, io.BytesIO())
    assert caught.value.is_link_expired


# Deleting, messages, leaving


@pytest.mark.parametrize(("ids", "was_deleted"), [([7], True), ([], False)])
@responses.activate
def test_deleting_says_if_there_was_something(
    client: OpenHumansClient, ids: list[int], *, was_deleted: bool
) -> None:
    responses.post(f"{API}files/delete/", json={"ids": ids})
    assert client.delete_file(7) is was_deleted
    assert sent_json() == {"file_id": 7}


@responses.activate
def test_a_message_arrives_as_written(client: OpenHumansClient) -> None:
    responses.post(f"{API}message/", json="success")
    client.send_message("two\r\nlines", "{{ x }}")
    assert sent_json() == {"subject": "two lines", "message": "{% templatetag openvariable %} x }}"}


@responses.activate
def test_removing_a_member_trusts_success(client: OpenHumansClient) -> None:
    responses.post(f"{API}remove-members/", json="success")
    client.remove_member()
    assert len(responses.calls) == 1


@responses.activate
def test_removing_a_member_believes_a_500_only_if_the_token_is_dead(client: OpenHumansClient) -> None:
    responses.post(f"{API}remove-members/", status=500, body="<html>")
    responses.get(API, status=401, json={"detail": "Invalid token."})
    client.remove_member()
    responses.replace(responses.GET, API, json=PROJECT)
    with pytest.raises(Unavailable, match="still there"):
        client.remove_member()


@responses.activate
def test_removing_somebody_who_is_gone_is_unauthorized(client: OpenHumansClient) -> None:
    responses.post(f"{API}remove-members/", status=401, json={"detail": "Invalid token."})
    with pytest.raises(Unauthorized):
        client.remove_member()


# The caller's hook, and the constructor


@responses.activate
def test_the_hook_is_called_before_every_request_of_a_call(file: File) -> None:
    sent_before: list[int] = []
    client = OpenHumansClient(BASE, ACCESS, before_request=lambda: sent_before.append(len(responses.calls)))
    responses.get(file.download_url, status=302, headers={"Location": STORED_URL})
    responses.get(STORED_URL, body=b"content")
    responses.get(LIST_URL, json={**MEMBER, "next": f"{LIST_URL}?limit=1&offset=1"})
    responses.put(UPLOAD_URL)
    client.download(file, io.BytesIO())
    client.put_upload(UPLOAD, io.BytesIO(b"abc"), 3)
    with pytest.raises(UnexpectedResponse):
        client.list_files(page_size=1)
    assert sent_before == [0, 1, 2, 3, 4]


@responses.activate
def test_what_the_hook_raises_stops_the_request() -> None:
    class LeaseLostError(Exception):
        pass

    def check_lease() -> None:
        raise LeaseLostError

    with pytest.raises(LeaseLostError):
        OpenHumansClient(BASE, ACCESS, before_request=check_lease).delete_file(7)
    assert len(responses.calls) == 0


@pytest.mark.parametrize("token", ["", "two words", "line\nbreak", "ünïcode"])
def test_a_token_no_header_can_carry_is_refused_without_showing_it(token: str) -> None:
    with pytest.raises(ValueError, match="access token") as caught:
        OpenHumansClient(BASE, token)
    assert not token or token not in str(caught.value)
