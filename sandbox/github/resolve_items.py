"""What all of GraphQL's issues, pull requests, reviews and comments have."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sandbox.github.hosted import GitObjectName, Repository
from sandbox.github.items import Item
from sandbox.github.nodes import node_for
from sandbox.github.paging import iso
from sandbox.github.reading import Reading

SomeItem = TypeVar("SomeItem", bound=Item)


@dataclass(frozen=True)
class ItemNode(Generic[SomeItem]):
    reading: Reading
    item: SomeItem

    @property
    def id(self) -> str:
        return self.item.node_id

    @property
    def database_id(self) -> int:
        return self.item.id

    @property
    def full_database_id(self) -> str:
        return str(self.item.id)

    @property
    def author(self) -> Any:
        return node_for(self.item.author, self.reading) if self.item.author else None

    @property
    def body(self) -> str:
        return self.item.body

    @property
    def body_text(self) -> str:
        return self.item.body

    @property
    def created_at(self) -> str:
        return iso(self.item.created)

    @property
    def published_at(self) -> str:
        return iso(self.item.created)

    @property
    def updated_at(self) -> str:
        return iso(self.item.updated)

    @property
    def repository(self) -> Any:
        return node_for(self.item.home, self.reading)

    @property
    def resource_path(self) -> str:
        return f"/{self.item.home.full_name}/{self._place}"

    @property
    def url(self) -> str:
        return self.reading.web_url + self.resource_path

    @property
    def _place(self) -> str:
        raise NotImplementedError

    def _git_object(self, oid: str | None, repository: Repository | None = None) -> Any:
        return node_for(GitObjectName(repository or self.item.home, oid), self.reading) if oid else None


def iso_or_none(seconds: int | None) -> str | None:
    return None if seconds is None else iso(seconds)
