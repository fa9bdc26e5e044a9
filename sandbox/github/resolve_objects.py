"""GraphQL's trees, blobs and tags, and what all git objects have."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from sandbox.github.history import TreeEntry, is_binary
from sandbox.github.hosted import GitObjectName, Repository
from sandbox.github.ids import NodeId
from sandbox.github.nodes import node_for
from sandbox.github.reading import Reading

# GitHub cuts the text of large files at a size it does not document.
_TEXT_AT_MOST = 512_000


@dataclass(frozen=True)
class GitObjectNode:
    reading: Reading
    git_repository: Repository
    oid: str

    prefix = ""

    @property
    def id(self) -> str:
        return str(NodeId(self.prefix, self.git_repository.id, self.oid))

    @property
    def abbreviated_oid(self) -> str:
        return self.oid[:7]

    @property
    def repository(self) -> Any:
        return node_for(self.git_repository, self.reading)

    @property
    def commit_resource_path(self) -> str:
        return f"/{self.git_repository.full_name}/commit/{self.oid}"

    @property
    def commit_url(self) -> str:
        return self.reading.web_url + self.commit_resource_path


@dataclass(frozen=True)
class TreeNode(GitObjectNode):
    folder: str = ""

    typename = "Tree"
    prefix = "T"

    @property
    def entries(self) -> list["TreeEntryNode"]:
        entries = self.git_repository.git.tree(self.oid)
        return [TreeEntryNode(self.reading, self.git_repository, entry, self.folder) for entry in entries]


@dataclass(frozen=True)
class TreeEntryNode:
    reading: Reading
    git_repository: Repository
    entry: TreeEntry
    folder: str = ""

    @property
    def name(self) -> str:
        return self.entry.path

    @property
    def path(self) -> str:
        return f"{self.folder}/{self.entry.path}" if self.folder else self.entry.path

    @property
    def extension(self) -> str:
        return PurePosixPath(self.entry.path).suffix

    @property
    def mode(self) -> int:
        return self.entry.mode

    @property
    def oid(self) -> str:
        return self.entry.oid

    @property
    def size(self) -> int:
        return self.entry.size

    @property
    def type(self) -> str:
        return self.entry.type

    @property
    def object(self) -> Any:
        if self.entry.type == "tree":
            return TreeNode(self.reading, self.git_repository, self.oid, self.path)
        return node_for(GitObjectName(self.git_repository, self.oid), self.reading)

    @property
    def repository(self) -> Any:
        return node_for(self.git_repository, self.reading)


@dataclass(frozen=True)
class BlobNode(GitObjectNode):
    typename = "Blob"
    prefix = "B"

    @cached_property
    def content(self) -> bytes:
        return self.git_repository.git.blob(self.oid)

    @property
    def byte_size(self) -> int:
        return len(self.content)

    @property
    def is_binary(self) -> bool:
        return is_binary(self.content)

    @property
    def is_truncated(self) -> bool:
        return not self.is_binary and len(self.content) > _TEXT_AT_MOST

    @property
    def text(self) -> str | None:
        return None if self.is_binary else self.content[:_TEXT_AT_MOST].decode("utf-8", "replace")


@dataclass(frozen=True)
class TagNode(GitObjectNode):
    typename = "Tag"
    prefix = "TA"

    @property
    def _fields(self) -> tuple[str, str]:
        head, _, message = self.git_repository.git.tag(self.oid).partition("\n\n")
        name = next(line[4:] for line in head.splitlines() if line.startswith("tag "))
        return name, message

    @property
    def name(self) -> str:
        return self._fields[0]

    @property
    def message(self) -> str:
        return self._fields[1]

    @property
    def tagger(self) -> None:
        return None

    @property
    def target(self) -> Any:
        peeled = self.git_repository.git.peel(self.oid)
        return node_for(GitObjectName(self.git_repository, peeled), self.reading) if peeled else None
