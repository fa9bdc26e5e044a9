"""The plan, and one whole life of the real service: started, hit, interrupted, gone."""

import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pytest
import requests

from config.run.embedded import SETTINGS
from config.run.environment import CREDENTIALS
from config.run.errors import UsageError
from config.run.ports import choose_several
from config.run.programs import application, manage, stand_ins, without_proxy
from config.run.service import DEFAULT_PORTS, Plan, check_plan, make_plan
from tests.config.run.gitting import Repository
from tests.config.run.programs import CHECKOUT, is_alive, run_command, wait_for


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    made = Repository(tmp_path / "a checkout")
    made.commit("first", files={"a.txt": "1\n"})
    return made


def free_ports() -> dict[str, str]:
    return dict(zip(DEFAULT_PORTS, map(str, choose_several(3)), strict=True))


def plan(repository: Repository, **env: str) -> Plan:
    return make_plan({**free_ports(), **env}, repository.folder / ".env", repository.folder)


class TestPlan:
    def test_without_credentials_it_is_a_sandbox_with_the_default_repository(
        self, repository: Repository
    ) -> None:
        made = make_plan({}, repository.folder / ".env", repository.folder)
        assert made.is_sandbox
        assert made.repositories == [repository.folder]
        assert (made.port, made.site) == (8000, "http://127.0.0.1:8000")
        assert made.env["SANDBOX_GITHUB_PORT"] == "9001"

    def test_with_credentials_no_repository_is_read(self, repository: Repository) -> None:
        made = plan(repository, **dict.fromkeys(CREDENTIALS, "x"), REPO="/absent")
        assert not made.is_sandbox
        assert made.repositories == []
        check_plan(made)

    def test_the_env_file_is_read(self, repository: Repository) -> None:
        (repository.folder / ".env").write_text("PORT=8123\nDATA_FOLDER=/somewhere\n")
        made = make_plan({}, repository.folder / ".env", repository.folder)
        assert made.port == 8123
        assert made.folder == Path("/somewhere")

    def test_the_example_file_as_it_is_makes_a_sandbox_with_servers_of_its_own(
        self, repository: Repository
    ) -> None:
        copy = repository.folder / ".env"
        shutil.copy(CHECKOUT / ".env.example", copy)
        made = make_plan({}, copy, repository.folder)
        assert made.is_sandbox
        assert not made.env.keys() & {*SETTINGS, "SECRET_KEY", "TOKEN_KEYS"}
        assert (made.port, made.site) == (8000, "http://127.0.0.1:8000")

    def test_a_port_in_use_is_refused_before_anything_starts(self, repository: Repository) -> None:
        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            taken = str(other.getsockname()[1])
            with pytest.raises(UsageError, match=f"Port {taken} is in use.*make run PORT="):
                check_plan(plan(repository, PORT=taken))
            with pytest.raises(UsageError, match=f"Port {taken} is in use.*make run SANDBOX_GITHUB_PORT="):
                check_plan(plan(repository, SANDBOX_GITHUB_PORT=taken))

    def test_two_equal_ports_are_refused(self, repository: Repository) -> None:
        with pytest.raises(UsageError, match="want different numbers"):
            check_plan(plan(repository, PORT="8999", SANDBOX_GITHUB_PORT="8999"))

    def test_a_folder_without_git_is_refused(self, repository: Repository, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="is no git repository"):
            check_plan(plan(repository, REPO=str(tmp_path)))


class TestPrograms:
    ENV: ClassVar = {
        **dict.fromkeys(CREDENTIALS, "s3cret"),
        "OPENHUMANS_CLIENT_ID": "oh",
        "GITHUB_CLIENT_ID": "gh",
        "SITE_URL": "http://site",
        "SECRET_KEY": "s3cret",
        "DATABASE_URL": "s3cret",
        "SANDBOX_GITHUB_PORT": "1",
        "SANDBOX_OPENHUMANS_PORT": "2",
        "SANDBOX_EMAIL": "a@example.org",
    }

    def test_no_secret_is_among_the_arguments(self, tmp_path: Path) -> None:
        children = [
            *stand_ins(self.ENV, tmp_path, tmp_path, [tmp_path]),
            *application(self.ENV, tmp_path, 8000),
            manage(["migrate"], self.ENV, tmp_path),
        ]
        assert "s3cret" not in " ".join(part for child in children for part in child.command)

    def test_the_stand_ins_know_callbacks_and_member_and_no_secret_of_the_application(
        self, tmp_path: Path
    ) -> None:
        github, openhumans = stand_ins(self.ENV, tmp_path, tmp_path / "files", [tmp_path / "a b"])
        callback = "http://site/accounts/github/login/callback/"
        assert github.command[-6:] == [
            "--email",
            "a@example.org",
            "--client-id",
            "gh",
            "--redirect-uri",
            callback,
        ]
        assert str(tmp_path / "a b") in github.command
        assert openhumans.command[-1] == "http://site/accounts/openhumans/login/callback/"
        for child in (github, openhumans):
            assert child.env["SANDBOX_CLIENT_SECRET"] == "s3cret"
            assert not {"SECRET_KEY", "DATABASE_URL"} & set(child.env)

    def test_a_proxy_is_kept_away_from_this_machine(self) -> None:
        env = without_proxy({"HTTPS_PROXY": "http://proxy", "no_proxy": "internal"})
        assert env["NO_PROXY"] == env["no_proxy"] == "internal,127.0.0.1,localhost"
        assert env["HTTPS_PROXY"] == "http://proxy"


@pytest.fixture
def groups() -> Iterator[set[int]]:
    """Groups that the test saw; whatever of them is left at its end is ended."""
    seen: set[int] = set()
    yield seen
    for pid in seen:
        try:
            os.killpg(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass


def test_a_whole_life(repository: Repository, tmp_path: Path, groups: set[int]) -> None:
    data, env = tmp_path / "data", {**free_ports(), "REPO": str(repository.folder)}
    service = run_command("service", data=data, **env)
    groups.add(service.pid)
    assert service.stdout is not None
    said: list[str] = []
    while not (said and said[-1].startswith("Open ")):
        said.append(service.stdout.readline())
        assert service.poll() is None, service.communicate()

    site = f"http://127.0.0.1:{env['PORT']}"
    assert said[-1] == f"Open {site}/ in a browser. Ctrl-C stops everything.\n"
    assert sum("sandbox" in line for line in said) == 1
    assert requests.get(f"{site}/healthz", timeout=10).status_code == 200

    # One at the same time is refused, and told where the first one is.
    second = run_command("service", data=data, **env)
    assert f"at {site}/." in second.communicate(timeout=20)[1]
    assert second.returncode == 1

    # A killed worker is started again, and the master's orphans are gone.
    before = running(data)
    groups.update(before)
    worker = next(pid for pid in before if "dramatiq" in arguments(pid))
    old = members(worker)
    os.kill(worker, signal.SIGKILL)
    assert service.stdout.readline().startswith("worker was ended by signal 9; starting it again in 0.5 s.")
    wait_for(lambda: any("dramatiq" in arguments(pid) for pid in set(running(data)) - {worker}))
    groups.update(running(data))
    assert len(old) >= 1
    assert not any(map(is_alive, old))

    # One Ctrl-C stops every process.
    os.kill(service.pid, signal.SIGINT)
    assert service.wait(60) == 0
    assert not [pid for group in groups for pid in members(group)]


def running(data: Path) -> list[int]:
    return [int(pid) for pid in json.loads((data / "processes.json").read_text())]


def arguments(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def members(group: int) -> list[int]:
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            fields = (process / "stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if fields[2] == str(group) and fields[0] != "Z":
            found.append(int(process.name))
    return found


def test_make_help_names_every_command() -> None:
    shown = subprocess.run(["make", "help"], cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    for target in ("bootstrap", "run", "demo", "test", "lint", "requirements", "clean"):
        assert f"  make {target} " in shown
