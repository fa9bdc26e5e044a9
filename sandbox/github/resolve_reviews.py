"""GraphQL's reviews of pull requests and the comments in them."""

from typing import Any

from sandbox.github.items import Review, ReviewComment
from sandbox.github.nodes import item_connection, node_for
from sandbox.github.paging import Connection, Info, iso
from sandbox.github.reading import Reading
from sandbox.github.resolve_items import ItemNode


class ReviewNode(ItemNode[Review]):
    typename = "PullRequestReview"

    @property
    def _place(self) -> str:
        return f"pull/{self.item.pull_request.number}#pullrequestreview-{self.item.id}"

    @property
    def state(self) -> str:
        return self.item.state

    @property
    def submitted_at(self) -> str:
        return iso(self.item.created)

    @property
    def commit(self) -> Any:
        return self._git_object(self.item.oid)

    @property
    def pull_request(self) -> Any:
        return node_for(self.item.pull_request, self.reading)

    def comments(self, info: Info, **window: Any) -> Connection[ReviewComment]:
        return item_connection(self.reading, info, self.item.comments, window)


class ReviewCommentNode(ItemNode[ReviewComment]):
    typename = "PullRequestReviewComment"
    reply_to = None
    state = "SUBMITTED"

    @property
    def _place(self) -> str:
        return f"pull/{self.item.review.pull_request.number}#discussion_r{self.item.id}"

    @property
    def commit(self) -> Any:
        return self._git_object(self.item.review.oid)

    @property
    def original_commit(self) -> Any:
        return self.commit

    @property
    def diff_hunk(self) -> str:
        return f"@@ -1,1 +1,1 @@ {self.path}"

    @property
    def line(self) -> int | None:
        return self.item.line

    @property
    def path(self) -> str:
        if self.item.path is not None:
            return self.item.path
        request = self.item.review.pull_request
        requests = self.reading.world.activity(self.item.home).pull_requests
        nearby = [each.merge_oid for each in requests if each.merge_oid]
        return (
            self.item.home.git.statistics(request.merge_oid, nearby).first_path if request.merge_oid else ""
        )

    @property
    def pull_request(self) -> Any:
        return node_for(self.item.review.pull_request, self.reading)

    @property
    def pull_request_review(self) -> Any:
        return node_for(self.item.review, self.reading)


@node_for.register
def _(item: Review, reading: Reading) -> ReviewNode:
    return ReviewNode(reading, item)


@node_for.register
def _(item: ReviewComment, reading: Reading) -> ReviewCommentNode:
    return ReviewCommentNode(reading, item)
