"""The search that ends a drill cannot be forgotten, and finds what a process beside the test leaves."""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
from django.db import DataError, connection
from pytest_django import Settings

from accounts.models import Credential
from config.run.servers import LOGS
from tests.faults.crowd import crowded_repository
from tests.faults.searched import KEYS, Searches, beside_the_test
from tests.secrets.planted import MESSAGE, NAME
from tests.sync.world import World, living

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.faults]
SAY = "import os, sys, pathlib; pathlib.Path(sys.argv[1]).write_text(os.environ['SAID'])"


@pytest.fixture
def world(tmp_path: Path, settings: Settings) -> Iterator[World]:
    repository = crowded_repository(tmp_path, 1, datetime.now(UTC))
    with living(tmp_path, settings, {"crowded": repository}) as world:
        yield world


def leave(file: Path, text: str, env: dict[str, str]) -> None:
    """A process with our keys that writes something down."""
    subprocess.run([sys.executable, "-c", SAY, str(file)], env={**env, "SAID": text}, check=True)


@pytest.mark.parametrize("name", ["worker.log", "tmp/upload"])
def test_what_a_process_beside_the_test_leaves_behind_is_searched(
    world: World, searched: Searches, tmp_path: Path, place: Path, name: str
) -> None:
    token = Credential.objects.get(identity__provider="github").access_token
    with ExitStack() as ending:
        env = ending.enter_context(beside_the_test(place, world, tmp_path / "openhumans", {}))
        leave(place / name, f"refused: {token}", env)
        with pytest.raises(AssertionError, match="no search looked"):
            searched.require_none_waiting()
        with pytest.raises(AssertionError, match=f"place='{name}', secret='stored access_token"):
            ending.close()
    searched.require_none_waiting()


def test_words_of_a_private_repository_are_searched_for(
    world: World, searched: Searches, tmp_path: Path, place: Path
) -> None:
    with ExitStack() as ending:
        env = ending.enter_context(beside_the_test(place, world, tmp_path / "openhumans", {}))
        leave(place / "worker.log", f"reading {NAME}: {MESSAGE}", env)
        with pytest.raises(AssertionError, match=r"'worker.log', secret='a message.*secret='a name"):
            ending.close()


@pytest.mark.skipif(not os.environ.get(LOGS), reason="the log of a Postgres that is not ours")
def test_what_postgres_logs_meanwhile_is_searched(world: World, tmp_path: Path, place: Path) -> None:
    token = Credential.objects.get(identity__provider="github").access_token

    def refuse(value: str) -> None:
        with pytest.raises(DataError), connection.cursor() as cursor:
            cursor.execute("select cast(%s as integer)", [value])

    refuse(f"{token} before")
    with beside_the_test(place, world, tmp_path / "openhumans", {}):
        pass
    (place / "tmp").rmdir()
    shutil.rmtree(place / "servers")
    searching = beside_the_test(place, world, tmp_path / "openhumans", {})
    with (
        pytest.raises(AssertionError, match=r"place='servers/postgres.log', secret='stored access"),
        searching,
    ):
        refuse(token)


def test_a_search_of_another_folder_or_one_that_came_too_early_does_not_count(tmp_path: Path) -> None:
    searched = Searches()
    env = {KEYS: "some", "TMPDIR": str(tmp_path / "one" / "tmp")}
    searched.ended(tmp_path / "one")
    searched.began(["sh", "worker"], env)
    searched.ended(tmp_path / "two")
    with pytest.raises(AssertionError, match="worker"):
        searched.require_none_waiting()
    searched.ended(tmp_path / "one")
    searched.require_none_waiting()


def test_a_process_whose_temporary_files_lie_anywhere_is_searched_by_nobody(tmp_path: Path) -> None:
    searched = Searches()
    searched.began(["sh", "worker"], {KEYS: "some"})
    searched.ended(tmp_path)
    with pytest.raises(AssertionError, match="worker"):
        searched.require_none_waiting()


def test_only_processes_with_our_keys_are_ours(searched: Searches) -> None:
    without = {name: value for name, value in os.environ.items() if name != KEYS}
    subprocess.run([sys.executable, "-c", ""], env=without, check=True)
    for command in (["git", "--version"], ["uname"]):
        subprocess.run(command, check=True, capture_output=True)
    searched.require_none_waiting()
