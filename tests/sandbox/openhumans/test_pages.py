from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sandbox.openhumans.app import create_app
from sandbox.openhumans.options import Options
from tests.sandbox.openhumans.member import Alice, refresh


def test_the_first_page_lists_files_and_where_they_lie(alice: Alice, tmp_path: Path) -> None:
    alice.upload("<script>.json")
    page = alice.http.get("/").text
    assert "not the real site" in page
    assert "&lt;script&gt;.json" in page
    assert "7 bytes" in page
    assert str(tmp_path / alice.member) in page


def test_the_first_page_says_that_nobody_is_there(http: FlaskClient) -> None:
    assert "Nobody has signed in yet." in http.get("/").text


def test_a_member_deletes_a_file_on_the_page(alice: Alice) -> None:
    file_id = alice.upload()
    assert alice.http.post(f"/files/{file_id}/delete/").status_code == 302
    assert alice.files() == []


def test_a_test_deletes_a_file_as_the_member(alice: Alice) -> None:
    file_id = alice.upload()
    assert alice.http.post(f"/_sandbox/members/87654321/delete-file/{file_id}").status_code == 404
    answer = alice.http.post(f"/_sandbox/members/{alice.member}/delete-file/{file_id}")
    assert answer.get_json() == {"deleted": True}
    assert alice.files() == []


def test_a_file_can_be_planted(alice: Alice) -> None:
    planted = {
        "basename": "github.json",
        "content": "{}",
        "metadata": {"description": "old", "tags": ["Github"]},
    }
    assert alice.http.post(f"/_sandbox/members/{alice.member}/files", json=planted).status_code == 201
    (item,) = alice.files()
    assert (item["basename"], item["metadata"]["tags"]) == ("github.json", ["Github"])
    assert alice.http.post("/_sandbox/members/99999999/files", json=planted).status_code == 404


def test_access_tokens_can_be_made_to_expire(alice: Alice) -> None:
    bob = Alice(alice.http, "87654321")
    answer = alice.http.post("/_sandbox/expire-tokens", json={"member": alice.member})
    assert answer.get_json() == {"expired": 1}
    assert alice.get("").get_json() == {"detail": "Expired token."}
    assert bob.get("").status_code == 200


@pytest.mark.parametrize("seconds", [None, "1", True, 1e12])
def test_the_clock_wants_a_number(http: FlaskClient, seconds: Any) -> None:
    assert http.post("/_sandbox/clock", json={"advance_seconds": seconds}).status_code == 400


def test_unknown_faults_are_refused_with_the_known_ones(http: FlaskClient) -> None:
    answer = http.post("/_sandbox/faults", json={"fail_all": True})
    assert answer.status_code == 400
    assert "lose_refresh_answer" in answer.get_json()["error"]


def test_a_restart_forgets_nothing(alice: Alice, tmp_path: Path) -> None:
    alice.upload(content=b"kept")
    started = alice.start()
    alice.age(60)
    link = alice.files()[0]["download_url"]
    alice.http = create_app(Options(folder=tmp_path)).test_client()
    assert len(alice.files()) == 1
    assert alice.http.get(alice.http.get(link).location).data == b"kept"
    assert alice.put(started).status_code == 200
    assert refresh(alice.http, alice.refresh).status_code == 200


# Leaving, and the webhook


class Listener:
    """A service that receives webhooks, answering with the statuses it is given, then with 200."""

    def __init__(self) -> None:
        self.statuses: list[int] = []
        self.received: list[tuple[bytes, str | None]] = []
        listener = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                signature = self.headers["X-OpenHumans-Webhooks-Signature"]
                listener.received.append((body, signature))
                self.send_response(listener.statuses.pop(0) if listener.statuses else 200)
                self.end_headers()

            def log_message(self, *_arguments: Any) -> None:
                pass

        self.server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}/webhook/"


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    thread = threading.Thread(target=listener.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield listener
    listener.server.shutdown()
    listener.server.server_close()
    thread.join()


@pytest.fixture
def watched(make_app: Callable[..., Flask], listener: Listener) -> Alice:
    """A member of a project with a webhook."""
    return Alice(make_app(webhook_url=listener.url, webhook_secret="hook-secret").test_client())


def leave(alice: Alice, **wishes: bool) -> Any:
    return alice.http.post(f"/_sandbox/members/{alice.member}/leave", json=wishes)


def test_leaving_without_a_webhook_works_and_removes_files_if_wished(alice: Alice) -> None:
    alice.upload()
    answer = leave(alice, remove_datafiles=True)
    assert (answer.status_code, answer.get_json()["deleted_files"]) == (200, 1)
    assert alice.get("").get_json() == {"detail": "Invalid token."}
    assert refresh(alice.http, alice.refresh).get_json() == {"error": "invalid_grant"}


def test_coming_back_keeps_the_id_and_the_day_of_joining(alice: Alice) -> None:
    created = alice.get("exchange-member/").get_json()["created"]
    leave(alice)
    alice.age(1000)
    assert Alice(alice.http).get("exchange-member/").get_json()["created"] == created


def test_leaving_with_erasure_calls_the_webhook_signed(watched: Alice, listener: Listener) -> None:
    assert leave(watched, erasure_requested=True).get_json()["webhook_statuses"] == [200]
    ((body, signature),) = listener.received
    assert signature == "sha1=" + hmac.new(b"hook-secret", body, hashlib.sha1).hexdigest()
    assert list(json.loads(body)) == ["project_member_id", "erasure_requested", "timestamp"]
    assert json.loads(body)["project_member_id"] == watched.member
    assert len(body) == 109


def test_a_refused_webhook_is_repeated_unsigned_and_encoded_twice(watched: Alice, listener: Listener) -> None:
    listener.statuses = [401]
    assert leave(watched, erasure_requested=True).get_json()["webhook_statuses"] == [401, 200]
    (first, _), (second, signature) = listener.received
    assert json.loads(second) == first.decode()
    assert signature is None


def test_leaving_without_erasure_breaks_as_it_does_at_present(watched: Alice, listener: Listener) -> None:
    watched.upload()
    answer = leave(watched, remove_datafiles=True)
    assert (answer.status_code, answer.get_json()["deleted_files"]) == (500, 0)
    assert watched.get("").status_code == 401
    assert listener.received == []


def test_the_working_webhook_can_be_switched_on(watched: Alice, listener: Listener) -> None:
    watched.switch(webhook_fixed=True)
    assert leave(watched).status_code == 200
    assert json.loads(listener.received[0][0])["erasure_requested"] is False


def test_removing_a_member_of_a_project_with_a_webhook_is_a_500_that_worked(watched: Alice) -> None:
    answer = watched.post("remove-members/")
    assert (answer.status_code, answer.mimetype) == (500, "text/html")
    assert watched.get("").status_code == 401


def test_nobody_listening_leaves_the_files(make_app: Callable[..., Flask], listener: Listener) -> None:
    url = listener.url.replace(f":{listener.server.server_port}/", ":1/")
    alice = Alice(make_app(webhook_url=url).test_client())
    alice.upload()
    assert leave(alice, erasure_requested=True, remove_datafiles=True).status_code == 500
    assert len(Alice(alice.http).files()) == 1
