from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests
from flask import Flask, Response, jsonify, request

from sandbox.server import Accounting, add_server_arguments, drop_connection, running, serve, truncate


@pytest.fixture
def app() -> Flask:
    app = Flask("test stand-in")
    accounting = Accounting(app, faults=["die", "cut"], is_write=lambda call: call.method == "POST")

    @app.get("/things/<int:number>")
    def thing(number: int) -> Response:
        if accounting.faults.take("die"):
            return drop_connection()
        answer = jsonify({"number": number})
        return truncate(answer) if accounting.faults.take("cut") else answer

    @app.post("/unread")
    def unread() -> str:
        return "not read"

    @app.get("/stream")
    def stream() -> Response:
        return Response(iter([b"one ", b"", b"two"]))

    @app.get("/costly")
    def costly() -> str:
        accounting.add_points(3)
        accounting.add_refusal()
        return request.args.get("token", "")

    return app


@pytest.fixture
def base_url(app: Flask) -> Iterator[str]:
    with running(app) as base_url:
        yield base_url


@pytest.fixture
def http() -> Iterator[requests.Session]:
    with requests.Session() as session:
        yield session


def local_ports(answers: list[requests.Response]) -> set[str]:
    return {answer.headers["X-Port"] for answer in answers}


def test_connections_are_used_again(app: Flask) -> None:
    @app.after_request
    def tell_port(response: Response) -> Response:
        response.headers["X-Port"] = str(request.environ["REMOTE_PORT"])
        return response

    with running(app) as base_url, requests.Session() as session:
        answers = [session.get(f"{base_url}/things/1") for _ in range(3)]
        answers.append(session.post(f"{base_url}/unread", data=b"x" * 300_000))
        answers.append(session.get(f"{base_url}/stream"))
        answers.append(session.get(f"{base_url}/things/1"))
    assert len(local_ports(answers)) == 1
    assert [answer.text for answer in answers[3:5]] == ["not read", "one two"]


def test_a_large_body_that_nobody_read_still_gets_its_answer(base_url: str, http: requests.Session) -> None:
    answer = http.post(f"{base_url}/unread", data=b"x" * 5_000_000)
    assert (answer.text, answer.headers.get("Connection")) == ("not read", None)


def test_a_body_too_large_to_skip_ends_the_connection_only(
    base_url: str, http: requests.Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sandbox.connections._SKIP_AT_MOST", 1000)
    try:
        http.post(f"{base_url}/unread", data=b"x" * 5_000_000)
    except requests.ConnectionError:
        pass  # the connection may end before all was sent
    assert http.get(f"{base_url}/things/1").json() == {"number": 1}


def test_it_counts_by_route_and_leaves_itself_out(base_url: str, http: requests.Session) -> None:
    http.get(f"{base_url}/things/1?token=secret")
    http.get(f"{base_url}/things/2")
    http.post(f"{base_url}/unread")
    http.get(f"{base_url}/nowhere")
    http.get(f"{base_url}/costly")
    counts = http.get(f"{base_url}/_sandbox/requests").json()
    assert counts == {
        "total": 5,
        "points": 3,
        "refused_while_blocked": 1,
        "writes": 1,
        "bytes_in": 0,
        "bytes_out": counts["bytes_out"],
        "by_endpoint": {
            "GET (no such path)": 1,
            "GET /costly": 1,
            "GET /things/<int:number>": 2,
            "POST /unread": 1,
        },
    }


def test_it_counts_the_bytes_of_bodies(base_url: str, http: requests.Session) -> None:
    answer = http.post(f"{base_url}/unread", data=b"x" * 1000)
    counts = http.get(f"{base_url}/_sandbox/requests").json()
    assert (counts["bytes_in"], counts["bytes_out"]) == (1000, len(answer.content))


def test_the_log_has_no_query_strings(base_url: str, http: requests.Session) -> None:
    http.get(f"{base_url}/costly?token=secret")
    log = http.get(f"{base_url}/_sandbox/log").json()
    assert [(entry["method"], entry["path"], entry["status"]) for entry in log] == [("GET", "/costly", 200)]
    assert "secret" not in str(log)


def test_reset_zeroes_counters_and_clears_faults(base_url: str, http: requests.Session) -> None:
    http.get(f"{base_url}/costly")
    http.post(f"{base_url}/_sandbox/faults", json={"die": True})
    http.post(f"{base_url}/_sandbox/reset")
    counts = http.get(f"{base_url}/_sandbox/requests").json()
    assert (counts["total"], counts["points"], counts["by_endpoint"]) == (0, 0, {})
    assert http.get(f"{base_url}/_sandbox/faults").json() == {}
    assert http.get(f"{base_url}/_sandbox/log").json() == []


def test_a_fault_can_be_limited_to_a_number_of_times(base_url: str, http: requests.Session) -> None:
    shown = http.post(f"{base_url}/_sandbox/faults", json={"die": {"times": 1}, "cut": True}).json()
    assert shown == {"die": {"times": 1}, "cut": True}
    with pytest.raises(requests.ConnectionError):
        http.get(f"{base_url}/things/1")
    assert http.get(f"{base_url}/_sandbox/faults").json() == {"cut": True}
    for _ in range(2):
        with pytest.raises(requests.exceptions.ChunkedEncodingError):
            http.get(f"{base_url}/things/1")
    http.post(f"{base_url}/_sandbox/faults", json={"cut": False})
    assert http.get(f"{base_url}/things/1").json() == {"number": 1}
    statuses = [entry["status"] for entry in http.get(f"{base_url}/_sandbox/log").json()]
    assert statuses == [0, 200, 200, 200]


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({"dye": True, "cut": True}, "Unknown fault dye. Known: cut, die, latency_ms."),
        ({"die": {"times": -1}}, "times must be a whole number"),
        ({"latency_ms": "slow"}, "latency_ms must be a number"),
        ([], "A JSON object is wanted"),
    ],
)
def test_a_wrong_switch_changes_nothing_and_says_what_is_known(
    base_url: str, http: requests.Session, wanted: object, text: str
) -> None:
    answer = http.post(f"{base_url}/_sandbox/faults", json=wanted)
    assert answer.status_code == 400
    assert text in answer.json()["error"]
    assert http.get(f"{base_url}/_sandbox/faults").json() == {}


def test_latency_is_a_fault_of_every_stand_in(base_url: str, http: requests.Session) -> None:
    http.post(f"{base_url}/_sandbox/faults", json={"latency_ms": 60})
    assert http.get(f"{base_url}/things/1").elapsed.total_seconds() > 0.05
    assert http.get(f"{base_url}/_sandbox/requests").elapsed.total_seconds() < 0.05


@pytest.mark.parametrize(
    ("switched", "taken"),
    [
        (True, True),
        (2.5, 2.5),
        ({"times": 3}, True),
        ({"times": 3, "value": 7}, 7),
        ({"kind": "secondary"}, {"kind": "secondary"}),
        ({"kind": "secondary", "times": 1}, {"kind": "secondary"}),
        (False, None),
        ({"times": 0}, None),
    ],
)
def test_what_a_stand_in_takes(app: Flask, switched: object, taken: object) -> None:
    faults = app.extensions["accounting"].faults
    faults.switch({"die": switched})
    assert faults.peek("die") == taken
    assert faults.take("die") == taken


def test_no_web_page_reaches_it_under_another_name(base_url: str, http: requests.Session) -> None:
    for host in ("evil.example", "evil.example:80", "[", "127.0.0.1.evil.example"):
        assert http.get(base_url, headers={"Host": host}).status_code in {400, 421}
    for host in ("localhost", "127.0.0.1:9", "[::1]:9"):
        assert http.get(f"{base_url}/costly", headers={"Host": host}).status_code == 200


def test_closing_ends_connections_that_are_still_open(app: Flask) -> None:
    with requests.Session() as session:
        with running(app) as base_url:
            session.get(f"{base_url}/things/1")
        with pytest.raises(requests.ConnectionError):
            session.get(f"{base_url}/things/1")


def arguments(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_server_arguments(parser, port=0)
    return parser.parse_args(given)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "example.org", "::"])  # noqa: S104 - refused
def test_it_listens_on_loopback_only(app: Flask, host: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert serve(app, arguments("--host", host)) == 1
    assert f"{host} is not a loopback address" in capsys.readouterr().err


def test_a_port_in_use_is_said_plainly(app: Flask, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = str(other.getsockname()[1])
        assert serve(app, arguments("--port", port)) == 1
    assert f"127.0.0.1:{port}: Address already in use. Choose another --port." in capsys.readouterr().err


@pytest.mark.parametrize("given", [("--port", "70000"), ("--latency", "-1")])
def test_impossible_numbers_are_refused(app: Flask, given: tuple[str, str]) -> None:
    assert serve(app, arguments(*given)) == 1


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_command_prints_its_address_once_and_stops_on_a_signal(
    tmp_path: Path, number: signal.Signals
) -> None:
    command = [sys.executable, "-m", "sandbox", "openhumans", "--port", "0", "--data", str(tmp_path)]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, text=True, env=os.environ) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        base_url = line.removeprefix("listening on ").strip()
        assert requests.get(f"{base_url}/_sandbox/requests", timeout=5).json()["total"] == 0
        process.send_signal(number)
        assert process.wait(timeout=5) == 0
        assert process.stdout.read() == ""
