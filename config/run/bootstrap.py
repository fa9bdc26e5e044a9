"""`python3 config/run/bootstrap.py local|dev`: makes `.venv` and installs the pinned, hashed packages.

Run by the system's Python before anything is installed, so it uses the standard library only, and no syntax
that would keep an older Python from reaching the message about its age.
"""

import hashlib
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parent.parent.parent
VENV = CHECKOUT / ".venv"
PYTHON = VENV / "bin" / "python"
OLDEST = (3, 11)
# "dev" holds everything that "local" does.
INCLUDED_IN = {"local": ("local", "dev"), "dev": ("dev",)}


class BootstrapError(Exception):
    """The environment cannot be made; the message says what to install."""


def main(arguments):  # type: (list[str]) -> int
    if arguments not in (["local"], ["dev"]):
        print("usage: bootstrap.py local|dev", file=sys.stderr)
        return 2
    try:
        require_python(sys.version_info[:2])
        bootstrap(arguments[0])
    except BootstrapError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


def require_python(version):  # type: (tuple[int, ...]) -> None
    if version < OLDEST:
        found = ".".join(map(str, version))
        raise BootstrapError(
            f"This needs Python 3.11 or newer, and {sys.executable} is {found}. "
            "Name a newer one: make ... PYTHON=python3.12"
        )


def bootstrap(name: str) -> None:
    if any(is_installed(other) for other in INCLUDED_IN[name]):
        return
    make_venv()
    file = requirements(name)
    print(f"Installing {file.relative_to(CHECKOUT)} into .venv ...", flush=True)
    install(file)
    stamp(name).write_text(fingerprint(name), encoding="utf-8")


def requirements(name: str) -> Path:
    return CHECKOUT / "requirements" / f"{name}.txt"


def stamp(name: str) -> Path:
    return VENV / f".installed-{name}"


def fingerprint(name: str) -> str:
    """Changes with the packages asked for and with the Python they were installed for."""
    content = requirements(name).read_bytes()
    return hashlib.sha256(content).hexdigest() + " " + str((VENV / "pyvenv.cfg").stat().st_ino)


def is_installed(name: str) -> bool:
    try:
        return PYTHON.exists() and stamp(name).read_text(encoding="utf-8") == fingerprint(name)
    except OSError:
        return False


def make_venv() -> None:
    """A virtual environment with pip in it. Raises `BootstrapError`."""
    if has_pip():
        return
    print(f"Making .venv with Python {platform.python_version()} ...", flush=True)
    # From an environment, the base Python is asked: an environment's environment breaks with its parent.
    base = getattr(sys, "_base_executable", None) or sys.executable
    made = subprocess.run(
        [base, "-m", "venv", "--clear", str(VENV)], capture_output=True, text=True, check=False
    )
    if made.returncode == 0 and has_pip():
        return
    if not make_venv_without_ensurepip(base):
        raise BootstrapError(f"{why_no_venv()}\n\npython -m venv said:\n{made.stdout}{made.stderr}".rstrip())


def make_venv_without_ensurepip(base: str) -> bool:
    """Debian keeps ensurepip in a package of its own; a pip of the system can fill the environment too."""
    bare = [base, "-m", "venv", "--clear", "--without-pip", str(VENV)]
    if subprocess.run(bare, capture_output=True, check=False).returncode != 0:
        return False
    pinned = ["install", "--quiet", "--require-hashes", "-r", str(requirements("bootstrap"))]
    lent = [base, "-m", "pip", "--python", str(PYTHON), *pinned]
    if subprocess.run(lent, capture_output=True, check=False).returncode == 0:
        return True
    shutil.rmtree(VENV, ignore_errors=True)
    return False


def why_no_venv() -> str:
    if Path("/etc/debian_version").exists():
        return "Python's venv module is not complete here. On Debian and Ubuntu: apt-get install python3-venv"
    return (
        "Python's venv module does not work here. Install a Python 3.11 or newer that has venv and ensurepip."
    )


def has_pip() -> bool:
    """pip, or the uv that a pip of the system put there."""
    if not PYTHON.exists():
        return False
    if (VENV / "bin" / "uv").exists():
        return True
    return (
        subprocess.run([str(PYTHON), "-m", "pip", "--version"], capture_output=True, check=False).returncode
        == 0
    )


def install(file: Path) -> None:
    """With uv, in seconds; where uv cannot be had or cannot reach its index, with pip."""
    if install_uv() and run_uv(file):
        return
    print("uv could not do it; installing with pip, which takes longer ...", flush=True)
    if not run_pip(file):
        raise BootstrapError("The packages could not be installed; what pip said stands above.")


def install_uv() -> bool:
    if (VENV / "bin" / "uv").exists():
        return True
    return run_pip(requirements("bootstrap"))


def run_uv(file: Path) -> bool:
    uv = [str(VENV / "bin" / "uv"), "pip", "install", "--quiet", "--python", str(PYTHON)]
    # The Python is the person's choice; uv must not fetch another one.
    env = {**os.environ, "UV_PYTHON_DOWNLOADS": "never"}
    return _succeeds([*uv, "--require-hashes", "-r", str(file)], env)


def run_pip(file: Path) -> bool:
    pip = [str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    return _succeeds([*pip, "--require-hashes", "-r", str(file)], dict(os.environ))


def _succeeds(command, env):  # type: (list[str], dict[str, str]) -> bool
    try:
        return subprocess.run(command, env=env, cwd=CHECKOUT, check=False).returncode == 0
    except OSError:  # e.g. uv's program does not fit this machine
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
