"""GraphQL's gists, their files and comments."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from sandbox.github.items import Gist, GistComment
from sandbox.github.languages import language_of
from sandbox.github.nodes import item_connection, node_for
from sandbox.github.paging import Connection, Info
from sandbox.github.reading import Reading
from sandbox.github.resolve_items import ItemNode
from sandbox.github.resolve_languages import LanguageNode


class GistNode(ItemNode[Gist]):
    typename = "Gist"
    is_fork = False
    stargazer_count = 0

    @property
    def name(self) -> str:
        return self.item.name

    @property
    def description(self) -> str:
        return self.item.description

    @property
    def is_public(self) -> bool:
        return self.item.is_public

    @property
    def owner(self) -> Any:
        return self.author

    @property
    def pushed_at(self) -> str:
        return self.updated_at

    @property
    def resource_path(self) -> str:
        login = f"{self.item.author.login}/" if self.item.author else ""
        return f"/{login}{self.item.name}"

    def files(self, _info: Info, limit: int | None = 10, **_version: Any) -> list["GistFileNode"]:
        return [GistFileNode(self.reading, self.item)][: limit or 0]

    def comments(self, info: Info, **window: Any) -> Connection[GistComment]:
        return item_connection(self.reading, info, self.item.comments, window)


@dataclass(frozen=True)
class GistFileNode:
    reading: Reading
    gist: Gist

    typename = "GistFile"
    encoding = "UTF-8"
    is_image = False
    is_truncated = False

    @property
    def name(self) -> str:
        return self.gist.file_name

    @property
    def encoded_name(self) -> str:
        return quote(self.gist.file_name)

    @property
    def extension(self) -> str:
        return PurePosixPath(self.gist.file_name).suffix

    @property
    def language(self) -> LanguageNode | None:
        name = language_of(self.gist.file_name)
        return LanguageNode(name) if name else None

    @property
    def size(self) -> int:
        return len(self.gist.body.encode())

    def text(self, _info: Info, truncate: int | None = None) -> str:
        return self.gist.body if truncate is None else self.gist.body[:truncate]


class GistCommentNode(ItemNode[GistComment]):
    typename = "GistComment"

    @property
    def gist(self) -> Any:
        return node_for(self.item.gist, self.reading)


@node_for.register
def _(item: Gist, reading: Reading) -> GistNode:
    return GistNode(reading, item)


@node_for.register
def _(item: GistComment, reading: Reading) -> GistCommentNode:
    return GistCommentNode(reading, item)
