"""GraphQL's discussions and their comments."""

from typing import Any

from sandbox.github.items import Discussion, DiscussionComment
from sandbox.github.nodes import item_connection, node_for
from sandbox.github.paging import Connection, Info
from sandbox.github.reading import Reading
from sandbox.github.resolve_items import ItemNode


class DiscussionNode(ItemNode[Discussion]):
    """Nobody chooses answers or closes discussions here."""

    typename = "Discussion"
    answer_chosen_at = None
    closed = False
    closed_at = None
    is_answered = False

    @property
    def _place(self) -> str:
        return f"discussions/{self.item.number}"

    @property
    def number(self) -> int:
        return self.item.number

    @property
    def title(self) -> str:
        return self.item.title

    def comments(self, info: Info, **window: Any) -> Connection[DiscussionComment]:
        return item_connection(self.reading, info, self.item.comments, window)


class DiscussionCommentNode(ItemNode[DiscussionComment]):
    typename = "DiscussionComment"
    is_answer = False
    reply_to = None

    @property
    def _place(self) -> str:
        return f"discussions/{self.item.discussion.number}#discussioncomment-{self.item.id}"

    @property
    def discussion(self) -> Any:
        return node_for(self.item.discussion, self.reading)

    def replies(self, info: Info, **window: Any) -> Connection[DiscussionComment]:
        none: list[DiscussionComment] = []
        return item_connection(self.reading, info, none, window)


@node_for.register
def _(item: Discussion, reading: Reading) -> DiscussionNode:
    return DiscussionNode(reading, item)


@node_for.register
def _(item: DiscussionComment, reading: Reading) -> DiscussionCommentNode:
    return DiscussionCommentNode(reading, item)


def discussions_wanted(arguments: dict[str, Any]) -> bool:
    """Whether the filters let the discussions here through: they are all open, and none is answered."""
    states = arguments.get("states")
    return arguments.get("answered") is not True and (not states or "OPEN" in states)
