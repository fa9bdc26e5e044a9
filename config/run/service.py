"""`python -m config.run service`: the whole stack of processes, from servers to scheduler."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from config.run import environment, ports, programs
from config.run.embedded import SETTINGS, Server, start_server
from config.run.errors import RunError, UsageError
from config.run.folders import CHECKOUT, data_folder, make_private, only_one
from config.run.health import health_request, is_answering
from config.run.history import require_repository
from config.run.interrupt import Interrupt
from config.run.keys import keep_ports, keep_secrets
from config.run.postgres import Postgres
from config.run.processes import Child, rotate, stop_together, tail
from config.run.supervisor import Supervisor
from config.run.survivors import end_survivors
from config.run.valkey import Valkey

DEFAULT_PORTS = {"PORT": "8000", "SANDBOX_GITHUB_PORT": "9001", "SANDBOX_OPENHUMANS_PORT": "9002"}
SURVIVORS_NAME = "processes.json"
READY_SECONDS = 60.0
STEP_SECONDS = 600.0


@dataclass(frozen=True)
class Plan:
    """What will be started, decided and checked before anything is."""

    folder: Path
    env: dict[str, str]  # the person's, and the ports
    is_sandbox: bool
    repositories: list[Path]

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def port(self) -> int:
        return int(self.env["PORT"])

    @property
    def site(self) -> str:
        return environment.site_url(self.env, self.port)


def make_plan(environ: Mapping[str, str], env_file: Path, default_repository: Path) -> Plan:
    """Raises `UsageError` for anything that would stop the start later."""
    env = environment.read_environment(environ, env_file)
    is_sandbox = environment.wants_sandbox(env)
    for name, port in DEFAULT_PORTS.items():
        env[name] = str(ports.parse(name, env.get(name) or port))
    repositories = environment.repositories(env, default_repository) if is_sandbox else []
    plan = Plan(data_folder(env), env, is_sandbox, repositories)
    environment.site_url(env, plan.port)
    return plan


def check_plan(plan: Plan) -> None:
    """What can only be asked of the machine, asked before the first process starts."""
    for repository in plan.repositories:
        require_repository(repository)
    wanted = DEFAULT_PORTS if plan.is_sandbox else {"PORT": ""}
    numbers = [plan.env[name] for name in wanted]
    if len(set(numbers)) < len(numbers):
        raise UsageError(f"{', '.join(wanted)} want different numbers.")
    for name in wanted:
        port = int(plan.env[name])
        ports.require_free(port, f"make run {name}={port + 1}")


class Stack:
    """All processes of one plan. `start`, then `supervisor.run()`, and `stop` whatever happened."""

    def __init__(self, plan: Plan, interrupt: Interrupt, say: Callable[[str], None]) -> None:
        self.plan = plan
        self.say = say
        self.interrupt = interrupt
        self.supervisor = Supervisor(interrupt, say, plan.folder / SURVIVORS_NAME)

    def start(self) -> None:
        """Returns when the site answers. Raises `RunError`, after which `stop` is still to be called."""
        plan = self.plan
        plan.logs.mkdir(exist_ok=True)
        end_survivors(plan.folder / SURVIVORS_NAME, self.interrupt)
        check_plan(plan)
        secrets = keep_secrets(plan.folder)
        env = self._application_environment(secrets, self._start_servers(secrets))
        if plan.is_sandbox:
            self._start_stand_ins(env)
        self._prepare(env)
        self._start_application(env)

    def stop(self) -> None:
        self.supervisor.stop()

    def _start_servers(self, secrets: dict[str, str]) -> dict[str, str]:
        folder, logs = self.plan.folder, self.plan.logs
        chosen = keep_ports(folder, SETTINGS)
        passwords = {"DATABASE_URL": secrets["POSTGRES_PASSWORD"], "REDIS_URL": secrets["VALKEY_PASSWORD"]}
        embedded: dict[str, Server] = {
            "DATABASE_URL": Postgres(
                folder / "postgres", chosen["DATABASE_URL"], passwords["DATABASE_URL"], logs / "postgres.log"
            ),
            "REDIS_URL": Valkey(
                folder / "valkey", chosen["REDIS_URL"], passwords["REDIS_URL"], logs / "valkey.log"
            ),
        }
        urls = {}
        for setting, server in embedded.items():
            if self.plan.env.get(setting):
                self.say(f"Using the server that {setting} names.")
            else:
                urls[setting] = start_server(server, self.supervisor)
                self.say(f"{type(server).__name__} is ready.")
                if isinstance(server, Postgres) and server.place.cluster != server.folder:
                    self.say(
                        f"Its data is in {server.place.cluster}, where it runs as nobody and not as root."
                    )
        return urls

    def _application_environment(self, secrets: dict[str, str], urls: dict[str, str]) -> dict[str, str]:
        plan = self.plan
        ours = {
            "SECRET_KEY": secrets["SECRET_KEY"],
            "TOKEN_KEYS": secrets["TOKEN_KEYS"],
            "SITE_URL": plan.site,
            "STATIC_ROOT": str(plan.folder / "static"),
            **urls,
            **(environment.sandbox_settings(plan.env, secrets) if plan.is_sandbox else {}),
        }
        env = environment.application_environment(plan.env, ours, is_sandbox=plan.is_sandbox)
        return programs.without_proxy(env) if plan.is_sandbox else env

    def _start_stand_ins(self, env: dict[str, str]) -> None:
        files = self.plan.folder / "openhumans"
        children = programs.stand_ins(env, self.plan.logs, files, self.plan.repositories)
        self._start(children)
        for child, setting in zip(children, ("GITHUB_URL", "OPENHUMANS_URL"), strict=True):
            self._wait_for(child, f"{env[setting]}/_sandbox/requests", {}, children)
        names = ", ".join(map(str, self.plan.repositories))
        self.say(
            "No OAuth credentials are set, so this is a sandbox: Open Humans and GitHub are stand-ins on "
            f"this machine, with the history of {names}."
        )

    def _prepare(self, env: dict[str, str]) -> None:
        self._step(["migrate", "--noinput"], env)
        if self.plan.is_sandbox:
            self._step(["check_sandbox"], env)
        self._step(["collectstatic", "--noinput"], env)
        self.say("Database and static files are ready.")

    def _step(self, command: list[str], env: dict[str, str]) -> None:
        child = programs.manage(command, env, self.plan.logs)
        child.log.unlink(missing_ok=True)
        failure = f"manage.py {command[0]} does not end; its log is {child.log}."
        try:
            child.start()
            self.interrupt.wait_until(lambda: not child.is_running, seconds=STEP_SECONDS, failure=failure)
        finally:
            stop_together([child], self.interrupt)
        if child.exit_code:
            raise RunError(f"{tail(child.log)}\n\nThe step `manage.py {command[0]}` failed; see above.")

    def _start_application(self, env: dict[str, str]) -> None:
        children = programs.application(env, self.plan.logs, self.plan.port)
        self._start(children)
        address, headers = health_request(self.plan.site, self.plan.port, env)
        self._wait_for(children[0], address, headers, children)
        self.say("Web, worker and scheduler are running.")

    def _start(self, children: list[Child]) -> None:
        for child in children:
            rotate(child.log)
        self.supervisor.start(children)

    def _wait_for(self, child: Child, address: str, headers: dict[str, str], needed: list[Child]) -> None:
        """Until `address` answers 200, provided that none of `needed` ends meanwhile."""

        def answers() -> bool:
            for other in needed:
                if not other.is_running:
                    raise RunError(f"{other.name} ended. The end of {other.log}:\n{tail(other.log)}")
            return is_answering(address, headers)

        failure = f"{child.name} does not answer at {address}; its log is {child.log}."
        self.interrupt.wait_until(answers, seconds=READY_SECONDS, failure=failure)


def serve(environ: Mapping[str, str], interrupt: Interrupt) -> int:
    """Run until asked to stop. The exit code."""
    plan = make_plan(environ, CHECKOUT / ".env", default_repository=CHECKOUT)
    make_private(plan.folder)
    with only_one(plan.folder) as lock:
        lock.write_text(plan.site + "/", encoding="utf-8")
        stack = Stack(plan, interrupt, say=lambda text: print(text, flush=True))
        try:
            stack.say(f"Data and logs are in {plan.folder}.")
            stack.start()
            stack.say(f"\nOpen {plan.site}/ in a browser. Ctrl-C stops everything.")
            stack.supervisor.run()
        finally:
            if interrupt.count:
                print("\nStopping ...", file=sys.stderr, flush=True)
            stack.stop()
    return 0
