"""`python -m config.run servers -- COMMAND`: run a command beside throw-away servers, as tests do."""

import base64
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

from config.run.embedded import SETTINGS, start_server, throw_away_server
from config.run.errors import RunError
from config.run.folders import data_folder, throw_away
from config.run.interrupt import PAUSE_SECONDS, Interrupt
from config.run.processes import dies_with_parent
from config.run.supervisor import Supervisor

PATIENCE_SECONDS = 15.0
# Nobody serves the discard port: a test that forgets to fake an address fails at once.
NOWHERE = "http://127.0.0.1:9"

# Tells the command where the servers that are started for it say what happens.
LOGS = "SERVER_LOGS"


def run_beside_servers(command: list[str], interrupt: Interrupt) -> int:
    """The command's exit code. Starts only the servers that the environment does not name."""
    environ = dict(os.environ)
    supervisor = Supervisor(interrupt, say=lambda text: print(text, file=sys.stderr, flush=True))
    with throw_away(data_folder(environ) / "tmp") as folder:
        try:
            servers = {
                setting: throw_away_server(setting, folder, secrets.token_hex(16))
                for setting in SETTINGS
                if not environ.get(setting)
            }
            urls = {setting: start_server(server, supervisor) for setting, server in servers.items()}
            logs = {LOGS: os.pathsep.join(str(server.log) for server in servers.values())}
            return run_command(command, test_environment(environ, urls | logs), interrupt)
        finally:
            supervisor.stop()


def test_environment(environ: dict[str, str], urls: dict[str, str]) -> dict[str, str]:
    """Every setting the application needs, none of them real, whatever the person's shell holds."""
    programs = str(Path(sys.executable).parent)
    return {
        **environ,
        "PATH": programs + os.pathsep + environ.get("PATH", os.defpath),
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "SECRET_KEY": "only-for-tests-" + "x" * 50,
        "TOKEN_KEYS": base64.urlsafe_b64encode(b"only-for-tests-" + b"x" * 17).decode(),
        "SITE_URL": "http://127.0.0.1:8000",
        "DEBUG": "false",
        "SANDBOX": "false",
        "OPENHUMANS_URL": NOWHERE,
        "OPENHUMANS_CLIENT_ID": "test-openhumans-client",
        "OPENHUMANS_CLIENT_SECRET": "test-openhumans-secret",
        "OPENHUMANS_WEBHOOK_SECRET": "test-webhook-secret",
        "GITHUB_URL": NOWHERE,
        "GITHUB_API_URL": NOWHERE + "/api",
        "GITHUB_CLIENT_ID": "test-github-client",
        "GITHUB_CLIENT_SECRET": "test-github-secret",
        **urls,
    }


def run_command(command: list[str], env: dict[str, str], interrupt: Interrupt) -> int:
    # With a terminal the command stays in its group, to read from it and to get its Ctrl-C by itself.
    has_terminal = sys.stdin is not None and sys.stdin.isatty()
    try:
        process = subprocess.Popen(
            command,
            env=env,
            start_new_session=not has_terminal,
            preexec_fn=dies_with_parent(signal.SIGTERM),
        )
    except OSError as error:
        raise RunError(f"{command[0]} cannot be started: {error.strerror}.") from None
    try:
        return _wait(process, interrupt, has_terminal=has_terminal)
    finally:
        if not has_terminal:
            _signal_group(process, signal.SIGKILL)


def _wait(process: "subprocess.Popen[bytes]", interrupt: Interrupt, *, has_terminal: bool) -> int:
    passed_on, deadline = 0, float("inf")
    while process.poll() is None:
        if interrupt.count > passed_on:
            passed_on = interrupt.count
            deadline = time.monotonic() + PATIENCE_SECONDS
            number = signal.Signals(interrupt.last_signal or signal.SIGTERM)
            if not has_terminal:
                _signal_group(process, number)
            elif number != signal.SIGINT:
                process.send_signal(number)
        if time.monotonic() > deadline:
            process.kill()
        time.sleep(PAUSE_SECONDS)
    return process.returncode if process.returncode >= 0 else 128 - process.returncode


def _signal_group(process: "subprocess.Popen[bytes]", number: signal.Signals) -> None:
    try:
        os.killpg(process.pid, number)
    except (ProcessLookupError, PermissionError):
        pass
