"""Every process of the service, started by the drill that is going to kill them.

The programs and servers are the ones of `make run`; only the numbers of the engine are seconds. Between the
service and each stand-in stands a `Gate`, which can stop a request at any place of its way. What died is
started again by `tend()`, as the supervisor does, but at once.
"""

import hashlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import dramatiq
import psycopg
import redis
import requests
from dramatiq.brokers.redis import RedisBroker

from config.run import environment, ports, programs
from config.run.embedded import start_until_ready
from config.run.health import health_request, is_answering
from config.run.interrupt import Interrupt
from config.run.keys import keep_secrets
from config.run.postgres import Postgres
from config.run.processes import Child, stop_together, tail
from config.run.valkey import Valkey
from config.run.visitor import Visitor
from sandbox.openhumans.files import StoredFile
from sandbox.openhumans.state import State
from tests.browser.service import descendants_of, is_alive
from tests.faults.gate import Gate
from tests.faults.summary import IS_LONG
from tests.repositories import Repository
from tests.secrets.installation import Installation, require_no_leak
from tests.secrets.planted import MARKER
from tests.secrets.reports import ErrorReports

# What tests are told must not reach the service.
KEPT = ("PATH", "HOME", "LANG", "LC_ALL", "USER")
# Much less would run out while a busy machine makes a living worker wait.
LEASE_SECONDS = 3.0
SCAN_SECONDS = 1.0 if IS_LONG else 0.5
# From the start of a worker to its first message, on two cores that others use as well. How long it took to
# resume stands in the table.
BOOT_SECONDS = 60.0
NUMBERS = {
    "SYNC_LEASE_SECONDS": str(LEASE_SECONDS),
    "SYNC_NUDGE_SECONDS": "2" if IS_LONG else "1",
    "SYNC_STEP_REQUESTS": "2",
    "SYNC_WAIT_FLOOR_SECONDS": "0.5",
    "SYNC_UPDATE_NOW_SECONDS": "0",
    "LOG_LEVEL": "INFO",
    # How long a worker whose Redis went away leaves it alone, in milliseconds: dramatiq's own name and unit.
    "dramatiq_restart_delay": "3000" if IS_LONG else "300",
}
# To look is to connect to Postgres anew, which takes time from those who are looked at.
LOOK_SECONDS = 0.1
START_SECONDS = 180.0
END_SECONDS = 300.0
# GitHub's tokens can be refreshed, and none runs out by itself in the middle of a drill.
TOKEN_SECONDS = "28800"
MEMBER = "01234567"


@dataclass
class Stack:
    """`started()` makes one. All waiting is done in `live`, which keeps the service alive meanwhile."""

    folder: Path
    env: dict[str, str]
    postgres: Postgres
    valkey: Valkey
    github: Gate
    openhumans: Gate
    reports: ErrorReports
    # Of what is not public at GitHub: {word: what it is}.
    private_names: dict[str, str] = field(default_factory=dict)
    servers: dict[str, Child] = field(default_factory=dict)
    application: list[Child] = field(default_factory=list)
    stand_ins: list[Child] = field(default_factory=list)
    is_scanning: bool = True
    # Whether nothing has happened since what was written down was searched.
    is_searched: bool = False
    # What an undisturbed run gives, by what is run.
    truths: dict[Any, Any] = field(default_factory=dict)
    _scanned_at: float = 0.0
    _log_read_to: int = 0

    # --- Starting and stopping --------------------------------------------------------------------

    def start_surroundings(
        self, repositories: list[Path], account: Sequence[str], make_tables: Callable[["Stack"], None]
    ) -> None:
        """All that the application needs beside itself."""
        self.logs.mkdir()
        self.stand_ins = programs.stand_ins(self.env, self.logs, self.folder / "openhumans", repositories)
        self.stand_ins[0].command += ["--token-lifetime", TOKEN_SECONDS, *account]
        files = programs.manage(["collectstatic", "--noinput"], self.env, self.logs)
        for child in [*self.stand_ins, files]:
            child.start()
        for name in ("postgres", "valkey"):
            self.start_server(name)
        # What takes longest, beside those that are still starting.
        make_tables(self)
        _wait_for_end(files)
        for gate, child in zip((self.github, self.openhumans), self.stand_ins, strict=True):
            _wait_for_answer(child, f"{gate.upstream}/_sandbox/requests", {})

    def make_tables(self) -> None:
        tables = programs.manage(["migrate", "--noinput"], self.env, self.logs)
        tables.start()
        _wait_for_end(tables)

    def start_application(self) -> None:
        self.scratch.mkdir()
        env = {**self.env, "TMPDIR": str(self.scratch)}
        self.application = programs.application(env, self.logs, int(self.env["PORT"]))
        for child in self.application:
            child.start()
        address, headers = health_request(self.site, int(self.env["PORT"]), self.env)
        _wait_for_answer(self.web, address, headers)

    def stop(self) -> None:
        """The servers alone in their own time: nothing of the others is wanted any more."""
        for child in [*self.application, *self.stand_ins]:
            child.kill_group()
        stop_together(self.servers.values(), Interrupt())
        for server in (self.github, self.openhumans, self.reports):
            server.close()

    def start_server(self, name: str) -> None:
        server: Postgres | Valkey = self.postgres if name == "postgres" else self.valkey
        interrupt = Interrupt()
        server.prepare(interrupt)
        self.servers[name] = server.server()
        start_until_ready(self.servers[name], server, interrupt)

    def stop_server(self, name: str, number: signal.Signals) -> None:
        child = self.servers[name]
        assert child.process is not None
        child.process.send_signal(number)
        _wait(lambda: not child.is_running, 30, f"{name} does not stop")
        child.kill_group()

    # --- Killing ----------------------------------------------------------------------------------

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def scratch(self) -> Path:
        """Where the application keeps what it is about to send."""
        return self.folder / "scratch"

    @property
    def site(self) -> str:
        return self.env["SITE_URL"]

    @property
    def web(self) -> Child:
        return self.application[0]

    @property
    def worker(self) -> Child:
        return self.application[1]

    @property
    def scheduler(self) -> Child:
        return self.application[2]

    def worker_children(self) -> list[int]:
        """The processes that do the work, below the worker's master."""
        return [pid for pid in descendants_of(self.worker.pid or 0) if is_alive(pid)]

    def kill_worker(self) -> None:
        """Master and children at once, and a new worker in their place."""
        self.worker.kill_group()
        self.tend()

    def tend(self) -> None:
        """Start again what died, and end what it left behind."""
        for child in self.application:
            if not child.is_running:
                child.kill_group()
                child.start()

    def live(self, until: Callable[[], bool], seconds: float = END_SECONDS, what: str = "") -> float:
        """Keep everything alive, scan again and again, until `until()`; give the seconds that took."""
        began = time.monotonic()
        while not until():
            self.tend()
            self.scan()
            if time.monotonic() - began > seconds:
                raise AssertionError(
                    f"Not within {seconds:.0f} s: {what}\nruns: {self.runs()}\n{tail(self.worker.log, 40)}"
                )
            time.sleep(LOOK_SECONDS)
        return time.monotonic() - began

    def live_for(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        self.live(lambda: time.monotonic() >= until)

    def scan(self) -> None:
        """As the scheduler does each minute, but each second or sooner."""
        if not self.is_scanning or time.monotonic() - self._scanned_at < SCAN_SECONDS:
            return
        self._scanned_at = time.monotonic()
        message: dramatiq.Message[Any] = dramatiq.Message(
            queue_name="interactive", actor_name="scan", args=(), kwargs={}, options={}
        )
        broker = RedisBroker(  # type: ignore[no-untyped-call]
            url=self.env["REDIS_URL"], middleware=[], socket_connect_timeout=2
        )
        try:
            broker.enqueue(message)
        except (redis.RedisError, dramatiq.errors.BrokerError):
            pass  # the next one comes soon
        finally:
            broker.client.close()

    # --- The member -------------------------------------------------------------------------------

    def connect(self, choice: str = "public", *, secret_gists: bool = False) -> Visitor:
        """A new member signs in and connects GitHub; the first run starts by itself."""
        self.wait_for_site()
        visitor = Visitor(self.site)
        visitor.sign_in()
        visitor.connect(choice, secret_gists=secret_gists)
        return visitor

    def wait_for_site(self) -> None:
        """Until there are pages: the web process may have been killed a moment ago."""
        address, headers = health_request(self.site, int(self.env["PORT"]), self.env)
        self.live(lambda: is_answering(address, headers), START_SECONDS, "the site answers")

    def forget_everything(self) -> None:
        """As on the first day: no member, no file, no message, no budget; the stand-ins know no fault.

        What has happened at GitHub stays so.
        """
        self.live(lambda: self.settled, what="the last run ends")
        self.execute("truncate accounts_user restart identity cascade")
        self.redis_command("FLUSHALL")
        for file in self.all_files():
            assert self.state.files.delete(file)
        self._log_read_to = self.worker.log.stat().st_size
        for gate in (self.github, self.openhumans):
            gate.reset()
            requests.post(f"{gate.upstream}/_sandbox/reset", timeout=10).raise_for_status()

    def require_no_leak(self) -> None:
        """While the servers still run: nothing secret and no text of a member stands anywhere."""
        require_no_leak(self.installation)
        self.is_searched = True

    @property
    def installation(self) -> Installation:
        heard = {**self.github.heard, **self.openhumans.heard}
        return Installation(self.folder, self.env, heard, {MARKER: "a message"}, self.private_names)

    @property
    def state(self) -> State:
        return State(self.folder / "openhumans")

    def all_files(self) -> list[StoredFile]:
        return self.state.files.of_member(MEMBER)

    def stored(self) -> dict[str, bytes]:
        """The member's complete files by name; two of one name are an error."""
        state, found = self.state, {}
        for file in state.files.of_member(MEMBER):
            path = state.files.content(file)
            assert path is not None
            assert file.basename not in found, f"{file.basename} is there twice"
            found[file.basename] = path.read_bytes()
        return found

    def checksums(self) -> dict[str, str]:
        return {name: hashlib.sha256(content).hexdigest() for name, content in self.stored().items()}

    # --- What is known of the run -----------------------------------------------------------------

    def rows(self, query: str) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.env["DATABASE_URL"], connect_timeout=5, autocommit=True) as connection:
            return connection.execute(query.encode()).fetchall()

    def execute(self, statement: str) -> None:
        with psycopg.connect(self.env["DATABASE_URL"], connect_timeout=5, autocommit=True) as connection:
            connection.execute(statement.encode())

    def runs(self) -> list[tuple[Any, ...]]:
        query = "select state, step, wait_reason, error_code, error from sync_syncrun order by id"
        try:
            return self.rows(query)
        except psycopg.Error:
            return []

    @property
    def settled(self) -> bool:
        """No run is under way."""
        query = "select count(*) from sync_syncrun where state in ('queued', 'running', 'waiting')"
        try:
            return self.rows(query) == [(0,)]
        except psycopg.Error:
            return False

    @property
    def has_given_up(self) -> bool:
        """A worker said that its run is no longer its own."""
        return "is no longer ours" in self.said()

    def said(self) -> str:
        """The worker's log since the last `forget_everything`."""
        return self.worker.log.read_bytes()[self._log_read_to :].decode("utf-8", "replace")

    @property
    def is_waiting(self) -> bool:
        return any(run[0] == "waiting" for run in self.runs())

    def is_waiting_for(self, reason: str) -> bool:
        return any((run[0], run[2]) == ("waiting", reason) for run in self.runs())

    def require_success(self) -> None:
        runs = self.runs()
        assert {run[0] for run in runs} == {"succeeded"}, runs
        self.require_success_at_last()

    def require_success_at_last(self) -> None:
        """Whatever became of the runs before it."""
        runs = self.runs()
        assert runs
        assert runs[-1][0] == "succeeded", runs
        query = "select status, failures, (select count(*) from sync_stagedbatch) from sync_subscription"
        assert self.rows(query) == [("active", 0, 0)]

    def waits_and_failures(self) -> tuple[int, int]:
        [(waits, failures)] = self.rows(
            "select sum(waits), count(*) filter (where state = 'failed') from sync_syncrun"
        )
        return waits, failures

    def act(self, act: str, **details: Any) -> dict[str, Any]:
        """Something that happens at GitHub, see sandbox/github/acts.py."""
        url = f"{self.github.upstream}/_sandbox/acts"
        answer = requests.post(url, json={"act": act, **details}, timeout=30)
        answer.raise_for_status()
        done: dict[str, Any] = answer.json()
        return done

    def forget_budgets(self) -> None:
        with redis.Redis.from_url(f"{self.env['REDIS_URL']}/1", socket_timeout=5) as client:
            client.flushdb()

    def redis_command(self, *command: str) -> None:
        with redis.Redis.from_url(self.env["REDIS_URL"], socket_timeout=5) as client:
            client.execute_command(*command)

    # --- What the stand-ins saw -------------------------------------------------------------------

    def fault(self, gate: Gate, **switches: Any) -> None:
        requests.post(f"{gate.upstream}/_sandbox/faults", json=switches, timeout=10).raise_for_status()

    def faults(self, gate: Gate) -> dict[str, Any]:
        """Those that are still to come."""
        left: dict[str, Any] = requests.get(f"{gate.upstream}/_sandbox/faults", timeout=10).json()
        return left

    def accounting(self, gate: Gate) -> dict[str, Any]:
        answer: dict[str, Any] = requests.get(f"{gate.upstream}/_sandbox/requests", timeout=10).json()
        return answer

    def progress(self) -> int:
        """Rises with every request to either service."""
        return len(self.github.log) + len(self.openhumans.log)


def _wait(is_done: Callable[[], bool], seconds: float, complaint: str) -> None:
    deadline = time.monotonic() + seconds
    while not is_done():
        assert time.monotonic() < deadline, complaint
        time.sleep(0.05)


def _wait_for_end(child: Child) -> None:
    _wait(lambda: not child.is_running, START_SECONDS, f"{child.name} does not end")
    assert child.exit_code == 0, tail(child.log, 40)


def _wait_for_answer(child: Child, address: str, headers: dict[str, str]) -> None:
    def answers() -> bool:
        assert child.is_running, f"{child.name} has ended:\n{tail(child.log, 40)}"
        return is_answering(address, headers)

    _wait(answers, START_SECONDS, f"{address} does not answer")


@contextmanager
def started(
    folder: Path, *repositories: Repository, account: Sequence[str] = (), **numbers: str
) -> Iterator[Stack]:
    """The whole service on free ports, with these histories at GitHub; `account` are more arguments of it."""
    made = Stack.make_tables
    with surroundings(folder, *repositories, account=account, make_tables=made, **numbers) as stack:
        stack.start_application()
        yield stack


@contextmanager
def surroundings(
    folder: Path,
    *repositories: Repository,
    account: Sequence[str] = (),
    make_tables: Callable[[Stack], None] = Stack.make_tables,
    **numbers: str,
) -> Iterator[Stack]:
    """Servers with their tables, and stand-ins, for a service that is still to be started.

    When it is over, what was written down is searched for secrets, unless that was just done.
    """
    web, github, openhumans, postgres, valkey = ports.choose_several(5)
    github_gate, openhumans_gate = (Gate(f"http://{ports.LOOPBACK}:{port}") for port in (github, openhumans))
    reports = ErrorReports(folder / "reports")
    secrets = keep_secrets(folder)
    plan = {
        "PORT": str(web),
        "SANDBOX_GITHUB_PORT": str(github),
        "SANDBOX_OPENHUMANS_PORT": str(openhumans),
        "SANDBOX_EMAIL": repositories[0].email,
    }
    database = Postgres(
        folder / "postgres", postgres, secrets["POSTGRES_PASSWORD"], folder / "postgres.log", is_durable=False
    )
    cache = Valkey(
        folder / "valkey", valkey, secrets["VALKEY_PASSWORD"], folder / "valkey.log", is_durable=False
    )
    ours = {
        "SECRET_KEY": secrets["SECRET_KEY"],
        "TOKEN_KEYS": secrets["TOKEN_KEYS"],
        "SITE_URL": f"http://{ports.LOOPBACK}:{web}",
        "STATIC_ROOT": str(folder / "static"),
        "DATABASE_URL": database.url,
        "REDIS_URL": cache.url,
        **environment.sandbox_settings(plan, secrets),
        "GITHUB_URL": github_gate.url,
        "GITHUB_API_URL": f"{github_gate.url}/api",
        "OPENHUMANS_URL": openhumans_gate.url,
        "SENTRY_DSN": reports.dsn,
        # Temporary files and access logs are searched as well, once the drill is over.
        "TMPDIR": str(folder / "tmp"),
        "GUNICORN_CMD_ARGS": "--access-logfile -",
        **NUMBERS,
        **numbers,
    }
    (folder / "tmp").mkdir()
    kept = {name: os.environ[name] for name in KEPT if name in os.environ}
    env = programs.without_proxy(environment.application_environment({**kept, **plan}, ours, is_sandbox=True))
    stack = Stack(folder, env, database, cache, github_gate, openhumans_gate, reports)
    try:
        stack.start_surroundings([repository.path for repository in repositories], account, make_tables)
        yield stack
        if not stack.is_searched:
            stack.require_no_leak()
    finally:
        stack.stop()
