"""Acts on the commits of a generated account, beside those of acts.py.

==================  =====================================================================================
`active_day`        `repositories` (3), `commits` (9, over these), `issues` (1), `comments` (4),
                    `reviews` (1): each by the member, one minute after another until `at`
`late_merge`        `commits` (3), `days_ago` (40): a branch with commits of that time is merged now, so that
                    they stand in the history with their old dates
`force_push`        `commits` (2): so many at the head are replaced by others with the same author dates
==================  =====================================================================================
"""

from typing import Any

from sandbox.github.acts import Act, ActError, Details, seconds_of
from sandbox.github.generated_items import ItemMaker
from sandbox.github.hosted import Repository
from sandbox.github.items import PullRequest
from sandbox.github.made import Made
from sandbox.github.world import World

_MINUTE = 60
_DAY = 86_400
_DEFAULTS = {"repositories": 3, "commits": 9, "issues": 1, "comments": 4, "reviews": 1}


class GeneratedActs:
    def __init__(self, world: World, made: Made, items: ItemMaker) -> None:
        self._world = world
        self._made = made
        self._items = items
        self.by_name: dict[str, Act] = {
            "active_day": self._active_day,
            "late_merge": self._late_merge,
            "force_push": self._force_push,
        }

    def _active_day(self, details: Details) -> Details:
        wanted = {name: int(details.get(name, amount)) for name, amount in _DEFAULTS.items()}
        moment = seconds_of(details) - sum(wanted.values()) * _MINUTE
        places = self._active()[: wanted["repositories"]]
        for number in range(wanted["commits"]):
            moment += _MINUTE
            self._push(places[number % len(places)], moment)
        for number in range(wanted["issues"]):
            moment += _MINUTE
            self._items.issue(places[number % len(places)], moment)
        for _ in range(wanted["comments"]):
            moment += _MINUTE
            self._items.comment(moment)
        for number in range(wanted["reviews"]):
            moment += _MINUTE
            request = self._request_of_somebody_else(number)
            self._items.review(request, self._made.catalogue.member, moment, comments=2)
        return self._changed(places)

    def _late_merge(self, details: Details) -> Details:
        repository = self._repository(details)
        history = self._made.histories[repository.id]
        now, amount = seconds_of(details), int(details.get("commits", 3))
        written = now - int(details.get("days_ago", 40)) * _DAY
        base = next((each for each in history.numbers() if history.committed_seconds(each) <= written), 0)
        side = base
        for number in range(amount):
            side = history.append(written + number * _MINUTE, parent=side)
        history.move_head(history.append(now, parent=history.head_number, second_parent=side))
        return self._changed([repository])

    def _force_push(self, details: Details) -> Details:
        repository = self._repository(details)
        history = self._made.histories[repository.id]
        replaced = list(history.numbers()[: int(details.get("commits", 2))])
        tip = history.parent(replaced[-1])
        for number in reversed(replaced):
            tip = history.append(history.authored_seconds(number), committed=seconds_of(details), parent=tip)
        history.move_head(tip)
        return self._changed([repository])

    def _push(self, repository: Repository, moment: int) -> None:
        history = self._made.histories[repository.id]
        history.move_head(history.append(moment, parent=history.head_number))

    def _active(self) -> list[Repository]:
        return [
            each
            for each in self._made.repositories
            if not each.is_gone and each.archived_seconds is None and self._made.histories[each.id].head
        ]

    def _repository(self, details: Details) -> Repository:
        wanted = details.get("repository")
        for repository in self._active():
            if wanted in (None, repository.name, repository.full_name):
                return repository
        raise ActError(f"There is no generated repository {wanted}.")

    def _request_of_somebody_else(self, number: int) -> PullRequest:
        found: list[Any] = [
            request
            for repository in self._active()
            for request in self._world.activity(repository).pull_requests[-20:]
            if request.author is not self._made.catalogue.member
        ]
        if not found:
            raise ActError("Nobody else has opened a pull request.")
        request: PullRequest = found[number % len(found)]
        return request

    def _changed(self, repositories: list[Repository]) -> Details:
        for repository in self._made.repositories:
            self._world.changed(repository)
        return {"id": repositories[0].node_id, "repositories": [each.full_name for each in repositories]}
