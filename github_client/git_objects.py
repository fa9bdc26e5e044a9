"""What lies in a repository: trees, files by their content, and the commit that last changed a path."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

EntryType = Literal["blob", "tree", "commit"]


@dataclass(frozen=True, slots=True)
class TreeEntry:
    """`path` is relative to the tree that was asked for; `size` is in bytes, 0 for what is no file.

    `mode` is git's, as text: "100644", "120000" for a symbolic link.
    """

    path: str
    type: EntryType
    mode: str
    oid: str
    size: int


@dataclass(frozen=True, slots=True)
class Tree:
    """A truncated one (over 100,000 entries or 7 MB) has to be asked for in parts."""

    entries: tuple[TreeEntry, ...]
    is_truncated: bool


@dataclass(frozen=True, slots=True)
class FileRequest:
    """One file by the oid of its content, and where it lies in the commit `head_oid`.

    Without `with_text` only its size and the commit that last changed it are asked for.
    """

    repository_id: str
    head_oid: str
    path: str
    oid: str
    with_text: bool = True


@dataclass(frozen=True, slots=True)
class FileAnswer:
    """`text` is None for what is binary or was not asked for, and cut where `is_truncated`.

    GitHub reads every file as UTF-8, so the text is the file only if `is_content_of` says so. `commit_oid`
    and `committed_at` are None where no commit of that history has the path.
    """

    request: FileRequest
    text: str | None = field(repr=False)
    size: int
    is_truncated: bool
    commit_oid: str | None
    committed_at: datetime | None


def is_content_of(oid: str, content: bytes) -> bool:
    """Whether git's address of these bytes is `oid`, by SHA-1 or, where the oid has 64 digits, SHA-256.

    https://git-scm.com/book/en/v2/Git-Internals-Git-Objects
    """
    digest = hashlib.sha256() if len(oid) == 64 else hashlib.sha1(usedforsecurity=False)
    digest.update(b"blob %d\0" % len(content))
    digest.update(content)
    return digest.hexdigest() == oid
