"""GraphQL's issues, pull requests, and comments on them and on commits."""

from datetime import datetime
from typing import Any

from sandbox.github.gitlog import Statistics
from sandbox.github.items import CommitComment, Issue, IssueComment, PullRequest, Review
from sandbox.github.nodes import item_connection, node_for, order_field, ordered_connection
from sandbox.github.paging import Connection, Info
from sandbox.github.reading import Reading
from sandbox.github.resolve_items import ItemNode, iso_or_none
from sandbox.github.world import Ordered


class IssueNode(ItemNode[Issue]):
    typename = "Issue"

    @property
    def _place(self) -> str:
        return f"issues/{self.item.number}"

    @property
    def number(self) -> int:
        return self.item.number

    @property
    def title(self) -> str:
        return self.item.title

    @property
    def state(self) -> str:
        return self.item.state

    @property
    def closed(self) -> bool:
        return self.item.closed is not None

    @property
    def closed_at(self) -> str | None:
        return iso_or_none(self.item.closed)

    def state_reason(self, _info: Info, **_arguments: Any) -> str | None:
        return self.item.state_reason

    def comments(self, info: Info, order_by: Any = None, **window: Any) -> Connection[IssueComment]:
        return item_connection(self.reading, info, self.item.comments, window, order_by)


class PullRequestNode(ItemNode[PullRequest]):
    typename = "PullRequest"
    is_draft = False

    @property
    def _place(self) -> str:
        return f"pull/{self.item.number}"

    @property
    def number(self) -> int:
        return self.item.number

    @property
    def title(self) -> str:
        return self.item.title

    @property
    def state(self) -> str:
        return self.item.state

    @property
    def closed(self) -> bool:
        return self.item.closed is not None

    @property
    def closed_at(self) -> str | None:
        return iso_or_none(self.item.closed)

    @property
    def merged(self) -> bool:
        return self.state == "MERGED"

    @property
    def merged_at(self) -> str | None:
        return self.closed_at if self.merged else None

    @property
    def merged_by(self) -> Any:
        return node_for(self.item.merged_by, self.reading) if self.item.merged_by else None

    @property
    def merge_commit(self) -> Any:
        return self._git_object(self.item.merge_oid)

    @property
    def additions(self) -> int:
        return self._size.additions

    @property
    def deletions(self) -> int:
        return self._size.deletions

    @property
    def changed_files(self) -> int:
        return self._size.changed_files

    @property
    def base_ref_name(self) -> str:
        return self.item.home.git.branch

    @property
    def head_ref_name(self) -> str:
        return self.item.head_branch

    @property
    def total_comments_count(self) -> int:
        return len(self.item.comments) + sum(len(review.comments) for review in self.item.reviews)

    def comments(self, info: Info, order_by: Any = None, **window: Any) -> Connection[IssueComment]:
        return item_connection(self.reading, info, self.item.comments, window, order_by)

    def reviews(
        self, info: Info, author: str | None = None, states: list[str] | None = None, **window: Any
    ) -> Connection[Review]:
        chosen = [
            review
            for review in self.item.reviews
            if (author is None or (review.author and review.author.login.lower() == author.lower()))
            and (not states or review.state in states)
        ]
        return item_connection(self.reading, info, chosen, window)

    @property
    def _size(self) -> Statistics:
        """Merges of the repository are read together: whoever asks for one asks for many."""
        item = self.item
        if item.size is not None or item.merge_oid is None:
            return item.size or Statistics(0, 0, 0)
        requests = self.reading.world.activity(item.home).pull_requests
        nearby = [request.merge_oid for request in requests if request.merge_oid and request.size is None]
        return item.home.git.statistics(item.merge_oid, nearby)


class IssueCommentNode(ItemNode[IssueComment]):
    typename = "IssueComment"

    @property
    def _place(self) -> str:
        kind = "pull" if isinstance(self.item.parent, PullRequest) else "issues"
        return f"{kind}/{self.item.parent.number}#issuecomment-{self.item.id}"

    @property
    def issue(self) -> Any:
        """Never null on GitHub: a pull request is an issue too, with the same number."""
        parent = self.item.parent
        return IssueNode(self.reading, parent if isinstance(parent, Issue) else _as_issue(parent))

    @property
    def pull_request(self) -> Any:
        parent = self.item.parent
        return node_for(parent, self.reading) if isinstance(parent, PullRequest) else None


class CommitCommentNode(ItemNode[CommitComment]):
    typename = "CommitComment"

    @property
    def _place(self) -> str:
        return f"commit/{self.item.oid}#commitcomment-{self.item.id}"

    @property
    def path(self) -> str | None:
        return self.item.path

    @property
    def position(self) -> int | None:
        return self.item.position

    @property
    def commit(self) -> Any:
        return self._git_object(self.item.oid)


@node_for.register
def _(item: Issue, reading: Reading) -> IssueNode:
    return IssueNode(reading, item)


@node_for.register
def _(item: PullRequest, reading: Reading) -> PullRequestNode:
    return PullRequestNode(reading, item)


@node_for.register
def _(item: IssueComment, reading: Reading) -> IssueCommentNode:
    return IssueCommentNode(reading, item)


@node_for.register
def _(item: CommitComment, reading: Reading) -> CommitCommentNode:
    return CommitCommentNode(reading, item)


def issues_connection(
    reading: Reading, info: Info, items: Ordered[Issue], arguments: dict[str, Any]
) -> Connection[Issue]:
    """`items` in the order that `order_field` names."""
    filters = arguments.get("filter_by") or {}
    states = arguments.get("states") or filters.get("states")
    since: datetime | None = filters.get("since")
    if states or since or arguments.get("labels"):
        items = items.where(
            lambda issue: (
                (not states or issue.state in states)
                and (since is None or issue.updated >= since.timestamp())
                and not arguments.get("labels")
            )
        )
    return ordered_connection(reading, info, items, arguments, arguments.get("order_by"))


def pull_requests_connection(
    reading: Reading, info: Info, items: Ordered[PullRequest], arguments: dict[str, Any]
) -> Connection[PullRequest]:
    """`items` in the order that `order_field` names."""
    states, head, base = (arguments.get(name) for name in ("states", "head_ref_name", "base_ref_name"))
    if states or head or base or arguments.get("labels"):
        items = items.where(
            lambda request: (
                (not states or request.state in states)
                and head in (None, request.head_branch)
                and base in (None, request.home.git.branch)
                and not arguments.get("labels")
            )
        )
    return ordered_connection(reading, info, items, arguments, arguments.get("order_by"))


def list_order(arguments: dict[str, Any]) -> str:
    return order_field(arguments.get("order_by"))


def _as_issue(request: PullRequest) -> Issue:
    return Issue(
        id=request.id,
        repository=request.repository,
        author=request.author,
        created=request.created,
        updated=request.updated,
        body=request.body,
        number=request.number,
        title=request.title,
        closed=request.closed,
        comments=request.comments,
    )
