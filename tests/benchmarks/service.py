"""What is measured: both stand-ins and workers as processes of their own, and members connected to both.

Nothing of a stand-in runs in the process that is measured, so its time and memory are its own.
"""

import json
import os
import re
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import requests
from allauth.socialaccount.models import SocialAccount
from django.conf import settings
from django.db import connection
from redis import Redis

from config.run.processes import dies_with_parent
from config.run.programs import program
from sandbox.github.tokens import TokenStore
from sandbox.openhumans.state import State
from sync.consent import SCOPES, Choice
from sync.models import Subscription, SyncRun
from tests.benchmarks import processors
from tests.benchmarks.processors import Spent
from tests.cast import make_member, subscribe
from tests.sync.world import YEAR_FILE, keep

ROOT = Path(__file__).parent.parent.parent
START_SECONDS = 300.0
# To read the program takes a child more than this; one that spends less between two looks has nothing to do.
START_CPU_SECONDS = 0.5
READY_CPU_SECONDS = 0.05
LOOK_SECONDS = 0.5
REST_SECONDS = 0.15
# What a process that has nothing to do spends on looking for work is a third of this share of a core.
AT_REST = 0.03


# --- Stand-ins ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class StandIn:
    url: str

    def switch(self, **faults: Any) -> None:
        requests.post(f"{self.url}/_sandbox/faults", json=faults, timeout=60).raise_for_status()

    def reset(self) -> None:
        """Counters, limits and faults as at the start."""
        requests.post(f"{self.url}/_sandbox/reset", timeout=60).raise_for_status()

    def act(self, **details: Any) -> None:
        requests.post(f"{self.url}/_sandbox/acts", json=details, timeout=60).raise_for_status()

    def counts(self) -> dict[str, Any]:
        answer: dict[str, Any] = requests.get(f"{self.url}/_sandbox/requests", timeout=60).json()
        return answer

    def log(self) -> list[dict[str, Any]]:
        """The last 10,000 requests, in the order of their answers."""
        entries: list[dict[str, Any]] = requests.get(f"{self.url}/_sandbox/log", timeout=60).json()
        return entries

    def operations(self) -> dict[str, int]:
        """How often each GraphQL operation was asked since the last reset."""
        found: dict[str, int] = {}
        for entry in requests.get(f"{self.url}/_sandbox/graphql_log", timeout=60).json():
            found[entry["operation"]] = found.get(entry["operation"], 0) + 1
        return found


@dataclass(frozen=True, slots=True)
class Site:
    """Both stand-ins, and where the files on one of them lie."""

    github: StandIn
    openhumans: StandIn
    files: Path

    def delay(self, milliseconds: float) -> None:
        for stand_in in (self.github, self.openhumans):
            stand_in.switch(latency_ms=milliseconds)

    def reset(self) -> None:
        self.github.reset()
        self.openhumans.reset()


@contextmanager
def serving(folder: Path, *github: str) -> Iterator[Site]:
    """Both stand-ins, GitHub with these arguments; the settings of this process point at them."""
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:
        hub = stack.enter_context(_stand_in(folder, "github", *github))
        humans = stack.enter_context(_stand_in(folder, "openhumans", "--data", str(folder / "openhumans")))
        settings.GITHUB_URL, settings.GITHUB_API_URL, settings.OPENHUMANS_URL = hub, f"{hub}/api", humans
        yield Site(StandIn(hub), StandIn(humans), folder / "openhumans")


@contextmanager
def _stand_in(folder: Path, name: str, *arguments: str) -> Iterator[str]:
    command = [sys.executable, "-m", "sandbox", name, "--port", "0", *arguments]
    with (
        (folder / f"{name}.log").open("wb") as log,
        _process(command, ROOT, stdout=subprocess.PIPE, stderr=log) as process,
    ):
        yield _announced(process, name)


@contextmanager
def _process(command: list[str], cwd: Path, **options: Any) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        command, cwd=cwd, start_new_session=True, preexec_fn=dies_with_parent(signal.SIGKILL), **options
    )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _announced(process: "subprocess.Popen[bytes]", name: str) -> str:
    assert process.stdout is not None
    with selectors.DefaultSelector() as ready:
        ready.register(process.stdout, selectors.EVENT_READ)
        if not ready.select(START_SECONDS):
            raise SystemExit(f"The stand-in for {name} does not start.")
    line = process.stdout.readline().decode()
    found = re.search(r"listening on (\S+)", line)
    if found is None:
        raise SystemExit(f"The stand-in for {name} says: {line or 'nothing'}")
    return found[1]


# --- Members --------------------------------------------------------------------------------------------


def connect(site: Site, github_id: int, login: str, choice: Choice = Choice.PRIVATE) -> Subscription:
    """A member connected to both stand-ins, as two consents leave it."""
    member = make_member(str(uuid4().int)[:8])
    subscription = subscribe(member, github_id, login, choice)
    issued = TokenStore(client_secret=None, lifetime=None).issue(
        github_id, settings.GITHUB_CLIENT_ID, SCOPES[choice]
    )
    _keep(subscription, "github", issued.access_token, issued.refresh_token)
    grants, name = State(site.files).grants, str(member.open_humans_id)
    grants.join(name)
    pair = grants.spend_code(grants.issue_code(settings.OPENHUMANS_CLIENT_ID, name, "", "", "", ""))
    assert pair is not None
    assert pair.access is not None
    _keep(subscription, "openhumans", pair.access, pair.refresh)
    return subscription


def _keep(subscription: Subscription, provider: str, access: str, refresh: str | None) -> None:
    keep(SocialAccount.objects.get(user=subscription.user, provider=provider), access, refresh)


def connect_generated(site: Site, choice: Choice = Choice.PRIVATE) -> Subscription:
    """The one member of a made-up account, whose number does not depend on its size.

    With every private repository, those of organisations as well, as the naive way and `make costs` have it.
    """
    from sandbox.github.app import create_app

    account = create_app(account="2:1:1").extensions["github_stand_in"].world.catalogue.member
    subscription = connect(site, account.id, account.login, choice)
    subscription.agreement.pop("organizations", None)
    subscription.save(update_fields=["agreement"])
    return subscription


def connect_author(site: Site, path: Path, email: str, author: str = "") -> Subscription:
    """A member who is an author of the repository that is served: its owner, if no other is named."""
    from sandbox.github.app import create_app

    catalogue = create_app([path], emails=[email]).extensions["github_stand_in"].world.catalogue
    account = catalogue.account_by_email(author or email)
    return connect(site, account.id, account.login)


def forget(subscription: Subscription) -> None:
    """The member with all rows, messages and budgets."""
    subscription.user.delete()
    _empty_redis()


def forget_all() -> None:
    """All members, with everything of theirs."""
    with connection.cursor() as cursor:
        cursor.execute("truncate accounts_user cascade")
    _empty_redis()


def _empty_redis() -> None:
    with Redis.from_url(settings.REDIS_URL) as client:
        client.flushall()


# --- Workers --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Worker:
    """A dramatiq master with its children."""

    process: "subprocess.Popen[bytes]"
    processes: int

    def children(self) -> list[int]:
        return [pid for pid in processors.children(self.process.pid) if _is_python(pid)][: self.processes]

    def peak_megabytes(self) -> float:
        """The most memory that one child has had at any time."""
        return max(_status(pid, "VmHWM") / 1024 for pid in self.children())

    def wait_until_ready(self) -> None:
        """Until each child has started, looked for what is due, and come to rest."""
        deadline, spent = time.monotonic() + START_SECONDS, 0.0
        while not self._has_started() or self.cpu_seconds() - spent > READY_CPU_SECONDS:
            if time.monotonic() > deadline:
                raise SystemExit("The workers do not come to rest.")
            spent = self.cpu_seconds()
            time.sleep(LOOK_SECONDS)

    def wait_until_at_rest(self, longest_answer: float = 0.0) -> None:
        """Until all children have only looked for work for longer than an answer may take."""
        pause = REST_SECONDS + longest_answer
        most = AT_REST * pause * self.processes
        deadline, spent = time.monotonic() + START_SECONDS, float("-inf")
        while (now := self.cpu_seconds()) - spent > most:
            if time.monotonic() > deadline:
                raise SystemExit("The workers do not come to rest.")
            spent = now
            time.sleep(pause)

    def _has_started(self) -> bool:
        children = self.children()
        return (
            len(children) == self.processes and min(map(processors.of_process, children)) > START_CPU_SECONDS
        )

    def spent(self) -> Spent:
        return Spent(self.cpu_seconds(), processors.of_postgres(), processors.of_redis())

    def cpu_seconds(self) -> float:
        return sum(map(processors.of_process, self.children()))


@contextmanager
def working(folder: Path, processes: int = 1, threads: int = 1, **environment: str) -> Iterator[Worker]:
    """`dramatiq sync.actors`, as any deployment starts it, with the settings of this process.

    `folder` is its working folder, and where its temporary files go.
    """
    urls = {name: getattr(settings, name) for name in ("GITHUB_URL", "GITHUB_API_URL", "OPENHUMANS_URL")}
    places = {"PYTHONPATH": str(ROOT), "TMPDIR": str(folder)}
    command = [*program("dramatiq"), "sync.actors", "--processes", str(processes), "--threads", str(threads)]
    folder.mkdir(parents=True, exist_ok=True)
    with (
        (folder / "worker.log").open("ab") as log,
        _process(
            command,
            folder,
            stdout=log,
            stderr=log,
            env={**os.environ, **urls, **places, "LOG_LEVEL": "WARNING", **environment},
        ) as process,
    ):
        yield Worker(process, processes)


def wait_for_end(run: SyncRun, seconds: float, what: str) -> SyncRun:
    """The run when it has ended; what waits for a limit is counted by `waits`."""
    deadline = time.monotonic() + seconds
    while run.is_active:
        if time.monotonic() > deadline:
            raise SystemExit(f"{what}: the run is still {run.state} at step {run.step}")
        time.sleep(0.05)
        run.refresh_from_db()
    if run.state != SyncRun.State.SUCCEEDED:
        raise SystemExit(f"{what}: the run {run.state}: {run.error_code} {run.error}")
    return run


def _is_python(pid: int) -> bool:
    try:
        return b"dramatiq" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False


def _status(pid: int, name: str) -> float:
    found = re.search(rf"^{name}:\s+(\d+)", Path(f"/proc/{pid}/status").read_text(), re.MULTILINE)
    return float(found[1]) if found else 0.0


def stored(site: Site, subscription: Subscription) -> list[tuple[str, Path]]:
    """The member's complete files on Open Humans: their names, which may be there twice, and their bytes."""
    files = State(site.files).files
    return [
        (file.basename, path)
        for file in files.of_member(str(subscription.user.open_humans_id))
        if (path := files.content(file)) is not None
    ]


def stored_commits(site: Site, subscription: Subscription) -> list[str]:
    """The oid of each commit in those files, as often as it stands there."""
    return [
        commit["oid"]
        for name, path in stored(site, subscription)
        if YEAR_FILE.fullmatch(name)
        for week in json.loads(path.read_bytes())["weeks"].values()
        for commit in week["commits"]
    ]
