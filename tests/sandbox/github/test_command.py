"""The command, over real HTTP, as it is started for trying and for benchmarks."""

import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from sandbox.server import running
from tests.sandbox.github.conftest import GitHub
from tests.sandbox.github.histories import Planned, make_repository

ROOT = Path(__file__).parents[3]


@pytest.fixture
def address(tricky: Path, tmp_path: Path) -> Iterator[str]:
    make_repository(tmp_path / "other", [Planned()])
    command = [sys.executable, "-m", "sandbox", "github", "--port", "0", "--repo", str(tricky)]
    options = ["--repo", str(tmp_path / "other"), "--private", "other", "--email", "bob@example.org"]
    process = subprocess.Popen(
        [*command, *options, "--login", "robert", "--client-id", "app", "--token-lifetime", "60"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=os.environ | {"SANDBOX_CLIENT_SECRET": "secret"},
    )
    assert process.stdout is not None
    found = re.search(r"http://\S+", process.stdout.readline())
    assert found
    yield found[0]
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0


def test_a_person_signs_in_and_reads_over_http(address: str) -> None:
    session = requests.Session()
    consent = session.post(
        f"{address}/login/oauth/authorize",
        params={"client_id": "app", "redirect_uri": "http://localhost:1/back", "scope": "repo", "state": "x"},
        data={"decision": "approve", "login": "robert", "scope": "repo"},
        allow_redirects=False,
        timeout=5,
    )
    code = re.search(r"code=(\w+)", consent.headers["Location"])
    assert code
    token = session.post(
        f"{address}/login/oauth/access_token",
        data={"client_id": "app", "client_secret": "secret", "code": code[1]},
        headers={"Accept": "application/json"},
        timeout=5,
    ).json()
    query = "{ viewer { login repositories(first: 5) { nodes { nameWithOwner isPrivate } } } }"

    answer = session.post(
        f"{address}/api/graphql",
        json={"query": query},
        headers={"Authorization": f"bearer {token['access_token']}"},
        timeout=5,
    ).json()

    assert token["expires_in"] == 60
    assert answer["data"]["viewer"]["login"] == "robert"
    assert {
        node["nameWithOwner"]: node["isPrivate"] for node in answer["data"]["viewer"]["repositories"]["nodes"]
    } == {
        "robert/tricky": False,
        "robert/other": True,
    }
    counts = session.get(f"{address}/_sandbox/requests", timeout=5).json()
    assert (counts["points"], counts["writes"]) == (1, 0)


def test_the_first_page_says_what_this_is(github: GitHub) -> None:
    with running(github.app) as url:
        page = requests.get(url, timeout=5)

    assert "GitHub stand-in — not the real site" in page.content.decode()
    assert "alice/tricky" in page.text
    assert "bob@example.org" in page.text


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--repo", "REPO", "--private", "nothing"], "--private nothing: no such repository."),
        (["--repo", "REPO", "--login", "no good"], "--login no good: a login is letters, digits"),
        (["--repo", "/"], "/ is not a git repository."),
        ([], "--repo PATH or --account SIZE is needed."),
        (["--account", "huge"], "--account huge: light, typical, heavy or COMMITS:REPOSITORIES:YEARS."),
        (["--repo", "REPO", "--foreign", "x"], "--foreign x: no such repository."),
        (["--repo", "REPO", "--organization", "acme/x"], "--organization acme: x: no such repository."),
    ],
)
def test_what_cannot_be_served_is_said(tricky: Path, options: list[str], message: str) -> None:
    arguments = [str(tricky) if option == "REPO" else option for option in options]
    result = subprocess.run(
        [sys.executable, "-m", "sandbox", "github", "--port", "0", *arguments],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=20,
        check=False,
    )

    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def _started(*options: str) -> Iterator[str]:
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", "github", "--port", "0", *options],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
    )
    assert process.stdout is not None
    found = re.search(r"http://\S+", process.stdout.readline())
    assert found
    yield found[0]
    process.send_signal(signal.SIGTERM)
    assert process.wait(timeout=10) == 0


@pytest.fixture
def account_address() -> Iterator[str]:
    yield from _started("--account", "60:4:1", "--seed", "5", "--login", "Gen", "--until", "2025-05-01")


def test_an_account_is_made_up_on_the_command_line(account_address: str) -> None:
    page = requests.get(account_address, timeout=5).text
    made = requests.post(
        f"{account_address}/_sandbox/acts", json={"act": "active_day", "at": "2025-05-02"}, timeout=5
    )

    assert "<strong>Gen</strong>" in page
    assert "generated</li>" in page
    assert made.status_code == 200
    assert len(made.json()["repositories"]) == 3


@pytest.fixture
def shared_address(tricky: Path, tmp_path: Path) -> Iterator[str]:
    other = make_repository(tmp_path / "tricky", [Planned()])
    options = ["--organization", "acme/tricky-2", "--foreign", "tricky"]
    yield from _started("--repo", str(tricky), "--repo", str(other), *options)


def test_repositories_are_given_away_on_the_command_line(shared_address: str) -> None:
    page = requests.get(shared_address, timeout=5).text

    assert "<strong>bob/tricky</strong>" in page
    assert "<strong>acme/tricky-2</strong>" in page
