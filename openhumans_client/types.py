"""What the client returns. All moments are UTC; secrets are kept out of `repr`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer as the decoders of `protocol` want it. Header names are in lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenGrant:
    """A token pair. Both tokens of the pair before it are dead from the moment this one was made."""

    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime
    scope: str


@dataclass(frozen=True, slots=True)
class Project:
    """The project the token belongs to. `id_label` is the `source` of the project's own files."""

    id: int
    id_label: str
    name: str
    is_active: bool
    is_approved: bool


@dataclass(frozen=True, slots=True)
class Member:
    """One member in one project. `project_member_id` is 8 (very old: 16) digits and stays the same for ever.

    `username` is None unless the member shares it. `sources_shared` are other projects' `id_label`s.
    """

    project_member_id: str
    created_at: datetime
    username: str | None
    sources_shared: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class File:
    """A completed file this project may read. Its own ones have `source == Project.id_label`.

    `basename` is not unique. `created_at` is when the upload was started. `download_url` lets anybody who has
    it download for one hour: never store, log or show it.
    """

    id: int
    basename: str
    created_at: datetime
    metadata: Mapping[str, Any] = field(hash=False)
    source: str
    download_url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class StartedUpload:
    """An upload waiting for its bytes. `url` lets anybody who has it write the file for six hours."""

    file_id: int
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Deauthorization:
    """Open Humans' word that a member left, and whether the member asked for their data to be erased."""

    project_member_id: str
    is_erasure_requested: bool
    left_at: datetime
