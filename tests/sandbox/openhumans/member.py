"""A member as tests play them: in a browser on the consent page, through a service with their token."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

AUTHORIZE = "/direct-sharing/projects/oauth2/authorize/"
API = "/api/direct-sharing/project/"
REDIRECT = "http://127.0.0.1:8000/callback/"
CLIENT = ("client-id", "sandbox-secret")
METADATA = json.dumps({"description": "probe file", "tags": ["probe"]})


def ask(**changes: str | None) -> dict[str, str]:
    """The query of an authorize link; None leaves a parameter out."""
    usual = {"client_id": CLIENT[0], "response_type": "code", "redirect_uri": REDIRECT, "state": "st"}
    return {name: value for name, value in (usual | changes).items() if value is not None}


def came_back(answer: TestResponse) -> dict[str, str]:
    """The parameters a browser comes back with."""
    assert answer.status_code == 302
    assert answer.location.startswith(REDIRECT)
    return {name: values[0] for name, values in parse_qs(urlsplit(answer.location).query).items()}


def approve(browser: FlaskClient, member: str = "01234567", **changes: str | None) -> str:
    form = {"decision": "approve", "member": member}
    return came_back(browser.post(AUTHORIZE, query_string=ask(**changes), data=form))["code"]


def exchange(browser: FlaskClient, code: str, **changes: str | None) -> TestResponse:
    usual: dict[str, str | None] = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": REDIRECT,
    }
    form = {name: value for name, value in (usual | changes).items() if value is not None}
    return browser.post("/oauth2/token/", data=form, auth=CLIENT)


def refresh(browser: FlaskClient, token: str, **changes: Any) -> TestResponse:
    form = {"grant_type": "refresh_token", "refresh_token": token}
    return browser.post("/oauth2/token/", data=form, **({"auth": CLIENT} | changes))


class Alice:
    """A signed-in member with a token pair."""

    def __init__(self, http: FlaskClient, member: str = "01234567") -> None:
        self.http = http
        self.member = member
        tokens = exchange(http, approve(http, member)).get_json()
        self.access: str = tokens["access_token"]
        self.refresh: str = tokens["refresh_token"]

    def get(self, path: str, **query: Any) -> TestResponse:
        return self.http.get(API + path, query_string=query, headers=self.header())

    def post(self, path: str, form: Any = None, **options: Any) -> TestResponse:
        return self.http.post(API + path, data=form, headers=self.header(), **options)

    def header(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.access}"}

    def files(self, **query: Any) -> list[Any]:
        listed: list[Any] = self.get("exchange-member/", **query).get_json()["data"]
        return listed

    def start(self, name: str = "first.json", metadata: str = METADATA) -> dict[str, Any]:
        answer = self.post("files/upload/direct/", {"filename": name, "metadata": metadata})
        assert answer.status_code == 201
        started: dict[str, Any] = answer.get_json()
        return started

    def put(self, started: dict[str, Any], content: bytes = b"content", **options: Any) -> TestResponse:
        length = {"CONTENT_LENGTH": str(len(content))}  # werkzeug's client leaves a zero out
        return self.http.put(started["url"], data=content, environ_overrides=length, **options)

    def complete(self, file_id: Any) -> TestResponse:
        return self.post("files/upload/complete/", {"file_id": file_id})

    def upload(self, name: str = "first.json", content: bytes = b"content") -> int:
        started = self.start(name)
        assert self.put(started, content).status_code == 200
        assert self.complete(started["id"]).get_json()["size"] == len(content)
        file_id: int = started["id"]
        return file_id

    def delete(self, form: dict[str, Any]) -> TestResponse:
        return self.post("files/delete/", form)

    def switch(self, **faults: Any) -> None:
        assert self.http.post("/_sandbox/faults", json=faults).status_code == 200

    def age(self, seconds: float) -> None:
        self.http.post("/_sandbox/clock", json={"advance_seconds": seconds})
