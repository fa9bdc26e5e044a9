"""What one account did, day by day: the numbers behind `contributionsCollection`.

https://docs.github.com/account-and-profile/reference/profile-contributions-reference: a commit counts on the
day that its author date names in its own time zone, once per oid, and not in a fork; everything else on its
day in UTC. Of the reviews of one pull request only the latest counts. Days are numbers as of
`date.toordinal`.
"""

from bisect import bisect_left, bisect_right
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sandbox.github.catalogue import Catalogue
from sandbox.github.hosted import Account, Repository
from sandbox.github.items import Activity, Discussion, Issue, Item, PullRequest, Review

SomeItem = TypeVar("SomeItem", bound=Item)
_EPOCH = 719_163
_DAY = 86_400
Entry = tuple[int, int, int]


@dataclass
class Contributions:
    """All days of one account, in order; windows are cut out of it."""

    entries: Sequence[Entry] = ()
    """Day, repository id and number of every kind of contribution."""
    commits: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """Day and number, by repository id."""
    issues: list[Issue] = field(default_factory=list)
    pull_requests: list[PullRequest] = field(default_factory=list)
    reviews: list[Review] = field(default_factory=list)
    repositories: list[Repository] = field(default_factory=list)

    def within(self, first: int, last: int) -> Sequence[Entry]:
        return self.entries[bisect_left(self.entries, (first,)) : bisect_left(self.entries, (last + 1,))]

    def commits_within(self, first: int, last: int) -> dict[int, list[tuple[int, int]]]:
        chosen = {}
        for repository_id, days in self.commits.items():
            inside = days[bisect_left(days, (first,)) : bisect_left(days, (last + 1,))]
            if inside:
                chosen[repository_id] = inside
        return chosen


def contributions_of(
    catalogue: Catalogue, account: Account, activity_of: Callable[[Repository], Activity]
) -> Contributions:
    found = Contributions()
    discussions: list[Discussion] = []
    days: dict[int, Counter[int]] = defaultdict(Counter)
    counted: set[str] = set()
    emails = frozenset(account.spellings)
    for repository in catalogue.repositories:
        if repository.is_gone:
            continue
        if repository.owner is account:
            found.repositories.append(repository)
        if repository.parent is not None:
            continue
        _count_commits(repository, emails, counted, days[repository.id])
        activity = activity_of(repository)
        found.issues += _own(activity.issues, account)
        found.pull_requests += _own(activity.pull_requests, account)
        found.reviews += _latest(_own(activity.reviews, account))
        discussions += _own(activity.discussions, account)
    for items in (found.issues, found.pull_requests, found.reviews):
        items.sort(key=_when)
    found.repositories.sort(key=lambda repository: repository.created_seconds)
    found.commits = {number: sorted(counts.items()) for number, counts in days.items() if counts}
    found.entries = sorted(_entries(found, discussions))
    return found


def day_of(seconds: int) -> int:
    """In UTC."""
    return seconds // _DAY + _EPOCH


def items_within(items: Sequence[SomeItem], first: int, last: int) -> Sequence[SomeItem]:
    """Of items in order of creation."""
    start, end = (first - _EPOCH) * _DAY, (last + 1 - _EPOCH) * _DAY - 1
    return items[bisect_left(items, start, key=_when) : bisect_right(items, end, key=_when)]


def _count_commits(
    repository: Repository, emails: frozenset[str], counted: set[str], days: Counter[int]
) -> None:
    git = repository.git
    for oid, day in git.author_days(git.head, emails) if git.head else ():
        if oid not in counted:
            counted.add(oid)
            days[day] += 1


def _entries(found: Contributions, discussions: Iterable[Discussion]) -> Iterable[Entry]:
    for repository_id, days in found.commits.items():
        for day, count in days:
            yield day, repository_id, count
    for item in (*found.issues, *found.pull_requests, *found.reviews, *discussions):
        yield day_of(item.created), item.home.id, 1
    for repository in found.repositories:
        yield day_of(repository.created_seconds), repository.id, 1


def _own(items: list[SomeItem], account: Account) -> list[SomeItem]:
    return [item for item in items if item.author is account]


def _latest(reviews: Iterable[Review]) -> list[Review]:
    """One of each pull request."""
    by_request = {review.pull_request.id: review for review in sorted(reviews, key=_when)}
    return list(by_request.values())


def _when(item: Item) -> int:
    return item.created
