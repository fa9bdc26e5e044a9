from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from sandbox.github.app import create_app
from sandbox.github.service import Service
from tests.sandbox.github.histories import TRICKY, make_repository


class GitHub:
    """The stand-in, asked through Flask's test client as its member would ask GitHub."""

    def __init__(self, app: Flask, scopes: tuple[str, ...] = ("read:user",)) -> None:
        self.app = app
        self.service: Service = app.extensions["github_stand_in"]
        self.member = self.service.world.catalogue.member
        self.http: FlaskClient = app.test_client()
        self.sign_in(*scopes)

    def sign_in(self, *scopes: str, login: str | None = None) -> str:
        account = self.service.world.catalogue.account_by_login(login) if login else self.member
        assert account is not None
        self.token = self.service.tokens.issue(account.id, "some app", scopes).access_token
        self.headers = {"Authorization": f"Bearer {self.token}", "User-Agent": "tests"}
        return self.token

    def post(self, query: str, **variables: Any) -> Any:
        body = {"query": query, "variables": variables}
        return self.http.post("/graphql", json=body, headers=self.headers)

    def ask(self, query: str, **variables: Any) -> Any:
        """The data, when all went well."""
        answer = self.post(query, **variables)
        assert answer.status_code == 200, answer.data
        assert "errors" not in answer.json, answer.json["errors"]
        return answer.json["data"]

    def errors(self, query: str, **variables: Any) -> list[dict[str, Any]]:
        errors: list[dict[str, Any]] = self.post(query, **variables).json["errors"]
        return errors

    def get(self, path: str, **headers: str) -> Any:
        return self.http.get(path, headers=self.headers | headers)

    def fault(self, **faults: Any) -> None:
        answer = self.http.post("/_sandbox/faults", json=faults)
        assert answer.status_code == 200, answer.data

    def act(self, act: str, **details: Any) -> dict[str, Any]:
        answer = self.http.post("/_sandbox/acts", json={"act": act, **details})
        assert answer.status_code == 200, answer.data
        return dict(answer.json or {})

    def counts(self) -> dict[str, Any]:
        return dict(self.http.get("/_sandbox/requests").json or {})

    def repository(self, name: str) -> Any:
        found = [each for each in self.service.world.catalogue.repositories if each.name == name]
        assert found, name
        return found[0]


@pytest.fixture(scope="session")
def tricky(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_repository(tmp_path_factory.mktemp("history") / "tricky", TRICKY)


@pytest.fixture
def github(tricky: Path) -> GitHub:
    return GitHub(create_app([tricky]))


@pytest.fixture
def make_github() -> Callable[..., GitHub]:
    def make(*repositories: Path, scopes: tuple[str, ...] = ("read:user",), **options: Any) -> GitHub:
        return GitHub(create_app(repositories, **options), scopes)

    return make


@pytest.fixture
def generated() -> GitHub:
    """A small account that has something of everything; with all scopes."""
    app = create_app(account="400:12:2", seed=7)
    return GitHub(app, ("read:user", "repo", "read:org", "gist"))
