"""All that the stand-in knows. It lies in one folder, so that a restart forgets nothing."""

import secrets
from pathlib import Path
from typing import Any

from sandbox.openhumans.database import Database
from sandbox.openhumans.files import Files
from sandbox.openhumans.grants import Grants


class State:
    """Safe to use from many threads."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._database = Database(folder / "state.sqlite3")
        self.grants = Grants(self._database)
        self.files = Files(self._database, folder)
        self.signing_key = self._database.setting("signing_key", secrets.token_hex(32)).encode()

    def now(self) -> float:
        return self._database.now()

    def advance(self, seconds: float) -> None:
        self._database.advance(seconds)

    def add_message(self, member: str, subject: str, message: str) -> None:
        with self._database.transaction():
            self._database.run(
                "insert into messages (member, subject, message, sent) values (?, ?, ?, ?)",
                member,
                subject,
                message,
                self._database.now(),
            )

    def messages(self) -> list[dict[str, Any]]:
        rows = self._database.rows("select member, subject, message, sent from messages order by id")
        return [dict(row) for row in rows]
