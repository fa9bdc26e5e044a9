"""Issues, pull requests, reviews, comments, gists, discussions and stars of a made-up account."""

import random
from bisect import bisect_right
from collections import Counter
from typing import Any, TypeVar

from sandbox.github.generated_words import headline, text
from sandbox.github.gitlog import Statistics
from sandbox.github.hosted import Account, Repository
from sandbox.github.items import (
    CommitComment,
    Discussion,
    DiscussionComment,
    Gist,
    GistComment,
    Issue,
    IssueComment,
    Item,
    PullRequest,
    Release,
    Review,
    ReviewComment,
    Star,
)
from sandbox.github.made import Made

SomeItem = TypeVar("SomeItem", bound=Item)
_DAY = 86_400
_FIRST_ID = 1_000_000
_STATES = ("APPROVED", "COMMENTED", "CHANGES_REQUESTED")


class ItemMaker:
    """Makes items of one account in order of time, numbered from one in each repository.

    Acts use it too: `at` then says when, and in which repository.
    """

    def __init__(self, made: Made, start: int, end: int) -> None:
        self._made = made
        self._member = made.catalogue.member
        self._chance: random.Random = made.chance
        self._start = start
        self._end = end
        self._last_id = _FIRST_ID
        self._numbers: Counter[int] = Counter()
        self._places = [each for each in made.repositories if not each.archived_seconds]
        self._weights = [1 / (place + 2) for place in range(len(self._places))]
        self._shared = [each for each in self._places if each.owner is not self._member] or self._places
        self._threads: list[Issue | PullRequest] = []
        self._thread_moments: list[int] = []

    def make(self) -> None:
        size = self._made.size
        makers = {
            self.issue: size.issues,
            self.pull_request: size.pull_requests,
            self.reviewed: size.reviewed,
            self.discussion: size.discussions,
        }
        plan = [(moment, make) for make, amount in makers.items() for moment in self._moments(amount)]
        for moment, make in sorted(plan, key=lambda each: each[0]):
            make(self._place(shared=make == self.reviewed), moment)
        for moment in self._moments(size.comments):
            self.comment(moment)
        for moment in self._moments(size.gists):
            self.gist(moment)
        for moment in self._moments(max(1, size.comments // 80)):
            self.commit_comment(self._place(), moment)
        self._releases()

    def issue(self, repository: Repository, moment: int) -> Issue:
        is_closed = self._chance.random() < 0.7
        closed = self._later(moment, 60) if is_closed else None
        issue = Issue(
            **self._base(repository, self._member, moment, closed),
            number=self._number(repository),
            title=headline(self._last_id),
            closed=closed,
            state_reason=self._chance.choice(("COMPLETED", "NOT_PLANNED")) if is_closed else None,
        )
        self._thread(issue)
        return self._add(issue)

    def pull_request(self, repository: Repository, moment: int) -> PullRequest:
        """Of the member; others review most of them, the member answers in a review now and then."""
        request = self._request(repository, self._member, moment)
        if self._chance.random() < 0.6:
            self.review(request, self._other(), self._later(moment, 5))
        if self._chance.random() < 0.1:
            self.review(request, self._member, self._later(moment, 5))
        return request

    def reviewed(self, repository: Repository, moment: int) -> PullRequest:
        """Of somebody else, with one to three reviews of the member, of one in two hundred a dozen."""
        request = self._request(repository, self._other(), moment)
        amount = 12 if self._last_id % 200 == 0 else self._chance.choice((1, 1, 1, 2, 3))
        for _ in range(amount):
            self.review(request, self._member, self._later(moment, 8))
        return request

    def review(
        self, request: PullRequest, author: Account, moment: int, comments: int | None = None
    ) -> Review:
        repository = request.home
        review = Review(
            **self._base(repository, author, moment),
            pull_request=request,
            state=self._chance.choice(_STATES) if author is not request.author else "COMMENTED",
            oid=request.head_oid,
        )
        self._add(review)
        if comments is None:
            comments = 25 if self._last_id % 300 == 0 else self._chance.choice((0, 0, 1, 2, 3))
        for _ in range(comments):
            base = self._base(repository, author, moment)
            path = self._made.histories[repository.id].files.source
            self._add(ReviewComment(**base, review=review, path=path, line=1 + self._last_id % 40))
        request.updated = max(request.updated, moment)
        return review

    def comment(self, moment: int, thread: Issue | PullRequest | None = None) -> IssueComment | None:
        """On one of the threads of that time; None when there is none yet."""
        if thread is None:
            until = bisect_right(self._thread_moments, moment)
            if not until:
                return None
            thread = self._threads[self._chance.randrange(max(0, until - 200), until)]
        thread.updated = max(thread.updated, moment)
        return self._add(IssueComment(**self._base(thread.home, self._member, moment), parent=thread))

    def discussion(self, repository: Repository, moment: int) -> Discussion:
        """With three comments of the member."""
        opened = Discussion(
            **self._base(repository, self._member, moment),
            number=self._number(repository),
            title=headline(self._last_id),
        )
        self._add(opened)
        for _ in range(3):
            later = self._later(moment, 10)
            base = self._base(repository, self._member, later)
            self._add(DiscussionComment(**base, discussion=opened))
            opened.updated = max(opened.updated, later)
        return opened

    def gist(self, moment: int) -> Gist:
        """Every third is secret; each has a comment of the member."""
        base = self._base(None, self._member, moment)
        gist = Gist(
            **base,
            name=f"{self._last_id:032x}",
            description=headline(self._last_id),
            file_name="snippet.py",
            is_public=self._last_id % 3 != 0,
        )
        self._add(gist)
        later = self._later(moment, 5)
        self._add(GistComment(**self._base(None, self._member, later), gist=gist))
        gist.updated = max(gist.updated, later)
        return gist

    def commit_comment(self, repository: Repository, moment: int) -> CommitComment:
        history = self._made.histories[repository.id]
        oid = history.oid(history.newest_before(moment))
        return self._add(CommitComment(**self._base(repository, self._member, moment), oid=oid))

    def star(self, repository: Repository, moment: int | None = None) -> Star:
        moment = self._chance.randrange(self._start, self._end) if moment is None else moment
        star = Star(self._member, repository, moment)
        self._made.activities[repository.id].stars.append(star)
        return star

    def _releases(self) -> None:
        for repository in self._made.repositories:
            author = self._member if repository.owner is self._member else self._other()
            for tag in self._made.histories[repository.id].tags():
                self._add(
                    Release(
                        **self._base(repository, author, tag.tagger.seconds),
                        tag_name=tag.name,
                        name=tag.name,
                        oid=tag.commit_oid,
                        published=tag.tagger.seconds,
                        is_prerelease="rc" in tag.name,
                    )
                )

    def _request(self, repository: Repository, author: Account, moment: int) -> PullRequest:
        fate = self._chance.random()
        closed = None if fate < 0.05 else self._later(moment, 20)
        history = self._made.histories[repository.id]
        oid = history.oid(history.newest_before(closed or moment))
        lines = 1 + self._chance.randrange(400)
        base = self._base(repository, author, moment, closed)
        request = PullRequest(
            **base,
            number=self._number(repository),
            title=headline(self._last_id),
            head_branch=f"work-{self._last_id}",
            head_oid=oid,
            merge_oid=oid if closed and fate > 0.15 else None,
            closed=closed,
            merged_by=self._member if closed and fate > 0.15 else None,
            size=Statistics(lines, lines // 3, 1 + lines // 60),
        )
        self._thread(request)
        return self._add(request)

    def _base(
        self, repository: Repository | None, author: Account, moment: int, updated: int | None = None
    ) -> dict[str, Any]:
        self._last_id += 1
        return {
            "id": self._last_id,
            "repository": repository,
            "author": author,
            "created": moment,
            "updated": moment if updated is None else updated,
            "body": text(self._last_id * 7),
        }

    def _add(self, item: SomeItem) -> SomeItem:
        made = self._made
        activity = made.activities[item.repository.id] if item.repository else made.loose
        activity.add(item)
        return item

    def _thread(self, item: Issue | PullRequest) -> None:
        self._threads.append(item)
        self._thread_moments.append(item.created)

    def _number(self, repository: Repository) -> int:
        self._numbers[repository.id] += 1
        return self._numbers[repository.id]

    def _place(self, *, shared: bool = False) -> Repository:
        if shared:
            return self._chance.choice(self._shared)
        return self._chance.choices(self._places, self._weights)[0]

    def _other(self) -> Account:
        return self._chance.choice(self._made.others)

    def _later(self, moment: int, days: int) -> int:
        """Within so many days, or what is left of them: no crowd gathers at the account's last second."""
        left = max(0, min(days * _DAY, self._end - moment - 60))
        return min(self._end, moment + 60 + int(self._chance.random() * left))

    def _moments(self, a_year: int) -> list[int]:
        amount = a_year * self._made.size.years
        return sorted(self._chance.randrange(self._start, self._end) for _ in range(amount))
