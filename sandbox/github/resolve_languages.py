"""GraphQL's languages."""

from dataclasses import dataclass

from sandbox.github.ids import NodeId, numeric_id
from sandbox.github.languages import COLORS
from sandbox.github.paging import Connection


@dataclass(frozen=True)
class LanguageNode:
    name: str

    typename = "Language"

    @property
    def id(self) -> str:
        return str(NodeId("LA", numeric_id("language", self.name), self.name))

    @property
    def color(self) -> str | None:
        return COLORS.get(self.name)


class LanguageConnection(Connection[tuple[str, int]]):
    @property
    def total_size(self) -> int:
        return sum(size for _, size in self.items)
