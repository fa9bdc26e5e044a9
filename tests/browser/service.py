"""`python -m config.run service` on free ports and a history of its own, with a gate before each stand-in."""

import os
import shlex
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import requests

from sandbox.openhumans.state import State
from tests.browser.history import EMAIL
from tests.faults.gate import Gate
from tests.secrets.installation import of_make_run, require_no_leak
from tests.secrets.planted import MARKER, MESSAGE, NAME, PRIVATE_NAMES, private_repository
from tests.secrets.reports import ErrorReports

CHECKOUT = Path(__file__).resolve().parent.parent.parent
PORTS = ("PORT", "SANDBOX_GITHUB_PORT", "SANDBOX_OPENHUMANS_PORT")
# What tests are told must not reach the service: it is to find nothing configured.
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "USER")
START_SECONDS = 300.0
STOP_SECONDS = 30.0


@dataclass(frozen=True)
class Service:
    process: "subprocess.Popen[str]"
    log: Path
    ports: dict[str, int]
    data_folder: Path
    github: Gate
    openhumans: Gate

    @property
    def url(self) -> str:
        return self.address("PORT")

    def address(self, port: str) -> str:
        return f"http://127.0.0.1:{self.ports[port]}"

    @property
    def heard(self) -> dict[str, str]:
        """{value: what it is} of every secret that went to the stand-ins or came from them."""
        return self.github.heard | self.openhumans.heard

    def switch(self, port: str, **faults: object) -> None:
        """Tell a stand-in how to behave from now on."""
        answer = requests.post(f"{self.address(port)}/_sandbox/faults", json=faults, timeout=10)
        answer.raise_for_status()

    def keep_private(self, repository: Path) -> None:
        """At GitHub it is private, under the name that is searched for: our own command line has another."""
        self.act("rename_repository", repository=repository.name, to=NAME)
        self.act("make_private", repository=NAME)

    def act(self, act: str, **details: object) -> None:
        """Something that happens at GitHub, see sandbox/github/acts.py."""
        url = f"{self.address('SANDBOX_GITHUB_PORT')}/_sandbox/acts"
        requests.post(url, json={"act": act, **details}, timeout=30).raise_for_status()

    def require_no_leak(self) -> None:
        """While everything still runs: nothing secret and no text of a member stands anywhere."""
        words = {MARKER: "a message"}
        require_no_leak(
            of_make_run(self.data_folder, heard=self.heard, words=words, private_names=PRIVATE_NAMES)
        )

    def private_words_held(self, member: str) -> set[str]:
        """Those of the private repository that stand in this member's files, where they belong."""
        files = State(self.data_folder / "openhumans").files
        paths = filter(None, map(files.content, files.of_member(member)))
        held = b"\n".join(path.read_bytes() for path in paths).decode()
        return {word for word in (*PRIVATE_NAMES, MESSAGE) if word in held}

    def requests_counted(self, port: str) -> dict[str, int]:
        counted: dict[str, int] = requests.get(f"{self.address(port)}/_sandbox/requests", timeout=10).json()
        return counted


@contextmanager
def running_service(data_folder: Path, repository: Path) -> Iterator[Service]:
    """With a private repository beside this one. In the end all that was written down has been searched."""
    private = private_repository(data_folder.parent / "kept-back", EMAIL).path
    temporary = data_folder / "tmp"
    temporary.mkdir(mode=0o700, parents=True)
    ports = dict(zip(PORTS, free_ports(len(PORTS)), strict=True))
    env = {name: os.environ[name] for name in KEPT if name in os.environ}
    env |= {name: str(port) for name, port in ports.items()}
    env |= {"DATA_FOLDER": str(data_folder), "REPO": shlex.join(map(str, (repository, private)))}
    env |= {"GUNICORN_CMD_ARGS": "--access-logfile -", "TMPDIR": str(temporary)}
    github, openhumans = (Gate(f"http://127.0.0.1:{ports[name]}") for name in PORTS[1:])
    reports = ErrorReports(data_folder / "reports")
    env |= {"GITHUB_GATE": github.url, "OPENHUMANS_GATE": openhumans.url, "SENTRY_DSN": reports.dsn}
    log = data_folder / "service.log"
    with log.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.browser.gated", "service"],
            cwd=CHECKOUT,
            env=env,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
    service = Service(process, log, ports, data_folder, github, openhumans)
    try:
        wait_until(lambda: has_started(service), START_SECONDS, lambda: log.read_text(encoding="utf-8"))
        service.keep_private(private)
        yield service
        if process.poll() is None:
            service.require_no_leak()
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.wait(STOP_SECONDS)
        for server in (github, openhumans, reports):
            server.close()


def has_started(service: Service) -> bool:
    said = service.log.read_text(encoding="utf-8")
    assert service.process.poll() is None, f"The service ended:\n{said}"
    return f"Open {service.url}/ in a browser" in said


def wait_until(is_done: Callable[[], bool], seconds: float, complaint: Callable[[], str]) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline, complaint()
        time.sleep(0.1)


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()


def is_free(port: int) -> bool:
    with socket.socket() as each:
        each.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        return each.connect_ex(("127.0.0.1", port)) != 0


def descendants_of(pid: int) -> list[int]:
    """All processes below one, found by their parents in /proc."""
    parents: dict[int, list[int]] = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(status.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
        parents.setdefault(parent, []).append(int(status.parent.name))
    found, waiting = [], [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def temporary_folder_of(pid: int) -> str | None:
    """What this process was told; the servers are told of none, and use none."""
    told = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    named = (line.removeprefix(b"TMPDIR=") for line in told if line.startswith(b"TMPDIR="))
    return next(map(bytes.decode, named), None)


def is_alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in {"Z", "X"}
