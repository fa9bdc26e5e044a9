"""Requests of our clients, counted without a word of whose they are."""

from io import BytesIO

import pytest
import requests
import responses
from pytest_django import Settings

import github_client as github
from github_client import GitHubClient, GitHubOAuth
from openhumans_client import OpenHumansClient, OpenHumansError, StartedUpload
from sync.operators.counted_http import counting_session
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
