from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.sandbox.openhumans.member import Alice


def code_of(answer: Any) -> tuple[int, str]:
    assert answer.mimetype == "application/xml"
    return answer.status_code, answer.text.partition("<Code>")[2].partition("</Code>")[0]


def test_bytes_lie_in_a_folder_under_their_name(alice: Alice, tmp_path: Path) -> None:
    file_id = alice.upload("a b.json", b"some bytes")
    assert (tmp_path / alice.member / f"{file_id}-a b.json").read_bytes() == b"some bytes"


@pytest.mark.parametrize(
    "name", ["..", "../../x", "a/../..", "x" * 300, "ü" * 200, "trailing/", "back\\slash"]
)
def test_no_name_leaves_the_folder(alice: Alice, tmp_path: Path, name: str) -> None:
    file_id = alice.upload(name)
    (path,) = (tmp_path / alice.member).iterdir()
    assert path.name.startswith(f"{file_id}-")


def test_the_answer_to_a_put_is_empty_with_an_etag(alice: Alice) -> None:
    answer = alice.put(alice.start(), b"content")
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.headers["ETag"] == f'"{hashlib.md5(b"content", usedforsecurity=False).hexdigest()}"'


def test_a_content_type_breaks_the_signature(alice: Alice) -> None:
    answer = alice.put(alice.start(), content_type="application/json")
    assert code_of(answer) == (403, "SignatureDoesNotMatch")


def test_a_token_is_refused_by_the_storage(alice: Alice) -> None:
    answer = alice.put(alice.start(), headers=alice.header())
    assert code_of(answer) == (400, "InvalidArgument")


def test_a_put_needs_a_length(alice: Alice) -> None:
    started = alice.start()
    environ = {"wsgi.input_terminated": True, "HTTP_TRANSFER_ENCODING": "chunked", "CONTENT_LENGTH": ""}
    answer = alice.http.put(started["url"], environ_overrides=environ)
    assert code_of(answer) == (411, "MissingContentLength")


def test_an_address_cannot_be_altered(alice: Alice) -> None:
    mine, other = alice.start("mine"), alice.start("other")
    moved = mine["url"].split("?")[0] + "?" + other["url"].split("?")[1]
    later = mine["url"].replace("Expires=", "Expires=1")
    for url in (moved, later):
        assert code_of(alice.http.put(url, data=b"x")) == (403, "SignatureDoesNotMatch")
    assert code_of(alice.http.put(mine["url"].split("?")[0], data=b"x")) == (403, "AccessDenied")


@pytest.mark.parametrize(("age", "status"), [(6 * 3600 - 60, 200), (6 * 3600 + 60, 403)])
def test_an_address_for_uploading_is_good_for_six_hours(alice: Alice, age: int, status: int) -> None:
    started = alice.start()
    alice.age(age)
    assert alice.put(started).status_code == status


def test_a_second_put_replaces_the_content_even_of_a_complete_file(alice: Alice) -> None:
    started = alice.start()
    alice.put(started, b"one")
    alice.put(started, b"two!")
    assert alice.complete(started["id"]).get_json()["size"] == 4
    alice.put(started, b"overwritten")
    assert download(alice).data == b"overwritten"


def link(alice: Alice) -> str:
    url: str = alice.files()[0]["download_url"]
    return url


def download(alice: Alice, **headers: str) -> Any:
    return alice.http.get(alice.http.get(link(alice)).location, headers=headers)


def test_a_download_goes_through_a_redirect_without_a_token(alice: Alice) -> None:
    alice.upload(content=b"content")
    first = alice.http.get(link(alice))
    assert first.status_code == 302
    assert "x-oh-key=" in first.location
    second = alice.http.get(first.location)
    assert (second.data, second.mimetype) == (b"content", "binary/octet-stream")


def test_a_part_of_a_file_can_be_asked_for(alice: Alice) -> None:
    alice.upload(content=b"0123456789")
    part = download(alice, Range="bytes=2-4")
    assert (part.status_code, part.data) == (206, b"234")


def test_the_storage_refuses_a_token_and_a_head_request(alice: Alice) -> None:
    alice.upload()
    assert code_of(download(alice, Authorization="Bearer x")) == (400, "InvalidArgument")
    assert alice.http.head(alice.http.get(link(alice)).location).status_code == 403


@pytest.mark.parametrize(("age", "status"), [(3500, 302), (3700, 403)])
def test_a_link_is_good_for_an_hour(alice: Alice, age: int, status: int) -> None:
    alice.upload()
    url = link(alice)
    alice.age(age)
    assert alice.http.get(url).status_code == status


@pytest.mark.parametrize(("age", "status"), [(500, 200), (700, 403)])
def test_the_storages_own_address_is_good_for_ten_minutes(alice: Alice, age: int, status: int) -> None:
    alice.upload()
    stored = alice.http.get(link(alice)).location
    alice.age(age)
    assert alice.http.get(stored).status_code == status


def test_a_link_without_its_key_is_not_authorized(alice: Alice) -> None:
    alice.upload()
    for url in (link(alice).split("?")[0], link(alice) + "x"):
        answer = alice.http.get(url, headers=alice.header())
        assert (answer.status_code, answer.text) == (403, "You are not authorized to view this file.")


def test_a_file_that_is_gone_is_unavailable(alice: Alice) -> None:
    file_id = alice.upload()
    url = link(alice)
    stored = alice.http.get(url).location
    alice.delete({"file_id": file_id})
    for gone in (url, url.replace(f"/{file_id}/", "/999999/")):
        answer = alice.http.get(gone)
        assert (answer.status_code, answer.text) == (403, "This file is unavailable.")
    assert code_of(alice.http.get(stored)) == (404, "NoSuchKey")


def test_a_complete_file_whose_bytes_vanished_leaves_the_listing(alice: Alice, tmp_path: Path) -> None:
    file_id = alice.upload("a")
    (tmp_path / alice.member / f"{file_id}-a").unlink()
    assert alice.complete(file_id).get_json() == {"detail": "file not present"}
    assert alice.files() == []


@pytest.mark.parametrize("fault", ["fail_put", "fail_download"])
def test_the_storage_can_be_made_to_fail(alice: Alice, fault: str) -> None:
    alice.upload()
    alice.switch(**{fault: {"times": 1}})
    act = (lambda: alice.put(alice.start())) if fault == "fail_put" else (lambda: download(alice))
    assert code_of(act()) == (500, "InternalError")
    assert act().status_code == 200
