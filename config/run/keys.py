"""What a data folder keeps over restarts: its secrets, made once, and the ports its servers had last."""

import base64
import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path

from config.run import ports
from config.run.errors import RunError

SECRETS_NAME = "secrets.json"
PORTS_NAME = "ports.json"

MAKERS: dict[str, Callable[[], str]] = {
    "SECRET_KEY": lambda: secrets.token_urlsafe(64),
    "TOKEN_KEYS": lambda: base64.urlsafe_b64encode(secrets.token_bytes(32)).decode(),
    "POSTGRES_PASSWORD": lambda: secrets.token_hex(24),
    "VALKEY_PASSWORD": lambda: secrets.token_hex(24),
    "SANDBOX_OPENHUMANS_SECRET": lambda: secrets.token_hex(24),
    "SANDBOX_GITHUB_SECRET": lambda: secrets.token_hex(24),
    "SANDBOX_WEBHOOK_SECRET": lambda: secrets.token_hex(24),
}


def keep_secrets(folder: Path) -> dict[str, str]:
    """The folder's secrets; those that are missing are made and kept. Raises `RunError`."""
    file = folder / SECRETS_NAME
    kept = _read(file)
    made = {name: kept.get(name) or make() for name, make in MAKERS.items()}
    if made != kept:
        write_private(file, json.dumps(made, indent=1))
    return made


def keep_ports(folder: Path, names: tuple[str, ...]) -> dict[str, int]:
    """The ports of last time where they are still free, else others."""
    file = folder / PORTS_NAME
    kept = _read(file)
    chosen = dict(zip(names, ports.choose_several(len(names)), strict=True))
    for name in names:
        before = kept.get(name, "")
        if before.isdecimal() and ports.is_free(int(before)):
            chosen[name] = int(before)
    write_private(file, json.dumps({name: str(port) for name, port in chosen.items()}))
    return chosen


def _read(file: Path) -> dict[str, str]:
    if not file.exists():
        return {}
    try:
        content = json.loads(file.read_text(encoding="utf-8"))
        return {str(key): str(value) for key, value in content.items()}
    except (OSError, ValueError, AttributeError):
        # Never made anew: without the old keys what is encrypted in the database is lost.
        raise RunError(
            f"{file} cannot be read. Restore it, or move {file.parent} away to start anew."
        ) from None


def write_private(file: Path, text: str) -> None:
    """Whole or not at all, and readable for the owner alone from its first moment."""
    beside = file.with_name(file.name + ".new")
    beside.unlink(missing_ok=True)
    with os.fdopen(
        os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8"
    ) as new:
        new.write(text)
        new.flush()
        os.fsync(new.fileno())
    beside.replace(file)
