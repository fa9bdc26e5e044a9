"""The real client against the stand-in, over real HTTP."""

from __future__ import annotations

import base64
import hashlib
import io
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from openhumans_client import (
    InvalidClient,
    InvalidGrant,
    NotFound,
    OpenHumansClient,
    OpenHumansError,
    OpenHumansOAuth,
    StartedUpload,
    TokenGrant,
    Unauthorized,
    Unavailable,
    UnexpectedResponse,
)

METADATA = {"description": "A week", "tags": ["GitHub weeks"], "creation_date": "2026-05-03T12:00:00Z"}
REDIRECT = "http://127.0.0.1:8000/callback/"
VERIFIER = "verifier-" * 6
CONTENT = b"0123456789" * 30_000


@pytest.fixture
def oauth(base_url: str) -> OpenHumansOAuth:
    return OpenHumansOAuth(base_url, "client-id", "sandbox-secret")


@pytest.fixture
def grant(oauth: OpenHumansOAuth) -> TokenGrant:
    return sign_in(oauth)


@pytest.fixture
def client(base_url: str, grant: TokenGrant) -> OpenHumansClient:
    return OpenHumansClient(base_url, grant.access_token)


def sign_in(oauth: OpenHumansOAuth, member: str = "01234567") -> TokenGrant:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).rstrip(b"=").decode()
    url = oauth.authorize_url(REDIRECT, "state", challenge)
    form = {"decision": "approve", "member": member}
    answer = requests.post(url, data=form, allow_redirects=False, timeout=5)
    code = parse_qs(urlsplit(answer.headers["Location"]).query)["code"][0]
    return oauth.exchange_code(code, REDIRECT, VERIFIER)


def switch(base_url: str, **faults: object) -> None:
    requests.post(f"{base_url}/_sandbox/faults", json=faults, timeout=5).raise_for_status()


def upload(client: OpenHumansClient, name: str = "github-2026.json", content: bytes = CONTENT) -> int:
    started = client.start_upload(name, METADATA)
    client.put_upload(started, io.BytesIO(content), len(content))
    assert client.complete_upload(started.file_id) == len(content)
    return started.file_id


def test_upload_list_download_delete(client: OpenHumansClient) -> None:
    before = datetime.now(UTC)
    file_id = upload(client, "Zürich 2026?.json")
    (file,) = client.list_files()
    assert (file.id, file.basename, file.metadata) == (file_id, "Zürich 2026?.json", METADATA)
    assert file.source == client.fetch_project().id_label
    assert before - timedelta(seconds=1) <= file.created_at <= datetime.now(UTC)
    into = io.BytesIO()
    assert client.download(file, into) == len(CONTENT)
    assert into.getvalue() == CONTENT
    assert [client.delete_file(file_id), client.delete_file(file_id)] == [True, False]
    assert client.list_files() == []


def test_an_empty_file_goes_up_and_down(client: OpenHumansClient) -> None:
    upload(client, content=b"")
    assert client.download(client.list_files()[0], io.BytesIO()) == 0


def test_pages_are_followed(client: OpenHumansClient) -> None:
    ids = [upload(client, content=b"x") for _ in range(5)]
    assert [file.id for file in client.iter_files(page_size=2)] == ids


def test_one_connection_serves_a_whole_run(
    base_url: str, grant: TokenGrant, caplog: pytest.LogCaptureFixture
) -> None:
    client = OpenHumansClient(base_url, grant.access_token)
    with caplog.at_level(logging.DEBUG, "urllib3"):
        file_id = upload(client)
        client.download(client.list_files()[0], io.BytesIO())
        client.delete_file(file_id)
    assert caplog.text.count("Starting new HTTP connection") == 1


def test_nothing_secret_is_logged(
    base_url: str, oauth: OpenHumansOAuth, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "urllib3"):
        grant = oauth.refresh(sign_in(oauth).refresh_token)
        client = OpenHumansClient(base_url, grant.access_token)
        upload(client)
        client.download(client.list_files()[0], io.BytesIO())
    assert "PUT /storage/member-files" in caplog.text
    for secret in (grant.access_token, grant.refresh_token, "Signature=", "key=", "sandbox-secret"):
        assert secret not in caplog.text


def test_refreshing_rotates_both_tokens(base_url: str, oauth: OpenHumansOAuth, grant: TokenGrant) -> None:
    renewed = oauth.refresh(grant.refresh_token)
    with pytest.raises(Unauthorized) as caught:
        OpenHumansClient(base_url, grant.access_token).fetch_member()
    assert not caught.value.is_expired
    with pytest.raises(InvalidGrant):
        oauth.refresh(grant.refresh_token)
    assert OpenHumansClient(base_url, renewed.access_token).fetch_member().project_member_id == "01234567"


def test_of_many_refreshes_at_once_exactly_one_wins(oauth: OpenHumansOAuth, grant: TokenGrant) -> None:
    def attempt(_number: int) -> TokenGrant | None:
        try:
            # A session of its own: sessions are not for several threads.
            return OpenHumansOAuth(oauth._base_url, "client-id", "sandbox-secret").refresh(
                grant.refresh_token
            )
        except InvalidGrant:
            return None

    with ThreadPoolExecutor(6) as pool:
        won = [renewed for renewed in pool.map(attempt, range(6)) if renewed]
    assert len(won) == 1
    assert oauth.refresh(won[0].refresh_token)


def test_an_expired_token_says_so(base_url: str, client: OpenHumansClient) -> None:
    requests.post(f"{base_url}/_sandbox/expire-tokens", timeout=5)
    with pytest.raises(Unauthorized) as caught:
        client.list_files()
    assert caught.value.is_expired


def test_a_wrong_secret_is_the_operators_matter(
    base_url: str, oauth: OpenHumansOAuth, grant: TokenGrant
) -> None:
    switch(base_url, invalid_client=True)
    with pytest.raises(InvalidClient):
        oauth.refresh(grant.refresh_token)
    with pytest.raises(InvalidClient):
        oauth.revoke(grant.refresh_token)


def test_revoked_tokens_are_dead(oauth: OpenHumansOAuth, grant: TokenGrant, client: OpenHumansClient) -> None:
    oauth.revoke(grant.refresh_token)
    with pytest.raises(Unauthorized):
        client.fetch_project()


def test_a_lost_refresh_loses_the_chain(base_url: str, oauth: OpenHumansOAuth, grant: TokenGrant) -> None:
    switch(base_url, lose_refresh_answer={"times": 1})
    with pytest.raises(Unavailable):
        oauth.refresh(grant.refresh_token)
    with pytest.raises(InvalidGrant):
        oauth.refresh(grant.refresh_token)


def test_a_lost_completion_can_be_repeated(base_url: str, client: OpenHumansClient) -> None:
    started = client.start_upload("a.json", METADATA)
    client.put_upload(started, io.BytesIO(CONTENT), len(CONTENT))
    switch(base_url, lose_complete_answer={"times": 1})
    with pytest.raises(Unavailable):
        client.complete_upload(started.file_id)
    assert [file.id for file in client.list_files()] == [started.file_id]
    assert client.complete_upload(started.file_id) == len(CONTENT)


def test_a_put_with_a_content_type_is_refused_by_the_storage(client: OpenHumansClient) -> None:
    started = client.start_upload("a.json", METADATA)
    headers = {"Content-Type": "application/json"}
    refused = requests.put(started.url, data=b"{}", headers=headers, timeout=5)
    assert refused.status_code == 403
    assert "<Code>SignatureDoesNotMatch</Code>" in refused.text
    with pytest.raises(NotFound):
        client.complete_upload(started.file_id)


def test_a_chunked_put_is_refused_by_the_storage(client: OpenHumansClient) -> None:
    started = client.start_upload("a.json", METADATA)
    refused = requests.put(started.url, data=iter([b"a", b"b"]), timeout=5)
    assert refused.status_code == 411


def test_a_put_cut_off_half_way_stores_nothing(client: OpenHumansClient) -> None:
    started = client.start_upload("a.json", METADATA)
    with pytest.raises(ValueError, match="announced size"):
        client.put_upload(started, io.BytesIO(CONTENT), len(CONTENT) + 1)
    with pytest.raises(NotFound):
        client.complete_upload(started.file_id)
    client.put_upload(started, io.BytesIO(CONTENT), len(CONTENT))
    assert client.complete_upload(started.file_id) == len(CONTENT)


def test_an_address_past_its_time_asks_for_a_new_one(base_url: str, client: OpenHumansClient) -> None:
    started = client.start_upload("a.json", METADATA)
    upload(client)
    (file,) = client.list_files()
    requests.post(f"{base_url}/_sandbox/clock", json={"advance_seconds": 7 * 3600}, timeout=5)
    with pytest.raises(NotFound) as caught:
        client.put_upload(started, io.BytesIO(b"x"), 1)
    assert caught.value.is_link_expired
    with pytest.raises(NotFound) as caught:
        client.download(file, io.BytesIO())
    assert caught.value.is_link_expired


def test_a_deleted_file_is_gone_and_not_only_its_link(client: OpenHumansClient) -> None:
    upload(client)
    (file,) = client.list_files()
    client.delete_file(file.id)
    with pytest.raises(NotFound) as caught:
        client.download(file, io.BytesIO())
    assert not caught.value.is_link_expired


Act = Callable[[OpenHumansClient], object]
UPLOAD_NOTHING: Act = lambda client: client.put_upload(  # noqa: E731
    client.start_upload("a", METADATA), io.BytesIO(b"x"), 1
)


@pytest.mark.parametrize(
    ("fault", "value", "act", "expected"),
    [
        ("fail_list", True, lambda client: client.list_files(), Unavailable),
        ("fail_start", True, lambda client: client.start_upload("a", METADATA), Unavailable),
        ("fail_put", True, UPLOAD_NOTHING, Unavailable),
        ("fail_complete", True, lambda client: client.complete_upload(1), Unavailable),
        ("fail_delete", True, lambda client: client.delete_file(1), Unavailable),
        ("html_500", True, lambda client: client.fetch_project(), Unavailable),
        ("truncate_body", True, lambda client: client.fetch_project(), UnexpectedResponse),
        ("truncate_body", "hang_up", lambda client: client.fetch_project(), Unavailable),
    ],
)
def test_each_fault_is_one_named_error(
    base_url: str,
    client: OpenHumansClient,
    fault: str,
    value: object,
    act: Act,
    expected: type[OpenHumansError],
) -> None:
    switch(base_url, **{fault: value})
    with pytest.raises(expected) as caught:
        act(client)
    assert type(caught.value) is expected


@pytest.mark.parametrize("fault", ["fail_download", "truncate_download"])
def test_a_download_that_breaks_is_an_outage(base_url: str, client: OpenHumansClient, fault: str) -> None:
    upload(client)
    (file,) = client.list_files()
    switch(base_url, **{fault: {"times": 1}})
    with pytest.raises(Unavailable):
        client.download(file, io.BytesIO())
    assert client.download(file, io.BytesIO()) == len(CONTENT)


def test_a_slow_answer_is_a_time_out(base_url: str, grant: TokenGrant) -> None:
    switch(base_url, slow_seconds={"value": 0.6, "times": 1})
    with pytest.raises(Unavailable) as caught:
        OpenHumansClient(base_url, grant.access_token, timeout=(1, 0.2)).fetch_project()
    assert caught.value.is_timeout


def test_an_unknown_id_cannot_be_told_from_an_outage(client: OpenHumansClient) -> None:
    with pytest.raises(Unavailable):
        client.complete_upload(999_999)


def test_a_message_arrives_escaped(base_url: str, client: OpenHumansClient) -> None:
    client.send_message("Hi", "Hello {{ you }}")
    (message,) = requests.get(f"{base_url}/_sandbox/messages", timeout=5).json()
    assert message["message"] == "Hello {% templatetag openvariable %} you }}"


def test_a_removed_member_is_unauthorized(client: OpenHumansClient) -> None:
    client.remove_member()
    with pytest.raises(Unauthorized):
        client.fetch_member()


def test_somebody_elses_upload_address_is_of_no_use(client: OpenHumansClient) -> None:
    started = client.start_upload("a.json", METADATA)
    forged = StartedUpload(started.file_id, started.url.replace("Signature=", "Signature=0"))
    with pytest.raises(UnexpectedResponse):
        client.put_upload(forged, io.BytesIO(b"x"), 1)


def test_writes_are_counted_by_route(base_url: str, client: OpenHumansClient) -> None:
    requests.post(f"{base_url}/_sandbox/reset", timeout=5)
    client.delete_file(upload(client))
    client.list_files()
    counts = requests.get(f"{base_url}/_sandbox/requests", timeout=5).json()
    assert (counts["total"], counts["writes"]) == (5, 4)
    assert counts["by_endpoint"]["PUT /storage/<path:name>"] == 1
