"""The commands of the Procfile and of the image start what they name, without Docker."""

import json
import os
import re
import shlex
import subprocess
import sys

import pytest

from tests.config.test_checks import PRODUCTION
from tests.config.test_settings import ROOT

PROCFILE = dict(
    line.split(": ", 1) for line in (ROOT / "Procfile").read_text(encoding="utf-8").strip().splitlines()
)


def run(*command: str, **changes: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, **PRODUCTION, **changes},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def words(role: str) -> list[str]:
    return shlex.split(PROCFILE[role].replace("${PORT:-8000}", "5123"))


def image_command() -> list[str]:
    dockerfile = (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")
    command: list[str] = json.loads(re.findall(r"^CMD (\[.*\])$", dockerfile, re.MULTILINE)[-1])
    return command


@pytest.mark.parametrize("command", [words("web"), image_command()], ids=["Procfile", "image"])
def test_web_loads_with_the_addresses_that_hosts_give(command: list[str]) -> None:
    assert command[:2] == ["gunicorn", "config.wsgi:application"]
    hosted = {
        "DATABASE_URL": "postgres://u:p@db.example.org:5432/d?sslmode=require",
        "REDIS_URL": "rediss://:p@redis.example.org:6380?ssl_cert_reqs=none",
    }

    process = run(sys.executable, "-m", "gunicorn", "--check-config", *command[1:], **hosted)

    assert process.returncode == 0, process.stderr


def test_whatever_serves_pages_waits_for_no_redis() -> None:
    ask = "import config.wsgi, dramatiq; print(dramatiq.get_broker().client.get_connection_kwargs())"

    process = run(sys.executable, "-c", ask)

    assert "'socket_timeout': 0.2, 'socket_connect_timeout': 0.2" in process.stdout, process.stderr


@pytest.mark.parametrize("source", ["Procfile", "compose"])
def test_workers_find_every_actor(source: str) -> None:
    compose = (ROOT / "docker" / "compose.yaml").read_text(encoding="utf-8")
    found = re.search(r"command: \[(dramatiq.*)\]", compose)
    assert found is not None
    arguments = words("worker") if source == "Procfile" else [w.strip(' "') for w in found[1].split(",")]
    code = (
        "import sys, dramatiq.cli as cli\n"
        "args = cli.make_argument_parser().parse_args(sys.argv[1:])\n"
        "_, broker = cli.import_broker(args.broker)\n"
        "print(*sorted(broker.get_declared_actors()), args.processes, args.threads)"
    )

    process = run(sys.executable, "-c", code, *arguments[1:])

    assert arguments[0] == "dramatiq"
    assert process.returncode == 0, process.stderr
    assert {"sync_step", "scan", "tidy", "end_access", "prove_alive"} <= set(process.stdout.split())


def test_the_scheduler_finds_what_is_periodic() -> None:
    assert words("scheduler") == ["periodiq", "sync.actors"]
    code = (
        "import dramatiq, sync.actors\n"
        "broker = dramatiq.get_broker()\n"
        "actors = map(broker.get_actor, broker.get_declared_actors())\n"
        "print(*sorted(a.actor_name for a in actors if 'periodic' in a.options))"
    )

    process = run(sys.executable, "-c", code)

    assert {"scan", "tidy"} <= set(process.stdout.split()), process.stderr


def test_a_release_migrates() -> None:
    assert words("release") == ["python", "manage.py", "migrate", "--noinput"]
    assert run(sys.executable, "manage.py", "migrate", "--help").returncode == 0


def test_a_host_with_a_procfile_finds_the_packages_and_the_python() -> None:
    """pip reads the hashes through the line, and the image has the same Python."""
    lines = (ROOT / "requirements.txt").read_text(encoding="utf-8").splitlines()
    named = [line for line in lines if not line.startswith("#")]
    python = (ROOT / ".python-version").read_text(encoding="utf-8").strip()

    assert named == ["-r requirements/base.txt"]
    assert "--hash=sha256:" in (ROOT / named[0].removeprefix("-r ")).read_text(encoding="utf-8")
    assert f"FROM python:{python}-" in (ROOT / "docker" / "Dockerfile").read_text(encoding="utf-8")


def units() -> dict[str, dict[str, str]]:
    """Those of docs/deploying.md: {role: {directive: value}}."""
    text = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    blocks = re.findall(r"`/etc/systemd/system/github-(\w+)\.service`:\n\n((?:(?:    .*)?\n)+)", text)
    return {
        role: dict(line.strip().split("=", 1) for line in block.splitlines() if "=" in line)
        for role, block in blocks
    }


def test_there_is_a_unit_for_each_role_with_the_commands_of_the_procfile() -> None:
    assert set(units()) == {"web", "worker", "scheduler"}
    for role, unit in units().items():
        program, *arguments = shlex.split(unit["ExecStart"])
        assert [program.rpartition("/")[2], arguments[0]] == words(role)[:2]
        assert unit["ProtectSystem"] == "strict"


def test_what_web_and_worker_must_write_is_open_to_them() -> None:
    text = (ROOT / "docs" / "deploying.md").read_text(encoding="utf-8")
    path = re.findall(r"`ERASURE_LIST=(\S+)`", text)[0]
    for role in ("web", "worker"):
        assert path.startswith(units()[role]["ReadWritePaths"] + "/")
