"""Uploaded files and the keys to download them.

In the stand-in's folder lies `<member>/<file id>-<name>` for each finished file, and
`<member>/.incomplete-<file id>` for bytes that were uploaded but not completed.
"""

import json
import sqlite3
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.openhumans.database import Database

PROJECT_LABEL = "direct-sharing-1"
_KEY_SECONDS = 60 * 60


@dataclass(frozen=True, slots=True)
class StoredFile:
    id: int
    member: str
    source: str
    basename: str
    object: str
    created: float
    metadata: Any
    is_complete: bool
    etag: str


class Files:
    """Every method is one atomic act."""

    def __init__(self, database: Database, folder: Path) -> None:
        self._database = database
        self.folder = folder

    def start(self, member: str, name: str, metadata: Any, source: str = PROJECT_LABEL) -> StoredFile:
        object_name = f"member-files/{source}/{uuid.uuid1()}/{name}"
        with self._database.transaction():
            self._database.run(
                "insert into files (member, source, basename, object, created, metadata, etag)"
                " values (?, ?, ?, ?, ?, ?, '')",
                member,
                source,
                name.rpartition("/")[2],
                object_name,
                self._database.now(),
                json.dumps(metadata),
            )
            file_id = self._database.rows("select last_insert_rowid() as id")[0]["id"]
        found = self.by_id(file_id)
        assert found is not None  # noqa: S101 - inserted above
        return found

    def by_id(self, file_id: int) -> StoredFile | None:
        # SQLite's integers have 64 bits; anything larger is no file's id.
        rows = (
            self._database.rows("select * from files where id = ?", file_id) if abs(file_id) < 2**63 else []
        )
        return _stored_file(rows[0]) if rows else None

    def by_object(self, object_name: str) -> StoredFile | None:
        rows = self._database.rows("select * from files where object = ?", object_name)
        return _stored_file(rows[0]) if rows else None

    def of_member(self, member: str, sources: Iterable[str] = (PROJECT_LABEL,)) -> list[StoredFile]:
        """Finished files in the API's order: by source, as text, then by id."""
        wanted = set(sources)
        rows = self._database.rows(
            "select * from files where member = ? and is_complete order by source, id", member
        )
        return [_stored_file(row) for row in rows if row["source"] in wanted]

    def sources(self, member: str) -> list[str]:
        rows = self._database.rows(
            "select distinct source from files where member = ? and source != ? order by source",
            member,
            PROJECT_LABEL,
        )
        return [row["source"] for row in rows]

    def put(self, file: StoredFile, bytes_path: Path, etag: str) -> None:
        """Take over a whole upload from a temporary file. A finished file's content is replaced."""
        with self._database.transaction():
            now_known = self.by_id(file.id) or file
            bytes_path.replace(self._path(now_known, is_complete=now_known.is_complete))
            self._database.run("update files set etag = ? where id = ?", etag, file.id)

    def complete(self, file: StoredFile) -> int | None:
        """The size of what is stored; None if nothing is, and then the file is incomplete again."""
        with self._database.transaction():
            path = self.content(file)
            if path:
                path.replace(self._path(file, is_complete=True))
            self._database.run("update files set is_complete = ? where id = ?", path is not None, file.id)
            return self._path(file, is_complete=True).stat().st_size if path else None

    def delete(self, file: StoredFile) -> bool:
        """Only finished files can be deleted."""
        with self._database.transaction():
            path = self.content(file)
            is_deleted = self._database.run("delete from files where id = ? and is_complete", file.id) > 0
            if is_deleted and path:
                path.unlink()
            return is_deleted

    def content(self, file: StoredFile) -> Path | None:
        for is_complete in (True, False):
            path = self._path(file, is_complete=is_complete)
            if path.exists():
                return path
        return None

    def incoming(self, file: StoredFile) -> Path:
        """A new name for bytes on their way, on the same file system."""
        return self._folder(file.member) / f".incoming-{uuid.uuid4().hex}"

    def new_keys(self, file_ids: Iterable[int]) -> dict[int, str]:
        """A fresh download key for each file, as each listing gives."""
        keys = {file_id: str(uuid.uuid4()) for file_id in file_ids}
        expires = self._database.now() + _KEY_SECONDS
        with self._database.transaction():
            for file_id, key in keys.items():
                self._database.run("insert into keys values (?, ?, ?)", key, file_id, expires)
        return keys

    def is_key_good(self, key: str, file_id: int) -> bool:
        query = "select 1 from keys where key = ? and file_id = ? and expires > ?"
        return bool(self._database.rows(query, key, file_id, self._database.now()))

    def _path(self, file: StoredFile, *, is_complete: bool) -> Path:
        if not is_complete:
            return self._folder(file.member) / f".incomplete-{file.id}"
        visible = "".join("_" if character in "/\x00" else character for character in file.basename)
        short = visible.encode("utf-8", "replace")[:200].decode("utf-8", "ignore")
        return self._folder(file.member) / f"{file.id}-{short}"

    def _folder(self, member: str) -> Path:
        folder = self.folder / member
        folder.mkdir(exist_ok=True)
        return folder


def _stored_file(row: sqlite3.Row) -> StoredFile:
    fields = dict(row)
    fields["metadata"] = json.loads(fields["metadata"])
    fields["is_complete"] = bool(fields["is_complete"])
    return StoredFile(**fields)
