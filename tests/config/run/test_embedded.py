"""The real servers: started, killed, started again. Each test starts at least one."""

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import redis

from config.run import rootless, wheels
from config.run.embedded import start_server
from config.run.errors import Interrupted, RunError
from config.run.interrupt import Interrupt
from config.run.ports import choose_several
from config.run.postgres import DATABASE, Postgres, processes_in
from config.run.supervisor import Supervisor
from config.run.valkey import Valkey, quoted
from tests.config.run.programs import is_alive, wait_for


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Below a folder that only its owner may enter, with a name that needs quoting."""
    private = tmp_path / "only mine"
    private.mkdir(mode=0o700)
    return private


@pytest.fixture
def supervisor() -> Iterator[Supervisor]:
    made = Supervisor(Interrupt(), say=lambda _text: None)
    yield made
    made.stop()


def postgres_in(folder: Path, *, is_durable: bool = False) -> Postgres:
    return Postgres(folder / "postgres", choose_several(1)[0], "secret", folder / "postgres.log", is_durable)


def valkey_in(folder: Path, *, is_durable: bool = True) -> Valkey:
    return Valkey(folder / "valkey", choose_several(1)[0], "secret", folder / "valkey.log", is_durable)


def children_of(supervisor: Supervisor) -> list[int]:
    return [pid for stage in supervisor._stages for watched in stage if (pid := watched.child.pid)]


class TestPostgres:
    def test_it_serves_its_database_with_its_password_only(
        self, folder: Path, supervisor: Supervisor
    ) -> None:
        url = start_server(postgres_in(folder), supervisor)
        with psycopg.connect(url) as connection:
            row = connection.execute("select current_database(), current_setting('unix_socket_directories')")
            assert row.fetchone() == (DATABASE, "")
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(url.replace("secret", "guessed"))

    def test_data_survives_a_killed_server_and_a_killed_supervisor(
        self, folder: Path, supervisor: Supervisor
    ) -> None:
        first = postgres_in(folder, is_durable=True)
        with psycopg.connect(start_server(first, supervisor), autocommit=True) as connection:
            connection.execute("create table kept (number int)")
        (pid,) = children_of(supervisor)
        os.kill(pid, signal.SIGKILL)
        supervisor.run(is_done=lambda: pid not in children_of(supervisor) and first.is_ready())
        assert psycopg.connect(first.url).execute("select count(*) from kept").fetchone() == (0,)

        # Nobody stops the first server: its supervisor is as good as killed when another one starts.
        successor = Supervisor(Interrupt(), say=lambda _text: None)
        try:
            second = Postgres(folder / "postgres", first.port, "secret", folder / "postgres.log")
            url = start_server(second, successor)
            assert psycopg.connect(url).execute("select count(*) from kept").fetchone() == (0,)
        finally:
            successor.stop()

    def test_it_is_stopped_cleanly(self, folder: Path, supervisor: Supervisor) -> None:
        start_server(postgres_in(folder), supervisor)
        (pid,) = children_of(supervisor)
        supervisor.stop()
        assert not is_alive(pid)
        assert "database system is shut down" in (folder / "postgres.log").read_text()
        assert not (folder / "postgres" / "postmaster.pid").exists()

    def test_data_of_another_version_is_refused(self, folder: Path) -> None:
        (folder / "postgres").mkdir()
        (folder / "postgres" / "PG_VERSION").write_text("17\n")
        with pytest.raises(RunError, match="was written by Postgres 17, and this is Postgres 18"):
            postgres_in(folder).prepare(Interrupt())

    def test_a_note_about_another_program_is_forgotten(self, folder: Path) -> None:
        cluster = folder / "postgres"
        cluster.mkdir()
        (cluster / "PG_VERSION").write_text(f"{wheels.POSTGRES_MAJOR}\n")
        (cluster / "postmaster.pid").write_text(f"{os.getpid()}\n/elsewhere\n")
        assert processes_in(cluster, os.getpid()) == []
        postgres_in(folder).prepare(Interrupt())
        assert not (cluster / "postmaster.pid").exists()

    def test_an_interrupted_set_up_leaves_nothing_that_looks_whole(self, folder: Path) -> None:
        interrupt = Interrupt()
        interrupt.count = 1
        with pytest.raises(Interrupted):
            postgres_in(folder).prepare(interrupt)
        assert not (folder / "postgres").exists()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root has to hide from Postgres")
    def test_root_without_user_namespaces_uses_a_shelter(
        self, folder: Path, supervisor: Supervisor, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rootless, "NAMESPACE", ["false"])
        server = postgres_in(folder)
        try:
            url = start_server(server, supervisor)
            assert psycopg.connect(url).execute("select 1").fetchone() == (1,)
            assert server.place.cluster.parent.parent == rootless.SHELTERS
            assert server.place.cluster.parent.stat().st_mode & 0o077 == 0
            # The next start finds it there, even where a namespace could be had by now.
            monkeypatch.undo()
            assert postgres_in(folder).place.cluster == server.place.cluster
        finally:
            supervisor.stop()
            rootless.remove_shelters(folder)
        assert not server.place.cluster.parent.exists()

    @pytest.mark.skipif(os.geteuid() != 0, reason="only root has to hide from Postgres")
    def test_root_in_the_private_folder_of_another_user_uses_a_shelter(self, folder: Path) -> None:
        os.chown(folder, rootless.NOBODY, rootless.NOBODY)
        try:
            assert postgres_in(folder).place.cluster.parent.parent == rootless.SHELTERS
        finally:
            rootless.remove_shelters(folder)


class TestValkey:
    def test_it_wants_its_password_and_keeps_what_it_is_given(
        self, folder: Path, supervisor: Supervisor
    ) -> None:
        server = valkey_in(folder)
        url = start_server(server, supervisor)
        redis.Redis.from_url(url).set("kept", 1)
        with pytest.raises(redis.AuthenticationError):
            redis.Redis.from_url(url.replace(":secret@", "")).ping()
        supervisor.stop()
        start_server(server, supervisor)
        assert redis.Redis.from_url(url).get("kept") == b"1"

    def test_it_is_started_again_when_it_is_killed(self, folder: Path, supervisor: Supervisor) -> None:
        server = valkey_in(folder, is_durable=False)
        start_server(server, supervisor)
        (pid,) = children_of(supervisor)
        os.kill(pid, signal.SIGKILL)
        supervisor.run(is_done=lambda: pid not in children_of(supervisor) and server.is_ready())
        wait_for(lambda: not is_alive(pid))

    def test_its_password_is_in_a_private_file_and_not_among_the_arguments(self, folder: Path) -> None:
        server = valkey_in(folder)
        server.prepare(Interrupt())
        assert "secret" not in " ".join(server.server().command)
        assert (folder / "valkey" / "valkey.conf").stat().st_mode & 0o777 == 0o600

    def test_names_of_folders_are_quoted(self) -> None:
        assert quoted('a "b" \\c') == '"a \\"b\\" \\\\c"'


def test_a_missing_package_is_said_with_the_way_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wheels, "VALKEY_PACKAGE", "no_such_package")
    with pytest.raises(RunError, match=r"no_such_package is not installed.*or set REDIS_URL"):
        wheels.valkey_program()
