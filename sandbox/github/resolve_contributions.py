"""GraphQL's contributionsCollection: a window of at most a year over what one account did."""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from typing import Any, TypeVar

from sandbox.github.contribution_calendar import calendar
from sandbox.github.contributions import Contributions, Entry, day_of, items_within
from sandbox.github.errors import QueryError
from sandbox.github.hosted import Account, Repository
from sandbox.github.items import Item
from sandbox.github.nodes import node_for
from sandbox.github.paging import Connection, Info, connect, iso, order_by_key
from sandbox.github.reading import Reading

SomeItem = TypeVar("SomeItem", bound=Item)
_MOST_REPOSITORIES = 100
# Seen on GitHub: every commit day is stamped with midnight in California, winter time here all year.
_STAMP = "T08:00:00Z"


def window_of(started_at: datetime | None, ended_at: datetime | None) -> tuple[datetime, datetime]:
    """Raises QueryError for more than a year, the end included."""
    now = datetime.fromtimestamp(int(time.time()), UTC)
    if started_at is None:
        started_at = _year_before(ended_at or now)
    if ended_at is None:
        ended_at = min(now, _year_after(started_at)) if started_at <= now else _year_after(started_at)
    if ended_at > _year_after(started_at):
        raise QueryError("VALIDATION", "The total time spanned by 'from' and 'to' must not exceed 1 year")
    if ended_at < started_at:
        raise QueryError("VALIDATION", "'from' must be before 'to'")
    return started_at, ended_at


@dataclass(frozen=True)
class ContributionsNode:
    reading: Reading
    account: Account
    start: datetime
    end: datetime

    typename = "ContributionsCollection"

    @property
    def started_at(self) -> str:
        return self.start.strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def ended_at(self) -> str:
        return self.end.strftime("%Y-%m-%dT%H:%M:%SZ")

    @property
    def user(self) -> Any:
        return node_for(self.account, self.reading)

    @property
    def contribution_years(self) -> list[int]:
        days = {day for day, repository_id, _ in self._all.entries if not self._is_gone(repository_id)}
        return sorted({date.fromordinal(day).year for day in days}, reverse=True)

    @property
    def does_end_in_current_month(self) -> bool:
        now = datetime.fromtimestamp(time.time(), UTC)
        return (self.end.year, self.end.month) == (now.year, now.month)

    @property
    def is_single_day(self) -> bool:
        return self.start.date() == self.end.date()

    @property
    def has_any_contributions(self) -> bool:
        return sum(self._per_day.values()) > 0

    @property
    def has_activity_in_the_past(self) -> bool:
        return bool(self._all.entries) and self._all.entries[0][0] < self._first

    @property
    def has_any_restricted_contributions(self) -> bool:
        return self.restricted_contributions_count > 0

    @property
    def restricted_contributions_count(self) -> int:
        return sum(self._restricted.values())

    @property
    def earliest_restricted_contribution_date(self) -> str | None:
        return min(self._restricted).isoformat() if self._restricted else None

    @property
    def latest_restricted_contribution_date(self) -> str | None:
        return max(self._restricted).isoformat() if self._restricted else None

    @property
    def most_recent_collection_with_activity(self) -> "ContributionsNode | None":
        earlier = self._all.within(0, self._first - 1)
        if not earlier:
            return None
        span = self.end - self.start
        end = datetime.combine(date.fromordinal(earlier[-1][0]), self.end.timetz())
        return replace(self, start=end - span, end=end)

    @property
    def most_recent_collection_without_activity(self) -> "ContributionsNode | None":
        span = self.end - self.start
        before = replace(self, start=self.start - span, end=self.start - timedelta(seconds=1))
        return None if before.has_any_contributions else before

    @property
    def total_commit_contributions(self) -> int:
        return sum(count for days in self._commits.values() for _, count in days)

    @property
    def total_repositories_with_contributed_commits(self) -> int:
        return len(self._commits)

    @property
    def total_pull_request_review_contributions(self) -> int:
        return len(self._inside(self._all.reviews))

    @property
    def total_repositories_with_contributed_pull_request_reviews(self) -> int:
        return _count_repositories(self._inside(self._all.reviews))

    def total_issue_contributions(self, _info: Info, **options: Any) -> int:
        return len(self._chosen(self._all.issues, options))

    def total_repositories_with_contributed_issues(self, _info: Info, **options: Any) -> int:
        return _count_repositories(self._chosen(self._all.issues, options))

    def total_pull_request_contributions(self, _info: Info, **options: Any) -> int:
        return len(self._chosen(self._all.pull_requests, options))

    def total_repositories_with_contributed_pull_requests(self, _info: Info, **options: Any) -> int:
        return _count_repositories(self._chosen(self._all.pull_requests, options))

    def total_repository_contributions(self, _info: Info, **options: Any) -> int:
        return len(self._created_repositories(options))

    def commit_contributions_by_repository(
        self, _info: Info, max_repositories: int | None = 25
    ) -> list["CommitContributionsNode"]:
        if (max_repositories or 0) > _MOST_REPOSITORIES:
            raise QueryError("ARGUMENT_LIMIT", "Only up to 100 repositories is supported")
        totals = {number: sum(count for _, count in days) for number, days in self._commits.items()}
        most_first = sorted(totals, key=lambda number: (-totals[number], number))
        found = [self.reading.catalogue.repository_by_id(number) for number in most_first[:max_repositories]]
        return [CommitContributionsNode(self, each, self._commits[each.id]) for each in found if each]

    def repositories_with(self, kinds: Sequence[str]) -> list[Repository]:
        """Those with such contributions, in the words of RepositoryContributionType."""
        found: set[int] = set()
        if "COMMIT" in kinds:
            found |= self._commits.keys()
        for kind, items in (
            ("ISSUE", self._all.issues),
            ("PULL_REQUEST", self._all.pull_requests),
            ("PULL_REQUEST_REVIEW", self._all.reviews),
        ):
            if kind in kinds:
                found |= {item.home.id for item in self._inside(items)}
        if "REPOSITORY" in kinds:
            found |= {repository.id for repository in self._created_repositories({})}
        return [each for each in self.reading.visible() if each.id in found]

    def issue_contributions(self, info: Info, **arguments: Any) -> Connection[Item]:
        return self._connection(info, self._chosen(self._all.issues, arguments), arguments)

    def pull_request_contributions(self, info: Info, **arguments: Any) -> Connection[Item]:
        return self._connection(info, self._chosen(self._all.pull_requests, arguments), arguments)

    def pull_request_review_contributions(self, info: Info, **arguments: Any) -> Connection[Item]:
        return self._connection(info, self._inside(self._all.reviews), arguments)

    def repository_contributions(self, info: Info, **arguments: Any) -> Connection[Repository]:
        ordered, cursors = order_by_key(
            self._created_repositories(arguments),
            lambda repository: (repository.created_seconds, repository.node_id),
            is_descending=arguments["order_by"]["direction"] == "DESC",
        )
        return connect(info, ordered, self._repository_contribution, cursors, arguments)

    @property
    def contribution_calendar(self) -> dict[str, Any]:
        return calendar(self.start.date(), self.end.date(), self._per_day)

    @cached_property
    def _all(self) -> Contributions:
        return self.reading.world.contributions(self.account)

    @cached_property
    def _first(self) -> int:
        return self.start.toordinal()

    @cached_property
    def _last(self) -> int:
        return self.end.toordinal()

    @cached_property
    def _commits(self) -> dict[int, list[tuple[int, int]]]:
        """Days and numbers by repository, of those the viewer may see."""
        readable = self.reading.visible_ids
        inside = self._all.commits_within(self._first, self._last)
        return {number: days for number, days in inside.items() if number in readable}

    @cached_property
    def _entries(self) -> list[Entry]:
        gone = {each.id for each in self.reading.catalogue.repositories if self._is_gone(each.id)}
        return [each for each in self._all.within(self._first, self._last) if each[1] not in gone]

    @cached_property
    def _per_day(self) -> Counter[date]:
        return _by_date(self._entries)

    @cached_property
    def _restricted(self) -> Counter[date]:
        """In private repositories that this token cannot read: known as a number only."""
        readable = self.reading.visible_ids
        return _by_date(each for each in self._entries if each[1] not in readable)

    def _is_gone(self, repository_id: int) -> bool:
        repository = self.reading.catalogue.repository_by_id(repository_id)
        return repository is None or repository.is_gone or repository.name in self.reading.obstacles.gone

    def _inside(self, items: Sequence[SomeItem]) -> list[SomeItem]:
        readable = self.reading.visible_ids
        return [item for item in items_within(items, self._first, self._last) if item.home.id in readable]

    def _chosen(self, items: Sequence[SomeItem], options: dict[str, Any]) -> list[SomeItem]:
        """`excludeFirst` leaves out the account's very first one; popular ones there are none."""
        first = items[0] if items and options.get("exclude_first") else None
        return [item for item in self._inside(items) if item is not first]

    def _created_repositories(self, options: dict[str, Any]) -> list[Repository]:
        return [
            repository
            for repository in self._all.repositories[1 if options.get("exclude_first") else 0 :]
            if repository.id in self.reading.visible_ids
            and self._first <= day_of(repository.created_seconds) <= self._last
        ]

    def _connection(self, info: Info, items: Sequence[Item], arguments: dict[str, Any]) -> Connection[Any]:
        ordered, cursors = order_by_key(
            items,
            lambda item: (item.created, item.id),
            is_descending=arguments["order_by"]["direction"] == "DESC",
        )
        return connect(info, ordered, self._item_contribution, cursors, arguments)

    def _item_contribution(self, item: Item) -> dict[str, Any]:
        node = node_for(item, self.reading)
        contribution = self._contribution(iso(item.created), node.resource_path)
        if node.typename == "PullRequestReview":
            return contribution | {
                "pull_request_review": node,
                "pull_request": node.pull_request,
                "repository": node.repository,
            }
        return contribution | {"issue" if node.typename == "Issue" else "pull_request": node}

    def _repository_contribution(self, repository: Repository) -> dict[str, Any]:
        node = node_for(repository, self.reading)
        return self._contribution(node.created_at, node.resource_path) | {"repository": node}

    def _contribution(self, occurred_at: str, path: str) -> dict[str, Any]:
        return {
            "is_restricted": False,
            "occurred_at": occurred_at,
            "resource_path": path,
            "url": self.reading.web_url + path,
            "user": self.user,
        }


@dataclass(frozen=True)
class CommitContributionsNode:
    window: ContributionsNode
    on_repository: Repository
    days: list[tuple[int, int]]
    """Day and number."""

    @property
    def repository(self) -> Any:
        return node_for(self.on_repository, self.window.reading)

    @property
    def resource_path(self) -> str:
        login = self.window.account.login
        until = self.window.end.date()
        since = self.window.start.date()
        return f"/{self.on_repository.full_name}/commits?author={login}&since={since}&until={until}"

    @property
    def url(self) -> str:
        return self.window.reading.web_url + self.resource_path

    def contributions(self, info: Info, order_by: dict[str, str], **window: Any) -> Connection[Any]:
        """One node a day, but the total is of commits."""
        by: dict[str, Callable[[tuple[int, int]], tuple[int, int]]] = {
            "OCCURRED_AT": lambda day: (day[0], 0),
            "COMMIT_COUNT": lambda day: (day[1], day[0]),
        }
        ordered, cursors = order_by_key(
            self.days, by[order_by["field"]], is_descending=order_by["direction"] == "DESC"
        )
        total = sum(count for _, count in self.days)
        return connect(info, ordered, self._contribution, cursors, window, total=total)

    def _contribution(self, day: tuple[int, int]) -> dict[str, Any]:
        return {
            "commit_count": day[1],
            "is_restricted": False,
            "occurred_at": date.fromordinal(day[0]).isoformat() + _STAMP,
            "repository": self.repository,
            "resource_path": self.resource_path,
            "url": self.url,
            "user": self.window.user,
        }


def _by_date(entries: Iterable[Entry]) -> Counter[date]:
    counts: Counter[int] = Counter()
    for day, _, count in entries:
        counts[day] += count
    return Counter({date.fromordinal(day): count for day, count in counts.items()})


def _count_repositories(items: Iterable[Item]) -> int:
    return len({item.home.id for item in items})


def _year_after(moment: datetime) -> datetime:
    return moment + _leap_safe_year(moment, 1)


def _year_before(moment: datetime) -> datetime:
    return moment - _leap_safe_year(moment, -1)


def _leap_safe_year(moment: datetime, direction: int) -> timedelta:
    """A year from 29 February ends on 28 February."""
    try:
        other = moment.replace(year=moment.year + direction)
    except ValueError:
        other = moment.replace(year=moment.year + direction, day=28)
    return abs(other - moment)
