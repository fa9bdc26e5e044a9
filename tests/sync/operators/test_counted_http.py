"""Requests of our clients, counted without a word of whose they are."""

import ssl
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from pathlib import Path

import pytest
import requests
import responses
from pytest_django import Settings

import github_client as github
from github_client import GitHubClient, GitHubOAuth
from openhumans_client import OpenHumansClient, OpenHumansError, StartedUpload
from sync.operators import counted_http
from sync.operators.counted_http import counting_session
from tests.config.tls import make_certificate
from tests.providers import EXCHANGE_MEMBER, GITHUB_API_URL, GITHUB_TOKEN, GITHUB_URL, OPENHUMANS_URL

Counted = dict[tuple[str, ...], float]


@pytest.fixture(autouse=True)
def counted(monkeypatch: pytest.MonkeyPatch, settings: Settings) -> Counted:
    settings.OPENHUMANS_URL = OPENHUMANS_URL
    kept: Counted = {}

    def count(*place: str, amount: float = 1) -> None:
        kept[place] = kept.get(place, 0) + amount

    monkeypatch.setattr("sync.operators.counted_http.count", count)
    return kept


def github_client() -> GitHubClient:
    return GitHubClient(GITHUB_API_URL, "gho_token", session=counting_session("github"))


@responses.activate
def test_graphql_is_counted_by_operation_and_status(counted: Counted) -> None:
    responses.post(f"{GITHUB_API_URL}/graphql", status=502)
    with pytest.raises(github.TooHeavy):
        github_client().fetch_repositories(None)

    assert counted == {("requests", "github", "Repositories", "502"): 1}


@responses.activate
def test_rest_is_counted_without_its_path(counted: Counted) -> None:
    responses.get(f"{GITHUB_API_URL}/repositories/7/commits", status=404, json={"message": "Not Found"})
    github_client().fetch_commit_page_rest(7, "octocat", "a" * 40)

    assert counted == {("requests", "github", "rest", "404"): 1}


@responses.activate
def test_the_token_endpoint_is_counted(counted: Counted) -> None:
    responses.post(GITHUB_TOKEN, json={"error": "bad_refresh_token"})
    oauth = GitHubOAuth(GITHUB_URL, GITHUB_API_URL, "id", "secret", counting_session("github"))
    with pytest.raises(github.InvalidGrant):
        oauth.refresh("ghr_token")

    assert counted == {("requests", "github", "oauth", "200"): 1}


@responses.activate
@pytest.mark.parametrize(
    ("failure", "outcome"), [(requests.ReadTimeout(), "timeout"), (requests.ConnectionError(), "unreachable")]
)
def test_what_was_not_answered_is_counted(counted: Counted, failure: Exception, outcome: str) -> None:
    responses.get(EXCHANGE_MEMBER, body=failure)
    client = OpenHumansClient(OPENHUMANS_URL, "token", session=counting_session("openhumans"))
    with pytest.raises(OpenHumansError):
        client.fetch_member()

    assert counted == {("requests", "openhumans", "list", outcome): 1}


@responses.activate
def test_storage_is_counted_without_its_address(counted: Counted) -> None:
    responses.put("https://bucket.s3.test/member-files/1/github-2026.json", status=200)
    client = OpenHumansClient(OPENHUMANS_URL, "token", session=counting_session("openhumans"))
    upload = StartedUpload(1, "https://bucket.s3.test/member-files/1/github-2026.json?Signature=x")
    client.put_upload(upload, BytesIO(b"{}"), 2)

    assert counted == {("requests", "openhumans", "storage", "200"): 1}


@responses.activate
def test_an_unknown_path_is_only_other(counted: Counted) -> None:
    responses.get(f"{OPENHUMANS_URL}/member/octocat/", status=200)
    session = counting_session("openhumans")
    session.get(f"{OPENHUMANS_URL}/member/octocat/", timeout=1)

    assert counted == {("requests", "openhumans", "other", "200"): 1}


# --- Whom connections trust -------------------------------------------------------------------------------


class Answering(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(204)
        self.end_headers()

    def log_message(self, *_arguments: object) -> None:
        """Nothing to say."""


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    return make_certificate(tmp_path)


@pytest.fixture
def secure_server(certificate: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield f"https://127.0.0.1:{server.server_address[1]}/"
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def fresh_trust() -> Iterator[None]:
    counted_http._trusted.cache_clear()
    yield
    counted_http._trusted.cache_clear()


@pytest.mark.usefixtures("fresh_trust")
def test_a_certificate_that_nobody_vouches_for_is_refused(secure_server: str) -> None:
    with pytest.raises(requests.exceptions.SSLError):
        counting_session("github").get(secure_server, timeout=10)


@pytest.mark.usefixtures("fresh_trust")
def test_the_authorities_of_the_environment_are_trusted_instead(
    secure_server: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    assert counting_session("github").get(secure_server, timeout=10).status_code == 204


@pytest.mark.usefixtures("fresh_trust")
def test_another_name_than_that_of_the_certificate_is_refused(
    secure_server: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    with pytest.raises(requests.exceptions.SSLError):
        counting_session("github").get(secure_server.replace("127.0.0.1", "localhost"), timeout=10)


@pytest.mark.usefixtures("fresh_trust")
def test_authorities_are_read_once_for_all_sessions(
    secure_server: str, certificate: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(certificate))
    counting_session("github").get(secure_server, timeout=10)
    certificate.write_text("no certificate any more")
    assert counting_session("openhumans").get(secure_server, timeout=10).status_code == 204
