"""The embedded servers: started until they are ready, by a supervisor that stops them again."""

import time
from pathlib import Path
from typing import Protocol

from config.run import ports
from config.run.errors import RunError
from config.run.interrupt import PAUSE_SECONDS, Interrupt
from config.run.postgres import Postgres
from config.run.processes import Child, rotate, tail
from config.run.supervisor import Supervisor
from config.run.valkey import Valkey

START_SECONDS = 30.0
TRY_AGAIN_SECONDS = 0.5
SETTINGS = ("DATABASE_URL", "REDIS_URL")


class Server(Protocol):
    @property
    def log(self) -> Path: ...
    @property
    def url(self) -> str: ...
    def prepare(self, interrupt: Interrupt, /) -> None: ...
    def server(self) -> Child: ...
    def is_ready(self) -> bool: ...


def start_server(server: Server, supervisor: Supervisor) -> str:
    """The URL of the server, which answers by then. Raises `RunError`."""
    server.log.parent.mkdir(parents=True, exist_ok=True)
    rotate(server.log)
    server.prepare(supervisor.interrupt)
    child = server.server()
    supervisor.adopt([child])
    start_until_ready(child, server, supervisor.interrupt)
    return server.url


def start_until_ready(
    child: Child, server: Server, interrupt: Interrupt, seconds: float = START_SECONDS
) -> None:
    """Start again while it ends at once: a predecessor that was just killed may still count as running."""
    deadline = time.monotonic() + seconds
    child.start()
    while not (child.is_running and server.is_ready()):
        interrupt.check()
        if time.monotonic() > deadline:
            raise RunError(f"{child.name} does not start. The end of {child.log}:\n{tail(child.log)}")
        if not child.is_running:
            time.sleep(TRY_AGAIN_SECONDS)
            child.kill_group()
            child.start()
        time.sleep(PAUSE_SECONDS)


def throw_away_server(setting: str, folder: Path, password: str) -> Server:
    """A server whose data nobody will miss: nothing of it is forced to the disk."""
    if setting == "DATABASE_URL":
        return Postgres(
            folder / "postgres",
            ports.choose_several(1)[0],
            password,
            folder / "postgres.log",
            is_durable=False,
        )
    return Valkey(
        folder / "valkey", ports.choose_several(1)[0], password, folder / "valkey.log", is_durable=False
    )
