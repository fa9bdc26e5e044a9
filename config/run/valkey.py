"""An embedded Valkey (a server that speaks Redis' protocol): its configuration, and when it is ready."""

import os
from dataclasses import dataclass
from pathlib import Path

import redis

from config.run import ports, wheels
from config.run.interrupt import Interrupt
from config.run.processes import Child

CONFIGURATION = """\
bind {host}
port {port}
protected-mode yes
daemonize no
logfile ""
dir {folder}
requirepass {password}
maxmemory-policy noeviction
save ""
appendonly {appendonly}
appendfsync everysec
"""


@dataclass(frozen=True)
class Valkey:
    folder: Path
    port: int
    password: str
    log: Path
    is_durable: bool = True

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{ports.LOOPBACK}:{self.port}/0"

    def prepare(self, _interrupt: Interrupt) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        text = CONFIGURATION.format(
            host=ports.LOOPBACK,
            port=self.port,
            folder=quoted(str(self.folder)),
            password=self.password,
            appendonly="yes" if self.is_durable else "no",
        )
        descriptor = os.open(self._configuration, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)

    @property
    def _configuration(self) -> Path:
        return self.folder / "valkey.conf"  # the password stands in a file, for everybody can list arguments

    def server(self) -> Child:
        command = [str(wheels.valkey_program()), str(self._configuration)]
        env = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
        return Child("valkey", command, env, self.log, self.folder)

    def is_ready(self) -> bool:
        client = redis.Redis.from_url(self.url, socket_timeout=3, socket_connect_timeout=3)
        try:
            return bool(client.ping())
        except redis.RedisError:
            return False
        finally:
            client.close()


def quoted(text: str) -> str:
    """As Valkey's configuration wants a value with spaces, quotes or backslashes in it."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
