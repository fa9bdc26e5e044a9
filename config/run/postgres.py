"""An embedded Postgres: its folder, its one database, and how it is started, found ready and stopped."""

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import psycopg

from config.run import ports, wheels
from config.run.errors import RunError
from config.run.interrupt import Interrupt
from config.run.processes import Child, tail
from config.run.rootless import Place, find_place

USER = "app"
DATABASE = "github_for_open_humans"
INITDB_SECONDS = 120.0
ORPHAN_SECONDS = 30.0

TUNING = {
    "listen_addresses": ports.LOOPBACK,
    "unix_socket_directories": "",  # the path of a socket may not pass about 107 bytes
    "max_connections": "80",
    "shared_buffers": "64MB",
    "max_wal_size": "256MB",
    "min_wal_size": "32MB",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
# What was committed survives the death of the server, though not that of the machine.
FOR_THROW_AWAY_DATA = {"fsync": "off", "full_page_writes": "off"}


@dataclass(frozen=True)
class Postgres:
    """`folder` holds the cluster; `is_durable` is False only where losing the data does not matter."""

    folder: Path
    port: int
    password: str
    log: Path
    is_durable: bool = True

    @property
    def url(self) -> str:
        return f"postgres://{USER}:{self.password}@{ports.LOOPBACK}:{self.port}/{DATABASE}"

    @cached_property
    def place(self) -> Place:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        return find_place(wheels.postgres_folder(), self.folder)

    def prepare(self, interrupt: Interrupt) -> None:
        """A cluster of the right version, of which no server runs. Raises `RunError`."""
        cluster = self.place.cluster
        version = cluster / "PG_VERSION"
        if not version.is_file():
            self._initialise(cluster, interrupt)
            return
        written_by = version.read_text().strip()
        if written_by != str(wheels.POSTGRES_MAJOR):
            raise RunError(
                f"{cluster} was written by Postgres {written_by}, and this is Postgres "
                f"{wheels.POSTGRES_MAJOR}. Move that folder away to start anew, or set DATABASE_URL."
            )
        stop_orphan(cluster, interrupt)

    def _initialise(self, cluster: Path, interrupt: Interrupt) -> None:
        # Made beside its place and moved there when whole: an interrupted one is never taken for a cluster.
        unfinished = cluster.with_name(cluster.name + ".new")
        if unfinished.exists():
            shutil.rmtree(unfinished)
        unfinished.mkdir(mode=0o700)
        self.place.give(unfinished)
        initdb = self._initdb(unfinished)
        failure = "Postgres' initdb does not end."
        try:
            interrupt.wait_until(lambda: not initdb.is_running, seconds=INITDB_SECONDS, failure=failure)
        finally:
            initdb.kill_group()
        if initdb.exit_code != 0:
            raise RunError(f"Postgres could not set up {cluster}:\n{tail(self.log)}")
        unfinished.rename(cluster)

    def _initdb(self, folder: Path) -> Child:
        read_end, write_end = os.pipe()
        try:
            os.write(write_end, self.password.encode() + b"\n")
            os.close(write_end)
            self.place.give_descriptor(read_end)
            command = ["-D", str(folder), "-U", USER, f"--pwfile=/dev/fd/{read_end}"]
            command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C.UTF-8", "--no-instructions"]
            child = self._child("initdb", command + ([] if self.is_durable else ["--no-sync"]))
            child.options["pass_fds"] = [read_end]
            child.start()
        finally:
            os.close(read_end)
        return child

    def server(self) -> Child:
        settings = {**TUNING, "port": str(self.port), **({} if self.is_durable else FOR_THROW_AWAY_DATA)}
        command = ["-D", str(self.place.cluster)]
        for name, value in settings.items():
            command += ["-c", f"{name}={value}"]
        child = self._child("postgres", command)
        child.stop_signal = signal.SIGINT  # its "fast shutdown": ends sessions, then closes cleanly
        return child

    def _child(self, name: str, arguments: list[str]) -> Child:
        command = [*self.place.prefix, str(self.place.programs / "bin" / name), *arguments]
        # The programs bring no translations, and LC_ALL of the person's shell may name an absent locale.
        env = {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C.UTF-8"}
        return Child(name, command, env, self.log, Path("/"), options=dict(self.place.options))

    def is_ready(self) -> bool:
        """A real connection succeeds, and the application's database is there."""
        try:
            with psycopg.connect(self._url_of("postgres"), connect_timeout=3, autocommit=True) as connection:
                query = "select 1 from pg_database where datname = %s"
                if not connection.execute(query, [DATABASE]).fetchone():
                    connection.execute(f'create database "{DATABASE}"')
        except psycopg.OperationalError:
            return False
        return True

    def _url_of(self, database: str) -> str:
        return self.url.removesuffix(DATABASE) + database


def stop_orphan(folder: Path, interrupt: Interrupt) -> None:
    """End a server of this folder whose supervisor died, and forget its note about itself.

    We hold the folder's lock, so a server still running in it belongs to nobody.
    """
    note = folder / "postmaster.pid"
    try:
        pid = int(note.read_text().splitlines()[0])
    except (OSError, ValueError, IndexError):
        return
    if pid in processes_in(folder, pid):
        os.kill(pid, signal.SIGINT)
    interrupt.wait_until(
        lambda: not processes_in(folder, pid),
        seconds=ORPHAN_SECONDS,
        failure=f"A Postgres server (process {pid}) still runs on {folder}. End it, then start again.",
    )
    # Its number may be that of another program by now, or still be listed because nobody took note of the
    # death (process 1 of many containers does not); Postgres would take either for a running server.
    note.unlink(missing_ok=True)


def processes_in(folder: Path, pid: int) -> list[int]:
    """The processes that work in this folder, as a server's do. Where that cannot be asked, at most `pid`."""
    if sys.platform.startswith("linux"):
        return [int(process.name) for process in Path("/proc").glob("[0-9]*") if _works_in(process, folder)]
    command = ["ps", "-o", "command=", "-p", str(pid)]
    shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    return [pid] if str(folder) in shown else []


def _works_in(process: Path, folder: Path) -> bool:
    try:
        return (process / "cwd").samefile(folder)
    except OSError:  # it ended meanwhile, or belongs to somebody else
        return False
