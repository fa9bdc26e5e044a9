"""The Dockerfile and compose.yaml, read and tried without Docker."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest
import yaml

from sync.management import acting
from tests.config.test_settings import ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
OURS = ("migrate", "web", "worker", "scheduler")
SERVERS = ("postgres", "redis")


def instructions() -> list[tuple[str, str]]:
    """(instruction, its arguments on one line) in order."""
    text = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    words = [line.split(None, 1) for line in joined.splitlines() if line.strip()]
    return [(name, arguments) for name, arguments in words]


def arguments_of(name: str) -> list[str]:
    return [arguments for instruction, arguments in instructions() if instruction == name]


# --- The image -------------------------------------------------------------------------------------------


def test_it_is_made_of_one_small_base() -> None:
    assert [name for name, _ in instructions()].count("FROM") == 1
    assert re.fullmatch(r"python:[\d.]+-slim(@sha256:[0-9a-f]{64})?", arguments_of("FROM")[0])


def test_the_documentation_names_every_image_that_may_be_pinned() -> None:
    text = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    for image in (*arguments_of("FROM"), *(SERVICES[name]["image"] for name in SERVERS)):
        assert f"`{image.partition('@')[0]}`" in text


def test_packages_are_installed_by_their_hashes() -> None:
    installs = [command for command in arguments_of("RUN") if "pip install" in command]
    assert installs
    assert all("--require-hashes" in command and "--no-cache-dir" in command for command in installs)


def test_its_user_is_no_person_so_that_commands_ask_for_one() -> None:
    made = next(command for command in arguments_of("RUN") if command.startswith("useradd"))
    assert f"--shell /usr/sbin/{acting.NO_LOGIN[0]} " in made
    assert made.endswith(" app")


def test_nothing_runs_as_root_and_nobody_becomes_it_again() -> None:
    names = [name for name, _ in instructions()]
    assert arguments_of("USER") == ["app"]
    after = names[names.index("USER") + 1 :]
    assert "RUN" not in after
    assert {"CMD", "HEALTHCHECK"} <= set(after)


def copied() -> list[str]:
    return [source for arguments in arguments_of("COPY") for source in arguments.split()[:-1]]


def test_what_is_copied_is_there_and_let_through() -> None:
    patterns = (ROOT / "docker" / "Dockerfile.dockerignore").read_text(encoding="utf-8").split()
    assert patterns[0] == "*"
    allowed = {pattern.removeprefix("!") for pattern in patterns if pattern.startswith("!")}
    for source in copied():
        assert (ROOT / source).exists(), source
        assert any(fnmatch(source, pattern) for pattern in allowed), source
    assert not {"sandbox", "tests", ".env"} & set(copied())


@pytest.fixture
def image(tmp_path: Path) -> Path:
    """What the image holds, in a folder."""
    for source in copied():
        target = tmp_path / source
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, target)
    return tmp_path


def run(image: Path, *command: str, **env: str) -> "subprocess.CompletedProcess[str]":
    kept = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}
    return subprocess.run(
        command, cwd=image, env={**kept, **env}, capture_output=True, text=True, timeout=120, check=False
    )


def build_environment() -> dict[str, str]:
    """The variables of the step that collects static files, as the Dockerfile gives them."""
    (step,) = [command for command in arguments_of("RUN") if "collectstatic" in command]
    words = shlex.split(re.sub(r"\$\(.*?\)\"", 'KEY"', step))
    env = dict(word.split("=", 1) for word in words if re.match(r"[A-Z_]+=", word))
    return env | {"TOKEN_KEYS": "MDEyMzQ1Njc4OWFiY2RlZmdoaWprbG1ub3BxcnN0dXY="}


def test_static_files_are_collected_with_what_is_copied(image: Path) -> None:
    command = [sys.executable, "manage.py", "collectstatic", "--noinput"]
    done = run(image, *command, **build_environment(), STATIC_ROOT=str(image / "static"))
    assert done.returncode == 0, done.stderr
    assert (image / "static" / "staticfiles.json").is_file()


@pytest.mark.parametrize("role", ["web", "worker", "scheduler", "migrate"])
def test_each_role_starts_with_what_is_copied(image: Path, role: str) -> None:
    """As far as without servers: everything a role imports is in the image."""
    code = {
        "web": "import config.wsgi",
        "worker": "import sync.actors, dramatiq; assert dramatiq.get_broker().get_declared_actors()",
        "scheduler": "import sync.actors, periodiq",
        "migrate": "import django; django.setup(); import django.core.management as m; "
        "m.call_command('makemigrations', '--check', '--dry-run', '--skip-checks')",
    }[role]
    production = {
        **build_environment(),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "STATIC_ROOT": str(image / "static"),
    }
    done = run(image, sys.executable, "-c", code, **production)
    assert done.returncode == 0, done.stderr


def test_the_check_of_its_health_is_a_command_of_ours(image: Path) -> None:
    health = arguments_of("HEALTHCHECK")[0]
    assert "config.run.health" in health
    done = run(image, sys.executable, "-m", "config.run.health", PORT="9", SITE_URL="http://127.0.0.1:9")
    assert done.returncode == 1, "nobody answers on that port"


# --- compose.yaml ----------------------------------------------------------------------------------------


def test_every_role_runs_the_same_image_and_may_write_nothing() -> None:
    assert set(SERVICES) == {*OURS, *SERVERS}
    assert {SERVICES[name]["image"] for name in OURS} == {"github-for-open-humans"}
    for name in OURS:
        service = SERVICES[name]
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]
        assert service["tmpfs"] == ["/tmp"]
        assert service["env_file"] == "../.env"


@pytest.mark.parametrize("name", OURS)
def test_each_role_has_its_command(name: str) -> None:
    command: list[str] | None = SERVICES[name].get("command")
    wanted = {
        "migrate": ["python", "manage.py", "migrate", "--noinput"],
        "web": None,  # the image's own
        "scheduler": ["periodiq", "sync.actors"],
    }
    if name in wanted:
        assert command == wanted[name]
    else:
        assert command is not None
        assert command[:2] == ["dramatiq", "sync.actors"]


def test_only_the_web_role_is_asked_how_it_is() -> None:
    assert "healthcheck" not in SERVICES["web"]
    assert all(SERVICES[name]["healthcheck"] == {"disable": True} for name in OURS if name != "web")
    assert all("test" in SERVICES[name]["healthcheck"] for name in SERVERS)


def test_nothing_but_the_web_can_be_reached_and_only_from_this_machine() -> None:
    assert {name for name, service in SERVICES.items() if service.get("ports")} == {"web"}
    assert all(port.startswith("127.0.0.1:") for port in SERVICES["web"]["ports"])


def test_each_waits_for_what_it_needs() -> None:
    for name in OURS[1:]:
        wanted = SERVICES[name]["depends_on"]
        assert wanted["migrate"] == {"condition": "service_completed_successfully"}
        assert wanted["redis"] == {"condition": "service_healthy"}
    assert SERVICES["migrate"]["depends_on"] == {"postgres": {"condition": "service_healthy"}}


def test_what_must_last_stands_in_volumes() -> None:
    named = {volume.partition(":")[0] for service in SERVICES.values() for volume in service["volumes"]}
    assert named == set(COMPOSE["volumes"]) == {"postgres", "redis", "erasures"}


def test_variables_are_those_of_the_example_file() -> None:
    text = (ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8")
    example = (ROOT / ".env.example").read_text(encoding="utf-8")
    for name in set(re.findall(r"(?<!\$)\$\{?([A-Z_]+)", text)):
        assert re.search(rf"^(# )?{name}=", example, re.MULTILINE), name


def test_a_worker_has_time_to_end_its_step() -> None:
    assert SERVICES["worker"]["stop_grace_period"] == "2m"
    assert SERVICES["worker"]["init"] is True
