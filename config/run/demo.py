"""`python -m config.run demo`: the whole job without a person, on real history, checked against git."""

import json
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

import requests

from config.run import environment, ports, verify
from config.run.embedded import SETTINGS
from config.run.errors import RunError
from config.run.folders import data_folder, throw_away
from config.run.history import Commit, most_active, of_author, read_history, served_names
from config.run.interrupt import Interrupt
from config.run.processes import tail
from config.run.service import DEFAULT_PORTS, Plan, Stack
from config.run.verify import Json, Published
from config.run.visitor import Visitor

# What would lead the demonstration to real services, real data or a real site.
NOT_TAKEN_OVER = (
    *environment.CREDENTIALS,
    *environment.PROVIDER_URLS,
    *SETTINGS,
    "OPENHUMANS_WEBHOOK_SECRET",
    "SITE_URL",
    "STATIC_ROOT",
    "SECRET_KEY",
    "TOKEN_KEYS",
)
PROGRESS_SECONDS = 5.0
# So many equal readings, so far apart, say that no request is under way.
STILL_READINGS, READING_SECONDS = 4, 0.5


@dataclass(frozen=True)
class Wanted:
    """What the demonstration is asked to show."""

    repositories: list[Path]
    login: str | None
    email: str | None
    timeout: float


@dataclass
class Outcome:
    """What happened, for the table at the end; `problems` is empty if all is as it should be."""

    problems: list[str] = field(default_factory=list)
    rows: dict[str, str] = field(default_factory=dict)
    failure: BaseException | None = None


def demonstrate(environ: Mapping[str, str], wanted: Wanted, interrupt: Interrupt) -> int:
    """The exit code: 0 only if every check held."""
    with throw_away(data_folder(environ) / "tmp") as folder:
        plan = make_plan(environ, wanted, folder)
        stack = Stack(plan, interrupt, say=lambda _text: None)
        try:
            names = ", ".join(map(str, wanted.repositories))
            print(f"Starting the service on free ports, with the history of {names} ...", flush=True)
            stack.start()
            outcome = visit_beside(stack, wanted)
        finally:
            stack.stop()
    interrupt.check()
    return report(outcome)


def make_plan(environ: Mapping[str, str], wanted: Wanted, folder: Path) -> Plan:
    env = {name: value for name, value in environ.items() if name not in NOT_TAKEN_OVER}
    for name, port in zip(DEFAULT_PORTS, ports.choose_several(len(DEFAULT_PORTS)), strict=True):
        env[name] = str(port)
    env["SYNC_UPDATE_NOW_SECONDS"] = "0"  # a person would wait before the second sync
    env["SANDBOX_LOGIN"], env["SANDBOX_EMAIL"] = wanted.login or "", wanted.email or ""
    return Plan(folder, env, is_sandbox=True, repositories=wanted.repositories)


def visit_beside(stack: Stack, wanted: Wanted) -> Outcome:
    """The visit runs in a thread, so that this one can go on supervising, as it must."""
    outcome = Outcome()

    def visit() -> None:
        try:
            Demonstration(stack.plan, wanted, outcome).run()
        except Exception as error:  # raised again below, in the thread that decides
            outcome.failure = error

    thread = threading.Thread(target=visit, daemon=True)
    thread.start()
    stack.supervisor.run(is_done=lambda: not thread.is_alive())
    if isinstance(outcome.failure, RunError | requests.RequestException):
        raise RunError(f"{ends_of_logs(stack.plan.logs)}\n\n{outcome.failure}") from outcome.failure
    if outcome.failure:
        raise outcome.failure
    return outcome


def ends_of_logs(logs: Path) -> str:
    """What the programs said last: the folder with their logs is about to be removed."""
    return "\n\n".join(f"The end of {log.name}:\n{tail(log)}" for log in sorted(logs.glob("w*.log")))


class Demonstration:
    """The visit, step by step; each adds rows and problems to the outcome."""

    def __init__(self, plan: Plan, wanted: Wanted, outcome: Outcome) -> None:
        self.wanted = wanted
        self.outcome = outcome
        self.visitor = Visitor(plan.site)
        self.github = f"http://{ports.LOOPBACK}:{plan.env['SANDBOX_GITHUB_PORT']}"
        self.openhumans = f"http://{ports.LOOPBACK}:{plan.env['SANDBOX_OPENHUMANS_PORT']}"
        self.deadline = time.monotonic() + wanted.timeout

    def run(self) -> None:
        expected = self.expected_commits()
        self.visitor.sign_in()
        began, synced_from = time.monotonic(), datetime.now(UTC)
        self.visitor.connect()  # the sync begins before this returns
        status = self.first_sync(began)
        files = self.download()
        self.check(files, expected, status, synced_from)
        self.second_sync()

    def expected_commits(self) -> list[Commit]:
        folders = self.wanted.repositories
        names = served_names(folders)
        histories = map(read_history, folders, names)
        commits = [commit for history in histories for commit in history]
        email = self.wanted.email or most_active(commits)
        self.outcome.rows["history of"] = ", ".join(names)
        # Never the address: what is printed here is shown around.
        found = "the one with most commits" if email else "nobody"
        self.outcome.rows["author"] = "the one asked for" if self.wanted.email else found
        return of_author(commits, email) if email else []

    def first_sync(self, began: float) -> Json:
        progress = Progress()
        first_file: float | None = None
        for status in self.visitor.watch(self.deadline):
            if first_file is None and self.visitor.files():
                first_file = time.monotonic() - began
            progress.show(status)
        progress.end()
        self.outcome.rows["weeks held of known"] = f"{status['weeks_held']} of {status['weeks_known']}"
        self.outcome.rows["seconds to the first file"] = "-" if first_file is None else f"{first_file:.1f}"
        self.outcome.rows["seconds until complete"] = f"{time.monotonic() - began:.1f}"
        if status["weeks_held"] != status["weeks_known"]:
            self.outcome.problems.append(f"{status['weeks_held']} of {status['weeks_known']} weeks are held.")
        return status

    def download(self) -> list[Published]:
        listed = self.visitor.files()
        return [Published(file, self.visitor.download(str(file["url"]))) for file in listed]

    def check(
        self, files: list[Published], expected: list[Commit], status: Json, synced_from: datetime
    ) -> None:
        outcome, schema = self.outcome, self.visitor.schema()
        outcome.problems += verify.check_weeks(
            [file.listed for file in files], synced_from, datetime.now(UTC)
        )
        for file in files:
            outcome.problems += verify.check_file(file, schema)
        if not outcome.problems:
            documents = [json.loads(file.content) for file in files if file.holds_weeks]
            outcome.problems += verify.check_commits(expected, documents, self.github)
        github, openhumans = self.counts()
        outcome.rows["commits in git log"] = str(len(expected))
        outcome.rows["files"] = str(len(files))
        outcome.rows["bytes"] = f"{sum(len(file.content) for file in files):,}"
        outcome.rows["requests of the sync"] = f"{status['requests']}, for {status['points']} points"
        outcome.rows["requests at GitHub, all in all"] = f"{github['total']}, for {github['points']} points"
        outcome.rows["requests at Open Humans, all in all"] = str(openhumans["total"])
        if github["refused_while_blocked"] or github["writes"]:
            outcome.problems.append("GitHub was asked while it had told us to wait, or was asked to write.")

    def second_sync(self) -> None:
        before = self.counts_at_rest()
        self.visitor.update_now()
        for _ in self.visitor.watch(self.deadline):
            pass
        github, openhumans = map(verify.cost_between, before, self.counts())
        self.outcome.rows["second sync"] = f"{github} at GitHub, {openhumans} at Open Humans"
        if (github, openhumans) != (1, 0):
            self.outcome.problems.append(
                f"The second sync cost {github} requests at GitHub and {openhumans} at Open Humans, "
                "instead of 1 and 0."
            )

    def counts_at_rest(self) -> tuple[Json, Json]:
        """When nothing is under way any more: the message to the member follows the end of a run."""
        counts, still = self.counts(), 0
        while still < STILL_READINGS and time.monotonic() < self.deadline:
            time.sleep(READING_SECONDS)
            now = self.counts()
            counts, still = now, still + 1 if now == counts else 0
        return counts

    def counts(self) -> tuple[Json, Json]:
        github, openhumans = (
            dict(self.visitor.get(f"{address}/_sandbox/requests").json())
            for address in (self.github, self.openhumans)
        )
        return github, openhumans


class Progress:
    """One line that changes on a terminal, or a line now and then where the output is kept."""

    def __init__(self) -> None:
        self._is_terminal = sys.stdout.isatty()
        self._shown_at = 0.0

    def show(self, status: Json) -> None:
        if not self._is_terminal and time.monotonic() - self._shown_at < PROGRESS_SECONDS:
            return
        self._shown_at = time.monotonic()
        wait = f", waiting until {status['waiting_until']}" if status["waiting_until"] else ""
        text = f"{status['weeks_held']} of {status['weeks_known']} weeks, {status['requests']} requests{wait}"
        if self._is_terminal:
            print(f"\r\033[K{text}", end="", flush=True)
        else:
            print(text, flush=True)

    def end(self) -> None:
        if self._is_terminal:
            print("\r\033[K", end="", flush=True)


def report(outcome: Outcome) -> int:
    width = max(map(len, outcome.rows), default=0)
    print()
    for name, value in outcome.rows.items():
        print(f"{name:<{width}}  {value}")
    if outcome.problems:
        print("\nNot as it should be:")
        for problem in outcome.problems:
            print(f"  {problem}")
        return 1
    print("\nEvery week is held, every file is valid, and the commits equal git log.")
    return 0
