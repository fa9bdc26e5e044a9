"""Issues, pull requests, reviews, comments, discussions, gists, releases and stars that git history hints at.

A repository on disk has none of these, so they are worked out from its commits, the same at every start, and
every text says that it is derived:

* a merge commit is a merged pull request: of the author of the merged side, merged by the author of the
  merge; somebody else's merge is also an approving review, and every point (`* ...`) in its message is one of
  the review's comments, on the first file that the merge changed
* a commit whose headline ends in `(#12)` is the squashed pull request 12
* `discussion #12` is discussion 12, opened with the first commit that names it; later ones comment on it
* any other `#12` is issue 12, opened with the first commit that names it, closed by the first that says so,
  and every later one is a comment on it; if 12 is a pull request, each is a comment there
* a block of code in a message is a gist of the author: a public one between fences, a secret one when it is
  indented or the repository is private
* naming another commit by seven or more digits of its oid ("This reverts commit ...") is a comment on that
  commit; if it made a gist, on the gist
* a tag is a release by its tagger, of a light tag by the author of its commit; `-rc1`, `b2`, ... are
  pre-releases
* who commits to a repository has starred it, at the time of the first commit

A fork has none of this: it all happened where the fork was taken from.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from typing import Any

from sandbox.github.catalogue import Catalogue
from sandbox.github.derived_text import GIST_BLOCK, code_block, note, points
from sandbox.github.gitlog import Commit
from sandbox.github.hosted import Account, Repository
from sandbox.github.ids import numeric_id
from sandbox.github.items import (
    Activity,
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

_MERGED_NUMBER = re.compile(r"^Merge pull request #(\d{1,9})\b")
_MERGED_BRANCH = re.compile(r"^Merge (?:pull request #\d+ from|(?:remote-tracking )?branch) '?([^\s']+)")
_SQUASHED_NUMBER = re.compile(r"\(#(\d{1,9})\)$")
_REFERENCE = re.compile(r"(?:^|(?<=[\s(\[,:;]))#(\d{1,9})\b")
_DISCUSSED = re.compile(r"\bdiscussion #(\d{1,9})\b", re.IGNORECASE)
_CLOSING = re.compile(r"\b(?:close[sd]?|fix(?:e[sd])?|resolve[sd]?):?\s+#(\d{1,9})\b", re.IGNORECASE)
_OID = re.compile(r"\b[0-9a-f]{7,40}\b")
_PRERELEASE = re.compile(r"\d[-.]?(?:a|alpha|b|beta|dev|pre|rc)[-.]?\d*$", re.IGNORECASE)


def derive(catalogue: Catalogue, repository: Repository) -> Activity:
    derivation = _Derivation(catalogue, repository)
    if repository.parent is None:
        derivation.add_discussions()
        derivation.add_pull_requests()
        derivation.add_issues()
        derivation.add_gists()
        derivation.add_comments_on_commits()
        derivation.add_releases()
        derivation.add_stars()
    return derivation.activity


class _Derivation:
    """Oldest commit first. Later kinds leave alone what earlier ones took."""

    def __init__(self, catalogue: Catalogue, repository: Repository) -> None:
        self.activity = Activity()
        self._catalogue = catalogue
        self._repository = repository
        git = repository.git
        order = git.order(git.head) if git.head else []
        self._commits = [commit for oid in reversed(order) if (commit := git.commit(oid))]
        self._by_oid = {commit.oid: commit for commit in self._commits}
        self._discussions: dict[int, Discussion] = {}
        self._requests: dict[int, PullRequest] = {}
        self._gists: dict[str, Gist] = {}

    def add_discussions(self) -> None:
        for commit in self._commits:
            for number in sorted({int(each) for each in _DISCUSSED.findall(commit.message)}):
                opened = self._discussions.get(number)
                if opened is None:
                    opened = Discussion(
                        **self._base(Discussion, commit, str(number)),
                        number=number,
                        title=f"Derived: {commit.headline}",
                    )
                    self._discussions[number] = opened
                    self.activity.add(opened)
                else:
                    base = self._base(DiscussionComment, commit, f"{number} {commit.oid}")
                    self.activity.add(DiscussionComment(**base, discussion=opened))
                    opened.updated = max(opened.updated, commit.author.seconds)

    def add_pull_requests(self) -> None:
        taken = {int(number) for commit in self._commits for number in _REFERENCE.findall(commit.message)}
        following = 1
        for commit in self._commits:
            number = _stated_number(commit)
            if number is None and len(commit.parents) < 2:
                continue
            if number is None or number in self._requests or number in self._discussions:
                while following in taken or following in self._requests:
                    following += 1
                number = following
            self._requests[number] = self._pull_request(commit, number)

    def add_issues(self) -> None:
        issues: dict[int, Issue] = {}
        for commit in self._commits:
            closing = {int(number) for number in _CLOSING.findall(commit.message)}
            for number in self._references(commit):
                parent = self._requests.get(number) or issues.get(number)
                if parent is None:
                    parent = issues[number] = self._issue(commit, number)
                elif not _is_made_of(parent, commit):
                    self._comment(parent, commit)
                if isinstance(parent, Issue) and number in closing and parent.closed is None:
                    parent.closed, parent.state_reason = commit.author.seconds, "COMPLETED"

    def add_gists(self) -> None:
        for commit in self._commits:
            block = code_block(commit.message)
            if block is None:
                continue
            base = self._base(Gist, commit, commit.oid)
            gist = Gist(
                **base | {"repository": None, "body": block.text},
                name=commit.oid[:32],
                description=base["body"],
                file_name=block.file_name,
                is_public=block.kind == GIST_BLOCK and not self._repository.is_private,
            )
            self._gists[commit.oid] = gist
            self.activity.add(gist)

    def add_comments_on_commits(self) -> None:
        oids = sorted(self._by_oid)
        for commit in self._commits:
            for target in self._named_commits(commit, oids):
                gist = self._gists.get(target)
                key = f"{commit.oid} {target}"
                if gist is None:
                    self.activity.add(CommitComment(**self._base(CommitComment, commit, key), oid=target))
                else:
                    base = self._base(GistComment, commit, key) | {"repository": None}
                    self.activity.add(GistComment(**base, gist=gist))
                    gist.updated = max(gist.updated, commit.author.seconds)

    def add_releases(self) -> None:
        for tag in self._repository.git.tags():
            moment = tag.tagger.seconds
            self.activity.add(
                Release(
                    id=numeric_id(Release.prefix, str(self._repository.id), tag.name),
                    repository=self._repository,
                    author=self._catalogue.account_by_email(tag.tagger.email),
                    created=moment,
                    updated=moment,
                    body=f"Derived by the stand-in from tag {tag.name}: {tag.message}".rstrip(": "),
                    tag_name=tag.name,
                    name=tag.name,
                    oid=tag.commit_oid,
                    published=moment,
                    is_prerelease=bool(_PRERELEASE.search(tag.name)),
                )
            )

    def add_stars(self) -> None:
        first: dict[int, Star] = {}
        for commit in self._commits:
            account = self._catalogue.account_by_email(commit.author.email)
            if account and (account.id not in first or commit.author.seconds < first[account.id].starred):
                first[account.id] = Star(account, self._repository, commit.author.seconds)
        self.activity.stars = list(first.values())

    def _base(self, kind: type[Item], commit: Commit, key: str) -> dict[str, Any]:
        """What all items have, for one that the commit's author made when it was written."""
        return {
            "id": numeric_id(kind.prefix, str(self._repository.id), key),
            "repository": self._repository,
            "author": self._author(commit),
            "created": commit.author.seconds,
            "updated": commit.author.seconds,
            "body": note(commit),
        }

    def _author(self, commit: Commit) -> Account | None:
        return self._catalogue.account_by_email(commit.author.email)

    def _pull_request(self, commit: Commit, number: int) -> PullRequest:
        side = self._by_oid.get(commit.parents[1], commit) if len(commit.parents) > 1 else commit
        # A merge made on the website is committed by GitHub itself: the person is its author.
        merger = self._author(commit)
        branch = _MERGED_BRANCH.match(commit.headline)
        merged = commit.committer.seconds
        base = self._base(PullRequest, side, str(number))
        request = PullRequest(
            **base | {"created": min(side.author.seconds, merged), "updated": merged},
            number=number,
            title=f"Derived: {side.headline}",
            head_branch=branch[1] if branch else f"change-{number}",
            head_oid=side.oid,
            merge_oid=commit.oid,
            closed=merged,
            merged_by=merger,
        )
        self.activity.add(request)
        if merger and request.author and merger.id != request.author.id:
            self._review(request, commit)
        return request

    def _review(self, request: PullRequest, commit: Commit) -> None:
        merged = {"created": commit.committer.seconds, "updated": commit.committer.seconds}
        base = self._base(Review, commit, str(request.number)) | merged
        review = Review(**base, pull_request=request, state="APPROVED", oid=request.head_oid)
        self.activity.add(review)
        for position, point in enumerate(points(commit.message)):
            comment = self._base(ReviewComment, commit, f"{request.number} {position}") | merged
            comment["body"] = f"{comment['body']}: {point}"
            self.activity.add(ReviewComment(**comment, review=review))

    def _issue(self, commit: Commit, number: int) -> Issue:
        base = self._base(Issue, commit, str(number))
        issue = Issue(**base, number=number, title=f"Derived: {commit.headline}")
        self.activity.add(issue)
        return issue

    def _comment(self, parent: Issue | PullRequest, commit: Commit) -> None:
        base = self._base(IssueComment, commit, f"{parent.number} {commit.oid}")
        self.activity.add(IssueComment(**base, parent=parent))
        parent.updated = max(parent.updated, commit.author.seconds)

    def _references(self, commit: Commit) -> Sequence[int]:
        numbers = {int(each) for each in _REFERENCE.findall(commit.message)}
        return sorted(numbers - self._discussions.keys() - {0})

    def _named_commits(self, commit: Commit, oids: list[str]) -> Iterator[str]:
        for word in dict.fromkeys(_OID.findall(commit.message)):
            place = bisect_left(oids, word)
            if place < len(oids) and oids[place].startswith(word) and oids[place] != commit.oid:
                yield oids[place]


def _is_made_of(parent: Issue | PullRequest, commit: Commit) -> bool:
    return isinstance(parent, PullRequest) and commit.oid in (parent.merge_oid, parent.head_oid)


def _stated_number(commit: Commit) -> int | None:
    pattern = _MERGED_NUMBER if len(commit.parents) > 1 else _SQUASHED_NUMBER
    found = pattern.search(commit.headline)
    return int(found[1]) if found else None
