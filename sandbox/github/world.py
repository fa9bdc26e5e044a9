"""The catalogue with what people did around it, and lists of it that many answers share.

What is derived from a history is worked out again when the history moves; what was changed on demand (see
acts.py) is kept in an overlay and done again on top of it.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, NamedTuple, TypeVar

from sandbox.github.catalogue import Catalogue
from sandbox.github.contributions import Contributions, contributions_of
from sandbox.github.derived import derive
from sandbox.github.hosted import Account, Repository
from sandbox.github.items import Activity, GistComment, Item, PullRequest, Star, parent_of, reattach

SomeItem = TypeVar("SomeItem", bound=Item)
Value = TypeVar("Value")
Key = tuple[Any, int]


class Ordered(NamedTuple, Generic[SomeItem]):
    """Items in ascending order, each with the key it was ordered by."""

    keys: Sequence[Key]
    items: Sequence[SomeItem]

    def where(self, is_wanted: Callable[[SomeItem], bool]) -> "Ordered[SomeItem]":
        """The same one when nothing is left out."""
        places = [place for place, item in enumerate(self.items) if is_wanted(item)]
        if len(places) == len(self.items):
            return self
        return Ordered([self.keys[place] for place in places], [self.items[place] for place in places])


@dataclass
class Overlay:
    """What was changed on demand around one repository."""

    made: list[Item] = field(default_factory=list)
    edited: dict[tuple[str, int], tuple[int, str]] = field(default_factory=dict)
    """`updated` and `body`, by prefix and id."""
    closed: dict[int, tuple[int | None, str]] = field(default_factory=dict)
    """When and why, by id of an issue."""
    deleted: set[tuple[str, int]] = field(default_factory=set)
    stars: dict[int, Star | None] = field(default_factory=dict)
    """By account; None where one was taken away."""

    def apply(self, activity: Activity) -> None:
        known = {(item.prefix, item.id): item for item in activity.items()}
        for item in self.made:
            parent = parent_of(item)
            if parent is not None:
                reattach(item, known.get((parent.prefix, parent.id), parent))
            activity.add(item)
            known[item.prefix, item.id] = item
        for place, (updated, body) in self.edited.items():
            if place in known:
                known[place].updated, known[place].body = updated, body
        for issue in activity.issues:
            if issue.id in self.closed:
                issue.closed, issue.state_reason = self.closed[issue.id]
        for place in self.deleted & known.keys():
            activity.remove(known[place])
        kept = [star for star in activity.stars if star.account.id not in self.stars]
        activity.stars = [*kept, *(star for star in self.stars.values() if star)]


class World:
    """Safe to use from many threads.

    `generated` is the activity around repositories by their ids, of others it is derived; `loose` is what
    stands in no repository: gists that were generated or made on demand.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        generated: Mapping[int, Activity] | None = None,
        loose: Activity | None = None,
    ) -> None:
        self.catalogue = catalogue
        self.lock = threading.RLock()
        self.loose = loose or Activity()
        self._generated = generated or {}
        self._activities: dict[int, tuple[object, Activity]] = {}
        self._indexes: dict[int, tuple[int, dict[tuple[str, int], Item]]] = {}
        self._overlays: dict[int, Overlay] = {}
        self._shared: dict[Any, Any] = {}
        self._shared_revision = -1

    def activity(self, repository: Repository) -> Activity:
        version = self.catalogue.version_of(repository)
        with self.lock:
            known = self._activities.get(repository.id)
            if known is None or known[0] != version:
                found = self._generated.get(repository.id) or derive(self.catalogue, repository)
                is_another = known is None or known[1] is not found
                if is_another and repository.id in self._overlays:
                    self._overlays[repository.id].apply(found)
                known = self._activities[repository.id] = (version, found)
            return known[1]

    def activity_of(self, item: Item) -> Activity:
        """That it is, or will be, part of. A derived gist is part of its commit's repository."""
        if item.repository is not None:
            return self.activity(item.repository)
        gist = item.gist if isinstance(item, GistComment) else item
        return next((each for each in self.activities() if gist in each.gists), self.loose)

    def overlay(self, repository: Repository) -> Overlay:
        return self._overlays.setdefault(repository.id, Overlay())

    def activities(self) -> Iterable[Activity]:
        return [
            self.loose,
            *(self.activity(each) for each in self.catalogue.repositories if not each.is_gone),
        ]

    def contributions(self, account: Account) -> Contributions:
        return self.shared(
            ("contributions", account.id),
            lambda: contributions_of(self.catalogue, account, self.activity),
        )

    def own(self, account: Account, kind: str, by: str) -> Ordered[Any]:
        """All items of a kind (a field of Activity) by one author, by `created`, `updated` or `comments`."""

        def collect() -> list[Item]:
            return [
                item
                for activity in self.activities()
                for item in getattr(activity, kind)
                if item.author is account
            ]

        items = self.shared(("own", account.id, kind), collect)
        return self.shared(("own", account.id, kind, by), lambda: ordered(items, by))

    def reviewed(self, account: Account) -> Ordered[PullRequest]:
        """Pull requests with a review by this account, by `updated`."""

        def collect() -> Ordered[PullRequest]:
            reviews = self.own(account, "reviews", "created").items
            requests = {review.pull_request.id: review.pull_request for review in reviews}
            return ordered(requests.values(), "updated")

        return self.shared(("reviewed", account.id), collect)

    def everything(self, kind: str) -> Ordered[Any]:
        """All items of a kind by `updated`."""

        def collect() -> Ordered[Item]:
            return ordered([item for each in self.activities() for item in getattr(each, kind)], "updated")

        return self.shared(("everything", kind), collect)

    def stars_by(self, account: Account) -> list[Star]:
        def collect() -> list[Star]:
            return [
                star for activity in self.activities() for star in activity.stars if star.account is account
            ]

        return self.shared(("stars", account.id), collect)

    def item(self, prefix: str, item_id: int) -> Item | None:
        loose = self.shared(
            "loose", lambda: {(item.prefix, item.id): item for item in self.loose.items()}
        ).get((prefix, item_id))
        if loose:
            return loose
        for repository in self.catalogue.repositories:
            if not repository.is_gone:
                found = self._index(repository).get((prefix, item_id))
                if found:
                    return found
        return None

    def changed(self, repository: Repository) -> None:
        """Something was changed on demand around this repository."""
        with self.lock:
            self._indexes.pop(repository.id, None)
            self.catalogue.changed()

    def derive_again(self) -> None:
        """Who is who has changed."""
        with self.lock:
            self._activities.clear()
            self._indexes.clear()
            self.catalogue.changed()

    def shared(self, key: object, make: Callable[[], Value]) -> Value:
        """The same value until anything changes."""
        with self.lock:
            if self._shared_revision != self.catalogue.revision:
                self._shared_revision = self.catalogue.revision
                self._shared.clear()
            if key not in self._shared:
                self._shared[key] = make()
            value: Value = self._shared[key]
            return value

    def _index(self, repository: Repository) -> dict[tuple[str, int], Item]:
        activity = self.activity(repository)
        with self.lock:
            known = self._indexes.get(repository.id)
            if known is None or known[0] != id(activity):
                index = {(item.prefix, item.id): item for item in activity.items()}
                known = self._indexes[repository.id] = (id(activity), index)
            return known[1]


def ordered(items: Iterable[SomeItem], by: str) -> Ordered[SomeItem]:
    def key(item: SomeItem) -> Key:
        return len(getattr(item, "comments", ())) if by == "comments" else getattr(item, by), item.id

    in_order = sorted(items, key=key)
    return Ordered([key(item) for item in in_order], in_order)
