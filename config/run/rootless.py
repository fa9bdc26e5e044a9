"""Postgres refuses to run as root. How it runs all the same when we are root, without changing the system.

First choice: a user namespace in which it sees itself as user 1000 while it keeps root's access, so nothing
changes owner, and it works below a folder that only root may enter. Where namespaces are forbidden, as in
many containers, or the checkout is another user's: the user `nobody`, on a copy of the programs and with the
data in a shelter that it can reach.
"""

import os
import pwd
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from config.run.errors import RunError

NAMESPACE = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
NOBODY = 65534
SHELTERS = Path("/var/tmp")  # noqa: S108 - survives a restart; mkdtemp makes a name nobody can foresee
NOTE_SUFFIX = ".moved"
ADVICE = (
    "Postgres refuses to run as root, and this system neither allows user namespaces nor has a user 'nobody' "
    "who may run programs. Run this as a normal user, or set DATABASE_URL."
)


@dataclass(frozen=True)
class Place:
    """Where Postgres' programs and its cluster are, and how to start it so that it does not see root."""

    programs: Path
    cluster: Path
    prefix: list[str] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)

    def give(self, folder: Path) -> None:
        """Make the folder its own, where it runs as another user."""
        if self.options:
            os.chown(folder, NOBODY, NOBODY)

    def give_descriptor(self, descriptor: int) -> None:
        """Let it open /dev/fd/N again, which checks the owner of the pipe."""
        if self.options:
            os.fchown(descriptor, NOBODY, NOBODY)


def find_place(programs: Path, cluster: Path) -> Place:
    """`programs` as installed (with `bin` in it), `cluster` as wanted. Raises `RunError` without a way."""
    if os.geteuid() != 0:
        return Place(programs, cluster)
    note = note_of(cluster)
    if not note.exists() and can_use_namespace(programs, cluster.parent):
        return Place(programs, cluster, prefix=list(NAMESPACE))
    options = {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    shelter = _shelter(note)
    copied = _copy_programs(programs, shelter / "programs")
    if not _has_account(NOBODY) or not _succeeds([str(copied / "bin" / "postgres"), "--version"], options):
        raise RunError(ADVICE)
    return Place(copied, shelter / cluster.name, options=options)


def can_use_namespace(programs: Path, folder: Path) -> bool:
    """Whether there are namespaces and both are root's own: in one, other users' private files are closed."""
    return (
        shutil.which(NAMESPACE[0]) is not None
        and _succeeds([*NAMESPACE, str(programs / "bin" / "postgres"), "--version"], {})
        and _succeeds([*NAMESPACE, "test", "-w", str(folder)], {})
    )


def note_of(cluster: Path) -> Path:
    """The file that says where the cluster is instead."""
    return cluster.with_name(cluster.name + NOTE_SUFFIX)


def remove_shelters(folder: Path) -> None:
    """Remove what the notes in a throw-away folder point at."""
    for note in folder.glob(f"*{NOTE_SUFFIX}"):
        shelter = Path(note.read_text(encoding="utf-8"))
        if shelter.parent == SHELTERS:
            shutil.rmtree(shelter, ignore_errors=True)


def _shelter(note: Path) -> Path:
    if note.exists():
        shelter = Path(note.read_text(encoding="utf-8"))
        if not shelter.is_dir():
            raise RunError(
                f"The database was in {shelter}, which is gone. Remove {note} to start with an empty one."
            )
        return shelter
    shelter = Path(tempfile.mkdtemp(prefix="github-for-open-humans-", dir=SHELTERS))
    os.chown(shelter, NOBODY, NOBODY)
    note.write_text(str(shelter), encoding="utf-8")
    return shelter


def _copy_programs(source: Path, copy: Path) -> Path:
    """Where they are in the copy. Their shared libraries stand beside the package, as wheels have it."""
    package = source.parent
    copied = copy / package.name / source.name
    if copy.exists():
        return copied
    unfinished = copy.with_name(copy.name + ".new")
    shutil.rmtree(unfinished, ignore_errors=True)
    shutil.copytree(source, unfinished / package.name / source.name, symlinks=True)
    libraries = package.with_name(package.name + ".libs")
    if libraries.is_dir():
        shutil.copytree(libraries, unfinished / libraries.name, symlinks=True)
    for path in (unfinished, *unfinished.rglob("*")):
        if not path.is_symlink():
            path.chmod(path.stat().st_mode | (0o555 if path.is_dir() else 0o444))
    unfinished.rename(copy)
    return copied


def _has_account(uid: int) -> bool:
    try:
        pwd.getpwuid(uid)
    except KeyError:
        return False
    return True


def _succeeds(command: list[str], options: dict[str, Any]) -> bool:
    try:
        finished = subprocess.run(command, capture_output=True, timeout=20, cwd="/", check=False, **options)
    except (OSError, subprocess.SubprocessError):
        return False
    return finished.returncode == 0
