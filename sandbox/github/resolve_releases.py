"""GraphQL's releases."""

from typing import Any

from sandbox.github.hosted import Repository
from sandbox.github.items import Release
from sandbox.github.nodes import node_for
from sandbox.github.paging import Connection, Info, connect, order_by_key
from sandbox.github.reading import Reading
from sandbox.github.resolve_items import ItemNode, iso_or_none


class ReleaseNode(ItemNode[Release]):
    typename = "Release"

    @property
    def _place(self) -> str:
        return f"releases/tag/{f'untagged-{self.item.id:x}' if self.is_draft else self.item.tag_name}"

    @property
    def is_draft(self) -> bool:
        return self.item.published is None

    @property
    def published_at(self) -> str | None:  # type: ignore[override]
        return iso_or_none(self.item.published)

    @property
    def name(self) -> str:
        return self.item.name

    @property
    def description(self) -> str:
        return self.item.body

    @property
    def tag_name(self) -> str:
        return self.item.tag_name

    @property
    def tag_commit(self) -> Any:
        return self._git_object(self.item.oid)

    @property
    def is_prerelease(self) -> bool:
        return self.item.is_prerelease

    @property
    def is_latest(self) -> bool:
        return latest_release(self.reading, self.item.home) is self.item


@node_for.register
def _(item: Release, reading: Reading) -> ReleaseNode:
    return ReleaseNode(reading, item)


def latest_release(reading: Reading, repository: Repository) -> Release | None:
    """The newest that is neither a draft nor a pre-release."""
    releases = [
        each
        for each in reading.world.activity(repository).releases
        if each.published is not None and not each.is_prerelease
    ]
    return max(releases, key=lambda release: (release.created, release.id), default=None)


def releases_of(
    reading: Reading, info: Info, repository: Repository, arguments: dict[str, Any]
) -> Connection[Release]:
    """Newest first, unless another order is asked for; drafts for those who can push."""
    order = arguments.get("order_by") or {"field": "CREATED_AT", "direction": "DESC"}

    def key(release: Release) -> tuple[Any, int]:
        return (release.name if order["field"] == "NAME" else release.created), release.id

    found, cursors = order_by_key(
        [each for each in reading.world.activity(repository).releases if reading.can_see_item(each)],
        key,
        is_descending=order["direction"] == "DESC",
    )
    return connect(info, found, lambda release: node_for(release, reading), cursors, arguments)
