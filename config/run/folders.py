"""The data folder, its lock, and throw-away folders that remove themselves, even after a `kill -9`."""

import contextlib
import fcntl
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from config.run.errors import RunError
from config.run.rootless import remove_shelters

CHECKOUT = Path(__file__).resolve().parent.parent.parent
LOCK_NAME = "lock"


def data_folder(environ: Mapping[str, str]) -> Path:
    return Path(environ.get("DATA_FOLDER") or CHECKOUT / ".data").expanduser().absolute()


def make_private(folder: Path) -> None:
    """Create the folder for its owner alone. Raises `RunError` where that cannot be."""
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise RunError(
            f"The data folder {folder} cannot be written ({error.strerror}). "
            "Set DATA_FOLDER to a folder of your own."
        ) from None


def try_lock(file: Path) -> int | None:
    """An open descriptor that holds the lock until it is closed or we die; None if somebody else has it."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        return None
    return descriptor


@contextlib.contextmanager
def only_one(folder: Path) -> Iterator[Path]:
    """Hold the folder's lock; the file also says where the holder is to be found. Raises `RunError`."""
    file = folder / LOCK_NAME
    descriptor = try_lock(file)
    if descriptor is None:
        address = file.read_text(encoding="utf-8").strip()
        raise RunError(f"It is already running on {folder}" + (f", at {address}" if address else "") + ".")
    try:
        os.ftruncate(descriptor, 0)
        yield file
    finally:
        os.ftruncate(descriptor, 0)
        os.close(descriptor)


@contextlib.contextmanager
def throw_away(parent: Path) -> Iterator[Path]:
    """A private folder that is removed at the end; what killed predecessors left is removed first."""
    parent = _writable(parent)
    remove_abandoned(parent)
    folder = Path(tempfile.mkdtemp(prefix="throw-away-", dir=parent))
    descriptor = try_lock(folder / LOCK_NAME)
    try:
        yield folder
    finally:
        _remove(folder)
        if descriptor is not None:
            os.close(descriptor)


def _writable(parent: Path) -> Path:
    try:
        make_private(parent)
    except RunError:
        return Path(tempfile.gettempdir())
    return parent


def remove_abandoned(parent: Path) -> None:
    for folder in parent.glob("throw-away-*"):
        lock = folder / LOCK_NAME
        if not lock.is_file() or not os.access(lock, os.W_OK):
            continue  # just being made, or another person's
        descriptor = try_lock(lock)
        if descriptor is not None:
            _remove(folder)
            os.close(descriptor)


def _remove(folder: Path) -> None:
    remove_shelters(folder)
    shutil.rmtree(folder, ignore_errors=True)
