"""No drill forgets the search: whatever process of ours it starts, what that wrote down is searched after it.

`Searches` hears of every process that is given our keys, wherever a drill starts it. What such a process
says and leaves behind has to lie in one folder, its temporary files too, and that folder is searched.
"""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from django.conf import settings as ours
from django.db import connection

from config.run.programs import without_proxy
from config.run.servers import LOGS
from tests.secrets import installation
from tests.secrets.installation import Installation, known_at_openhumans
from tests.secrets.planted import MARKER, PRIVATE_NAMES
from tests.sync.world import World

# Whoever has these can read every token that is stored.
KEYS = "TOKEN_KEYS"
# What starts programs of ours: the lines of the Procfile are a shell's.
STARTERS = ("sh", "bash", "env", "nice")


def is_ours(program: str) -> bool:
    """Not git, Postgres, or what a library asks of the system: `uuid` has `ip` look for the network card."""
    path = Path(program)
    is_of_our_environment = path.parent == Path(sys.executable).parent
    return is_of_our_environment or path.name in STARTERS or path.name.startswith("python")


@dataclass
class Searches:
    """{command: where its temporary files are} of those after which nothing has been searched yet."""

    waiting: dict[str, Path | None] = field(default_factory=dict)

    def began(self, command: list[str], env: Mapping[str, str]) -> None:
        if KEYS in env and is_ours(command[0]):
            self.waiting[" ".join(command)] = Path(env["TMPDIR"]) if "TMPDIR" in env else None

    def ended(self, folder: Path) -> None:
        """All that lies in this folder was searched."""
        self.waiting = {
            command: place
            for command, place in self.waiting.items()
            if place is None or not place.is_relative_to(folder)
        }

    def require_none_waiting(self) -> None:
        assert not self.waiting, (
            "Processes with our keys ran, and afterwards no search looked through the folder of their "
            f"temporary files (see tests/faults/searched.py): {self.waiting}"
        )


@contextmanager
def searches(monkeypatch: pytest.MonkeyPatch) -> Iterator[Searches]:
    """Hears of all processes and searches while the block runs."""
    heard, start, search = Searches(), subprocess.Popen.__init__, installation.search

    def starting(process: Any, command: Any, *arguments: Any, **options: Any) -> None:
        words = [command] if isinstance(command, str) else [*map(str, command)]
        heard.began(words, os.environ if options.get("env") is None else options["env"])
        start(process, command, *arguments, **options)

    def searching(searched: Installation) -> Any:
        found = search(searched)
        heard.ended(searched.folder)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(subprocess.Popen, "__init__", starting)
        patch.setattr(installation, "search", searching)
        yield heard


@contextmanager
def beside_the_test(
    folder: Path, world: World, openhumans: Path, heard: Mapping[str, str], **own: str
) -> Iterator[dict[str, str]]:
    """What a process of ours has to be told to work on the test's database; it is to write into the folder.

    In the end all that was written, also by the servers that the tests share, is searched for what is stored
    here, for all that the stand-in in the folder `openhumans` knows, for what was `heard`, {value: what it
    is}, and for the words of a private repository.
    """
    database = connection.settings_dict
    place = f"{database['USER']}:{quote(database['PASSWORD'])}@{database['HOST']}:{database['PORT']}"
    temporary = folder / "tmp"
    temporary.mkdir(mode=0o700)
    env = {
        **os.environ,
        "DATABASE_URL": f"postgres://{place}/{database['NAME']}",
        "GITHUB_URL": world.github.url,
        "GITHUB_API_URL": f"{world.github.url}/api",
        "GITHUB_CLIENT_ID": ours.GITHUB_CLIENT_ID,
        "OPENHUMANS_URL": world.openhumans.url,
        "OPENHUMANS_CLIENT_ID": ours.OPENHUMANS_CLIENT_ID,
        "TMPDIR": str(temporary),
        **own,
    }
    with said_by_servers(folder / "servers"):
        yield without_proxy(env)
    known = {**heard, **known_at_openhumans(openhumans)}
    installation.require_no_leak(Installation(folder, env, known, {MARKER: "a message"}, PRIVATE_NAMES))


@contextmanager
def said_by_servers(folder: Path) -> Iterator[None]:
    """A copy of what Postgres and Redis of the tests log while the block runs, where they are ours."""
    logs = [Path(log) for log in filter(None, os.environ.get(LOGS, "").split(os.pathsep))]
    begins = [log.stat().st_size for log in logs]
    yield
    folder.mkdir()
    for log, begin in zip(logs, begins, strict=True):
        with log.open("rb") as said:
            said.seek(begin)
            (folder / log.name).write_bytes(said.read())
