from __future__ import annotations

import io
import json
import re
from typing import Any

import pytest
from flask.testing import FlaskClient

from tests.sandbox.openhumans.member import API, METADATA, Alice

LIST = f"{API}exchange-member/"


# Tokens


@pytest.mark.parametrize(
    ("header", "detail"),
    [
        (None, "Authentication credentials were not provided."),
        ("Token abc", "Authentication credentials were not provided."),
        ("Bearer", "Invalid token header. No credentials provided."),
        ("Bearer a b", "Invalid token header. Token string should not contain spaces."),
        ("Bearer nope", "Invalid token."),
    ],
)
def test_the_words_of_a_401(http: FlaskClient, header: str | None, detail: str) -> None:
    answer = http.get(LIST, headers={"Authorization": header} if header else {})
    assert (answer.status_code, answer.get_json()) == (401, {"detail": detail})
    assert answer.headers["WWW-Authenticate"].startswith('Bearer realm="api"')


def test_a_token_in_the_query_wins_over_the_header(alice: Alice) -> None:
    assert alice.http.get(LIST, query_string={"access_token": alice.access}).status_code == 200
    assert alice.get("", access_token="nope").get_json() == {"detail": "Invalid token."}


def test_the_scheme_may_be_written_in_any_case(alice: Alice) -> None:
    assert alice.http.get(LIST, headers={"Authorization": f"bEARER {alice.access}"}).status_code == 200


def test_answers_are_compact_json_never_cached_and_open_to_any_page(alice: Alice) -> None:
    answer = alice.get("exchange-member/")
    assert answer.data.startswith(b'{"count":0,"next":null,"previous":null,"created":"')
    assert answer.headers["Cache-Control"] == "max-age=0, no-cache, no-store, must-revalidate, private"
    assert answer.headers["Access-Control-Allow-Origin"] == "*"


def test_the_wrong_method_a_missing_slash_and_another_type(alice: Alice) -> None:
    answer = alice.post("exchange-member/")
    assert (answer.status_code, answer.get_json()) == (405, {"detail": 'Method "POST" not allowed.'})
    assert alice.get("exchange-member").status_code == 301
    assert alice.post("files/delete").status_code == 301
    text = alice.post("files/delete/", "x", content_type="text/plain")
    assert (text.status_code, text.get_json()) == (
        415,
        {"detail": 'Unsupported media type "text/plain" in request.'},
    )


def test_json_bodies_are_read_and_bad_ones_are_a_400_or_a_500(alice: Alice) -> None:
    assert alice.post("files/delete/", json={"file_id": 9}).get_json() == {"ids": []}
    broken = alice.post("files/delete/", "{", content_type="application/json")
    assert broken.get_json()["detail"].startswith("JSON parse error - ")
    a_list = alice.post("files/delete/", "[]", content_type="application/json")
    assert (a_list.status_code, a_list.mimetype) == (500, "text/html")


# Project and listing


def test_the_project(alice: Alice) -> None:
    project = alice.get("").get_json()
    assert project["id_label"] == f"direct-sharing-{project['id']}"
    assert (project["type"], project["active"], project["authorized_members"]) == ("oauth2", True, 1)


def test_a_member_without_files(alice: Alice) -> None:
    listed = alice.get("exchange-member/").get_json()
    assert {name: listed[name] for name in listed if name != "created"} == {
        "count": 0,
        "next": None,
        "previous": None,
        "project_member_id": "01234567",
        "sources_shared": [],
        "data": [],
    }
    assert "username" not in listed
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{6})?Z", listed["created"])


def test_a_file_in_the_listing(alice: Alice) -> None:
    file_id = alice.upload()
    (item,) = alice.files()
    assert {name: item[name] for name in ("id", "basename", "datatypes", "metadata", "source")} == {
        "id": file_id,
        "basename": "first.json",
        "datatypes": [],
        "metadata": {"description": "probe file", "tags": ["probe"]},
        "source": "direct-sharing-1",
    }
    assert item["source_project"] == "http://localhost/api/public/project/1/"
    assert item["download_url"] != alice.files()[0]["download_url"]


def test_pages_repeat_the_query_string_with_its_token(alice: Alice) -> None:
    ids = [alice.upload() for _ in range(3)]
    first = alice.http.get(LIST, query_string={"limit": 2, "access_token": alice.access}).get_json()
    assert first["next"] == f"http://localhost{LIST}?access_token={alice.access}&limit=2&offset=2"
    second = alice.http.get(first["next"]).get_json()
    assert [item["id"] for item in (*first["data"], *second["data"])] == ids
    assert second["previous"] == f"http://localhost{LIST}?access_token={alice.access}&limit=2"
    assert (second["next"], second["count"]) == (None, 3)


def test_with_the_header_the_next_page_has_no_token(alice: Alice) -> None:
    for _ in range(2):
        alice.upload()
    listed = alice.get("exchange-member/", limit=1).get_json()
    assert listed["next"] == f"http://localhost{LIST}?limit=1&offset=1"


@pytest.mark.parametrize("query", [{"limit": "0"}, {"limit": "-1"}, {"limit": "x"}, {"offset": "-3"}])
def test_odd_page_numbers_fall_back(alice: Alice, query: dict[str, str]) -> None:
    alice.upload()
    assert len(alice.files(**query)) == 1


def test_a_page_past_the_end_is_empty(alice: Alice) -> None:
    alice.upload()
    assert alice.files(offset=99) == []


def test_files_come_by_source_as_text_and_then_by_id(alice: Alice) -> None:
    alice.upload("own")
    for source in ("direct-sharing-2", "direct-sharing-10"):
        planted = {"basename": source, "source": source, "content": "x"}
        alice.http.post(f"/_sandbox/members/{alice.member}/files", json=planted)
    assert [item["basename"] for item in alice.files()] == ["own", "direct-sharing-10", "direct-sharing-2"]
    shared = alice.get("exchange-member/").get_json()["sources_shared"]
    assert shared == ["direct-sharing-10", "direct-sharing-2"]


# Starting an upload


def start(alice: Alice, **form: Any) -> Any:
    return alice.post("files/upload/direct/", {"filename": "a.json", "metadata": METADATA} | form)


def with_metadata(**fields: Any) -> str:
    return json.dumps({"description": "x", "tags": []} | fields)


def test_several_missing_fields_are_told_together(alice: Alice) -> None:
    answer = alice.post("files/upload/direct/")
    required = ["This field is required."]
    assert (answer.status_code, answer.get_json()) == (400, {"metadata": required, "filename": required})


@pytest.mark.parametrize(
    ("metadata", "text"),
    [
        ("", "This field is required."),
        ("{not json", "could not parse the uploaded metadata"),
        ("{}", '"description" is a required field of the metadata'),
        ("[]", '"description" is a required field of the metadata'),
        ('{"description": 1}', '"description" must be a string'),
        ('{"description": ""}', '"tags" is a required field of the metadata'),
        ('{"description": "", "tags": "x"}', '"tags" must be an array of strings'),
        (with_metadata(start_date="soon"), "Dates must be in ISO 8601 format"),
        (with_metadata(end_date=""), "Dates must be in ISO 8601 format"),
        (with_metadata(md5="short"), "Invalid MD5 specified"),
    ],
)
def test_metadata_the_server_refuses(alice: Alice, metadata: str, text: str) -> None:
    answer = start(alice, metadata=metadata)
    assert (answer.status_code, answer.get_json()) == (400, {"metadata": [text]})


@pytest.mark.parametrize(
    "metadata",
    [
        "null",
        "3",
        '"text"',
        with_metadata(creation_date=None),
        with_metadata(creation_date=True),
        with_metadata(creation_date="2019-13-45"),
        with_metadata(creation_date="2019-01-02T25:00"),
        with_metadata(md5=None),
        with_metadata(note="\x00"),
        with_metadata(note=float("nan")),
    ],
)
def test_metadata_the_server_fails_on(alice: Alice, metadata: str) -> None:
    answer = start(alice, metadata=metadata)
    assert (answer.status_code, answer.mimetype) == (500, "text/html")


@pytest.mark.parametrize(
    "fields",
    [
        {"tags": [1, 2]},
        {"md5": "0" * 40},
        {"creation_date": "2019"},
        {"creation_date": "2019-02"},
        {"creation_date": 1556000000},
        {"creation_date": "2024-01-02 03:04:05"},
        {"creation_date": "2019-01-02T03:04:05.123456+00:00"},
        {"extra": {"nested": [None]}},
    ],
)
def test_metadata_the_server_is_lax_about(alice: Alice, fields: dict[str, Any]) -> None:
    assert start(alice, metadata=with_metadata(**fields)).status_code == 201


def test_metadata_as_a_json_object_is_not_read(alice: Alice) -> None:
    body = {"filename": "a", "metadata": {"description": "", "tags": []}}
    answer = alice.post("files/upload/direct/", json=body)
    assert answer.get_json() == {"metadata": ["could not parse the uploaded metadata"]}
    assert alice.post("files/upload/direct/", json={**body, "metadata": METADATA}).status_code == 201


@pytest.mark.parametrize(
    ("name", "basename"),
    [
        (" a b.json ", "a b.json"),
        ("dir/sub/ü.json", "ü.json"),
        ("trailing/", ""),
        ("a?b#c&d%20e+f.txt", "a?b#c&d%20e+f.txt"),
        ("x" * 300, "x" * 300),
    ],
)
def test_names_are_kept_as_they_are(alice: Alice, name: str, basename: str) -> None:
    alice.upload(name)
    assert alice.files()[0]["basename"] == basename


def test_a_name_too_long_for_the_column_is_a_500(alice: Alice) -> None:
    assert start(alice, filename="x" * 1100).status_code == 500


# Completing and deleting


def test_an_incomplete_file_is_invisible_and_cannot_be_deleted(alice: Alice) -> None:
    started = alice.start()
    for _ in range(2):
        assert alice.files() == []
        assert alice.delete({"file_id": started["id"]}).get_json() == {"ids": []}
        assert alice.delete({"all_files": "true"}).get_json() == {"ids": []}
        alice.put(started)
    assert alice.complete(started["id"]).get_json() == {"status": "ok", "size": 7}
    assert len(alice.files()) == 1


def test_completing_may_be_repeated(alice: Alice) -> None:
    file_id = alice.upload()
    assert alice.complete(file_id).get_json() == {"status": "ok", "size": 7}


@pytest.mark.parametrize(
    ("file_id", "status", "body"),
    [
        ("", 400, {"detail": "file does not exist"}),
        ("x", 400, {"file_id": ["Enter a whole number."]}),
        ("999999", 500, None),
        (str(2**70), 500, None),
    ],
)
def test_what_cannot_be_completed(alice: Alice, file_id: str, status: int, body: Any) -> None:
    answer = alice.complete(file_id)
    assert (answer.status_code, answer.get_json(silent=True)) == (status, body)


def test_completing_before_the_bytes_are_there(alice: Alice) -> None:
    answer = alice.complete(alice.start()["id"])
    assert (answer.status_code, answer.get_json()) == (400, {"detail": "file not present"})


def test_an_empty_file_can_be_completed(alice: Alice) -> None:
    assert alice.upload(content=b"") == alice.files()[0]["id"]


def test_nobody_asks_whose_file_is_completed(alice: Alice) -> None:
    started = alice.start()
    alice.put(started)
    assert Alice(alice.http, "87654321").complete(started["id"]).status_code == 200
    assert len(alice.files()) == 1


def test_deleting_by_id_is_idempotent(alice: Alice) -> None:
    file_id = alice.upload()
    assert alice.delete({"file_id": file_id}).get_json() == {"ids": [file_id]}
    assert alice.delete({"file_id": file_id}).get_json() == {"ids": []}
    assert alice.files() == []


def test_deleting_by_name_takes_every_file_of_that_name(alice: Alice) -> None:
    ids = [alice.upload("same"), alice.upload("same")]
    kept = alice.upload("other")
    assert alice.delete({"file_basename": " same "}).get_json() == {"ids": ids}
    assert [item["id"] for item in alice.files()] == [kept]


def test_files_of_others_are_out_of_reach(alice: Alice) -> None:
    bob = Alice(alice.http, "87654321")
    of_bob = bob.upload()
    planted = {"source": "direct-sharing-2"}
    answer = alice.http.post(f"/_sandbox/members/{alice.member}/files", json=planted)
    for file_id in (of_bob, answer.get_json()["id"]):
        assert alice.delete({"file_id": file_id}).get_json() == {"ids": []}
    assert alice.delete({"all_files": "True"}).get_json() == {"ids": []}
    assert (len(bob.files()), len(alice.files())) == (1, 1)


@pytest.mark.parametrize(
    ("form", "body"),
    [
        ({}, {"missing_field": "one of file_id, file_basename, or all_files is required"}),
        ({"file_id": "0"}, {"missing_field": "one of file_id, file_basename, or all_files is required"}),
        (
            {"all_files": "false"},
            {"missing_field": "one of file_id, file_basename, or all_files is required"},
        ),
        (
            {"file_id": "1", "file_basename": "x"},
            {"too_many": "one of file_id, file_basename, or all_files is required"},
        ),
        ({"file_id": "x"}, {"file_id": ["Enter a whole number."]}),
    ],
)
def test_wrong_deletes(alice: Alice, form: dict[str, str], body: dict[str, Any]) -> None:
    answer = alice.delete(form)
    assert (answer.status_code, answer.get_json()) == (400, body)


# The simple upload, messages, removal


def test_the_simple_upload_is_complete_at_once_and_changes_the_name(alice: Alice) -> None:
    form = {"metadata": METADATA, "data_file": (io.BytesIO(b"content"), "my fi(le) ü.json")}
    answer = alice.post("files/upload/", form)
    assert answer.status_code == 201
    assert [(item["id"], item["basename"]) for item in alice.files()] == [
        (answer.get_json()["id"], "my_file_ü.json")
    ]


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ({"metadata": METADATA}, "This field is required."),
        ({"metadata": METADATA, "data_file": (io.BytesIO(b""), "a")}, "The submitted file is empty."),
    ],
)
def test_the_simple_upload_wants_bytes(alice: Alice, form: dict[str, Any], text: str) -> None:
    answer = alice.post("files/upload/", form, content_type="multipart/form-data")
    assert (answer.status_code, answer.get_json()) == (400, {"data_file": [text]})


def test_a_message_is_queued_and_can_be_read(alice: Alice) -> None:
    answer = alice.post("message/", json={"subject": "Hi", "message": "Hello"})
    assert (answer.status_code, answer.data) == (200, b'"success"')
    (message,) = alice.http.get("/_sandbox/messages").get_json()
    assert (message["member"], message["subject"], message["message"]) == (alice.member, "Hi", "Hello")


def test_the_error_of_a_message_is_wrapped(alice: Alice) -> None:
    answer = alice.post("message/", json={"subject": "Hi"})
    assert answer.get_json() == {"errors": {"message": ["This field is required."]}}


def test_removing_the_member_kills_the_token_and_keeps_files(alice: Alice) -> None:
    alice.upload()
    assert alice.post("remove-members/").data == b'"success"'
    assert alice.get("").get_json() == {"detail": "Invalid token."}
    assert len(Alice(alice.http).files()) == 1


# Faults


@pytest.mark.parametrize(
    ("fault", "path", "form"),
    [
        ("fail_list", "exchange-member/", None),
        ("fail_start", "files/upload/direct/", {"filename": "a", "metadata": METADATA}),
        ("fail_complete", "files/upload/complete/", {"file_id": 1}),
        ("fail_delete", "files/delete/", {"file_id": 1}),
        ("html_500", "", None),
        ("html_500", "message/", {"message": "x"}),
    ],
)
def test_a_call_can_be_made_to_fail_once(alice: Alice, fault: str, path: str, form: Any) -> None:
    alice.upload()
    alice.switch(**{fault: {"times": 1}})
    for status in (500, (200, 201)):
        answer = alice.post(path, form) if form else alice.get(path)
        assert answer.status_code in (status if isinstance(status, tuple) else (status,))
        assert answer.mimetype == ("text/html" if status == 500 else "application/json")
    assert alice.http.get("/_sandbox/faults").get_json() == {}


def test_an_answer_can_be_cut_in_half(alice: Alice) -> None:
    whole = alice.get("").data
    alice.switch(truncate_body={"times": 1})
    cut = alice.get("")
    assert cut.data == whole[: len(whole) // 2]
    assert cut.content_length == len(cut.data)


def test_writes_are_counted(alice: Alice) -> None:
    file_id = alice.upload()
    alice.delete({"file_id": file_id})
    alice.post("message/", json={"message": "x"})
    alice.files()
    counts = alice.http.get("/_sandbox/requests").get_json()
    assert counts["writes"] == 5
    assert counts["by_endpoint"]["POST /oauth2/token/"] == 1
    assert counts["points"] == 0
