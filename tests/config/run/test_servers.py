import os
import signal
from pathlib import Path

import pytest

from config.run.environment import CREDENTIALS
from config.run.servers import test_environment as environment_of_tests
from tests.config.run.programs import is_alive, run_command, wait_for

# Servers that are named are not started, so these take a fraction of a second.
NAMED = {"DATABASE_URL": "postgres://named/db", "REDIS_URL": "redis://named/0"}


def test_the_exit_code_of_the_command_is_passed_on(tmp_path: Path) -> None:
    process = run_command("servers", "--", "sh", "-c", "exit 7", data=tmp_path, **NAMED)
    assert process.wait(20) == 7


def test_a_command_ended_by_a_signal_is_told_as_shells_do(tmp_path: Path) -> None:
    process = run_command("servers", "--", "sh", "-c", "kill -KILL $$", data=tmp_path, **NAMED)
    assert process.wait(20) == 128 + signal.SIGKILL


def test_a_command_that_does_not_exist_is_named(tmp_path: Path) -> None:
    process = run_command("servers", "--", "no-such-command", data=tmp_path, **NAMED)
    _, err = process.communicate(timeout=20)
    assert process.returncode == 1
    assert "no-such-command cannot be started" in err


def test_no_command_is_a_usage_error(tmp_path: Path) -> None:
    assert run_command("servers", "--", data=tmp_path).wait(20) == 2


def test_it_starts_both_servers_and_leaves_nothing(tmp_path: Path) -> None:
    code = (
        "import os, psycopg, redis;"
        "psycopg.connect(os.environ['DATABASE_URL']).execute('select 1');"
        "redis.Redis.from_url(os.environ['REDIS_URL']).ping();"
        "print(*[os.path.getsize(log) > 0 for log in os.environ['SERVER_LOGS'].split(os.pathsep)])"
    )
    process = run_command("servers", "--", "python", "-c", code, data=tmp_path / "with space")
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "True True\n"), err
    assert list((tmp_path / "with space" / "tmp").iterdir()) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_reaches_the_command_and_all_that_it_started(tmp_path: Path, number: signal.Signals) -> None:
    note = tmp_path / "pid"
    script = f"sleep 60 & echo $! > '{note}.new'; mv '{note}.new' '{note}'; wait"
    process = run_command("servers", "--", "sh", "-c", script, data=tmp_path, **NAMED)
    wait_for(note.exists)
    os.kill(process.pid, number)
    assert process.wait(20) != 0
    wait_for(lambda: not is_alive(int(note.read_text())))


def test_no_setting_of_the_person_reaches_a_real_service() -> None:
    real = dict.fromkeys(
        [*CREDENTIALS, "OPENHUMANS_URL", "GITHUB_URL", "GITHUB_API_URL"], "https://real.example"
    )
    env = environment_of_tests({**real, "PATH": "/bin", "HOME": "/home/me"}, {"REDIS_URL": "redis://ours"})
    assert "https://real.example" not in env.values()
    assert env["HOME"] == "/home/me"
    assert env["REDIS_URL"] == "redis://ours"
    assert env["PATH"].endswith(os.pathsep + "/bin")
