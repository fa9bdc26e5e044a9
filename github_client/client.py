"""GitHub's API for one person's token: the calls. How they are sent: `exchange.py`.

Every call sends exactly one request (a REST redirect: one more) and returns types or raises a GitHubError.
Nothing is retried or waited for here; that belongs to the caller.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime

import requests

from github_client import decoding, queries
from github_client.activity import (
    FULL,
    SLIM,
    ListName,
    ListPage,
    ListRequest,
    ReleasePage,
    ReleaseRequest,
    Review,
    ReviewComment,
    ReviewPage,
    ReviewSizes,
)
from github_client.budget import Budget
from github_client.errors import Forbidden, NotFound, UnexpectedResponse
from github_client.exchange import RAW, Exchange
from github_client.git_objects import FileAnswer, FileRequest, Tree, is_content_of
from github_client.limits import told_at
from github_client.node import Node
from github_client.probe_answer import ProbeAnswer
from github_client.protocol import next_page, scopes_of, why_no_commits
from github_client.types import (
    CommitPage,
    CommitPageRequest,
    CommitTotal,
    Contributions,
    Identity,
    Rate,
    RepositoryPage,
    RestCommitPage,
    Unreadable,
)

USER_AGENT = "github-for-open-humans"


class GitHubClient:
    """One person's view of GitHub.

    `api_url` is "https://api.github.com" or a stand-in. `budget` is that of either API; the other is derived
    from it. `before_request` runs right before sending; if it raises, nothing is sent and nothing counted.
    `after_query` is told the name and the points of each GraphQL query that was answered. One request at a
    time: not to be shared between threads.

    Where a `login` is asked for, it must be the person's present one (a probe tells it): by an outdated one
    GitHub finds no reviews and does not say why. A `review_sizes` says how many reviews come with a pull
    request.
    """

    def __init__(
        self,
        api_url: str,
        access_token: str,
        budget: Budget | None = None,
        before_request: Callable[[], None] | None = None,
        session: requests.Session | None = None,
        after_query: Callable[[str, int], None] | None = None,
        user_agent: str = USER_AGENT,
        deadline_seconds: float = 120,
    ) -> None:
        self._exchange = Exchange(
            api_url, access_token, budget, before_request, session, after_query, user_agent, deadline_seconds
        )

    @property
    def points_spent(self) -> int:
        """GraphQL points, as GitHub counted them; only grows."""
        return self._exchange.points_spent

    @property
    def requests_sent(self) -> int:
        """Only grows."""
        return self._exchange.requests_sent

    @property
    def last_rate(self) -> Rate | None:
        """The newest limit GitHub told."""
        return self._exchange.last_rate

    def fetch_identity(self) -> Identity:
        """Whose token this is, and which scopes it was granted. REST: GET /user."""
        answer = self._exchange.get("/user")
        user = Node("GET /user", self._exchange.read_rest("/user", answer))
        return decoding.rest_identity(user, scopes_of(answer.headers))

    def ask_probe(
        self,
        since: date,
        until: date,
        repositories: int = 50,
        lists: Sequence[ListName] = (),
        items: int = 10,
        login: str = "",
        review_sizes: ReviewSizes = SLIM,
    ) -> ProbeAnswer:
        """Who, contributions of whole UTC days `since` to `until`, the last pushed repositories, and lists.

        The span is at most a year. The newest `items` of each list come whole; `login` is needed for pull
        requests. The scopes are empty where GitHub does not send them with GraphQL. Who only wants to know
        whether the answer is the same as another one need not decode it.
        """
        asked = [ListRequest(name, None, items) for name in lists]
        call, answer, result = self._exchange.query(
            queries.probe(since, until, repositories, asked, login, review_sizes)
        )
        scopes, moment = scopes_of(answer.headers), told_at(answer.headers)
        return ProbeAnswer(call, answer.body, result, since, until, asked, scopes, self.last_rate, moment)

    def fetch_repositories(self, after: str | None, size: int = 50) -> RepositoryPage:
        """One page of the repositories the person owns, collaborates on or sees through an organisation."""
        call, _, result = self._exchange.query(queries.repository_page(after, size))
        return decoding.decode(call, result, "viewer", decoding.viewer_repositories)

    def fetch_contributions(
        self, windows: Sequence[tuple[date, date]], created: int = 100
    ) -> tuple[Contributions, ...]:
        """Contributions of several windows of whole UTC days, both ends included, each at most a year.

        Up to `created` repositories that were made in a window come with it (at most 100).
        """
        if not windows:
            return ()
        call, _, result = self._exchange.query(queries.contribution_windows(windows, created))
        return decoding.decode(call, result, "viewer", lambda root: decoding.windows(root, windows))

    def fetch_commit_totals(
        self, repository_ids: Sequence[str], author_id: str
    ) -> tuple[CommitTotal | Unreadable, ...]:
        """How many commits of the author (a User's node id) each default branch holds, in the asked order,
        and the newest of them.

        At most 25 at a time: beyond about 40 GitHub was seen to cut such lists without saying so.
        """
        if not repository_ids:
            return ()
        call, _, result = self._exchange.query(queries.commit_totals(repository_ids, author_id))
        return decoding.commit_totals(Node(call, result.data), repository_ids, result.errors)

    def fetch_commit_pages(
        self, requests: Sequence[CommitPageRequest], author_id: str
    ) -> tuple[CommitPage, ...]:
        """One page of each of several histories, in the order asked for. Each page has its own outcome."""
        return self.fetch_pages(requests, author_id, (), "")[0]

    def fetch_lists(
        self, requests: Sequence[ListRequest], login: str, review_sizes: ReviewSizes = SLIM
    ) -> tuple[ListPage, ...]:
        """One page of each of several lists, in the order asked for, in one request.

        Entries that GitHub withholds are counted in `unreadable`. `login` is needed for pull requests only.
        Price: 1 point, with 50 pull requests 3, with 100 of them 6.
        """
        return self.fetch_pages((), "", requests, login, review_sizes)[1]

    def fetch_pages(
        self,
        commits: Sequence[CommitPageRequest],
        author_id: str,
        lists: Sequence[ListRequest],
        login: str,
        review_sizes: ReviewSizes = SLIM,
    ) -> tuple[tuple[CommitPage, ...], tuple[ListPage, ...]]:
        """`fetch_commit_pages` and `fetch_lists` in one request."""
        if not commits and not lists:
            return (), ()
        query = queries.pages(commits, author_id, lists, login, review_sizes)
        call, _, result = self._exchange.query(query)
        histories = decoding.commit_pages(Node(call, result.data), commits, result.errors)
        if not lists:
            return histories, ()
        return histories, decoding.decode(
            call, result, "viewer", lambda root: decoding.list_pages(root.node("viewer"), lists)
        )

    def fetch_reviews(
        self,
        login: str,
        until: datetime | None,
        since: datetime | None,
        cursor: str | None,
        size: int = 50,
        review_sizes: ReviewSizes = FULL,
    ) -> ReviewPage:
        """The person's reviews of others' pull requests, from one page of a search.

        The search finds pull requests changed from `since` to `until`, both included, the last changed first,
        and never gives more than 1,000 of them. Price at 50: 6 points, with `SLIM` sizes 3.
        """
        query = queries.reviewed_pull_requests(login, until, since, cursor, size, review_sizes)
        call, _, result = self._exchange.query(query)
        return decoding.decode(call, result, "search", decoding.review_page)

    def fetch_more_reviews(
        self, pull_request_id: str, login: str, cursor: str | None
    ) -> tuple[tuple[Review, ...], str | None]:
        """The person's next 100 reviews of one pull request, and the cursor if there are yet more.

        Raises NotFound or Forbidden where the pull request cannot be read.
        """
        call, _, result = self._exchange.query(queries.more_reviews(pull_request_id, login, cursor))
        return decoding.decode(call, result, "node", decoding.more_reviews)

    def fetch_more_review_comments(
        self, review_id: str, cursor: str | None
    ) -> tuple[tuple[ReviewComment, ...], str | None]:
        """The next 100 comments of one review, and the cursor if there are yet more.

        Raises NotFound or Forbidden where the review cannot be read.
        """
        call, _, result = self._exchange.query(queries.more_review_comments(review_id, cursor))
        return decoding.decode(call, result, "node", decoding.more_comments)

    def fetch_releases(
        self, requests: Sequence[ReleaseRequest], size: int = 20
    ) -> tuple[ReleasePage | Unreadable, ...]:
        """A page of releases, by whomever, of each repository, last created first, in the asked order.

        At most 25 repositories at a time, as for `fetch_commit_totals`.
        """
        if not requests:
            return ()
        call, _, result = self._exchange.query(queries.releases(requests, size))
        return decoding.releases(Node(call, result.data), requests, result.errors)

    def fetch_tree(self, repository_database_id: int, oid: str, *, recursive: bool = True) -> Tree:
        """What lies in a tree, at any depth or directly. A commit's oid stands for its tree.

        Raises NotFound or Forbidden where the repository cannot be read.
        https://docs.github.com/rest/git/trees#get-a-tree
        """
        path = f"/repositories/{repository_database_id}/git/trees/{oid}"
        answer = self._exchange.get(path, {"recursive": "1"} if recursive else None)
        if answer.status in (409, 422):  # nothing was ever committed, or the tree was taken away
            raise NotFound(f"GET {path}: {answer.status}")
        document = self._exchange.read_rest(path, answer, decoding.shrink_entry)
        return decoding.tree(f"GET {path}", document)

    def fetch_files(self, requests: Sequence[FileRequest]) -> tuple[FileAnswer | Unreadable, ...]:
        """Texts of files with the commits that last changed them, in the asked order.

        At most 25 at a time, as for `fetch_commit_totals`.
        """
        if not requests:
            return ()
        call, _, result = self._exchange.query(queries.files(requests))
        return decoding.files(Node(call, result.data), requests, result.errors)

    def fetch_blob(self, repository_database_id: int, oid: str) -> bytes:
        """A file's bytes by the oid of its content. Raises NotFound or Forbidden where it cannot be read.

        https://docs.github.com/rest/git/blobs#get-a-blob
        """
        path = f"/repositories/{repository_database_id}/git/blobs/{oid}"
        content = self._exchange.read_raw(path, self._exchange.get(path, accept=RAW))
        if not is_content_of(oid, content):
            raise UnexpectedResponse(f"GET {path}: 200 with bytes that have another address")
        return content

    def fetch_commit_page_rest(
        self, repository_database_id: int, author_login: str, head_oid: str, page: int = 1, size: int = 100
    ) -> RestCommitPage:
        """The way out where even the smallest GraphQL page times out: no statistics, dates in UTC only.

        https://docs.github.com/rest/commits/commits#list-commits
        """
        path = f"/repositories/{repository_database_id}/commits"
        parameters = {"author": author_login, "sha": head_oid, "per_page": str(size), "page": str(page)}
        answer = self._exchange.get(path, parameters)
        outcome = why_no_commits(answer)
        if outcome:
            return RestCommitPage((), None, outcome)
        try:
            document = self._exchange.read_rest(path, answer)
        except NotFound:
            return RestCommitPage((), None, "not_found")
        except Forbidden:
            return RestCommitPage((), None, "forbidden")
        return RestCommitPage(
            decoding.rest_commits(f"GET {path}", document), next_page(answer.headers), "read"
        )
